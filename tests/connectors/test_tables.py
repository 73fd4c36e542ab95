"""A table is a frozen base with an overlay; it must behave like a plain dictionary of rows, only cheaper."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost.connectors.systems.octets import octets_of, record_of
from mockhost.connectors.tables import Base, Record, Rows, Stacked, Table

NAMES = st.sampled_from(["ann", "Ann", "bea", "cid", None])
RECORDS = st.tuples(NAMES, st.sampled_from([("x",), ("x", "y"), ("x", "X"), None, ()]))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.just(0), RECORDS),
        st.tuples(st.just("put"), st.integers(0, 12), RECORDS),
        st.tuples(st.just("delete"), st.integers(0, 12), RECORDS),
        st.tuples(st.just("find"), st.integers(0, 12), RECORDS),
    ),
    max_size=30,
)


def found_in(model: dict[int, Record], position: int, value: str) -> list[int]:
    """The rows that a search should find, by looking at every one."""
    rows = []
    for row, record in sorted(model.items()):
        held = record[position]
        values = held if isinstance(held, tuple) else (held,)
        if any(isinstance(v, str) and v.casefold() == value.casefold() for v in values):
            rows.append(row)
    return rows


@settings(deadline=None)
@given(st.lists(RECORDS, max_size=8), STEPS)
def test_a_table_is_a_dictionary_of_rows(base: list[Record], steps: list[tuple[str, int, Record]]) -> None:
    """After any changes a table holds, counts, lists, pages and finds what a dictionary would."""
    check(Table(Base(base)), dict(enumerate(base)), steps)


@settings(deadline=None)
@given(st.lists(RECORDS, max_size=8), st.dictionaries(st.integers(0, 12), RECORDS | st.none()), STEPS)
def test_so_is_one_over_an_amended_base(
    first: list[Record], others: dict[int, Record | None], steps: list[tuple[str, int, Record]]
) -> None:
    """Some records are other ones, more, or gone, as a file has them."""
    octets = {row: None if record is None else octets_of(record) for row, record in others.items()}
    base = Base(first).amended(octets, record_of)
    there: dict[int, Record | None] = {**dict(enumerate(first)), **others}
    model = {row: record for row, record in there.items() if record is not None}
    check(Table(base, [row for row in range(len(base)) if row not in model]), model, steps)


def check(table: Table, model: dict[int, Record], steps: list[tuple[str, int, Record]]) -> None:
    """Do the steps with both, and compare."""
    following = len(table.base)
    for action, row, record in steps:
        if action == "insert":
            assert table.insert(record) == following
            model[following] = record
            following += 1
        elif action == "put":
            table.put(row, record)
            model[row] = record
            following = max(following, row + 1)
        elif action == "delete":
            table.delete(row)
            model.pop(row, None)
        for name in ("ANN", "bea"):
            assert table.find(0, name) == found_in(model, 0, name)
        assert table.find(1, "X") == found_in(model, 1, "x")
    assert len(table) == len(model)
    assert list(table.records()) == sorted(model.items())
    for start in range(len(model) + 2):
        assert list(table.records(start)) == sorted(model.items())[start:]
    for position in (0, 1):
        assert list(table.column(position)) == [
            (row, record[position]) for row, record in sorted(model.items())
        ]
    assert table.find_empty(0) == [row for row, record in sorted(model.items()) if record[0] is None]
    shared = [rows for key in ("ann", "bea", "cid") if len(rows := found_in(model, 0, key)) > 1]
    assert sorted(table.shared_rows(0)) == sorted(shared)


def test_a_copy_goes_its_own_way() -> None:
    """What happens to a table after it was copied is not seen in the copy, and the other way round."""
    table = Table(Base([("ann",)]))
    table.insert(("bea",))
    twin = table.copy()
    table.delete(0)
    twin.insert(("cid",))
    assert [record for _, record in table.records()] == [("bea",)]
    assert [record for _, record in twin.records()] == [("ann",), ("bea",), ("cid",)]


def test_two_tables_share_the_index_of_their_base() -> None:
    """An index over the base is built once, however many tables search it."""
    base = Base([("ann",), ("bea",)])
    Table(base).find(0, "ann")
    assert base.index(0) is base.index(0)
    assert Table(base).find(0, "BEA") == [1]


class Counted(Rows):
    """Records that are computed, and counted while they are."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.computed = 0

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, row: int) -> Record:  # type: ignore[override]
        if not 0 <= row < self.size:
            raise IndexError(row)
        self.computed += 1
        return (f"user{row}",)


def test_a_page_computes_no_more_records_than_it_shows() -> None:
    """A page far into a computed base does not walk over the records before it."""
    rows = Counted(100_000)
    table = Table(Base(rows))
    table.delete(5)
    rows.computed = 0
    page = [next(iter_) for iter_ in [table.records(90_000)] for _ in range(3)]
    assert [record for _, record in page] == [("user90001",), ("user90002",), ("user90003",)]
    assert rows.computed == 3


def test_stacked_rows_are_one_sequence() -> None:
    """Objects of a file come first, the crowd after them, with one numbering and one index."""
    stacked = Stacked([("ann",)], Counted(2))
    assert [stacked[row] for row in range(len(stacked))] == [("ann",), ("user0",), ("user1",)]
    assert Table(Base(stacked)).find(0, "USER1") == [2]


def test_only_a_table_that_is_watched_keeps_a_log() -> None:
    """The rows that changed are remembered for a delta import, and for nobody else."""
    table = Table(Base([("ann",)]))
    table.insert(("bea",))
    assert table.log is None
    table.log = {}
    table.delete(0)
    table.insert(("cid",))
    assert list(table.log) == [0, 2]


@pytest.mark.parametrize("churn", [1, 50])
def test_creating_and_deleting_leaves_nothing_behind(churn: int) -> None:
    """A table through which many rows came and went is as small as before."""
    table = Table(Base([("ann",)]))
    table.find(0, "x")
    for number in range(churn):
        row = table.insert((f"u{number}",))
        table.find(0, f"u{number}")
        table.delete(row)
    assert len(table._overlay) == 0
    assert table._found in ({}, {0: {}})
