"""From what a scenario says of a fault to the fault and its parameters, complete and converted.

A fault is said as its name, or as a map of one name to its parameters: a map of them, or one bare value for the
parameter that it is mostly about. Several faults are a list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mockhost import faults
from mockhost.durations import seconds
from mockhost.errors import UsageError, did_you_mean
from mockhost.faults.declare import Fault, Parameter, Parameters


class Chosen(NamedTuple):
    """A fault with the parameters that a rule gives it."""

    fault: Fault
    parameters: Parameters

    @property
    def write(self) -> str:
        """Whether a write that it meets happens, unless the rule says: applied | not_applied."""
        return self.fault.write_under(self.parameters)


def read(said: object) -> tuple[Chosen, ...]:
    """The faults that a rule names. Raises UsageError for a name, a parameter or a value that can't be."""
    if isinstance(said, (list, tuple)):
        return tuple(_one(each) for each in said)
    return (_one(said),)


def _one(said: object) -> Chosen:
    if isinstance(said, str):
        name, given = said, None
    elif isinstance(said, Mapping) and len(said) == 1:
        name, given = next(iter(said.items()))
    else:
        raise UsageError(
            f"a fault is a name, or a map of one name to its parameters, not {said!r}",
            hint="e.g. {truncated_body: {after_bytes: 20}}",
        )
    fault = faults.find(str(name))
    if fault.unavailable is not None and (why := fault.unavailable()):
        raise UsageError(f"the fault {fault.name} can't be performed here: {why}")
    parameters = _parameters(fault, given)
    if problem := fault.problem(parameters):
        raise UsageError(f"the fault {fault.name}: {problem}")
    return Chosen(fault, parameters)


def _parameters(fault: Fault, given: object) -> Parameters:
    if given is None:
        given = {}
    elif fault.main is not None and not (isinstance(given, Mapping) and set(given) <= set(fault.parameters)):
        main = fault.parameters[fault.main]
        if not isinstance(given, Mapping) or main.kind in ("map", "value"):
            given = {fault.main: given}
    if not isinstance(given, Mapping):
        raise UsageError(f"the parameters of the fault {fault.name} are a map, not {given!r}")
    for name in given:
        if name not in fault.parameters:
            hint = did_you_mean(str(name), fault.parameters) if fault.parameters else "it has none"
            raise UsageError(f"the fault {fault.name} has no parameter {name!r}", hint=hint)
    values: dict[str, object] = {}
    for name, parameter in fault.parameters.items():
        value = given.get(name)
        if value is None:
            value = parameter.default
        if value is None:
            if parameter.required:
                raise UsageError(f"the fault {fault.name} needs its parameter {name!r}")
            values[name] = None
            continue
        problem, values[name] = _convert(parameter, value)
        if problem:
            raise UsageError(f"the fault {fault.name}: {name} is {problem}, not {value!r}")
    return values


def _convert(parameter: Parameter, value: Any) -> tuple[str, object]:
    """('', the value as the fault sees it), or (what it should have been, None)."""
    kind = parameter.kind
    if kind in ("integer", "number", "fraction"):
        return _number(parameter, value)
    if kind == "duration":
        try:
            length = seconds(value)
        except (TypeError, ValueError):
            length = -1.0
        low = parameter.minimum or 0.0
        return ("", length) if length >= low else ("a length of time such as 250ms or 3m", None)
    if kind == "octets":
        try:
            return "", bytes.fromhex(value)
        except (TypeError, ValueError):
            return "a text of pairs of hex digits", None
    if kind == "texts":
        items = [value] if isinstance(value, str) else value
        right = isinstance(items, Sequence) and all(isinstance(item, str) for item in items)
        return ("", tuple(items)) if right else ("a text or a list of texts", None)
    if kind == "choice":
        right = value in parameter.choices
        return ("", value) if right else (f"one of {', '.join(parameter.choices)}", None)
    wanted: dict[str, tuple[type, str]] = {
        "text": (str, "a text"),
        "boolean": (bool, "true or false"),
        "map": (Mapping, "a map"),
        "value": (object, ""),
    }
    what, words = wanted[kind]
    return ("", value) if isinstance(value, what) else (words, None)


def _number(parameter: Parameter, value: Any) -> tuple[str, object]:
    whole = parameter.kind == "integer"
    low = 0.0 if parameter.kind == "fraction" else parameter.minimum
    high = 1.0 if parameter.kind == "fraction" else parameter.maximum
    right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if right and (low is None or value >= low) and (high is None or value <= high):
        return "", value if whole else float(value)
    words = "a whole number" if whole else "a number"
    if low is not None and high is not None:
        words += f" from {low:.15g} to {high:.15g}"
    elif low is not None:
        words += f" of at least {low:.15g}"
    return words, None
