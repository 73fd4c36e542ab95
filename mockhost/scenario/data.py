"""Data files beside a scenario: `objects_file` (CSV with a header row, or a JSON list) and `body_file`.

Which file a document may name is decided by its source (`sources`).
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mockhost import nesting
from mockhost.connectors.ecma.config import OBJECT_DN, Column, ObjectRows
from mockhost.errors import UsageError, reason_of
from mockhost.scenario.layers import shown_name
from mockhost.scenario.sources import DataProblem as DataProblem

SIZE_LIMIT = 256 << 20
"""Bytes of a data file."""
LIST_SEPARATOR = "|"
"""Separates the values of a multi-valued column in a CSV cell."""

Row = Mapping[str, object]


class RowProblem(NamedTuple):
    """Something wrong with the form of a data file. `row` counts from 0; None for the header."""

    line: int
    column: int
    message: str
    hint: str = ""
    row: int | None = None


class Table(NamedTuple):
    """The rows of a data file; `line(i)` of row i is 0 where it isn't known."""

    file: Path
    shown: str
    header: Mapping[str, tuple[int, int]]
    """the columns that it names, with line and column of each"""
    rows: Sequence[Row]
    lines: Sequence[int]
    problems: Sequence[RowProblem]
    """what is wrong with the header and with the length of rows"""

    def line(self, row: int) -> int:
        return self.lines[row] if row < len(self.lines) else 0


def content(file: Path) -> bytes:
    """The bytes of a data file. Raises DataProblem."""
    try:
        with file.open("rb") as opened:
            data = opened.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise DataProblem(f"{file.name} can't be read: {reason_of(error)}") from None
    if len(data) > SIZE_LIMIT:
        raise DataProblem(f"{file.name} is larger than {SIZE_LIMIT >> 20} MiB")
    return data


def body(file: Path) -> str | bytes:
    """What a `body_file` holds: text where it is UTF-8, else bytes. Raises DataProblem."""
    return text_or_bytes(content(file))


def text_or_bytes(data: bytes) -> str | bytes:
    """A body as text where it is UTF-8, else as bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def table(file: Path, columns: Mapping[str, Column]) -> Table:
    """The objects of an `objects_file`, CSV or JSON by its name. Raises DataProblem if it can't be read at all."""
    if file.suffix.lower() == ".json":
        try:
            text = content(file).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataProblem(f"{file.name} is not UTF-8 (byte {error.start})", "save it in UTF-8") from None
        rows = _json_rows(text, file.name)
        header = dict.fromkeys((name for row in rows for name in row), (1, 1))
        return Table(file, shown_name(file), header, rows, (), ())
    return _csv_table(file, columns)


def _json_rows(text: str, name: str) -> Sequence[Row]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataProblem(f"{name}:{error.lineno}:{error.colno} is not JSON: {error.msg}") from None
    except (RecursionError, ValueError):
        raise DataProblem(f"{name} is not JSON that can be used") from None
    try:
        nesting.check(rows, name)
    except UsageError as error:
        raise DataProblem(error.message, error.hint) from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataProblem(f"{name} is not a list of objects", 'write [{"Column": "value"}, ...]')
    return rows


# -- CSV -----------------------------------------------------------------------------------------------------

_EXCEL_SEPARATOR = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
_UTF_8_HINT = "save it in UTF-8: 'CSV UTF-8' in Excel, Export-Csv -Encoding UTF8 in PowerShell"


