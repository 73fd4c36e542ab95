"""Every behaviour makes the difference on the wire that it says: each is flipped, and the bytes are compared."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from mockhost import MockHost
from mockhost.connectors.ecma import behaviours
from mockhost.connectors.ecma.behaviours import Behaviour

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
PATCH = {"Operations": [{"op": "Replace", "path": f"{URN}:LastName", "value": "X"}]}
LISA = "/Users/ljacobson"
BOB = {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}
WRITTEN = "/Users?filter=ContosoLogin+eq+%22bob%22"


class Ask(NamedTuple):
    """A request below the connector's /scim, or one with a whole target."""

    method: str = "GET"
    path: str = "/Users"
    body: object = None
    token: str | None = ""
    """empty: the right one; None: no header"""
    connector: str = "SQL"
    headers: tuple[str, ...] = ()


class Probe(NamedTuple):
    """What shows a behaviour: a host with something laid over basics/healthy, and what it is asked."""

    asks: tuple[Ask, ...]
    over: Mapping[str, Any] = MappingProxyType({})
    changed: Mapping[str, Any] = MappingProxyType({})
    """what is changed in the connected systems before"""
    imported: str = ""
    """a profile that is run before"""


def one(method: str = "GET", path: str = "/Users", body: object = None, **more: Any) -> Probe:
    over = more.pop("over", {})
    return Probe((Ask(method, path, body, **more),), over)


def sql(**page: Any) -> dict[str, Any]:
    return {"connectors": {"SQL": page}}


def made(**values: object) -> dict[str, object]:
    return {"active": True, URN: {**BOB, **values}}


NOBODY = one("GET", "/ecma2host_Nobody/scim/Users")
IMPORTING = one(over=sql(**{"import": {"full_takes": "10m"}}))
DENIED = one(over=sql(dll="access_denied"))
PUT_ = one("PUT", LISA, {URN: BOB | {"ContosoLogin": "ljacobson"}})
LDAP_USER = {"-dn-": "CN=bob,CN=CloudUsers,CN=App,DC=Contoso,DC=lab", "cn": "bob"}
TWICE = {"objects": [
    {"ContosoLogin": "twice", "FirstName": "A", "LastName": "B", "Email": "one@x"},
    {"ContosoLogin": "other", "FirstName": "A", "LastName": "B", "Email": "two@x"},
]}  # fmt: skip

