"""Runs the checks in their order, skips what is blocked, and ends in time.

`catalogue.toml` has the checks as data, in the order in which they run: codes, titles, reasons and cures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mockhost import facts
from mockhost.client.printing import printable
from mockhost.clock import monotonic
from mockhost.doctor.patient import Finding, OutOfTime
from mockhost.errors import MockhostError

FILE = Path(__file__).with_name("catalogue.toml")
PAGE = "Troubleshoot on-premises application provisioning"


class Entry(NamedTuple):
    """One check, for people. `code` is stable."""

    code: str
    name: str
    category: str
    title: str
    why: str
    fix: tuple[str, ...]
    """ordered steps on the Windows server of the real host"""
    here: str = ""
    """the same with mockhost"""
    heading: str = ""
    """of Microsoft's page, edition of April 2022"""
    needs: tuple[str, ...] = ()


def catalogue() -> Mapping[str, Any]:
    """`catalogue.toml`."""
    return facts.beside(__file__, FILE.name)


@cache
def entries() -> dict[str, Entry]:
    """Every check by its code, in order."""
    rows = catalogue()["check"]
    made = [Entry(**{key: _value(value) for key, value in row.items()}) for row in rows]
    return {entry.code: entry for entry in made}


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def retired() -> dict[str, str]:
    """Codes of checks that are gone, with the reason."""
    return dict(catalogue()["retired"])


def find(word: str) -> Entry | None:
    """The check with this code or name, in any case."""
    wanted = word.strip().lower()
    return next((entry for entry in entries().values() if wanted in (entry.code.lower(), entry.name)), None)


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
        entry = entries()[code]
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
