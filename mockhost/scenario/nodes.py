"""A document with the place of each of its values, built from a stream of events.

The builder keeps the limits: no tags, no duplicate keys, bounded depth, size and use of aliases. It reports
what it finds and goes on, so that one slip doesn't hide the next. Scalars are read by the core schema of
YAML 1.2.2 (10.3.2): `no` is a text, `012` is twelve.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from mockhost import nesting
from mockhost.errors import Problem, did_you_mean
from mockhost.scenario.paths import Path, written

NODE_LIMIT = 60_000
"""Values of a scenario file: what its parser reads in about two seconds."""
ALIAS_LIMIT = 100

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DIGITS_LIMIT = 30

Scalar = str | int | float | bool | None


class Event(NamedTuple):
    """One event of a parser. Lines and columns count from 1."""

    kind: str
    """map | list | end | scalar | alias"""
    line: int
    column: int
    value: Scalar = None
    """a scalar's value, an alias' name"""
    raw: str | None = None
    """how a scalar that is no text was written"""
    anchor: str | None = None
    tag: str | None = None


class Node:
    """A value and its place. `value` is a scalar, a list of nodes, or a map of entries by key."""

    __slots__ = ("column", "count", "depth", "line", "raw", "value")

    def __init__(self, line: int, column: int, value: Scalar | list[Node] | dict[str, Entry]) -> None:
        self.line = line
        self.column = column
        self.value = value
        self.raw: str | None = None
        self.count = 1
        self.depth = 0


class Entry(NamedTuple):
    """A value of a map with the place of its key."""

    line: int
    column: int
    node: Node


class TooMuch(ValueError):
    """A limit is passed: reading ends here. Carries the problem's text."""


def plain(node: Node) -> object:
    """The node's value without places: dicts, lists and scalars."""
    value = node.value
    if isinstance(value, dict):
        return {key: plain(entry.node) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def core_scalar(text: str) -> Scalar:
    """What a plain scalar means.

    Numbers that cannot be meant (infinite ones, those of very many digits) stay texts, so that whatever wants a
    number says so.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-+.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        if len(text) > _DIGITS_LIMIT:
            return text
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def nearest(node: Node, path: Path) -> tuple[Node, Entry | None]:
    """The node at `path`, or the deepest one on the way to it; and its entry, where it stands in a map."""
    entry: Entry | None = None
    for part in path:
        value = node.value
        if isinstance(value, dict) and part in value:
            entry = value[str(part)]
            node = entry.node
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            entry, node = None, value[part]
        else:
            break
    return node, entry


class Builder:
    """Makes a node of a parser's events. `problems` are those found on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.spoilt: set[Path] = set()
        """values of which nothing more needs to be said"""
        self._anchors: dict[str, Node | None] = {}
        self._aliases = 0
        self._count = 0
        self._open: list[_Open] = []
        self._root: Node | None = None

    def build(self, events: Iterable[Event]) -> Node | None:
        """The document's root, or None if there is none. Raises whatever `events` raises."""
        for event in events:
            try:
                self._take(event)
            except TooMuch as error:
                self._report(event, str(error))
                return None
        return self._root

    def _here(self) -> Path:
        path: list[str | int] = []
        for level in self._open:
            if level.key is not None:
                path.append(level.key)
            elif isinstance(level.node.value, list):
                path.append(len(level.node.value))
        return tuple(path)

    def _report(self, event: Event, message: str, hint: str = "") -> None:
        place = written(self._here())
        self.problems.append(Problem(self.file, event.line, event.column, place, message, hint))

    def _take(self, event: Event) -> None:
        if event.kind == "end":
            self._close(event)
            return
        if event.tag is not None:
            self._report(event, f"tags are not allowed: {event.tag}", "write the value without it")
            self.spoilt.add(self._here())
        if self._is_key(event):
            self._take_key(event)
            return
        if event.kind == "alias":
            self._place(event, self._alias(event))
            return
        self._count_nodes(1)
        if event.kind == "scalar":
            node = Node(event.line, event.column, event.value)
            node.raw = event.raw
            self._name(event, node)
            self._place(event, node)
            return
        node = Node(event.line, event.column, {} if event.kind == "map" else [])
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if len(self._open) >= nesting.LIMIT:
            raise TooMuch(f"more than {nesting.LIMIT} levels deep")
        self._open.append(_Open(node, event))

    def _count_nodes(self, count: int) -> None:
        self._count += count
        if self._count > NODE_LIMIT:
            raise TooMuch(
                f"more than {NODE_LIMIT:,} values; put many objects into a file of their own: objects_file"
            )

    def _is_key(self, event: Event) -> bool:
        return bool(self._open) and self._open[-1].wants_key

    def _take_key(self, event: Event) -> None:
        level = self._open[-1]
        level.wants_key = False
        level.key_event = event
        if event.kind != "scalar":
            self._report(event, "a key must be a text, not a list, a map or an alias")
            level.key = None
            if event.kind in ("map", "list"):
                self._open.append(
                    _Open(Node(event.line, event.column, {} if event.kind == "map" else []), event)
                )
                self._open[-1].is_key = True
            return
        text = event.raw if event.raw is not None else str(event.value)
        if text == "" and event.raw is not None:
            self._report(event, "a key is missing before ':'")
        level.key = text

    def _name(self, event: Event, node: Node) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = node

    def _alias(self, event: Event) -> Node:
        name = str(event.value)
        self._aliases += 1
        if self._aliases > ALIAS_LIMIT:
            raise TooMuch(f"more than {ALIAS_LIMIT} aliases")
        node = self._anchors.get(name)
        if node is None:
            known = [anchor for anchor, target in self._anchors.items() if target is not None]
            inside = name in self._anchors
            self.spoilt.add(self._here())
            self._report(
                event,
                f"alias *{name} stands inside its own anchor"
                if inside
                else f"there is no anchor &{name} for alias *{name}",
                "" if inside else did_you_mean(name, known),
            )
            return Node(event.line, event.column, None)
        self._count_nodes(node.count)
        if len(self._open) + node.depth > nesting.LIMIT:
            raise TooMuch(f"more than {nesting.LIMIT} levels deep")
        return node

    def _close(self, event: Event) -> None:
        level = self._open.pop()
        node = level.node
        children = [e.node for e in node.value.values()] if isinstance(node.value, dict) else node.value
        assert isinstance(children, list)
        node.count = 1 + sum(child.count for child in children)
        node.depth = 1 + max((child.depth for child in children), default=0)
        if level.is_key:
            return
        self._name(level.event, node)
        self._place(event, node)

    def _place(self, event: Event, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        level = self._open[-1]
        if isinstance(level.node.value, list):
            level.node.value.append(node)
            return
        assert isinstance(level.node.value, dict)
        key, where = level.key, level.key_event
        level.wants_key = True
        if key is None or where is None:
            return
        if key in level.node.value:
            first = level.node.value[key]
            self._report(where, f"the key {key!r} stands here twice", f"first in line {first.line}")
        else:
            level.node.value[key] = Entry(where.line, where.column, node)
        level.key = None


class _Open:
    """A map or list that is being read."""

    __slots__ = ("event", "is_key", "key", "key_event", "node", "wants_key")

    def __init__(self, node: Node, event: Event) -> None:
        self.node = node
        self.event = event
        self.wants_key = isinstance(node.value, dict)
        self.key: str | None = None
        self.key_event: Event | None = None
        self.is_key = False
