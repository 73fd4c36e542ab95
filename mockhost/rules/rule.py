"""One rule, compiled from its map in a scenario or in a call: when it applies, and what it then does.

A `Rule` never changes; what happened to it since the last reset is its `Course`, so that hosts of one scenario share
the one and each has the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from typing import Any, Final, NamedTuple, TypeVar

from mockhost import actions
from mockhost.actions import Actions
from mockhost.clock import Chance
from mockhost.durations import seconds
from mockhost.errors import REFUSE, Report, UsageError, did_you_mean
from mockhost.exchange import Exchange
from mockhost.faults import parameters
from mockhost.faults.parameters import Chosen
from mockhost.rules import conditions
from mockhost.rules.conditions import (
    OF_REQUESTS,
    SEES_REFUSED,
    Condition,
    Opened,
    Undecided,
    outside,
    window_of,
)
from mockhost.rules.reply import Function, Reply, literal

Path = tuple[str | int, ...]
T = TypeVar("T")

REPEATS: Final = ("last", "cycle", "none")
"""What follows the end of a sequence: its last step again and again, all of it again, or the next rule."""
WRITES: Final = ("applied", "not_applied")
EFFECTS: Final = ("reply", "fault", "delay", "set_state", "set", "change", "import", "service")
"""What a rule, or one step of its sequence, may do; all of them together if need be."""


class Step(NamedTuple):
    """What happens to one match of a rule."""

    reply: Reply | Function | None = None
    """None: what the host would answer"""
    faults: tuple[Chosen, ...] = ()
    delay: Delay | None = None
    write: str | None = None
    set_state: str | None = None
    actions: Actions = ()
    times: int = 1


class Known(NamedTuple):
    """What the rules of a scenario may name. None: any name may be one."""

    connectors: Collection[str] | None = None
    states: Collection[str] | None = None


ANYTHING: Final = Known()


def parse(
    document: Mapping[str, Any],
    name: str = "",
    *,
    live: bool,
    path: Path = (),
    report: Report = REFUSE,
    known: Known = ANYTHING,
) -> Rule | None:
    """The rule that a map says, or None: what is wrong with it is reported by its path below `path`.

    name: for a rule without one of its own.
    """
    name = str(document.get("name") or name)
    try:
        steps = tuple(_steps(document, path, report, known))
        if isinstance(when := document.get("when"), Mapping):
            _check_states(when.get("in_state"), (*path, "when", "in_state"), report, known)
        return None if report.spoilt(path) else Rule(document, name, steps, live=live)
    except UsageError as error:
        if report is REFUSE:
            raise UsageError(f"rule {name!r}: {error.message}", hint=error.hint) from None
        report.add(path, error.message, error.hint)
        return None


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
        "on_upload",
        "probability",
        "repeat",
        "sees_refused",
        "steps",
        "times",
        "ttl",
        "weight",
        "window",
    )

    def __init__(
        self, document: Mapping[str, Any], name: str, steps: tuple[Step, ...], *, live: bool
    ) -> None:
        """Raises UsageError for conditions that can't be, or that do not go with the steps."""
        self.document = dict(document)
        self.live = live
        self.name = name
        self.weight = 0
        """about the bytes of memory that the journal keeps alive with it, if it is the journal's alone"""
        when = document.get("when") or {}
        if not isinstance(when, Mapping):
            raise UsageError("'when' is a map of conditions")
        self._operations = conditions.names(when.get("operation"))
        self._connectors = conditions.names(when.get("connector"))
        self.conditions: tuple[Condition, ...] = conditions.compiled(when)
        self.has_patterns = any(condition.pattern for condition in self.conditions)
        self.sees_refused = not SEES_REFUSED.isdisjoint(when)
        self.window = window_of(when)
        self.probability: float = document.get("probability", 1.0)
        self.ttl: float | None = seconds(document["ttl"]) if "ttl" in document else None
        self.times: int | None = document.get("times")
        self.repeat: str = document.get("repeat", "last")
        self.steps = steps
        self.cycle = sum(step.times for step in self.steps)
        self.on_connection = self._is_on_connection(when)
        self.on_upload = self._is_on_upload(when)

    def _is_on_upload(self, when: Mapping[str, object]) -> bool:
        """Whether the rule is decided when the head of a request with a body was read. Raises UsageError."""
        faults = [chosen.fault for step in self.steps for chosen in step.faults]
        name = next((fault.name for fault in faults if fault.upload is not None), None)
        if any(sum(chosen.fault.upload is not None for chosen in step.faults) > 1 for step in self.steps):
            raise UsageError("two faults say how the request's body is read", hint="keep one of them")
        word = next((word for word in ("attributes", "body", "probe") if word in when), None)
        if name is not None and word is not None:
            raise UsageError(
                f"the fault {name} is decided before the body is read, so {word!r} can't be asked for it",
                hint="ask for operation, connector, id, method, path or header",
            )
        return name is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule) and (self.name, self.live, self.document) == (
            other.name,
            other.live,
            other.document,
        )

    __hash__ = object.__hash__

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
        """Why it is unknown whether a rule would match: a pattern took too long."""
        for condition in self.conditions:
            why = condition.difference(request)
            if why is not None:
                return f"{condition.label}: {why}" if isinstance(why, Undecided) else None
        return None


