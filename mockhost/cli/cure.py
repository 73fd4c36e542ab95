"""A scenario's steps in words: what a client does and sees, and what a person does to a running host."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from mockhost.cli.shells import command_line
from mockhost.durations import text_of

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
        found.extend(command_line([*control, *words], shell) for words in _commands(step))
        told = step.get("as")
        if "send" in step and not note:
            found.append(f"the client: {_request(step, told if isinstance(told, Mapping) else {})}")
    return found


def _commands(step: Mapping[str, object]) -> list[list[str]]:
    if (duration := step.get("advance")) is not None:
        return [["clock", "advance", in_units(duration)]]
    if isinstance(action := step.get("service"), str):
        return [["service", action]]
    if "send" not in step and isinstance(values := step.get("set"), Mapping):
        return [["set", *(f"{path}={_value(value)}" for path, value in values.items())]]
    if isinstance(changes := step.get("change"), Mapping):
        return [["change", json.dumps(changes, ensure_ascii=False)]]
    if (wanted := step.get("import")) is not None:
        if isinstance(wanted, Mapping):
            profile = [] if wanted.get("profile", "full") == "full" else ["--profile", str(wanted["profile"])]
            return [["import", str(wanted.get("connector")), *profile]]
        return [["import", str(wanted)]]
    if isinstance(assertion := step.get("verify"), Mapping):
        return [["verify", json.dumps(assertion, ensure_ascii=False)]]
    return []


def in_units(duration: object) -> str:
    """`4m` for 240.0 seconds: the largest unit that leaves a whole number; what is a text already stays one."""
    return text_of(duration) if isinstance(duration, (int, float)) else str(duration)


def _value(value: object) -> str:
    """A value as `set PATH=VALUE` reads it back."""
    plain = isinstance(value, str) and value.strip() == value and value[:1] not in ("", "[", "{", '"', "'")
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


def step_line(step: Mapping[str, object]) -> str:
    """One step of `expect` or `cured`: what is done and what it gives."""
    if "send" not in step:
        return "; ".join(lines([step], "sh"))
    told = step.get("as")
    parts = [_request(step, told if isinstance(told, Mapping) else {})]
    if isinstance(gets := step.get("gets"), Mapping):
        parts.append("gets " + ", ".join(f"{key} {_expected(value)}" for key, value in gets.items()))
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
