"""What a scenario is put together from, each layer knowing where its values stand.

A merged document has no places; the place of a value is found by asking the layers, last first, which of them
says it. So nothing has to be carried along while merging, and shipped files need no places until someone asks.
Layers are files, and what is said beside them: `--set PATH=VALUE`, and the overrides of tests and live changes.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, NamedTuple, Protocol

from mockhost.actions import parse
from mockhost.errors import Problem, UsageError
from mockhost.nesting import merged
from mockhost.scenario import parsing, schema
from mockhost.scenario.documents import (
    GONE,
    Document,
    Path,
    at_path,
    maps_in,
    plain_document,
    value_at,
    written,
)
from mockhost.scenario.parsing import Node, core_scalar, nearest
from mockhost.scenario.sources import OPERATOR, DataProblem, Source

LONGEST_NAME = 4_096
"""Characters of the name of a data file."""


class Place(NamedTuple):
    """Where something is said. Lines and columns count from 1; 0 means that there are none."""

    file: str
    line: int = 0
    column: int = 0


class Layer(Protocol):
    """One document among those that are put on top of each other."""

    document: Document

    @property
    def files(self) -> tuple[FilePath, ...]:
        """The files that it was read from."""

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where the value at `path` is said (of a map's entry: where its key stands), or the nearest above it."""

    def raw(self, path: Path) -> str | None:
        """How a scalar that is no text was written, if that is known."""

    def source(self, path: Path) -> Source:
        """Where what is said at `path` came from, which decides what it may name."""


class FileLayer:
    """A file that was read. root: its values with their places; None: parsed ahead, and read only for places."""

    def __init__(
        self,
        file: FilePath,
        document: Document,
        source: Source,
        *,
        root: Node | None = None,
        spoilt: frozenset[Path] = frozenset(),
    ) -> None:
        self.file = file
        self.shown = shown_name(file)
        self.document = document
        self.is_parsed_ahead = root is None
        self.spoilt = spoilt
        self._source = source
        self._root = root

    @property
    def files(self) -> tuple[FilePath, ...]:
        return (self.file,)

    @property
    def root(self) -> Node:
        """Its values with their places."""
        if self._root is None:
            with contextlib.suppress(OSError):
                self._root = parsing.read(self.file, self.shown).root
        return self._root or Node(0, 0, None)

    def place(self, path: Path, *, key: bool = False) -> Place:
        node, entry = nearest(self.root, path)
        if entry is not None and (key or not _is_scalar(node)):
            return Place(self.shown, entry.line, entry.column)
        return Place(self.shown, node.line, node.column)

    def raw(self, path: Path) -> str | None:
        return nearest(self.root, path)[0].raw

    def source(self, path: Path) -> Source:
        return self._source


def _is_scalar(node: Node) -> bool:
    return not isinstance(node.value, (dict, list))


class WordsLayer:
    """What was said outside of files: `--set`, a test's overrides, a dict, a body that the control plane got."""

    def __init__(self, label: str, document: Document, source: Source = OPERATOR) -> None:
        self.label = label
        self.document = document
        self.whose = source

    @property
    def files(self) -> tuple[FilePath, ...]:
        return ()

    def place(self, path: Path, *, key: bool = False) -> Place:
        return Place(self.label)

    def raw(self, path: Path) -> str | None:
        value = value_at(self.document, path)
        return None if value is GONE or isinstance(value, str) else json.dumps(value)

    def source(self, path: Path) -> Source:
        return self.whose


def merge_all(layers: Sequence[Layer]) -> Document:
    """The merged document; without `extends` and `$schema`, which are about files."""
    document: Document = {}
    for layer in layers:
        document = merged(document, layer.document)
    document.pop("extends", None)
    document.pop("$schema", None)
    return document


def owner(layers: Sequence[Layer], path: Path) -> Layer:
    """The layer that says the value at `path`, or the nearest value above it."""
    for length in range(len(path), -1, -1):
        for layer in reversed(layers):
            if value_at(layer.document, path[:length]) is not GONE:
                return layer
    return layers[-1]


def place(layers: Sequence[Layer], path: Path, *, key: bool = False) -> Place:
    """Where the value at `path` is said."""
    return owner(layers, path).place(path, key=key)


def locate(layers: Sequence[Layer], path: Path, text: str) -> FilePath:
    """The data file that the word at `path` names. Raises DataProblem if there is none, or it may not be named."""
    if len(text) > LONGEST_NAME:
        raise DataProblem(f"a file's name has at most {LONGEST_NAME:,} characters")
    return owner(layers, path).source(path).locate(text)


def shown_name(file: FilePath) -> str:
    """A file's name for people: relative where it is below the working folder."""
    text = str(file)
    try:
        short = os.path.relpath(text)
    except ValueError:  # another drive
        return text
    return text if short.startswith("..") else short


