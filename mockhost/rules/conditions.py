"""`when`: the conditions of a rule, each of which a request meets or not, and says why not.

Two kinds: what a request is (its operation, its values, the state in which it comes), compared by
`mockhost.matching`, and the window (`nth`, `after`, `every` and `for`), which counts the matches of the former.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from mockhost import patterns
from mockhost.conditions import FIELDS, MAPS, any_of, check_verdict
from mockhost.durations import seconds
from mockhost.errors import UsageError, did_you_mean
from mockhost.exchange import Exchange, Unreadable, as_text
from mockhost.matching import ABSENT, difference, is_matcher, misspelt, patterns_in, written
from mockhost.patterns import TooSlow

OF_REQUESTS: Final = (
    "operation",
    "probe",
    "connector",
    "id",
    "filter",
    "attributes",
    "verdict",
    "method",
    "path",
    "header",
    "query",
    "body",
)
"""Words that ask something of a request."""
OF_CONNECTIONS: Final = ("connection", "in_state")
"""Words that can be answered as soon as there is a connection."""
OF_WINDOW: Final = ("nth", "after", "every", "for")
"""Words that count the matches of the others."""
WORDS: Final = (*OF_REQUESTS, *OF_CONNECTIONS, *OF_WINDOW)
"""The words of `when`."""
PATTERN_LENGTH: Final = 4_096
"""`matches` looks at no longer text: a pattern may take the time of its square or cube."""
SEES_REFUSED: Final = frozenset({"verdict", "method", "path", "header", "query"})
"""Naming one of these lets a rule see requests that were refused, too."""


class Undecided(str):
    """In the place of a difference: a pattern took too long, so it is unknown whether there is one."""

    __slots__ = ()


class Condition(NamedTuple):
    """One thing that is asked of a request; `label` names it: `operation`, `attributes FirstName`, …"""

    label: str
    expected: object
    read: Callable[[Any], object]
    pattern: bool = False
    """whether there is a regular expression in what is expected"""

    def holds(self, request: Exchange) -> bool:
        """Whether there is no difference, without the words for one."""
        if type(self.expected) is str:
            value = self.read(request)
            return type(value) is str and value == self.expected
        return self.difference(request) is None

    def difference(self, request: Exchange) -> str | None:
        """None if it holds, else what was expected and what there was, in a phrase; Undecided."""
        value = self.read(request)
        if type(value) is Unreadable:
            return value.why
        if self.pattern and isinstance(value, str) and len(value) > PATTERN_LENGTH:
            return (
                f"the text has {len(value):,} characters, and 'matches' looks at {PATTERN_LENGTH:,} at most"
            )
        try:
            return difference(self.expected, ABSENT if value is None else value, request.search)
        except TooSlow as error:
            return Undecided(error.message)


class _InState(Condition):
    """The condition `in_state`: one of the states that count has to be as expected."""

    __slots__ = ()

    def holds(self, request: Exchange) -> bool:
        """As above."""
        return self.difference(request) is None

    def difference(self, request: Exchange) -> str | None:
        """As above."""
        try:
            if any(difference(self.expected, state, request.search) is None for state in request.states):
                return None
        except TooSlow as error:
            return Undecided(error.message)
        return f"expected {_shown(self.expected)}, got {' and '.join(map(repr, request.states))}"


_OF_CONNECTION: Final[Mapping[str, Callable[[Exchange], object]]] = {
    "nth": lambda request: request.connection_nth,
    "exchange": lambda request: request.exchange_nth,
}


def compiled(when: Mapping[str, object]) -> tuple[Condition, ...]:
    """The conditions of a `when` but for its window. Raises UsageError for an unknown word."""
    conditions: list[Condition] = []
    for word, expected in when.items():
        if word not in WORDS:
            raise UsageError(f"unknown condition {word!r}", hint=did_you_mean(word, WORDS))
        if word == "verdict" and expected == "any":
            continue
        if word in OF_REQUESTS and word in FIELDS:
            conditions.append(_condition(word, expected, FIELDS[word]))
        elif word == "in_state":
            has_patterns = _check_patterns(word, expected)
            conditions.append(_InState(word, any_of(expected), _states, has_patterns))
        elif word not in OF_WINDOW:
            conditions += _each(word, expected)
    return tuple(conditions)


def _states(request: Exchange) -> object:
    return request.states


def _each(word: str, expected: object) -> list[Condition]:
    """A condition for each entry of a map: of `header`, `query`, `attributes`, `body` and `connection`."""
    if not isinstance(expected, Mapping):
        raise UsageError(f"the condition {word!r} is a map, not {expected!r}")
    if word == "body":
        for path in expected:
            if path and not str(path).startswith("/"):
                raise UsageError(f"a place in the body is a JSON pointer such as /userName, not {path!r}")
    reader = {"connection": _connection, "query": _query}.get(word) or MAPS[word]
    return [_condition(f"{word} {name}", value, reader(str(name))) for name, value in expected.items()]


def _condition(label: str, said: object, read: Callable[[Any], object]) -> Condition:
    expected = any_of(said)
    if (wrong := misspelt(expected)) is not None:
        raise UsageError(f"{label}: {wrong[0]}", hint=wrong[1])
    if label == "verdict":
        check_verdict(expected)
    try:
        difference(expected, 1)
    except OverflowError:
        raise UsageError(f"{label}: a number that is too large to compare with") from None
    return Condition(label, expected, read, _check_patterns(label, expected))


def _check_patterns(label: str, expected: object) -> bool:
    """Whether there are patterns in what is expected. Raises UsageError for one that can't be."""
    found = list(patterns_in(expected))
    for pattern in found:
        try:
            patterns.check(pattern)
        except UsageError as error:
            raise UsageError(f"{label}: {error.message}", hint=error.hint) from None
    return bool(found)


