"""Finds out by reading which of the named behaviours a host shows.

Each probe is a GET, a HEAD, an OPTIONS, or the POST to `/.search` that RFC 7644 3.4.3 defines for reading. What
only a write, an import or a failure shows is in `UNSEEN` with the reason. Evidence holds methods, paths without names
or values of users, statuses, media types and names of members; never a body.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from mockhost import facts
from mockhost.client import dialect
from mockhost.client.observation import Observation
from mockhost.doctor.checks import filterable, rows_of
from mockhost.doctor.patient import WRONG_TOKEN, OutOfTime, Patient
from mockhost.scim.messages import CORE_USER

_MEDIA_TYPE: Final = re.compile(r"(?:application|text)/[a-z0-9.+-]{1,40}(?:; ?charset=[A-Za-z0-9-]{1,20})?")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,30}(?![^ ,])")
UNSEEN: Final[Mapping[str, str]] = facts.beside(__file__, "catalogue.toml")["unseen"]
"""The behaviours that no probe here can see, and why."""


class Shown(NamedTuple):
    """A behaviour that the host shows, and by what."""

    name: str
    value: object
    evidence: str


def calibrate(patient: Patient) -> Iterator[Shown]:
    """Every behaviour that could be seen. The patient's token and certificate have to be accepted."""
    for probe in PROBES:
        if patient.left <= 0:
            return
        try:
            yield from probe(patient)
        except OutOfTime:
            return


def _ask(patient: Patient, path: str, query: tuple[str, ...] = (), *, method: str = "GET", token: bool = True,
         url: str | None = None, host: str | None = None, document: object = None) -> Observation:  # fmt: skip
    name = " ".join((method, path, *query, "token" if token else "", url or "", host or ""))
    secret = patient.secret_token if token else None
    return patient.get(name, path, query, token=secret, url=url, method=method, document=document, host=host)


def _says(seen: Observation, path: str) -> str:
    """Evidence: what was asked, without values, and what came."""
    kind = (_media_type(seen) or "another media type") if seen.body else "no body"
    return f"{seen.method} {path}: {seen.status}, {kind}"


def _media_type(seen: Observation) -> str | None:
    """The media type, unless more stands there than a type and a charset: it could name something of the host."""
    kind = seen.header("content-type") or ""
    return kind if _MEDIA_TYPE.fullmatch(kind) else None


def _body_kind(seen: Observation) -> str | None:
    if not seen.body:
        return "empty"
    document = seen.json()
    if isinstance(document, Mapping):
        return "scim" if "schemas" in document else "webapi" if "Message" in document else None
    return "httpapi" if b"HTTP Error" in seen.body else None


def _if_any(name: str, value: object, evidence: str) -> Iterator[Shown]:
    if value is not None:
        yield Shown(name, value, evidence)


# -- who is let in ---------------------------------------------------------------------------------------------


def _unauthorized(patient: Patient) -> Iterator[Shown]:
    seen = patient.get("probe with a wrong token", "/Users", patient.probe_query, token=WRONG_TOKEN)
    if seen.status is None or seen.status < 400:
        return
    says = _says(seen, "/Users with a wrong token")
    yield Shown("unauthorized_status", seen.status, says)
    yield from _if_any("unauthorized_body", _body_kind(seen), says)
    challenge = _SCHEME.match(seen.header("www-authenticate") or "")
    if challenge is not None:  # the scheme alone: a realm can name the host
        yield Shown(
            "unauthorized_challenge", challenge[0], f"the scheme in WWW-Authenticate of {seen.status}"
        )


def _schemas(patient: Patient) -> Iterator[Shown]:
    seen = _ask(patient, "/Schemas", token=False)
    if seen.status is not None:
        yield Shown(
            "schemas_access", "open" if seen.status == 200 else "token", _says(seen, "/Schemas without token")
        )


def _cache(patient: Patient) -> Iterator[Shown]:
    seen = _ask(patient, "/cache")
    says = _says(seen, "/cache")
    if seen.status == 200:
        yield Shown("cache_access", "token", says)
        document = seen.json()
        kind = (
            "array"
            if isinstance(document, list)
            else "list_response"
            if rows_of(document) is not None
            else None
        )
        yield from _if_any("cache_body", kind, says)
    elif seen.status is not None:
        yield Shown("cache_access", "debug", says)
        yield Shown("cache_closed_status", seen.status, says)


# -- paths and methods -----------------------------------------------------------------------------------------


_DISCOVERY: Final = (
    ("service_provider_config", "/ServiceProviderConfig"),
    ("resource_types", "/ResourceTypes"),
)


