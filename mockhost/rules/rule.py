"""One rule, compiled from its map in a scenario or in a call: when it applies, and what it then does.

A `Rule` never changes; what happened to it since the last reset is its `Course`, so that hosts of one scenario share
the one and each has the other.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final, NamedTuple

from mockhost.clock import Chance
from mockhost.durations import seconds
from mockhost.errors import UsageError
from mockhost.exchange import Exchange
from mockhost.faults import parameters
from mockhost.faults.parameters import Chosen
from mockhost.rules import conditions, delay, states, window
from mockhost.rules.conditions import OF_REQUESTS, SEES_REFUSED, AnyCondition, Undecided
from mockhost.rules.delay import Delay
from mockhost.rules.reply import Function, Reply, literal
from mockhost.rules.states import Happening
from mockhost.rules.window import Opened

REPEATS: Final = ("last", "cycle", "none")
"""What follows the end of a sequence: its last step again and again, all of it again, or the next rule."""
WRITES: Final = ("applied", "not_applied")
ACTIONS: Final = ("reply", "fault", "delay", "set_state", *states.HAPPENINGS)
"""What a rule, or one step of its sequence, may do; all of them together if need be."""


class Step(NamedTuple):
    """What happens to one match of a rule."""

    reply: Reply | Function | None = None
    """None: what the host would answer"""
    faults: tuple[Chosen, ...] = ()
    delay: Delay | None = None
    write: str | None = None
    set_state: str | None = None
    happening: Happening | None = None
    times: int = 1


class Rule:
    """One rule. `live`: whether it came while the host was running."""

    __slots__ = (
        "_connectors",
        "_operations",
        "conditions",
        "cycle",
        "document",
        "has_patterns",
        "live",
        "name",
        "on_connection",
        "probability",
        "repeat",
        "sees_refused",
        "steps",
        "times",
        "ttl",
        "weight",
        "window",
    )

    def __init__(self, document: Mapping[str, Any], name: str, *, live: bool) -> None:
        self.document = dict(document)
        self.live = live
        self.name = str(document.get("name") or name)
        self.weight = 0
        """about the bytes of memory that the journal keeps alive with it, if it is the journal's alone"""
        try:
            self._compile(document)
        except UsageError as error:
            raise UsageError(f"rule {self.name!r}: {error.message}", hint=error.hint) from None

    def _compile(self, document: Mapping[str, Any]) -> None:
        when = document.get("when") or {}
        if not isinstance(when, Mapping):
            raise UsageError("'when' is a map of conditions")
        self._operations = conditions.names(when.get("operation"))
        self._connectors = conditions.names(when.get("connector"))
        self.conditions: tuple[AnyCondition, ...] = conditions.compiled(when)
        self.has_patterns = any(condition.pattern for condition in self.conditions)
        self.sees_refused = not SEES_REFUSED.isdisjoint(when)
        self.window = window.compiled(when)
        self.probability: float = document.get("probability", 1.0)
        self.ttl: float | None = seconds(document["ttl"]) if "ttl" in document else None
        self.times: int | None = document.get("times")
        self.repeat: str = document.get("repeat", "last")
        sequence = document.get("sequence")
        said = [document] if sequence is None else [_inherited(step, document) for step in sequence]
        self.steps = tuple(_step(each, in_sequence=sequence is not None) for each in said)
        self.cycle = sum(step.times for step in self.steps)
        self.on_connection = self._is_on_connection(when)

    def _is_on_connection(self, when: Mapping[str, object]) -> bool:
        """Whether the rule is decided when a connection is accepted. Raises UsageError for a mixture."""
        faults = [chosen.fault for step in self.steps for chosen in step.faults]
        only = [fault for fault in faults if fault.answer is None and fault.instead is None]
        wants = [fault for fault in only if fault.connection is not None and fault.host is None]
        able = faults and all(fault.connection is not None for fault in faults)
        asks = [word for word in when if word in OF_REQUESTS]
        exchange = "exchange" in (when.get("connection") or {})  # type: ignore[operator]  # its shape is judged
        if able and not asks and not exchange:
            self._refuse_words_of_answers(faults[0].name, faults[0].host is not None)
            return True
        if not wants:
            return False
        name = wants[0].name
        if asks or exchange:
            what = "connection.exchange" if exchange and not asks else repr(asks[0])
            raise UsageError(
                f"the fault {name} is decided before there is a request, so {what} can't be asked for it",
                hint="for handshakes after a request write 'set: {host.tls: …}' in the place of the fault",
            )
        raise UsageError(f"the fault {name} can't stand together with faults on answers")

    def _refuse_words_of_answers(self, fault: str, also_of_requests: bool) -> None:
        """Raise UsageError if the rule, which is decided when a connection is accepted, says something of an answer."""
        said = {
            "delay": any(step.delay is not None for step in self.steps),
            "write": any(step.write is not None for step in self.steps),
            "reply": any(step.reply is not None for step in self.steps),
        }
        for word, is_said in said.items():
            if is_said:
                hint = f"remove {word!r}"
                if also_of_requests:
                    hint += f", or name an operation in 'when': then {fault} acts when a request comes"
                message = (
                    f"the fault {fault} is decided before there is a request, so {word!r} has no meaning"
                )
                raise UsageError(message, hint=hint)

    def may_match(self, operation: str, connector: str | None) -> bool:
        """Whether a request of this operation to this connector can match; False is final, True is not."""
        if self._operations is not None and operation not in self._operations:
            return False
        return self._connectors is None or connector in self._connectors

    def matches(self, request: Exchange) -> bool:
        """Whether every condition but the window holds for the request."""
        if request.verdict != "ok" and not self.sees_refused:
            return False
        return all(condition.holds(request) for condition in self.conditions)

    def undecided(self, request: Exchange) -> str | None:
        """Why nobody knows whether a rule that does not match would: a pattern took too long."""
        for condition in self.conditions:
            why = condition.difference(request)
            if why is not None:
                return f"{condition.label}: {why}" if isinstance(why, Undecided) else None
        return None


