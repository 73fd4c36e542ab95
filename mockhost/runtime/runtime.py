"""One running mock, without sockets: the host, its clock, rules and journal, and the operations on all of them.

This is the only module that knows all the rooms below the speakers. Everything that changes state happens under
`lock`; the longest holder is a query over all objects. A reset opens a new *epoch*: what still hangs on a
connection of an older one may answer nothing and write nothing.
"""

from __future__ import annotations

import itertools
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from mockhost import actions
from mockhost.actions import Actions
from mockhost.clock import Chance, Job, VirtualClock, fresh_key, iso
from mockhost.connectors import kinds
from mockhost.connectors.contract import Connector
from mockhost.connectors.ecma.config import ConnectorConfig
from mockhost.connectors.ecma.host import Host
from mockhost.errors import MockhostError, UsageError, did_you_mean
from mockhost.faults.contract import Context, Draft
from mockhost.faults.plan import SERVE, ConnectionPlan
from mockhost.journal import Connection, EventBus, Exchange, Journal, VerifyResult
from mockhost.journal.limits import NAME, clipped
from mockhost.journal.tokens import tokens_in
from mockhost.public_url import PublicUrl
from mockhost.rules import Decision, Rule, Rules, States
from mockhost.rules.reply import with_functions, without_functions
from mockhost.rules.rule import parse as parse_rule
from mockhost.running import ClientTarget
from mockhost.runtime import names
from mockhost.runtime.served import Own, Served
from mockhost.scenario import loader
from mockhost.scenario.layers import hidden
from mockhost.scenario.model import SETTABLE, SETTABLE_HINT, Moment, Scenario
from mockhost.scenario.sources import NOTHING, OPERATOR, Network, Opened, Source
from mockhost.slices import Steps
from mockhost.tls.serving import Certificates

if TYPE_CHECKING:
    from mockhost.rules.nearmiss import NearMiss

LAST_MOMENT = 253_402_300_799.0
"""9999-12-31T23:59:59Z, the last second that dates are written for."""
MOST_IMPORTS = 100_000
"""How many autosync runs one `advance` may stand for."""
MOST_STATES = 100_000
"""How many transitions between states one `advance` may stand for."""


READ_AT_ONCE = 200
"""Objects of a connector that are read without letting go of the lock."""
PAUSE = 0.0001
"""Seconds between the slices of long work, so that other threads get their turn."""
_OLDER: Final = "the connection is of an older epoch"
T = TypeVar("T")


class Cut(MockhostError):
    """The connection belongs to an epoch that is over: nothing may be answered on it."""


