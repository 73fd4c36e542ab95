"""What the tools beside this one have in common: they write a file that is made from something else, or check it.

A generator calls `run` and says in its docstring what it writes; `make docs` runs every tool that does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class File(NamedTuple):
    """A file, and how its text is made."""

    path: Path
    text: Callable[[], str]


def run(tool: str, arguments: Sequence[str], *files: File) -> int:
    """Write the files, or with --check only tell which are not current: the exit code 0, 1, or 2 for wrong usage.

    `tool` is the tool's own `__file__`.
    """
    name = f"tools/{Path(tool).name}"
    if list(arguments) not in ([], ["--check"]):
        print(f"usage: python {name} [--check]", file=sys.stderr)
        return 2
    if arguments:
        return check(name, (file.path for file in files if not is_current(file)))
    for file in files:
        if not is_current(file):
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.write_text(file.text(), encoding="utf-8", newline="\n")
    return 0


def is_current(file: File) -> bool:
    """Whether the file has the text that it should have."""
    return file.path.is_file() and file.path.read_text(encoding="utf-8") == file.text()


def check(name: str, old: Iterable[Path]) -> int:
    """Say which files are not current, and what to do about it; the exit code."""
    found = [path.relative_to(ROOT) if path.is_relative_to(ROOT) else path for path in old]
    for path in found:
        print(f"{path.as_posix()} is not current; run: python {name}", file=sys.stderr)
    return 1 if found else 0


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
