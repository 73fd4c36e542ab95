"""What a scenario is put together from, each layer knowing where its values stand.

A merged document has no places; the place of a value is found by asking the layers, last first, which of them
says it. So nothing has to be carried along while merging, and shipped files need no places until someone asks.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path as FilePath
from typing import NamedTuple, Protocol

from mockhost.errors import Problem
from mockhost.scenario import parsing
from mockhost.scenario.merge import Document, merged
from mockhost.scenario.nodes import Node, nearest
from mockhost.scenario.paths import GONE, Path, value_at, written
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
