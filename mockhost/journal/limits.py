"""What the journal keeps of each part of an exchange, and how much memory that is.

A client decides how long most of these are, so every one has a limit. `…` marks what was cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from sys import getsizeof
from typing import Final

from mockhost.exchange import FORGETFUL, Exchange, Headers

TARGET: Final = 16 * 1024
"""characters; http.sys takes no longer one (`MaxRequestBytes`)"""
HEADERS: Final = 64 * 1024
"""characters of all names and values of a head together"""
NAME: Final = 1_000
"""characters of a name (of a connector, rule, state, fault, method), and of who is concerned"""
REASON: Final = 1_000
BUG: Final = 2_000
STATEMENT: Final = 4_000
"""characters of one native statement"""
MANY: Final = 100
"""native statements, states and faults, and rules that passed the request on"""
_TEXTS: Final = (
    ("target", TARGET),
    ("method", NAME),
    ("connector", NAME),
    ("id", NAME),
    ("known_who", NAME),
    ("reason", REASON),
    ("bug", BUG),
    ("rule", NAME),
)
_OVERHEAD: Final = 1_200
"""about the bytes that an exchange takes besides its texts"""
_CUT: Final = "…"


def clipped(text: str, limit: int) -> str:
    """The text, or its beginning if it is longer than the limit."""
    return text if len(text) <= limit else text[: limit - 1] + _CUT


def keep_within(exchange: Exchange, body_limit: int) -> None:
    """Cut what is too long in an exchange, and set its lengths and size."""
    e = exchange
    e.parsed, e.searches = FORGETFUL, None
    body, answer = e.body, e.answer_body
    e.body_length = len(body)
    e.answer_length = e.streamed if answer is None else len(answer)
    size = _OVERHEAD
    if len(body) > body_limit:
        e.body, e.body_digest = body[:body_limit], hashlib.sha256(body).hexdigest()
    if answer is not None and len(answer) > body_limit:
        e.answer_body, e.answer_digest = answer[:body_limit], hashlib.sha256(answer).hexdigest()
    size += len(e.body) + len(e.answer_body or b"") + getsizeof(e.base_url)
    for word, limit in _TEXTS:
        text = getattr(e, word)
        if text is not None:
            if len(text) > limit:
                text = clipped(text, limit)
                setattr(e, word, text)
            size += getsizeof(text)
    for word in ("headers", "answer_headers"):
        headers = tuple(getattr(e, word))
        characters = 0
        for name, value in headers:
            characters += len(name) + len(value)
            size += 170 + len(name) + len(value)
        setattr(e, word, headers if characters <= HEADERS else _cut(headers))
    if e.native:
        e.native = tuple(clipped(each, STATEMENT) for each in e.native[:MANY])
        size += sum(map(getsizeof, e.native))
    if e.states:
        e.states = tuple(clipped(each, NAME) for each in e.states[:MANY])
        size += sum(map(getsizeof, e.states))
    if e.faults:
        e.faults = tuple(e.faults[:MANY])
        size += 8 * len(e.faults)
    if e.passed:
        e.passed = [(clipped(rule, NAME), clipped(why, REASON)) for rule, why in e.passed[:MANY]]
        size += sum(120 + getsizeof(rule) + getsizeof(why) for rule, why in e.passed)
    e.size = size


def _cut(headers: Headers) -> Headers:
    """The beginning of a head that is too long."""
    left = HEADERS
    for place, (name, value) in enumerate(headers):
        left -= len(name) + len(value)
        if left < 0:
            rest = (clipped(name, NAME), clipped(value, max(1, left + len(value))))
            return (*headers[:place], rest, (_CUT, f"{len(headers) - place - 1} more"))
    return headers


class Rules:
    """The rules that exchanges hold for near misses, which may be gone from the host: each list is counted once."""

    def __init__(self) -> None:
        self._held: dict[int, list[int]] = {}

    def hold(self, considered: Sequence[object]) -> int:
        """One more exchange has this list; the memory that this adds."""
        if not considered:
            return 0
        held = self._held.get(id(considered))
        if held is None:
            held = self._held[id(considered)] = [0, _weight(considered)]
            held[0] += 1
            return held[1]
        held[0] += 1
        return 0

    def release(self, considered: Sequence[object]) -> int:
        """One exchange less has it; the memory that this frees."""
        held = self._held[id(considered)]
        held[0] -= 1
        if held[0]:
            return 0
        del self._held[id(considered)]
        return held[1]


def _weight(considered: Sequence[object]) -> int:
    return 8 * len(considered) + sum(getattr(rule, "weight", 0) for rule in considered)
