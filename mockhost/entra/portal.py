"""What the Entra admin centre says after Test connection, and the provisioning log of an operation that failed.

Both are looked up by what a client saw: `agent_errors.toml` has what each failure between the service and the target
becomes, `log_codes.toml` the error codes of the log, each row with its source. Where Microsoft has published no words,
the row says so and quotes none. The portal prints the probe's URL without its port and base path, and statuses by their
.NET names.
"""

# ruff: noqa: PT028 - `test_connection` is the portal's word and no test

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from mockhost import facts
from mockhost.client import dialect
from mockhost.client.observation import TIMEOUT, Observation, exchange
from mockhost.client.printing import hider
from mockhost.clock import fresh_guid

TITLE = "Failed to test connection to target application"
SUCCESS = "The supplied credentials are authorized to enable provisioning"
NOT_SENT = "An error occurred while sending the request. Please check the service and try again."
"""What the agent says where no HTTP came of a request."""
_INCOMPATIBLE = (
    "The SCIM endpoint is not fully compatible with the Azure Active Directory SCIM client. Please refer to the Azure "
    "Active Directory SCIM client documentation and adapt the SCIM endpoint to be able to process provisioning requests"
)
"""Its beginning is published (1Password/scim-examples#82); what follows "Please refer to" is not."""
_QUOTED = 1_000
"""Characters of an answer that a message quotes here."""


# -- Test connection -----------------------------------------------------------------------------------------


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
    seen = seen.hidden(hider(token))
    return seen, judge(seen)


def judge(seen: Observation, app: str = "ScimOnPremises") -> PortalVerdict:
    """The portal's verdict on the probe that `seen` is of. app: the kind of application, one of `config.APPS`."""
    is_list = seen.status == 200 and seen.complete and _is_list(seen)
    wrong = _wrong_count(seen) if is_list else ""
    if is_list and not wrong:
        return _success(seen)
    row = agent_error_of(seen, ecma=app == "ScimOnPremises")
    verdict = from_agent(without_agent(row) if app == "customappsso" else row, seen)
    if not wrong:
        return verdict
    source = f"{verdict.source}; for a list with a wrong {wrong} nothing is published".lstrip("; ")
    return verdict._replace(source=source, evidence="assumed")


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
    schemas = document.get("schemas")
    names = [str(name).lower() for name in schemas] if isinstance(schemas, list) else []
    return any(name.endswith(":listresponse") for name in names)


def _wrong_count(seen: Observation) -> str:
    """The count of a ListResponse that is not a whole number, or below zero; "" if all are right (RFC 7644 3.4.2)."""
    document = seen.json()
    assert isinstance(document, dict)
    for name in ("totalResults", "startIndex", "itemsPerPage"):
        value = document.get(name)
        is_left_out = value is None and name != "totalResults"
        if not is_left_out and (type(value) is not int or value < 0):
            return name
    return ""


def _success(seen: Observation) -> PortalVerdict:
    source, evidence = 'Microsoft Learn, Generic LDAP connector tutorial, "Test Connection"', "documented"
    document = seen.json()
    if isinstance(document, dict) and document.get("Resources"):
        source, evidence = f"{source}; for an answer with users in it nothing is published", "assumed"
    return PortalVerdict(True, "", SUCCESS, "", source, evidence)


def _status_name(status: int | None) -> str:
    """A status by its .NET name, as the messages have it."""
    return str(facts.beside(__file__, "log_codes.toml")["status"].get(str(status), status))


def _block(seen: Observation, status: str = "", content: str | None = None) -> str:
    """The answer as the messages quote it. Of the headers only that they are listed is published, so none are."""
    try:
        host = urlsplit(seen.url).hostname or ""
    except ValueError:
        host = ""
    path = unquote("/Users" + seen.target.partition("/Users")[2])
    name = status or _status_name(seen.status)
    body = seen.text[:_QUOTED] if content is None else content
    return (
        f"Received response from Web resource. Resource: https://{host}{path} Operation: {seen.method} "
        f"Response Status Code: {name} Response Headers: Response Content: {body}"
    )


# -- failures on the way to the target -----------------------------------------------------------------------