PROBES: dict[str, Probe] = {
    "unauthorized_status": one(token="wrong"),
    "unauthorized_body": one(token="wrong"),
    "unauthorized_challenge": one(token="wrong"),
    "unknown_connector_status": NOBODY,
    "not_found_body": NOBODY,
    "prefix_case": one("GET", "/ECMA2HOST_SQL/scim/Users"),
    "trailing_slash": one("GET", "/Users/"),
    "double_slash": one("GET", "//Users"),
    "root_status": one("GET", ""),
    "method_not_allowed_before_auth": one("DELETE", token=None),
    "method_not_allowed_body": one("DELETE"),
    "head_status": one("HEAD"),
    "options_status": one("OPTIONS"),
    "filterless_list": one(),
    "list_page_size": one(),
    "list_page_max": one("GET", "/Users?count=5"),
    "items_per_page": one("GET", "/Users?count=9"),
    "start_index_when_empty": one("GET", WRITTEN),
    "filter_grammar": one("GET", "/Users?filter=ContosoLogin+sw+%22l%22"),
    "filter_invalid_status": one("GET", "/Users?filter=ContosoLogin+eq"),
    "filter_unsupported_status": one("GET", "/Users?filter=ContosoLogin+sw+%22l%22"),
    "value_case": one("GET", "/Users?filter=ContosoLogin+eq+%22LJACOBSON%22"),
    "id_case": one("GET", "/Users/LJACOBSON"),
    "id_derivation": one("GET", "/Users?count=1"),
    "core_schema_in_resources": one("GET", LISA),
    "meta_in_resources": one("GET", LISA),
    "active_in_responses": Probe((Ask("GET", LISA), Ask("GET", "/Users?count=1", connector="LDAP"))),
    "dn_returned": Probe((Ask("GET", LISA), Ask("GET", "/Users?count=1", connector="LDAP")),
                         {"host": {"behaviours": {"schemas_dn": "always"}}}),
    "schemas_dn": Probe((Ask("GET", "/Schemas"), Ask("GET", "/Schemas", connector="LDAP"))),
    "schemas_access": one("GET", "/Schemas", token=None),
    "location_header": one("POST", "/Users", made()),
    "scim_content_type": one("GET", LISA),
    "patch_reply": one("PATCH", LISA, PATCH),
    "put": PUT_,
    "delete_unknown_status": one("DELETE", "/Users/nobody"),
    "create_existing_status": one("POST", "/Users", made(ContosoLogin="ljacobson")),
    "post_without_anchor": one("POST", "/Users", made(ContosoLogin=None)),
    "unknown_attributes": one("POST", "/Users", made(Odd="x")),
    "export_status_exists": Probe(
        (Ask("POST", "/Users", made()),), changed={"SQL": {"insert": [{**BOB, "Email": "b"}]}}),
    "export_status_missing_object": Probe(
        (Ask("PATCH", LISA, PATCH),), changed={"SQL": {"delete": [{"ContosoLogin": "ljacobson"}]}}),
    "export_status_permission": one("PATCH", LISA, PATCH, over=sql(system={"rights": ["read"]})),
    "export_status_bad_value": one("POST", "/Users", made(Email="z"), over=sql(
        system={"columns": {"Email": {"type": "string", "values": ["a", "b"]}}, "objects": []})),
    "export_status_missing_attribute": one("POST", "/Users", made(FirstName=None)),
    "export_status_missing_anchor": one("POST", "/Users", made(ContosoLogin=None)),
    "export_status_dn": one("POST", "/Users", made(ContosoLogin="bob@x"), over=sql(dn={"is_anchor": True})),
    "export_status_parent": one("POST", "/Users", {URN: LDAP_USER}, connector="LDAP", over={
        "connectors": {"LDAP": {"system": {"containers": ["CN=Elsewhere,DC=lab"]}}}}),
    "export_status_other": one("POST", "/Users", {URN: {**LDAP_USER, "objectClass": ["nonsense"]}}, connector="LDAP"),
    "importing_status": IMPORTING,
    "importing_body": IMPORTING,
    "importing_retry_after": IMPORTING,
    "importing_scope": Probe((Ask(),), sql(**{"import": {"full_takes": "10m"}}), imported="full"),
    "duplicate_anchor_import": Probe((Ask("GET", "/Users?count=1"),), {"connectors": {"SQL": {
        "anchor": "Email", "system": {"columns": {"Email": {"type": "string", "unique": False}}, "objects": [
            {"Email": "a", "ContosoLogin": "a", "FirstName": "A", "LastName": "B"},
            {"Email": "a", "ContosoLogin": "b", "FirstName": "C", "LastName": "B"}]}}}}),
    "failed_import_keeps_cache": Probe((Ask(),), imported="unread"),
    "delta_sees_deletes": Probe(
        (Ask(),), sql(**{"import": {"profiles": ["full", "delta"]}}),
        {"SQL": {"delete": [{"ContosoLogin": "dmartin"}]}}, "delta"),
    "dll_denied_status": DENIED,
    "error_detail": DENIED,
    "cache_access": one("GET", "/cache"),
    "cache_closed_status": one("GET", "/cache", over={"host": {"behaviours": {"cache_access": "debug"}}}),
    "cache_body": one("GET", "/cache"),
    "cache_verbs_status": one("POST", "/cache", {}),
    "groups_answer": one("GET", "/Groups"),
    "groups_status": one("GET", "/Groups"),
    "service_provider_config": one("GET", "/ServiceProviderConfig"),
    "resource_types": one("GET", "/ResourceTypes"),
    "bulk_status": one("POST", "/Bulk", {}),
    "me_status": one("GET", "/Me"),
    "search": one("POST", "/Users/.search", {"count": 1}),
    "wire": one("GET", "/Users", headers=("Bad Header: 1",)),
    "error_status_type": one("GET", "/Users/nobody"),
}  # fmt: skip
"""By behaviour: what shows it."""
SAME: dict[str, set[frozenset[object]]] = {
    "error_detail": {frozenset({"local", "always"})},  # the client is on this machine
    "delta_sees_deletes": {frozenset({"by_kind", "never"})},  # a database does not tell
}
"""Values of a behaviour that these requests cannot tell apart, and why."""