def _csv_table(file: Path, columns: Mapping[str, Column]) -> Table:
    name = file.name
    found: list[RowProblem] = []
    rows: list[tuple[object, ...]] = []
    lines = array("L")
    try:
        with file.open("rb") as binary:
            if os.fstat(binary.fileno()).st_size > SIZE_LIMIT:
                raise DataProblem(f"{name} is larger than {SIZE_LIMIT >> 20} MiB")
            start = binary.read(2)
            binary.seek(0)
            # PowerShell's `-Encoding Unicode` and Excel's "Unicode Text" are UTF-16 with a byte order mark.
            encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
            with io.TextIOWrapper(binary, encoding=encoding, newline="") as text:
                reader = _CsvReader(text)
                names = reader.header(name, found)
                cells_of = _cells(names, columns)
                for line, cells in reader.rows():
                    if len(cells) != len(names):
                        cells = _fitted(cells, names, line, len(rows), found)
                    rows.append(cells_of(cells))
                    lines.append(line)
    except OSError as error:
        raise DataProblem(f"{name} can't be read: {reason_of(error)}") from None
    except UnicodeError:
        shown = encoding.removesuffix("-sig").upper()
        raise DataProblem(f"{name}:{reader.line + 1}:1 is not {shown}", _UTF_8_HINT) from None
    except csv.Error as error:
        raise DataProblem(f"{name}:{reader.line}:1 is not CSV: {error}") from None
    return Table(file, shown_name(file), reader.places, ObjectRows(names, rows), lines, found)


class _CsvReader:
    """Reads a CSV file as Excel, LibreOffice and Export-Csv write it: with commas, semicolons or tabs."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._skipped = 0
        self._reader = csv.reader(text)
        self.places: dict[str, tuple[int, int]] = {}
        """line and column of each name in the header"""

    @property
    def line(self) -> int:
        """The last line read, counting from 1."""
        return self._skipped + self._reader.line_num

    def header(self, name: str, found: list[RowProblem]) -> tuple[str, ...]:
        """Read the header row. Raises DataProblem if there is none."""
        first = self._text.readline()
        separator = _EXCEL_SEPARATOR.fullmatch(first)
        if separator or first.startswith("#TYPE "):  # the latter by Export-Csv of Windows PowerShell
            self._skipped += 1
            first = self._text.readline()
        unquoted = _QUOTED.sub("", first)
        delimiter = separator[1] if separator else max(",;\t", key=unquoted.count)
        self._reader = csv.reader(itertools.chain([first], self._text), delimiter=delimiter, strict=True)
        names = [cell.strip() for cell in next(self._reader, [])]
        while names and not names[-1]:
            names.pop()
        if not names:
            raise DataProblem(f"{name} has no header row", "the first row names the columns")
        line, end = self._skipped + 1, 0
        for column, count in Counter(names).items():
            start = first.find(column, end)
            end = max(end, start)
            self.places[column] = place = (line, start + 1 if column and start >= 0 else 1)
            if not column:
                found.append(RowProblem(*place, "the header has an empty cell", "name every column"))
            elif count > 1:
                found.append(RowProblem(*place, f"the header names {column!r} {count} times"))
        return tuple(names)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of each row that holds anything."""
        line = self.line + 1
        for cells in self._reader:
            if any(cells):
                yield line, cells
            line = self.line + 1


def _fitted(
    cells: list[str], names: tuple[str, ...], line: int, row: int, found: list[RowProblem]
) -> list[str]:
    """The cells of a row that is shorter or longer than the header. Empty cells at the end of a row don't count."""
    while len(cells) > len(names) and not cells[-1]:
        cells.pop()
    if len(cells) != len(names):
        message = f"{len(cells)} cells, but the header has {len(names)}"
        more = len(cells) > len(names)
        hint = (
            "put a value that contains the separator in quotes"
            if more
            else "write the separators of empty cells"
        )
        found.append(RowProblem(line, 1, message, hint, row))
    return cells[: len(names)] + [""] * (len(names) - len(cells))


def _cells(names: Sequence[str], columns: Mapping[str, Column]) -> Callable[[list[str]], tuple[object, ...]]:
    """Makes a row's values of its cells, by the types of their columns."""
    kinds = [columns.get(name, Column(name)) for name in names]
    typed = [(i, kind) for i, kind in enumerate(kinds) if _is_typed(kind)]

    def values(cells: list[str]) -> tuple[object, ...]:
        found: list[object] = [cell or None for cell in cells]
        for i, kind in typed:
            if cells[i]:
                found[i] = _cell(cells[i], kind)
        return tuple(found)

    return values


def _is_typed(column: Column) -> bool:
    return column.type in ("boolean", "integer") or (column.multi_valued and column.name != OBJECT_DN)


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