def _steps(document: Mapping[str, Any], path: Path, report: Report, known: Known) -> Iterator[Step]:
    """The steps of a rule: those of its sequence, or itself as the only one."""
    if "sequence" not in document:
        if "repeat" in document:
            report.add((*path, "repeat"), "there is no sequence that could repeat", key=True)
        yield _step(document, path, report, known)._replace(times=1)
        return
    for word in EFFECTS:
        if word in document and word != "delay":
            report.add((*path, word), f"the rule has a sequence: write {word!r} in its steps", key=True)
    base = Step(delay=_delay(document, path, report), write=document.get("write"))
    for i, said in enumerate(document["sequence"] or ()):
        if isinstance(said, Mapping):
            yield _step(said, (*path, "sequence", i), report, known, base)


def _step(
    said: Mapping[str, Any], path: Path, report: Report, known: Known, base: Step | None = None
) -> Step:
    """What a rule does, or one step of its sequence; `base` is what the rule says once for all of them."""
    if not any(word in said for word in EFFECTS) and not report.spoilt(path):
        what, words = ("rule", "sequence, ") if base is None else ("step", "")
        hint = f"write reply, fault, delay, {words}set_state, set, change, import or service"
        report.add(path, f"the {what} does nothing", hint)
    reply = said.get("reply", "normal")
    _check_states(said.get("set_state"), (*path, "set_state"), report, known)
    return Step(
        reply=reply if isinstance(reply, Function) else literal(reply, path=(*path, "reply"), report=report),
        faults=tuple(_faults(said.get("fault"), (*path, "fault"), report, known)),
        delay=_delay(said, path, report) or (base.delay if base else None),
        write=said.get("write", base.write if base else None),
        set_state=said.get("set_state"),
        actions=() if report.spoilt(path) else actions.parse(said),
        times=said.get("times", 1),
    )


def _delay(said: Mapping[str, Any], path: Path, report: Report) -> Delay | None:
    if "delay" not in said or report.spoilt((*path, "delay")):
        return None
    return _read(delay_of, said["delay"], (*path, "delay"), report)


def _faults(said: object, path: Path, report: Report, known: Known) -> Iterator[Chosen]:
    if said is None or report.spoilt(path):
        return
    listed = [((*path, i), each) for i, each in enumerate(said)] if isinstance(said, list) else [(path, said)]
    for where, each in listed:
        for chosen in _read(parameters.read, each, where, report) or ():
            fault, name = chosen.fault, chosen.parameters.get("connector")
            if (
                known.connectors is not None
                and isinstance(name, str)
                and fault.host is not None
                and name not in known.connectors
            ):
                hint = did_you_mean(name, known.connectors)
                report.add(where, f"the fault {fault.name}: no ECMA connector {name!r}", hint)
            yield chosen


