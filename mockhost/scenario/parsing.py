"""From a file's bytes to a document with places: YAML 1.2 by ruamel.yaml's parser, JSON by the standard library.

Only ruamel's scanner and parser are used. What a scalar means is the core schema of YAML 1.2.2 (10.3.2): `no` is a
text, `012` is twelve. The builder keeps the limits: no tags, no duplicate keys, bounded depth, size and use of
aliases. It reports what it finds and goes on, so that one slip does not hide the next. A JSON file is read as JSON,
because real JSON (tabs, escaped surrogate pairs) is not always YAML to a YAML scanner.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path as FilePath
from typing import NamedTuple

from mockhost import nesting
from mockhost.errors import Problem, did_you_mean
from mockhost.scenario.documents import Path, written

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


# -- bytes to events -----------------------------------------------------------------------------------------


SIZE_LIMIT = 1 << 20
"""Bytes of a scenario file."""

_HINTS = (
    ("cannot start any token", "\\t", "indent with blanks, not with tabs"),
    ("mapping values are not allowed", "", "put a text that contains ': ' in quotes"),
    ("could not find expected ':'", "", "is a ':' missing, or a quote?"),
    ("while scanning a quoted scalar", "", "is the closing quote missing?"),
    ("expected <block end>", "", "check the indentation"),
)
_ENDLESS = re.compile("end of stream|stream end")
_TOKEN = re.compile(r'[ \t\r\n]+|[\[\]{},:]|"(?:[^"\\]|\\.)*"|[^\s\[\]{},:"]+')


class Reading(NamedTuple):
    """What a text holds: its root node (None if unreadable or empty) and what is wrong with it."""

    root: Node | None
    problems: tuple[Problem, ...]
    spoilt: frozenset[Path] = frozenset()
    """places of values of which nothing more needs to be said"""


def read(path: FilePath, shown: str, *, written_by: str = "mockhost init") -> Reading:
    """Read a scenario file, or another one of the user's; `shown` is its name in problems.

    written_by: the command that writes such a file. Raises OSError if it can't be read at all.
    """
    with path.open("rb") as file:
        data = file.read(SIZE_LIMIT + 1)
    return parse(data, shown, as_json=path.suffix.lower() == ".json", written_by=written_by)


def parse(data: bytes, shown: str, *, as_json: bool = False, written_by: str = "mockhost init") -> Reading:
    """Read the bytes of such a file."""
    if len(data) > SIZE_LIMIT:
        message = f"larger than {SIZE_LIMIT >> 20} MiB"
        return _failed(shown, 0, 0, message, "put many objects into a file of their own: objects_file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        return _failed(shown, line, column, "this is not UTF-8", "save the file in UTF-8")
    builder = Builder(shown)
    root, problems = (_read_json if as_json else _read_yaml)(text, shown, builder)
    if root is None and not problems:
        return _failed(shown, 1, 1, "the file is empty", f"'{written_by}' writes one to start from")
    return Reading(root, tuple(problems), frozenset(builder.spoilt))


def _failed(shown: str, line: int, column: int, message: str, hint: str = "") -> Reading:
    return Reading(None, (Problem(shown, line, column, "$", message, hint),))


def flow(text: str) -> tuple[object, str]:
    """A value in YAML's flow style, as in `--set`; and what is wrong with it ("" if nothing)."""
    reading = parse(text.encode("utf-8", "replace"), "--set")
    if reading.problems:
        return None, reading.problems[0].message
    assert reading.root is not None
    return plain(reading.root), ""


_Found = tuple[Node | None, list[Problem]]
_Reader = Callable[[str, str, Builder], _Found]


# -- YAML ------------------------------------------------------------------------------------------------


