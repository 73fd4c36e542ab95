"""A host that a test has: it remembers what was wrong with it, also across a `use` or `reset` of the test's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mockhost.api import MockHost
from mockhost.errors import VerificationError
from mockhost.pytest_plugin import compiled, differences, findings
from mockhost.pytest_plugin.evidence import Gathered
from mockhost.scenario.model import Scenario


class JudgedHost(MockHost):
    """What a host of this process and one behind --mockhost-url have in common."""

    passing: findings.Terms
    """what the present test lets pass"""
    gathered: list[Gathered]
    """what is known of epochs that the present test ended itself"""
    bugs: list[str]
    """bugs that happened beside any request"""

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
        self._gather()
        self.scenario = loaded
        self.runtime.use(loaded)

    def reset(self) -> None:
        """As MockHost does."""
        self._gather()
        self.runtime.reset()

    def found(self, *, again: bool = False) -> list[findings.Finding]:
        """What is wrong in the present epoch; see `findings.found`."""
        return findings.found(self, self.passing, self.bugs, again=again)

    def _gather(self) -> None:
        self.gathered.append(Gathered.of(self, self.found()))
        self.bugs = []

    def verify(self, **spec: object) -> None:
        """As MockHost does, with what was expected beside what came nearest."""
        __tracebackhide__ = True
        result = self.runtime.verify(spec)
        if not result.ok:
            raise VerificationError(differences.reported(result.text, spec, self.journal))

    def __repr__(self) -> str:
        return f"<MockHost with {self.scenario.name} at {self.url()}>"
