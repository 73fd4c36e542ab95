"""The connectors of a running mock by name: the ECMA host's, those of other kinds, and those created on demand.

One that was created on demand has rules and states of its own, and can be reset without the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from mockhost.clock import Chance, VirtualClock
from mockhost.connectors import kinds
from mockhost.connectors.contract import Closes, Connector, Keeps
from mockhost.connectors.ecma.connector import EcmaConnector
from mockhost.connectors.ecma.host import Host
from mockhost.errors import UsageError, did_you_mean
from mockhost.rules import Rules, States
from mockhost.scenario.model import OnDemand, Scenario

if TYPE_CHECKING:
    from mockhost.connectors.kept import Kept

_NAME: Final = re.compile(r"[A-Za-z0-9]{1,64}")
"""What a connector created on demand may be called: as the wizard takes names, and as a path segment holds them."""
_MOST_WAITING: Final = 16
"""Connectors that are remembered although none of their requests was let in yet."""


class Own(NamedTuple):
    """What a connector that was created on demand has for itself."""

    rules: Rules
    states: States


class MakeOwn(Protocol):
    """Makes the rules and states of a connector that is created on demand."""

    def __call__(self, name: str, chance: Chance) -> Own: ...


class Served:
    """Every connector, by name. The runtime's lock guards it.

    A name for which a connector would be created is contained in it; what `get` gives for one is kept from the moment
    at which a request to it is let in.
    """

    operations = EcmaConnector.operations
    """what is served below the `/scim` of a connector that there is not"""

    def __init__(
        self,
        host: Host,
        scenario: Scenario,
        clock: VirtualClock,
        chance: Chance,
        make_own: MakeOwn,
        kept: Kept | None = None,
    ) -> None:
        self._host = host
        self._on_demand: OnDemand | None = scenario.on_demand
        self._clock = clock
        self._chance = chance
        self._make_own = make_own
        self._kept = kept
        self._waiting: dict[str, Connector] = {}
        """created on demand, and not kept yet"""
        self.connectors: dict[str, Connector] = {}
        """all others"""
        self.own: dict[str, Own] = {}
        """rules and states of those that were created on demand, also while they are not kept"""
        self.configure(scenario)
        self._restore()

    def _restore(self) -> None:
        """Create those again that were created on demand and of which something is kept."""
        for name in () if self._kept is None or self._on_demand is None else self._kept.names():
            if name not in self.connectors and _NAME.fullmatch(name):
                self.connectors[name] = self._keep(self._create(name))

    def _keep(self, connector: Connector) -> Connector:
        """Have a connector's objects kept, if there is a folder for them."""
        if self._kept is not None and isinstance(connector, Keeps):
            connector.keep(self._kept)
        return connector

    def configure(self, scenario: Scenario) -> None:
        """Take over a changed scenario; call it after the host has."""
        self._drop_waiting(0)
        kept = {name: self.connectors[name] for name in self.on_demand}
        ecma = {
            name: self.connectors.get(name) or EcmaConnector(self._host, name) for name in self._host.systems
        }
        beside = {
            name: kinds.configured(
                page.kind,
                self.connectors.get(name),
                name=name,
                secret_token=page.secret_token,
                config=scenario.providers.get(name) or scenario.proxies.get(name),
                service=self._host,
                clock=self._clock,
                chance=self._chance,
            )
            for name, page in scenario.connectors.items()
            if page.kind in kinds.KINDS
        }
        before, self.connectors = self.connectors, {**ecma, **beside, **kept}
        for name, connector in beside.items():
            if before.get(name) is not connector:
                self._keep(connector)
        for name, connector in before.items():
            if self.connectors.get(name) is not connector:
                _close(connector)

    def separate(self) -> None:
        """Become a fork's own (`connectors.contract.Closes`)."""
        for connector in self.connectors.values():
            if isinstance(connector, Closes):
                connector.separate()

    def close(self) -> None:
        """Let go of what connectors hold outside of the process."""
        for connector in self.connectors.values():
            _close(connector)

    # -- looking up ---------------------------------------------------------------------------------------

    def __contains__(self, name: object) -> bool:
        assert isinstance(name, str)
        found = self.connectors.get(name)
        return self._can_create(name) if found is None else found.running

    def __iter__(self) -> Iterator[str]:
        return (name for name, connector in self.connectors.items() if connector.running)

    def get(self, name: str) -> Connector | None:
        """The connector of this name, if requests reach it."""
        found = self.connectors.get(name)
        if found is not None:
            return found if found.running else None
        return self._created(name) if self._can_create(name) else None

    def find(self, name: str) -> Connector:
        """The connector of this name, whether or not requests reach it. Raises UsageError with names near it."""
        found = self.connectors.get(name)
        if found is None:
            hint = did_you_mean(name, self.connectors)
            raise UsageError(f"there is no connector {name!r}", hint=hint)
        return found

    # -- on demand ----------------------------------------------------------------------------------------

    @property
    def on_demand(self) -> list[str]:
        """The names of those that were created on demand and are kept; may be asked for without the lock."""
        return [name for name in list(self.own) if name not in self._waiting]

    def keep(self, name: str) -> None:
        """A request to a connector that was created on demand was let in: from now on it stays."""
        waiting = self._waiting.pop(name, None)
        if waiting is not None:
            self.connectors[name] = self._keep(waiting)

    def reset(self, name: str) -> None:
        """Put a connector back to its start; with one that was created on demand, its rules, states and chance, too.

        Raises UsageError.
        """
        self.find(name).reset()
        if name in self.own:
            self.own.pop(name).states.end()
            self.connectors[name] = self._keep(self._create(name))

    def is_standard(self, name: str) -> bool:
        """Whether a connector of this name is, or would be, a SCIM service provider."""
        found = self.connectors.get(name)
        if found is None and self._can_create(name):
            found = self._template()
        return found is not None and found.standard

    def _template(self) -> Connector:
        assert self._on_demand is not None
        return self.connectors[self._on_demand.template]

    def _can_create(self, name: str) -> bool:
        wanted = self._on_demand
        return (
            wanted is not None
            and self._host.running
            and len(self.own) - len(self._waiting) < wanted.max
            and _NAME.fullmatch(name) is not None
        )

    def _created(self, name: str) -> Connector:
        """A connector that is kept as soon as a request to it is let in; few are remembered until then."""
        found = self._waiting.get(name)
        if found is None:
            self._drop_waiting(_MOST_WAITING - 1)
            found = self._waiting[name] = self._create(name)
        return found

    def _create(self, name: str) -> Connector:
        digest = self._chance.digest(f"tenant\0{name}", 0, 7)
        chance = Chance(int.from_bytes(digest, "big"))
        self.own[name] = self._make_own(name, chance)
        return self._template().on_demand(name, chance)

    def _drop_waiting(self, most: int) -> None:
        """Forget the oldest of those that are not kept."""
        while len(self._waiting) > most:
            name = next(iter(self._waiting))
            del self._waiting[name]
            self.own.pop(name).states.end()


def _close(connector: Connector) -> None:
    """Close a connector that can be closed (`connectors.contract.Closes`)."""
    if isinstance(connector, Closes):
        connector.close()
