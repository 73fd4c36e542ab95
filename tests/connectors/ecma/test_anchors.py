"""An id that is shown is found again, whatever type its anchor has and wherever the object is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mockhost.connectors.ecma.host import Host
from mockhost.connectors.ecma.objecttype import meant_by, text_of
from mockhost.errors import ScenarioError
from mockhost.scim import grammar
from tests.connectors.ecma.conftest import URN, make_host, user

VALUES: dict[str, Sequence[Any]] = {
    "string": ["a", "True", "007", "7.0", "a/b", " b", "é", "%41", "-", "12345678901234567890123", "1e3"],
    "boolean": [True, False],
    "integer": [0, -5, 7, 2**63 - 1, -(2**63)],
    "binary": ["AAAA", "aaaa", "ab+/", "AA=="],
}
"""Anchors by the type of their column in memory. In base64 the case counts."""
DECLARED: dict[str, Sequence[Any]] = {
    "TEXT": ["1", "1x", b"\xff\xfe"],
    "BOOLEAN": [True, 0, "maybe"],
    "INTEGER": [1, -5, 2**63 - 1, "abc", 1.5],
    "REAL": [1.0, 1.5, 0.1, 1e300],
    "NUMERIC(10, 2)": [1, 1.5, "x"],
    "DATE": ["2024-01-01", 20240101],
    "DATETIME": ["2024-01-01 00:00:00.5"],
    "BLOB": [b"\x00\x01", b"ab", "text", 5, 2.5],
    "": [1, 2.5, "1x", b"\xff\xfe"],
}
"""Anchors by the type of their column in SQLite, which holds any value in any column."""
DERIVATIONS = ("verbatim", "base64url", "guid")
Make = Callable[..., Host]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes a host with one connector, whose anchor is the column `k` of a system."""
    made: list[Host] = []

    def make(system: dict[str, Any], derivation: str = "verbatim") -> Host:
        page = {
            "kind": "generic_sql",
            "secret_token": "anchors",
            "anchor": "k",
            "system": system,
            "selected_attributes": ["k", "name"],
        }
        behaviours = {"id_derivation": derivation}
        connectors = {"LDAP": None, "SQL": None, "Keyed": page}
        made.append(make_host(connectors=connectors, host={"behaviours": behaviours}))
        return made[-1]

    yield make
    for host in made:
        host.close()


def columns(kind: str) -> dict[str, Any]:
    """The columns of a system in memory."""
    return {"columns": {"k": kind, "name": "string"}}


def walk(host: Host, count: int) -> None:
    """Each object is found, changed and deleted by the id under which it is shown."""
    connector = host.connector("Keyed")
    shown = [connector.object_type.resource(each, "") for each in connector.space.snapshot()]
    ids = [str(each["id"]) for each in shown]
    assert len(set(ids)) == count
    for ident in ids:
        quoted = ident.replace("\\", "\\\\").replace('"', '\\"')
        found = connector.find(grammar.parse(f'id eq "{quoted}"'), 1, 10)
        assert [connector.object_type.id_of(each) for each in found.records] == [ident]
        assert connector.object_type.id_of(connector.get(ident)) == ident
        change = {"op": "replace", "path": f"{URN}:name", "value": f"new {ident}"}
        connector.patch(ident, {"Operations": [change]})
        [changed] = connector.system.objects({"name": f"new {ident}"})
        connector.delete(ident)
        assert changed not in connector.system.objects()
        assert connector.space.get(ident) is None
    assert list(connector.system.objects()) == []


@pytest.mark.parametrize("derivation", DERIVATIONS)
@pytest.mark.parametrize("kind", VALUES)
def test_in_memory(make: Make, kind: str, derivation: str) -> None:
    """Objects of the scenario, and those that a client creates."""
    objects = [{"k": value, "name": "n"} for value in VALUES[kind]]
    walk(make({**columns(kind), "objects": objects}, derivation), len(objects))
    host = make(columns(kind), derivation)
    for each in objects:
        host.connector("Keyed").create(user(**each))
    walk(host, len(objects))


@pytest.mark.parametrize("kind", VALUES)
def test_of_a_csv_file(make: Make, kind: str, tmp_path: Path) -> None:
    """The cells are values of the column's type."""
    file = tmp_path / "objects.csv"
    file.write_text("k,name\n" + "".join(f"{value},n\n" for value in VALUES[kind]), "utf-8")
    walk(make({**columns(kind), "objects_file": str(file)}), len(VALUES[kind]))


@pytest.mark.parametrize("derivation", DERIVATIONS)
@pytest.mark.parametrize("declared", DECLARED)
def test_in_sqlite(make: Make, declared: str, derivation: str, tmp_path: Path) -> None:
    """Also values that are not of their column's type."""
    file = tmp_path / "own.db"
    connection = sqlite3.connect(file)
    connection.execute(f"CREATE TABLE t (k {declared}, name TEXT)")
    connection.executemany("INSERT INTO t VALUES (?, 'n')", [(value,) for value in DECLARED[declared]])
    connection.commit()
    connection.close()
    walk(make({"sql": {"url": f"sqlite:///{file}", "table": "t"}}, derivation), len(DECLARED[declared]))


@pytest.mark.parametrize("value", [v for values in VALUES.values() for v in values])
def test_a_text_means_what_was_written(value: Any) -> None:
    """What `text_of` writes, `meant_by` reads."""
    read = list(meant_by(text_of(value)))
    assert any(type(each) is type(value) and each == value for each in read)


@pytest.mark.parametrize("ident", ["00", "+7", "07", "-0", "true", "TRUE", "1", "7.0", "٧", ""])
def test_no_other_spelling_is_found(make: Make, ident: str) -> None:
    """An id is exact, and true is not 1."""
    for kind, value in (("integer", 0), ("integer", 7), ("boolean", True)):
        host = make({**columns(kind), "objects": [{"k": value, "name": "n"}]})
        assert host.connector("Keyed").space.get(ident) is None


def test_an_integer_has_64_bits(make: Make) -> None:
    """More is refused where it is written: no answer could show it."""
    for value in (2**63, -(2**63) - 1, 10**30):
        with pytest.raises(ScenarioError, match="which holds whole numbers of 64 bits"):
            make({**columns("integer"), "objects": [{"k": value, "name": "n"}]})
