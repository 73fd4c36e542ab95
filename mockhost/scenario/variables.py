"""`vars`: values that a scenario names once and uses as `${name}`.

`$${` stands for `${` itself. A text that is nothing but `${name}` takes the value's own type where the schema
wants it. What comes from the environment is a secret.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mockhost.errors import did_you_mean
from mockhost.scenario import naming, schema
from mockhost.scenario.documents import Document, Path
from mockhost.scenario.layers import Findings, Layer

_USE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|(\$\{)")
"""`$${`, `${name}`, or a `${` without its end."""


class Values(NamedTuple):
    """What the variables stand for; names of those that have no value; what must never be shown."""

    known: Mapping[str, object]
    unset: frozenset[str]
    secrets: tuple[str, ...]
    read: Mapping[str, str]
    """the environment variable that a value was read from, by the name that the scenario gives it"""
    unreadable: frozenset[str]
    """names of those that would read an environment variable that their document may not name"""


def values(document: Mapping[str, object], env: Mapping[str, str], layers: Sequence[Layer]) -> Values:
    """The values of a document's `vars` in an environment. Ill-shaped declarations count as unset.

    Nothing is read that the layer which names it may not name.
    """
    declared = document.get("vars")
    known: dict[str, object] = {}
    unset: set[str] = set()
    secrets: list[str] = []
    read: dict[str, str] = {}
    unreadable: set[str] = set()
    for name, said in declared.items() if isinstance(declared, Mapping) else ():
        if not isinstance(said, Mapping):
            known[name] = said
            continue
        variable = said.get("env")
        if "value" in said:
            known[name] = said["value"]
            if said.get("secret") is True:
                secrets.append(_text(said["value"]))
        elif isinstance(variable, str) and not naming.may_read(layers, ("vars", name, "env"), variable):
            unreadable.add(name)
        elif isinstance(variable, str) and (found := env.get(variable)) is not None:
            known[name] = found
            read[name] = variable
            secrets.append(found)
        elif "default" in said:
            known[name] = said["default"]
        else:
            unset.add(name)
    return Values(known, frozenset(unset), tuple(secrets), read, frozenset(unreadable))


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def report_unset(document: Mapping[str, object], given: Values, findings: Findings) -> None:
    """Report variables that have no value."""
    declared = document.get("vars")
    assert isinstance(declared, Mapping) or not given.unset
    for name in sorted(given.unreadable):
        findings.add(("vars", name, "env"), *naming.UNREADABLE)
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


def text(value: str, given: Values) -> str:
    """A text with every `${name}` replaced."""
    return _text(_fill(value, (), given, None))


def filled_settings(document: Document, given: Values, findings: Findings) -> Document:
    """The document with every `${name}` replaced in the settings that are made later, and nowhere else."""
    result: object = document
    for path, settings in naming.settings(document):
        if _uses(settings):
            result = naming.replaced(result, path, _fill(settings, path, given, findings))
    assert isinstance(result, dict)
    return result


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
    if findings is not None and given.read and not _may_use(value, path, given, findings):
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
            return _text(given.known[name])
        if findings is not None:
            _report(name, path, given, findings)
        return found[0]

    return _USE.sub(stand_in, value)


def _may_use(text: str, path: Path, given: Values, findings: Findings) -> bool:
    """Whether a text may use the variables that it names; reported if not.

    A variable that the operator's own file reads from the environment would otherwise be shown to everybody who writes
    `${name}` into a reply.
    """
    for found in _USE.finditer(text):
        variable = given.read.get(found[1] or "")
        if variable is not None and not naming.may_read(findings.layers, path, variable):
            findings.give_up(path)
            findings.add(
                path,
                f"a document from the network can't use {found[0]}, which is read from the environment",
                "write the value, or start the host with --control-env NAME",
            )
            return False
    return True


def _report(name: str, path: Path, given: Values, findings: Findings) -> None:
    findings.give_up(path)
    if name in given.unset or name in given.unreadable:
        return  # reported once, where it is declared
    known = itertools.chain(given.known, given.unset)
    hint = did_you_mean(name, known) or "declare it in 'vars'; '$${' stands for '${' itself"
    findings.add(path, f"there is no variable {name!r}", hint)
