"""Named states, of the host or of one connector: which one it is in, and what follows of itself.

A scenario's `states` is a map of names, with `initial` for the first one:

    states: {initial: Started, Started: {to: Rotated, after: 10m}, Rotated: {set: {host.tls: expired}}}

`to` and `after` are a transition on the virtual clock; `set`, `change`, `import` and `service` happen when the state
is entered. Without any `states` there is one machine, the host's, in which every name is a state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from mockhost import actions
from mockhost.actions import Actions
from mockhost.clock import Job, VirtualClock
from mockhost.durations import seconds
from mockhost.errors import UsageError, did_you_mean

INITIAL: Final = "initial"
"""The key that names the first state."""
STARTED: Final = "Started"
"""The first state where none is named, as WireMock has it."""

LEAST_ROUND: Final = 0.01
"""States that follow one another in a circle go round once in so many seconds, of the virtual clock and of the wall,
and no faster: a clock would get no further than a circle without length."""


class State(NamedTuple):
    """A state: what happens when it is entered, and which one follows it after how many seconds."""

    actions: Actions = ()
    to: str | None = None
    after: float = 0.0


class Blueprint(NamedTuple):
    """The states of the host or of a connector, as a scenario declares them."""

    states: Mapping[str, State] = {}
    """those that are described, then those that only follow another"""
    initial: str = STARTED
    described: frozenset[str] = frozenset()


def parse(said: Mapping[str, Any]) -> Blueprint:
    """The states of a valid map of states."""
    found: dict[str, State] = {}
    for name, state in said.items():
        if name != INITIAL:
            state = state or {}
            after = seconds(state.get("after", "0s")) if "to" in state else 0.0
            found[name] = State(actions.parse(state), state.get("to"), after)
    described = frozenset(found)
    for state in list(found.values()):
        if state.to is not None:
            found.setdefault(state.to, State())
    return Blueprint(found, str(said.get(INITIAL, next(iter(found), STARTED))), described)


def lengths(known: Mapping[str, State], speed: float) -> dict[str, float]:
    """How many virtual seconds each state lasts that another one follows; `speed` is the clock's.

    As its `after` says, but for a circle of states that would be gone round in less than `LEAST_ROUND`: each of those
    lasts for its share of that.
    """
    found = {name: state.after for name, state in known.items() if state.to is not None}
    least = LEAST_ROUND * max(1.0, speed)
    for circle in circles(known):
        if sum(found[name] for name in circle) < least:
            found.update(dict.fromkeys(circle, least / len(circle)))
    return found


def circles(known: Mapping[str, State]) -> list[list[str]]:
    """The states that follow one another indefinitely, circle by circle."""
    found: list[list[str]] = []
    over: set[str] = set()
    for name in known:
        way: dict[str, int] = {}
        while name not in over and name not in way and (to := known[name].to) is not None:
            way[name] = len(way)
            name = to
        if name in way:
            found.append(list(way)[way[name] :])
        over.update(way)
    return found


class Machine:
    """The states of the host, or of one connector."""

    def __init__(self, blueprint: Blueprint, clock: VirtualClock, perform: Callable[[Actions], None]) -> None:
        self.known = blueprint.states
        self._lengths = lengths(self.known, clock.speed)
        self.initial = blueprint.initial
        self.current = self.initial
        self.since = clock.now()
        self._clock = clock
        self._perform = perform
        self._job: Job | None = None
        self._next = ""
        self._plan()

    def enter(self, name: str) -> Actions:
        """Go into a state; what is to happen at that. To enter the state that it is in begins it again."""
        self.current = name
        self.since = self._clock.now()
        self._plan()
        return self.actions

    @property
    def actions(self) -> Actions:
        """What happens when the current state is entered."""
        return self.known[self.current].actions if self.current in self.known else ()

    def end(self) -> None:
        """Stay in this state, whatever was to follow."""
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def _plan(self) -> None:
        length = self._lengths.get(self.current)
        if length is None:
            self.end()
            return
        self._next = self.known[self.current].to or ""
        at = self.since + length
        if (
            self._job is not None and self._job.at == at
        ):  # on a frozen clock states may be entered without end
            return
        self.end()
        self._job = self._clock.schedule(at, self._follow, "state")

    def _follow(self) -> None:
        self._job = None
        if found := self.enter(self._next):
            self._perform(found)

    def steps_in(self, length: float) -> float:
        """About how many states at most follow one another in so many virtual seconds."""
        rounds = [
            (len(circle), sum(map(self._lengths.__getitem__, circle))) for circle in circles(self.known)
        ]
        return max((count * length / lasts for count, lasts in rounds), default=0.0)


class States:
    """Every machine of one running mock. The runtime's lock guards it."""

    def __init__(
        self,
        of_host: Blueprint,
        of_connectors: Mapping[str, Blueprint],
        clock: VirtualClock,
        perform: Callable[[Actions], None],
    ) -> None:
        self._free = not of_host.states and not of_connectors
        self._host = Machine(of_host, clock, perform)
        self._connectors = {name: Machine(own, clock, perform) for name, own in of_connectors.items()}
        self._perform = perform

    def begin(self) -> None:
        """Let happen what the initial states say; when the host is there."""
        for machine in (self._host, *self._connectors.values()):
            if machine.actions:
                self._perform(machine.actions)

    def restart(self, connector: str) -> None:
        """Put a connector that has states of its own back into the first of them."""
        own = self._connectors.get(connector)
        if own is not None and (found := own.enter(own.initial)):
            self._perform(found)

    def steps_in(self, length: float) -> float:
        """About how many states at most follow one another in so many virtual seconds."""
        return sum(machine.steps_in(length) for machine in (self._host, *self._connectors.values()))

    def end(self) -> None:
        """Nothing follows of itself any more: the connector with these states is gone."""
        for machine in (self._host, *self._connectors.values()):
            machine.end()

    def current(self, connector: str | None) -> tuple[str, ...]:
        """The states that count for a request to a connector: the host's, and the connector's own if it has any."""
        own = self._connectors.get(connector or "")
        return (self._host.current,) if own is None else (self._host.current, own.current)

    def enter(self, name: str, connector: str | None = None) -> Actions:
        """Go into a state: the connector's, if it has one of this name, else the host's. What is to happen at that.

        Raises UsageError for an undeclared name.
        """
        own = self._connectors.get(connector or "")
        if own is not None and name in own.known:
            return own.enter(name)
        if not self._free and name not in self._host.known:
            known = [*self._host.known, *(own.known if own is not None else ())]
            raise UsageError(f"there is no state {name!r}", hint=did_you_mean(name, known))
        return self._host.enter(name)

    def describe(self) -> dict[str, object]:
        """The current states as plain JSON: the host's, and by connector those that have their own."""
        own = {name: machine.current for name, machine in self._connectors.items()}
        return {"host": self._host.current, "connectors": own}
