"""What can be seen of a host from outside: one function for each check, in the order of `catalogue.toml`.

A check asks the `Patient` for what it needs and says what it saw. It changes nothing on the host, except `write`,
which runs only if it was asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final, TypeAlias

from mockhost.client import dialect, peer
from mockhost.client.observation import Observation, UnusableTrust
from mockhost.clock import wall_now
from mockhost.doctor.patient import (
    Finding,
    OutOfTime,
    Patient,
    failed,
    judge_certificate,
    judge_chain,
    noted,
    passed,
    warned,
)
from mockhost.scim.messages import CORE_USER, ECMA_USER

_SHAPE = re.compile(r"https?://[^/?#@]+/ecma2host_([^/?#]+)/scim")
_TYPOGRAPHIC = "\u2018\u2019\u201c\u201d\u00ab\u00bb\u2026"
_SHORT_TOKEN = 8
_GATEWAY = (502, 503, 504)
_SLOW = 5.0
_SKEW = (60.0, 300.0)
_WRITE_TAKES = 15.0
"""Seconds that have to be left for a user to be created and deleted."""
_INSIDE = re.compile(
    r"StackTrace|(?:^|\\n|\n)[ \t]{1,40}at \w[\w.]{1,200}\(|(?:Password|Pwd|Data Source|Initial Catalog) {0,4}=",
    re.IGNORECASE,
)
_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{1,80})", re.IGNORECASE)
_WINDOW = 1 << 16
"""Characters of a peer's text in which patterns are looked for."""

Check: TypeAlias = Callable[[Patient], Finding]
CHECKS: Final[dict[str, Check]] = {}
"""Each check by its code."""


def check(code: str, *, tls: bool = False) -> Callable[[Check], Check]:
    """Register a function as the check with this code of the catalogue. tls: it looks at TLS, if there is any."""

    def register(function: Check) -> Check:
        def run(patient: Patient) -> Finding:
            return noted("the URL is http: no TLS") if tls and not patient.secure else function(patient)

        CHECKS[code] = run
        return run

    return register


def short(text: str, size: int = 90) -> str:
    """A text of the peer's on one line, cut."""
    text = " ".join(text[:_WINDOW].split())
    return text if len(text) <= size else f"{text[: size - 1]}…"


# -- inputs --------------------------------------------------------------------------------------------------


@check("EMH0001")
def url_shape(patient: Patient) -> Finding:
    """The tenant URL's form, part by part."""
    if "@" in patient.url.partition("://")[2].partition("/")[0]:
        return failed("it has a user name or a password before the host, which a tenant URL never has")
    try:
        where = patient.endpoint
    except (ValueError, UnicodeError) as problem:
        return failed(str(problem))
    url = patient.url
    found = _SHAPE.fullmatch(url)
    if found:
        if not found[1].isalnum():
            return warned(f"the connector's name {found[1]!r} has characters other than letters and digits")
        if not where.secure:
            return warned("http instead of https: nothing is encrypted")
        return passed(f"connector {found[1]}")
    if _SHAPE.fullmatch(url.rstrip("/")):
        return warned("a slash at its end, which is left out")
    if url.rstrip("/").endswith("/Users"):
        return failed("it ends with /Users; the tenant URL ends with /scim")
    if "/ecma2host_" not in url:
        return warned(
            "no /ecma2host_connectorName/scim in it: examined as another SCIM service, not as an ECMA host"
        )
    if not url.partition("?")[0].rstrip("/").endswith("/scim"):
        return failed("its path does not end with /scim")
    return failed("it is not https://host:port/ecma2host_connectorName/scim")


