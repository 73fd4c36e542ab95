"""The words of the format that name something outside a document, and the one place where that is decided.

A document may name a file, a parent, an environment variable. Whether this one may, and what it gets, is decided by the
`Source` of the layer that says the word. The table below is held against the annotation `x-names` of the JSON Schema by
the tests, so that a new key can't be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, Final, NamedTuple

from mockhost.scenario import sources
from mockhost.scenario.documents import Path, value_at
from mockhost.scenario.layers import Findings, Layer, owner
from mockhost.scenario.sources import DataProblem

FILE: Final = "file"
VARIABLE: Final = "variable"
PARENT: Final = "parent"
OUTSIDE: Final = "outside"
"""A connected system outside of the process: a map that has the whole of it."""
SETTINGS: Final = "settings"
"""A map of settings that are made later, by dotted path: there the same words can stand again."""

EACH: Final = "*"
"""In a place: any key, or any entry of a list."""

WORDS: Final[Mapping[tuple[str, ...], str]] = {
    ("extends",): PARENT,
    ("vars", EACH, "env"): VARIABLE,
    ("connectors", EACH, "system", "objects_file"): FILE,
    ("connectors", EACH, "system", "sql"): OUTSIDE,
    ("connectors", EACH, "system", "ldap"): OUTSIDE,
    ("connectors", EACH, "states", EACH, "set"): SETTINGS,
    ("rules", EACH, "reply", "body_file"): FILE,
    ("rules", EACH, "set"): SETTINGS,
    ("rules", EACH, "sequence", EACH, "reply", "body_file"): FILE,
    ("rules", EACH, "sequence", EACH, "set"): SETTINGS,
    ("timeline", EACH, "set"): SETTINGS,
    ("states", EACH, "set"): SETTINGS,
    ("expect", EACH, "set"): SETTINGS,
    ("cure", EACH, "set"): SETTINGS,
    ("cured", EACH, "set"): SETTINGS,
    ("wrong_cure", EACH, "set"): SETTINGS,
}
"""Where something can be named, and what."""


class Mention(NamedTuple):
    """A word that names something: where it stands, what it names, and how."""

    path: Path
    kind: str
    text: str
    is_later: bool
    """whether it stands in settings, so that it counts only later"""


def _tree() -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for place, kind in WORDS.items():
        branch = tree
        for part in place[:-1]:
            branch = branch.setdefault(part, {})
        branch[place[-1]] = kind
    return tree


_TREE: Final = _tree()


def mentions(document: Mapping[str, object]) -> Iterator[Mention]:
    """What a document names, in its order."""
    for path, kind, value in _words(document, _TREE, ()):
        if kind == SETTINGS:
            yield from _in_settings(value, path)
        elif kind == OUTSIDE:
            yield Mention(path, kind, "", is_later=False)
        elif isinstance(value, str):
            yield Mention(path, kind, value, is_later=False)


def settings(document: Mapping[str, object]) -> list[tuple[Path, Mapping[str, object]]]:
    """The settings of a document that are made later, and where they stand."""
    found = _words(document, _TREE, ())
    return [(path, said) for path, kind, said in found if kind == SETTINGS and isinstance(said, Mapping)]


def in_settings(settings: Mapping[str, object]) -> Iterator[Mention]:
    """What a map of settings by dotted path names; the first part of each place is the dotted path."""
    return _in_settings(settings, ())


def _in_settings(settings: object, path: Path) -> Iterator[Mention]:
    for dotted, value in settings.items() if isinstance(settings, Mapping) else ():
        branch: Any = _TREE
        for part in dotted.removeprefix("$.").split("."):
            if branch != OUTSIDE:
                branch = branch.get(part, branch.get(EACH)) if isinstance(branch, dict) else None
        for inner, kind, said in _words(value, branch, (*path, dotted)):
            if kind == SETTINGS:
                yield from _in_settings(said, inner)
            elif kind == OUTSIDE:
                yield Mention(inner, kind, "", is_later=True)
            elif isinstance(said, str):
                yield Mention(inner, kind, said, is_later=True)


def _words(value: object, branch: Any, path: Path) -> Iterator[tuple[Path, str, object]]:
    """The words of the table in a value, whose place in the table is `branch`."""
    if isinstance(branch, str):
        yield path, branch, value
    elif branch is None:
        return
    elif isinstance(value, Mapping):
        # A request of `send: patch` has attributes in `set`, and no settings.
        is_request = "send" in value and len(path) == 2
        for key, item in value.items():
            below = branch.get(key, branch.get(EACH))
            if not (is_request and below == SETTINGS):
                yield from _words(item, below, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _words(item, branch.get(EACH), (*path, i))


def may_read(layers: Sequence[Layer], path: Path, variable: str) -> bool:
    """Whether what stands at `path` may name an environment variable."""
    return owner(layers, path).source(path).may_read(variable)


def is_trusted(layers: Sequence[Layer], path: Path) -> bool:
    """Whether what stands at `path` is the operator's own word."""
    return owner(layers, path).source(path).is_trusted


UNREADABLE: Final = (
    "a document from the network can't name an environment variable",
    "write the value, or start the host with --control-env NAME",
)


def settled(document: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """A document whose settings mean the same whenever and wherever they are made.

    Data files are named by their whole path, and `${` stands for itself: variables have been replaced already. What a
    setting names and may not, or what is not there, is reported.
    """
    result: Any = document
    for path, said in settings(document):
        new: object = escaped(said)
        for each in _in_settings(said, path):
            if each.kind == FILE and (file := _file(each, findings)) is not None:
                new = replaced(new, each.path[len(path) :], str(file).replace("${", "$${"))
            elif each.kind == VARIABLE and not may_read(findings.layers, each.path, each.text):
                findings.add(each.path, *UNREADABLE)
            elif each.kind == OUTSIDE:
                _check_outside(each, value_at(document, each.path), findings)
        result = replaced(result, path, new)
    return dict(result)


def _check_outside(each: Mention, said: object, findings: Findings) -> None:
    """Report a setting that leads to another system, where its document may not, or could lead out of its folder."""
    url = said.get("url") if isinstance(said, Mapping) else said
    if not is_trusted(findings.layers, each.path):
        findings.add(each.path, *sources.OUTSIDE)
    elif isinstance(url, str) and url.startswith("sqlite") and url.partition("://")[2]:
        message = "settings that are made later can't name a SQLite file"
        findings.add(each.path, message, "name it in the connector's own 'sql'")


def _file(each: Mention, findings: Findings) -> FilePath | None:
    if not is_trusted(findings.layers, each.path):
        # What is in an opened folder now may be something else by then.
        message = "settings from the network that are made later can't name a file"
        findings.add(each.path, message, "write its content into the document")
        return None
    try:
        return findings.locate(each.path, each.text)
    except DataProblem as problem:
        findings.add(each.path, problem.message, problem.hint)
        return None


def escaped(value: object) -> object:
    """A value in whose texts `${` stands for itself once variables are replaced."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {key: escaped(item) for key, item in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list) else value


def replaced(value: object, path: Path, new: object) -> object:
    """A copy of `value` with another value at `path`; what is not on the way is shared."""
    if not path:
        return new
    first, rest = path[0], path[1:]
    if isinstance(value, list):
        assert isinstance(first, int)
        return [*value[:first], replaced(value[first], rest, new), *value[first + 1 :]]
    assert isinstance(value, Mapping)
    return {**value, first: replaced(value[str(first)], rest, new)}
