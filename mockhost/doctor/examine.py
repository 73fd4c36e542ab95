"""Runs the checks in order, skips what is blocked, and ends in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mockhost.client.printing import printable
from mockhost.clock import monotonic
from mockhost.doctor import catalogue
from mockhost.doctor.catalogue import Entry
from mockhost.doctor.patient import Finding, OutOfTime
from mockhost.errors import MockhostError

LIMIT = 42.0
"""Seconds that an examination may take, whatever the target does: the command ends within 45."""
_OUT_OF_TIME = Finding("skip", "no time is left")
_GOOD = ("pass", "warn", "info")


class Result(NamedTuple):
    """A check of the catalogue, and what it found."""

    entry: Entry
    finding: Finding
    took: float
    """seconds"""


def examine(
    runs: Mapping[str, Callable[[], Finding]], codes: Sequence[str], deadline: float
) -> Iterator[Result]:
    """Run the checks `codes` in their order, each as soon as the one before is read.

    A check whose needs were not met is skipped and names the one that failed; so is all that is left at the deadline
    (by `clock.monotonic()`). A check that breaks is an `error`, never an exception.
    """
    done: dict[str, Finding] = {}
    for code in codes:
        entry = catalogue.entries()[code]
        begun = monotonic()
        finding = _blocked(entry, done)
        if finding is None and begun >= deadline:
            finding = _OUT_OF_TIME
        if finding is None:
            finding = _found(runs[code])
        done[code] = finding = finding._replace(saw=printable(" ".join(finding.saw.split())))
        yield Result(entry, finding, monotonic() - begun)


def _found(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except OutOfTime:
        return _OUT_OF_TIME
    except MockhostError as problem:
        return Finding("error", str(problem))
    except Exception as problem:
        return Finding("error", f"this check failed itself: {type(problem).__name__}: {problem}")


def _blocked(entry: Entry, done: Mapping[str, Finding]) -> Finding | None:
    for need in entry.needs:
        found = done.get(need)
        if found is not None and found.status not in _GOOD:
            cause = found.blocked_by or need
            return Finding("skip", f"needs {cause}", cause)
    return None


def trips(results: Sequence[Result]) -> list[str]:
    """The codes of the checks that failed or warned."""
    return [result.entry.code for result in results if result.finding.status in ("fail", "warn", "error")]


def as_json(target: str, results: Sequence[Result]) -> dict[str, object]:
    """The report for programs."""
    counts = {status: sum(result.finding.status == status for result in results)
              for status in ("pass", "warn", "fail", "info", "skip", "error")}  # fmt: skip
    return {
        "schema": "mockhost-doctor/1",
        "target": target,
        "healthy": not counts["fail"] and not counts["error"],
        "summary": counts,
        "checks": [_row(result) for result in results],
    }


def _row(result: Result) -> dict[str, object]:
    entry, finding = result.entry, result.finding
    row: dict[str, object] = {
        "code": entry.code,
        "name": entry.name,
        "category": entry.category,
        "title": entry.title,
        "status": finding.status,
        "saw": finding.saw,
        "blocked_by": finding.blocked_by or None,
        "duration_ms": round(result.took * 1_000, 1),
    }
    if finding.status in ("fail", "warn"):
        row |= {"why": entry.why, "fix": list(entry.fix), "here": entry.here, "heading": entry.heading}
    return row