@check("EMH0002")
def token_shape(patient: Patient) -> Finding:
    """The token, looked at but never shown. Those of Microsoft's generator have any printable ASCII."""
    token = patient.secret_token
    if token is None:
        return noted("no token was given (--secret-token): what needs one is skipped")
    if not token:
        return failed("it is empty")
    if token != token.strip():
        return failed("it begins or ends with a blank or a line break")
    if any(letter in _TYPOGRAPHIC for letter in token):
        return failed("it has a typographic quote or an ellipsis, as word processors write them")
    if not token.isascii() or not token.isprintable():
        return failed("it has characters that a header cannot carry")
    if " " in token:
        return warned("it has a blank inside")
    if len(token) < _SHORT_TOKEN:
        return warned(f"it has only {len(token)} characters")
    return passed(f"{len(token)} characters")


# -- network and TLS -----------------------------------------------------------------------------------------


@check("EMH0101")
def name_resolves(patient: Patient) -> Finding:
    """The name of the URL."""
    look = patient.look()
    host = patient.endpoint.host
    if look.tcp in ("unreachable", "timeout") and (
        "not known here" in look.detail or "looking up" in look.detail
    ):
        return failed(look.detail)
    return passed(look.addresses[0] if look.addresses else host)


@check("EMH0102")
def port_open(patient: Patient) -> Finding:
    """TCP."""
    look, where = patient.look(), patient.endpoint
    if look.tcp == "open":
        return passed(f"port {where.port} is open")
    said = {"refused": f"port {where.port} refuses connections: nothing listens there",
            "timeout": f"port {where.port} does not answer: a firewall drops it, or the host is off"}  # fmt: skip
    return failed(said.get(look.tcp, look.detail or look.tcp))


_OLD: Final = ", so the server speaks only TLS 1.1 or older"
_ALERTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("protocol_version", "unsupported_protocol", "wrong_ssl_version"), _OLD),
    "handshake_failure": ", so client and server have no cipher in common, or the key of the certificate is too short",
    "excessive_message_size": ", so the certificates are too large to be read",
}
"""The cause that an alert points to (RFC 8446 6.2)."""


@check("EMH0201", tls=True)
def tls_handshake(patient: Patient) -> Finding:
    """A handshake, whatever the certificate."""
    look = patient.look()
    if look.tls:
        return passed(look.tls)
    said = {
        "rst": "the connection is reset at the handshake: probably no certificate is bound to the port",
        "fin": "the connection is closed at the handshake: probably no certificate is bound to the port",
        "close_notify": "TLS is closed before the handshake is done",
        "not_tls": f"what answers is not TLS ({look.detail or 'plain text'}): plain HTTP, or another service",
        "alert": f"the handshake fails: {look.alert}{_ALERTS.get(look.alert, '')}",
        "timeout": "the handshake does not end: what listens there says nothing",
    }
    return failed(said.get(look.ended, f"no handshake: {look.detail or look.ended}"))


@check("EMH0202", tls=True)
def tls_trust(patient: Patient) -> Finding:
    """The chain, without dates and name."""
    where, allowed = patient.endpoint, max(0.1, min(10.0, patient.left))
    try:
        status, saw = judge_chain(where.host, where.port, patient.ca_file, allowed)
    except UnusableTrust as problem:
        return failed(str(problem))
    except TimeoutError:
        return failed("the second handshake does not end, after the first did")
    if status == "fail" and not patient.ca_file:
        saw += "; if you know the certificate, name it with --ca"
    return Finding(status, saw)


def _property(patient: Patient, name: str) -> Finding:
    """A property of the certificate, one of those that `Judged` has."""
    der = patient.look().der
    judged = judge_certificate(der, patient.endpoint.host) if der else None
    if judged is None:
        return failed("the certificate can't be read")
    return Finding(*getattr(judged, name))


for _code, _name in (("EMH0203", "dates"), ("EMH0204", "name"), ("EMH0205", "usage")):
    check(_code, tls=True)(partial(_property, name=_name))


# -- HTTP ----------------------------------------------------------------------------------------------------


@check("EMH0301")
def http_answer(patient: Patient) -> Finding:
    """Whether a whole answer comes, to the probe without a token."""
    return _whole(patient.bare())


