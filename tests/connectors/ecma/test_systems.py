"""Connected systems of any make under the ECMA host: in memory, a SQL table, and a list behind a REST service."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.clock import Chance, VirtualClock
from mockhost.connectors.ecma.config import Column, ConnectorConfig, SqlConfig
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.systems.database import OWN
from mockhost.connectors.systems.described import Described
from mockhost.connectors.systems.system import SYSTEMS
from mockhost.connectors.tables import Base, Record, Table, Value, fold
from mockhost.errors import UsageError
from mockhost.scenario import loader
from mockhost.scenario.model import Scenario
from mockhost.scim import grammar
from mockhost.scim.errors import ScimError
from mockhost.slices import Pause, no_pause
from tests.connectors.ecma.conftest import URN, user

BOB = {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}


class ListService(BaseHTTPRequestHandler):
    """`GET /` gives a list of objects, `PUT /` takes one."""

    protocol_version = "HTTP/1.1"
    held: list[dict[str, Any]]

    def do_GET(self) -> None:
        self.reply(json.dumps(self.held).encode())

    def do_PUT(self) -> None:
        self.held[:] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.reply(b"")

    def reply(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class RestSystem(Described):
    """A system that keeps nothing: it reads the list from its service, and writes it back."""

    port = 0
    refuses_reset = True

    def __init__(self, page: ConnectorConfig, chance: Chance) -> None:
        super().__init__(page, chance)
        self.open = HTTPConnection("127.0.0.1", self.port, timeout=120)
        self.generated = 0
        self.write([dict(each) for each in page.system.objects])

    def call(self, method: str, body: bytes | None = None) -> bytes:
        self.open.request(method, "/", body)
        return self.open.getresponse().read()

    def read(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.call("GET"))
        return found

    def write(self, objects: list[dict[str, Any]]) -> None:
        self.call("PUT", json.dumps(objects).encode())

    def __len__(self) -> int:
        return len(self.read())

    def records(self) -> list[Record]:
        return [self.record(each) for each in self.read()]

    # -- what an import reads

    def snapshot(self, pause: Pause = no_pause, known: Sequence[Record] = ()) -> Table:
        return Table(Base(self.records(), forms=self.forms))

    def mark(self) -> object:
        return None

    def changes(self, since: object) -> list[Value] | None:
        return None

    def find(self, column: str, value: object) -> list[Record]:
        return [each for each in self.records() if fold(each[self.position[column]]) == fold(value)]

    def objects(self, where: Mapping[str, object] | None = None) -> Iterator[dict[str, Value]]:
        wanted = self.wanted(where or {})
        return (
            self.values(each)
            for each in self.records()
            if all(self.has(each, at, value) for at, value in wanted)
        )

    # -- what a connector exports

    @contextmanager
    def transaction(self) -> Iterator[None]:
        before = self.read()
        try:
            yield
        finally:
            self.write(before)

    def generate(self, column: Column) -> str:
        self.generated += 1
        return self.chance.guid(f"{self.name}.{column.name}", self.generated)

    def check_against(self, record: Record, others: list[Record]) -> None:
        taken = lambda at, value: any(fold(other[at]) == fold(value) for other in others)  # noqa: E731
        self.check(record, range(len(self.columns)), taken)

    def add(self, values: dict[str, Value]) -> Record:
        self.check_right("add")
        record = self.record(values)
        self.check_against(record, self.records())
        self.write([*self.read(), self.values(record)])
        return record

    def split(self, anchor: Value) -> tuple[list[Record], list[Record]]:
        """Those with this anchor, and the others."""
        mine, others = list[Record](), list[Record]()
        for record in self.records():
            (mine if record[self.anchor_position] == anchor else others).append(record)
        if not mine:
            raise self.kind.missing_object(str(anchor), self.table_name)
        return mine, others

    def modify(self, anchor: Value, changed: Mapping[str, Value]) -> Record:
        self.check_right("modify")
        mine, others = self.split(anchor)
        record = self.record({**self.values(mine[0]), **changed})
        self.check_against(record, others)
        self.write([self.values(each) for each in (*others, record)])
        return record

    def remove(self, anchor: Value) -> None:
        self.check_right("delete")
        self.write([self.values(each) for each in self.split(anchor)[1]])

    def change(self, changes: Mapping[str, object]) -> int:
        inserts, updates, deletes = self.read_changes(changes)
        objects = self.read()
        kept = [
            each
            for each in objects
            if not any(all(self.has(self.record(each), *one) for one in where) for where in deletes)
        ]
        assert not updates
        self.write([*kept, *inserts])
        return len(inserts) + len(objects) - len(kept)

    # -- its life

    def configure(self, page: ConnectorConfig, *, running: bool = False) -> None:
        self.describe(page)

    def reset(self, page: ConnectorConfig) -> None:
        if self.refuses_reset:
            raise UsageError(f"{self.name}: the data is not the mock's to put back")
        self.write([dict(each) for each in page.system.objects])

    def close(self) -> None:
        self.open.close()


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[RestSystem]]:
    """The service, and the class of the systems that use it."""
    handler = type("Handler", (ListService,), {"held": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setattr(RestSystem, "port", server.server_port)
    monkeypatch.setitem(SYSTEMS, "rest", f"{__name__}:RestSystem")
    yield RestSystem
    server.shutdown()
    server.server_close()


def scenario(kind: str, **overrides: Any) -> Scenario:
    """basics/healthy with its SQL connector alone, on a system of this kind."""
    columns = {"system": {"columns": {"Email": {"type": "string", "unique": True}}}}
    made = loader.load(
        "basics/healthy", overrides={"connectors": {"SQL": columns, "LDAP": None}, **overrides}
    )
    page = made.connectors["SQL"]
    outside = SqlConfig(OWN, "Employees", rows="replace") if kind == "sql" else None
    system = page.system._replace(kind=kind, outside=outside)
    return made._replace(connectors={"SQL": page._replace(system=system)})


@pytest.fixture(params=["memory", "rest", "sql"])
def host(request: pytest.FixtureRequest, rest: type[RestSystem]) -> Iterator[Host]:
    """A host on a system of each kind, started."""
    made = scenario(request.param)
    host = Host(made.host, made.connectors, VirtualClock("frozen"), made.seed)
    host.start(first=True)
    yield host
    host.close()


def logins(host: Host) -> set[object]:
    """Those in the cache."""
    connector = host.connector("SQL")
    return {connector.system.values(record)["ContosoLogin"] for record in connector.space.snapshot()}


def test_exports_reach_the_system_and_are_mirrored(host: Host) -> None:
    """A user is created, found, changed and deleted."""
    connector = host.connector("SQL")
    assert connector.create(user(**BOB)).id == "bob"
    found = connector.find(grammar.parse('ContosoLogin eq "BOB"'), 1, 10)
    assert [connector.system.values(record)["LastName"] for record in found.records] == ["Kelly"]
    operation = {"op": "Replace", "path": f"{URN}:LastName", "value": "Kent"}
    connector.patch("bob", {"Operations": [operation]})
    assert [each["LastName"] for each in connector.system.objects({"ContosoLogin": "bob"})] == ["Kent"]
    connector.delete("bob")
    assert not connector.system.find("ContosoLogin", "bob")
    assert connector.space.get("bob") is None


def test_the_system_refuses_in_its_own_words(host: Host) -> None:
    """A value that another object has, one that is missing, an object that is gone: nothing is mirrored."""
    connector = host.connector("SQL")
    taken = next(connector.system.objects({"ContosoLogin": "ljacobson"}))["Email"]
    with pytest.raises(ScimError, match="ExportErrorDuplicateAnchor") as caught:
        connector.create(user(**BOB, Email=taken))
    assert caught.value.status == 409
    with pytest.raises(ScimError, match="FirstName"):
        connector.create(user(**{**BOB, "FirstName": None}))
    connector.system.change({"delete": [{"ContosoLogin": "awhite"}]})
    with pytest.raises(ScimError, match="ExportErrorConnectedDirectoryMissingObject"):
        connector.delete("awhite")
    assert "bob" not in logins(host)


@pytest.mark.parametrize("profile", ["full", "delta"])
def test_what_changed_in_the_system_is_seen_after_an_import(profile: str, host: Host) -> None:
    """The cache is the host's own; a system that keeps no log is imported in full."""
    page = host.configured["SQL"]
    host.config = host.config._replace(behaviours={"delta_sees_deletes": "always"})
    imports = page.imports._replace(profiles=("full", "delta"))
    host.configure(host.config, {"SQL": page._replace(imports=imports)})
    host.restart()
    before = logins(host)
    host.system("SQL").change({"insert": [BOB], "delete": [{"ContosoLogin": "awhite"}]})
    assert logins(host) == before
    host.connector("SQL").space.begin_import(profile)
    assert logins(host) == (before | {"bob"}) - {"awhite"}


