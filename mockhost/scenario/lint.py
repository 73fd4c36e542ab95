"""What is allowed in a scenario and has no effect: rules that can never fire, states that are never reached, columns
that the host does not show.

Warnings are looked for on request (`mockhost validate`, `mockhost serve FILE`), not at each load.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from mockhost.connectors.ecma.config import EXPORT_PASSWORD, OBJECT_DN
from mockhost.connectors.provider.schemas import STANDARD
from mockhost.errors import Problem, did_you_mean
from mockhost.matching import ABSENT, difference
from mockhost.rules.conditions import SEES_REFUSED, names
from mockhost.rules.rule import Rule
from mockhost.rules.states import STARTED, Blueprint
from mockhost.scenario.connectors import PROXY, SCIM
from mockhost.scenario.documents import Path, maps_in, written
from mockhost.scenario.layers import owner, place
from mockhost.scenario.model import Scenario
from mockhost.scim.attributes import fold

Found = Iterator[tuple[Path, str, str]]
"""(path, message, hint)"""

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_SCIM_ONLY: Final = "_resource"
_COMPARED: Final = 200
"""How many rules that always fire are compared with the rules behind them."""
_ATTRIBUTES: Final = (
    *("schemas", "id", "externalId", "meta", OBJECT_DN, EXPORT_PASSWORD),
    *(each.name for schema in STANDARD.values() for each in schema.attributes),
)
"""The attributes of User, Group and the enterprise extension (RFC 7643 4), and the host's virtual ones."""


def find(scenario: Scenario) -> tuple[Problem, ...]:
    """Every warning about a scenario, in the order of its files' lines."""
    layers = scenario.trail.layers
    found = (*_of_variables(scenario), *_of_rules(scenario), *_of_states(scenario), *_of_columns(scenario))
    problems = []
    for path, message, hint in found:
        where = place(layers, path, key=len(path) > 1 and path[-2] in ("attributes", "body", "columns"))
        problems.append(Problem(where.file, where.line, where.column, written(path), message, hint))
    return tuple(sorted(dict.fromkeys(problems), key=lambda each: (each.file, each.line, each.column)))


def _of_variables(scenario: Scenario) -> Found:
    """Variables that were to be made of others."""
    vars_ = scenario.document.get("vars")
    said = vars_ if isinstance(vars_, Mapping) else {}
    for name, value in said.items():
        used = re.search(r"\$\{(\w+)\}", value) if isinstance(value, str) else None
        if used is not None and used[1] in said:
            hint = "write the whole value"
            yield ("vars", name), f"{used[0]} in the value of a variable stands for itself", hint


# -- rules ---------------------------------------------------------------------------------------------------


def _of_rules(scenario: Scenario) -> Found:
    known = _Known(scenario)
    for i, rule in enumerate(scenario.rules):
        yield from known.conditions(rule.document.get("when") or {}, ("rules", i, "when"))
        if rule.probability == 0:
            yield ("rules", i, "probability"), "the rule never fires: its probability is 0", ""
    yield from _shadowed(scenario.rules)