def _whole(seen: Observation) -> Finding:
    if seen.status is not None and seen.complete:
        return passed(f"{seen.status} {seen.reason} after {seen.took * 1_000:.0f} ms")
    if seen.ends == "alert":
        return failed(f"the server ends TLS with the alert {seen.alert}")
    if seen.status is not None:
        return failed(f"{seen.status}, but the answer is not whole: {seen.error or seen.ends}")
    return failed(short(seen.error or f"the connection ended: {', '.join(seen.words)}"))


@check("EMH0302")
def right_server(patient: Patient) -> Finding:
    """Who answers: http.sys with the host behind it, or another server."""
    seen = patient.bare()
    server, text = seen.header("server") or "no Server header", seen.text
    status = seen.status or 0
    if "Invalid Hostname" in text:
        return failed("http.sys answers 'Invalid Hostname': the host name is not bound to the service")
    if status in (301, 302, 303, 307, 308):
        return failed(f"{status}: a redirect to {short(seen.header('location') or 'nowhere', 60)}")
    if status in _GATEWAY:
        return failed(f"{status} {seen.reason}: the service behind it does not run or is not reached")
    if "html" in (seen.header("content-type") or "") or text.lstrip()[:1] == "<":
        title = _TITLE.search(text[:_WINDOW])
        return failed(
            f"{status}: a web page{f' ({short(title[1], 50)})' if title else ''} from {short(server, 40)}"
        )
    return passed(f"{status} from {short(server, 50)}")


@check("EMH0303")
def connector_path(patient: Patient) -> Finding:
    """Whether the path leads to a connector; other cases of its name are tried if it does not."""
    seen = patient.bare()
    if seen.status == 404:
        if other := _other_case(patient):
            return failed(f"404 for {patient.connector!r}, but {other!r} is there: the case differs")
        what = f"no connector {patient.connector!r}" if patient.connector else "no SCIM service"
        return failed(f"404: there is {what} at this address")
    if seen.status == 405:
        return passed("405: the endpoint is there")
    if seen.status in (200, 401, 403) or (seen.status or 0) >= 500:
        return passed(f"{seen.status}: the endpoint is there")
    return warned(f"{seen.status} {seen.reason}, which is neither 401 nor 200")


def _other_case(patient: Patient) -> str:
    name = patient.connector
    for other in dict.fromkeys(
        (name.upper(), name.lower(), name.capitalize(), name.title(), name.swapcase())
    ):
        if other and other != name:
            url = patient.url.replace(f"/ecma2host_{name}/", f"/ecma2host_{other}/")
            seen = patient.get(f"case {other}", "/Users", patient.probe_query, url=url)
            if seen.status in (200, 401, 403):
                return other
    return ""


@check("EMH0304")
def token_required(patient: Patient) -> Finding:
    """Without a token, and with a wrong one."""
    for seen, how in ((patient.bare(), "without a token"), (patient.wrong(), "with a wrong token")):
        if seen.status is not None and 200 <= seen.status < 300:
            return failed(f"{seen.status} {how}: authentication is off")
    if patient.bare().status in (401, 403):
        return passed(f"{patient.bare().status} without a token")
    return noted(f"{patient.bare().status} without a token tells nothing")


@check("EMH0305")
def token_accepted(patient: Patient) -> Finding:
    """The probe with the token."""
    seen = patient.probe()
    if seen.status in (401, 403):
        return failed(f"{seen.status} {seen.reason} with the token that was given")
    if seen.ends in peer.REASONS:  # its key or purpose, as chain, name and dates are right
        return Finding("skip", f"the certificate is refused, so no token is sent: {seen.error}", "EMH0205")
    if seen.status is None:
        return noted("no answer to tell by")
    return passed(f"not refused ({seen.status})")