def _paths(patient: Patient) -> Iterator[Shown]:
    name = patient.connector
    other = patient.url.replace(f"ecma2host_{name}/", f"ecma2host_{name}NotThere/")
    seen = _ask(patient, "/Users", tuple(patient.probe_query), url=other)
    if name and seen.status is not None:
        yield Shown("unknown_connector_status", seen.status, _says(seen, "/Users of an unknown connector"))
    loud = patient.url.replace("/ecma2host_", "/ECMA2HOST_").removesuffix("/scim") + "/SCIM"
    seen = _ask(patient, "/Users", tuple(patient.probe_query), url=loud)
    if name and seen.status is not None:
        value = "insensitive" if seen.status == 200 else "sensitive"
        yield Shown("prefix_case", value, _says(seen, "/Users below /ECMA2HOST_…/SCIM"))
    seen = _ask(patient, "/no-such-endpoint")
    if seen.status == 404:
        kind = _body_kind(seen)
        yield from _if_any(
            "not_found_body", None if kind == "scim" else kind, _says(seen, "/no-such-endpoint")
        )
    probe = tuple(patient.probe_query)
    for behaviour, path in (("trailing_slash", "/Users/"), ("double_slash", "//Users")):
        seen = _ask(patient, path, probe)
        allowed = {200: "accept", 404: 404}
        yield from _if_any(behaviour, allowed.get(seen.status or 0), _says(seen, path))
    for behaviour, path in (("root_status", ""), ("me_status", "/Me")):
        seen = _ask(patient, path)
        yield from _if_any(behaviour, seen.status, _says(seen, path or "the base address"))
    for name, path in _DISCOVERY:
        seen = _ask(patient, path)
        yield from _if_any(name, "serve" if seen.status == 200 else seen.status, _says(seen, path))
    seen = _ask(patient, "/Groups")
    if seen.status == 200 and rows_of(seen.json()) == []:
        yield Shown("groups_answer", "empty_list", _says(seen, "/Groups"))
    elif seen.status is not None and seen.status != 200:
        yield Shown("groups_answer", "status", _says(seen, "/Groups"))
        yield Shown("groups_status", seen.status, _says(seen, "/Groups"))


def _methods(patient: Patient) -> Iterator[Shown]:
    options = _ask(patient, "/Users", method="OPTIONS")
    yield from _if_any("options_status", options.status, _says(options, "/Users"))
    head = _ask(patient, "/Users", tuple(patient.probe_query), method="HEAD")
    yield from _if_any("head_status", head.status, _says(head, "/Users"))
    refused = _ask(patient, "/Schemas/no-such-schema/deeper", method="OPTIONS")
    seen = options if options.status == 405 else refused
    if seen.status == 405:
        yield from _if_any("method_not_allowed_body", _body_kind(seen), _says(seen, "/Users"))
        bare = _ask(patient, "/Users", method="OPTIONS", token=False)
        if bare.status in (401, 403, 405):
            yield Shown(
                "method_not_allowed_before_auth", bare.status == 405, _says(bare, "/Users without token")
            )
    search = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "count": 0}
    seen = _ask(patient, "/.search", method="POST", document=search)
    yield from _if_any("search", "serve" if seen.status == 200 else seen.status, _says(seen, "/.search"))


def _server(patient: Patient) -> Iterator[Shown]:
    seen = _ask(patient, "/Users", host="not a host name", token=False)
    if seen.status == 400:
        value = "httpapi" if b"HTTP Error 400" in seen.body else "plain"
        yield Shown("wire", value, _says(seen, "/Users with an invalid Host header"))


# -- lists and filters -----------------------------------------------------------------------------------------


def _lists(patient: Patient) -> Iterator[Shown]:
    seen = patient.probe()
    document = seen.json()
    if seen.status == 200 and isinstance(document, Mapping):
        kind = _media_type(seen)
        yield from _if_any("scim_content_type", kind, _says(seen, "/Users?filter"))
        value = "present" if "startIndex" in document else "absent"
        yield Shown(
            "start_index_when_empty", value, f"GET /Users?filter: startIndex is {value} in an empty list"
        )
    whole = _ask(patient, "/Users")
    if whole.status in (200, 405):
        yield Shown("filterless_list", "list" if whole.status == 200 else 405, _says(whole, "/Users"))
    yield from _sizes(patient, whole)
    asked = _ask(patient, "/Users", ("startIndex=1", "count=2147483647"))
    found, total = rows_of(asked.json()), _total(asked)
    if asked.status == 200 and found is not None and total is not None and len(found) < total:
        yield Shown(
            "list_page_max", len(found), f"GET /Users?count=2147483647: {len(found)} of {total} users"
        )


def _sizes(patient: Patient, whole: Observation) -> Iterator[Shown]:
    found, total = rows_of(whole.json()), _total(whole)
    if whole.status == 200 and found is not None and total is not None and len(found) < total:
        yield Shown("list_page_size", len(found), f"GET /Users: {len(found)} of {total} users")
    query = (*patient.probe_query, "count=3")
    seen = _ask(patient, "/Users", query)
    document = seen.json()
    stated = document.get("itemsPerPage") if isinstance(document, Mapping) else None
    if seen.status == 200 and stated in (0, 3):
        value = "returned" if stated == 0 else "requested"
        yield Shown(
            "items_per_page", value, f"GET /Users?filter&count=3: no user found, itemsPerPage is {stated}"
        )


