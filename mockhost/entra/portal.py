"""What the Entra admin centre says after Test connection, for what a client saw of the probe.

A table of verdicts, each with its source. Where Microsoft has published no words, the verdict says so and
quotes none. The portal prints the probe's URL without its port and base path, and statuses by their .NET
names.
"""

# ruff: noqa: PT028 - `test_connection` is the portal's word and no test

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from mockhost.client import dialect
from mockhost.client.observation import TIMEOUT, Observation, exchange
from mockhost.clock import fresh_guid
from mockhost.entra.agent import AgentFailure

_PAGE = 'Microsoft Learn, "Troubleshoot on-premises application provisioning"'
_TEST_CONNECTION = f'{_PAGE}, heading "Troubleshoot test connection issues"'
_UNPUBLISHED = "(text not published)"

TITLE = "Failed to test connection to target application"
SUCCESS = "The supplied credentials are authorized to enable provisioning"
UNAVAILABLE = "SystemForCrossDomainIdentityManagementCredentialValidationUnavailable"
FAILURE = "SystemForCrossDomainIdentityManagementCredentialValidationFailure"
INCOMPATIBLE = "SystemForCrossDomainIdentityManagementServiceIncompatible"
IMPORTING = "The ECMA host is currently importing data from the target application"
INVALID_CREDENTIALS = (
    "You appear to have entered invalid credentials. Please confirm you are using the correct information for an "
    "administrative account."
)
NOT_SENT = "An error occurred while sending the request. Please check the service and try again."
CLOUD_UNAVAILABLE = "CredentialValidationUnavailable"
CLOUD_NOT_SENT = "An error occurred while sending the request."
_CLOUD = "bitwarden/server#7309: an app without an agent"
NOT_SCIM = (
    "We are not able to deserialize the resource received from your SCIM endpoint because your SCIM endpoint is not "
    "fully compatible with the Azure Active Directory SCIM client. Here is the resource we received from your SCIM "
    "endpoint: "
)
_UNEXPECTED = "We received this unexpected response from your application: "
_UNAUTHORIZED = (
    "While attempting to validate our authorization to access your application, "
    "we received this unexpected response: "
)
_SHAPE = re.compile(r"https?://[^/?#]+/ecma2host_[^/?#]+/scim/?(?:\?.*)?")
"""What a tenant URL looks like; http is let pass, for a host that was started without TLS."""
_DOT_NET = {
    300: "MultipleChoices", 301: "MovedPermanently", 302: "Redirect", 303: "RedirectMethod", 304: "NotModified",
    307: "TemporaryRedirect", 400: "BadRequest", 401: "Unauthorized", 402: "PaymentRequired", 403: "Forbidden",
    404: "NotFound", 405: "MethodNotAllowed", 406: "NotAcceptable", 407: "ProxyAuthenticationRequired",
    408: "RequestTimeout", 409: "Conflict", 410: "Gone", 411: "LengthRequired", 412: "PreconditionFailed",
    413: "RequestEntityTooLarge", 414: "RequestUriTooLong", 415: "UnsupportedMediaType", 417: "ExpectationFailed",
    500: "InternalServerError", 501: "NotImplemented", 502: "BadGateway", 503: "ServiceUnavailable",
    504: "GatewayTimeout", 505: "HttpVersionNotSupported",
}  # fmt: skip
"""System.Net.HttpStatusCode of .NET Framework, by which the messages name a status."""
_QUOTED = 1_000
"""Characters of an answer that a message quotes here."""


class PortalVerdict(NamedTuple):
    """What the portal shows, and how that is known."""

    ok: bool
    code: str
    """the error code, '' where none is shown or published"""
    title: str
    text: str
    source: str
    evidence: str
    """documented: published for this case; inferred: published for one like it; assumed"""
    also: str = ""
    """what other editions of the portal show or showed in its place"""

    @property
    def words(self) -> str:
        """All of it, as scenarios compare it and the command line prints it."""
        lines = [self.title, f"Error code: {self.code}" if self.code else "", self.text, self.also]
        return "\n".join(line for line in lines if line)


def test_connection(
    url: str,
    token: str | None,
    ca_file: str | None = None,
    *,
    timeout: float = TIMEOUT,
    trusts: tuple[str, ...] = ("ca",),
    attribute: str = dialect.PROBE_ATTRIBUTE,
) -> tuple[Observation, PortalVerdict]:
    """Ask a SCIM endpoint for a user that does not exist, as the portal's Test connection button does.

    `url` is the tenant URL, `token` the secret token (None: no Authorization header), `ca_file` PEM
    certificates to trust (None: the machine's own), `timeout` seconds.
    """
    base = dialect.base_of(url)
    headers = () if token is None else (("Authorization", f"Bearer {token}"),)
    target = base.target("/Users", dialect.probe(fresh_guid(), attribute))
    seen = exchange(url, "GET", target, headers, ca_file=ca_file, timeout=timeout, trusts=trusts)
    return seen, judge(seen)


