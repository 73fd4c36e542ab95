"""Tables of records: a frozen base that hosts of one scenario share, and an overlay of what changed.

The connector space and the system in memory are made of these. A record is a tuple in the order of the table's
layout; a multi-valued attribute is a tuple inside. A row keeps its number for life, and means nothing to another
table. Because the base never changes, copying or resetting a table costs what was changed, not what it holds, and an
index over the base is built once, when an attribute is first searched by.
"""

from __future__ import annotations

import bisect
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Final, TypeAlias

Value: TypeAlias = "str | bool | int | bytes | tuple[object, ...] | None"
Record: TypeAlias = "tuple[Value, ...]"
Form: TypeAlias = "Callable[[object], object]"
"""Gives a value's form in which it is looked up: values with one form are taken for equal."""


def fold(value: object) -> object:
    """The form in which a value is looked up: strings without case, the rest as they are."""
    return value.casefold() if isinstance(value, str) else value


class Rows(Sequence[Record]):
    """What a base may hold instead of a list: records computed when asked for, column by column if need be."""

    def column(self, position: int) -> Iterator[Value]:
        """All values of one column, in row order."""
        return (record[position] for record in self)


class Stacked(Rows):
    """Two sequences of records, one after the other."""

    def __init__(self, first: Sequence[Record], second: Rows) -> None:
        self._first = first
        self._second = second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def __getitem__(self, row: int) -> Record:  # type: ignore[override]  # slices are never asked for
        border = len(self._first)
        return self._first[row] if row < border else self._second[row - border]

    def column(self, position: int) -> Iterator[Value]:
        yield from _values(self._first, position)
        yield from self._second.column(position)


class Amended(Rows):
    """Records of which some are other ones, or more; those are octets until they are asked for.

    A row with None among the others, or beyond the first records and not among them, is never asked for.
    """

    def __init__(
        self, first: Sequence[Record], others: Mapping[int, bytes | None], read: Callable[[bytes], Record]
    ) -> None:
        self._first = first
        self._others = others
        self._read = read
        self._size = max(len(first), max(others, default=-1) + 1)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, row: int) -> Record:  # type: ignore[override]  # slices are never asked for
        octets = self._others.get(row)
        return self._first[row] if octets is None else self._read(octets)

    def column(self, position: int) -> Iterator[Value]:
        others, read, more = self._others, self._read, self._size - len(self._first)
        for row, value in enumerate(
            itertools.chain(_values(self._first, position), itertools.repeat(None, more))
        ):
            octets = others.get(row)
            yield value if octets is None else read(octets)[position]


def _values(rows: Sequence[Record], position: int) -> Iterator[Value]:
    """All values of one column, in row order, without making records that are computed."""
    return rows.column(position) if isinstance(rows, Rows) else (record[position] for record in rows)


class Base:
    """Records that never change, with indexes that are built when first needed and then shared.

    `owner` is what the records were made from; it lives for as long as they do. `forms`: how the values of a column
    are looked up, by its position, where that is not `fold`.
    """

    __slots__ = ("__weakref__", "_building", "_empty", "_indexes", "_size", "forms", "owner", "rows")

    def __init__(
        self, rows: Sequence[Record] = (), owner: object = None, forms: Mapping[int, Form] | None = None
    ) -> None:
        self.rows = rows
        self._size = len(rows)
        self.owner = owner
        self.forms: Mapping[int, Form] = forms or {}
        self._indexes: dict[int, dict[object, int | list[int]]] = {}
        self._empty: dict[
            int, list[int]
        ] = {}  # if amended, per column with an index: the rows without a value
        self._building = threading.Lock()

    def __len__(self) -> int:
        return self._size

    def amended(self, others: Mapping[int, bytes | None], read: Callable[[bytes], Record]) -> Base:
        """A base in which some records are other ones, or more, given as octets."""
        return Base(Amended(self.rows, others, read), forms=self.forms)

    @property
    def is_amended(self) -> bool:
        """Whether it has records that were no part of a scenario."""
        return isinstance(self.rows, Amended)

    def index(self, position: int) -> dict[object, int | list[int]]:
        """Form of a value -> row, or -> rows where several share it, for one column."""
        found = self._indexes.get(position)
        if found is None:
            with self._building:
                found = self._indexes.get(position)
                if found is None:
                    empty = self._empty.setdefault(position, []) if self.is_amended else None
                    found = self._indexes[position] = _index(
                        self.column(position), self.form(position), empty
                    )
        return found

    def form(self, position: int) -> Form:
        """How the values of a column are looked up."""
        return self.forms.get(position, fold)

    def column(self, position: int) -> Iterator[Value]:
        """All values of one column, in row order, without making records that are computed."""
        return _values(self.rows, position)

    def empty(self, position: int) -> Iterable[int]:
        """The rows whose column holds nothing. Computed records are taken to fill what they are asked for."""
        if self.is_amended:
            self.index(position)
            return self._empty[position]
        stored = self.rows if isinstance(self.rows, list) else ()
        return (row for row, record in enumerate(stored) if record[position] is None)