_CUT_OFF = ("...", "'…", '"…', "…")
"""How messages end a value that they shorten."""


def hidden(text: str, secrets: Iterable[str]) -> str:
    """A message without secrets, however it quotes or shortens them."""
    for spelling in _spellings(secrets):
        text = text.replace(spelling, "***")
        for end in _CUT_OFF:
            if end in text:
                for length in range(min(len(spelling), len(text)), 2, -1):
                    text = text.replace(spelling[:length] + end, "***")
    return text


def _spellings(secrets: Iterable[str]) -> list[str]:
    """Secrets as they are and as messages quote them, longest first."""
    found: set[str] = set()
    for secret in secrets:
        found |= {secret, repr(secret)[1:-1], repr("\"'" + secret)[4:-1], ascii(secret)[1:-1]}
        found |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return sorted(found, key=len, reverse=True)


class Findings:
    """Collects problems of a merged document, each with the place of its value."""

    def __init__(self, layers: Sequence[Layer], hide: Sequence[str] = ()) -> None:
        self.layers = layers
        self._problems: dict[Problem, None] = {}
        self.paths: set[Path] = set()
        """whose values can't be used"""
        self._above: set[Path] = set()
        self.given_up: set[Path] = {
            path
            for layer in layers
            if isinstance(layer, FileLayer)
            for path in layer.spoilt
            if owner(layers, path) is layer
        }
        """those of them of which nothing more needs to be said"""
        for path in self.given_up:
            self._spoil(path)
        self._hide = [secret for secret in hide if len(secret) > 2]
        self.files: list[FilePath] = []
        """the data files that were named"""

    def __bool__(self) -> bool:
        """Whether anything was reported."""
        return bool(self._problems)

    def locate(self, path: Path, text: str) -> FilePath:
        """The data file that the word at `path` names. Raises DataProblem."""
        file = locate(self.layers, path, text)
        self.files.append(file)
        return file

    def add(
        self, path: Path, message: str, hint: str = "", *, key: bool = False, spoils: bool = True
    ) -> None:
        """Report a problem of the value at `path` (with `key`: of its key).

        `spoils`: the value can't be used; otherwise only something is missing in it.
        """
        where = place(self.layers, path, key=key)
        message, hint = hidden(message, self._hide), hidden(hint, self._hide)
        problem = Problem(where.file, where.line, where.column, written(path), message, hint)
        self._problems[problem] = None
        if spoils:
            self._spoil(path)

    def add_missing(self, path: Path, key: str, hint: str = "") -> None:
        """Report a key that the map at `path` lacks; where a null took it away, there."""
        lacking = (*path, key)
        if value_at(owner(self.layers, lacking).document, lacking) is None:
            message = f"the key {key!r} has no value, which removes what a parent has"
            hint = "indent its value below it, or leave the key out"
            self.add(lacking, message, hint, key=True, spoils=False)
        else:
            self.add(path, f"the key {key!r} is missing", hint, key=True, spoils=False)

    def add_elsewhere(self, problems: Iterable[Problem]) -> None:
        """Take over problems of data files."""
        self._problems.update(dict.fromkeys(problems))

    def give_up(self, path: Path) -> None:
        """Have nothing more said of the value at `path`."""
        self.given_up.add(path)
        self._spoil(path)

    def has_given_up(self, path: Path) -> bool:
        """Whether nothing more is to be said of the value at `path`, or of one that it is in."""
        return bool(self.given_up) and any(path[:i] in self.given_up for i in range(len(path) + 1))

    @property
    def problems(self) -> list[Problem]:
        """What was reported, each once."""
        return list(self._problems)

    def _spoil(self, path: Path) -> None:
        self.paths.add(path)
        self._above.update(path[:i] for i in range(len(path) + 1))

    def raw(self, path: Path, value: object) -> str:
        """How a scalar was written."""
        return owner(self.layers, path).raw(path) or json.dumps(value, ensure_ascii=False)

    def spoilt(self, path: Path) -> bool:
        """Whether the value at `path`, or one in it, can't be used."""
        return path in self._above

    def sound(self, value: object, path: Path = ()) -> object:
        """`value` without what can't be used; in lists there is None instead, so that the others keep their place."""
        if path not in self._above:
            return value
        if isinstance(value, dict):
            return {k: self.sound(v, (*path, k)) for k, v in value.items() if (*path, k) not in self.paths}
        if isinstance(value, list):
            return [
                None if (*path, i) in self.paths else self.sound(v, (*path, i)) for i, v in enumerate(value)
            ]
        return value


# -- what is said beside files -------------------------------------------------------------------------------


OVERRIDES = "overrides"
"""How problems name what a test or a live change said."""


