"""A connected system in memory: a table of records that starts with a scenario's objects and crowd.

It knows nothing of SCIM or of the host. What a connector exports to it is refused as the real database,
directory or script would refuse it, in its own words; what a person changes in it directly (`change`) is not
seen by the host until the next import.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from mockhost.clock import Chance
from mockhost.connectors.ecma import dn as dns
from mockhost.connectors.ecma.config import INTEGERS, OBJECT_DN, Column, ConnectorConfig, ObjectRows
from mockhost.connectors.ecma.kinds import CODES, KINDS, ExportError
from mockhost.connectors.systems.described import Described, Wanted, frozen
from mockhost.connectors.systems.octets import octets_of, record_of
from mockhost.connectors.tables import UNTOUCHED, Base, Form, Record, Rows, Stacked, Table, Untouched, Value
from mockhost.errors import CannotRun
from mockhost.people import Crowd, PeopleConfig
from mockhost.slices import Pause, no_pause

if TYPE_CHECKING:
    from mockhost.connectors.kept import Kept, Store

_BASES: WeakSet[Base] = WeakSet()
"""The frozen records that some host still has."""
_CHANGING: Final = threading.Lock()
"""held by who looks at them or adds some: hosts start on threads of their own, as those of a class do"""


class MemorySystem(Described):
    """One application behind one connector. Not thread-safe: the runtime's lock guards it."""

    def __init__(self, page: ConnectorConfig, chance: Chance) -> None:
        super().__init__(page, chance)
        self._mark = 0
        self._store: Store | None = None
        self.reset(page)

    def __len__(self) -> int:
        return len(self.table)

    def reset(self, page: ConnectorConfig) -> None:
        """Go back to the objects of the start, as a page has them. Raises CannotRun, and changes nothing then."""
        with self._described(page):
            self._begin()
        self._watch()

    @contextmanager
    def _described(self, page: ConnectorConfig) -> Iterator[None]:
        """Be as a page says, unless what is done within fails."""
        before = self.page
        self.describe(page)
        try:
            yield
        except CannotRun:
            self.describe(before)
            raise

    def _begin(self) -> None:
        """Hold the objects of the start, and nothing else."""
        if self._store is not None:
            self._store.begin_again(self._made_from(), {}, {})
        self._generated = 0
        self.table = self._of_start()
        self._border = len(self.table.base)
        """rows from here on are not of the start"""

    def _of_start(self) -> Table:
        return Table(_base(self.page, self.columns, self.forms, self.chance))

    # -- what is there after the process ------------------------------------------------------------------

    def keep(self, kept: Kept) -> None:
        """Take over what was kept, and keep what is changed from now on. Raises UsageError, CannotRun."""
        self._store = kept.store(self.name, self._made_from())
        self._generated = int(self._store.state.get("generated", 0))
        others = self._store.rows("")
        if others:
            base = self.table.base.amended(others, self._read_kept)
            gone = {row for row, octets in others.items() if octets is None}
            gone.update(row for row in range(self._border, len(base)) if row not in others)
            self.table = Table(base, gone)
            self._watch()

    def _read_kept(self, octets: bytes) -> Record:
        """A record that was kept. Raises CannotRun; that is at the first import, as at each start all are read."""
        assert self._store is not None
        with self._store.reading():
            record = record_of(octets)
            if len(record) != len(self.columns):
                raise ValueError("an object has other columns")
        return record

    def _made_from(self) -> str:
        """What tells these objects of the start from others."""
        import hashlib

        system, names = self.page.system, [column.name for column in self.columns]
        made = hashlib.blake2b(repr((names, system.people, self.chance.seed)).encode(errors="surrogatepass"))
        for values in system.objects.rows if isinstance(system.objects, ObjectRows) else system.objects:
            made.update(repr(values).encode(errors="surrogatepass"))
        return made.hexdigest()

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """Keep what is changed within, before anybody is told of it; if that fails, it is taken back.

        Raises CannotRun then.
        """
        if self._store is None or self.table.is_on_trial:
            yield
            return
        with self.table.attempt() as touched:
            yield
            changes = {row: self._held(self.table, row) for row in touched()}
            if changes:
                self._store.write({"": changes}, {"generated": self._generated})

    def _held(self, table: Table, row: int) -> bytes | Untouched | None:
        """What a file keeps of a row."""
        record = table.changed(row)
        if isinstance(record, Untouched) or (record is None and row >= self._border):
            return UNTOUCHED
        return None if record is None else octets_of(record)

    @contextmanager
    def _exporting(self, operation: str) -> Iterator[None]:
        self.check_right(operation)
        try:
            with self._keeping():
                yield
        except CannotRun as error:
            raise ExportError(CODES["other"], error.message, "other") from None

    def close(self) -> None:
        """There is nothing to close."""

    def configure(self, page: ConnectorConfig, *, running: bool = False) -> None:
        """Take over a changed page. The data stays, in new columns if need be, unless it is what changed.

        A connector that is `running` reads records by the columns that it started with and exports by its anchor,
        so both stay until it starts again; so does data that comes with other columns.
        """
        if running:
            page = self._meanwhile(page)
        before, names = self.page, [column.name for column in self.columns]
        with self._described(page):
            if (before.system.objects, before.system.people) != (page.system.objects, page.system.people):
                self._begin()
            elif names != [column.name for column in self.columns]:
                held = [dict(zip(names, record, strict=True)) for _, record in self.table.records()]
                self._hold([self.record(values) for values in held])
            elif (self.table.log is not None) == _has_delta(page):
                return
        self._watch()

    def _hold(self, records: list[Record]) -> None:
        """Hold other records; where they are kept, as changes of the objects of the start."""
        if self._store is None:
            self.table = Table(Base(records, forms=self.forms))
            return
        table = self._of_start()
        with table.attempt() as touched:
            for row in list(table.rows()):
                table.delete(row)
            for record in records:
                table.insert(record)
            self._border = len(table.base)
            changes = {row: self._held(table, row) for row in touched()}
        self._store.begin_again(self._made_from(), {"": changes}, self._store.state)
        self.table = table

    def _meanwhile(self, page: ConnectorConfig) -> ConnectorConfig:
        held, wanted = self.page.system, page.system
        if wanted.columns != held.columns:
            wanted = held._replace(table=wanted.table, rights=wanted.rights)
        return self.page._replace(system=wanted)

    # -- what an import reads -----------------------------------------------------------------------------

    def snapshot(self, pause: Pause = no_pause, known: Sequence[Record] = ()) -> Table:
        """All objects in a table of the caller's own; it shares what was not changed."""
        return self.table.copy()

    def _watch(self) -> None:
        """Begin to note what changes, if there is a delta import that wants to know."""
        self._mark += 1
        self.table.log = {} if _has_delta(self.page) else None

    def mark(self) -> int:
        """What `changes` is told to learn of what changed after this moment."""
        self._watch()
        return self._mark

    def changes(self, since: object) -> list[Value] | None:
        """The anchors of the objects that changed since a mark; None: it is not known."""
        if since != self._mark or self.table.log is None:
            return None
        anchors: dict[Value, None] = {}
        for row, before in self.table.log.items():
            for record in (before, self.table.get(row)):
                if record is not None and record[self.anchor_position] is not None:
                    anchors[record[self.anchor_position]] = None
        return list(anchors)

    def find(self, column: str, value: object) -> list[Record]:
        """The objects in which `column` equals `value`, in order."""
        return [self.table.get(row) or () for row in self.table.find(self.position[column], value)]

    def objects(self, where: Mapping[str, object] | None = None) -> Iterator[dict[str, Value]]:
        """The objects, optionally only those whose columns equal the given values."""
        return (self.values(record) for _, record in self._where(self.wanted(where or {})))

    def _where(self, wanted: Wanted) -> Iterator[tuple[int, Record]]:
        if not wanted:
            yield from self.table.records()
            return
        (first, value), *rest = wanted
        for row in self.table.find(first, value):
            record = self.table.get(row)
            if record is not None and all(self.has(record, position, other) for position, other in rest):
                yield row, record

    # -- what a connector exports -------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Take back, at the end, whatever was exported within, down to the values that were generated."""
        generated = self._generated
        try:
            with self.table.trial():
                yield
        finally:
            self._generated = generated

    def generate(self, column: Column) -> str:
        """The value that the application itself gives a new object: `newid()`, `objectGUID`."""
        self._generated += 1
        return self.chance.guid(f"{self.name}.{column.name}.insert", self._generated)

    def add(self, values: dict[str, Value]) -> Record:
        """Insert an object. Raises ExportError in the application's own words; returns its record."""
        with self._exporting("add"):
            self._fill(values)
            record = self.record(values)
            self.check(record, range(len(self.columns)), lambda at, value: bool(self.table.find(at, value)))
            self._check_parent(values.get(OBJECT_DN))
            self.table.insert(record)
        return record

    def _fill(self, values: dict[str, Value]) -> None:
        for column in self.columns:
            if column.generated and values.get(column.name) is None:
                values[column.name] = self.generate(column)

    def _check_parent(self, name: Value) -> None:
        """A directory makes no container on its own (Microsoft Learn, Generic LDAP connector, attribute mappings)."""
        if self.config.containers is None or name is None or self.kind.dn_style != "ldap":
            return
        parent = dns.parse(str(name)).parent()
        known = {dns.parse(container).key() for container in self.config.containers}
        if parent is not None and parent.key() not in known and not self.find(OBJECT_DN, str(parent)):
            raise self.kind.missing_parent(str(name))

    def modify(self, anchor: Value, changed: Mapping[str, Value]) -> Record:
        """Change columns of the object with this anchor (of each, where the anchor is not unique)."""
        with self._exporting("modify"):
            return self._modify(self._rows(anchor), changed)

    def _modify(self, rows: list[int], changed: Mapping[str, Value]) -> Record:
        positions = [self.position[name] for name in changed]
        records = []
        for row in rows:
            current = list(self.table.get(row) or ())
            for name, value in changed.items():
                current[self.position[name]] = value
            records.append(tuple(current))

        def is_taken(position: int, value: Value) -> bool:
            return any(row not in rows for row in self.table.find(position, value))

        self.check(records[0], positions, is_taken)
        for row, record in zip(rows, records, strict=True):
            self.table.put(row, record)
        return records[0]

    def remove(self, anchor: Value) -> None:
        """Delete the object with this anchor. Raises ExportError if there is none."""
        with self._exporting("delete"):
            for row in self._rows(anchor):
                self.table.delete(row)

    def _rows(self, anchor: Value) -> list[int]:
        rows = self.table.find(self.anchor_position, anchor)
        if not rows:
            raise self.kind.missing_object(str(anchor), self.table_name)
        return rows

    def change(self, changes: Mapping[str, object]) -> int:
        """Insert, update and delete as an administrator of the application would; how many objects changed.

        `changes` has lists under `insert` (maps of column values), `update` ({where, set}) and `delete` (maps of
        column values that must all match). Raises UsageError, before anything is changed.
        """
        inserts, updates, deletes = self.read_changes(changes)
        with self._keeping():
            return self._change(inserts, updates, deletes)

    def _change(
        self,
        inserts: list[dict[str, Value]],
        updates: list[tuple[Wanted, dict[str, Value]]],
        deletes: list[Wanted],
    ) -> int:
        for values in inserts:
            self._fill(values)
            self.table.insert(self.record(values))
        count = len(inserts)
        for where, new in updates:
            for row, record in list(self._where(where)):
                self.table.put(row, self.record({**self.values(record), **new}))
                count += 1
        for where in deletes:
            for row, _ in list(self._where(where)):
                self.table.delete(row)
                count += 1
        return count


