"""What a step, a moment of the timeline and a rule may say, beyond their shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from mockhost import patterns
from mockhost.connectors.ecma.config import Column
from mockhost.errors import UsageError, did_you_mean
from mockhost.faults import parameters
from mockhost.faults.parameters import Chosen
from mockhost.rules import delay, template
from mockhost.rules.rule import ACTIONS, Rule
from mockhost.rules.states import INITIAL, names
from mockhost.scenario import data, naming, schema, shape
from mockhost.scenario.build import BODIES
from mockhost.scenario.layers import Findings
from mockhost.scenario.merge import at_path
from mockhost.scenario.model import SETTABLE, SETTABLE_HINT
from mockhost.scenario.paths import Path, written
from mockhost.scenario.system import row_problems

VERBS: Final = ("send", "advance", "service", "set", "change", "import", "verify")
"""What a step can do: exactly one of them."""
HAPPENINGS: Final = ("change", "set", "service", "import")
"""What can happen by itself, in the timeline."""

_ALWAYS = frozenset({"note", "send", "connector", "as", "headers", "capture", "gets"})
_PAGE = frozenset({"start_index", "count", "attributes", "excluded_attributes"})
SIBLINGS: Final[Mapping[str, frozenset[str]]] = {
    "test_connection": _ALWAYS | {"probe"},
    "find": _ALWAYS | _PAGE | {"filter", "where"},
    "list": _ALWAYS | _PAGE,
    "get": _ALWAYS | {"id", "attributes", "excluded_attributes"},
    "create": _ALWAYS | {"attributes", "body"},
    "replace": _ALWAYS | {"id", "attributes", "body"},
    "patch": _ALWAYS | {"id", "set", "operations", "body"},
    "delete": _ALWAYS | {"id"},
    "schemas": _ALWAYS,
    "cache": _ALWAYS,
    "raw": _ALWAYS | {"method", "path", "target", "body"},
}
"""The keys that go with each `send`."""
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "find": ("filter", "where"),
    "get": ("id",),
    "replace": ("id",),
    "patch": ("id",),
    "delete": ("id",),
}

Columns = Mapping[str, Mapping[str, Column]]
"""The columns of each connector's system, by connector."""


def _one_of(words: tuple[str, ...]) -> str:
    return ", ".join(words[:-1]) + " or " + words[-1]


def judge_step(step: Mapping[str, object], path: Path, columns: Columns, findings: Findings) -> None:
    """Report what is wrong with a step whose shape is right."""
    send = step.get("send")
    found = [verb for verb in VERBS if verb in step and not (verb == "set" and send == "patch")]
    if not found:
        if not findings.spoilt(path):
            findings.add(path, "the step does nothing", f"write one of {_one_of(VERBS)}")
        return
    if len(found) > 1:
        findings.add(path, f"the step does two things: {' and '.join(found)}", "make each a step of its own")
        return
    if isinstance(send, str):
        _judge_send(send, step, path, columns, findings)
    else:
        for key in step:
            if key not in (found[0], "note"):
                findings.add((*path, key), f"{key!r} goes with 'send' only, not with {found[0]!r}", key=True)
    judge_happening(step, path, columns, findings)


def judge_moment(moment: Mapping[str, object], path: Path, columns: Columns, findings: Findings) -> None:
    """Report what is wrong with an entry of the timeline."""
    if not any(word in moment for word in HAPPENINGS) and not findings.spoilt(path):
        findings.add(path, "nothing happens then", f"write one of {_one_of(HAPPENINGS)}")
    judge_happening(moment, path, columns, findings)


