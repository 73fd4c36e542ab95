"""What a row of the benchmark gives, and how rows are printed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Budget(NamedTuple):
    """A limit on a row's figure: `value` itself, or its `ratio` to the reference."""

    of: str
    at_most: float | None = None
    at_least: float | None = None

    def text(self, unit: str) -> str:
        limit, sign = (self.at_most, "<=") if self.at_most is not None else (self.at_least, ">=")
        return f"{sign} {limit:g}" + (" x" if self.of == "ratio" else f" {unit}")

    def holds(self, figure: float) -> bool:
        return (self.at_most is None or figure <= self.at_most) and (
            self.at_least is None or figure >= self.at_least
        )


class Result(NamedTuple):
    """One line of the table. `ratio` is mockhost's value over the reference's, both from this run."""

    row: str
    what: str
    unit: str
    value: float | None = None
    reference: str = ""
    reference_value: float | None = None
    ratio: float | None = None
    budget: Budget | None = None
    note: str = ""
    failed: bool = False

    @property
    def verdict(self) -> str:
        """ok | over | - (no budget) | skipped | failed"""
        if self.failed:
            return "failed"
        figure = self.ratio if self.budget is not None and self.budget.of == "ratio" else self.value
        if figure is None:
            return "skipped"
        if self.budget is None:
            return "-"
        return "ok" if self.budget.holds(figure) else "over"


HEADINGS = ("row", "what", "mockhost", "reference", "ratio", "budget", "")


def table(results: Iterable[Result]) -> str:
    """The results as lines of aligned columns, notes below."""
    rows: list[Sequence[str]] = [HEADINGS]
    notes = []
    for result in results:
        reference = result.reference
        if result.reference_value is not None:
            reference = f"{_figure(result.reference_value, result.unit)} {result.reference}"
        rows.append(
            (
                result.row,
                result.what,
                _figure(result.value, result.unit),
                reference,
                "" if result.ratio is None else f"{result.ratio:.2f}",
                "" if result.budget is None else result.budget.text(result.unit),
                result.verdict,
            )
        )
        if result.note:
            notes.append(f"{result.row}: {result.note}")
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths if width))
    return "\n".join([*lines, *([""] if notes else []), *notes])


def document(machine: dict[str, object], results: Iterable[Result]) -> str:
    """The same as JSON, for comparing runs."""
    rows = [
        {**result._asdict(), "budget": result.budget and result.budget._asdict(), "verdict": result.verdict}
        for result in results
    ]
    return json.dumps({"machine": machine, "rows": rows}, indent=2)


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}"