def values_of(row: Behaviour) -> list[object]:
    """The default and other values of a behaviour, as a scenario writes them: each choice, and examples of a type."""
    if not isinstance(row.choices, str):
        return list(row.choices)
    found = [row.default]
    for choice in row.choices.split("|"):
        found += [other for other in EXAMPLES.get(choice, (choice,)) if other not in found]
    return found


EXAMPLES: Mapping[str, tuple[object, ...]] = {
    "status": (418, 451),
    "int": (1, 2),
    "duration": ("7s", "8s"),
    "text": ("text/odd", "text/odder"),
}


class Bench:
    """Hosts by what is laid over them, used again."""

    def __init__(self) -> None:
        self._hosts: dict[str, MockHost] = {}

    def close(self) -> None:
        for host in self._hosts.values():
            host.stop()

    def wire(self, probe: Probe, name: str, value: object) -> str:
        """What comes back, as text without what differs each time."""
        key = json.dumps(dict(probe.over), sort_keys=True)
        host = self._hosts.get(key)
        if host is None:
            host = MockHost("basics/healthy", tls=False, control=False, **probe.over).start()
            self._hosts[key] = host
        host.reset()
        host.set(f"host.behaviours.{name}", value)
        if name == "duplicate_anchor_import":
            host.service("restart")
        if probe.changed:
            host.change(probe.changed)
        if probe.imported == "unread":
            host.set("connectors.SQL.system.rights", ["write"])
            host.import_now("SQL", "full")
        elif probe.imported:
            host.clock.advance(minutes=11)
            host.import_now("SQL", probe.imported)
        return "".join(_ask(host, ask) for ask in probe.asks)


def _ask(host: MockHost, ask: Ask) -> str:
    token = host.token(ask.connector) if ask.token == "" else ask.token
    path = ask.path if "/scim/" in ask.path else f"/ecma2host_{ask.connector}/scim{ask.path}"
    body = b"" if ask.body is None else json.dumps(ask.body).encode()
    head = [f"{ask.method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *ask.headers]
    head += [] if token is None else [f"Authorization: Bearer {token}"]
    head += (
        [] if ask.body is None else [f"Content-Length: {len(body)}", "Content-Type: application/scim+json"]
    )
    with socket.create_connection(("127.0.0.1", host.port), timeout=60) as sock:
        sock.sendall("\r\n".join([*head, "", ""]).encode() + body)
        pieces = []
        while piece := sock.recv(65_536):
            pieces.append(piece)
    return re.sub(r"Date: [^\r]*\r\n", "", b"".join(pieces).decode())


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made_ = Bench()
    yield made_
    made_.close()


def test_every_behaviour_that_can_be_chosen_is_flipped() -> None:
    """A new row of the table comes with its probe."""
    assert set(PROBES) == set(behaviours.TABLE)


@pytest.mark.parametrize("row", behaviours.TABLE.values(), ids=lambda row: row.name)
def test_a_behaviour_makes_a_difference(bench: Bench, row: Behaviour) -> None:
    """Any two of its values answer differently; where only some tell them apart, SAME says why."""
    shown = {value: bench.wire(PROBES[row.name], row.name, value) for value in values_of(row)}
    same = {
        frozenset({one_, other})
        for one_ in shown
        for other in shown
        if one_ is not other and shown[one_] == shown[other]
    }
    assert same == SAME.get(row.name, set()), shown
