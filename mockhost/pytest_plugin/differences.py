"""What `verify` expected beside what came nearest, condition by condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mockhost.errors import MockhostError
from mockhost.journal import Exchange, Sink, verification
from mockhost.journal.sink import printable, shown
from mockhost.journal.verification import Expectation
from mockhost.matching import ABSENT

if TYPE_CHECKING:
    from mockhost.journal import Journal

_WIDEST = 48


def reported(text: str, spec: Mapping[str, object], journal: Journal) -> str:
    """The report of an assertion that does not hold, with the difference below its first line."""
    try:
        diff = _of_order(spec, journal) if "order" in spec else _of_count(spec, journal)
    except MockhostError:  # the difference is unknown here, and the report says enough
        return text
    head, _, rest = text.partition("\n")
    if diff and "order" not in spec:
        rest = "\n".join(line for line in rest.split("\n") if not line.startswith("near: "))
    return "\n".join(part for part in (head, diff, rest) if part)


def _conditions(spec: Mapping[str, object], journal: Journal) -> list[Expectation]:
    asked = {word: value for word, value in spec.items() if word not in ("count", "order", "since")}
    return list(verification.compile_conditions(asked, journal.sink))


def _entries(spec: Mapping[str, object], journal: Journal) -> list[Exchange]:
    return journal.entries(since=verification.since_of(spec))


def _of_count(spec: Mapping[str, object], journal: Journal) -> str:
    """Each condition, what it expects, and what the nearest exchange has, where none fits."""
    conditions, entries = _conditions(spec, journal), _entries(spec, journal)
    if not conditions or verification.select(conditions, entries):
        return ""
    nearest = min(entries, key=lambda e: (_failing(conditions, e), -e.number), default=None)
    if nearest is None or (_failing(conditions, nearest) == len(conditions) and len(conditions) > 1):
        return ""
    rows = [("", "expected", f"got (#{nearest.number})")]
    rows += [_row(condition, nearest, journal.sink) for condition in conditions]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    marks = ["  ", *("  " if c.difference(nearest) is None else "! " for c in conditions)]
    return "\n" + "\n".join(
        f"{mark}{label:<{widths[0]}}  {wanted:<{widths[1]}}  {got}".rstrip()
        for mark, (label, wanted, got) in zip(marks, rows, strict=True)
    )


def _failing(conditions: Sequence[Expectation], exchange: Exchange) -> int:
    return sum(condition.difference(exchange) is not None for condition in conditions)


def _row(condition: Expectation, exchange: Exchange, sink: Sink) -> tuple[str, str, str]:
    try:
        got = condition.read(exchange)
    except MockhostError:
        got = ABSENT
    name = condition.label.partition(" ")[2]
    shown = "(absent)" if got is ABSENT else _clipped(sink.text(repr(sink.expected(name, got)), exchange))
    return sink.text(condition.label), _clipped(sink.text(repr(condition.shown))), shown


def _clipped(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _of_order(spec: Mapping[str, object], journal: Journal) -> str:
    """The steps and the exchanges side by side: what was found, what is missing, what came between."""
    steps = spec["order"]
    if not isinstance(steps, (list, tuple)) or not all(isinstance(step, Mapping) for step in steps):
        return ""
    common = _conditions(spec, journal)
    compiled = [[*common, *_conditions(step, journal)] for step in steps]
    lines, at = [], 0
    for entry in _entries(spec, journal):
        said = f"#{entry.number} {entry.operation} {shown(entry).who or ''}".rstrip()
        if at < len(compiled) and _failing(compiled[at], entry) == 0:
            lines.append(f"  {said}")
            at += 1
        else:
            lines.append(f"+ {said}")
    lines += [f"- {_words(step, journal.sink)}" for step in compiled[at:]]
    return "\n" + "\n".join(map(printable, lines)) if lines else ""


def _words(step: Sequence[Expectation], sink: Sink) -> str:
    return ", ".join(sink.text(f"{each.label} {each.shown!r}") for each in step) or "any exchange"
