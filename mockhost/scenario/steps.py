"""Steps, moments of the timeline, states and rules: values of what a scenario says, or reports of what is wrong."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mockhost import actions, patterns
from mockhost.actions import VERBS, WORDS
from mockhost.connectors.ecma.config import Column
from mockhost.durations import seconds
from mockhost.errors import UsageError, did_you_mean
from mockhost.rules import rule as rules
from mockhost.rules import states
from mockhost.rules.rule import Known, Rule
from mockhost.rules.states import INITIAL, Blueprint
from mockhost.scenario import data, schema, shape
from mockhost.scenario.documents import Path, at_path
from mockhost.scenario.layers import Findings
from mockhost.scenario.model import SETTABLE, SETTABLE_HINT, Moment, Step
from mockhost.scenario.system import row_problems

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


def _one_of(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + " or " + words[-1]


DURATIONS: Final[tuple[Path, ...]] = (
    ("advance",),
    ("gets", "took", "at_least"),
    ("gets", "took", "at_most"),
    ("gets", "ends", "no_answer_within"),
)
"""Where a step has a duration."""


def parse_steps(said: object, key: str, columns: Columns, findings: Findings) -> tuple[Step, ...]:
    """The steps of one of a scenario's lists, with durations in seconds."""
    found: list[Step] = []
    for i, step in enumerate(said if isinstance(said, list) else ()):
        if not isinstance(step, Mapping):
            continue
        _check_step(step, (key, i), columns, findings)
        compares = (
            step.get("says")
            if "entra" in step
            else ("send" in step or "windows" in step) and step.get("gets")
        )
        if key == "wrong_cure" and not ("verify" in step or compares):
            hint = "write send or windows with gets, entra with says, or verify"
            findings.add((key, i), "a step of wrong_cure compares something", hint)
        if not findings:
            for path in DURATIONS:
                step = _in_seconds(step, path)
            found.append(dict(step))
    return tuple(found)


def _in_seconds(value: Any, path: Path) -> Any:
    if not path:
        return seconds(value)
    if isinstance(value, Mapping) and path[0] in value:
        return {**value, path[0]: _in_seconds(value[path[0]], path[1:])}
    return value


def _check_step(step: Mapping[str, object], path: Path, columns: Columns, findings: Findings) -> None:
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
        _check_send(send, step, path, columns, findings)
    else:
        _check_gets(step, found[0], path, findings)
        if isinstance(spec := step.get("verify"), Mapping):
            _check_verify(spec, (*path, "verify"), findings)
        own = {found[0], "note", {"windows": "gets", "entra": "says"}.get(found[0], "note")}
        for key in step:
            if key not in own:
                findings.add((*path, key), f"{key!r} goes with 'send' only, not with {found[0]!r}", key=True)
    _check_actions(step, path, columns, findings)


def _check_gets(step: Mapping[str, object], verb: str, path: Path, findings: Findings) -> None:
    """Report what a command can't get, and an exit code of something else."""
    gets = step.get("gets")
    if isinstance(gets, Mapping):
        _check_patterns(gets, (*path, "gets"), findings)
    for key in gets if isinstance(gets, Mapping) and verb == "windows" else ():
        if key not in ("text", "exit"):
            findings.add((*path, "gets", key), f"a command gets no {key!r}", "write text or exit", key=True)


def _check_verify(spec: Mapping[str, object], path: Path, findings: Findings) -> None:
    """Report an assertion that can't be made. What was captured is known only when the step is played."""
    from mockhost.journal import Sink
    from mockhost.journal.verification import Window, verify

    if "{{" in json.dumps(spec):
        return
    parts = [((*path, word), {word: value}) for word, value in spec.items()]
    for where, part in (*parts, (path, spec)):
        try:
            if not findings.spoilt(path) or part is not spec:
                verify(part, Window((), 0), Sink(b""))
        except UsageError as error:
            findings.add(where, error.message, error.hint)


def parse_timeline(said: object, columns: Columns, findings: Findings) -> tuple[Moment, ...]:
    """The moments of the timeline."""
    found: list[Moment] = []
    for i, moment in enumerate(said if isinstance(said, list) else ()):
        if isinstance(moment, Mapping):
            path: Path = ("timeline", i)
            if not any(word in moment for word in WORDS) and not findings.spoilt(path):
                findings.add(path, "nothing happens then", f"write one of {_one_of(tuple(WORDS))}")
            _check_actions(moment, path, columns, findings)
            if not findings:
                found.append(Moment(seconds(moment["at"]), actions.parse(moment)))
    return tuple(found)


def _check_actions(step: Mapping[str, object], path: Path, columns: Columns, findings: Findings) -> None:
    """Report what is wrong with `set`, `change` and `import`."""
    if isinstance(changes := step.get("change"), Mapping):
        _check_changes(changes, (*path, "change"), columns, findings)
    if isinstance(settings := step.get("set"), Mapping) and step.get("send") is None:
        for dotted, value in settings.items():
            _check_setting(dotted, value, (*path, "set", dotted), columns, findings)
    run = step.get("import")
    if isinstance(run, Mapping):
        _check_connector(run.get("connector"), (*path, "import", "connector"), columns, findings)
    elif run is not None:
        _check_connector(run, (*path, "import"), columns, findings)


def _check_connector(
    name: object, path: Path, columns: Columns, findings: Findings, *, key: bool = False
) -> bool:
    if isinstance(name, str) and name not in columns:
        findings.add(path, f"there is no connector {name!r}", did_you_mean(name, columns), key=key)
        return False
    return True