def judge(seen: Observation, app: str = "ScimOnPremises") -> PortalVerdict:
    """The portal's verdict on the probe that `seen` is of. app: the kind of application, one of `config.APPS`."""
    if seen.status == 200 and seen.complete and _is_list(seen):
        return _success(seen)
    if _says_importing(seen):
        return _failed("", IMPORTING, f"{_TEST_CONNECTION} (edition of 04/2025)", "documented")
    if app == "ScimOnPremises" and not _SHAPE.fullmatch(seen.url):
        # Such a URL names no connector, so nothing below the portal can know whom it is for.
        return _failed("", "invalid resource", _TEST_CONNECTION, "documented")
    if seen.status in (401, 403):
        return _refused(seen)
    if seen.ends == "no_answer_within":
        source = 'Microsoft Learn, "Microsoft Entra Cloud Sync error codes and descriptions" (TimeOut)'
        return _failed("TimeOut", _UNPUBLISHED, source, "inferred")
    if seen.status is None or not seen.complete:
        return (
            _unreachable(seen)
            if app != "customappsso"
            else _failed(CLOUD_UNAVAILABLE, CLOUD_NOT_SENT, _CLOUD, "inferred")
        )
    if seen.status == 200:
        source = "grokability/snipe-it#14138; Microsoft Learn, provisioning logs, error codes"
        return _failed(INCOMPATIBLE, NOT_SCIM + seen.text[:_QUOTED], source, "inferred")
    return _unexpected(seen)


def from_agent(failure: AgentFailure) -> PortalVerdict:
    """The portal's verdict where no agent could relay the probe."""
    return _failed(failure.code, failure.text, failure.source, failure.evidence)


def _failed(code: str, text: str, source: str, evidence: str, also: str = "") -> PortalVerdict:
    return PortalVerdict(False, code, TITLE, text, source, evidence, also)


def _is_list(seen: Observation) -> bool:
    """Whether it is a ListResponse (RFC 7644 3.4.2)."""
    document = seen.json()
    if not isinstance(document, dict) or not isinstance(document.get("Resources", []), list):
        return False
    total, schemas = document.get("totalResults"), document.get("schemas")
    names = [str(name).lower() for name in schemas] if isinstance(schemas, list) else []
    return isinstance(total, int) and any(name.endswith(":listresponse") for name in names)


def _success(seen: Observation) -> PortalVerdict:
    document = seen.json()
    found = bool(document.get("Resources")) if isinstance(document, dict) else False
    source = 'Microsoft Learn, Generic LDAP connector tutorial, "Test Connection"'
    if found:
        return PortalVerdict(True, "", SUCCESS, "", f"{source}; for an answer with users in it nothing is published",
                             "assumed")  # fmt: skip
    return PortalVerdict(True, "", SUCCESS, "", source, "documented")


def _says_importing(seen: Observation) -> bool:
    return "currently importing" in seen.text and seen.status != 200


def _refused(seen: Observation) -> PortalVerdict:
    evidence = "documented" if seen.status == 401 else "inferred"
    source = "Broadcom knowledge base 430118 (newer card); MicrosoftDocs/azure-docs#54231 (older text)"
    return _failed(FAILURE, _UNAUTHORIZED + _block(seen), source, evidence, INVALID_CREDENTIALS)


def _unreachable(seen: Observation) -> PortalVerdict:
    """No HTTP came of it. The agent reports that as a 500 of its own."""
    named = "tls_name" in seen.words
    source = f"{_TEST_CONNECTION} (edition of 04/2025)"
    if not named:
        source += ": published for a certificate whose subject is not the host's name"
    text = _UNEXPECTED + _block(seen, "InternalServerError", NOT_SENT)
    return _failed(UNAVAILABLE, text, source, "documented" if named else "inferred")


def _unexpected(seen: Observation) -> PortalVerdict:
    """An answer, but not the one that is due."""
    published = seen.status == 500
    source = f"{_TEST_CONNECTION} (edition of 04/2025)"
    if not published:
        source += ": published for the status InternalServerError"
    also = ""
    if seen.status == 404:
        also = "SCIM Compliance issue: HTTP/404 Not Found returned rather than expected 200"
        source += '; Microsoft Learn, "Application provisioning in quarantine status" (the job\'s reason)'
    text = _UNEXPECTED + _block(seen)
    return _failed(UNAVAILABLE, text, source, "documented" if published else "inferred", also)


def status_name(status: int | None) -> str:
    """A status by its .NET name, as the messages have it."""
    return _DOT_NET.get(status or 0, str(status))


def _block(seen: Observation, status: str = "", content: str | None = None) -> str:
    """The answer as the messages quote it. Of the headers only that they are listed is published, so none are."""
    host = urlsplit(seen.url).hostname or ""
    path = unquote("/Users" + seen.target.partition("/Users")[2])
    name = status or status_name(seen.status)
    body = seen.text[:_QUOTED] if content is None else content
    return (
        f"Received response from Web resource. Resource: https://{host}{path} Operation: {seen.method} "
        f"Response Status Code: {name} Response Headers: Response Content: {body}"
    )
