"""docs/conformance.md: what the suites said in their last runs, and what of it is a contradiction."""

from __future__ import annotations

import re
from collections.abc import Iterable

from conformance.checks import FAILED, PASSED, SKIPPED, Check, Report
from conformance.contradictions import contradiction
from conformance.files import ROOT, SOURCES
from conformance.suites import SUITES

PAGE = ROOT / "docs" / "conformance.md"


def write(reports: Iterable[Report]) -> None:
    PAGE.write_text(text(list(reports)), "utf-8")


def text(reports: list[Report]) -> str:
    """The page. It has no times and no machine in it, so that a run that says the same changes nothing."""
    order = [suite.name for suite in SUITES]
    reports = sorted(reports, key=lambda report: (order.index(report.suite), report.scenario))
    return "\n".join([*_head(), *_table(reports), *_failures(reports), *_sources(), ""])


def _head() -> list[str]:
    return [
        "# Conformance",
        "",
        "<!-- Written by `make conformance` from the runs; don't edit. -->",
        "",
        "Suites and clients of other projects, each run against a fresh host with a connector of kind `scim`.",
        "For a client the steps are ours and the judgement is the client's; what is replayed or compared is ours, too.",
        "Nothing in mockhost knows that a suite is asking.",
        "A check that asks what the RFC or Microsoft contradicts counts as failed and stands below with the quote.",
        "`make conformance` runs them all and writes this page; `make conformance ARGS=scim2-tester` runs one.",
        "",
    ]


def _table(reports: list[Report]) -> list[str]:
    lines = [
        "| suite | version | source | scenario | checks | passed | failed | skipped |",
        "|---|---|---|---|---|---|---|---|",
    ]
    titles = {suite.name: suite for suite in SUITES}
    for report in reports:
        suite = titles[report.suite]
        cells: list[object] = [
            suite.title,
            report.version or "-",
            suite.source,
            f"`{report.scenario}`",
        ]
        if report.unavailable:
            cells += ["not run", "", "", ""]
        else:
            cells += [len(report.checks), *(report.count(verdict) for verdict in (PASSED, FAILED, SKIPPED))]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return lines


def _failures(reports: list[Report]) -> list[str]:
    lines: list[str] = []
    for report in reports:
        if report.unavailable:
            lines += ["", f"## {report.suite}, `{report.scenario}`: not run", "", report.unavailable + "."]
        elif report.failures:
            lines += ["", f"## {report.suite}, `{report.scenario}`", ""]
            for check in report.failures:
                lines += _failure(report, check)
    return lines


def _failure(report: Report, check: Check) -> list[str]:
    lines = [f"- **{_plain(check.name)}**: {_plain(_steady(check.reason))}"]
    if check.asked:
        lines.append(f"  Asked: `{_steady(check.asked).replace('`', chr(39))}`")
    why = contradiction(report, check)
    if why is None:
        return [*lines, "  Open: the answer is at fault."]
    return [*lines, f"  {why.source}: “{why.quote}” {why.therefore}"]


ANOTHER_EACH_TIME = (
    (re.compile(r"://localhost:\d+/"), "://localhost:8585/"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "…"),
)


def _steady(words: str) -> str:
    """Without what is another at each run: the port, and ids."""
    for pattern, instead in ANOTHER_EACH_TIME:
        words = pattern.sub(instead, words)
    return words


def _plain(words: str) -> str:
    return re.sub(r"([\\`*_<>|\[\]])", r"\\\1", words)


def _sources() -> list[str]:
    lines = ["", "## Files that are not in a package", ""]
    lines += [
        "These belong to others and are not part of this repository.",
        "Who lays them into `build/conformance/files` under these names runs their suites too.",
        "",
        "| file | published in | licence |",
        "|---|---|---|",
    ]
    return lines + [
        f"| `{name}` | {source.repository}, `{source.path}` | {source.licence} |"
        for name, source in SOURCES.items()
    ]