def judge_happening(step: Mapping[str, object], path: Path, columns: Columns, findings: Findings) -> None:
    """Report what is wrong with `set`, `change` and `import`."""
    if isinstance(changes := step.get("change"), Mapping):
        _judge_changes(changes, (*path, "change"), columns, findings)
    if isinstance(settings := step.get("set"), Mapping) and step.get("send") is None:
        for dotted, value in settings.items():
            _judge_setting(dotted, value, (*path, "set", dotted), columns, findings)
    run = step.get("import")
    if isinstance(run, Mapping):
        _judge_connector(run.get("connector"), (*path, "import", "connector"), columns, findings)
    elif run is not None:
        _judge_connector(run, (*path, "import"), columns, findings)


def _judge_connector(
    name: object, path: Path, columns: Columns, findings: Findings, *, key: bool = False
) -> bool:
    if isinstance(name, str) and name not in columns:
        findings.add(path, f"there is no connector {name!r}", did_you_mean(name, columns), key=key)
        return False
    return True


def _judge_send(
    send: str, step: Mapping[str, object], path: Path, columns: Columns, findings: Findings
) -> None:
    _judge_connector(step.get("connector"), (*path, "connector"), columns, findings)
    if send not in SIBLINGS:
        return
    for key in step:
        if key not in SIBLINGS[send]:
            fits = [verb for verb, keys in SIBLINGS.items() if key in keys]
            hint = f"it goes with {_one_of(tuple(fits)) if len(fits) > 1 else fits[0]}" if fits else ""
            findings.add((*path, key), f"{key!r} does not go with 'send: {send}'", hint, key=True)
    needs = _NEEDS.get(send)
    if needs and not any(key in step for key in needs) and not findings.spoilt(path):
        findings.add(path, f"'send: {send}' needs {' or '.join(map(repr, needs))}")
    attributes = step.get("attributes")
    if attributes is not None and isinstance(attributes, list) is (send in ("create", "replace")):
        due = "a map of values" if send in ("create", "replace") else "a list of names"
        findings.add((*path, "attributes"), f"with 'send: {send}' the attributes are {due}")
    if isinstance(told := step.get("as"), Mapping):
        judge_told(told, (*path, "as"), findings)
    if isinstance(gets := step.get("gets"), Mapping):
        judge_patterns(gets, (*path, "gets"), findings)


_PLACEHOLDERS = ("truth", "host", "port")


def judge_told(told: Mapping[str, object], path: Path, findings: Findings) -> None:
    """Report what is wrong with what a client was told."""
    url = told.get("tenant_url")
    for name in re.findall(r"\{([^{}]*)\}", url) if isinstance(url, str) else ():
        if name not in _PLACEHOLDERS:
            findings.add(
                (*path, "tenant_url"), f"{{{name}}} stands for nothing", did_you_mean(name, _PLACEHOLDERS)
            )


def judge_patterns(value: object, path: Path, findings: Findings) -> None:
    """Report regular expressions of matchers anywhere in `value` that are none."""
    if isinstance(value, Mapping):
        pattern = value.get("matches")
        if isinstance(pattern, str):
            try:
                patterns.check(pattern)
            except UsageError as error:
                findings.add((*path, "matches"), error.message, error.hint)
        for key, item in value.items():
            judge_patterns(item, (*path, key), findings)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            judge_patterns(item, (*path, i), findings)


# -- changes -------------------------------------------------------------------------------------------------


def _judge_changes(changes: Mapping[str, object], path: Path, columns: Columns, findings: Findings) -> None:
    for name, change in changes.items():
        where = (*path, name)
        known = _judge_connector(name, where, columns, findings, key=True)
        # a connector of kind scim has resources, whose schemas judge them when they come
        if known and columns[name] and isinstance(change, Mapping):
            for row, row_path in _rows(change, where):
                for column, message, hint in row_problems(
                    row, columns[name], "", findings, row_path, whole=False
                ):
                    target = row_path if column is None else (*row_path, column)
                    findings.add(target, message, hint, key=column not in columns[name])


