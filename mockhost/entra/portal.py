"""What the Entra admin centre says after Test connection, for what a client saw of the probe.

A table of verdicts, each with its source. Where Microsoft has published no words, the verdict says so and
quotes none. The portal prints the probe's URL without its port and base path, and statuses by their .NET
names.
"""

# ruff: noqa: PT028 - `test_connection` is the portal's word and no test

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from mockhost.client import dialect
from mockhost.client.observation import TIMEOUT, Observation, exchange
from mockhost.clock import fresh_guid
from mockhost.entra import agent_errors
from mockhost.entra.agent_errors import AgentError

TITLE = "Failed to test connection to target application"
SUCCESS = "The supplied credentials are authorized to enable provisioning"
NOT_SENT = "An error occurred while sending the request. Please check the service and try again."
"""What the agent says where no HTTP came of a request."""
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
    likely: str = ""
    """the scenario that reproduces the most likely cause; '' where there is none"""
    next: str = ""
    """the next step on the real machine"""

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
    row = agent_errors.of(seen, ecma=app == "ScimOnPremises")
    return from_agent(agent_errors.without_agent(row) if app == "customappsso" else row, seen)


def from_agent(row: AgentError, seen: Observation | None = None) -> PortalVerdict:
    """The portal's verdict on a failure; without `seen` no agent could relay the probe."""
    text = row.text
    if seen is not None:
        relayed, answer = _block(seen, "InternalServerError", NOT_SENT), _block(seen)
        quoted = {"{relayed}": relayed, "{answer}": answer, "{body}": seen.text[:_QUOTED]}
        # Of the row's own text alone: what an answer quotes is not searched for a placeholder.
        text = next((text.replace(name, said) for name, said in quoted.items() if name in text), text)
    return PortalVerdict(
        False, row.code, TITLE, text, row.source, row.evidence, row.also, row.likely, row.next
    )


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


def status_name(status: int | None) -> str:
    """A status by its .NET name, as the messages have it."""
    return _DOT_NET.get(status or 0, str(status))


def _block(seen: Observation, status: str = "", content: str | None = None) -> str:
    """The answer as the messages quote it. Of the headers only that they are listed is published, so none are."""
    try:
        host = urlsplit(seen.url).hostname or ""
    except ValueError:
        host = ""
    path = unquote("/Users" + seen.target.partition("/Users")[2])
    name = status or status_name(seen.status)
    body = seen.text[:_QUOTED] if content is None else content
    return (
        f"Received response from Web resource. Resource: https://{host}{path} Operation: {seen.method} "
        f"Response Status Code: {name} Response Headers: Response Content: {body}"
    )
