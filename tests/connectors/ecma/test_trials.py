"""A write on trial is performed and taken back: afterwards it is as if it had never been."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost.clock import VirtualClock
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.ecma.running import RunningConnector
from mockhost.connectors.systems.memory import MemorySystem
from mockhost.connectors.tables import Base, Record, Table
from mockhost.errors import ProtocolAnswer
from mockhost.scenario import loader
from mockhost.scenario.model import Scenario
from mockhost.scim import grammar
from tests.connectors.ecma.conftest import URN, user
from tests.connectors.test_tables import RECORDS, STEPS

Hosts = Callable[..., Host]
NAMES = ["ljacobson", "dmartin", "awhite", "bob", "Bob", "eve", "né, ß"]
CONTAINER = "CN=CloudUsers,CN=App,DC=Contoso,DC=lab"

Action = tuple[str, str, str, str]
"""What, in which connector, to whom, and a value."""
ACTIONS = st.tuples(
    st.sampled_from(
        ["create"] * 6
        + ["patch", "replace", "delete", "disable", "bad", "change", "vanish"]
        + ["full", "delta", "advance", "freeze", "thaw", "empty"]
    ),
    st.sampled_from(["SQL", "LDAP"]),
    st.sampled_from(NAMES),
    st.sampled_from(["", "x", "Y", "García"]),
)
WRITES = {"create", "patch", "replace", "delete", "disable", "bad"}


@functools.cache
def scenario(derivation: str) -> Scenario:
    """basics/healthy with every import profile; LDAP's directory generates its anchors."""
    imports = {"import": {"profiles": ["full", "delta"], "every": "1h"}}
    return loader.load(
        "basics/healthy",
        overrides={
            "host": {"behaviours": {"id_derivation": derivation}},
            "connectors": {"SQL": imports, "LDAP": imports},
        },
    )


def started(derivation: str) -> Host:
    """A host of that scenario."""
    made = scenario(derivation)
    host = Host(made.host, made.connectors, VirtualClock("frozen"), made.seed)
    host.start(first=True)
    return host


def ident(connector: RunningConnector, name: str) -> str:
    """The id of somebody, or one that nobody has."""
    if connector.name == "LDAP":
        found = connector.find(grammar.Compare(grammar.AttrPath(None, "cn", None), "eq", name), 1, 1)
    else:
        path = grammar.AttrPath(None, "ContosoLogin", None)
        found = connector.find(grammar.Compare(path, "eq", name), 1, 1)
    return connector.object_type.id_of(found.records[0]) if found.records else f"nobody {name}"


def resource(connector: RunningConnector, name: str, value: str) -> dict[str, object]:
    """What a client would send to create or replace somebody."""
    if connector.name == "LDAP":
        dn = "CN=" + name.replace(",", "\\,") + "," + CONTAINER
        return user(**{"-dn-": dn, "displayName": value or None, "objectClass": ["top", "user"]})
    return user(
        ContosoLogin=name, FirstName="F" + value, LastName="L", Email=value or None, export_password="p"
    )


def write(connector: RunningConnector, action: str, name: str, value: str) -> object:
    """Perform a write; what the client would be told of it, and what it came to natively."""
    attribute = "displayName" if connector.name == "LDAP" else "Email"
    try:
        if action == "create":
            outcome = connector.create(resource(connector, name, value))
        elif action == "patch":
            operation = {"op": "Replace", "path": f"{URN}:{attribute}", "value": value or None}
            outcome = connector.patch(ident(connector, name), {"Operations": [operation]})
        elif action == "replace":
            body = resource(connector, name, value)
            outcome = connector.replace(ident(connector, name), body)
        elif action == "disable":
            operations = [{"op": "Replace", "path": "active", "value": "False"}]
            outcome = connector.patch(ident(connector, name), {"Operations": operations})
        elif action == "bad":
            outcome = connector.create(user(FirstName=None, cn=name))
        else:
            outcome = connector.delete(ident(connector, name))
    except ProtocolAnswer as error:
        return type(error).__name__, str(error)
    shown = None if outcome.record is None else connector.object_type.resource(outcome.record, "")
    return outcome.id, shown, outcome.native


def act(host: Host, action: Action) -> object:
    """Perform anything; what is to be seen of it."""
    what, where, name, value = action
    connector = host.connector(where)
    key = "cn" if where == "LDAP" else "ContosoLogin"
    if what in WRITES:
        return write(connector, what, name, value)
    if what == "change":
        return connector.system.change({"insert": {key: name}} if value else {"delete": {key: name}})
    if what == "vanish":
        return connector.system.change({"delete": {key: name}})
    if what in ("full", "delta"):
        connector.space.begin_import(what)
    elif what == "advance":
        host.clock.advance(1800)
    elif what == "freeze":
        connector.space.freeze()
    elif what == "thaw":
        connector.space.thaw()
    else:
        connector.space.empty()
    return None


def dump(table: Table) -> object:
    """All that a table is made of, in an order of its own."""
    log = None if table.log is None else list(table.log)
    overlay = sorted(table._overlay.items(), key=lambda item: item[0])
    found = {position: dict(found) for position, found in table._found.items() if found}
    fresh = {position: table._index_overlay(position) for position in found}
    assert found == fresh  # an index says what it would say if it were made now
    return overlay, list(table._deleted), table._next, log


