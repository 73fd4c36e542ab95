"""One running mock, without sockets: its state, its journal, and what may be done to them.

This is the only module that knows all the rooms below the speakers. Everything that changes state happens under
`lock`; the longest holder is a query over all objects. A reset opens a new *epoch*: what still hangs on a
connection of an older one may answer nothing and write nothing.

Here is what actions, faults and exchanges do. What only the control plane and tests ask for is in `operations`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from mockhost import actions
from mockhost.actions import Actions
from mockhost.clock import Chance, VirtualClock, fresh_key, iso
from mockhost.connectors.contract import Connector, outside
from mockhost.connectors.ecma.host import Host
from mockhost.errors import MockhostError, UsageError, did_you_mean
from mockhost.journal import Connection, EventBus, Exchange, Journal
from mockhost.public_url import PublicUrl
from mockhost.rules import Decision
from mockhost.runtime.epochs import Admission, Cut, Epoch
from mockhost.runtime.outside import Outside, Task, wait
from mockhost.runtime.state import State
from mockhost.runtime.ticker import Ticker
from mockhost.scenario import loader
from mockhost.scenario.layers import hidden
from mockhost.scenario.model import SETTABLE, SETTABLE_HINT, Moment, Scenario
from mockhost.scenario.sources import NOTHING, OPERATOR, Network, Opened, Source
from mockhost.slices import Steps, performed
from mockhost.tls.serving import Certificates

if TYPE_CHECKING:
    from mockhost.connectors.kept import Kept
    from mockhost.windows.drive import Drive
    from mockhost.windows.machine import Machine, Shown

LAST_MOMENT = 253_402_300_799.0
"""9999-12-31T23:59:59Z, the last second that dates are written for."""
MOST_IMPORTS = 100_000
"""How many autosync runs one `advance` may stand for."""
MOST_STATES = 100_000
"""How many transitions between states one `advance` may stand for."""
PAUSE = 0.0001
"""Seconds between the slices of long work, so that other threads get their turn."""
_OLDER: Final = "the connection is of an older epoch"
T = TypeVar("T")


class Listener(Protocol):
    """What the runtime asks of the data plane's sockets."""

    def open(self) -> None: ...
    def close(self, spared: object = None) -> None: ...
    def close_connections(self) -> None: ...
    def close_idle(self) -> None: ...
    def release(self) -> int: ...


