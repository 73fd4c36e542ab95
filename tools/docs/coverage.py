"""Writes docs/coverage.md: every row of Microsoft's troubleshooting page, and the scenario that reproduces it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from mockhost.diagnosis import catalogue
from mockhost.diagnosis.catalogue import Card
from tools.docs import ROOT, File, anchor, table

PAGE = ROOT / "docs" / "coverage.md"
HEAD = """\
# Coverage of Microsoft's troubleshooting page

<!-- Written by python -m tools.docs coverage from mockhost/diagnosis/page.toml; don't edit. -->

Every step, bullet, table row and error text of \
[Troubleshoot on-premises application provisioning](https://learn.microsoft.com/entra/identity/app-provisioning/on-premises-ecma-troubleshoot),\
 edition of April 2022, with the scenario that reproduces it.
*Line* is the line of that edition's source.

| | rows |
|---|---|
| a scenario reproduces it | {scenario} |
| a scenario reproduces a part of it | {part} |
| `mockhost portal` or `mockhost provision` imitates it | {command} |
| not here: the row says what Microsoft's cure is | {none} |

`mockhost check NAME` plays what a client sees, the cure and what holds afterwards; \
`mockhost serve NAME` starts the host in that state.
`mockhost scenarios --text "…"` finds a row by its error text.
"""
COLUMNS = ("line", "on the page", "here", "command")


def page() -> str:
    """The whole page, ending with a newline."""
    rows = catalogue.page()
    head = HEAD.format_map(Counter(row.covered for row in rows))
    head = "\n".join(line for line in head.split("\n") if not line.endswith("| 0 |"))
    parts = [head]
    for heading, group in groupby(rows, key=lambda row: row.heading.partition(", step ")[0]):
        parts.append(f"## {heading}\n")
        parts.append(table(COLUMNS, [cells(row) for row in group]))
    return "\n".join(parts)


def cells(row: Card) -> tuple[str, str, str, str]:
    """A row of the table."""
    line = f"{row.line}-{row.until}" if row.until else str(row.line)
    step = row.heading.partition(", step ")[2]
    where = f"step {step}: " if step and row.kind == "step" else f"{row.kind}: "
    commands = " ".join(f"`{command}`" for command in commands_of(row))
    return line, f"{where}“{row.title}”", here(row), commands


def here(row: Card) -> str:
    """What mockhost has of it."""
    names = ", ".join(f"[`{name}`](reference/scenarios.md#{anchor(name)})" for name in row.scenarios)
    if row.covered == "scenario":
        return names
    if row.covered == "command":
        return row.shows
    if row.covered == "part":
        return f"in part: {names}. Not here: {row.missing}"
    return f"not here: Microsoft's cure is: {row.cure}"


def commands_of(row: Card) -> Iterator[str]:
    """The command that shows the row; none where nothing reproduces it."""
    if row.command:
        yield row.command
    elif row.covered != "none":
        yield f"mockhost check {row.scenarios[0]}"


FILES = (File(PAGE, page),)
