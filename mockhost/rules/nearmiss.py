"""Near misses: the rules that an exchange was shown to, and of those that did not apply the closest.

Worked out when it is read, from what the journal keeps of the exchange; only what can't be known afterwards
(counts, draws, states) was written down with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mockhost.exchange import Exchange
from mockhost.journal.secrets import is_secret
from mockhost.journal.sink import Sink
from mockhost.matching import ABSENT, written
from mockhost.patterns import ONE, Searches, TooSlow
from mockhost.rules.conditions import Condition, is_condition
from mockhost.rules.rule import Rule


class Miss(NamedTuple):
    """A rule that did not apply: how many of its conditions held, and the first that did not."""

    rule: str
    held: int
    conditions: int
    condition: str
    """the condition's word, with the name it asks for: `attributes FirstName`"""
    why: str

    @property
    def text(self) -> str:
        """One line for people."""
        if self.held == self.conditions:
            return f"rule {self.rule!r} matched but did not fire; {self.condition}: {self.why}"
        of = (
            "its one condition fails"
            if self.conditions == 1
            else f"{self.held} of {self.conditions} conditions hold"
        )
        return f"rule {self.rule!r} came closest ({of}); {self.condition}: {self.why}"


class NearMiss(NamedTuple):
    """What the rules made of an exchange."""

    considered: tuple[str, ...]
    """the rules it was shown to, in order"""
    fired: str | None
    closest: Miss | None
    """of those that did not apply, the one that asks for such a request and has the fewest conditions failing"""

    @property
    def text(self) -> str:
        """One line for people; empty if there is nothing to say."""
        return "" if self.closest is None else self.closest.text

    def to_json(self) -> dict[str, object]:
        """As plain JSON data."""
        closest = None if self.closest is None else {**self.closest._asdict(), "text": self.closest.text}
        return {"considered": list(self.considered), "fired": self.fired, "closest": closest}


TRIED_MOST = 100
"""So many rules that did not apply are listed with their reasons."""


def near_miss(exchange: Exchange, sink: Sink) -> NearMiss | None:
    """The near miss of an exchange, as it may be shown, or None where there were no rules."""
    rules, fired = _considered(exchange)
    if not rules:
        return None
    misses = _misses(exchange, rules[:fired], sink)
    closest = min(misses, key=_distance, default=None)
    names = tuple(sink.text(rule.name) for rule in (rules if fired is None else rules[: fired + 1]))
    shown = None if closest is None else _shown(closest, exchange, sink)
    return NearMiss(names, exchange.rule and sink.text(exchange.rule), shown)


def tried(exchange: Exchange, sink: Sink) -> list[Miss]:
    """The rules that did not apply to an exchange, in the order in which they were tried, as they may be shown."""
    rules, fired = _considered(exchange)
    misses = _misses(exchange, rules[:fired][:TRIED_MOST], sink)
    return [_shown(miss, exchange, sink) for miss in misses]


def _considered(exchange: Exchange) -> tuple[list[Rule], int | None]:
    """The rules that an exchange was shown to, and the place of the one that fired."""
    rules = [rule for rule in exchange.considered if isinstance(rule, Rule)]
    return rules, _fired(rules, exchange, exchange.reread(Searches(ONE))) if rules else None


def _misses(exchange: Exchange, rules: Sequence[Rule], sink: Sink) -> list[Miss]:
    passed, request = dict(exchange.passed), exchange.reread(Searches(ONE))
    return [_miss(rule, request, passed, sink) for rule in rules]


def _shown(miss: Miss, exchange: Exchange, sink: Sink) -> Miss:
    rule, condition, why = (sink.text(text, exchange) for text in (miss.rule, miss.condition, miss.why))
    return miss._replace(rule=rule, condition=condition, why=why)


def _fired(rules: Sequence[Rule], exchange: Exchange, request: Exchange) -> int | None:
    """The place of the rule that fired: of several of its name the first that asks for such a request."""
    named = [i for i, rule in enumerate(rules) if rule.name == exchange.rule]
    if len(named) > 1 and (matching := [i for i in named if rules[i].matches(request)]):
        return matching[0]
    return named[0] if named else None


def _distance(miss: Miss) -> tuple[bool, int, int]:
    return miss.condition in ("operation", "connector"), miss.conditions - miss.held, -miss.held


def _miss(rule: Rule, request: Exchange, passed: dict[str, str], sink: Sink) -> Miss:
    count = len(rule.conditions)
    if rule.name in passed:
        word, _, why = passed[rule.name].partition(": ")
        if is_condition(word):
            return Miss(rule.name, count - 1, count, word, why)
        return Miss(rule.name, count, count, word, why)
    found = [(each.label, _difference(each, request, sink)) for each in rule.conditions]
    failed = [(label, why) for label, why in found if why is not None]
    if request.verdict != "ok" and not rule.sees_refused:
        why = (
            f"the request was refused ({request.verdict}); the rule names no verdict, method, path or header"
        )
        failed.insert(0, ("verdict", why))
        count += 1
    if not failed and rule.on_upload:
        why = "it passed the request on when the head was read" if request.body else "the request has no body"
        failed = [("fault", why)]
        count += 1
    if not failed:
        failed = [("when", "it asked for something that the journal keeps in part only")]
        count += 1
    return Miss(rule.name, count - len(failed), count, *failed[0])


def _difference(condition: Condition, request: Exchange, sink: Sink) -> str | None:
    word, _, name = condition.label.partition(" ")
    try:
        text = condition.difference(request)
    except TooSlow as error:
        return error.message
    if text is None:
        return None
    if is_secret(name):
        wanted, got = sink.expected(name, condition.expected), sink.expected(name, _read(word, name, request))
        return f"expected {written(wanted)}, got {written(got)}"
    if word == "attributes" and _lacks_comparison(request, name):
        return f"{text} (the filter does not ask for one value of it by 'eq')"
    return text


def _read(word: str, name: str, request: Exchange) -> object:
    """What a request has in the place that a condition asks for."""
    if word == "header":
        value = request.header(name)
        return ABSENT if value is None else value
    return request.attribute(name) if word == "attributes" else "(redacted)"


def _lacks_comparison(request: Exchange, name: str) -> bool:
    """Whether it is a find whose filter compares no value of this attribute that could be looked at."""
    return request.operation.startswith("find_") and request.attribute(name) is ABSENT
