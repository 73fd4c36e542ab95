"""What a test's host does beyond any other: it remembers what was wrong, also across a `use` or `reset` of the test."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mockhost.errors import VerificationError
from mockhost.pytest_plugin import compiled, differences, findings
from mockhost.pytest_plugin.evidence import Gathered
from mockhost.running import RunningHost
from mockhost.runtime import names
from mockhost.scenario.model import Scenario

if TYPE_CHECKING:
    from mockhost.journal import Exchange, Journal
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
            raise VerificationError(differences.reported(result["text"], spec, self.journal))

    def __repr__(self) -> str:
        return f"<MockHost with {self.scenario.name} at {self.url()}>"
