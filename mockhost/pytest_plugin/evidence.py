"""What is kept of a failed test: the journal, for the terminal and as files."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mockhost.control.plain import plainly
from mockhost.journal import Connection, Exchange, renderings
from mockhost.journal.sink import printable

if TYPE_CHECKING:
    import pytest

    from mockhost.journal import Sink
    from mockhost.pytest_plugin.findings import Finding
    from mockhost.running import RunningHost

_SHOWN = 30
_CONNECTIONS = 5
_LONGEST = 100


class Gathered(NamedTuple):
    """One epoch of one host, in a form that can be kept after the host was reset."""

    scenario: str
    about: dict[str, Any]
    findings: tuple[Finding, ...]
    entries: tuple[Exchange, ...]
    connections: tuple[Connection, ...]
    rules: object
    ca_file: str | None

    @classmethod
    def of(cls, host: RunningHost, findings: Sequence[Finding], *, since: int = 0) -> Gathered:
        """The present epoch of a host, or what came in it after an exchange."""
        scenario, sink = host.scenario, host.journal.sink
        about = {
            "title": scenario.title,
            "cause": scenario.cause,
            "client_should": scenario.client_should,
            "seed": scenario.seed,
            "dropped": host.journal.dropped,
        }
        return cls(
            sink.text(scenario.name),
            sink.data(about),
            tuple(findings),
            tuple(host.journal.entries(since=since)),
            tuple(host.journal.connections),
            plainly(sink, host.rules),
            host.ca_file,
        )

    @property
    def head(self) -> str:
        """What was played."""
        title = f": {self.about['title']}" if self.about["title"] else ""
        return printable(f"{self.scenario}{title} (seed {self.about['seed']})")

    def table(self, marked: frozenset[int] = frozenset()) -> str:
        """The journal's last exchanges."""
        shown = self.entries[-_SHOWN:]
        more = len(self.entries) - len(shown)
        note = f"\n({more} more before these)" if more else ""
        return f"\n{self.head}\n{renderings.table(shown, marked=marked)}{note}"

    def broken(self) -> list[str]:
        """Connections that came to nothing, one line each."""
        lines = [renderings.connection_line(each) for each in self.connections if each.error or each.rule]
        return lines[-_CONNECTIONS:]


class Evidence(NamedTuple):
    """What is known of all hosts of a test."""

    nodeid: str
    epochs: Sequence[Gathered]

    def text(self, *, tables: bool = True, findings: bool = True, heads: bool = True) -> str:
        """For the terminal. tables, findings, heads: what has not been shown there already."""
        lines: list[str] = []
        for epoch in self.epochs:
            if heads or tables:
                lines.append(epoch.table().lstrip("\n") if tables else epoch.head)
            if tables and epoch.entries:
                lines.append(renderings.curl(epoch.entries[-1], ca_file=epoch.ca_file))
            lines += epoch.broken()
            lines += [_brief(finding) for finding in epoch.findings] if findings else []
        return "\n".join(lines)

    def write(self, folder: str, when: str | None = None) -> str:
        """Write `journal.json`, `journal.har` and `journal.txt` into a folder of the test's own; which one it is."""
        own = Path(folder) / folder_name(self.nodeid)
        own.mkdir(parents=True, exist_ok=True)
        entries = [each for epoch in self.epochs for each in epoch.entries]
        _write(own / "journal.json", {"test": self.nodeid, "when": when, "epochs": self._json()})
        _write(own / "journal.har", renderings.har(entries))
        curls = [renderings.curl(e, ca_file=p.ca_file) for p in self.epochs for e in p.entries if e.method]
        text = "\n".join([self.nodeid, "", self.text(), "", *curls, ""])
        (own / "journal.txt").write_text(text, encoding="utf-8", errors="backslashreplace")
        return str(own)

    def _json(self) -> list[dict[str, Any]]:
        return [
            {
                "scenario": epoch.scenario,
                **epoch.about,
                "findings": [finding._asdict() for finding in epoch.findings],
                "exchanges": [renderings.to_json(each) for each in epoch.entries],
                "connections": [renderings.connection_json(each) for each in epoch.connections],
                "rules": epoch.rules,
            }
            for epoch in self.epochs
        ]


def _brief(finding: Finding) -> str:
    """A finding beside another failure. An error in the test's own function is probably why it failed."""
    return finding.text if finding.detail.startswith("Traceback") else finding.title


def _write(file: Path, value: object) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False, default=str)
    file.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def folder_name(nodeid: str) -> str:
    """A name for a folder on any system, that no other test has."""
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", nodeid).strip("-.")[:_LONGEST].rstrip("-.")
    return f"{plain}-{hashlib.sha256(nodeid.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def redact(report: pytest.TestReport, sinks: Sequence[Sink]) -> None:
    """Take secrets out of a failed test's own report: an assertion shows the values that it compared."""
    if isinstance(report.longrepr, tuple):
        return
    if isinstance(report.longrepr, str):
        report.longrepr = _redacted(report.longrepr, sinks)
    else:
        _redact_within(report.longrepr, sinks, set())


def _redacted(text: str, sinks: Sequence[Sink]) -> str:
    for sink in sinks:
        text = sink.text(text)
    return text


def _redact_within(value: object, sinks: Sequence[Sink], seen: set[int]) -> None:
    """pytest's representation of an error is a tree of plain objects, lists and tuples with texts in it."""
    if id(value) in seen:
        return
    seen.add(id(value))
    members = vars(value) if hasattr(value, "__dict__") else value
    items = (
        members.items()
        if isinstance(members, dict)
        else enumerate(members)
        if isinstance(members, list)
        else ()
    )
    for name, member in list(items):
        changed = _changed(member, sinks, seen)
        if changed is not member:
            members[name] = changed  # type: ignore[index]  # it is a dict or a list


def _changed(member: object, sinks: Sequence[Sink], seen: set[int]) -> object:
    if isinstance(member, str):
        return _redacted(member, sinks)
    if isinstance(member, tuple):
        return tuple(_changed(each, sinks, seen) for each in member)
    _redact_within(member, sinks, seen)
    return member