def _has_delta(page: ConnectorConfig) -> bool:
    return "delta" in page.imports.profiles


# -- the data that a scenario starts with -----------------------------------------------------------------


def _base(
    config: ConnectorConfig, columns: tuple[Column, ...], forms: Mapping[int, Form], chance: Chance
) -> Base:
    """The frozen records of a scenario's connector, made once and shared by all hosts with an equal connector."""
    with _CHANGING:
        for held in _BASES:
            if held.owner == (config, chance.seed):
                return held
        base = _made(config, columns, forms, chance)
        _BASES.add(base)
        return base


def _made(
    config: ConnectorConfig, columns: tuple[Column, ...], forms: Mapping[int, Form], chance: Chance
) -> Base:
    objects = config.system.objects
    listed = objects.first if isinstance(objects, ObjectRows) else objects
    rows: Sequence[Record] = [
        _object_record(values, row, config.name, columns, chance) for row, values in enumerate(listed)
    ]
    if isinstance(objects, ObjectRows):
        rows = Stacked(rows, _Listed(config.name, objects, columns, chance))
    people = config.system.people
    if people is not None and people.size > 0:
        rows = Stacked(rows, _Crowd(config, people, columns, chance))
    return Base(rows, (config, chance.seed), forms)


def start_records(
    config: ConnectorConfig, columns: tuple[Column, ...], forms: Mapping[int, Form], chance: Chance
) -> Iterator[Record]:
    """The objects that a scenario's connector starts with, one after the other."""
    rows = _base(config, columns, forms, chance).rows
    return (rows[row] for row in range(len(rows)))