def word_layers(
    sets: Sequence[str], overrides: Mapping[str, object] | None, source: Source
) -> list[WordsLayer]:
    """What was said, as layers: the sets in order, then the overrides (a document, or values by dotted path).

    source: whose they are.
    Raises UsageError for what can't be read.
    """
    found: list[WordsLayer] = []
    for text in sets:
        dotted, value = parse_set(text)
        found.append(WordsLayer(f"--set {dotted}", at_path(dotted, value), source))
    if overrides:
        document: Document = {}
        for key, value in plain_document(overrides, OVERRIDES).items():
            part = at_path(key, value) if "." in key else {key: value}
            document = _overlaid(document, part)
        found.append(WordsLayer(OVERRIDES, document, source))
    for layer in found:
        if "extends" in layer.document:
            raise UsageError("'extends' can be said in a scenario file only")
    return found


def stacked(below: Sequence[Layer], above: Sequence[WordsLayer]) -> list[Layer]:
    """The layers of both. Overrides on overrides become one where that means the same.

    A host that is changed ten thousand times while it runs must not remember each change.
    """
    result = list(below)
    for layer in above:
        last = result[-1] if result else None
        if (
            isinstance(last, WordsLayer)
            and last.label == layer.label
            and last.whose == layer.whose
            and _may_be_one(last.document, layer.document)
        ):
            result[-1] = WordsLayer(layer.label, _overlaid(last.document, layer.document), layer.whose)
        else:
            result.append(layer)
    return result


def _may_be_one(base: Document, over: Document) -> bool:
    """Whether no map of `over` lies on something else in `base`: it would have to replace what is further below."""
    for key, value in over.items():
        if key not in base or not isinstance(value, dict):
            continue
        below = base[key]
        if not isinstance(below, dict) or not _may_be_one(below, value):
            return False
    return True


def _overlaid(base: Document, over: Document) -> Document:
    """Two overrides as one: as merging, but nulls stay, because they have yet to remove something."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            result[key] = _overlaid(below, value)
        else:
            result[key] = value
    return result


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse_set(text: str) -> tuple[str, object]:
    """The path and the value of a `PATH=VALUE`. Raises UsageError.

    The value is read as YAML 1.2 (a scalar, or a list or map in flow style), but stays a text where the schema
    wants one: `connectors.SQL.secret_token=123456` needs no quotes.
    """
    if not _is_whole(text):
        raise UsageError(
            f"{text!a} has half of a surrogate pair in it", hint="is the terminal's encoding UTF-8?"
        )
    dotted, equals, raw = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is not PATH=VALUE", hint="write it like host.debug=true")
    dotted = dotted.strip().removeprefix("$.")
    at_path(dotted, None)
    where: Path = tuple(dotted.split("."))
    if raw == "" and schema.takes_text(where):
        return dotted, ""
    value, problem = parsing.flow(raw) if raw.lstrip()[:1] in ("[", "{", '"', "'") else (core_scalar(raw), "")
    if problem or (value is not None and not schema.takes(value, where)):
        if schema.takes_text(where):
            return dotted, raw
        if problem:
            raise UsageError(f"the value of {dotted} can't be read: {problem}")
    return dotted, value


# -- what a parent says of a connector that a child removed --------------------------------------------------


LISTS = ("timeline", "expect", "cure", "cured", "wrong_cure")
"""The lists of a scenario whose entries may name connectors."""


def without_leftovers(
    document: Mapping[str, Any], layers: Sequence[Layer], connectors: Collection[str]
) -> dict[str, Any]:
    """The merged document without what a parent says of a connector that a child removed.

    `connectors: {LDAP: null}` would otherwise leave behind steps and settings of the parent that can't be carried out;
    in lists there is None instead, so that the others keep their place. What the removing file (or a later one) says
    itself of such a connector stays, and is a problem. connectors: those that are left.
    """
    whole = dict(document)
    last = {
        name: i
        for i, layer in enumerate(layers)
        for name in maps_in(layer.document.get("connectors"))
        if name not in connectors
    }
    if not last:
        return whole

    def is_left(path: Path, names: set[str]) -> bool:
        where = layers.index(owner(layers, path))
        return any(where <= last[name] for name in names if name in last)

    for key in LISTS:
        if isinstance(said := whole.get(key), Sequence):
            whole[key] = [
                None if is_left((key, i), _connectors(each)) else each for i, each in enumerate(said)
            ]
    if isinstance(told := whole.get("client"), Mapping):
        whole["client"] = {n: each for n, each in told.items() if not is_left(("client", n), {n})}
    return whole


def _connectors(entry: object) -> set[str]:
    """The connectors that a step or a moment of the timeline names."""
    if not isinstance(entry, Mapping):
        return set()
    names = {entry["connector"]} if isinstance(entry.get("connector"), str) else set()
    try:
        found = () if "send" in entry else parse(entry)
    except UsageError:
        return names
    return names.union(*(action.connectors for action in found))