class Epoch:
    """The time between two resets."""

    __slots__ = ("connections", "cut", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.cut = threading.Event()
        self.connections = itertools.count(1)
        """gives each connection of the epoch its place"""


class Listener(Protocol):
    """What the runtime asks of the data plane's sockets."""

    def open(self) -> None: ...
    def close(self, spared: object = None) -> None: ...
    def close_connections(self) -> None: ...
    def close_idle(self) -> None: ...
    def release(self) -> int: ...


class Admission(NamedTuple):
    """What a connection carries: the epoch in which it was opened, and its place in the journal."""

    epoch: Epoch
    record: Connection
    nth: int
    """which connection of its epoch it is, from 1"""


class Runtime:
    """One running mock. `address` gives the base of its URLs once a listener is bound."""

    def __init__(self, scenario: Scenario, certificates: Certificates, opened: Opened = NOTHING) -> None:
        self.lock = threading.RLock()
        self.network = Network(opened)
        """the source of whatever came over the control plane: what it may name"""
        self.events = EventBus()
        self.certificates = certificates
        self.listener: Listener | None = None
        self.address: tuple[str, int] = ("localhost", 8585)
        self.public_url: PublicUrl | None = None
        """what clients reach this mock by, where that is not its address"""
        self.journal = Journal(key=fresh_key())
        self.loaded = scenario
        self.scenario = scenario
        """the scenario with whatever was set since"""
        self.epoch = Epoch(0)
        self.clock: VirtualClock
        self.host: Host
        self.rules: Rules
        self.states: States
        self.served: Served
        self._refusing: Job | None = None
        self.checking = threading.Lock()
        """held by who plays the scenario's steps on forks: one at a time"""
        self.cured: bool | None = None
        """whether nothing was wrong any more when that was last checked; None: not checked since the last reset"""
        self._was_cured = False
        self._private: set[str] = set()
        """secrets that neither scenario nor rules hold, such as the control plane's token"""
        self._is_fork = False
        self._spared: object = None
        """the connection of an exchange that makes things happen, while it does"""
        self._ticker = _Ticker(self)
        self._begin(scenario)

    # -- epochs ----------------------------------------------------------------------------------------------

    def _begin(self, scenario: Scenario) -> None:
        """A fresh start with a scenario: the state in which it says the host is."""
        old = getattr(self, "clock", None)
        if old is not None:
            self.host.stop()
            self._close_systems()
        self.loaded = self.scenario = scenario
        clock = scenario.clock
        self.clock = VirtualClock(clock.mode, speed=clock.speed, start=clock.start)
        self.host = Host(scenario.host, _of_host(scenario), self.clock, scenario.seed)
        self._refusing = None
        self.cured, self._was_cured = None, False
        self.states = States(scenario.states, scenario.connector_states, self.clock, self._perform)
        self.rules = Rules(scenario.rules, Chance(scenario.seed), self.states, self.clock.now())
        self.served = Served(self.host, scenario, self.clock, self.chance, self._own_rules)
        self._learn()
        self.certificates.clock = self.clock
        try:
            self.certificates.configure(scenario.host.tls)
        except UsageError as error:  # a name in it may come from the environment
            secrets = self.journal.sink.secrets
            raise UsageError(hidden(error.message, secrets), hint=hidden(error.hint, secrets)) from None
        start = self.clock.now()
        for moment in scenario.timeline:
            self.clock.schedule(start + moment.at, partial(self._happen, moment), "timeline")
        if scenario.host.service == "running":
            self.host.start(first=True)
        self.states.begin()

    def keep_secret(self, *secrets: str) -> None:
        """Have these texts redacted wherever something is shown, until the host ends."""
        with self.lock:
            self._private.update(secrets)
            self._learn()

    def _learn(self) -> None:
        """Tell the journal what is secret now, in the scenario and beside it."""
        self.journal.secrets = [*self._private, *_secrets(self.scenario)]

    def _own_rules(self, name: str, chance: Chance) -> Own:
        """Rules and states for a connector that is created on demand: those of the scenario, from their start."""
        scenario = self.scenario
        template = "" if scenario.on_demand is None else scenario.on_demand.template
        own = scenario.connector_states.get(template)
        states = States(scenario.states, {} if own is None else {name: own}, self.clock, self._perform)
        rules = Rules(scenario.rules, chance, states, self.clock.now())
        for rule in reversed([rule for rule in self.rules if rule.live]):
            rules.add(rule, self.clock.now())
        return Own(rules, states)

    def _happen(self, moment: Moment) -> None:
        """A moment of the timeline has come. If an action is impossible by now, an event says so; the clock goes on."""
        try:
            actions.perform(moment.actions, self)
        except MockhostError as error:
            self.tell("timeline", {"after": moment.at, "problem": str(error)})

    def _perform(self, found: Actions) -> None:
        """Perform what a state or a rule has happen. If that is impossible by now, an event says so."""
        try:
            actions.perform(found, self)
        except MockhostError as error:
            self.tell("happening", {"what": actions.written(found), "problem": str(error)})

    def come_true(self, decision: Decision, connection: object = None) -> None:
        """What a rule has happen once its exchange is over; call it under the lock.

        The answer on `connection` is still to be sent: if the service is stopped, this one ends after it.
        """
        self._spared = connection
        try:
            for found in decision.follow:
                self._perform(found)
        finally:
            self._spared = None

    def reset(self) -> None:
        """Back to the scenario as loaded: stores, clock, rules, journal, TLS, service. Opens a new epoch."""
        self.use(self.loaded)

    def use(self, scenario: Scenario) -> None:
        """Drop everything and begin with another scenario, on the same ports."""
        with self.lock:
            self.epoch.cut.set()
            self.epoch = Epoch(self.epoch.number + 1)
            if self.listener is not None:
                self.listener.close_connections()
            self._begin(scenario)
            self.journal.clear(self.epoch.number)
            self._follow_service()
        self._ticker.wake()
        self.tell("reset", {"epoch": self.epoch.number, "scenario": scenario.name})

    def fork(self) -> Runtime:
        """Another mock in the same state, without sockets and listeners to its events: what happens to it stays in it.

        It costs what was changed since the start, not what there is.
        """
        from mockhost.runtime.copying import Copier

        with self.lock:
            twin = object.__new__(Runtime)
            epoch, certificates = Epoch(self.epoch.number), self.certificates.fork()
            instead: dict[int, object] = {
                id(self): twin,
                id(self.epoch): epoch,
                id(self.events): EventBus(),
                id(self.certificates): certificates,
                **{
                    id(mine): None for mine in (self.listener, self._spared, self._ticker) if mine is not None
                },
            }
            copy = Copier(instead)
            for name, value in vars(self).items():
                setattr(twin, name, copy(value))
            epoch.connections = copy(self.epoch.connections)
        twin._ticker = _Ticker(twin)
        twin._is_fork = True
        certificates.clock = twin.clock
        return twin

    def opened(self, number: int, peer: str) -> Admission:
        """A connection begins; what it is given lets its exchanges in until the next reset."""
        epoch = self.epoch
        record = Connection(number=number, at=self.clock.now(), peer=peer, epoch=epoch.number)
        self.journal.opened(record)
        return Admission(epoch, record, next(epoch.connections))

    def meet(self, admission: Admission) -> ConnectionPlan:
        """What a connection that was just accepted is met with, by the first rule on connections that applies."""
        if not self.rules.has_on_connections:
            return SERVE
        with self.lock:
            if admission.epoch is not self.epoch:
                return SERVE
            self.clock.run_due()
            accepted = Exchange(
                at=self.clock.now(),
                method="",
                target="",
                operation="",
                verdict="",
                connection_nth=admission.nth,
                states=self.states.current(None),
            )
            decision = self.rules.meet(accepted, self.clock.now())
            if decision is None:
                return SERVE
            admission.record.rule = clipped(decision.rule.name, NAME)
            plan = SERVE
            for place, chosen in enumerate(decision.step.faults):
                fault = chosen.fault
                assert fault.connection is not None
                if fault.group == "tls" and self.certificates.plain_http:
                    continue  # there is no handshake that could go wrong
                plan = fault.connection(chosen.parameters)
                if fault.host is not None:
                    try:
                        fault.host(chosen.parameters, self.context(decision, place, accepted, _no_words))
                    except MockhostError as error:  # what a scenario says of objects may no longer be so
                        self.tell("happening", {"what": fault.name, "problem": str(error)})
            self.come_true(decision)
            return plan

    def context(
        self,
        decision: Decision,
        place: int,
        asked: Exchange,
        error: Callable[[int, str, str | None], Draft],
    ) -> Context:
        """What the fault at a place of a rule's list may ask."""
        served = self.served.get(asked.connector or "")
        return Context(
            asked=asked,
            connector=self.host.connectors.get(asked.connector or ""),
            behaviours=self.host.behaviours if served is None else served.behaviours,
            standard=served is not None and served.standard,
            operator=self,
            now=self.clock.now(),
            chance=self.chance,
            name=f"{decision.rule.name}\0{place}",
            ordinal=decision.ordinal,
            memory=decision.course.remembered(place),
            error=error,
        )

    @property
    def chance(self) -> Chance:
        """Chance under the scenario's seed."""
        return self.host.chance

    def exchange(self, admission: Admission, steps: Steps[T]) -> T:
        """Run the steps of an exchange, each under the lock; what they yield is performed in between, outside of it.

        What the work returns or raises goes back to the steps. Raises Cut if the connection is of an older epoch, also
        while work is under way: then nothing of the exchange is written.
        """
        with self.lock:
            if admission.epoch is not self.epoch:
                raise Cut(_OLDER)
            admission.record.exchanges += 1
            try:
                work = next(steps)
            except StopIteration as over:
                return over.value  # type: ignore[no-any-return]
        while True:
            outcome: object = None
            problem: Exception | None = None
            try:
                outcome = work(lambda: self._pause(admission))
            except Cut:
                raise
            except Exception as error:
                problem = error
            with self.lock:
                if admission.epoch is not self.epoch:
                    raise Cut(_OLDER)
                try:
                    work = steps.send(outcome) if problem is None else steps.throw(problem)
                except StopIteration as over:
                    return over.value  # type: ignore[no-any-return]

    def _pause(self, admission: Admission) -> None:
        """Let other threads go first for a moment. Raises Cut if the epoch is over."""
        if admission.epoch.cut.wait(PAUSE):
            raise Cut(_OLDER)

    def record(self, exchange: Exchange) -> None:
        """Write an exchange into the journal and publish it; call it under the lock."""
        exchange.epoch = self.epoch.number
        self.journal.add(exchange)
        if self.events.listening:
            self.events.publish("exchange", exchange)

    # -- time ------------------------------------------------------------------------------------------------

    def start_ticking(self) -> None:
        """Have due jobs run by themselves while the clock runs by itself (`serve`)."""
        self._ticker.start()

    def wake(self) -> None:
        """Look again at what is due when: something was scheduled."""
        self._ticker.wake()

    def close(self) -> None:
        """End the ticker and every event stream."""
        self.epoch.cut.set()
        self._ticker.stop()
        self.events.close()
        with self.lock:
            self._close_systems()

    def _close_systems(self) -> None:
        """Let go of the connected systems; those of a fork that are outside of the process are not its own."""
        if not self._is_fork:
            self.host.close()

    def advance(self, seconds: float) -> float:
        """Move the virtual clock on; returns its time. Certificates age with it."""
        if not 0 <= seconds < float("inf"):
            raise UsageError("a clock can be moved on only", hint="give a duration such as 4m")
        with self.lock:
            self._check_advance(seconds)
            self.clock.advance(seconds)
            if self.certificates.refresh() and self.listener is not None:
                self.listener.close_idle()
            moment = self.clock.now()
        self._ticker.wake()
        self.tell("clock", {"now": iso(moment), "advanced": seconds})
        return moment

    def _check_advance(self, seconds: float) -> None:
        """Refuse a jump in which too much would happen. Raises UsageError."""
        if self.clock.now() + seconds > LAST_MOMENT:
            raise UsageError("the virtual clock ends with the year 9999", hint="advance by less")
        intervals = (
            c.config.imports.every for c in self.host.connectors.values() if c.config.imports.profiles
        )
        imports = sum(seconds / every for every in intervals if every)
        if imports > MOST_IMPORTS:
            hint = "advance by less at a time, or set import.every to never"
            raise UsageError(f"about {imports:,.0f} imports would run in that time", hint=hint)
        own = [self.served.own[name].states for name in self.served.on_demand]
        transitions = sum(states.steps_in(seconds) for states in (self.states, *own))
        if transitions > MOST_STATES:
            hint = "advance by less at a time, or have the states last longer"
            raise UsageError(f"about {transitions:,.0f} states would follow in that time", hint=hint)

    # -- the service -----------------------------------------------------------------------------------------

    def service(self, action: str) -> None:
        """`start`, `stop` or `restart` Microsoft ECMA2Host. Raises UsageError for anything else."""
        if action not in ("start", "stop", "restart"):
            raise UsageError(f"no such action: {action!r}", hint="start, stop or restart")
        with self.lock:
            if action in ("stop", "restart"):
                self.host.stop()
                if self.listener is not None:
                    self.listener.close(self._spared)
            if action in ("start", "restart"):
                self.host.start()
            self._follow_service()
        self._ticker.wake()
        self.tell("service", {"action": action, "service": "running" if self.host.running else "stopped"})

    def refuse(self, seconds: float) -> None:
        """Close the port for so many virtual seconds; the connections there are, are cut."""
        with self.lock:
            if self._refusing is not None:
                self._refusing.cancel()
            self._refusing = self.clock.schedule(self.clock.now() + seconds, self._accept_again, "refuse")
            self._follow_service()
        self._ticker.wake()
        self.tell("refuse", {"seconds": seconds})

    def _accept_again(self) -> None:
        self._refusing = None
        self._follow_service()

    def checked(self, cured: bool, epoch: int) -> None:
        """Keep whether nothing is wrong any more; the first time in an epoch that it is so, an event says so."""
        with self.lock:
            if epoch != self.epoch.number:
                return
            first = cured and not self._was_cured and self.scenario.cause is not None
            self.cured = cured
            self._was_cured = self._was_cured or cured
        if first:
            self.tell("cured", {"scenario": self.scenario.name, "cause": self.scenario.cause})

    def release(self) -> int:
        """Let every answer that hangs go on; how many there were."""
        count = 0 if self.listener is None else self.listener.release()
        self.tell("release", {"released": count})
        return count

    @property
    def accepting(self) -> bool:
        """Whether the data plane's port is open."""
        return self.host.running and self._refusing is None

    def _follow_service(self) -> None:
        if self.listener is None:
            return
        if self.accepting:
            self.listener.open()
        else:
            self.listener.close()

    def import_now(self, name: str, profile: str = "full") -> None:
        """Begin an import run. Raises UsageError for an unknown connector or profile."""
        if profile not in ("full", "delta"):
            raise UsageError(f"no such run profile: {profile!r}", hint="full or delta")
        with self.lock:
            self.served.find(name).import_now(profile)
        self._ticker.wake()
        self.tell("import", {"connector": name, "profile": profile})

    def change(self, changes: Mapping[str, object]) -> int:
        """Change connected systems behind the host's back, all or none; how many objects it touched."""
        return sum(self.change_each(changes).values())

    def change_each(self, changes: Mapping[str, object]) -> dict[str, int]:
        """The same; how many objects it touched of each connector."""
        with self.lock:
            found: list[tuple[Connector, Mapping[str, object]]] = []
            for name, change in changes.items():
                connector = self.served.find(name)
                if not isinstance(change, Mapping) or not change:
                    raise UsageError(f"{name}: a change is a map of insert, update and delete")
                connector.check_change(change)
                found.append((connector, change))
            touched = {connector.name: connector.change(change) for connector, change in found}
        self.tell("change", {"connectors": list(changes), "objects": sum(touched.values())})
        return touched

    def set(self, path: str, value: object, source: Source = OPERATOR) -> dict[str, object]:
        """Set one value of the scenario by its path, live. Raises ScenarioError if the result is no scenario.

        source: whose word it is, which decides what it may name.
        Returns {path, applied}: `now`, or `at restart` for what the service reads when it starts. Raises UsageError
        for what counts only when a scenario begins.
        """
        path = path.removeprefix("$.")
        if path.partition(".")[0] not in SETTABLE:
            raise UsageError(f"{path} can't be set while the host runs", hint=SETTABLE_HINT)
        kind, name, *inner = [*path.split("."), "", ""]
        if kind in ("connectors", "client") and any(inner) and name not in self.scenario.connectors:
            hint = did_you_mean(name, self.scenario.connectors)
            raise UsageError(f"{path}: there is no connector {name!r}", hint=hint)
        with self.lock:
            changed = loader.with_overrides(self.scenario, {path: value}, source=source)
            before, self.scenario = self.scenario, changed
            later = self.host.configure(changed.host, _of_host(changed))
            self.served.configure(changed)
            self._learn()
            if changed.rules != before.rules:
                for rules in self.all_rules():
                    rules.replace_file(changed.rules, self.clock.now())
            if path in ("host", "host.tls") or path.startswith("host.tls."):
                self.certificates.configure(changed.host.tls)
                if self.listener is not None:
                    self.listener.close_idle()
            if (changed.host.service == "running") is not self.host.running and path in (
                "host",
                "host.service",
            ):
                self.service("start" if changed.host.service == "running" else "stop")
        applied = "at restart" if later else "now"
        self.tell("set", {"path": path, "applied": applied})
        return {"path": path, "applied": applied}

    # -- what people and tests look at -------------------------------------------------------------------------

    def status(self) -> dict[str, object]:
        """Configured beside effective, connectors, clock and certificate, as plain JSON."""
        with self.lock:
            return {
                "scenario": self.scenario.name,
                "title": self.scenario.title,
                "epoch": self.epoch.number,
                "service": {
                    "configured": self.scenario.host.service,
                    "effective": "running" if self.host.running else "stopped",
                },
                "restart_pending": self.host.pending(),
                "configured": self.host.settings(effective=False),
                "effective": self.host.settings(effective=True),
                "connectors": self.connector_states(),
                "states": self.state_names(),
                "clock": self.clock_state(),
                "tls": self.certificates.describe(),
            }

    def clock_state(self) -> dict[str, object]:
        """The virtual clock: mode, speed, time, and when the next job is due."""
        due = self.clock.next_due()
        return {
            "mode": self.clock.mode,
            "speed": self.clock.speed,
            "now": iso(self.clock.now()),
            "next_due": None if due is None else iso(due),
        }

    def connector_states(self) -> dict[str, dict[str, object]]:
        """What each connector is doing, as plain JSON."""
        return {name: connector.state() for name, connector in self.served.connectors.items()}

    def reset_connector(self, name: str) -> None:
        """Put one connector back to the objects and states it began with; its exchanges leave the journal.

        Rules are the host's, and stay where they are; one that was created on demand has its own, which start again.
        Raises UsageError.
        """
        with self.lock:
            self.served.reset(name)
            if name not in self.served.own:
                self.states.restart(name)
            self.journal.forget(name)
        self._ticker.wake()
        self.tell("reset", {"epoch": self.epoch.number, "connector": name})

    def all_rules(self) -> list[Rules]:
        """The host's rules, and those of connectors that were created on demand."""
        return [self.rules, *(own.rules for own in self.served.own.values())]

    def objects(self, name: str) -> list[dict[str, object]]:
        """The objects of the target application behind a connector."""
        return self._read(name, lambda connector: connector.objects())

    def cache(self, name: str) -> list[dict[str, object]]:
        """What a connector answers queries from, as `/cache` shows it."""
        return self._read(name, lambda connector: connector.cached(self._base_url(name)))

    def _read(
        self, name: str, what: Callable[[Connector], Iterator[dict[str, object]]]
    ) -> list[dict[str, object]]:
        """What a connector holds, read in slices between which others have the lock."""
        with self.lock:
            items = what(self.served.find(name))
        found: list[dict[str, object]] = []
        while True:
            with self.lock:
                some = list(itertools.islice(items, READ_AT_ONCE))
            found += some
            if len(some) < READ_AT_ONCE:
                return found

    def verify(self, spec: Mapping[str, object]) -> VerifyResult:
        """Check an assertion over the journal. Raises UsageError for one that names what does not exist."""
        names.check(spec, self._known())
        return self.journal.verify(spec)

    def _known(self) -> names.Known:
        """What rules and assertions may name; what the journal has counts too, such as a rule that was removed."""
        entries = self.journal.entries()
        known = names.of_scenario(self.scenario)
        connectors = {*self.truth(), *self.told(), *(e.connector for e in entries if e.connector)}
        return known._replace(
            connectors=None if known.connectors is None else connectors,
            rules={*(rule.name for rule in self.rules), *(e.rule for e in entries if e.rule)},
            states=names.states_of(self.rules),
        )

    def near_miss(self, exchange: Exchange) -> NearMiss | None:
        """What the rules made of an exchange of the journal, and which came closest; None where there were none."""
        from mockhost.rules.nearmiss import near_miss

        return near_miss(exchange, self.journal.sink)

    def missed(self, exchange: Exchange) -> str:
        """One line about the rule that came close to an exchange and did not apply; empty where none asks for such."""
        if exchange.rule is not None or not exchange.considered:
            return ""
        found = self.near_miss(exchange)
        if found is None or found.closest is None or found.closest.condition in ("operation", "connector"):
            return ""
        return found.text

    def add_rule(self, document: Mapping[str, object], source: Source = OPERATOR) -> str:
        """Put a live rule before all others; its name. Raises UsageError if it is no rule.

        source: whose it is, which decides what it may name.
        """
        plain, functions = without_functions(document)
        rule: Rule | None = loader.live_rule(plain, self.scenario, source)
        if functions and rule is not None:
            rule = parse_rule(with_functions(rule.document, functions), live=True)
        assert rule is not None
        names.check(rule.document.get("when") or {}, self._known())
        with self.lock:
            self.journal.remember(tokens_in(rule.document))
            for rules in self.all_rules():
                rules.add(rule, self.clock.now())
            return rule.name

    def rule_documents(self, connector: str | None = None) -> list[dict[str, object]]:
        """The rules in the order in which they are tried, as plain JSON; those of a connector that has its own."""
        with self.lock:
            own = self.served.own.get(connector or "")
            return (self.rules if own is None else own.rules).documents()

    def remove_rule(self, name: str) -> bool:
        """Take a live rule away; False if there is none of this name."""
        with self.lock:
            return any([rules.remove(name) for rules in self.all_rules()])

    def clear_rules(self) -> None:
        """Take every live rule away."""
        with self.lock:
            for rules in self.all_rules():
                rules.clear()

    def set_state(self, name: str, connector: str | None = None) -> None:
        """Put the host, or a connector that has this state, into a state. Raises UsageError."""
        with self.lock:
            actions.perform(self.states_of(connector).enter(name, connector), self)
        self._ticker.wake()
        self.tell("state", {"states": self.state_names()})

    def states_of(self, connector: str | None) -> States:
        """The states that count for a connector: the host's, unless it was created on demand and has its own."""
        own = self.served.own.get(connector or "")
        return self.states if own is None else own.states

    def state_names(self) -> dict[str, object]:
        """The states that the host, and connectors with their own, are in, as plain JSON."""
        with self.lock:
            named = self.states.describe()
            own = {name: self.served.own[name].states.current(name)[-1] for name in self.served.on_demand}
            connectors = named["connectors"]
            assert isinstance(connectors, dict)
            return {**named, "connectors": {**connectors, **own}}

    # -- how clients get here -----------------------------------------------------------------------------------

    def _base_url(self, name: str) -> str:
        if self.public_url is not None:
            return f"{self.public_url}/ecma2host_{name}/scim"
        host, port = self.address
        scheme = "http" if self.scenario.host.tls.mode == "plain_http" else "https"
        return f"{scheme}://{host}:{port}/ecma2host_{name}/scim"

    def truth(self) -> dict[str, ClientTarget]:
        """The host's own truth, by connector."""
        encrypted = self.scenario.host.tls.mode != "plain_http"
        ca_file = str(self.certificates.bundle_file) if encrypted else None
        with self.lock:
            pages = [(page.name, page.secret_token, page.kind) for page in self.scenario.connectors.values()]
            created = [self.served.connectors[name] for name in self.served.on_demand]
            pages += [(each.name, each.secret_token, each.kind) for each in created]
        return {
            name: ClientTarget(name, self._base_url(name), secret_token, ca_file, True, kind)
            for name, secret_token, kind in pages
        }

    def told(self) -> dict[str, ClientTarget]:
        """What the client was told, by connector: the truth, except where the scenario says otherwise."""
        targets = self.truth()
        for name, told in self.scenario.client.items():
            target = targets.get(name) or ClientTarget(name, self._base_url(name), "", None, True)
            if (token := told.get("secret_token")) is not None:
                target = target._replace(secret_token=str(token))
            if (url := told.get("tenant_url")) is not None:
                target = target._replace(url=self._tenant_url(str(url), target.url))
            trusts = told.get("trusts")
            if isinstance(trusts, (list, tuple)) and "ca" not in trusts:
                target = target._replace(ca_file=None, trusted=False)
            targets[name] = target
        return targets

    def _tenant_url(self, told: str, truth: str) -> str:
        host, port = (
            self.address if self.public_url is None else (self.public_url.url_host, self.public_url.port)
        )
        url = told.replace("{truth}", truth).replace("{port}", str(port)).replace("{host}", host)
        if url.startswith("/"):
            return truth[: truth.index("/", len("https://"))] + url
        return url

    def tell(self, kind: str, data: Mapping[str, object]) -> None:
        """Publish an event."""
        self.events.publish("state", {"what": kind, "at": iso(self.clock.now()), **data})


def _no_words(status: int, text: str, scim_type: str | None) -> Draft:
    """A refusal before there is a caller to refuse."""
    return Draft(status)


class _Ticker:
    """Runs due jobs while the virtual clock runs by itself."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._wake = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="mockhost-clock", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._ended = True
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def _run(self) -> None:
        while not self._ended:
            with self._runtime.lock:
                self._run_due()
                due = self._runtime.clock.next_due()
                wait = None if due is None else self._runtime.clock.wall_seconds_until(due)
            self._wake.wait(60.0 if wait is None else min(wait + 0.001, 60.0))
            self._wake.clear()

    def _run_due(self) -> None:
        try:
            self._runtime.clock.run_due()
        except Exception as error:
            # One job with a mistake of ours in it must not be the end of all others.
            frames = traceback.extract_tb(error.__traceback__)
            place = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}"
            self._runtime.events.publish("bug", {"error": f"{type(error).__name__}: {error}", "place": place})


def _of_host(scenario: Scenario) -> dict[str, ConnectorConfig]:
    """The connectors that are the ECMA host's own."""
    return {name: page for name, page in scenario.connectors.items() if page.kind not in kinds.KINDS}


def _secrets(scenario: Scenario) -> list[str]:
    """What must not be shown: the connectors' tokens, those that clients were told, and what the environment said."""
    tokens = [page.secret_token for page in scenario.connectors.values()]
    told = [str(client["secret_token"]) for client in scenario.client.values() if client.get("secret_token")]
    later = [actions.written(each) for each in scenario.actions]
    return [
        *tokens,
        *told,
        *tokens_in([rule.document for rule in scenario.rules]),
        *tokens_in(later),
        *scenario.secrets,
    ]
