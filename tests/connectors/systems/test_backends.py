"""The same story and the same scenarios with each kind of connected system; what differs is in differences.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.connectors.ecma.config import ConnectorConfig
from mockhost.expect.check import HostDriver, check
from mockhost.scenario import catalogue, loader
from tests.connectors.systems.backends import BACKENDS, MEMORY, PAGES, SERVERS
from tests.connectors.systems.recording import Recording, differences, record
from tests.connectors.systems.story import CONTAINER, TABLE, Page
from tests.servers import openldap, postgres

LISTED: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parent / "differences.toml").read_text("utf-8")
)


CONNECTORS: dict[str, Page] = {page.name: page for page in (TABLE, CONTAINER)}


@cache
def in_memory(connector: str) -> Recording:
    """The story with the table in memory, to which the others are compared."""
    return record(MEMORY, CONNECTORS[connector])


def each_backend() -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.slow if name in SERVERS else ()) for name in PAGES]


# -- both cycles of Entra ------------------------------------------------------------------------------------


@pytest.mark.parametrize("connector", CONNECTORS)
def test_the_story_is_the_same_each_time(connector: str) -> None:
    """So that what differs elsewhere is the system's doing. Everything happens in it that a cycle can do."""
    first = in_memory(connector)
    assert differences(first, record(MEMORY, CONNECTORS[connector])) == {}
    said = "".join(text for (_, what), text in first.items() if what == "log")
    assert all(f'"{action}"' in said for action in ("create", "update", "disable", "delete"))


@pytest.mark.parametrize("backend", each_backend())
def test_the_story_differs_only_where_it_is_listed(backend: str) -> None:
    """On the wire, in the system read natively, in the cache, and in the provisioning log."""
    page = PAGES[backend]
    found = differences(in_memory(page.name), record(backend, page))
    rows = [row for row in LISTED["differences"] if backend in row]
    listed = {(row["chapter"], what) for row in rows for what in row["looked_at"]}
    new = "\n".join(f"{where}:\n{text}" for where, text in found.items() if where not in listed)
    assert not new, new
    assert not listed - found.keys(), "no longer different"
    for row in rows:
        lines = [line for what in row["looked_at"] for line in found[row["chapter"], what].splitlines()]
        for sign, words in (("-", row[MEMORY]), ("+", row[backend])):
            assert any(words in line for line in lines if line[0] == sign), (words, lines)


def test_what_is_listed_can_be() -> None:
    """Each row names a chapter and at least one system, and says why."""
    chapters = {chapter for chapter, _ in in_memory("SQL")}
    for row in LISTED["differences"]:
        assert row["chapter"] in chapters
        assert row.keys() & PAGES.keys()
        assert row["why"].endswith(".")
    for row in LISTED["scenarios"]:
        assert row["name"] in catalogue.names()
        assert row["name"].partition("/")[0] in SHELVES
        assert set(row["on"]) <= BACKENDS.keys() - {MEMORY}
        assert row["why"].endswith(".")


# -- shipped scenarios ---------------------------------------------------------------------------------------


SHELVES = ("basics", "documented", "faults")


def scenarios(shelf: str, connector: str) -> list[str]:
    """The shipped scenarios of a shelf in which this connector has a system in memory."""
    found = []
    for name in catalogue.names():
        if name.startswith(f"{shelf}/") and name != "basics/million":  # it only is large
            page = loader.load(name).connectors.get(connector)
            if isinstance(page, ConnectorConfig) and page.system.kind == MEMORY:
                found.append(name)
    return found


def play(shelf: str, backend: str, connector: str, system: dict[str, Any]) -> None:
    """Expect, cure and cured hold for all but those of which it is listed that they don't."""
    names, failed = scenarios(shelf, connector), {}
    assert len(names) > 2
    for name in names:
        with MockHost(name, control=False, connectors={connector: {"system": system}}) as mock:
            report = check(mock.scenario, HostDriver(mock), timeout=120.0)
        if not report.ok:
            failed[name] = report.text
    listed = {row["name"] for row in LISTED["scenarios"] if backend in row["on"]}
    assert failed.keys() == listed.intersection(names), failed


@pytest.mark.slow
@pytest.mark.parametrize("shelf", SHELVES)
def test_scenarios_hold_on_sqlite(shelf: str) -> None:
    """The SQL connector's objects are rows of a database of the mock's own."""
    play(shelf, "SQLite", "SQL", {"sql": {"url": "sqlite://", "rows": "replace"}})


@pytest.mark.slow
@pytest.mark.parametrize("shelf", SHELVES)
def test_scenarios_hold_on_postgresql(shelf: str) -> None:
    """The same rows in a server."""
    with postgres() as server:
        play(shelf, "PostgreSQL", "SQL", {"sql": {"url": server.url, "rows": "replace"}})


@pytest.mark.slow
@pytest.mark.parametrize("shelf", SHELVES)
def test_scenarios_hold_on_openldap(shelf: str) -> None:
    """The LDAP connector's objects are entries of a directory."""
    with openldap() as server:
        where = {"url": server.url, "user": "cn=admin,dc=lab", "password": server.password}
        where |= {"base": "CN=App,DC=Contoso,DC=lab", "object_class": "person", "rows": "replace"}
        play(shelf, "OpenLDAP", "LDAP", {"ldap": where})