@check("EMH0306")
def clock(patient: Patient) -> Finding:
    """The Date header beside this machine's clock."""
    date = patient.bare().header("date")
    try:
        skew = abs(parsedate_to_datetime(date or "").timestamp() - wall_now())
    except (ValueError, TypeError, OverflowError):
        return (
            noted("no Date header")
            if date is None
            else warned(f"a Date header that is not a date: {short(date, 40)}")
        )
    if skew > _SKEW[1]:
        return warned(f"they differ by {skew:,.0f} s")
    return (
        noted(f"they differ by {skew:.0f} s") if skew > _SKEW[0] else passed(f"they differ by {skew:.0f} s")
    )


# -- SCIM ----------------------------------------------------------------------------------------------------


def rows_of(document: object) -> list[object] | None:
    """The resources of a list, or None if it is none."""
    if not isinstance(document, Mapping) or not isinstance(document.get("Resources", []), list):
        return None
    return list(document.get("Resources", []))


def _total(document: object) -> object:
    return document.get("totalResults") if isinstance(document, Mapping) else None


@check("EMH0401")
def probe(patient: Patient) -> Finding:
    """Status and content of the answer to Entra's probe."""
    seen = patient.probe()
    if "currently importing" in seen.text:
        return failed(f"{seen.status}: the host says that it is importing")
    if seen.status is None or not seen.complete:
        return _whole(seen)
    if seen.status != 200:
        return failed(f"{seen.status} {seen.reason}: {short(seen.text, 70) or 'no body'}")
    document = seen.json()
    rows = rows_of(document)
    if rows is None:
        return failed(f"200, but what came is not a list: {short(seen.text, 70) or 'no body'}")
    if rows:
        return failed(f"200 with {len(rows)} users for a random identifier: the filter is ignored")
    if (total := _total(document)) not in (0, None) and isinstance(total, int):
        return failed(f"200 without resources, but totalResults is {total}")
    return passed(f"200, no user found, {seen.took * 1_000:.0f} ms")


@check("EMH0402")
def list_shape(patient: Patient) -> Finding:
    """The form of a list: envelope, media type, and the users in it."""
    wrong: list[str] = []
    for seen in (patient.probe(), patient.page()):
        if seen.status in (400, 403, 405, 501) and seen is patient.page():
            continue  # the preview of the host gave no list without a filter
        if seen.status is None or not seen.complete:
            return failed(f"a page of users: {_whole(seen).saw}")
        if seen.status != 200:
            return failed(f"a page of users: {seen.status} {seen.reason}")
        wrong += _wrong_in_list(seen)
    if wrong:
        return failed("; ".join(dict.fromkeys(wrong[:3])))
    kind = (patient.probe().header("content-type") or "").partition(";")[0].strip()
    if kind != "application/scim+json":
        return warned(
            f"the form is right; the media type is {short(kind, 40) or 'missing'}, not application/scim+json"
        )
    return passed("a SCIM list, application/scim+json")