def _query(name: str) -> Callable[[Exchange], object]:
    """What reads a field of the query; without a name, all of it as it was sent."""

    def read(request: Exchange) -> object:
        text = as_text(request.target).partition("?")[2]
        if not name:
            return text
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=1_000)
        except ValueError:
            return Unreadable("the query has more than 1,000 fields")
        return next((value for key, value in pairs if key == name), None)

    return read


def _connection(name: str) -> Callable[[Exchange], object]:
    reader = _OF_CONNECTION.get(name)
    if reader is None:
        raise UsageError(
            f"nothing of a connection is called {name!r}", hint=did_you_mean(name, _OF_CONNECTION)
        )
    return reader


def _shown(expected: object) -> str:
    if is_matcher(expected):
        assert isinstance(expected, Mapping)
        if set(expected) == {"any_of"}:
            return " or ".join(map(written, expected["any_of"]))
    return written(expected)


def is_condition(label: str) -> bool:
    """Whether it is the label of a condition, rather than of a rule's window, chance or sequence."""
    return label.partition(" ")[0] in _CONDITIONS


_CONDITIONS: Final = frozenset((*OF_REQUESTS, *OF_CONNECTIONS))


def names(expected: object) -> frozenset[str] | None:
    """The only values that a condition on a name can hold for, or None if they can't be listed."""
    if isinstance(expected, str):
        return frozenset((expected,))
    if isinstance(expected, (list, tuple)) and all(isinstance(name, str) for name in expected):
        return frozenset(expected)
    return None


# -- which of its matches a rule is about --------------------------------------------------------------------


class Window(NamedTuple):
    """Counts are of matches, from 1; times are in virtual seconds. What is None does not limit.

    The window opens after `after`: so many matches, or so long after the rule came into force. It closes after `for`:
    so many matches, or so long after it opened. In it, each `every`-th match counts, beginning with that many.
    """

    nth: object = None
    after_count: int | None = None
    after_time: float | None = None
    every: int | None = None
    for_count: int | None = None
    for_time: float | None = None


class Opened:
    """How far one rule's window is, since the last reset."""

    __slots__ = ("at", "first", "matches", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        """when the rule came into force"""
        self.matches = 0
        self.first = 0
        """the match with which the window opened"""
        self.at: float | None = None
        """when it opened"""


def window_of(when: Mapping[str, object]) -> Window | None:
    """The window of a `when`, or None if it has none. Raises UsageError for what is no count and no time."""
    nth = when.get("nth")
    if isinstance(nth, (list, tuple)):
        nth = {"any_of": list(nth)}
    after_count, after_time = _count_or_time("after", when.get("after"), 0)
    for_count, for_time = _count_or_time("for", when.get("for"), 1)
    try:
        difference(nth, 1)
    except OverflowError:
        raise UsageError("'nth' has a number that is too large to compare with") from None
    every, no_time = _count_or_time("every", when.get("every"), 1)
    if no_time is not None:
        raise UsageError("'every' counts matches", hint="write a whole number")
    window = Window(nth, after_count, after_time, every, for_count, for_time)
    return None if window == Window() else window


def _count_or_time(word: str, said: object, least: int) -> tuple[int | None, float | None]:
    if said is None:
        return None, None
    if isinstance(said, int) and not isinstance(said, bool) and said >= least:
        return said, None
    if isinstance(said, str):
        try:
            length = seconds(said)
        except ValueError:
            length = -1.0
        if length >= 0:
            return None, length
    raise UsageError(f"{word!r} is a number of matches or a length of time such as 3m, not {said!r}")


def outside(window: Window, opened: Opened, now: float) -> str | None:
    """Why the match that was just counted is not in the window, or None."""
    n = opened.matches
    if window.after_count is not None and n <= window.after_count:
        first = "the first one is" if window.after_count == 1 else f"the first {window.after_count} are"
        return f"after: this is match {n}, and {first} let pass"
    if window.after_time is not None and now < opened.since + window.after_time:
        left = opened.since + window.after_time - now
        return f"after: {left:g} s too early, on the host's clock"
    if opened.at is None:
        opened.first = n
        opened.at = now if window.after_time is None else opened.since + window.after_time
    if window.for_count is not None and n - opened.first >= window.for_count:
        first = "the first one" if window.for_count == 1 else f"the first {window.for_count}"
        since = " since the window opened" if opened.first > 1 else ""
        return f"for: this is match {n - opened.first + 1}{since}, and it fires on {first} only"
    if window.for_time is not None and now >= opened.at + window.for_time:
        return f"for: {now - opened.at - window.for_time:g} s too late, on the host's clock"
    if window.every is not None and (n - opened.first + 1) % window.every:
        return f"every: this is match {n - opened.first + 1}, and it fires on every {_ordinal(window.every)} only"
    if window.nth is not None and (text := difference(window.nth, n)) is not None:
        if isinstance(window.nth, int):
            return f"nth: this is match {n}, and it fires on the {_ordinal(window.nth)} only"
        return f"nth: this is match {n}; {text}"
    return None


def _ordinal(n: int) -> str:
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"
