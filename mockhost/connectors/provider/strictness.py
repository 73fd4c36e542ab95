"""Strictness: how much a provider forgives, as rows with a value for each of three levels.

The rows are in `facts/strictness.json`.

`strict` is RFC 7643 and 7644 to the letter, `entra` what Microsoft Entra's provisioning service needs (Microsoft
Learn, Develop and plan provisioning for a SCIM endpoint; Known issues and resolutions with SCIM 2.0 protocol
compliance), `lenient` what the most forgiving providers do. A row's value can also be set by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from mockhost import facts
from mockhost.errors import UsageError, did_you_mean

LEVELS: Final = ("strict", "entra", "lenient")


class Row(NamedTuple):
    """One thing about which providers differ."""

    name: str
    title: str
    values: Mapping[str, str]
    """what each value means, the strictest first"""
    strict: str
    entra: str
    lenient: str
    source: str


TABLE: Final[Mapping[str, Row]] = facts.rows(facts.read("strictness")["strictness"], Row)
"""By name. What no provider does otherwise has no row: duplicates of a userName are 409, an empty result is 200."""


class Strictness(NamedTuple):
    """The value of every row, as attributes."""

    value_types: str
    unknown_attributes: str
    missing_schemas: str
    flat_keys: str
    required: str
    canonical_values: str
    several_primary: str
    unknown_members: str
    member_names: str
    group_names: str
    operation_case: str
    patch_schemas: str
    unknown_paths: str
    unmatched_paths: str
    read_only_paths: str
    remove_values: str
    filter_grammar: str
    filter_attributes: str
    gone_references: str
    delete_missing: str
    patch_answer: str


def strictness(level: str, settings: Mapping[str, str] | None = None) -> Strictness:
    """The rows' values at `level`, with those of `settings` instead. Raises UsageError for what is not in the table."""
    if level not in LEVELS:
        raise UsageError(f"there is no strictness {level!r}", hint=did_you_mean(level, LEVELS))
    found = {name: getattr(row, level) for name, row in TABLE.items()}
    for name, value in (settings or {}).items():
        if name not in TABLE:
            raise UsageError(f"strictness has no row {name!r}", hint=did_you_mean(name, TABLE))
        if value not in TABLE[name].values:
            hint = did_you_mean(value, TABLE[name].values)
            raise UsageError(f"strictness: {name} cannot be {value!r}", hint=hint)
        found[name] = value
    return Strictness(**found)
