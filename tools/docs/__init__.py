"""Generators of pages and data files. Each module has FILES; `python -m tools.docs` writes or checks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent.parent


class File(NamedTuple):
    """A generated file, and the function that makes its text."""

    path: Path
    text: Callable[[], str]

    def is_current(self) -> bool:
        """Whether the file has the text that it should have."""
        return self.path.is_file() and self.path.read_text(encoding="utf-8") == self.text()

    def write(self) -> None:
        """Write it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text(), encoding="utf-8", newline="\n")


def anchor(title: str) -> str:
    """The fragment under which GitHub finds a heading."""
    return "".join(c for c in title.lower() if c.isalnum() or c in "_- ").replace(" ", "-")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; what would end a cell or begin a tag is escaped."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def cell(text: str) -> str:
    """A text for a table's cell; between backticks only the bar needs a backslash."""
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    return "`".join(part if i % 2 else part.replace("<", "\\<") for i, part in enumerate(parts))


def side_by_side(play: Callable[[str], T], names: Iterable[str]) -> dict[str, T]:
    """What `play` gives for each name, in their order: six at a time, as a scenario that is played mostly waits."""
    names = list(names)
    with ThreadPoolExecutor(6) as pool:
        return dict(zip(names, pool.map(play, names), strict=True))
