"""What a host lays over every scenario that it is given."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from mockhost.public_url import PublicUrl
from mockhost.scenario import loader
from mockhost.scenario.model import Scenario
from mockhost.scenario.sources import OPERATOR, Source


class Terms(NamedTuple):
    """Choices of the host that count whatever the scenario says: see `MockHost`."""

    tls: bool | None = None
    seed: int | None = None
    sets: tuple[str, ...] = ()
    clock: str = "frozen"
    public_url: PublicUrl | None = None

    def load(
        self,
        scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario,
        overrides: Mapping[str, Any],
        source: Source = OPERATOR,
    ) -> Scenario:
        """Load a scenario with these terms laid over it. Raises ScenarioError, UsageError.

        source: whose the scenario and the overrides are, which decides what they may name.
        """
        if isinstance(scenario, Scenario):
            loaded = scenario
            if overrides or self.sets:
                loaded = loader.with_overrides(loaded, overrides, sets=self.sets)
        elif isinstance(scenario, Mapping):
            loaded = loader.load_document(scenario, sets=self.sets, overrides=overrides, source=source)
        else:
            loaded = loader.load(
                os.fspath(scenario), sets=self.sets, overrides=overrides or None, source=source
            )
        forced: dict[str, Any] = {} if self.seed is None else {"seed": self.seed}
        if self.tls is False:
            forced["host"] = {"tls": "plain_http"}
        elif self.tls and loaded.host.tls.mode == "plain_http":
            forced["host"] = {"tls": {"mode": "certificate"}}
        written = loaded.document.get("clock")
        if not (isinstance(written, Mapping) and ("mode" in written or "speed" in written)):
            forced["clock"] = {"mode": self.clock}
        if forced:
            loaded = loader.with_overrides(loaded, forced)
        if self.public_url is not None:
            self.public_url.check(plain_http=loaded.host.tls.mode == "plain_http")
        return loaded