def _wrong_in_list(seen: Observation) -> list[str]:
    wrong = []
    names = [name.lower() for name, _ in seen.headers]
    wrong += [
        f"the header {name} is there twice"
        for name in ("content-type", "content-length")
        if names.count(name) > 1
    ]
    if seen.body[:3] == b"\xef\xbb\xbf" or seen.body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        wrong.append("the body begins with a byte order mark")
    elif not _is_utf8(seen.body):
        wrong.append("the body is not UTF-8")
    kind = (seen.header("content-type") or "").lower()
    if "json" not in kind:
        wrong.append(f"the media type is {short(kind, 40) or 'missing'}")
    document = seen.json()
    rows = rows_of(document)
    if rows is None or not isinstance(document, Mapping):
        return [*wrong, f"what came is not a list: {short(seen.text, 60)}"]
    schemas = document.get("schemas")
    if not isinstance(schemas, list) or not any(
        str(urn).lower().endswith(":listresponse") for urn in schemas
    ):
        wrong.append("schemas does not name ListResponse")
    if "Resources" not in document and _total(document) != 0:
        wrong.append("Resources is missing")
    total = _total(document)
    if isinstance(total, bool) or not isinstance(total, int):
        wrong.append(f"totalResults is {short(repr(total), 30)}, not a number")
    elif total < 0:
        wrong.append(f"totalResults is {total}")
    elif total < len(rows):
        wrong.append(f"totalResults is {total}, but {len(rows)} users came")
    ids = [row.get("id") if isinstance(row, Mapping) else None for row in rows]
    if any(not isinstance(ident, str) or not ident for ident in ids):
        wrong.append("a user has no id that is a string")
    elif len(set(map(str, ids))) < len(ids):
        wrong.append("two users have the same id")
    for row in rows:
        urns = row.get("schemas") if isinstance(row, Mapping) else None
        if isinstance(row, Mapping) and not (isinstance(urns, list) and CORE_USER in urns):
            wrong.append("a user's schemas does not name the core User")
        if isinstance(row, Mapping):
            wrong += _wrong_values(row)
    return wrong


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _wrong_values(row: Mapping[str, object]) -> list[str]:
    wrong = [f"{name} is null" for name in ("id", "schemas", "meta") if name in row and row[name] is None]
    if "active" in row and not isinstance(row["active"], bool):
        wrong.append(f"active is {short(repr(row['active']), 20)}, not true or false")
    return wrong


@check("EMH0403")
def latency(patient: Patient) -> Finding:
    """How long the answers took."""
    took = max(seen.took for seen in patient.seen.values() if seen.status is not None)
    slow = max(patient.seen, key=lambda name: patient.seen[name].took)
    if took > _SLOW:
        return warned(f"the slowest answer took {took:.1f} s ({slow})")
    return passed(f"at most {took * 1_000:.0f} ms")


@check("EMH0404")
def schemas(patient: Patient) -> Finding:
    """What the portal would learn."""
    seen = patient.schemas()
    if seen.status is None or not seen.complete:
        return _whole(seen)
    if seen.status != 200:
        return failed(f"{seen.status} {seen.reason}: {short(seen.text, 70) or 'no body'}")
    attributes = patient.schema_attributes()
    if not attributes:
        return failed(f"no attribute could be read: {short(seen.text, 70) or 'no body'}")
    own = [name for name in attributes if name.lower().startswith(ECMA_USER.lower())]
    if (
        not own
        and "/ecma2host_" in patient.url
        and CORE_USER.lower() not in str(patient.schemas().text).lower()
    ):
        return warned(f"{len(attributes)} attributes, but none of the connector's extension")
    if not own:
        return passed(f"{len(attributes)} attributes of the standard's schemas")
    return passed(f"{len(own)} attributes of the connector")


@check("EMH0405")
def attribute(patient: Patient) -> Finding:
    """The attributes of --attribute."""
    if not patient.attributes:
        return noted("no --attribute was given")
    known = {name.rpartition(":")[2]: name for name in patient.schema_attributes()}
    folded = {name.lower(): name for name in known}
    missing = [name for name in patient.attributes if name.rpartition(":")[2] not in known]
    if not missing:
        return passed(", ".join(patient.attributes))
    cases = [
        f"{short(folded[name.lower()], 60)} instead of {name}" for name in missing if name.lower() in folded
    ]
    if len(cases) == len(missing):
        return warned(f"only the case differs: {', '.join(cases)}")
    return failed(f"missing: {', '.join(missing)}; there are {short(', '.join(known), 60)}")


