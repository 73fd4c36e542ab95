"""Behaviours: what the real host does where nothing is published. The rows are in `facts/behaviours.json`.

A row says what is known, what this mock does, which other values it can be set to, and where that comes from.
`docs/fidelity.md` shows them all.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from mockhost import durations, facts
from mockhost.errors import UsageError, did_you_mean

GENERATIONS: Final = ("current", "preview-2020")
"""The named sets: hosts since about 2022, and the private preview of 2020 (version 1.6)."""

_TYPES: Final = {
    "status": "a status (200 to 599)",
    "int": "a whole number",
    "duration": "a duration such as 30s",
    "text": "a text",
}
"""What a choice can be besides a value, and how it is described."""


class Behaviour(NamedTuple):
    """One row."""

    name: str
    subject: str
    title: str
    default: object
    choices: Sequence[object] | str
    """The allowed values; or words separated by `|`, each a type (status, int, duration, text) or a value"""
    real: str
    mock: str
    source: str
    evidence: str
    preview_2020: object = None
    """the default of the generation preview-2020, if it differs"""
    host_wide: bool = False
    """It shows before a connector is known, so it can be set for the host only."""
    ids: Sequence[str] = ()
    """the numbers under which the open points were first collected: U1 to U30"""

    def types(self) -> list[str]:
        """The types among the choices."""
        return (
            [word for word in self.choices.split("|") if word in _TYPES]
            if isinstance(self.choices, str)
            else []
        )

    def values(self) -> list[object]:
        """The values among the choices."""
        if isinstance(self.choices, str):
            return [word for word in self.choices.split("|") if word not in _TYPES]
        return list(self.choices)

    def allowed(self) -> str:
        """The choices for people: `list, 405`, `a status (200 to 599)`, `a duration such as 30s or none`."""
        types, values = self.types(), [_plain(value) for value in self.values()]
        return " or ".join([*(_TYPES[each] for each in types), *values]) if types else ", ".join(values)

    def resolved(self, value: object) -> object:
        """The form in which code reads a value: a duration in seconds, or None for `none`."""
        if "duration" in self.types():
            return None if value == "none" else _seconds(value)
        return value


def _seconds(value: object) -> float | None:
    if not isinstance(value, str) or value.startswith("-"):
        return None
    try:
        return durations.seconds(value)
    except ValueError:
        return None


TABLE: Final[Mapping[str, Behaviour]] = facts.rows(facts.read("behaviours")["behaviours"], Behaviour)
"""All rows by name, in the order of the page."""


@functools.cache
def _defaults(generation: str) -> Mapping[str, Any]:
    current = generation == "current"
    return {
        name: row.resolved(row.default if current or row.preview_2020 is None else row.preview_2020)
        for name, row in TABLE.items()
    }


def _is_of(kind: str, value: object) -> bool:
    if kind == "duration":
        return _seconds(value) is not None
    if kind == "text":
        return isinstance(value, str) and len(value) <= 1000 and value.isprintable() and value.isascii()
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return 200 <= value <= 599 if kind == "status" else 0 <= value <= 1_000_000


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def validate(name: str, value: object, *, of_connector: bool = False) -> str | None:
    """None if the behaviour may be set so (for one connector: `of_connector`), else what is wrong and what to try."""
    row = TABLE.get(name)
    if row is None:
        hint = did_you_mean(name, TABLE)
        return f"there is no behaviour {name!r}; {hint or 'see docs/fidelity.md for all of them'}"
    if of_connector and row.host_wide:
        return f"the behaviour {name!r} cannot differ by connector; set it under host"
    if any(type(each) is type(value) and each == value for each in row.values()):
        return None
    if any(_is_of(kind, value) for kind in row.types()):
        return None
    return f"the behaviour {name!r} cannot be {_plain(value)!r}; allowed: {row.allowed()}"


def resolve(generation: str = "current", *overrides: Mapping[str, object]) -> dict[str, Any]:
    """Every behaviour's value: the generation's own, then each of `overrides` in turn (the host's, a connector's).

    A new dict by name. Durations are seconds; `importing_retry_after: none` is None.
    Raises UsageError for an unknown generation or name, and for a value that is not allowed.
    """
    if generation not in GENERATIONS:
        raise UsageError(f"there is no generation {generation!r}", hint=did_you_mean(generation, GENERATIONS))
    values = dict(_defaults(generation))
    for override in overrides:
        for name, value in override.items():
            problem = validate(name, value)
            if problem is not None:
                raise UsageError(problem)
            values[name] = TABLE[name].resolved(value)
    read = _READ.get()
    return values if read is None else Recording(values, read)


def possible(name: str) -> Iterator[object]:
    """Values that a behaviour can have, in the form of `resolve`: each choice, and examples of a type."""
    row = TABLE[name]
    examples: Mapping[str, tuple[object, ...]] = {
        "status": (418, 204),
        "int": (1, 2),
        "duration": (1.0, 2.0),
        "text": ("other", "another"),
    }
    for kind in row.types():
        yield from examples[kind]
    yield from map(row.resolved, row.values())


class Recording(dict[str, Any]):
    """Behaviours that note which of them are read."""

    def __init__(self, values: Mapping[str, Any], read: set[str]) -> None:
        super().__init__(values)
        self._read = read

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return super().__getitem__(name)


_READ: ContextVar[set[str] | None] = ContextVar("read", default=None)


@contextmanager
def recording() -> Iterator[set[str]]:
    """Hosts that are configured in this context note here which behaviours they read."""
    read: set[str] = set()
    token = _READ.set(read)
    try:
        yield read
    finally:
        _READ.reset(token)


def json_schema(*, of_connector: bool = False) -> dict[str, object]:
    """A JSON Schema (2020-12) for a map of behaviours, with a description on each."""
    rows = [row for row in TABLE.values() if not (of_connector and row.host_wide)]
    return {
        "type": "object",
        "description": "Single behaviours that differ from the generation's. docs/fidelity.md explains each.",
        "properties": {row.name: _schema_of(row) for row in rows},
        "additionalProperties": False,
    }


def _schema_of(row: Behaviour) -> dict[str, object]:
    forms: dict[str, dict[str, object]] = {
        "status": {"type": "integer", "minimum": 200, "maximum": 599},
        "int": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
        "duration": {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)$"},
        "text": {"type": "string", "maxLength": 1000, "not": {"pattern": "[^ -~]"}},
    }
    options = [forms[kind] for kind in row.types()]
    if values := row.values():
        options.append({"enum": values})
    return {
        "description": f"{row.title}. {row.mock} ({row.evidence})",
        **(options[0] if len(options) == 1 else {"anyOf": options}),
        "default": row.default,
    }
