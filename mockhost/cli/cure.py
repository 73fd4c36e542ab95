"""A scenario's steps in words: what a client does and sees, and what a person does to a running host."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from mockhost import actions
from mockhost.cli.shells import command_line
from mockhost.entra.rendering import words as portal_words

CONTROL = ("mockhost", "control")


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
        told = step.get("as")
        if "entra" in step and (typed := portal_words(step["entra"])) is not None:
            found.append(command_line([*control, "portal", *typed], shell))
        elif "entra" in step and not note:
            found.append(entra_line(step))
        elif action is None and "entra" not in step and not note:
            found.append(f"the client: {_request(step, told if isinstance(told, Mapping) else {})}")
    return found


def step_line(step: Mapping[str, object]) -> str:
    """One step of `expect` or `cured`: what is done and what it gives."""
    if "entra" in step:
        return entra_line(step)
    if "send" not in step:
        text = "; ".join(lines([step], "sh"))
        gets = step.get("gets")
        if isinstance(gets, Mapping):
            text += " gets " + ", ".join(f"{key} {_expected(value)}" for key, value in gets.items())
        return text
    told = step.get("as")
    parts = [_request(step, told if isinstance(told, Mapping) else {})]
    if isinstance(gets := step.get("gets"), Mapping):
        parts.append("gets " + ", ".join(f"{key} {_expected(value)}" for key, value in gets.items()))
    if isinstance(note := step.get("note"), str):
        parts.append(f"({' '.join(note.split())})")
    return " ".join(parts)


def entra_line(step: Mapping[str, object]) -> str:
    """A step of Entra's side: what is done there and what it says."""
    what = step["entra"]
    verb, argument = next(iter(what.items())) if isinstance(what, Mapping) else (what, None)
    parts = ["in Entra:", str(verb).replace("_", " ")]
    if argument is not None:
        parts.append(_expected(argument))
    if isinstance(says := step.get("says"), Mapping):
        parts.append("says " + ", ".join(f"{key} {_expected(value)}" for key, value in says.items()))
    if isinstance(note := step.get("note"), str):
        parts.append(f"({' '.join(note.split())})")
    return " ".join(parts)


def _expected(value: object) -> str:
    """A matcher as a phrase: `contains 'invalid'`."""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{str(word).replace('_', ' ')} {_expected(operand)}" for word, operand in value.items()
        )
    return repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _request(step: Mapping[str, object], told: Mapping[str, object]) -> str:
    """What is sent, with what, to whom."""
    parts = [str(step["send"]).replace("_", " ")]
    if isinstance(connector := step.get("connector"), str):
        parts.append(f"to {connector}")
    parts += [
        f"{key} {_expected(step[key])}" for key in ("method", "path", "target", "id", "filter") if key in step
    ]
    for key in ("where", "attributes", "set"):
        if isinstance(values := step.get(key), Mapping):
            parts.append(
                "with " + ", ".join(f"{name} = {_expected(value)}" for name, value in values.items())
            )
    words = {"tenant_url": "the tenant URL", "secret_token": "the secret token"}
    given = [f"{word} {told[key]}" for key, word in words.items() if key in told]
    if told.get("trusts"):
        given.append("trust in the mock's CA")
    return " ".join(parts) + (f", as a client with {' and '.join(given)}" if given else "")