def _total(seen: Observation) -> int | None:
    document = seen.json()
    total = document.get("totalResults") if isinstance(document, Mapping) else None
    return total if isinstance(total, int) and not isinstance(total, bool) else None


def _filters(patient: Patient) -> Iterator[Shown]:
    attribute = filterable(patient)
    if attribute is None:
        return
    seen = _ask(patient, "/Users", (f"filter={dialect.encoded(f'{attribute} eq')}",))
    yield from _if_any("filter_invalid_status", seen.status, _says(seen, "/Users?filter=… eq"))
    document = seen.json()
    if isinstance(document, Mapping) and isinstance(document.get("status"), (str, int)):
        kind = "string" if isinstance(document["status"], str) else "number"
        yield Shown("error_status_type", kind, f"SCIM error {seen.status}: status is a {kind}")
    contains = dialect.query(filter_text=f'{attribute} co "{patient.guid}"')
    seen = _ask(patient, "/Users", tuple(contains))
    if seen.status == 200:
        yield Shown("filter_grammar", "rfc", _says(seen, "/Users?filter=… co …"))
    elif seen.status is not None:
        yield Shown("filter_grammar", "entra", _says(seen, "/Users?filter=… co …"))
        yield Shown("filter_unsupported_status", seen.status, _says(seen, "/Users?filter=… co …"))


# -- a user ----------------------------------------------------------------------------------------------------


def _user(patient: Patient) -> Iterator[Shown]:
    attribute = filterable(patient)
    rows = rows_of(patient.page().json()) or []
    sample = next((row for row in rows if isinstance(row, Mapping) and isinstance(row.get("id"), str)), None)
    if attribute is None or sample is None:
        return
    schemas = sample.get("schemas")
    if isinstance(schemas, list):
        yield Shown("core_schema_in_resources", CORE_USER in schemas, f"a user: {len(schemas)} schemas")
    yield Shown(
        "meta_in_resources",
        "meta" in sample,
        f"a user: meta is {'there' if 'meta' in sample else 'not there'}",
    )
    urn, _, name = attribute.rpartition(":")
    part = sample.get(urn)
    value = part.get(name) if isinstance(part, Mapping) else None
    if not isinstance(value, str):
        return
    yield from _derivation(str(sample["id"]), value)
    if (other := value.swapcase()) != value:
        seen = _ask(patient, "/Users", tuple(dialect.query(equals={attribute: other})))
        found = rows_of(seen.json())
        if seen.status == 200 and found is not None:
            kind = "insensitive" if found else "exact"
            yield Shown(
                "value_case", kind, f"GET /Users?filter=… eq a value in another case: {len(found)} users"
            )
    ident = str(sample["id"])
    if (other := ident.swapcase()) != ident:
        seen = _ask(patient, dialect.user_path(other))
        if seen.status in (200, 404):
            kind = "insensitive" if seen.status == 200 else "exact"
            yield Shown("id_case", kind, _says(seen, "/Users/an id in another case"))


_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _derivation(ident: str, anchor: str) -> Iterator[Shown]:
    """How the id follows from the anchor."""
    if ident == anchor:
        yield Shown("id_derivation", "verbatim", "a user: the id is the anchor")
    elif ident.rstrip("=") == base64.urlsafe_b64encode(anchor.encode()).decode().rstrip("="):
        yield Shown("id_derivation", "base64url", "a user: the id is the anchor in base64url")
    elif _GUID.fullmatch(ident):
        yield Shown("id_derivation", "guid", "a user: the id is a GUID that the anchor is not")


PROBES: Final[tuple[Callable[[Patient], Iterator[Shown]], ...]] = (
    *(_unauthorized, _schemas, _cache, _paths, _methods, _server, _lists, _filters, _user),
)
"""In order of what they ask."""


def document(shown: list[Shown], *, generation: str = "") -> str:
    """The behaviours as a scenario, each with its evidence: ready to be used, and to be sent as one small text."""
    lines = [
        "# Behaviours of a host, found by mockhost calibrate. No name, value or token of the host is in this file.",
        "format: 1",
        "extends: basics/healthy",
        "title: A host that behaves as the one that was calibrated",
        "host:",
        *([f"  generation: {generation}"] if generation else []),
        "  behaviours:",
    ]
    for each in shown:
        lines += [f"    # {each.evidence}", f"    {each.name}: {_written(each.value)}"]
    return "\n".join([*lines, ""])


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    text = str(value)
    return text if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text) else "'" + text.replace("'", "''") + "'"
