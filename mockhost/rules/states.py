"""Named states, of the host or of one connector: which one it is in, and what follows of itself.

A scenario's `states` is a map of names, with `initial` for the first one:

    states: {initial: Started, Started: {to: Rotated, after: 10m}, Rotated: {set: {host.tls: expired}}}

`to` and `after` are a transition on the virtual clock; `set`, `change`, `import` and `service` happen when the state
is entered. Without any `states` there is one machine, the host's, in which every name is a state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from mockhost.clock import Job, VirtualClock
from mockhost.durations import seconds
from mockhost.errors import UsageError, did_you_mean

INITIAL: Final = "initial"
"""The key that names the first state."""
STARTED: Final = "Started"
"""The first state where none is named, as WireMock has it."""
HAPPENINGS: Final = ("set", "change", "import", "service")
"""What may happen when a state is entered or a rule has fired, as in the timeline."""

Happening = Mapping[str, object]
States_ = Mapping[str, Any]


def happenings_of(said: Mapping[str, object]) -> Happening | None:
    """What a map of a state or of a rule says is to happen, or None."""
    found = {word: said[word] for word in HAPPENINGS if word in said}
    return found or None


def names(said: States_) -> list[str]:
    """The states of a map of states: those that it describes, and those that only follow another."""
    described = [name for name in said if name != INITIAL]
    follow = [state["to"] for name, state in said.items() if name != INITIAL and state and "to" in state]
    return list(dict.fromkeys([*described, *follow]))


class Machine:
    """The states of the host, or of one connector."""

    def __init__(self, said: States_, clock: VirtualClock, happen: Callable[[Happening], None]) -> None:
        self.known: dict[str, States_] = {name: said.get(name) or {} for name in names(said)}
        self.initial = str(said.get(INITIAL, next(iter(self.known), STARTED)))
        self.current = self.initial
        self.since = clock.now()
        self._clock = clock
        self._happen = happen
        self._job: Job | None = None
        self._plan()

    def enter(self, name: str) -> Happening | None:
        """Go into a state; what is to happen at that. To enter the state that it is in begins it anew."""
        self.current = name
        self.since = self._clock.now()
        self._plan()
        return happenings_of(self.known.get(name, {}))

    def end(self) -> None:
        """Stay in this state, whatever was to follow."""
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def _plan(self) -> None:
        self.end()
        state = self.known.get(self.current, {})
        if "to" in state:
            at = self.since + seconds(state["after"])
            self._job = self._clock.schedule(at, lambda: self._follow(state["to"]), "state")

    def _follow(self, name: str) -> None:
        happening = self.enter(name)
        if happening is not None:
            self._happen(happening)


class States:
    """Every machine of one running mock. The runtime's lock guards it."""

    def __init__(
        self,
        of_host: States_,
        of_connectors: Mapping[str, States_],
        clock: VirtualClock,
        happen: Callable[[Happening], None],
    ) -> None:
        self._free = not of_host and not any(of_connectors.values())
        self._host = Machine(of_host, clock, happen)
        self._connectors = {
            name: Machine(said, clock, happen) for name, said in of_connectors.items() if said
        }
        self._clock = clock
        self._happen = happen

    def begin(self) -> None:
        """Let happen what the initial states say; when the host is there."""
        for machine in (self._host, *self._connectors.values()):
            happening = happenings_of(machine.known.get(machine.current, {}))
            if happening is not None:
                self._happen(happening)

    def restart(self, connector: str) -> None:
        """Put a connector that has states of its own back into the first of them."""
        own = self._connectors.get(connector)
        if own is not None and (happening := own.enter(own.initial)) is not None:
            self._happen(happening)

    def end(self) -> None:
        """Nothing follows of itself any more: whoever was in these states is gone."""
        for machine in (self._host, *self._connectors.values()):
            machine.end()

    def current(self, connector: str | None) -> tuple[str, ...]:
        """The states that count for a request to a connector: the host's, and the connector's own if it has any."""
        own = self._connectors.get(connector or "")
        return (self._host.current,) if own is None else (self._host.current, own.current)

    def enter(self, name: str, connector: str | None = None) -> Happening | None:
        """Go into a state: the connector's, if it has one of this name, else the host's. What is to happen at that.

        Raises UsageError for a name that nobody declared.
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
