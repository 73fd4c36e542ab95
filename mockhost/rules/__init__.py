"""Rules: what a scenario has happen instead of, around, or after what the host would do.

The first rule that applies wins: live rules before the file's, the newest live rule first. Whether one applies is
decided in one step under the runtime's lock: conditions, count, window, draw, turn of the sequence, state. A rule whose
draw fails, whose window is shut or whose sequence is at its end passes the request on to the next one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import NamedTuple

from mockhost.actions import Actions
from mockhost.clock import Chance
from mockhost.errors import UsageError
from mockhost.exchange import Exchange
from mockhost.patterns import NotYet
from mockhost.rules.conditions import is_condition
from mockhost.rules.reply import Reply
from mockhost.rules.rule import Course, Rule, Step
from mockhost.rules.states import States

__all__ = [
    "Decision",
    "Passed",
    "Reply",
    "Rule",
    "Rules",
    "States",
    "Step",
    "search_all",
    "too_slow",
]


class Decision(NamedTuple):
    """A rule applies: with which step, to which of its matches (from 1), and what happens afterwards."""

    course: Course
    step: Step
    ordinal: int
    follow: tuple[Actions, ...] = ()
    """what happens once the exchange is over: of the state that was entered, and of the step"""
    problem: str = ""
    """what of it can't be: a state that neither the host nor the request's connector has"""

    @property
    def rule(self) -> Rule:
        return self.course.rule


class Passed(NamedTuple):
    """A rule that passed the request on although its conditions held, or of which a pattern took too long to tell."""

    rule: str
    why: str


def too_slow(passed: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those (rule, why) that passed a request on because a pattern took too long."""
    return [(rule, why) for rule, why in passed if is_condition(why.partition(": ")[0])]


CONSIDERED_MOST = 500
"""So many rules of those that a request was shown to are kept with its exchange; near misses know no others."""
CANDIDATES_MOST = 1_000
"""For so many kinds of requests (operation and connector) it is remembered which rules may apply to them."""
PASSED_MOST = 100
"""So many rules that passed a request on are kept with its exchange, with their reasons."""


