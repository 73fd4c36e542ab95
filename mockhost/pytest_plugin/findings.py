"""What a test should not have passed with, and what is kept of a failed one.

Bugs of the mock, rules left over, requests that matched no rule; and the journal, for the terminal and as files.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mockhost.journal import Connection, Exchange, Sink, renderings
from mockhost.journal.renderings import plainly
from mockhost.journal.sink import printable, shown

if TYPE_CHECKING:
    import pytest

    from mockhost.running import RunningHost

_MOST = 3
"""Of how many requests that matched no rule the details are shown."""


class Terms(NamedTuple):
    """What a test lets pass."""

    strict: bool = False
    allow_unused: bool = False
    own_rules: bool = False
    """whether the test itself wrote the scenario's rules, in a marker, a factory's call or `use`"""


class Finding(NamedTuple):
    """One thing that is wrong. `exchange` is the number of the one concerned, if there is one."""

    title: str
    detail: str = ""
    exchange: int = 0

    @property
    def text(self) -> str:
        """For people: the title, and the rest below it."""
        return "\n".join([self.title, *(f"  {line}" for line in self.detail.splitlines())])


def found(
    host: RunningHost,
    terms: Terms,
    bugs: Sequence[str] = (),
    *,
    raised: Sequence[Finding] = (),
    hanging: Sequence[Exchange] = (),
    again: bool = False,
    since: int = 0,
    older: Container[str] | None = None,
) -> list[Finding]:
    """What is wrong with this host's epoch. `bugs` of which the journal knows nothing are added.

    raised: what functions that compute replies did instead.
    hanging: exchanges whose clients still wait for an answer.
    again: only what can have come since it was asked last, which rules that are left over are not.
    since: only what came after this exchange. older: names of live rules that are not checked; with it, neither are
    the scenario's.
    """
    entries = host.journal.entries(since=since)
    hanging = [exchange for exchange in hanging if exchange.number > since]
    findings = [*raised]
    findings += [_bug(host, exchange) for exchange in entries if exchange.bug is not None]
    findings += [Finding(f"a bug in mockhost: {text}") for text in dict.fromkeys(bugs)]
    rules = host.rules
    if not again and not terms.allow_unused:
        findings += [_hanging(host, exchange) for exchange in hanging]
        mine = [rule for rule in rules if (rule["live"] or terms.own_rules) and not rule.get("optional")]
        if older is not None:
            mine = [rule for rule in mine if rule["live"] and rule["name"] not in older]
        left = [rule for rule in mine if rule["left"] or not rule["fired"]]
        findings += [
            _unused(host, rule, entries) for rule in left if not _used_on_demand(host, rule, entries)
        ]
    if terms.strict and rules:
        unforeseen = [each for each in entries if each.rule is None and each.bug is None]
        findings += [_unforeseen(host, exchange) for exchange in unforeseen[:_MOST]]
        if more := unforeseen[_MOST:]:
            findings.append(Finding(f"and {len(more)} more requests that matched no rule"))
    return [_redacted(each, host.journal.sink) for each in findings]


def failed_reply(rule: str, problem: str, where: str) -> Finding:
    """A function that computes a rule's reply did not: `problem` in a line, `where` is its traceback."""
    return Finding(printable(f"the reply function of rule {rule!r} {problem}"), where)


def _redacted(finding: Finding, sink: Sink) -> Finding:
    return finding._replace(title=sink.text(finding.title), detail=sink.text(finding.detail))


def has_rules(scenario: object, overrides: Mapping[str, object]) -> bool:
    """Whether a test that asks for this host writes rules of its own, so that they have to fire."""
    return "rules" in overrides or (isinstance(scenario, Mapping) and "rules" in scenario)


def _used_on_demand(host: RunningHost, rule: Mapping[str, Any], entries: Sequence[Exchange]) -> bool:
    """Whether a connector that was created on demand, which counts for itself, used up its own copy of a rule."""
    for connector in {each.connector for each in entries if each.rule == rule["name"] and each.connector}:
        own = host.call("list_rules", connector=connector)["rules"]
        if any(each["name"] == rule["name"] and each["fired"] and not each["left"] for each in own):
            return True
    return False


def said(exchange: Exchange) -> str:
    """What was asked, in a few words."""
    exchange = shown(exchange)
    words = [exchange.operation]
    if exchange.connector:
        words.append(f"at {printable(exchange.connector)}")
    if exchange.who:
        words.append(f"for {printable(exchange.who)!r}")
    return " ".join(words)


def _bug(host: RunningHost, exchange: Exchange) -> Finding:
    title = f"a bug in mockhost at #{exchange.number} ({said(exchange)}): {shown(exchange).bug}"
    return Finding(printable(title), _curl(host, exchange), exchange.number)


def _hanging(host: RunningHost, exchange: Exchange) -> Finding:
    rule = f", by rule {exchange.rule!r}" if exchange.rule else ""
    title = f"an answer still hangs at the end of the test: #{exchange.number} ({said(exchange)}){rule}"
    detail = "mockhost.release() lets it go on; a client with a time-out gives up by itself"
    return Finding(printable(title), detail, exchange.number)


def _unused(host: RunningHost, rule: Mapping[str, Any], entries: Sequence[Exchange]) -> Finding:
    fired, left = rule["fired"], rule["left"] or 0
    often = f"fired {fired} of {fired + left} times" if fired else "never fired"
    hidden = {"name", "live", "matched", "fired", "left", *(["on"] if rule.get("on") else [])}
    words = {word: value for word, value in rule.items() if word not in hidden}
    detail = [json.dumps(plainly(host.journal.sink, words), ensure_ascii=False, default=str)]
    exchange = _closest(host, rule["name"], entries)
    if exchange is not None:
        detail += [f"nearest: #{exchange.number} ({said(exchange)})", _near_miss(host, exchange)]
    elif not entries:
        detail.append("there was no request at all")
    number = 0 if exchange is None else exchange.number
    return Finding(f"rule {rule['name']!r} {often}", "\n".join(filter(None, detail)), number)


def _closest(host: RunningHost, name: object, entries: Sequence[Exchange]) -> Exchange | None:
    """The latest exchange to which this rule came closest of all, if there is one."""
    for exchange in reversed(entries):
        miss = host.near_miss(exchange)
        if (
            miss is not None
            and miss.closest is not None
            and miss.closest.rule == host.journal.sink.text(str(name))
        ):
            return exchange
    return None


def _unforeseen(host: RunningHost, exchange: Exchange) -> Finding:
    why = "the test is strict: where there are rules, every request has to match one"
    detail = "\n".join(filter(None, [_near_miss(host, exchange), why, _curl(host, exchange)]))
    return Finding(f"request #{exchange.number} ({said(exchange)}) matched no rule", detail, exchange.number)


def _near_miss(host: RunningHost, exchange: Exchange) -> str:
    miss = host.near_miss(exchange)
    return "" if miss is None else miss.text


def _curl(host: RunningHost, exchange: Exchange) -> str:
    return renderings.curl(exchange, ca_file=host.ca_file) if exchange.method else ""


# -- what is kept of a failed test ----------------------------------------------------------------------------------

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
        report.longrepr = _redacted_text(report.longrepr, sinks)
    else:
        _redact_within(report.longrepr, sinks, set())


def _redacted_text(text: str, sinks: Sequence[Sink]) -> str:
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
        return _redacted_text(member, sinks)
    if isinstance(member, tuple):
        return tuple(_changed(each, sinks, seen) for each in member)
    _redact_within(member, sinks, seen)
    return member
