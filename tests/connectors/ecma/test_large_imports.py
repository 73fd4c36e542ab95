"""What a full import of a large table holds in memory beside the cache. Rows are counted, not bytes or seconds."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from mockhost.connectors.ecma.config import Column
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.systems import outside, sql
from mockhost.connectors.systems.outside import Sharing
from mockhost.connectors.systems.sql import SqlSystem
from mockhost.connectors.tables import Record
from tests.connectors.ecma import test_sql
from tests.connectors.ecma.test_sql import Hr

hr = test_sql.hr
SLICE = 10
ROWS = 500


@pytest.fixture
def host(hr: Hr, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host in front of a table of many rows, read in small slices."""
    monkeypatch.setattr(sql, "SLICE", SLICE)
    with hr.open() as connection:
        rows = [(f"user{n:04d}", f"First{n % 5}", n) for n in range(100, 100 + ROWS)]
        connection.executemany(
            "INSERT INTO Employees (ContosoLogin, FirstName, Number) VALUES (?, ?, ?)", rows
        )
    return hr.host()


def held(host: Host) -> dict[object, Record]:
    """The records of the cache by their anchor."""
    return {record[0]: record for record in host.connector("SQL").space.snapshot()}


def test_rows_of_the_driver_live_for_a_slice(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never more than two slices at a time: the one that is read, and the one that is made records of."""
    system, streamed = host.system("SQL"), SqlSystem._streamed
    alive, most = weakref.WeakSet[Any](), 0

    class Watched:
        """A row, counted for as long as it lives."""

        def __init__(self, row: Sequence[Any]) -> None:
            self.row = row

        def __len__(self) -> int:
            return len(self.row)

        def __iter__(self) -> Iterator[Any]:
            return iter(self.row)

    def watched(self: SqlSystem, connection: Any, query: Any) -> Iterator[Any]:
        nonlocal most
        for row in streamed(self, connection, query):
            made = Watched(row)
            alive.add(made)
            most = max(most, len(alive))
            yield made
            del made

    monkeypatch.setattr(SqlSystem, "_streamed", watched)
    assert len(system.snapshot()) == ROWS + 2
    assert 0 < most <= 2 * SLICE


def test_the_driver_is_asked_for_a_slice_at_a_time(host: Host) -> None:
    """Its result is not read to the end first."""
    from sqlalchemy import event

    system = host.system("SQL")
    assert isinstance(system, SqlSystem)
    asked: list[Any] = []

    def note(_connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append(context.execution_options)

    event.listen(system.database.engine, "before_cursor_execute", note)
    system.snapshot()
    assert [(each.get("yield_per"), each.get("stream_results")) for each in asked] == [(SLICE, True)]


def test_the_next_import_holds_again_only_what_is_new(hr: Hr, host: Host) -> None:
    """The old cache answers while the new one is read: what is the same in both is in memory once."""
    before = held(host)
    hr.run("UPDATE Employees SET FirstName = 'Other' WHERE ContosoLogin = 'user0200'")
    hr.run("DELETE FROM Employees WHERE ContosoLogin BETWEEN 'user0300' AND 'user0309'")
    hr.run(
        "INSERT INTO Employees (ContosoLogin, FirstName) VALUES ('user0150a', 'N'), ('aaa', 'N'), ('zzz', 'N')"
    )
    host.connector("SQL").space.begin_import("full")
    after = held(host)
    assert len(after) == len(before) - 10 + 3
    assert {name for name, record in after.items() if record is not before.get(name)} == {
        "user0200", "user0150a", "aaa", "zzz",
    }  # fmt: skip
    assert after["user0200"][1] == "Other"


def test_values_that_many_have_are_held_once(host: Host) -> None:
    """A department, a town, a title; not the numbers and keys, of which each row has its own."""
    names = [record[1] for record in held(host).values()]
    assert len(names) == ROWS + 2
    assert len({id(name) for name in names}) == len(set(names))


def test_a_column_of_different_values_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered to hold values once is bounded."""
    monkeypatch.setattr(outside, "_MOST_SHARED", 10)
    share = Sharing([Column("Id", unique=True), Column("Note"), Column("Town")])
    for n in range(100):
        share.of((str(n), f"note {n}", f"town {n % 3}"))
    assert [(at, len(values)) for at, values in share._values] == [(2, 3)]


def test_a_record_that_is_equal_but_of_another_type_is_new() -> None:
    """In Python, true is 1."""
    known = [("a", 1), ("b", True)]
    share = Sharing([Column("Id", unique=True), Column("Flag", "boolean")], known)
    assert share.of(("a", True)) is not known[0]
    assert share.of(("b", True)) is known[1]
