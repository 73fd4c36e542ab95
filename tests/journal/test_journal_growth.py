"""Rendering and redaction take time in proportion to the text, whatever it holds: counted in lines that are run."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from mockhost.journal import Journal
from mockhost.journal.renderings import live_line, table, to_json
from tests.journal.exchanges import KEY, make

HOSTILE = ["w", "\x1b[", "\u0301", "<a", "<password>", "password=", '"password":"', "eyJ-", "%25", "&amp;"]
HOSTILE += [
    "[",
    '{"a":{"path":"password","value":',
    "a=b&",
    "password eq ",
    "content-disposition:\r\n--",
    "Bearer ",
]


def lines_run(piece: str, size: int) -> int:
    """How many lines of Python it takes to show an exchange full of this."""
    text = piece * (size // len(piece))
    wire = text.encode().decode("latin-1")
    journal = Journal(key=KEY)
    exchange = make(target=f"/x?{wire}", headers=[("X-A", wire)], body=text.encode(), who=text, reason=text)
    journal.add(exchange)
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        to_json(exchange)
        live_line(exchange)
        table([exchange], 80)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("piece", HOSTILE)
def test_four_times_the_text_takes_about_four_times_the_work(piece: str) -> None:
    """One line of a journal whose name has a megabyte took seventeen seconds."""
    assert lines_run(piece, 8_000) < 6 * lines_run(piece, 2_000)