class AgentError(NamedTuple):
    """A row of `agent_errors.toml`; the head of the file says what its keys mean."""

    name: str
    what: str
    next: str
    code: str = ""
    text: str = ""
    source: str = ""
    evidence: str = ""
    also: str = ""
    log: str = ""
    likely: str = ""
    plays: str = ""
    words: str = ""
    agent: bool = False
    url: str = ""
    says: str = ""
    ends: tuple[str, ...] = ()
    cut: bool | None = None
    error: str = ""
    status: tuple[int, ...] = ()
    body: str = ""
    takes: float = 0.0

    def fits(self, seen: Observation, *, ecma: bool) -> bool:
        """Whether a client that saw this met the failure of the row. ecma: whether the app is an ECMA host's."""
        cut = seen.status is not None and not seen.complete
        return not (
            self.agent
            or (self.url and not (ecma and re.fullmatch(self.url, seen.url, re.IGNORECASE)))
            or (self.says and (self.says not in seen.text or seen.status == 200))
            or (self.ends and not set(self.ends) & set(seen.words))
            or (self.cut is not None and self.cut != cut)
            or (self.error and self.error not in seen.error)
            or (self.status and seen.status not in self.status)
            or (self.body and not seen.text.lstrip("\ufeff \t\r\n").startswith(self.body))
        )


@cache
def agent_errors() -> Mapping[str, AgentError]:
    """All rows by their names, in the order in which they are looked up."""
    document = facts.beside(__file__, "agent_errors.toml")
    found = {}
    for name, said in document["row"].items():
        values = {**document["words"].get(said.get("words", ""), {}), **said}
        for key in ("ends", "status"):
            values[key] = tuple(values.get(key, ()))
        found[name] = AgentError(name, **values)
    return found


def agent_error_of(seen: Observation, *, ecma: bool) -> AgentError:
    """The row for what a client saw of an exchange that failed. ecma: judge the tenant URL as that of an ECMA app."""
    return next(row for row in agent_errors().values() if row.fits(seen, ecma=ecma))


def without_agent(row: AgentError) -> AgentError:
    """The row as an app without an agent shows it: no agent answers in the target's place."""
    if row.words != "relayed":
        return row
    return row._replace(**facts.beside(__file__, "agent_errors.toml")["words"]["transport_without_agent"])


# -- the provisioning log ------------------------------------------------------------------------------------


class Failure(NamedTuple):
    """Why an operation on a user failed: a row of `log_codes.toml`, and what was seen."""

    answer: str
    code: str
    advice: str
    """the recommended action, in our words"""
    again: str = "escrow"
    evidence: str = "documented"
    source: str = ""
    reason: str = ""
    retry_after: float | None = None

    @property
    def ends_with_cycle(self) -> bool:
        """Whether it is tried again with the next cycle, and not later."""
        return self.again == "next cycle"


@cache
def failures() -> Mapping[str, Failure]:
    """All rows by their names; those of statuses by the status."""
    document = facts.beside(__file__, "log_codes.toml")
    return {name: Failure(**{"source": document["page"], **said}) for name, said in document["row"].items()}


def failure(name: str, reason: str = "") -> Failure:
    """A failure of a row, with its advice unless there is a reason."""
    row = failures()[name]
    return row._replace(reason=reason or row.advice)


def failure_of(seen: Observation, *, search: bool = False) -> Failure:
    """Why an operation failed by what a client saw of it. search: it was a query with a filter."""
    row = _row_of(seen, search)
    wait = _retry_after(seen) if row is failures()["429"] else None
    return row._replace(reason=_reason(seen, row) or row.advice, retry_after=wait)


def _row_of(seen: Observation, search: bool) -> Failure:
    rows, status = failures(), seen.status
    if status is None or not seen.complete or seen.ends == "no_answer_within":
        log = agent_error_of(seen, ecma=False).log
        return next(row for row in rows.values() if row.code == log)
    if 200 <= status < 300:
        return rows["not_parsed"]
    if search and status in (400, 404):
        return rows["filtering"]
    if status >= 500 and status != 501:
        return rows["server_error"]
    return rows.get(str(status), rows["400"]._replace(evidence="inferred"))


def _reason(seen: Observation, row: Failure) -> str:
    if seen.status is None or not seen.complete:
        is_sent = row.code != failures()["unreachable"].code
        return (seen.error or seen.describe()) if is_sent else NOT_SENT
    incompatible = agent_errors()["not_scim"]
    body = seen.text[:_QUOTED]
    if row.code == incompatible.code and 200 <= seen.status < 300:
        return incompatible.text.replace("{body}", body)
    head = f"Error: {_INCOMPATIBLE}; " if row.code == incompatible.code else ""
    return (
        f"{head}StatusCode: {_status_name(seen.status)} Message: Processing of the HTTP request resulted in an "
        "exception. Please see the HTTP response returned by the 'Response' property of this exception for details. "
        f"Web Response: {body}"
    )


def _retry_after(seen: Observation) -> float | None:
    """Seconds of a Retry-After in delay-seconds (RFC 9110 10.2.3); dates are not read."""
    text = (seen.header("retry-after") or "").strip()
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 8 else None