class _Known:
    """What a rule can name in a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._connectors = tuple(scenario.connectors)
        self._any_connector = scenario.on_demand is not None
        self._scim = any(each.kind in (SCIM, PROXY) for each in scenario.connectors.values())
        columns = (c.name for each in scenario.connectors.values() for c in each.system.columns)
        schemas = (schema for each in scenario.providers.values() for schema in each.config.schemas.values())
        own = (name for schema in schemas for name in _names_in(schema.get("attributes")))
        self._attributes = tuple(dict.fromkeys((*columns, *own, *_ATTRIBUTES)))
        self._folded = frozenset(map(fold, self._attributes))
        self._states = _settable_states(scenario)

    def conditions(self, when: Mapping[str, Any], path: Path) -> Found:
        """What in a rule's `when` can never be so."""
        for word, what, known in (
            ("connector", "connector", () if self._any_connector else self._connectors),
            ("method", "method", METHODS),
            ("in_state", "state", self._states),
        ):
            for name, where in _literals(when.get(word), (*path, word)) if known else ():
                if name not in known and (word != "method" or name.upper() in METHODS):
                    never = (
                        "no rule and no state leads to it"
                        if word == "in_state"
                        else "the rule never fires for it"
                    )
                    yield where, f"no {what} {name!r}: {never}", did_you_mean(name, known)
        for name, where in _literals(when.get("operation"), (*path, "operation")):
            if name.partition(_SCIM_ONLY)[1] and not self._scim:
                hint = "write the operation of users or groups"
                yield where, f"{name!r} exists at connectors of kind scim only, and there is none", hint
            yield from _unlike(name, when, path)
        for name in when.get("attributes") or {}:
            yield from self._attribute(str(name), (*path, "attributes", name))
        for pointer in when.get("body") or {}:
            yield from self._pointer(str(pointer), (*path, "body", pointer))

    def _attribute(self, name: str, path: Path) -> Found:
        bare = name.rpartition(":")[2].partition(".")[0]
        if fold(bare) not in self._folded:
            hint = did_you_mean(bare, self._attributes)
            yield path, f"no connector has an attribute {bare!r}", hint if hint.startswith("did") else ""

    def _pointer(self, pointer: str, path: Path) -> Found:
        """JSON member names are compared with their case."""
        for part in pointer.split("/")[1:]:
            if part not in self._attributes and fold(part) in self._folded:
                right = next(name for name in self._attributes if fold(name) == fold(part))
                yield (
                    path,
                    f"{part!r}: clients write {right!r}, and a pointer is case-sensitive",
                    f"write {right!r}",
                )


def _unlike(operation: str, when: Mapping[str, Any], path: Path) -> Found:
    """Conditions that no request of an operation can fulfil."""
    verb = operation.partition("_")[0] if "_" in operation else ""
    find = f"write find_{operation.removeprefix(f'{verb}_').removesuffix('s')}s"
    never = f"the rule never fires for {operation!r}"
    if verb == "list" and "filter" in when and _needs(when["filter"]):
        yield (*path, "filter"), f"{never}: a request with a filter is a find", find
    if verb in ("list", "find", "create") and "id" in when and _needs(when["id"]):
        yield (*path, "id"), f"{never}: its path has no id", "write get, replace, patch or delete"
    if verb in ("list", "get", "create", "replace", "patch", "delete") and when.get("probe") is True:
        yield (*path, "probe"), f"{never}: a probe is a find", find
    bodiless = ("list", "get", "delete")
    for word, verbs in (
        ("attributes", bodiless),
        ("body", (*bodiless, "find")),
    ):  # a find's filter has attributes
        asked = when.get(word)
        if verb in verbs and isinstance(asked, Mapping) and any(map(_needs, asked.values())):
            yield (*path, word), f"{never}: its requests have no body", "write create, replace or patch"
    method, said = _METHODS.get(verb), names(when.get("method"))
    if method is not None and said is not None and method not in said:
        yield (*path, "method"), f"{never}: its method is {method}", "leave method out"


_METHODS: Final = {
    **dict.fromkeys(("find", "list", "get"), "GET"),
    **{"create": "POST", "replace": "PUT", "patch": "PATCH", "delete": "DELETE"},
}


def _needs(expected: object) -> bool:
    """Whether a condition asks for a value, as `absent: true` does not."""
    return difference(expected, ABSENT) is not None


def _names_in(attributes: object) -> Iterator[str]:
    """The names in a schema's `attributes`, in either of their forms."""
    if isinstance(attributes, Mapping):
        yield from map(str, attributes)
    elif isinstance(attributes, Sequence):
        yield from (str(each.get("name", "")) for each in attributes if isinstance(each, Mapping))


