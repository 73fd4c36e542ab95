"""What a test's host does beyond any other: it remembers what was wrong, also across a `use` or `reset` of the test."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mockhost.errors import MockhostError, VerificationError
from mockhost.journal import Exchange, Sink, verification
from mockhost.journal.sink import printable, shown
from mockhost.journal.verification import Expectation
from mockhost.matching import ABSENT
from mockhost.pytest_plugin import compiled, findings
from mockhost.pytest_plugin.findings import Gathered
from mockhost.running import RunningHost
from mockhost.runtime import names
from mockhost.scenario.model import Scenario

if TYPE_CHECKING:
    from mockhost.journal import Journal
    from mockhost.scenario.loader import Terms


class Judged(RunningHost):
    """Comes before the class of a host: one of this process, or one behind --mockhost-url."""

    passing: findings.Terms
    """what the present test lets pass"""
    gathered: list[Gathered]
    """what is known of epochs that the present test ended itself"""
    bugs: list[str]
    """bugs that happened beside any request"""
    raised: list[findings.Finding]
    """replies that a function of the test did not give"""
    terms: Terms
    since: int = 0
    """the journal's last exchange before the present test, for a host that several tests share"""
    older: frozenset[str] | None = None
    """the live rules from before the present test, for a host that several tests share"""

    if TYPE_CHECKING:

        @property
        def journal(self) -> Journal: ...
        def begun(self, scenario: Scenario) -> None:
            """Begin again with a scenario."""

    def load(
        self, scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario, **overrides: Any
    ) -> Scenario:
        """As MockHost does, from what this process has compiled already."""
        if isinstance(scenario, Scenario) and not overrides:
            return scenario
        return compiled.load(scenario, overrides, self.terms)

    def use(self, scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario, **overrides: Any) -> None:
        """As MockHost does."""
        loaded = self.load(scenario, **overrides)
        own_rules = findings.has_rules(scenario, overrides)
        if own_rules:
            names.check_rules(loaded)
        self._gather()
        self.passing = self.passing._replace(own_rules=own_rules)
        self.begun(loaded)

    def reset(self) -> None:
        """As MockHost does."""
        self._gather()
        super().reset()

    def found(self, *, again: bool = False) -> list[findings.Finding]:
        """What is wrong in the present epoch; see `findings.found`."""
        return findings.found(
            self,
            self.passing,
            self.bugs,
            raised=self.raised,
            hanging=self.hanging(),
            again=again,
            since=self.since,
            older=self.older,
        )

    def share(self) -> None:
        """A test begins on this host, which others had before it: it answers for what comes from now on."""
        self.since = self.journal.last
        self.older = frozenset(str(rule["name"]) for rule in self.rules if rule["live"])
        self.gathered, self.bugs, self.raised = [], [], []

    def take_back(self) -> None:
        """That test is over: take away the rules that it added, and let go on what it left hanging."""
        if self.older is not None:
            for rule in self.rules:
                if rule["live"] and rule["name"] not in self.older:
                    self.remove_rule(str(rule["name"]))
        if any(exchange.number > self.since for exchange in self.hanging()):
            self.release()
        self.since, self.older = self.journal.last, None

    def hanging(self) -> list[Exchange]:
        """The exchanges whose clients still wait for an answer that hangs, as far as this host can tell."""
        return []

    def _gather(self) -> None:
        self.gathered.append(Gathered.of(self, self.found(), since=self.since))
        self.bugs, self.raised = [], []
        self.since, self.older = 0, None if self.older is None else frozenset()

    def verify(self, **spec: object) -> None:
        """As MockHost does, with what was expected beside what came nearest."""
        __tracebackhide__ = True
        result = self.call("verify", spec=spec)
        if not result["ok"]:
            raise VerificationError(reported(result["text"], spec, self.journal))

    def __repr__(self) -> str:
        return f"<MockHost with {self.scenario.name} at {self.url()}>"


# -- what `verify` expected beside what came nearest, condition by condition -----------------------------------------

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
