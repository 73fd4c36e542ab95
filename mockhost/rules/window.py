"""`nth`, `after`, `every` and `for`: which of its matches a rule is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mockhost.durations import seconds
from mockhost.errors import UsageError
from mockhost.matching import difference


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


def compiled(when: Mapping[str, object]) -> Window | None:
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