class Runtime:
    """One running mock. `address` gives the base of its URLs once a listener is bound."""

    def __init__(
        self,
        scenario: Scenario,
        certificates: Certificates,
        opened: Opened = NOTHING,
        drive: Drive | None = None,
        kept: Kept | None = None,
    ) -> None:
        self.kept = kept
        """where the objects of connectors in memory are kept, if they are"""
        self.drive = drive
        """where drive C: of the server around the host is, if it is in a folder"""
        self.network = Network(opened)
        """the source of whatever came over the control plane: what it may name"""
        self.journal = Journal(key=fresh_key())
        self.epoch = Epoch(0)
        self.address: tuple[str, int] = ("localhost", 8585)
        self.public_url: PublicUrl | None = None
        """what clients reach this mock by, where that is not its address"""
        self._private: set[str] = set()
        """secrets that neither scenario nor rules hold, such as the control plane's token"""
        self._is_fork = False
        self._connect(certificates)
        with self.waited():
            self._begin(scenario, again=False)

    def _connect(self, certificates: Certificates) -> None:
        """Make what belongs to the process: the lock, the listeners to events, the threads."""
        self.lock = threading.RLock()
        self.checking = threading.Lock()
        """held by who plays the scenario's steps on forks: one at a time"""
        self.portal_lock = threading.RLock()
        """held by who does something in the portal, which asks the host; taken before `lock`"""
        self.events = EventBus()
        self.certificates = certificates
        self.listener: Listener | None = None
        self._spared: object = None
        """the connection of an exchange that makes things happen, while it does"""
        self._ticker = Ticker(self)
        self._held = threading.Condition(self.lock)
        self.outside = Outside(self)

    # -- state -----------------------------------------------------------------------------------------------

    @property
    def scenario(self) -> Scenario:
        """The scenario with whatever was set since it began."""
        return self.state.scenario

    @property
    def clock(self) -> VirtualClock:
        """The virtual clock, from the last reset on."""
        return self.state.clock

    @property
    def host(self) -> Host:
        """The host, from the last reset on."""
        return self.state.host

    @property
    def chance(self) -> Chance:
        """Chance under the scenario's seed."""
        return self.state.host.chance

    def _begin(self, scenario: Scenario, *, again: bool) -> None:
        """A fresh start with a scenario. again: another one came before it."""
        self.state = State(scenario, self, self.kept, is_fork=self._is_fork)
        if self.kept is not None:
            self.kept.check_names()
        self._learn()
        self.certificates.clock = self.state.clock
        try:
            self.certificates.configure(scenario.host.tls)
        except UsageError as error:  # a name in it may come from the environment
            secrets = self.journal.sink.secrets
            raise UsageError(hidden(error.message, secrets), hint=hidden(error.hint, secrets)) from None
        if scenario.machine is not None or self.drive is not None:
            self.around(again=again)
        if again:  # before anything happens in the new epoch
            self.journal.clear(self.epoch.number)
            self.tell("reset", {"epoch": self.epoch.number, "scenario": scenario.name})
        self.state.begin()

    def first_look(self) -> Machine:
        """The Windows server around the host, made now if need be without keeping the lock for long."""
        with self.lock:
            waiting = [] if self.state.machine is not None else self.state.host.backlog.exchanges()
        if not waiting:
            with self.lock:
                return self.around()
        from mockhost.windows.machine import without_secrets

        shown = without_secrets(waiting, self.journal)
        with self.lock:
            return self.around(shown=shown)

    def around(self, *, again: bool = True, shown: Shown | None = None) -> Machine:
        """The Windows server around the host, made when it is first needed; call it under the lock.

        again: whether a folder that is drive C: gets the scenario's files also where it has them, edited, already.
        """
        state = self.state
        if state.machine is None:
            from mockhost.windows.config import MachineConfig
            from mockhost.windows.machine import Machine

            config = state.scenario.machine or MachineConfig()
            if state.portal is not None or state.scenario.entra.get("agents"):
                from mockhost.runtime import agents

                agent = agents.first(state.scenario.entra) if state.portal is None else state.portal.agent()
                config = agents.configured(config, agent)
            state.machine = Machine(config, self, self.drive, again=again, shown=shown or {})
            self._learn()
        return state.machine

    def reset(self) -> None:
        """Back to the scenario as loaded: stores, clock, rules, journal, TLS, service. Opens a new epoch."""
        with self.waited(), self.lock:
            self.use(self.state.loaded)

    def use(self, scenario: Scenario) -> None:
        """Drop everything and begin with another scenario, on the same ports. What is kept is emptied.

        Raises CannotRun, before anything is dropped, where that can't be emptied.
        """
        with self.waited(), self.lock:
            if self.kept is not None:
                self.kept.forget()
            over, self.epoch = self.epoch, Epoch(self.epoch.number + 1)
            if self.listener is not None:
                self.listener.close_connections()  # first: what breaks off now has no answer
            over.cut.set()
            self.outside.drop()
            self.state.host.stop()
            self._close_systems()
            self._begin(scenario, again=True)
            self._follow_service()
            self.wake()

    def fork(self) -> Runtime:
        """Another mock in the same state, without sockets and listeners to its events: what happens to it stays in it.

        It costs what was changed since the start, not what there is; a database or a directory of the mock's own is
        copied whole. Raises CannotRun.
        """
        from mockhost.runtime.copying import Copier

        twin = object.__new__(Runtime)
        with self.portal_lock, self.lock:
            machine, portal = self.state.machine, self.state.portal
            instead: dict[int, object] = {id(self): twin}
            if self.kept is not None:  # what happens to the twin is not kept
                instead |= dict.fromkeys(map(id, (self.kept, *self.kept.stores.values())))
            twin.kept = None
            if portal is not None:
                instead |= portal.fork()
            copy = Copier(instead | ({} if machine is None else machine.fork()))
            twin.drive = None if machine is None else copy(machine.drive)
            twin.network, twin.address, twin.public_url = self.network, self.address, self.public_url
            twin.journal, twin.state, twin._private = map(copy, (self.journal, self.state, self._private))
            twin.epoch = Epoch(self.epoch.number, copy(self.epoch.connections))
            twin._is_fork = True
            twin._connect(self.certificates.fork())
            twin.certificates.clock = twin.state.clock
        try:
            twin.state.host.separate()
        except BaseException:
            twin.certificates.close()
            raise
        twin.state.served.separate()
        with twin.lock:
            twin.state.host.begin_again()
        return twin

    def keep_secret(self, *secrets: str) -> None:
        """Have these texts redacted wherever something is shown, until the host ends."""
        with self.lock:
            self._private.update(secrets)
            self._learn()

    def _learn(self) -> None:
        """Tell the journal what is secret now, in the scenario and beside it."""
        self.journal.secrets = [*self._private, *self.state.secrets()]

    def close(self) -> None:
        """End the ticker and every event stream."""
        self.epoch.cut.set()
        self.outside.drop()
        self._ticker.stop()
        self.events.close()
        with self.lock:
            self._close_systems()
            if self.kept is not None:
                self.kept.close()

    def _close_systems(self) -> None:
        """Let go of connected systems and targets."""
        self.state.host.close()
        self.state.served.close()

    def tell(self, kind: str, data: Mapping[str, object]) -> None:
        """Publish an event."""
        self.events.publish("state", {"what": kind, "at": iso(self.state.clock.now()), **data})

    # -- what happens by itself ------------------------------------------------------------------------------

    def happen(self, moment: Moment) -> None:
        """A moment of the timeline has come. If an action is impossible by now, an event says so; the clock goes on."""
        self._attempt(
            moment.actions,
            lambda error: self.tell("timeline", {"after": moment.at, "problem": str(error)}),
        )

    def perform(self, found: Actions) -> None:
        """Perform what a state or a rule has happen. If that is impossible by now, an event says so."""
        self._attempt(
            found,
            lambda error: self.tell("happening", {"what": actions.written(found), "problem": str(error)}),
        )

    def _attempt(self, found: Actions, tell: Callable[[MockhostError], None]) -> None:
        """Perform actions under the lock; `tell` is told why one is impossible, also of what is done outside."""
        with self.outside.noted() as begun:
            try:
                actions.perform(found, self)
            except MockhostError as error:
                tell(error)
        for task in begun:
            task.tell = tell
        self.outside.leave(begun)

    def come_true(self, decision: Decision, connection: object = None) -> None:
        """What a rule has happen once its exchange is over; call it under the lock.

        The answer on `connection` is still to be sent: if the service is stopped, this one ends after it.
        """
        self._spared = connection
        try:
            for found in decision.follow:
                self.perform(found)
        finally:
            self._spared = None

    # -- exchanges -------------------------------------------------------------------------------------------

    def opened(self, number: int, peer: str) -> Admission:
        """A connection begins; what it is given lets its exchanges in until the next reset."""
        epoch = self.epoch
        record = Connection(number=number, at=self.state.clock.now(), peer=peer, epoch=epoch.number)
        self.journal.opened(record)
        return Admission(epoch, record, next(epoch.connections))

    def run(self, epoch: Epoch, steps: Steps[T]) -> T:
        """Run steps, each under the lock; what they yield is performed in between, outside of it.

        What the work returns or raises goes back to the steps. Raises Cut if the epoch is over, also while work is
        under way: then nothing more of the steps happens.
        """
        outcome: object = None
        problem: Exception | None = None
        while True:
            with self.lock:
                if epoch is not self.epoch:
                    raise Cut(_OLDER)
                try:
                    work = steps.send(outcome) if problem is None else steps.throw(problem)
                except StopIteration as over:
                    return over.value  # type: ignore[no-any-return]
            outcome = problem = None
            try:
                outcome = work(lambda: self._pause(epoch))
            except Cut:
                raise
            except Exception as error:
                problem = error

    def _pause(self, epoch: Epoch) -> None:
        """Let other threads go first for a moment. Raises Cut if the epoch is over."""
        if epoch.cut.wait(PAUSE):
            raise Cut(_OLDER)

    def heads(self) -> tuple[str, float]:
        """How the heads of answers are written now: the behaviour `wire`, and the time of `Date`."""
        state = self.state
        return str(state.host.behaviours["wire"]), state.clock.now()

    @contextmanager
    def waited(self) -> Iterator[None]:
        """Wait, at the end, for what is begun outside of the process within. Raises its problem.

        While this thread has the lock, nothing is waited for; that is left to a `waited` around this one.
        """
        with self.outside.noted() as begun:
            yield
        if self._is_held():
            self.outside.leave(begun)
        else:
            wait(begun)

    def _is_held(self) -> bool:
        """Whether this thread has the lock."""
        try:
            self._held.notify(0)  # raises RuntimeError otherwise
        except RuntimeError:
            return False
        return True

    def begin_outside(self, system: object, steps: Steps[object]) -> Task:
        """Have something done with a system outside of the process, without the lock; call it under the lock."""
        return self.outside.begin(system, steps)

    def record(self, exchange: Exchange) -> None:
        """Write an exchange into the journal, keep it for the event logs, and publish it; call it under the lock."""
        exchange.epoch = self.epoch.number
        self.journal.add(exchange)
        self.state.host.backlog.exchange(exchange)
        if self.events.listening:
            self.events.publish("exchange", exchange)

    # -- time ------------------------------------------------------------------------------------------------

    def start_ticking(self) -> None:
        """Have due jobs run by themselves while the clock runs by itself (`serve`)."""
        self._ticker.start()

    def wake(self) -> None:
        """Look again at what is due when: something was scheduled."""
        self._ticker.wake()

    def advance(self, seconds: float) -> float:
        """Move the virtual clock on; returns its time. Certificates age with it."""
        if not 0 <= seconds < float("inf"):
            raise UsageError("a clock can be moved on only", hint="give a duration such as 4m")
        with self.lock:
            self._check_advance(seconds)
            clock = self.state.clock
            target = clock.now() + seconds
        while not self._advance(clock, target):
            pass
        with self.lock:
            if self.certificates.refresh() and self.listener is not None:
                self.listener.close_idle()
            moment = self.state.clock.now()
        self.wake()
        self.tell("clock", {"now": iso(moment), "advanced": seconds})
        return moment

    def _advance(self, clock: VirtualClock, target: float) -> bool:
        """Move the clock on until something is to be done outside of the process, and wait for that.

        False if there is more to be done; a reset in between ends it.
        """
        with self.waited(), self.lock:
            with self.outside.noted() as begun:
                over = self.state.clock is not clock or clock.advance_to(target, lambda: bool(begun))
            self.outside.leave(begun)
        return over

    def _check_advance(self, seconds: float) -> None:
        """Refuse a jump in which too much would happen. Raises UsageError."""
        if self.state.clock.now() + seconds > LAST_MOMENT:
            raise UsageError("the virtual clock ends with the year 9999", hint="advance by less")
        intervals = (
            c.config.imports.every for c in self.state.host.connectors.values() if c.config.imports.profiles
        )
        imports = sum(seconds / every for every in intervals if every)
        if imports > MOST_IMPORTS:
            hint = "advance by less at a time, or set import.every to never"
            raise UsageError(f"about {imports:,.0f} imports would run in that time", hint=hint)
        transitions = sum(states.steps_in(seconds) for states in self.state.all_states())
        if transitions > MOST_STATES:
            hint = "advance by less at a time, or have the states last longer"
            raise UsageError(f"about {transitions:,.0f} states would follow in that time", hint=hint)

    # -- the service -----------------------------------------------------------------------------------------

    def service(self, action: str) -> None:
        """`start`, `stop` or `restart` Microsoft ECMA2Host. Raises UsageError for anything else."""
        if action not in ("start", "stop", "restart"):
            raise UsageError(f"no such action: {action!r}", hint="start, stop or restart")
        with self.waited(), self.lock:
            if action in ("stop", "restart"):
                self.state.stop()
                if self.listener is not None:
                    self.listener.close(self._spared)
            try:
                if action in ("start", "restart"):
                    self.state.start()
            finally:
                self._follow_service()
                self.wake()
        now = "running" if self.state.host.running else "stopped"
        self.tell("service", {"action": action, "service": now})

    def refuse(self, seconds: float) -> None:
        """Close the port for so many virtual seconds; the connections there are, are cut."""
        with self.lock:
            state = self.state
            if state.refusing is not None:
                state.refusing.cancel()
            until = state.clock.now() + seconds
            state.refusing = state.clock.schedule(until, self._accept_again, "refuse")
            self._follow_service()
        self.wake()
        self.tell("refuse", {"seconds": seconds})

    def _accept_again(self) -> None:
        self.state.refusing = None
        self._follow_service()

    def _follow_service(self) -> None:
        if self.listener is None:
            return
        if self.state.accepting:
            self.listener.open()
        else:
            self.listener.close()

    # -- what is configured and connected --------------------------------------------------------------------

    def import_now(self, name: str, profile: str = "full") -> None:
        """Begin an import run of a connector. Raises UsageError for an unknown connector or profile."""
        if profile not in ("full", "delta"):
            raise UsageError(f"no such run profile: {profile!r}", hint="full or delta")
        with self.waited(), self.lock:
            self.state.served.find(name).import_now(profile)
            self.wake()
        self.tell("import", {"connector": name, "profile": profile})

    def change(self, changes: Mapping[str, object]) -> int:
        """Change connected systems behind the host's back, all or none; how many objects it touched.

        Under the lock, changes outside of the process are only begun, and count as none.
        """
        return sum(self.change_each(changes).values())

    def change_each(self, changes: Mapping[str, object]) -> dict[str, int]:
        """The same; how many objects it touched of each connector."""
        with self.waited(), self.lock:
            found: list[tuple[Connector, Mapping[str, object]]] = []
            for name, change in changes.items():
                connector = self.state.served.find(name)
                if not isinstance(change, Mapping) or not change:
                    raise UsageError(f"{name}: a change is a map of insert, update and delete")
                connector.check_change(change)
                found.append((connector, change))
            begun = {
                connector.name: self.begin_outside(system, performed(partial(connector.change, change)))
                for connector, change in found
                if (system := outside(connector)) is not None
            }
            touched = {
                connector.name: connector.change(change)
                for connector, change in found
                if connector.name not in begun
            }
        touched |= {name: int(str(task.result or 0)) for name, task in begun.items()}
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
        if kind in ("connectors", "client") and any(inner) and name not in self.state.scenario.connectors:
            hint = did_you_mean(name, self.state.scenario.connectors)
            raise UsageError(f"{path}: there is no connector {name!r}", hint=hint)
        with self.waited(), self.lock:
            changed = loader.with_overrides(self.state.scenario, {path: value}, source=source)
            later = self.state.configure(changed)
            self._learn()
            if path in ("host", "host.tls") or path.startswith("host.tls."):
                self.certificates.configure(changed.host.tls)
                if self.listener is not None:
                    self.listener.close_idle()
            if (changed.host.service == "running") is not self.state.host.running and path in (
                "host",
                "host.service",
            ):
                self.service("start" if changed.host.service == "running" else "stop")
        applied = "at restart" if later else "now"
        self.tell("set", {"path": path, "applied": applied})
        return {"path": path, "applied": applied}