def _read_yaml(text: str, shown: str, builder: Builder) -> _Found:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.reader import ReaderError

    try:
        root = builder.build(_yaml_events(YAML(typ="safe", pure=True).parse(text)))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if error.context_mark is not None and _ENDLESS.search(str(error.problem)):
            mark = error.context_mark  # where it began tells more than where the file ends
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        what = str(error.problem or error.context or "unreadable")
        problem = Problem(
            shown, line, column, "$", f"this is not YAML: {what}", _hint(what, str(error.context or ""))
        )
        return None, [*builder.problems, problem]
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        message = (
            f"this is not YAML: the character {text[error.position : error.position + 1]!a} is not allowed"
        )
        return None, [*builder.problems, Problem(shown, line, column, "$", message)]
    except _Unreadable as error:
        return None, [*builder.problems, Problem(shown, error.line, error.column, "$", str(error))]
    except Exception as error:  # a bug of the parser on hostile input must stay the file's problem
        message, line, column = f"this can't be read as YAML ({type(error).__name__})", 1, 1
        if beyond := _BEYOND.search(text):  # the parser gives no place for it
            message = "an escape that is not a character: the last one is \\U0010ffff"
            line = text.count("\n", 0, beyond.start()) + 1
            column = beyond.start() - text.rfind("\n", 0, beyond.start())
        problem = Problem(shown, line, column, "$", message)
        return None, [*builder.problems, problem]
    return root, builder.problems


_BEYOND = re.compile(r"\\U(?!000|0010)[0-9a-fA-F]{8}")


def _hint(what: str, context: str) -> str:
    for sign, second, hint in _HINTS:
        if (sign in what or sign in context) and second in what:
            return hint
    return ""


class _Unreadable(ValueError):
    """Something that the scanner accepts and we don't."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def _yaml_events(parsed: Iterator[object]) -> Iterator[Event]:
    documents = 0
    for event in parsed:
        name = type(event).__name__
        mark = getattr(event, "start_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        anchor, tag = (None if x is None else str(x) for x in (anchor, tag))
        if name == "ScalarEvent":
            yield _yaml_scalar(event, line, column, anchor, tag)
        elif name == "MappingStartEvent":
            yield Event("map", line, column, anchor=anchor, tag=tag)
        elif name == "SequenceStartEvent":
            yield Event("list", line, column, anchor=anchor, tag=tag)
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            yield Event("end", line, column)
        elif name == "AliasEvent":
            yield Event("alias", line, column, value=anchor)
        elif name == "DocumentStartEvent":
            documents += 1
            if documents > 1:
                raise _Unreadable("a second document begins here; a file holds one", line, column)


def _yaml_scalar(event: object, line: int, column: int, anchor: str | None, tag: str | None) -> Event:
    text = str(getattr(event, "value", ""))
    if not text.isascii():
        text = _whole_characters(text, line, column)
    plain_style = getattr(event, "style", None) is None
    value = core_scalar(text) if plain_style and tag is None else text
    raw = text if plain_style and (not isinstance(value, str) or text == "") else None
    return Event("scalar", line, column, value, raw, anchor, tag)


def _whole_characters(text: str, line: int, column: int) -> str:
    """Joins surrogates that were escaped one by one, as JSON does."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise _Unreadable(
            "an escape that is not a character: half of a surrogate pair", line, column
        ) from None


# -- JSON ------------------------------------------------------------------------------------------------


def _read_json(text: str, shown: str, builder: Builder) -> _Found:
    try:
        json.loads(text, parse_constant=_refuse_constant, parse_int=str, parse_float=str)
        root = builder.build(_json_events(text))
    except json.JSONDecodeError as error:
        problem = Problem(shown, error.lineno, error.colno, "$", f"this is not JSON: {error.msg}")
        return None, [*builder.problems, problem]
    except _Unreadable as error:
        return None, [*builder.problems, Problem(shown, error.line, error.column, "$", str(error))]
    except RecursionError:
        return None, [Problem(shown, 1, 1, "$", "far too many levels deep")]
    return root, builder.problems


def _refuse_constant(name: str) -> object:
    raise _Unreadable(f"this is not JSON: {name} is not a JSON number", 1, 1)


_OPENS = {"{": "map", "[": "list"}


def _json_events(text: str) -> Iterator[Event]:
    """The events of a text that is known to be JSON."""
    line, start = 1, 0
    for found in _TOKEN.finditer(text):
        token, column = found[0], found.start() - start + 1
        first = token[0]
        if first in " \t\r\n":
            breaks = token.count("\n")
            if breaks:
                line += breaks
                start = found.start() + token.rfind("\n") + 1
        elif first in "{[":
            yield Event(_OPENS[first], line, column)
        elif first in "}]":
            yield Event("end", line, column)
        elif first == '"':
            yield Event("scalar", line, column, _whole_characters(json.loads(token), line, column))
        elif first not in ",:":
            yield Event("scalar", line, column, core_scalar(token), token)
