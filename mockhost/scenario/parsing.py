"""From a file's bytes to a document with places: YAML 1.2 by ruamel.yaml's parser, JSON by the standard library.

Only ruamel's scanner and parser are used: what a scalar means, and all limits, are decided in `nodes`. A JSON
file is read as JSON, because real JSON (tabs, escaped surrogate pairs) isn't always YAML to a YAML scanner.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import NamedTuple

from mockhost.errors import Problem
from mockhost.scenario.nodes import Builder, Event, Node, core_scalar
from mockhost.scenario.paths import Path

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


def read(path: FilePath, shown: str) -> Reading:
    """Read a scenario file; `shown` is its name in problems. Raises OSError if it can't be read at all."""
    with path.open("rb") as file:
        data = file.read(SIZE_LIMIT + 1)
    return parse(data, shown, as_json=path.suffix.lower() == ".json")


def parse(data: bytes, shown: str, *, as_json: bool = False) -> Reading:
    """Read a scenario's bytes."""
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
        return _failed(shown, 1, 1, "the file is empty", "'mockhost init' writes one to start from")
    return Reading(root, tuple(problems), frozenset(builder.spoilt))


def _failed(shown: str, line: int, column: int, message: str, hint: str = "") -> Reading:
    return Reading(None, (Problem(shown, line, column, "$", message, hint),))


def flow(text: str) -> tuple[object, str]:
    """A value in YAML's flow style, as in `--set`; and what is wrong with it ("" if nothing)."""
    from mockhost.scenario.nodes import plain

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
        problem = Problem(shown, 1, 1, "$", f"this can't be read as YAML ({type(error).__name__})")
        return None, [*builder.problems, problem]
    return root, builder.problems


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
                raise _Unreadable("a second document begins here; a file holds one scenario", line, column)


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
        raise _Unreadable("an escape that is no character: half of a surrogate pair", line, column) from None


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
    raise _Unreadable(f"this is not JSON: {name} is no number of JSON", 1, 1)


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
