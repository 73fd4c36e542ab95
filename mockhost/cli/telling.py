"""A scenario as verbs show it: its steps in words and as commands, and without values from the environment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mockhost import actions
from mockhost.cli.shells import command_line
from mockhost.entra.rendering import words as portal_words

if TYPE_CHECKING:
    from mockhost.scenario.model import Scenario

CONTROL = ("mockhost", "control")

# -- steps: what a client does and sees, and what a person does to a running host ------------------------------------


def lines(steps: Iterable[Mapping[str, object]], shell: str, control: Sequence[str] = CONTROL) -> list[str]:
    """Each step's note, and the command that carries it out where there is one.

    `control`: the words that call the control plane which is meant.
    """
    found: list[str] = []
    for step in steps:
        note = step.get("note")
        if isinstance(note, str):
            found.append(" ".join(note.split()))
        action = actions.of_step(step)
        if action is not None:
            words = action.as_command()
            if words[0] == "windows":  # a verb of its own, which takes the same options
                words, control = words[1:], ["windows" if word == "control" else word for word in control]
            found.append(command_line([*control, *words], shell))
        if "entra" in step and (typed := portal_words(step["entra"])) is not None:
            found.append(command_line([*control, "portal", *typed], shell))
        elif "entra" in step and not note:
            found.append(step_line(step))
        elif action is None and "entra" not in step and not note:
            found.append(f"the client: {_request(step)}")
    return found


def step_line(step: Mapping[str, object]) -> str:
    """One step of `expect` or `cured`: what is done, by a client, in Entra or to the host, and what it gives."""
    note = step.get("note")
    if "entra" in step:
        what = step["entra"]
        verb, argument = next(iter(what.items())) if isinstance(what, Mapping) else (what, None)
        parts = [
            "in Entra:",
            str(verb).replace("_", " "),
            *([] if argument is None else [_expected(argument)]),
        ]
    elif "send" in step:
        parts = [_request(step)]
    else:
        parts, note = ["; ".join(lines([step], "sh"))], None  # which has the note
    for word in ("gets", "says"):
        if isinstance(given := step.get(word), Mapping):
            parts.append(f"{word} {_listed(given)}")
    if isinstance(note, str):
        parts.append(f"({' '.join(note.split())})")
    return " ".join(parts)


def _listed(values: Mapping[str, object], between: str = " ") -> str:
    return ", ".join(f"{name}{between}{_expected(value)}" for name, value in values.items())


def _expected(value: object) -> str:
    """A matcher as a phrase: `contains 'invalid'`."""
    if isinstance(value, Mapping):
        return _listed({str(word).replace("_", " "): operand for word, operand in value.items()})
    return repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _request(step: Mapping[str, object]) -> str:
    """What is sent, with what, to whom."""
    parts = [str(step["send"]).replace("_", " ")]
    if isinstance(connector := step.get("connector"), str):
        parts.append(f"to {connector}")
    parts += [
        f"{key} {_expected(step[key])}" for key in ("method", "path", "target", "id", "filter") if key in step
    ]
    for key in ("where", "attributes", "set"):
        if isinstance(values := step.get(key), Mapping):
            parts.append(f"with {_listed(values, ' = ')}")
    told = step.get("as")
    if not isinstance(told, Mapping):
        return " ".join(parts)
    words = {"tenant_url": "the tenant URL", "secret_token": "the secret token"}
    given = [f"{word} {told[key]}" for key, word in words.items() if key in told]
    given += ["trust in the mock's CA"] if told.get("trusts") else []
    return " ".join(parts) + (f", as a client with {' and '.join(given)}" if given else "")


# -- values that a scenario takes from the environment, which no verb prints ----------------------------------------

Hide = Callable[[str], str]
"""Gives a text without the secret values."""


def hider(scenario: Scenario) -> Hide:
    """What takes a scenario's secret values out of a text, also where they stand escaped."""
    if not scenario.secrets:
        return str
    from mockhost.journal import Sink

    sink = Sink(b"")
    sink.learn(scenario.secrets)
    return sink.known


def hidden(value: Any, hide: Hide) -> Any:
    """JSON data without the secret values in its texts."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {hide(str(name)): hidden(inner, hide) for name, inner in value.items()}
    return [hidden(inner, hide) for inner in value] if isinstance(value, (list, tuple)) else value


def variables(scenario: Scenario) -> dict[str, str]:
    """The environment's variables that a scenario takes values from, by the value."""
    declared, env = scenario.document.get("vars"), scenario.trail.env
    said = declared.values() if isinstance(declared, Mapping) else ()
    names = [str(each["env"]) for each in said if isinstance(each, Mapping) and "env" in each]
    return {env[name]: name for name in names if name in env}