def _check_send(
    send: str, step: Mapping[str, object], path: Path, columns: Columns, findings: Findings
) -> None:
    _check_connector(step.get("connector"), (*path, "connector"), columns, findings)
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
        check_told(told, (*path, "as"), findings)
    if isinstance(gets := step.get("gets"), Mapping):
        _check_patterns(gets, (*path, "gets"), findings)
        if "exit" in gets:
            findings.add((*path, "gets", "exit"), "'exit' goes with 'windows' only", key=True)


_PLACEHOLDERS = ("truth", "host", "port")


def check_told(told: Mapping[str, object], path: Path, findings: Findings) -> None:
    """Report what is wrong with what a client was told."""
    url = told.get("tenant_url")
    for name in re.findall(r"\{([^{}]*)\}", url) if isinstance(url, str) else ():
        if name not in _PLACEHOLDERS:
            findings.add(
                (*path, "tenant_url"), f"{{{name}}} stands for nothing", did_you_mean(name, _PLACEHOLDERS)
            )


def _check_patterns(value: object, path: Path, findings: Findings) -> None:
    """Report regular expressions of matchers anywhere in `value` that are none."""
    if isinstance(value, Mapping):
        pattern = value.get("matches")
        if isinstance(pattern, str):
            try:
                patterns.check(pattern)
            except UsageError as error:
                findings.add((*path, "matches"), error.message, error.hint)
        for key, item in value.items():
            _check_patterns(item, (*path, key), findings)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _check_patterns(item, (*path, i), findings)


# -- changes -------------------------------------------------------------------------------------------------


def _check_changes(changes: Mapping[str, object], path: Path, columns: Columns, findings: Findings) -> None:
    for name, change in changes.items():
        where = (*path, name)
        known = _check_connector(name, where, columns, findings, key=True)
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


def _check_setting(dotted: str, value: object, where: Path, columns: Columns, findings: Findings) -> None:
    parts = dotted.removeprefix("$.").split(".")
    for length in range(1, len(parts) + 1):
        if not schema.at(tuple(parts[:length])):
            known = schema.known_keys(tuple(parts[: length - 1]))
            hint = did_you_mean(parts[length - 1], known)
            findings.add(
                where,
                f"{dotted!r} is not a path into a scenario: unknown key {parts[length - 1]!r}",
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


# -- states and rules -----------------------------------------------------------------------------------------


def parse_states(said: object, path: Path, columns: Columns, findings: Findings) -> Blueprint:
    """The states of the host or of a connector."""
    if not isinstance(said, Mapping):
        return Blueprint()
    for name, state in said.items():
        if name != INITIAL and isinstance(state, Mapping):
            _check_actions(state, (*path, name), columns, findings)
    found = states.parse(said)
    if INITIAL in said and not (found.initial in found.states or findings.spoilt((*path, found.initial))):
        hint = did_you_mean(found.initial, found.states)
        findings.add((*path, INITIAL), f"there is no state {found.initial!r}", hint)
    return found


def parse_rules(
    said: object, columns: Columns, blueprints: Sequence[Blueprint], findings: Findings, *, live: bool = False
) -> tuple[Rule, ...]:
    """The rules of a scenario, or the one that was sent to a running host."""
    called: dict[str, int] = {}
    known = Known(columns, tuple(name for each in blueprints for name in each.states))
    found: list[Rule] = []
    for i, written in enumerate(said if isinstance(said, list) else ()):
        if not isinstance(written, Mapping):
            continue
        path: Path = ("rules", i)
        name = written.get("name", "" if live else f"rules[{i}]")
        if isinstance(name, str) and called.setdefault(name, i) != i:
            where = (*path, "name") if "name" in written else path
            findings.add(where, f"rules[{called[name]}] is already called {name!r}")
        if isinstance(when := written.get("when"), Mapping):
            _check_patterns(when, (*path, "when"), findings)
        document = dict(written) if live else {"name": name, **written}
        for effect, place in _effects(document, path):
            _check_actions(effect, place, columns, findings)
            _read_body(effect, place, findings)
        rule = rules.parse(document, live=live, path=path, report=findings, known=known)
        if rule is not None:
            found.append(rule)
    return tuple(found)


def _effects(document: dict[str, Any], path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """A rule, or copies of the steps of its sequence in their place: what may have a reply and actions."""
    sequence = document.get("sequence")
    if sequence is None:
        yield document, path
        return
    steps = document["sequence"] = [dict(step) if isinstance(step, Mapping) else step for step in sequence]
    for i, step in enumerate(steps):
        if isinstance(step, dict):
            yield step, (*path, "sequence", i)


BODIES: Final = ("body", "body_file", "body_base64")
"""How a reply can give its body: by one of them."""


def _read_body(effect: dict[str, Any], path: Path, findings: Findings) -> None:
    """Put the body itself into a reply that has it in a file or as base64."""
    reply = effect.get("reply")
    if not isinstance(reply, Mapping):
        return
    given = [word for word in BODIES if word in reply]
    path = (*path, "reply")
    if len(given) > 1:
        hint = f"keep one of {' and '.join(given)}"
        findings.add((*path, given[1]), "the reply has a body already", hint, key=True)
    elif given and given != ["body"]:
        word, said = given[0], reply[given[0]]
        try:
            body = _body(word, said, (*path, word), findings)
        except data.DataProblem as problem:
            findings.add((*path, word), problem.message, problem.hint)
        else:
            effect["reply"] = {**{k: v for k, v in reply.items() if k != word}, "body": body}


def _body(word: str, said: str, path: Path, findings: Findings) -> str | bytes:
    if word == "body_file":
        return data.body(findings.locate(path, said))
    if len(said) % 4:
        raise data.DataProblem("that is not base64: its length is not a multiple of 4")
    return data.text_or_bytes(base64.b64decode(said))