@check("EMH0406")
def filters(patient: Patient) -> Finding:
    """A filter that finds no user, and one that finds an existing user."""
    chosen = filterable(patient)
    if chosen is None:
        return noted("the schema has no attribute of type string to filter by")
    name = chosen.rpartition(":")[2]
    query = dialect.query(equals={chosen: patient.guid})
    seen = patient.get("filter that matches no user", "/Users", query, token=patient.secret_token)
    if seen.status != 200 or not seen.complete:
        return failed(f"{name} eq …: {_whole(seen).saw}")
    rows = rows_of(seen.json())
    if rows is None or rows:
        return failed(f"{name} eq a random value finds {'no list' if rows is None else f'{len(rows)} users'}")
    value, ident = _sample(patient, chosen)
    if value is None:
        return passed(f"{name} eq a random value finds no user")
    query = dialect.query(equals={chosen: value})
    seen = patient.get("filter that matches a user", "/Users", query, token=patient.secret_token)
    if seen.status != 200 or not seen.complete:
        return failed(f"{name} eq a value that is there: {_whole(seen).saw}")
    found = [row.get("id") for row in rows_of(seen.json()) or () if isinstance(row, Mapping)]
    if ident not in found:
        return failed(f"{name} eq a value that is there does not find its user")
    if len(found) > 1 and patient.schema_attributes()[chosen].get("uniqueness") == "server":
        return failed(f"{len(found)} users have the same {name}, which has to be unique")
    return passed(f"{name} eq finds the one user, and none for a random value")


def filterable(patient: Patient) -> str | None:
    """The attribute to filter by: the anchor if it can be known, else the first of type string."""
    texts = [
        (name, row)
        for name, row in patient.schema_attributes().items()
        if row.get("type", "string") == "string" and not row.get("multiValued") and "-dn-" not in name
    ]
    texts.sort(key=lambda each: (each[1].get("uniqueness") != "server", not each[1].get("required")))
    return texts[0][0] if texts else None


def _sample(patient: Patient, attribute: str) -> tuple[str | None, object]:
    """A value of the attribute in the first page, and the id of its user."""
    urn, _, name = attribute.rpartition(":")
    for row in rows_of(patient.page().json()) or ():
        if isinstance(row, Mapping):
            part = row.get(urn, row if urn == CORE_USER else None)
            value = part.get(name) if isinstance(part, Mapping) else None
            if isinstance(value, str):
                return value, row.get("id")
    return None, None


@check("EMH0407")
def users(patient: Patient) -> Finding:
    """How many users the host knows."""
    seen = patient.page()
    if seen.status != 200:
        return noted(f"{seen.status} {seen.reason}: this host does not list users without a filter")
    total = _total(seen.json())
    if total == 0:
        return warned("no user: the connected system is empty, or the host could not read it")
    return passed(f"{total} users")


@check("EMH0410")
def read_one(patient: Patient) -> Finding:
    """The first user of the list, read by its id and compared."""
    rows = rows_of(patient.page().json()) or []
    row = next((row for row in rows if isinstance(row, Mapping) and isinstance(row.get("id"), str)), None)
    if row is None:
        return noted("no user to read")
    path = dialect.user_path(row["id"])
    seen = patient.get("user by id", path, token=patient.secret_token)
    if seen.status is None or not seen.complete:
        return _whole(seen)
    if seen.status != 200:
        return failed(f"{seen.status} {seen.reason} for the id of a user in the list")
    document = seen.json()
    if not isinstance(document, Mapping):
        return failed(f"what came is not a user: {short(seen.text, 60)}")
    if document.get("id") != row["id"]:
        return failed(f"the id is {short(repr(document.get('id')), 40)}, not the one that was asked for")
    differs = [name for name in dict.fromkeys((*row, *document)) if row.get(name) != document.get(name)]
    if differs:
        return warned(f"it differs from the list in {short(', '.join(differs), 60)}")
    return passed("the same as in the list")


@check("EMH0408")
def cache(patient: Patient) -> Finding:
    """The cache, asked for without a token."""
    seen = patient.get("cache without token", "/cache")
    if seen.status == 200:
        return failed("200 without a token: everybody who reaches the port can read all users")
    return passed(f"{seen.status} without a token" if seen.status else "no answer without a token")


