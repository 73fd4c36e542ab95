"""Text in lines: aligned columns, wrapped paragraphs, and how wide a text is on a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

_STYLE = re.compile(r"\033\[[0-9;]*m")


def columns(rows: Sequence[Sequence[str]], *, gap: int = 2, width: int | None = None) -> list[str]:
    """Rows as aligned lines; the last cell of a row is not padded.

    With a width, the last cell goes on below itself where it would be cut.
    """
    if not rows:
        return []
    count = max(map(len, rows))
    widths = [max((cells(row[i]) for row in rows if i < len(row) - 1), default=0) for i in range(count)]
    padded = [
        [cell + " " * (widths[i] - cells(cell)) if i < len(row) - 1 else cell for i, cell in enumerate(row)]
        for row in rows
    ]
    if width is None:
        return [(" " * gap).join(row).rstrip() for row in padded]
    return [line.rstrip() for row in padded for line in _going_on(row, " " * gap, width)]


_NARROWEST = 8
"""Columns that a cell keeps at least"""


def _going_on(row: Sequence[str], gap: str, width: int) -> list[str]:
    *before, last = row
    head = "".join(cell + gap for cell in before)
    if cells(head + last) <= width or width - cells(head) < 2 * _NARROWEST:
        return [head + last]
    return hanging(head, last, width)


def cut(rows: Sequence[Sequence[str]], width: int, *, gap: int = 2) -> list[list[str]]:
    """Rows as they fit into a width: the widest columns are cut, each cut cell ends in `…`; then the last ones go."""
    widths = [min(width, max(map(cells, column))) for column in zip(*rows, strict=True)]
    while sum(widths) + gap * (len(widths) - 1) > width and len(widths) > 1:
        if max(widths) > _NARROWEST:
            widths[widths.index(max(widths))] -= 1
        else:
            widths.pop()
    return [[_cut(cell, most) for cell, most in zip(row, widths, strict=False)] for row in rows]


def _cut(text: str, width: int) -> str:
    if cells(text) <= width:
        return text
    text = text[:width]
    while cells(text) >= width:
        text = text[:-1]
    return text + "…"


def cells(text: str) -> int:
    """How many columns a text takes on a terminal, its styles not counted."""
    text = _STYLE.sub("", text)
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """A paragraph as lines of at most `width` columns, `indent` included; long words stay whole."""
    import textwrap

    return textwrap.wrap(
        " ".join(text.split()),
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def hanging(head: str, text: str, width: int) -> list[str]:
    """A paragraph that begins behind `head`, in lines of at most `width` columns; all begin in the same column."""
    column = cells(head)
    first, *rest = wrapped(text, width - column) or [""]
    return [head + first, *(" " * column + line for line in rest)]
