"""How a provider of kind `scim` differs from others: what it forgives, and what it offers.

*Strictness* is rows with a value for each of three levels (`facts/strictness.json`): `strict` is RFC 7643 and 7644 to
the letter, `entra` what Microsoft Entra's provisioning service needs (Microsoft Learn, Develop and plan provisioning
for a SCIM endpoint; Known issues and resolutions with SCIM 2.0 protocol compliance), `lenient` what the most forgiving
providers do. A row's value can also be set by itself.

*Offers* are switches and limits that /ServiceProviderConfig announces and that hold (`facts/offers.json`). Both
together are the behaviours of a connector of kind `scim`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from mockhost import facts
from mockhost.connectors.provider.config import ProviderConfig
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


# -- what it offers ------------------------------------------------------------------------------------------


_MOST: Final = 10_000_000


class Offer(NamedTuple):
    """One thing that providers offer or limit. Its name is a field of `ProviderConfig`, whose default it has."""

    name: str
    title: str
    without: str
    """what a client gets that asks for it anyway, or for more"""
    announced: str
    """where in /ServiceProviderConfig"""
    source: str


OFFERS: Final[Mapping[str, Offer]] = facts.rows(facts.read("offers")["offers"], Offer)
"""By name."""


class Wrong(NamedTuple):
    """What is wrong with one behaviour of a connector of kind scim."""

    name: str
    message: str
    hint: str
    is_name: bool
    """whether the name itself is wrong, and not its value"""


def default_of(name: str) -> object:
    """What a provider offers unless a scenario says otherwise."""
    return ProviderConfig._field_defaults[name]


def problems(behaviours: Mapping[str, object]) -> Iterator[Wrong]:
    """Everything that is wrong with the behaviours of a connector of kind scim."""
    for name, value in behaviours.items():
        if name == "strictness":
            choices: list[str] = list(LEVELS)
        elif name in TABLE:
            choices = list(TABLE[name].values)
        elif name in OFFERS:
            if (hint := _offer_problem(name, value)) is not None:
                yield Wrong(name, f"the behaviour {name!r} cannot be {_shown(value)}", hint, is_name=False)
            continue
        else:
            hint = did_you_mean(name, ("strictness", *TABLE, *OFFERS)) or "see docs/scim-strictness.md"
            yield Wrong(name, f"a connector of kind scim has no behaviour {name!r}", hint, is_name=True)
            continue
        if value not in choices:
            hint = did_you_mean(value, choices) if isinstance(value, str) else ""
            allowed = f"allowed: {', '.join(choices)}"
            message = f"the behaviour {name!r} cannot be {_shown(value)}"
            yield Wrong(name, message, f"{hint} ({allowed})" if hint else allowed, is_name=False)


def _offer_problem(name: str, value: object) -> str | None:
    if isinstance(default_of(name), bool):
        return None if isinstance(value, bool) else "allowed: true, false"
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST:
        return None
    return f"allowed: a whole number from 1 to {_MOST}"


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def json_schemas() -> dict[str, dict[str, object]]:
    """A JSON Schema for each behaviour of a connector of kind scim, by name."""
    found: dict[str, dict[str, object]] = {
        "strictness": {
            "description": "With kind scim: how much it forgives. docs/scim-strictness.md shows each row.",
            "enum": list(LEVELS),
            "default": ProviderConfig().strictness,
        }
    }
    for name, row in TABLE.items():
        found[name] = {"description": f"With kind scim: {row.title}.", "enum": list(row.values)}
    for name, offer in OFFERS.items():
        default = default_of(name)
        shape: dict[str, object] = (
            {"type": "boolean"}
            if isinstance(default, bool)
            else {"type": "integer", "minimum": 1, "maximum": _MOST}
        )
        text = f"With kind scim: {offer.title}; announced as {offer.announced}. Otherwise: {offer.without}."
        found[name] = {"description": text, **shape, "default": default}
    return found