def _check_states(said: object, path: Path, report: Report, known: Known) -> None:
    """Report a name that is no state, where states are declared at all."""
    for name in [said] if isinstance(said, str) else said if isinstance(said, list) else ():
        if known.states and isinstance(name, str) and name not in known.states:
            report.add(path, f"there is no state {name!r}", did_you_mean(name, known.states))


def _read(reader: Callable[[object], T], said: object, path: Path, report: Report) -> T | None:
    """What a reader makes of a value; None where it refuses it."""
    try:
        return reader(said)
    except UsageError as error:
        report.add(path, error.message, error.hint)
        return None


class Course:
    """What happened to a rule since the last reset, or since it came."""

    __slots__ = ("fired", "memory", "on", "opened", "rule")

    def __init__(self, rule: Rule, now: float) -> None:
        self.rule = rule
        self.fired = 0
        """how many of its matches were not passed on to the next rule"""
        self.on = True
        """whether it may apply at all"""
        self.opened = Opened(now)
        self.memory: dict[int, MutableMapping[str, object]] = {}
        """what each fault of the rule remembers"""

    def take(self, now: float, chance: Chance) -> Step | str:
        """Count a match: the step that is its turn, or why it is passed on to the next rule."""
        rule, opened = self.rule, self.opened
        if not self.on:
            return "off: the rule is switched off"
        if rule.ttl is not None and now >= opened.since + rule.ttl:
            over = now - opened.since - rule.ttl
            return f"ttl: the rule had ended {over:g} s before, on the host's clock"
        opened.matches += 1
        if rule.window is not None and (why := outside(rule.window, opened, now)) is not None:
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


# -- how long an answer takes on top -------------------------------------------------------------------------


_P99 = 2.3263478740408408
"""The 99th percentile of the standard normal distribution, in standard deviations."""
LONGEST = 86_400.0
"""No delay is longer, whatever is drawn."""
_FORMS = "write 2s, {fixed: 2s}, {uniform: [50ms, 200ms]} or {lognormal: {median: 80ms, p99: 900ms}}"


class Delay(NamedTuple):
    """A distribution of delays, in seconds on the wall."""

    kind: str
    """fixed | uniform | lognormal"""
    low: float
    """the length, the shortest, or the median"""
    high: float = 0.0
    """the longest, or the 99th percentile"""

    def drawn(self, chance: float) -> float:
        """The delay at a number in [0, 1)."""
        if self.kind == "fixed":
            return self.low
        if self.kind == "uniform":
            return self.low + (self.high - self.low) * chance
        from statistics import NormalDist

        deviation = math.log(self.high / self.low) / _P99
        quantile = NormalDist().inv_cdf(min(max(chance, 1e-12), 1 - 1e-12))
        return min(LONGEST, self.low * math.exp(deviation * quantile))


def delay_of(said: object) -> Delay:
    """A delay as a rule says it. Raises UsageError."""
    if isinstance(said, str):
        return Delay("fixed", _length(said))
    if isinstance(said, Mapping) and len(said) == 1:
        kind, value = next(iter(said.items()))
        if kind == "fixed":
            return Delay("fixed", _length(value))
        if kind == "uniform" and isinstance(value, (list, tuple)) and len(value) == 2:
            low, high = map(_length, value)
            if low > high:
                raise UsageError("the shortest delay is longer than the longest", hint="write [50ms, 200ms]")
            return Delay("uniform", low, high)
        if kind == "lognormal" and isinstance(value, Mapping) and set(value) == {"median", "p99"}:
            median, p99 = _length(value["median"]), _length(value["p99"])
            if not 0 < median <= p99:
                raise UsageError("the median of a delay is above 0 and at most its 99th percentile")
            return Delay("lognormal", median, p99)
    raise UsageError(f"{said!r} is not a delay", hint=_FORMS)


def _length(said: object) -> float:
    try:
        length = seconds(said) if isinstance(said, str) else -1.0
    except ValueError:
        length = -1.0
    if not 0 <= length <= LONGEST:
        raise UsageError(f"{said!r} is not the length of a delay", hint=_FORMS + "; a day at most")
    return length