def test_a_write_on_trial_is_taken_back(host: Host) -> None:
    """In the cache and in the system."""
    connector, before = host.connector("SQL"), logins(host)
    held = list(host.system("SQL").objects())
    with connector.trial():
        connector.create(user(**BOB))
        assert len(list(host.system("SQL").objects())) == len(held) + 1
    assert logins(host) == before
    assert list(host.system("SQL").objects()) == held


def test_a_system_restores_its_objects_or_refuses(
    host: Host, rest: type[RestSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal leaves the objects and the running connector alone."""
    connector = host.connector("SQL")
    connector.create(user(**BOB))
    if isinstance(host.system("SQL"), RestSystem):
        with pytest.raises(UsageError, match="not the mock's"):
            host.reset("SQL")
        assert host.connector("SQL") is connector
        assert "bob" in logins(host)
        monkeypatch.setattr(rest, "refuses_reset", False)
    host.reset("SQL")
    assert "bob" not in logins(host)
    assert not host.system("SQL").find("ContosoLogin", "bob")


def test_a_system_takes_the_place_of_the_one_in_memory(
    rest: type[RestSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenarios need not name it."""
    monkeypatch.setitem(SYSTEMS, "memory", SYSTEMS["rest"])
    with MockHost(tls=False, control=False, connectors={"LDAP": None}) as mock:
        assert isinstance(mock.runtime.host.system("SQL"), rest)
        found = mock.session().get(f"{mock.url()}/Users/ljacobson").json()
        assert found[URN]["ContosoLogin"] == "ljacobson"


def test_a_foreign_system_behind_a_whole_mock(rest: type[RestSystem]) -> None:
    """Over HTTP, with the control plane's view of it, and a fault that tries a write out."""
    rule = {"when": {"operation": "create_user"}, "fault": {"http_error": 503}, "times": 1}
    made = scenario("rest", host={"tls": "plain_http"}, rules=[rule])
    with MockHost(tls=False, control=False) as mock:
        mock.runtime.use(made)
        assert isinstance(mock.runtime.host.system("SQL"), RestSystem)
        session = mock.session("SQL")
        url = f"{mock.url('SQL')}/Users"
        body: Any = user(**BOB)
        assert [session.post(url, json=body).status_code for _ in range(3)] == [503, 201, 409]
        assert mock.objects("SQL", ContosoLogin="bob")
        assert mock.change({"SQL": {"delete": [{"ContosoLogin": "bob"}]}}) == 1
        assert session.get(f"{url}/bob").status_code == 200
        mock.runtime.import_now("SQL")
        assert session.get(f"{url}/bob").status_code == 404
        with pytest.raises(UsageError, match="not the mock's"):
            mock.reset_connector("SQL")