def _index(values: Iterable[Value], form: Form, empty: list[int] | None) -> dict[object, int | list[int]]:
    index: dict[object, int | list[int]] = {}
    claim = index.setdefault
    for row, value in enumerate(values):
        if value is None:
            if empty is not None:
                empty.append(row)
        elif isinstance(value, str) and form is fold:
            key: object = value.casefold()
            if key == value:
                key = value  # one string object less per row
            held = claim(key, row)
            if held is not row:
                _share(index, key, row)
        else:
            for item in value if isinstance(value, tuple) else (value,):
                key = form(item)
                if claim(key, row) is not row:
                    _share(index, key, row)
    return index


def _share(index: dict[object, int | list[int]], key: object, row: int) -> None:
    held = index[key]
    if not isinstance(held, list):
        held = index[key] = [held]
    if held[-1] != row:
        held.append(row)


class Untouched(Enum):
    """What the overlay has of an unchanged row."""

    UNTOUCHED = 0


UNTOUCHED: Final = Untouched.UNTOUCHED
_Held: TypeAlias = "Record | Untouched | None"
"""What the overlay has of a row: a record, None for a row of the base that is gone, or nothing."""


class Table:
    """A base and what was changed on top of it. Not thread-safe: the host's lock guards it."""

    __slots__ = ("_deleted", "_found", "_next", "_overlay", "_undo", "base", "log")

    def __init__(self, base: Base, gone: Iterable[int] = ()) -> None:
        """gone: rows of the base that are not there from the beginning."""
        self.base = base
        self._deleted: list[int] = sorted(gone)  # rows of the base that are gone
        self._overlay: dict[int, Record | None] = dict.fromkeys(self._deleted)
        self._found: dict[int, dict[object, set[int]]] = {}  # per column: folded value -> changed rows
        self._next = len(base)
        self._undo: list[tuple[int, _Held, bool]] | None = (
            None  # what changed rows were before, while they may be taken back
        )
        self.log: dict[int, Record | None] | None = None
        """the rows that changed since this was last emptied, with their records before; None: not recorded"""

    def copy(self) -> Table:
        """A table that holds the same and goes its own way from now on."""
        twin = Table(self.base)
        twin._overlay = dict(self._overlay)
        twin._deleted = list(self._deleted)
        twin._next = self._next
        return twin

    def __len__(self) -> int:
        live = sum(1 for row, record in self._overlay.items() if record is not None and row >= len(self.base))
        return len(self.base) - len(self._deleted) + live

    def get(self, row: int) -> Record | None:
        """The record in a row, or None if there is none."""
        if row in self._overlay:
            return self._overlay[row]
        return self.base.rows[row] if 0 <= row < len(self.base) else None

    def insert(self, record: Record) -> int:
        """Add a record; its row."""
        row = self._next
        self._next += 1
        self._put(row, record)
        return row

    def put(self, row: int, record: Record) -> None:
        """Set the record in a row, whether or not there was one."""
        self._next = max(self._next, row + 1)
        self._put(row, record)

    def delete(self, row: int) -> None:
        """Empty a row; nothing happens if it is empty."""
        if self.get(row) is not None:
            self._put(row, None)

    @property
    def is_on_trial(self) -> bool:
        """Whether what is changed now may be taken back."""
        return self._undo is not None

    @contextmanager
    def trial(self) -> Iterator[Callable[[], set[int]]]:
        """Take back, at the end, every change of a row that is made within: as if it had never been.

        It costs what the changes cost. Gives a function that says which rows have changed so far. Trials may stand
        within each other. The log must not be read, nor the table copied, in between.
        """
        following = self._next
        with self._noting() as undo:
            try:
                yield lambda: {row for row, _, _ in undo}
            finally:
                self._take_back(undo, following)

    @contextmanager
    def attempt(self) -> Iterator[Callable[[], set[int]]]:
        """The same, but only if an exception ends it."""
        outer, following = self._undo, self._next
        with self._noting() as undo:
            try:
                yield lambda: {row for row, _, _ in undo}
            except BaseException:
                self._take_back(undo, following)
                raise
        if outer is not None:
            outer.extend(undo)

    @contextmanager
    def _noting(self) -> Iterator[list[tuple[int, _Held, bool]]]:
        outer, self._undo = self._undo, []
        try:
            yield self._undo
        finally:
            self._undo = outer

    def _take_back(self, undo: list[tuple[int, _Held, bool]], following: int) -> None:
        for row, held, logged in reversed(undo):
            self._set(row, held)
            if self.log is not None and not logged:
                self.log.pop(row, None)
        self._next = following

    def changed(self, row: int) -> _Held:
        """The record of a row that is other than in the base."""
        return self._overlay.get(row, UNTOUCHED)

    def _put(self, row: int, record: Record | None) -> None:
        if self._undo is not None:
            logged = self.log is not None and row in self.log
            self._undo.append((row, self._overlay.get(row, UNTOUCHED), logged))
        if self.log is not None and row not in self.log:
            self.log[row] = self.get(row)
        self._set(row, UNTOUCHED if record is None and row >= len(self.base) else record)

    def _set(self, row: int, held: _Held) -> None:
        """Give the overlay what it is to have of a row, and the indexes with it."""
        old = self._overlay.get(row)
        if old is not None:
            for position, found in self._found.items():
                for key in self._keys(position, old):
                    holders = found[key]
                    holders.discard(row)
                    if not holders:
                        del found[key]
        if row < len(self.base):
            spot = bisect.bisect_left(self._deleted, row)
            gone = spot < len(self._deleted) and self._deleted[spot] == row
            if held is None and not gone:
                self._deleted.insert(spot, row)
            elif held is not None and gone:
                del self._deleted[spot]
        if held is UNTOUCHED:
            self._overlay.pop(row, None)
            return
        self._overlay[row] = held
        if held is not None:
            for position, found in self._found.items():
                for key in self._keys(position, held):
                    found.setdefault(key, set()).add(row)

    def _keys(self, position: int, record: Record) -> Iterable[object]:
        """The forms in which a record is found by one column."""
        value, form = record[position], self.base.form(position)
        if value is None:
            return ()
        return set(map(form, value)) if isinstance(value, tuple) else (form(value),)

    def find(self, position: int, value: object) -> list[int]:
        """The rows whose column equals `value` (or has it among its values), in order.

        Texts are equal without regard to case, unless the base has another form for the column.
        """
        key = self.base.form(position)(value)
        overlay = self._overlay
        held = self.base.index(position).get(key)
        if held is None:
            rows: list[int] = []
        elif isinstance(held, list):
            rows = [row for row in held if row not in overlay]
        else:
            rows = [] if held in overlay else [held]
        if overlay:
            changed = self._overlaid(position).get(key)
            if changed:
                rows = sorted([*rows, *changed])
        return rows

    def _overlaid(self, position: int) -> dict[object, set[int]]:
        """Form of a value -> changed rows, for one column."""
        found = self._found.get(position)
        if found is None:
            found = self._found[position] = self._index_overlay(position)
        return found

    def _index_overlay(self, position: int) -> dict[object, set[int]]:
        found: dict[object, set[int]] = {}
        for row, record in self._overlay.items():
            if record is not None:
                for key in self._keys(position, record):
                    found.setdefault(key, set()).add(row)
        return found

    def rows(self, start: int = 0) -> Iterator[int]:
        """Live rows in order, beginning with the `start`-th (from 0) without walking over those before it."""
        border = len(self.base)
        live_in_base = border - len(self._deleted)
        gone = set(self._deleted)
        if start < live_in_base:
            first = _nth_live(start, self._deleted)
            if gone:
                yield from (row for row in range(first, border) if row not in gone)
            else:
                yield from range(first, border)
            skip = 0
        else:
            skip = start - live_in_base
        added = sorted(row for row in self._overlay if row >= border)
        yield from added[skip:]

    def records(self, start: int = 0) -> Iterator[tuple[int, Record]]:
        """(row, record) pairs in order, beginning with the `start`-th."""
        base, overlay = self.base.rows, self._overlay
        for row in self.rows(start):
            record = overlay[row] if row in overlay else base[row]
            if record is not None:
                yield row, record

    def find_empty(self, position: int) -> list[int]:
        """Rows whose column holds nothing, as far as `Base.empty` tells."""
        overlay = self._overlay
        rows = [row for row in self.base.empty(position) if row not in overlay]
        rows += [row for row, record in overlay.items() if record is not None and record[position] is None]
        return sorted(rows)

    def shared_rows(self, position: int, *, changed: bool = False) -> list[list[int]]:
        """The groups of two and more rows that have one value of a column in common.

        `changed`: only of groups with a row that was changed, where the scenario is known to have none; it costs less.
        """
        groups: dict[object, object] = {}
        if not changed or self.base.is_amended:
            for key, held in self.base.index(position).items():
                if isinstance(held, list):
                    groups[key] = key
        if self._overlay:
            base = self.base.index(position)
            groups.update(
                (key, key) for key, rows in self._overlaid(position).items() if len(rows) > 1 or key in base
            )
        found = (self.find(position, item) for item in groups.values())
        return [rows for rows in found if len(rows) > 1]

    def column(self, position: int) -> Iterator[tuple[int, Value]]:
        """(row, value) pairs of one column, in order; cheaper than records where those are computed."""
        overlay = self._overlay
        for row, value in enumerate(self.base.column(position)):
            if row not in overlay:
                yield row, value
            elif (record := overlay[row]) is not None:
                yield row, record[position]
        for row in sorted(row for row in overlay if row >= len(self.base)):
            if (record := overlay[row]) is not None:
                yield row, record[position]


def _nth_live(position: int, deleted: list[int]) -> int:
    """The row number of the `position`-th row that is not in the sorted list `deleted`."""
    low, high = position, position + len(deleted)
    while low < high:
        middle = (low + high) // 2
        if middle - bisect.bisect_right(deleted, middle) < position:
            low = middle + 1
        else:
            high = middle
    return low
