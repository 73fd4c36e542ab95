"""What a suite's run gives: checks, and the report that is kept of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Check(NamedTuple):
    """One thing that a suite looked at. `asked` is the suite's own request or rule, `reason` its own complaint."""

    name: str
    verdict: str
    reason: str = ""
    asked: str = ""


class Unavailable(Exception):
    """The suite can't run here; the message says what is missing and what was looked for."""


class Report(NamedTuple):
    """A run of one suite against one scenario. `unavailable` says why there is none."""

    suite: str
    version: str
    scenario: str
    checks: tuple[Check, ...] = ()
    unavailable: str = ""
    seconds: float = 0.0

    def count(self, verdict: str) -> int:
        return Counter(check.verdict for check in self.checks)[verdict]

    @property
    def failures(self) -> list[Check]:
        return [check for check in self.checks if check.verdict == FAILED]

    def document(self) -> dict[str, Any]:
        return {**self._asdict(), "checks": [check._asdict() for check in self.checks]}


def write(report: Report, folder: Path) -> None:
    """Keep the report as JSON beside those of the other suites."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{report.suite}-{report.scenario.rpartition('/')[2]}.json"
    (folder / name).write_text(json.dumps(report.document(), indent=1) + "\n", "utf-8")


def read(folder: Path) -> list[Report]:
    """Every report of the folder."""
    reports = []
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text("utf-8"))
        checks = tuple(Check(**check) for check in document.pop("checks"))
        reports.append(Report(**document, checks=checks))
    return reports


def one_line(text: object, limit: int = 300) -> str:
    """A complaint on one line, cut to what a table holds."""
    flat = " ".join(str(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
