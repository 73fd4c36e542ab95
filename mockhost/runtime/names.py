"""Names in an assertion that nothing of the running host has: with them it could never hold, or always would."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from mockhost.errors import UsageError, did_you_mean
from mockhost.rules.rule import Rule
from mockhost.rules.states import STARTED

if TYPE_CHECKING:
    from mockhost.journal import Journal
    from mockhost.runtime.state import State
    from mockhost.scenario.model import Scenario

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


class Known(NamedTuple):
    """What there is. None: any name may be one."""

    connectors: Collection[str] | None
    rules: Collection[str]
    columns: Collection[str] | None
    states: Collection[str] = ()
    """those that a rule leads to"""


def of_scenario(scenario: Scenario) -> Known:
    """What the rules of a scenario may name."""
    columns = {column.name for page in scenario.connectors.values() for column in page.system.columns}
    return Known(
        tuple(scenario.connectors) if scenario.on_demand is None else None,
        (),
        None if scenario.providers or scenario.proxies else columns,  # those have the attributes of schemas
        states_of(scenario.rules),
    )


def of_running(state: State, journal: Journal) -> Known:
    """What rules and assertions may name; what the journal has counts too, such as a rule that was removed."""
    known, entries = of_scenario(state.scenario), journal.entries()
    connectors = {*state.scenario.connectors, *state.scenario.client, *state.served.on_demand}
    return known._replace(
        connectors=None if known.connectors is None else {*connectors, *(e.connector or "" for e in entries)},
        rules={*(rule.name for rule in state.rules), *(e.rule or "" for e in entries)},
        states=states_of(state.rules),
    )


def check_rules(scenario: Scenario) -> None:
    """`check` for the rules of a scenario, as for those that are added to a running host. Raises UsageError."""
    known = of_scenario(scenario)
    for rule in scenario.rules:
        try:
            check(rule.document.get("when") or {}, known)
        except UsageError as error:
            raise UsageError(f"rule {rule.name!r}: {error.message}", hint=error.hint) from None


def states_of(rules: Iterable[Rule]) -> frozenset[str]:
    """The states that rules lead to."""
    return frozenset({STARTED, *(step.set_state for rule in rules for step in rule.steps if step.set_state)})


def check(spec: Mapping[str, object], known: Known) -> None:
    """Raise UsageError for a connector or rule that does not exist.

    Also for what is nearly a column, a method or a state: other names of these may come yet.
    """
    for part in _parts(spec):
        for word, kind, names in (
            ("connector", "connector", known.connectors),
            ("rule", "rule", known.rules),
        ):
            for name in _texts(part.get(word)):
                if names is not None and name not in names:
                    raise UsageError(f"there is no {kind} {name!r}", hint=did_you_mean(name, names))
        for word, kind, names in (("method", "method", METHODS), ("in_state", "state", known.states)):
            for name in _texts(part.get(word)):
                hint = did_you_mean(name.upper() if word == "method" else name, names)
                if name not in names and (hint.startswith("did you mean") or name.upper() in METHODS):
                    raise UsageError(f"there is no {kind} {name!r}", hint=hint)
        if isinstance(attributes := part.get("attributes"), Mapping) and known.columns is not None:
            _check_attributes(map(str, attributes), known.columns)


_OF_SCIM = frozenset({"username", "active", "externalid", "id", "schemas", "displayname", "name", "meta"})


def _check_attributes(names: Iterable[str], columns: Collection[str]) -> None:
    """Clients may send any attribute; only a name that is nearly that of a column is taken for a slip."""
    folded = {name.casefold() for name in columns} | _OF_SCIM
    for name in names:
        short = name.rpartition(":")[2]
        hint = did_you_mean(short, columns)
        if short.casefold() not in folded and hint.startswith("did you mean"):
            raise UsageError(f"no connector has a column {short!r}", hint=hint)


def _parts(spec: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """The maps of conditions of an assertion: itself, and its parts."""
    yield spec
    for word in ("order", "all"):
        parts = spec.get(word)
        for part in parts if isinstance(parts, (list, tuple)) else ():
            if isinstance(part, Mapping):
                yield from _parts(part)


def _texts(said: object) -> Iterator[str]:
    """The texts that an expectation names by equality."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, (list, tuple)):
        for each in said:
            yield from _texts(each)
    elif isinstance(said, Mapping):
        for word in ("equals", "not", "any_of"):
            yield from _texts(said.get(word))