def _object_record(
    values: Mapping[str, object], row: int, name: str, columns: tuple[Column, ...], chance: Chance
) -> Record:
    record = []
    for column in columns:
        value = frozen(values.get(column.name))
        if value is None and column.generated:
            value = chance.guid(f"{name}.{column.name}", row)
        if column.multi_valued and value is not None and not isinstance(value, tuple):
            value = (value,)
        record.append(value)
    return tuple(record)


class _Listed(Rows):
    """The rows of a data file in a connector's columns. Records are made when asked for, so that none is kept twice."""

    def __init__(self, name: str, objects: ObjectRows, columns: tuple[Column, ...], chance: Chance) -> None:
        self._name = name
        self._rows = objects.rows
        self._start = len(objects.first)
        self._columns = columns
        self._chance = chance
        places = {column: place for place, column in enumerate(objects.names)}
        self._places = [places.get(column.name) for column in columns]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> Record:  # type: ignore[override]  # slices are never asked for
        values = self._rows[row]
        return tuple(self._value(position, values, row) for position in range(len(self._columns)))

    def column(self, position: int) -> Iterator[Value]:
        return (self._value(position, values, row) for row, values in enumerate(self._rows))

    def _value(self, position: int, values: tuple[object, ...], row: int) -> Value:
        place, column = self._places[position], self._columns[position]
        value = None if place is None else frozen(values[place])
        if value is None and column.generated:
            return self._chance.guid(f"{self._name}.{column.name}", self._start + row)
        return value