def _rows(change: Mapping[str, object], path: Path) -> Iterator[tuple[Mapping[str, object], Path]]:
    for word, rows in change.items():
        for i, row in enumerate(rows if isinstance(rows, list) else ()):
            inner = (
                {"where": row.get("where"), "set": row.get("set")}
                if word == "update" and isinstance(row, Mapping)
                else {}
            )
            for key, part in inner.items():
                if isinstance(part, Mapping):
                    yield part, (*path, word, i, key)
            if word != "update" and isinstance(row, Mapping):
                yield row, (*path, word, i)


# -- settings -------------------------------------------------------------------------------------------------


def _judge_setting(dotted: str, value: object, where: Path, columns: Columns, findings: Findings) -> None:
    parts = dotted.removeprefix("$.").split(".")
    for length in range(1, len(parts) + 1):
        if not schema.at(tuple(parts[:length])):
            known = schema.known_keys(tuple(parts[: length - 1]))
            hint = did_you_mean(parts[length - 1], known)
            findings.add(
                where,
                f"{dotted!r} is no path into a scenario: unknown key {parts[length - 1]!r}",
                hint,
                key=True,
            )
            return
    if parts[0] not in SETTABLE:
        findings.add(where, f"{dotted} can't be set while the host runs", SETTABLE_HINT, key=True)
        return
    if len(parts) > 1 and parts[0] in ("connectors", "client") and parts[1] not in columns:
        findings.add(where, f"there is no connector {parts[1]!r}", did_you_mean(parts[1], columns), key=True)
        return
    for path, leaf in _leaves(at_path(dotted, value), ()):
        if leaf is not None:
            shape.judge_part(leaf, path, where, findings)


