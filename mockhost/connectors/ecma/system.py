"""The connected system: the pretend application whose users the host provisions.

It knows nothing of SCIM or of the host. What a connector exports to it is refused as the real database,
directory or script would refuse it, in its own words; what a person changes in it directly (`change`) is not
seen by the host until the next import.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias
from weakref import WeakValueDictionary

from mockhost.clock import Chance
from mockhost.connectors.ecma import dn as dns
from mockhost.connectors.ecma.config import HOLDS, OBJECT_DN, Column, ConnectorConfig, ObjectRows
from mockhost.connectors.ecma.kinds import KINDS, ExportError, Kind
from mockhost.connectors.ecma.tables import Base, Form, Record, Rows, Stacked, Table, Value, fold
from mockhost.errors import UsageError, did_you_mean
from mockhost.people import Crowd, PeopleConfig

_Wanted: TypeAlias = "list[tuple[int, Value]]"
"""What is looked for: column positions and their values, all of which must hold."""
_Changes: TypeAlias = "tuple[list[dict[str, Value]], list[tuple[_Wanted, dict[str, Value]]], list[_Wanted]]"
_CHANGES = ("insert", "update", "delete")

_BASES: WeakValueDictionary[tuple[int, str, int], Base] = WeakValueDictionary()
"""The frozen records that some host still has."""


class ConnectedSystem:
    """One application behind one connector. It outlives restarts of the service."""

    def __init__(self, config: ConnectorConfig, chance: Chance) -> None:
        self._name = config.name
        self._chance = chance
        self._generated = 0
        self._take_over(config)
        self.table = Table(_base(config, self.columns, chance))
        self._watch(config)

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Take back, at the end, whatever was exported meanwhile, down to the values that were generated."""
        generated = self._generated
        try:
            with self.table.trial():
                yield
        finally:
            self._generated = generated

    def _take_over(self, config: ConnectorConfig) -> None:
        self._page = config
        self.config = config.system
        self.kind: Kind = KINDS[config.kind]
        self.columns: tuple[Column, ...] = (*_without_dn(config.system.columns), Column(OBJECT_DN))
        self.position: dict[str, int] = {column.name: i for i, column in enumerate(self.columns)}
        self.anchor = config.anchor_column
        self.anchor_position = self.position[self.anchor]
        self.forms = _forms(self.columns)

    def _watch(self, config: ConnectorConfig) -> None:
        if "delta" not in config.imports.profiles:
            self.table.log = None
        elif self.table.log is None:
            self.table.log = {}

    def configure(self, config: ConnectorConfig, *, running: bool = False) -> None:
        """Take over a changed configuration. The data stays, in new columns if need be, unless it is what changed.

        A connector that is `running` reads records by the columns that it started with and exports by its anchor,
        so both stay until it starts again; so does data that comes with other columns.
        """
        if running:
            config = self._meanwhile(config)
        before, now = self._page, config
        names = [column.name for column in self.columns]
        self._take_over(config)
        if (before.system.objects, before.system.people) != (now.system.objects, now.system.people):
            self.table = Table(_base(config, self.columns, self._chance))
        elif names != [column.name for column in self.columns]:
            held = [dict(zip(names, record, strict=True)) for _, record in self.table.records()]
            self.table = Table(Base([self.record(values) for values in held], forms=self.forms))
        self._watch(config)

    def _meanwhile(self, config: ConnectorConfig) -> ConnectorConfig:
        held, wanted = self._page.system, config.system
        if wanted.columns != held.columns:
            wanted = held._replace(table=wanted.table, rights=wanted.rights)
        return self._page._replace(system=wanted)

    @property
    def table_name(self) -> str:
        return self.config.table or self.kind.table

    def can(self, right: str) -> bool:
        """Whether the connector's account may `read` or `write` here."""
        return right in self.config.rights

    def record(self, values: Mapping[str, Value]) -> Record:
        """A record with `values` by column name; columns not named are empty."""
        return tuple(values.get(column.name) for column in self.columns)

    def values(self, record: Record) -> dict[str, Value]:
        """The filled columns of a record by name, for people to read."""
        return {c.name: v for c, v in zip(self.columns, record, strict=True) if v is not None}

    def find(self, column: str, value: object) -> list[int]:
        """Rows in which `column` equals `value`."""
        return self.table.find(self.position[column], value)

    def generate(self, column: Column) -> str:
        """The value that the application itself gives a new object: `newid()`, `objectGUID`."""
        self._generated += 1
        return self._chance.guid(f"{self._name}.{column.name}.insert", self._generated)

    # -- what a connector exports -------------------------------------------------------------------------

    def add(self, values: dict[str, Value]) -> tuple[int, Record]:
        """Insert an object. Raises ExportError in the application's own words; returns its row and record."""
        self._check_rights("add")
        for column in self.columns:
            if column.generated and values.get(column.name) is None:
                values[column.name] = self.generate(column)
        record = self.record(values)
        self._check(record, range(len(self.columns)), own=())
        self._check_parent(values.get(OBJECT_DN))
        return self.table.insert(record), record

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
        self._check_rights("modify")
        rows = self.table.find(self.anchor_position, anchor)
        if not rows:
            raise self.kind.missing_object(str(anchor), self.table_name)
        positions = [self.position[name] for name in changed]
        records = []
        for row in rows:
            current = list(self.table.get(row) or ())
            for name, value in changed.items():
                current[self.position[name]] = value
            records.append(tuple(current))
        self._check(records[0], positions, own=rows)
        for row, record in zip(rows, records, strict=True):
            self.table.put(row, record)
        return records[0]

    def remove(self, anchor: Value) -> None:
        """Delete the object with this anchor. Raises ExportError if there is none."""
        self._check_rights("delete")
        rows = self.table.find(self.anchor_position, anchor)
        if not rows:
            raise self.kind.missing_object(str(anchor), self.table_name)
        for row in rows:
            self.table.delete(row)

    def _check_rights(self, operation: str) -> None:
        if not self.can("write"):
            raise self.kind.permission(self.table_name, operation)

    def _check(self, record: Record, positions: Sequence[int], own: Sequence[int]) -> None:
        for position in positions:
            column, value = self.columns[position], record[position]
            if value is None or value == ():
                if column.required:
                    raise self.kind.null_value(column.name, self.table_name)
                continue
            if column.values is not None:
                for item in value if isinstance(value, tuple) else (value,):
                    if not any(str(item).casefold() == known.casefold() for known in column.values):
                        raise self._unknown_value(column, str(item))
            if column.unique or column.name == OBJECT_DN:
                for item in value if isinstance(value, tuple) else (value,):
                    if any(row not in own for row in self.table.find(position, item)):
                        raise self.kind.duplicate(column.name, str(item), self.table_name)

    def _unknown_value(self, column: Column, value: str) -> ExportError:
        if column.name.casefold() == "objectclass":
            return self.kind.unknown_object_class(value)
        return self.kind.bad_value(column.name, value, self.table_name)

    # -- what happens behind the host's back ---------------------------------------------------------------

    def change(self, changes: Mapping[str, object]) -> int:
        """Insert, update and delete as an administrator of the application would; how many objects changed.

        `changes` has lists under `insert` (maps of column values), `update` ({where, set}) and `delete` (maps of
        column values that must all match). Raises UsageError as `read_changes`, before anything is changed.
        """
        inserts, updates, deletes = self.read_changes(changes)
        for values in inserts:
            for column in self.columns:
                if column.generated and values.get(column.name) is None:
                    values[column.name] = self.generate(column)
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

    def read_changes(self, changes: Mapping[str, object]) -> _Changes:
        """What changes come to: objects, (which, new values), which. Changes nothing.

        Raises UsageError for an unknown word, a column that does not exist and a value that its column can't hold.
        """
        for word in changes:
            if word not in _CHANGES:
                raise UsageError(
                    f"{self._name}: unknown change {word!r}", hint=did_you_mean(str(word), _CHANGES)
                )
        inserts = [self._values(values) for values in _maps(changes.get("insert"))]
        updates = [self._update(update) for update in _maps(changes.get("update"))]
        return inserts, updates, [self._wanted(where) for where in _maps(changes.get("delete"))]

    def _update(self, update: Mapping[str, object]) -> tuple[_Wanted, dict[str, Value]]:
        where, new = update.get("where", {}), update.get("set", {})
        if not isinstance(where, Mapping) or not isinstance(new, Mapping):
            raise UsageError("an update needs the maps 'where' and 'set'")
        return self._wanted(where), self._values(new)

    def _values(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Column values as a record holds them. Raises UsageError."""
        self._check_names(given)
        return {name: self._value(self.columns[self.position[name]], value) for name, value in given.items()}

    def _value(self, column: Column, value: object) -> Value:
        if value is None:
            return None
        if isinstance(value, (list, tuple)) and not column.multi_valued:
            raise UsageError(f"{self._name}: a list, but the column {column.name} holds one value")
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        kind, words = HOLDS[column.type]
        for item in items:
            if (
                not isinstance(item, kind)
                or (kind is int and isinstance(item, bool))
                or not _is_sound(item, column)
            ):
                hint = "write it in quotes" if kind is str and isinstance(item, int) else ""
                raise UsageError(
                    f"{self._name}: {item!r} in the column {column.name}, which holds {words}", hint=hint
                )
        return items if column.multi_valued else items[0]

    def objects(self, where: Mapping[str, object] | None = None) -> Iterator[dict[str, Value]]:
        """The objects, optionally only those whose columns equal the given values."""
        return (self.values(record) for _, record in self._where(self._wanted(where or {})))

    def _wanted(self, where: Mapping[str, object]) -> _Wanted:
        self._check_names(where)
        return [(self.position[name], frozen(value)) for name, value in where.items()]

    def _where(self, wanted: _Wanted) -> Iterator[tuple[int, Record]]:
        if not wanted:
            yield from self.table.records()
            return
        (first, value), *rest = wanted
        for row in self.table.find(first, value):
            record = self.table.get(row)
            if record is not None and all(self._has(record, position, other) for position, other in rest):
                yield row, record

    def _has(self, record: Record, position: int, wanted: Value) -> bool:
        """Whether a column's value is what somebody looks for, or has it among its values, as `Table.find` sees it."""
        held, form = record[position], self.forms.get(position, fold)
        if isinstance(held, tuple) and not isinstance(wanted, tuple):
            return any(form(item) == form(wanted) for item in held)
        return form(held) == form(wanted)

    def _check_names(self, values: Mapping[str, object]) -> None:
        for name in values:
            if name not in self.position:
                known = [column.name for column in self.columns]
                raise UsageError(
                    f"{self._name}: the connected system has no column {name!r}",
                    hint=did_you_mean(str(name), known),
                )


def _is_sound(value: object, column: Column) -> bool:
    """Whether a text of the right type can be what it should be: base64 where the column holds bytes."""
    if column.type != "binary":
        return True
    try:
        base64.b64decode(str(value), validate=True)
    except ValueError:
        return False
    return True


def _forms(columns: Sequence[Column]) -> dict[int, Form]:
    """How values are compared, by column, where it is not by their letters: a DN has many spellings (RFC 4514)."""
    return {i: dns.name_key for i, column in enumerate(columns) if column.name == OBJECT_DN}


def _without_dn(columns: Sequence[Column]) -> tuple[Column, ...]:
    return tuple(column for column in columns if column.name != OBJECT_DN)


def _maps(value: object) -> list[Mapping[str, object]]:
    if value is None:
        return []
    items = value if isinstance(value, (list, tuple)) else [value]
    for item in items:
        if not isinstance(item, Mapping):
            raise UsageError(f"a change is a list of maps of column values, not {item!r}")
    return list(items)


def frozen(value: object) -> Value:
    """A value as a record holds it. Raises UsageError for what no column can hold."""
    if isinstance(value, (list, tuple)):
        return tuple(value)
    if value is None or isinstance(value, (str, bool, int, bytes)):
        return value
    raise UsageError(f"no column holds a value like {value!r}")


# -- the data that a scenario starts with -----------------------------------------------------------------


def _base(config: ConnectorConfig, columns: tuple[Column, ...], chance: Chance) -> Base:
    """The frozen records of a scenario's connector, made once and shared by all hosts of that scenario."""
    key = (id(config), config.name, chance.seed)
    held = _BASES.get(key)
    if held is not None and held.owner is config:
        return held
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
    base = Base(rows, config, _forms(columns))
    _BASES[key] = base
    return base


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
            value = int(value)
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