def _inherited(step: Mapping[str, Any], rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """A step of a sequence, with what the rule says once for all of them."""
    return {**{word: rule[word] for word in ("write", "delay") if word in rule}, **step}


def _step(said: Mapping[str, Any], *, in_sequence: bool) -> Step:
    if not any(word in said for word in ACTIONS):
        raise UsageError("it does nothing", hint="write reply, fault, delay, set_state, set, change, …")
    faults = parameters.read(said["fault"]) if "fault" in said else ()
    step = Step(
        reply=said["reply"]
        if isinstance(said.get("reply"), Function)
        else literal(said.get("reply", "normal")),
        faults=faults,
        delay=delay.compiled(said["delay"]) if "delay" in said else None,
        write=said.get("write"),
        set_state=said.get("set_state"),
        happening=states.happenings_of(said),
        times=said.get("times", 1) if in_sequence else 1,
    )
    return step


class Course:
    """What happened to a rule since the last reset, or since it came."""

    __slots__ = ("fired", "memory", "opened", "rule")

    def __init__(self, rule: Rule, now: float) -> None:
        self.rule = rule
        self.fired = 0
        """how many of its matches were not passed on to the next rule"""
        self.opened = Opened(now)
        self.memory: dict[int, MutableMapping[str, object]] = {}
        """what each fault of the rule remembers"""

    def take(self, now: float, chance: Chance) -> Step | str:
        """Count a match: the step that is its turn, or why it is passed on to the next rule."""
        rule, opened = self.rule, self.opened
        if rule.ttl is not None and now >= opened.since + rule.ttl:
            over = now - opened.since - rule.ttl
            return f"ttl: the rule had ended {over:g} s before, on the host's clock"
        opened.matches += 1
        if rule.window is not None and (why := window.outside(rule.window, opened, now)) is not None:
            return why
        if rule.probability < 1.0:
            drawn = chance.draw(rule.name, opened.matches)
            if drawn >= rule.probability:
                return f"probability: it drew {drawn:.4f}, and fires below {rule.probability:g} only"
        if rule.times is not None and self.fired >= rule.times:
            often = "once" if self.fired == 1 else f"{self.fired} times"
            return f"times: it has fired {often}, and may no more"
        step = self._turn()
        if step is None:
            turns = "1 turn" if rule.cycle == 1 else f"{rule.cycle} turns"
            return f"sequence: it is at its end after {turns} (repeat: none)"
        self.fired += 1
        return step

    def _turn(self) -> Step | None:
        steps = self.rule.steps
        if len(steps) == 1 and self.rule.repeat == "last":
            return steps[0]
        position = self.fired
        if position >= self.rule.cycle:
            if self.rule.repeat == "none":
                return None
            if self.rule.repeat == "last":
                return steps[-1]
            position %= self.rule.cycle
        for step in steps:
            position -= step.times
            if position < 0:
                return step
        raise AssertionError("a sequence has as many turns as its steps")

    def remembered(self, index: int) -> MutableMapping[str, object]:
        """What the fault at this place of the rule's list remembers."""
        return self.memory.setdefault(index, {})

    @property
    def left(self) -> int | None:
        """How often it will still fire, where that is bounded by `times` or by a sequence's end."""
        bounds = [self.rule.times] if self.rule.times is not None else []
        if self.rule.repeat == "none" and "sequence" in self.rule.document:
            bounds.append(self.rule.cycle)
        return max(0, min(bounds) - self.fired) if bounds else None