def _leaves(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    else:
        yield path, value


# -- rules ----------------------------------------------------------------------------------------------------


def judge_rules(rules: object, columns: Columns, machines: Machines, findings: Findings) -> None:
    """Report what is wrong with the rules."""
    called: dict[str, int] = {}
    for i, rule in enumerate(rules if isinstance(rules, list) else ()):
        if not isinstance(rule, Mapping):
            continue
        path: Path = ("rules", i)
        name = rule.get("name", f"rules[{i}]")
        if isinstance(name, str) and called.setdefault(name, i) != i:
            where = (*path, "name") if "name" in rule else path
            findings.add(where, f"rules[{called[name]}] is already called {name!r}")
        _judge_rule(rule, path, columns, machines, findings)


def _judge_rule(
    rule: Mapping[str, Any], path: Path, columns: Columns, machines: Machines, findings: Findings
) -> None:
    before = len(findings.problems)
    if isinstance(when := rule.get("when"), Mapping):
        judge_patterns(when, (*path, "when"), findings)
        _judge_states_of(when.get("in_state"), (*path, "when", "in_state"), machines, findings)
    sequence = rule.get("sequence")
    if sequence is None:
        if "repeat" in rule:
            findings.add((*path, "repeat"), "there is no sequence that could repeat", key=True)
        _judge_effect(rule, path, columns, machines, findings)
    else:
        for word in ("reply", "fault", "set_state", *HAPPENINGS):
            if word in rule:
                findings.add((*path, word), f"the rule has a sequence: write {word!r} in its steps", key=True)
        for i, step in enumerate(sequence if isinstance(sequence, list) else ()):
            if isinstance(step, Mapping):
                _judge_effect(step, (*path, "sequence", i), columns, machines, findings)
    if len(findings.problems) == before and not findings.spoilt(path):
        try:
            Rule(rule, written(path), live=False)
        except UsageError as error:
            message = error.message.partition(": ")[2] or error.message
            findings.add(path, message, error.hint or "")


def _judge_effect(
    said: Mapping[str, Any], path: Path, columns: Columns, machines: Machines, findings: Findings
) -> None:
    """Report what is wrong with what a rule, or a step of its sequence, does."""
    if not any(word in said for word in ACTIONS) and not findings.spoilt(path):
        what, words = ("rule", "sequence, ") if len(path) == 2 else ("step", "")
        hint = f"write reply, fault, delay, {words}set_state, set, change, import or service"
        findings.add(path, f"the {what} does nothing", hint)
    if isinstance(reply := said.get("reply"), Mapping):
        _judge_reply(reply, (*path, "reply"), findings)
    if "fault" in said and not findings.spoilt((*path, "fault")):
        _judge_faults(said["fault"], (*path, "fault"), columns, findings)
    if "delay" in said and not findings.spoilt((*path, "delay")):
        _judge_by(delay.compiled, said["delay"], (*path, "delay"), findings)
    _judge_states_of(said.get("set_state"), (*path, "set_state"), machines, findings)
    judge_happening(said, path, columns, findings)


def _judge_faults(said: object, path: Path, columns: Columns, findings: Findings) -> None:
    places = [((*path, i), each) for i, each in enumerate(said)] if isinstance(said, list) else [(path, said)]
    for place, each in places:
        _judge_by(lambda fault: _known_connector(parameters.read(fault), columns), each, place, findings)


def _known_connector(faults: Sequence[Chosen], columns: Columns) -> None:
    """Raises UsageError for a fault on a connector that is not there."""
    for fault, given in faults:
        name = given.get("connector")
        if isinstance(name, str) and fault.host is not None and name not in columns:
            hint = did_you_mean(name, columns)
            raise UsageError(f"the fault {fault.name}: no ECMA connector {name!r}", hint=hint)


def _judge_by(read: Callable[[object], object], said: object, path: Path, findings: Findings) -> None:
    """Report what a reader says against a value."""
    try:
        read(said)
    except UsageError as error:
        findings.add(path, error.message, error.hint or "")


Machines = tuple[Mapping[str, Any], ...]
"""The states of the host, and those of each connector."""


def _judge_states_of(said: object, path: Path, machines: Machines, findings: Findings) -> None:
    """Report a name that is no state, where states are declared at all."""
    known = [name for machine in machines for name in names(machine)]
    if not known:
        return
    for name in [said] if isinstance(said, str) else said if isinstance(said, list) else ():
        if isinstance(name, str) and name not in known:
            findings.add(path, f"there is no state {name!r}", did_you_mean(name, known))


def judge_states(states: object, path: Path, columns: Columns, findings: Findings) -> None:
    """Report what is wrong with the states of the host or of a connector."""
    if not isinstance(states, Mapping):
        return
    known = names(states)
    if isinstance(initial := states.get(INITIAL), str) and initial not in known:
        findings.add((*path, INITIAL), f"there is no state {initial!r}", did_you_mean(initial, known))
    for name, state in states.items():
        if name != INITIAL and isinstance(state, Mapping):
            judge_happening(state, (*path, name), columns, findings)


def _judge_reply(reply: Mapping[str, object], path: Path, findings: Findings) -> None:
    headers = reply.get("headers")
    for name, text in headers.items() if isinstance(headers, Mapping) else ():
        if any(c in f"{name}{text}" for c in "\r\n\0"):
            findings.add((*path, "headers", name), "a header can't have a line break in it")
    if reply.get("template", True):
        for key in ("headers", "body"):
            if (problem := template.judge(reply.get(key))) is not None:
                message, _, hint = problem.partition("; ")
                findings.add((*path, key), message, hint)
    bodies = [word for word in BODIES if word in reply]
    if len(bodies) > 1:
        hint = f"keep one of {' and '.join(bodies)}"
        findings.add((*path, bodies[1]), "the reply has a body already", hint, key=True)
        return
    coded = reply.get("body_base64")
    if isinstance(coded, str) and len(coded) % 4:
        findings.add((*path, "body_base64"), "that is not base64: its length is not a multiple of 4")
    file = reply.get("body_file")
    if not isinstance(file, str):
        return
    try:
        data.body(naming.file(findings.layers, (*path, "body_file"), file))
    except data.DataProblem as problem:
        findings.add((*path, "body_file"), problem.message, problem.hint)
