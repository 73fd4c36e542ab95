"""Data files beside a scenario: `objects_file` (CSV with a header row, or a JSON list) and `body_file`.

A scenario's files stay in its folder; only what the operator says himself (`--set`, Python) may point elsewhere.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mockhost.ecma.config import OBJECT_DN, Column
from mockhost.scenario.layers import shown_name
from mockhost.scenario.paths import Path as DocumentPath
from mockhost.scenario.paths import value_at

SIZE_LIMIT = 256 << 20
"""Bytes of a data file."""
LIST_SEPARATOR = "|"
"""Separates the values of a multi-valued column in a CSV cell."""

Row = dict[str, object]


class DataProblem(Exception):
    """A data file that can't be used: the text of a problem, and a hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Table(NamedTuple):
    """The rows of a data file; `line(i)` of row i is 0 where it isn't known."""

    file: Path
    shown: str
    rows: list[Row]
    lines: Sequence[int]

    def line(self, row: int) -> int:
        return self.lines[row] if row < len(self.lines) else 0


def locate(folder: Path | None, text: str) -> Path:
    """The file that `text` names, in `folder` (None: from the working folder, anywhere). Raises DataProblem."""
    if "\0" in text:
        raise DataProblem("a file's name can't have a NUL in it")
    file = Path(text) if folder is None else folder / text
    try:
        whole = file.resolve()
        if folder is not None and not whole.is_relative_to(folder.resolve()):
            raise DataProblem(f"{text} is not in the scenario's folder", "put the file beside the scenario")
        if not whole.is_file():
            raise DataProblem(
                f"there is no file {text}", "it is looked for beside the scenario" if folder else ""
            )
    except (OSError, RuntimeError) as error:
        raise DataProblem(f"{text} can't be a file ({type(error).__name__})") from None
    return whole


def mentions(document: Mapping[str, object]) -> Iterator[tuple[DocumentPath, str]]:
    """The data files that a document names, as written, with the places where it does."""
    connectors, rules = document.get("connectors"), document.get("rules")
    for name, connector in connectors.items() if isinstance(connectors, Mapping) else ():
        path: DocumentPath = ("connectors", name, "system", "objects_file")
        said = value_at(connector, path[2:])
        if isinstance(said, str):
            yield path, said
    for i in range(len(rules) if isinstance(rules, list) else 0):
        path = ("rules", i, "reply", "body_file")
        said = value_at(rules, path[1:])
        if isinstance(said, str):
            yield path, said


def content(file: Path) -> bytes:
    """The bytes of a data file. Raises DataProblem."""
    try:
        with file.open("rb") as opened:
            data = opened.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise DataProblem(f"{file.name} can't be read: {error.strerror or error}") from None
    if len(data) > SIZE_LIMIT:
        raise DataProblem(f"{file.name} is larger than {SIZE_LIMIT >> 20} MiB")
    return data


def body(file: Path) -> str | bytes:
    """What a `body_file` holds: text where it is UTF-8, else bytes. Raises DataProblem."""
    data = content(file)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def table(file: Path, columns: Mapping[str, Column]) -> Table:
    """The objects of an `objects_file`. Raises DataProblem if it is malformed."""
    try:
        text = content(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataProblem(f"{file.name} is not UTF-8 (byte {error.start})", "save it in UTF-8") from None
    if file.suffix.lower() == ".json":
        return Table(file, shown_name(file), _json_rows(text, file.name), ())
    rows, lines = _csv_rows(text, file.name, columns)
    return Table(file, shown_name(file), rows, lines)


def _json_rows(text: str, name: str) -> list[Row]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataProblem(f"{name}:{error.lineno}:{error.colno} is not JSON: {error.msg}") from None
    except (RecursionError, ValueError):
        raise DataProblem(f"{name} is not JSON that can be used") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataProblem(f"{name} is no list of objects", 'write [{"Column": "value"}, ...]')
    return rows


def _csv_rows(text: str, name: str, columns: Mapping[str, Column]) -> tuple[list[Row], list[int]]:
    header, _, _ = text.partition("\n")
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    lines: list[int] = []
    try:
        names = next(reader, [])
        if not any(names):
            raise DataProblem(f"{name} has no header row", "the first row names the columns")
        doubled = {column for column in names if names.count(column) > 1}
        if doubled:
            raise DataProblem(f"{name}: the header names {min(doubled)!r} twice")
        kinds = [columns.get(column, Column(column)) for column in names]
        line = reader.line_num + 1
        for cells in reader:
            if len(cells) > len(names):
                raise DataProblem(f"{name}:{line}:1: {len(cells)} cells, but the header has {len(names)}")
            if cells:
                rows.append(
                    {
                        kind.name: _cell(cell, kind)
                        for kind, cell in zip(kinds, cells, strict=False)
                        if cell != ""
                    }
                )
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataProblem(f"{name}:{reader.line_num}:1 is not CSV: {error}") from None
    return rows, lines


_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _cell(text: str, column: Column) -> object:
    """A cell's value by its column's type; a text that doesn't fit stays one, and is reported as such."""
    if column.multi_valued and column.name != OBJECT_DN:
        return [_single(part, column) for part in text.split(LIST_SEPARATOR) if part != ""]
    return _single(text, column)


def _single(text: str, column: Column) -> object:
    if column.type == "boolean":
        return _BOOLEANS.get(text.strip().lower(), text)
    if column.type == "integer":
        try:
            return int(text)
        except ValueError:
            return text
    return text