@check("EMH0409")
def error_detail(patient: Patient) -> Finding:
    """The errors that came so far."""
    errors = {name: seen for name, seen in patient.seen.items() if (seen.status or 0) >= 400}
    for name, seen in errors.items():
        if _INSIDE.search(seen.text[:_WINDOW]):
            return warned(f"the answer to the {name} shows a stack trace or a connection string")
    return passed(f"{len(errors)} errors seen, none with a stack trace")


@check("EMH0501")
def write(patient: Patient) -> Finding:
    """Create one recognisable user and delete it again. Runs only with --write-probe."""
    if patient.left < _WRITE_TAKES:
        return Finding(
            "skip", f"less than {_WRITE_TAKES:.0f} seconds are left, in which it could not be deleted again"
        )
    mark = f"emh-probe-{patient.guid}"
    values = _values_like(patient, mark)
    try:
        return _written(patient, values, mark)
    except OutOfTime:
        return failed(f"no time was left after the create was sent; see whether a user {mark} is there")


def _written(patient: Patient, values: Mapping[str, object], mark: str) -> Finding:
    sent = dialect.resource(values)
    made = patient.get("create", "/Users", token=patient.secret_token, method="POST", document=sent)
    if made.status == 201:
        document = made.json()
        ident = document.get("id") if isinstance(document, Mapping) else None
        if isinstance(ident, str) and ident:
            problem = _deleted(patient, ident)
            return failed(f"created, but {problem}") if problem else passed("created and deleted")
        problem = f"201, but the answer has no id: {short(made.text, 60) or 'no body'}"
    elif made.status is None:
        problem = _whole(made).saw
    else:
        problem = f"{made.status} {made.reason}: {short(made.text, 80)}"
    return failed(f"create: {problem}{_left_over(patient, values, mark)}")


def _deleted(patient: Patient, ident: str) -> str:
    """Delete the user that was created; what is wrong if that did not work."""
    path = dialect.user_path(ident)
    gone = patient.get(f"delete {ident}", path, token=patient.secret_token, method="DELETE")
    if gone.status in (200, 204):
        return ""
    how = gone.status or _whole(gone).saw
    return f"not deleted ({how}); delete the user {short(ident, 60)} yourself"


def _left_over(patient: Patient, values: Mapping[str, object], mark: str) -> str:
    """Delete the users that an unsuccessful create made all the same; what to report about them."""
    attribute = filterable(patient)
    if attribute is None or values.get(attribute) != mark:
        return f"; see whether a user {mark} is there"
    query = dialect.query(equals={attribute: mark})
    seen = patient.get("user whose creation failed", "/Users", query, token=patient.secret_token)
    rows = [row for row in rows_of(seen.json()) or () if isinstance(row, Mapping) and mark in json.dumps(row)]
    problems = [_deleted(patient, str(row.get("id"))) for row in rows[:3]]
    if seen.status != 200:
        return f"; see whether a user {mark} is there"
    return "".join(
        f"; the user was created all the same, {each or 'and is deleted again'}" for each in problems
    )


def _values_like(patient: Patient, mark: str) -> dict[str, object]:
    """Values for a user who is recognisable by `mark`, with a DN and an object class like those of the others."""
    row = next((row for row in rows_of(patient.page().json()) or () if isinstance(row, Mapping)), {})
    values: dict[str, object] = {}
    for attribute, facts in patient.schema_attributes().items():
        urn, _, name = attribute.rpartition(":")
        part = row.get(urn)
        there = part.get(name) if isinstance(part, Mapping) else None
        if name == "objectClass" and there is not None:
            values[attribute] = there
        elif name == "-dn-":
            if isinstance(there, str):
                values[attribute] = re.sub(r"^([^=,]+=)[^,]*", lambda found: f"{found[1]}{mark}", there)
        elif facts.get("type", "string") == "string" and facts.get("mutability") != "readOnly":
            values[attribute] = [mark] if facts.get("multiValued") else mark
    return values
