"""The state of a running mock: all that changes while it runs, and that a reset replaces.

A fork copies it (`copying`), a reset begins another one. What belongs to the process stays outside, in the runtime:
sockets, threads, the lock, certificates, listeners to events. The journal stays there, too: a reset empties it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from mockhost import actions
from mockhost.actions import Actions
from mockhost.clock import Chance, Job, VirtualClock
from mockhost.connectors import kinds
from mockhost.connectors.ecma.config import ConnectorConfig
from mockhost.connectors.ecma.host import Host
from mockhost.journal.secrets import tokens_in
from mockhost.rules import Rules, States
from mockhost.runtime.served import Own, Served
from mockhost.scenario.model import Moment, Scenario
from mockhost.slices import Steps

if TYPE_CHECKING:
    from mockhost.connectors.kept import Kept
    from mockhost.entra.agent import Agent
    from mockhost.windows.machine import Machine


class Portal(Protocol):
    """The portal with the application in Entra that provisions to the host."""

    def fork(self) -> dict[int, object]:
        """What a copy of the portal has instead of parts of it, by identity."""

    def agent(self) -> Agent:
        """The first agent, as it says itself; a sound one where there is none."""

    def perform(self, step: object, *, patience: float, is_confined: bool) -> dict[str, Any]:
        """Do a step; its result."""


class Happens(Protocol):
    """Who makes things happen that the state says: the runtime."""

    def happen(self, moment: Moment) -> None:
        """A moment of the timeline has come."""

    def perform(self, found: Actions) -> None:
        """Perform what a state or a rule has happen."""

    def begin_outside(self, system: object, steps: Steps[object]) -> object:
        """Have something done with a system outside of the process, without the lock."""


class State:
    """The state in which a scenario says that the host is, and whatever has become of it. The runtime's lock guards it.

    `begin` starts the service and the states; until then nothing has happened.
    """

    def __init__(
        self, scenario: Scenario, by: Happens, kept: Kept | None = None, *, is_fork: bool = False
    ) -> None:
        self._by = by
        self.loaded = scenario
        self.scenario = scenario
        """the scenario with whatever was set since"""
        clock = scenario.clock
        self.clock = VirtualClock(clock.mode, speed=clock.speed, start=clock.start)
        """the virtual time, and what is due when"""
        self.host = Host(
            scenario.host,
            _of_host(scenario),
            self.clock,
            scenario.seed,
            kept,
            is_fork=is_fork,
            outside=by.begin_outside,
        )
        """configured and effective settings, the connectors' spaces, and the systems behind them"""
        self.states = States(scenario.states, scenario.connector_states, self.clock, by.perform)
        self.rules = Rules(scenario.rules, Chance(scenario.seed), self.states, self.clock.now())
        """the file's and live ones, with their counts, and what their faults remember"""
        self.served = Served(self.host, scenario, self.clock, self.host.chance, self._own_rules, kept)
        self.refusing: Job | None = None
        """due when the port is open again that a fault closed"""
        self.cured: bool | None = None
        """whether nothing was wrong any more when that was last checked; None: not checked since the last reset"""
        self.was_cured = False
        self.machine: Machine | None = None
        """the Windows server around the host, from when it is first needed"""
        self.began = self.clock.now()
        self.portal: Portal | None = None
        """from when it is first needed; the runtime's `portal_lock` guards it"""

    def begin(self) -> None:
        """Start the clock's timeline, the service, and what the initial states say."""
        start = self.clock.now()
        for moment in self.scenario.timeline:
            self.clock.schedule(start + moment.at, partial(self._by.happen, moment), "timeline")
        machine = self.machine
        if self.scenario.host.service == "running" and (machine is None or machine.may_begin()):
            self.host.start(first=True)
            if machine is not None:
                machine.catch_up()
        self.states.begin()

    def start(self) -> None:
        """Start the service, unless it runs. Raises CannotRun where the server around it does not let it."""
        if self.host.running:
            return
        if self.machine is not None:
            self.machine.starting()
        self.host.start()
        if self.machine is not None:
            self.machine.catch_up()

    def stop(self) -> None:
        """Stop the service."""
        self.host.stop()
        if self.machine is not None:
            self.machine.catch_up()

    def configure(self, scenario: Scenario) -> bool:
        """Go on with a changed scenario; True if something of it waits for the service's next start."""
        before, self.scenario = self.scenario, scenario
        later = self.host.configure(scenario.host, _of_host(scenario))
        self.served.configure(scenario)
        if self.machine is not None:
            self.machine.follow(before, scenario)
        if scenario.rules != before.rules:
            for rules in self.all_rules():
                rules.replace_file(scenario.rules, self.clock.now())
        return later

    def _own_rules(self, name: str, chance: Chance) -> Own:
        """Rules and states for a connector that is created on demand: those of the scenario, from their start."""
        scenario = self.scenario
        template = "" if scenario.on_demand is None else scenario.on_demand.template
        own = scenario.connector_states.get(template)
        states = States(scenario.states, {} if own is None else {name: own}, self.clock, self._by.perform)
        rules = Rules(scenario.rules, chance, states, self.clock.now())
        for rule in reversed([rule for rule in self.rules if rule.live]):
            rules.add(rule, self.clock.now())
        for switched_off in self.rules.off:
            rules.switch(switched_off, on=False)
        return Own(rules, states)

    # -- what is there -----------------------------------------------------------------------------------------

    @property
    def accepting(self) -> bool:
        """Whether the data plane's port is open."""
        return self.host.running and self.refusing is None

    def all_rules(self) -> list[Rules]:
        """The host's rules, and those of connectors that were created on demand."""
        return [self.rules, *(own.rules for own in self.served.own.values())]

    def all_states(self) -> list[States]:
        """The host's states, and those of connectors that were created on demand and are kept."""
        return [self.states, *(self.served.own[name].states for name in self.served.on_demand)]

    def rules_of(self, connector: str | None) -> Rules:
        """The rules that count for a connector: the host's, unless it was created on demand and has its own."""
        own = self.served.own.get(connector or "")
        return self.rules if own is None else own.rules

    def states_of(self, connector: str | None) -> States:
        """The same for states."""
        own = self.served.own.get(connector or "")
        return self.states if own is None else own.states

    def secrets(self) -> list[str]:
        """What must not be shown.

        Tokens of connectors, those that clients were told, values of the environment, and passwords on the server.
        """
        scenario = self.scenario
        tokens = [page.secret_token for page in scenario.connectors.values()]
        told = [
            str(client["secret_token"]) for client in scenario.client.values() if client.get("secret_token")
        ]
        said: Iterable[object] = (
            [rule.document for rule in scenario.rules],
            [actions.written(each) for each in scenario.actions],
        )
        tokens += [proxy.token for proxy in scenario.proxies.values() if proxy.token is not None]
        machine = scenario.machine if self.machine is None else self.machine.config
        if machine is not None:
            tokens += [machine.connection(name).password for name in scenario.connectors]
        return [*tokens, *told, *(token for each in said for token in tokens_in(each)), *scenario.secrets]


def _of_host(scenario: Scenario) -> dict[str, ConnectorConfig]:
    """The connectors that are the ECMA host's own."""
    return {name: page for name, page in scenario.connectors.items() if page.kind not in kinds.KINDS}
