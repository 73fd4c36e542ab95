"""What a connected system knows of itself from a connector's page: columns, rights, rules, and how changes are read."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from mockhost.clock import Chance
from mockhost.connectors.ecma import dn as dns
from mockhost.connectors.ecma.config import HOLDS, OBJECT_DN, Column, ConnectorConfig, can_hold
from mockhost.connectors.ecma.kinds import KINDS, ExportError, Kind
from mockhost.connectors.tables import Form, Record, Value, fold
from mockhost.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from mockhost.connectors.kept import Kept

Wanted: TypeAlias = "list[tuple[int, Value]]"
"""What is looked for: column positions and their values, all of which must hold."""
Changes: TypeAlias = "tuple[list[dict[str, Value]], list[tuple[Wanted, dict[str, Value]]], list[Wanted]]"
"""Objects to insert; which to update, and with what; which to delete."""
_CHANGES = ("insert", "update", "delete")


class Described:
    """The base of systems whose objects have the columns of a connector's pages. It holds no objects."""

    waits = False
    sees_deletes = False

    def __init__(self, page: ConnectorConfig, chance: Chance) -> None:
        self.name = page.name
        self.chance = chance
        self.describe(page)

    def describe(self, page: ConnectorConfig) -> None:
        """Take over the columns and rights of a page."""
        self.page = page
        self.config = page.system
        self.kind: Kind = KINDS[page.kind]
        self.columns: tuple[Column, ...] = (
            *(column for column in page.system.columns if column.name != OBJECT_DN),
            Column(OBJECT_DN),
        )
        self.position: dict[str, int] = {column.name: i for i, column in enumerate(self.columns)}
        self.anchor_position = self.position[page.anchor_column]
        self.forms: dict[int, Form] = {
            at: _itself for at, column in enumerate(self.columns) if column.type == "binary"
        }
        """how values are compared, by column, where it is not by their letters: in base64 the case counts, and a DN
        has many spellings (RFC 4514)"""
        self.forms[self.position[OBJECT_DN]] = dns.name_key

    @property
    def table_name(self) -> str:
        """The name of the table, container or file that holds the objects."""
        return self.config.table or self.kind.table

    def can(self, right: str) -> bool:
        """Whether the connector's account may `read` or `write` here."""
        return right in self.config.rights

    def record(self, values: Mapping[str, Value]) -> Record:
        """A record with `values` by column name; columns not named are empty."""
        return tuple([values.get(column.name) for column in self.columns])

    def values(self, record: Record) -> dict[str, Value]:
        """The filled columns of a record by name, for people to read."""
        return {c.name: v for c, v in zip(self.columns, record, strict=True) if v is not None}

    def set_password(self, anchor: Value, password: str) -> None:
        """Most systems here keep no passwords."""

    def native(self, operation: str) -> str | None:
        """The calls that a kind of connector makes are those of its tables."""
        return None

    def prepare(self) -> None:
        """What is in memory is there."""

    def separate(self) -> None:
        """What is in memory is copied with its mock."""

    def keep(self, kept: Kept) -> None:
        """A system that is not in memory keeps its objects itself."""

    # -- what an application refuses ----------------------------------------------------------------------

    def check_right(self, operation: str) -> None:
        """Raise ExportError unless the account may write; `operation` is add, modify or delete."""
        if not self.can("write"):
            raise self.kind.permission(self.table_name, operation)

    def check(self, record: Record, positions: Sequence[int], is_taken: Callable[[int, Value], bool]) -> None:
        """Raise ExportError if these columns of a record break a rule.

        `is_taken`: told a position and a value, whether another object has it.
        """
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
                    if is_taken(position, frozen(item)):
                        raise self.kind.duplicate(column.name, str(item), self.table_name)

    def _unknown_value(self, column: Column, value: str) -> ExportError:
        if column.name.casefold() == "objectclass":
            return self.kind.unknown_object_class(value)
        return self.kind.bad_value(column.name, value, self.table_name)

    # -- changes behind the host's back -------------------------------------------------------------------

    def read_changes(self, changes: Mapping[str, object]) -> Changes:
        """What changes come to: objects, (which, new values), which. Changes nothing.

        Raises UsageError for an unknown word, a column that does not exist and a value that its column can't hold.
        """
        for word in changes:
            if word not in _CHANGES:
                raise UsageError(
                    f"{self.name}: unknown change {word!r}", hint=did_you_mean(str(word), _CHANGES)
                )
        inserts = [self._values(values) for values in _maps(changes.get("insert"))]
        updates = [self._update(update) for update in _maps(changes.get("update"))]
        return inserts, updates, [self.wanted(where) for where in _maps(changes.get("delete"))]

    def check_change(self, changes: Mapping[str, object]) -> None:
        """Raise UsageError for changes that can't be; nothing is changed."""
        self.read_changes(changes)

    def _update(self, update: Mapping[str, object]) -> tuple[Wanted, dict[str, Value]]:
        where, new = update.get("where", {}), update.get("set", {})
        if not isinstance(where, Mapping) or not isinstance(new, Mapping):
            raise UsageError("an update needs the maps 'where' and 'set'")
        return self.wanted(where), self._values(new)

    def _values(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Column values as a record holds them. Raises UsageError."""
        self._check_names(given)
        return {name: self._value(self.columns[self.position[name]], value) for name, value in given.items()}

    def _value(self, column: Column, value: object) -> Value:
        if value is None:
            return None
        if isinstance(value, (list, tuple)) and not column.multi_valued:
            raise UsageError(f"{self.name}: a list, but the column {column.name} holds one value")
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        kind, words = HOLDS[column.type]
        for item in items:
            if not can_hold(column.type, item) or not _is_sound(item, column):
                hint = "write it in quotes" if kind is str and isinstance(item, int) else ""
                raise UsageError(
                    f"{self.name}: {item!r} in the column {column.name}, which holds {words}", hint=hint
                )
        return items if column.multi_valued else items[0]

    def wanted(self, where: Mapping[str, object]) -> Wanted:
        """What is looked for. Raises UsageError for a column that does not exist."""
        self._check_names(where)
        return [(self.position[name], frozen(value)) for name, value in where.items()]

    def has(self, record: Record, position: int, wanted: Value) -> bool:
        """Whether a column's value is the one searched for, or has it among its values, as `Table.find` sees it."""
        held, form = record[position], self.forms.get(position, fold)
        if isinstance(held, tuple) and not isinstance(wanted, tuple):
            return any(form(item) == form(wanted) for item in held)
        return form(held) == form(wanted)

    def _check_names(self, values: Mapping[str, object]) -> None:
        for name in values:
            if name not in self.position:
                known = [column.name for column in self.columns]
                raise UsageError(
                    f"{self.name}: the connected system has no column {name!r}",
                    hint=did_you_mean(str(name), known),
                )


def _itself(value: object) -> object:
    return value


def _is_sound(value: object, column: Column) -> bool:
    """Whether a text of the right type can be what it should be: base64 where the column holds bytes."""
    if column.type != "binary":
        return True
    try:
        base64.b64decode(str(value), validate=True)
    except ValueError:
        return False
    return True


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
