"""`vars`: values that a scenario names once and uses as `${name}`.

`$${` stands for `${` itself. A text that is nothing but `${name}` takes the value's own type where the schema
wants it. What comes from the environment is a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from mockhost.errors import did_you_mean
from mockhost.scenario import schema
from mockhost.scenario.layers import Findings
from mockhost.scenario.merge import Document
from mockhost.scenario.paths import Path

_USE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|(\$\{)")
"""`$${`, `${name}`, or a `${` without its end."""


class Values(NamedTuple):
    """What the variables stand for; names of those that have no value; what must never be shown."""

    known: Mapping[str, object]
    unset: frozenset[str]
    secrets: tuple[str, ...]


def values(document: Mapping[str, object], env: Mapping[str, str]) -> Values:
    """The values of a document's `vars` in an environment. Ill-shaped declarations count as unset."""
    declared = document.get("vars")
    known: dict[str, object] = {}
    unset: set[str] = set()
    secrets: list[str] = []
    for name, said in declared.items() if isinstance(declared, Mapping) else ():
        if not isinstance(said, Mapping):
            known[name] = said
            continue
        variable = said.get("env")
        found = env.get(variable) if isinstance(variable, str) else None
        if found is not None:
            known[name] = found
            secrets.append(found)
        elif "default" in said:
            known[name] = said["default"]
        else:
            unset.add(name)
    return Values(known, frozenset(unset), tuple(secrets))


def reads_environment(document: Mapping[str, object], env: Mapping[str, str]) -> bool:
    """Whether a value of `vars` would come from `env`."""
    return bool(values(document, env).secrets)


def report_unset(document: Mapping[str, object], given: Values, findings: Findings) -> None:
    """Report variables that have no value."""
    declared = document.get("vars")
    assert isinstance(declared, Mapping) or not given.unset
    for name in sorted(given.unset):
        said = declared[name] if isinstance(declared, Mapping) else {}
        if isinstance(said.get("env"), str):
            findings.add(
                ("vars", name),
                f"the environment has no variable {said['env']}",
                "set it, or write a default",
                key=True,
            )


def filled(document: Document, given: Values, findings: Findings | None = None) -> Document:
    """The document with every `${name}` replaced, except in `vars` itself; undeclared names are reported."""
    if not any(key == "vars" or _uses(value) for key, value in document.items()):
        return document
    return {
        key: value if key == "vars" else _fill(value, (key,), given, findings)
        for key, value in document.items()
    }


def _uses(value: object) -> bool:
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, dict):
        return any(map(_uses, value.values()))
    return isinstance(value, list) and any(map(_uses, value))


def _fill(value: object, path: Path, given: Values, findings: Findings | None) -> object:
    if isinstance(value, dict):
        return {key: _fill(item, (*path, key), given, findings) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, (*path, i), given, findings) for i, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    whole = _USE.fullmatch(value)
    if whole is not None and whole[1] is not None and whole[1] in given.known:
        return schema.fitting(given.known[whole[1]], path)

    def stand_in(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            if found[2] and findings is not None:
                findings.give_up(path)
                findings.add(
                    path, "'${' without '}'", "write ${name}, or '$${' for the characters themselves"
                )
            return "${"
        if name in given.known:
            held = given.known[name]
            return held if isinstance(held, str) else json.dumps(held)
        if findings is not None:
            _report(name, path, given, findings)
        return found[0]

    return _USE.sub(stand_in, value)


def _report(name: str, path: Path, given: Values, findings: Findings) -> None:
    findings.give_up(path)
    if name in given.unset:
        return  # reported once, where it is declared
    known = sorted({*given.known, *given.unset})
    hint = did_you_mean(name, known) or "declare it in 'vars'; '$${' stands for '${' itself"
    findings.add(path, f"there is no variable {name!r}", hint)