def state(host: Host) -> object:
    """Everything that writes may have left a trace in."""
    seen: list[object] = []
    for name, connector in host.connectors.items():
        for who in NAMES:
            anchored = connector.object_type.id_of(
                connector.system.record({connector.object_type.anchor: who})
            )
            seen.append(
                (name, who, connector.space.get(ident(connector, who)), connector.space.get(anchored))
            )
        system = connector.system
        assert isinstance(system, MemorySystem)
        seen.append((dump(system.table), dump(connector.space.table), system._generated))
        seen.append([connector.object_type.resource(record, "") for record in connector.space.snapshot()])
    return seen, host.state()


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(st.sampled_from(["verbatim", "guid"]), st.lists(st.tuples(ACTIONS, st.booleans()), max_size=25))
def test_trials_between_operations_leave_no_trace(
    derivation: str, actions: list[tuple[Action, bool]]
) -> None:
    """With and without trials in between, a host gives the same answers and ends in the same state."""
    plain, tried = started(derivation), started(derivation)
    for action, on_trial in actions:
        what, where, name, value = action
        if on_trial and what in WRITES:
            connector = tried.connector(where)
            with connector.trial():
                write(connector, what, name, value)
                write(connector, "patch", name, "tried")
        else:
            assert _bytes(act(plain, action)) == _bytes(act(tried, action))
    assert state(plain) == state(tried)
    for name in ("SQL", "LDAP"):
        later = [("create", name, "zoe", "z"), ("full", name, "", ""), ("delete", name, "zoe", "")]
        for action in later:
            assert _bytes(act(plain, action)) == _bytes(act(tried, action))
    assert state(plain) == state(tried)


def _bytes(answer: object) -> bytes:
    return orjson.dumps(answer)


@settings(deadline=None)
@given(st.lists(RECORDS, max_size=6), STEPS, STEPS, STEPS, st.booleans())
def test_a_table_forgets_what_was_tried(
    base: list[Record],
    before: list[tuple[str, int, Record]],
    tried: list[tuple[str, int, Record]],
    inner: list[tuple[str, int, Record]],
    logged: bool,
) -> None:
    """Whatever is done to a table on trial, also on a trial within a trial, it is as before."""
    table = Table(Base(base))
    table.log = {} if logged else None
    change(table, before)
    held, records = dump(table), list(table.records())
    with table.trial() as changed:
        change(table, tried)
        meanwhile, rows = dump(table), changed()
        with table.trial():
            change(table, inner)
        assert (dump(table), changed()) == (meanwhile, rows)
    assert (dump(table), list(table.records())) == (held, records)
    for name in ("ANN", "bea"):
        assert table.find(0, name) == [
            row for row, record in records if str(record[0]).casefold() == name.casefold()
        ]


def change(table: Table, steps: list[tuple[str, int, Record]]) -> None:
    """Do to a table what the steps say."""
    for action, row, record in steps:
        if action == "insert":
            table.insert(record)
        elif action == "put":
            table.put(row, record)
        elif action == "delete":
            table.delete(row)
        else:
            table.find(0, "ann")


@contextmanager
def unharmed(host: Host) -> Iterator[None]:
    """That nothing remains of what happens meanwhile."""
    before = state(host)
    yield
    assert state(host) == before


def test_a_trial_gives_the_real_answer(hosts: Hosts) -> None:
    """The outcome of a create on trial is the one of the create that follows, generated values included."""
    host = hosts()
    connector = host.connector("LDAP")
    with unharmed(host), connector.trial():
        tried = connector.create(resource(connector, "bob", "x"))
        assert connector.get(tried.id) == tried.record
    assert connector.create(resource(connector, "bob", "x")) == tried


def test_a_trial_that_raises_is_taken_back_as_well(hosts: Hosts) -> None:
    """Also where an exception leaves it half done."""
    host = hosts()
    connector = host.connector("SQL")

    def half() -> None:
        with connector.trial():
            connector.create(resource(connector, "bob", "x"))
            raise RuntimeError("in the middle")

    with unharmed(host), pytest.raises(RuntimeError, match="in the middle"):
        half()


def test_the_id_of_a_tried_object_is_nobodys(hosts: Hosts) -> None:
    """Also where ids are looked up in an index, and the next object takes the row that the tried one had."""
    host = hosts(host={"behaviours": {"id_derivation": "guid"}})
    connector = host.connector("SQL")
    with connector.trial():
        tried = connector.create(resource(connector, "eve", "x")).id
        assert connector.get(tried)
    created = connector.create(resource(connector, "bob", "x")).id
    assert connector.space.get(tried) is None
    with connector.trial():
        connector.delete(created)
        assert connector.space.get(created) is None
    assert connector.get(created)


def test_a_trial_costs_what_it_changes(hosts: Hosts) -> None:
    """Among many objects no table is copied and no row besides the tried ones is looked at."""
    host = hosts(connectors={"SQL": {"system": {"objects": [], "people": 5_000}}})
    connector = host.connector("SQL")
    connector.delete("user0000007")
    system = connector.system
    assert isinstance(system, MemorySystem)
    base, overlay = system.table.base, system.table._overlay
    with connector.trial():
        connector.create(resource(connector, "bob", "x"))
        connector.delete("user0000009")
        assert len(overlay) == 3
    assert system.table._overlay is overlay
    assert system.table.base is base
    assert list(overlay) == [7]