def _literals(value: object, path: Path) -> Iterator[tuple[str, Path]]:
    """The texts that a condition lists, each with its place."""
    if isinstance(value, str):
        yield value, path
    for i, item in enumerate(value if isinstance(value, Sequence) and not isinstance(value, str) else ()):
        if isinstance(item, str):
            yield item, (*path, i)


def _settable_states(scenario: Scenario) -> tuple[str, ...]:
    """The states that rules lead to where none are declared; nothing where they are, which validation compares."""
    if scenario.states.states or scenario.connector_states:
        return ()
    entered = [step.set_state for rule in scenario.rules for step in rule.steps if step.set_state]
    return tuple(dict.fromkeys((STARTED, *entered)))


def _shadowed(rules: Sequence[Rule]) -> Found:
    """Rules that stand behind one that takes every request that they could match."""
    always: list[tuple[int, Rule]] = []
    for i, rule in enumerate(rules):
        for first, wider in always:
            if _takes_all_of(wider, rule):
                message = f"the rule never fires: {wider.name!r} comes first and takes each of its requests"
                yield ("rules", i), message, f"put it before rules[{first}]"
                break
        else:
            if _is_endless(rule) and len(always) < _COMPARED:
                always.append((i, rule))


def _is_endless(rule: Rule) -> bool:
    """Whether the rule fires each time that its conditions hold."""
    bounded = (
        rule.window is not None or rule.times is not None or rule.ttl is not None or rule.probability < 1.0
    )
    return not bounded and not (rule.repeat == "none" and "sequence" in rule.document)


def _takes_all_of(wider: Rule, rule: Rule) -> bool:
    if wider.on_connection != rule.on_connection or (rule.sees_refused and not wider.sees_refused):
        return False
    ours, theirs = rule.document.get("when") or {}, wider.document.get("when") or {}
    if "verdict" in theirs and theirs["verdict"] == "any" and not SEES_REFUSED.isdisjoint(theirs):
        theirs = {word: value for word, value in theirs.items() if word != "verdict"}
    return all(_is_within(ours.get(word), value) for word, value in theirs.items())


def _is_within(narrow: object, wide: object) -> bool:
    if narrow == wide:
        return True
    inside, outside = names(narrow), names(wide)
    return inside is not None and outside is not None and inside <= outside


# -- states --------------------------------------------------------------------------------------------------


def _of_states(scenario: Scenario) -> Found:
    machines: list[tuple[Path, Blueprint]] = [(("states",), scenario.states)]
    machines += [(("connectors", n, "states"), own) for n, own in scenario.connector_states.items()]
    for path, machine in machines:
        for name, state in machine.states.items():
            if state.to is not None and state.to not in machine.described:
                hint = did_you_mean(state.to, machine.described)
                if hint.startswith("did"):
                    yield (*path, name, "to"), f"no state is described as {state.to!r}", hint


# -- columns -------------------------------------------------------------------------------------------------


def _of_columns(scenario: Scenario) -> Found:
    """Columns that a file adds to a connector whose parent says which attributes are selected."""
    layers = scenario.trail.layers
    for name, said in maps_in(scenario.document.get("connectors")).items():
        chosen = said.get("selected_attributes")
        if not isinstance(chosen, Sequence):
            continue
        selecting = owner(layers, ("connectors", name, "selected_attributes"))
        system = said.get("system")
        for column in _keys(system.get("columns") if isinstance(system, Mapping) else None):
            path: Path = ("connectors", name, "system", "columns", column)
            if (
                column in chosen
                or column == said.get("anchor")
                or layers.index(owner(layers, path)) <= layers.index(selecting)
            ):
                continue
            message = (
                f"the host does not show the column {column!r}: a parent selects the attributes without it"
            )
            yield path, message, f"add {column} to selected_attributes"


def _keys(value: object) -> Iterable[str]:
    return value if isinstance(value, Mapping) else ()