class Rules:
    """The rules in force: those of the file, and live ones before them. The runtime's lock guards it."""

    def __init__(self, rules: Iterable[Rule], chance: Chance, states: States, now: float) -> None:
        self._chance = chance
        self._states = states
        self._file = tuple(Course(rule, now) for rule in rules)
        self._live: tuple[Course, ...] = ()
        self._numbers = itertools.count()
        self._candidates: dict[tuple[str, str | None], tuple[Course, ...]] = {}
        self._with_patterns: dict[tuple[str, str | None], tuple[Course, ...]] = {}
        self._on_connections: tuple[Course, ...] = ()
        self._changed()

    def _changed(self) -> None:
        self._candidates = {}
        self._with_patterns = {}
        courses = (*self._live, *self._file)
        self._on_connections = tuple(course for course in courses if course.rule.on_connection)
        self._on_uploads = tuple(course for course in courses if course.rule.on_upload)
        self.has_on_connections = bool(self._on_connections)
        """whether any rule is decided when a connection is accepted"""
        self.has_on_uploads = bool(self._on_uploads)
        """whether any rule is decided when the head of a request with a body was read"""
        self.on_requests = tuple(course for course in courses if not course.rule.on_connection)
        """the rules that requests are shown to, in order, with what happened to them"""
        self.considered = tuple(course.rule for course in self.on_requests[:CONSIDERED_MOST])
        """the first of these rules: all that an exchange keeps, where there are very many"""

    def __iter__(self) -> itertools.chain[Rule]:
        return itertools.chain((c.rule for c in self._live), (c.rule for c in self._file))

    # -- deciding --------------------------------------------------------------------------------------------

    def decide(self, request: Exchange, now: float, passed: list[Passed]) -> Decision | None:
        """The first rule that applies to a request, or None; counts, draws and sets its state.

        Rules whose conditions held but that passed it on are added to `passed`.
        """
        for course in self._candidates_of(request):
            if course.rule.matches(request):
                decision = self._take(course, request.connector, now, passed)
                if decision is not None:
                    return decision
            elif course.rule.has_patterns and (why := course.rule.undecided(request)) is not None:
                _note(passed, course, why)
        return None

    def _candidates_of(self, request: Exchange) -> tuple[Course, ...]:
        kind = request.operation, request.connector
        candidates = self._candidates.get(kind)
        if candidates is None:
            if len(self._candidates) >= CANDIDATES_MOST:
                self._candidates, self._with_patterns = {}, {}
            rules = (course for course in self.on_requests if not course.rule.on_upload)
            found = tuple(course for course in rules if course.rule.may_match(*kind))
            candidates = self._candidates[kind] = found
            self._with_patterns[kind] = tuple(course for course in found if course.rule.has_patterns)
        return candidates

    def with_patterns(self, request: Exchange) -> tuple[Rule, ...]:
        """The rules that look for patterns in such a request."""
        self._candidates_of(request)
        found = self._with_patterns[request.operation, request.connector]
        return tuple(course.rule for course in found) if found else ()

    def meet(self, connection: Exchange, now: float) -> Decision | None:
        """The first rule that applies to a connection which was just accepted, or None."""
        for course in self._on_connections:
            if all(condition.holds(connection) for condition in course.rule.conditions):
                decision = self._take(course, None, now, [])
                if decision is not None:
                    return decision
        return None

    def begin(self, request: Exchange, now: float) -> Decision | None:
        """The first rule on uploads that applies to a request whose body was not read yet, or None."""
        for course in self._on_uploads:
            rule = course.rule
            if rule.may_match(request.operation, request.connector) and rule.matches(request):
                decision = self._take(course, request.connector, now, [])
                if decision is not None:
                    return decision
        return None

    def _take(
        self, course: Course, connector: str | None, now: float, passed: list[Passed]
    ) -> Decision | None:
        step = course.take(now, self._chance)
        if isinstance(step, str):
            _note(passed, course, step)
            return None
        entered: Actions = ()
        problem = ""
        if step.set_state is not None:
            try:
                entered = self._states.enter(step.set_state, connector)
            except UsageError as error:  # the state of another connector than the one that was asked
                problem = f"it stays in its state: {error}"
        follow = tuple(each for each in (entered, step.actions) if each)
        return Decision(course, step, course.opened.matches, follow, problem)

    # -- changing --------------------------------------------------------------------------------------------

    def replace_file(self, rules: Iterable[Rule], now: float) -> None:
        """Put other rules in the place of the file's; live rules stay."""
        self._file = tuple(Course(rule, now) for rule in rules)
        self._changed()

    def add(self, rule: Rule, now: float) -> str:
        """Put a live rule before all others; its name. A live rule of the same name is replaced.

        A rule without a name gets one that no other has.
        """
        taken = () if rule.name else {course.rule.name for course in (*self._live, *self._file)}
        generated = next(name for n in self._numbers if (name := f"live[{n}]") not in taken)
        rule.name = rule.name or generated
        rule.weight = 2 * len(repr(rule.document))
        rest = (course for course in self._live if course.rule.name != rule.name)
        self._live = (Course(rule, now), *rest)
        self._changed()
        return rule.name

    def remove(self, name: str) -> bool:
        """Take a live rule away; False if there is none of this name."""
        before = len(self._live)
        self._live = tuple(course for course in self._live if course.rule.name != name)
        self._changed()
        return len(self._live) < before

    def switch(self, name: str, on: bool) -> bool:
        """Switch a rule off or on again, with its counts as they are; False if there is none of this name."""
        found = [course for course in (*self._live, *self._file) if course.rule.name == name]
        for course in found:
            course.on = on
        return bool(found)

    @property
    def off(self) -> list[str]:
        """The names of the rules that are switched off."""
        return [course.rule.name for course in (*self._live, *self._file) if not course.on]

    def clear(self) -> None:
        """Take every live rule away."""
        self._live = ()
        self._changed()

    def find(self, name: str) -> Course:
        """What happened to the rule of this name. Raises UsageError."""
        for course in (*self._live, *self._file):
            if course.rule.name == name:
                return course
        raise UsageError(f"there is no rule {name!r}")

    def documents(self) -> list[dict[str, object]]:
        """The rules in the order in which they are tried, as plain JSON, with how often they matched and fired."""
        return [
            {
                **course.rule.document,
                "name": course.rule.name,
                "live": course.rule.live,
                "on": course.on,
                "matched": course.opened.matches,
                "fired": course.fired,
                "left": course.left,
            }
            for course in (*self._live, *self._file)
        ]


def _note(passed: list[Passed], course: Course, why: str) -> None:
    if len(passed) < PASSED_MOST:
        passed.append(Passed(course.rule.name, why))


def search_all(rules: Iterable[Rule], request: Exchange) -> bool:
    """Look for everything that these rules look for in a request; whether all of it is known now."""
    known = True
    for rule in rules:
        try:
            rule.matches(request)
        except NotYet:
            known = False
    return known


def unused(rules: Iterable[dict[str, object]]) -> list[str]:
    """The names of rules with a bound on how often they fire that have not fired so often."""
    return [str(rule["name"]) for rule in rules if rule["left"]]