_USUAL_FILL = {
    "firstname": "first_name",
    "givenname": "first_name",
    "lastname": "last_name",
    "sn": "last_name",
    "surname": "last_name",
    "displayname": "name",
    "title": "job",
    "city": "city",
    "company": "company",
    "telephonenumber": "phone_number",
}


def filled_by_faker(people: PeopleConfig, columns: Iterable[Column], anchor: str) -> dict[str, str]:
    """The columns of a crowd that get made-up values, with faker's provider for each: as told, or as is usual."""
    told = {*people.set, *people.fill, OBJECT_DN, anchor}
    usual = {
        column.name: _USUAL_FILL[column.name.casefold()]
        for column in columns
        if column.name not in told and not column.generated and column.name.casefold() in _USUAL_FILL
    }
    return {**people.fill, **usual}


class _Crowd(Rows):
    """A crowd in a connector's columns: what `set` and `fill` leave open gets what such a column usually holds."""

    def __init__(
        self, config: ConnectorConfig, people: PeopleConfig, columns: tuple[Column, ...], chance: Chance
    ) -> None:
        pattern = dict(people.set)
        anchor = config.anchor_column
        fill = filled_by_faker(people, columns, anchor)
        login = anchor if anchor != OBJECT_DN else "cn"
        constants: dict[int, Value] = {}
        self._generated: dict[int, str] = {}
        for position, column in enumerate(columns):
            name, lower = column.name, column.name.casefold()
            if name in pattern or name in fill:
                continue
            if column.generated:
                self._generated[position] = f"{config.name}.{name}.crowd"
            elif name == OBJECT_DN:
                if config.dn_is_supplied:
                    container = (
                        config.system.table if "=" in config.system.table else KINDS[config.kind].container
                    )
                    pattern[name] = "CN=user{n:07d}," + container
            elif name == login or lower in ("cn", "uid", "username", "contosologin"):
                pattern[name] = "user{n:07d}"
            elif lower in ("email", "mail", "userprincipalname"):
                pattern[name] = "user{n:07d}@contoso.example"
            elif column.type == "boolean":
                constants[position] = "disabled" not in lower
            elif column.values:
                constants[position] = column.values if column.multi_valued else column.values[0]
            elif column.required:
                pattern[name] = name + "{n}"
        self._constants = constants
        self._chance = chance
        self._wrapped = {i for i, c in enumerate(columns) if c.multi_valued and i not in constants}
        self._typed = {i for i, c in enumerate(columns) if c.type == "integer"}
        self._crowd = Crowd(chance.seed, people.size, tuple(c.name for c in columns), pattern, fill)

    def __len__(self) -> int:
        return len(self._crowd)

    def __getitem__(self, row: int) -> Record:  # type: ignore[override]  # slices are never asked for
        record = self._crowd[row]
        if not (self._generated or self._constants or self._wrapped or self._typed):
            return record
        filled: list[Value] = list(record)
        for position, value in self._constants.items():
            filled[position] = value
        for position, name in self._generated.items():
            filled[position] = self._chance.guid(name, row)
        for position in (*self._wrapped, *self._typed):
            filled[position] = self._shaped(position, filled[position])
        return tuple(filled)

    def _shaped(self, position: int, value: Value) -> Value:
        if value is None:
            return None
        if position in self._typed and isinstance(value, str) and value.lstrip("-").isdecimal():
            value = number if (number := int(value)) in INTEGERS else value
        return (value,) if position in self._wrapped else value

    def column(self, position: int) -> Iterator[Value]:
        if position in self._constants:
            return (self._constants[position] for _ in range(len(self)))
        if position in self._generated:
            name = self._generated[position]
            return (self._chance.guid(name, row) for row in range(len(self)))
        values = self._crowd.column(position)
        if position in self._wrapped or position in self._typed:
            return (self._shaped(position, value) for value in values)
        return iter(values)
