"""What a connector's objects should be after any sequence of requests, said as simply as can be.

One column is the anchor, some are required, unique or limited to values; nothing is known of SCIM but what the
requests of `test_attack` use.
"""

from __future__ import annotations

import copy
import re
from typing import Any, NamedTuple

Values = dict[str, Any]


class Refused(Exception):
    """The request must fail, and change nothing. `statuses`: how it may be answered."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(statuses)
        self.statuses = statuses or (400,)


class Column(NamedTuple):
    type: str
    multi: bool = False
    required: bool = False
    unique: bool = False
    values: tuple[str, ...] | None = None


COLUMNS: dict[str, Column] = {
    "Login": Column("string", unique=True),
    "Nick": Column("string", required=True),
    "Tags": Column("string", multi=True),
    "Marks": Column("integer", multi=True),
    "Age": Column("integer"),
    "Flag": Column("boolean"),
    "Blob": Column("binary"),
    "Boss": Column("reference"),
    "Mail": Column("string", unique=True),
    "Colour": Column("string", values=("red", "Green")),
}
ANCHOR = "Login"
STATUS_COLUMN = "Alive"
"""what the disable flow sets; no attribute, so only `active` reaches it"""


def one(kind: str, value: Any) -> Any:
    """A JSON value as a column of this type holds it (RFC 7643 2.3, and strings for booleans and numbers)."""
    if kind in ("string", "reference") and isinstance(value, str):
        return value
    if kind == "binary" and isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9+/_-]*={0,2}", value):
        if len(value.rstrip("=")) % 4 != 1:
            return value
    elif kind == "boolean":
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
    elif kind == "integer" and not isinstance(value, bool):
        if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,19}", value):
            value = int(value)
        if isinstance(value, float) and value == value // 1 and abs(value) < 2**70:
            value = int(value)
        if isinstance(value, int) and -(2**63) <= value < 2**63:
            return value
    raise Refused


def several(kind: str, value: Any) -> list[Any]:
    """A value or a list of values, without nulls."""
    return [one(kind, item) for item in (value if isinstance(value, list) else [value]) if item is not None]


def held(name: str, value: Any) -> Any:
    """A value that a resource gives for a column; None for none at all."""
    column = COLUMNS[name]
    items = several(column.type, value)
    if not items:
        return None
    if column.multi:
        return items
    if len(items) > 1:
        raise Refused
    return items[0]


def folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else (isinstance(value, bool), value)


class Model:
    """Objects by anchor, in the order in which they were made."""

    def __init__(self) -> None:
        self.objects: dict[str, Values] = {}

    def _found(self, ident: str) -> Values:
        if ident not in self.objects:
            raise Refused(404)
        return self.objects[ident]

    def _check(self, values: Values, changed: set[str], own: str | None) -> None:
        for name in changed:
            column, value = COLUMNS.get(name, Column("boolean")), values.get(name)
            if value is None:
                if column.required:
                    raise Refused
                continue
            if column.values and value.casefold() not in {known.casefold() for known in column.values}:
                raise Refused
            others = [values for anchor, values in self.objects.items() if anchor != own]
            if column.unique and any(folded(other.get(name)) == folded(value) for other in others):
                raise Refused(409)

    def create(self, given: Values, active: Any) -> str:
        values = {name: held(name, value) for name, value in given.items()}
        status = None if active is None else one("boolean", active)
        if values.get(ANCHOR) in (None, ""):
            raise Refused
        anchor: str = values[ANCHOR]
        if status is not None:
            values[STATUS_COLUMN] = status
        # Of an anchor that is taken and a value that is missing, either may be said.
        if any(folded(anchor) == folded(other) for other in self.objects):
            raise Refused(409)
        try:
            self._check(values, set(COLUMNS), None)
        except Refused as refused:
            raise Refused(400, 409) from refused
        self.objects[anchor] = {name: value for name, value in values.items() if value is not None}
        return anchor

    def _write(self, ident: str, wanted: Values, active: bool | None) -> None:
        before = self.objects[ident]
        after = copy.deepcopy(before)
        changed = set()
        for name, value in wanted.items():
            old = before.get(name)
            # An empty text where nothing is says nothing new.
            if name != ANCHOR and old != value and not (old is None and value == ""):
                after[name] = value
                changed.add(name)
        if active is not None and before.get(STATUS_COLUMN) is not active:
            after[STATUS_COLUMN] = active
        self._check(after, changed, ident)
        self.objects[ident] = {name: value for name, value in after.items() if value is not None}

    def replace(self, ident: str, given: Values, active: Any) -> None:
        self._found(ident)
        values = {name: held(name, value) for name, value in given.items()}
        status = None if active is None else one("boolean", active)
        if values.get(ANCHOR) is not None and folded(values[ANCHOR]) != folded(ident):
            raise Refused
        try:
            self._write(ident, {name: values.get(name) for name in COLUMNS}, status)
        except Refused as refused:
            raise Refused(400, 409) from refused

    def patch(self, ident: str, operations: list[tuple[str, str, Any]]) -> None:
        """`operations` are (op in lower case, attribute, value); the value `...` means that there is none."""
        draft = copy.deepcopy(self._found(ident))
        status = draft.pop(STATUS_COLUMN, None)
        before = {**draft, "active": status}
        draft["active"] = status
        for op, name, value in operations:
            if name in COLUMNS or name == "active":
                self._operate(draft, op, name, value)
            elif value is ... and op != "remove":
                raise Refused
        active = draft.pop("active")
        wanted = {name: draft.get(name) for name in COLUMNS if draft.get(name) != before.get(name)}
        try:
            self._write(ident, wanted, active if active is not before["active"] else None)
        except Refused as refused:
            raise Refused(400, 409) from refused

    @staticmethod
    def _operate(draft: Values, op: str, name: str, value: Any) -> None:
        column = COLUMNS.get(name, Column("boolean"))
        if value is ... and op != "remove":
            raise Refused
        nothing = value is None or value == [] or value is ...
        old = draft.get(name)
        if op == "add" and nothing:
            return
        if op == "remove" and column.multi and value is not ... and value is not None:
            gone = [folded(item) for item in several(column.type, value)]
            if not gone and value != []:
                raise Refused
            new: Any = [item for item in old or [] if folded(item) not in gone] or None
        elif op == "remove" or nothing:
            new = None
        elif column.multi and op == "add":
            new = list(old or [])
            for item in several(column.type, value):
                if folded(item) not in map(folded, new):
                    new.append(item)
            new = new or None
        elif column.multi:
            new = several(column.type, value) or None
        else:
            if isinstance(value, list):
                if len(value) != 1:
                    raise Refused
                value = value[0]
            new = one(column.type, value)
        if name == ANCHOR:
            if new is None or folded(new) != folded(old):
                raise Refused
            return
        draft[name] = new

    def delete(self, ident: str) -> None:
        self._found(ident)
        del self.objects[ident]

    def find(self, name: str, value: Any) -> list[str]:
        """The ids of the objects that have this value, which is a string, a whole number or a boolean."""
        found = []
        for anchor, values in self.objects.items():
            if name == "id":
                fits = anchor == value
            else:
                has = values.get(STATUS_COLUMN if name == "active" else name)
                items = has if isinstance(has, list) else [] if has is None else [has]
                fits = any(type(item) is type(value) and folded(item) == folded(value) for item in items)
            if fits:
                found.append(anchor)
        return found
