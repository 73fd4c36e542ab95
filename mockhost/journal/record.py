"""The bounded record itself: entries go in as they were, the oldest go out, and readers never wait for writers.

A client decides how long most parts of an exchange are, so every one has a limit. `…` marks what was cut.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from sys import getsizeof
from typing import Final

from mockhost import nesting
from mockhost.exchange import FORGETFUL, OPERATIONS, Connection, Exchange, Headers
from mockhost.journal import verification
from mockhost.journal.sink import Sink
from mockhost.journal.verification import VerifyResult, Window

RETIRED: Final = 100
"""Secrets that were replaced and are still taken out of what is shown: the latest so many."""
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


class Journal:
    """Exchanges and connections of one epoch, as many as the limits allow.

    `limit` counts exchanges (and connections), `max_bytes` their memory, `body_limit` what is kept of a body;
    `key` is the run's, for fingerprints of credentials. Thread-safe. An exchange belongs to the journal once it
    is added: what is too long in it is cut, and only `finish` changes it afterwards. It is kept as it was on the
    wire; `sink` takes the secrets out of whatever is shown.
    """

    def __init__(
        self,
        *,
        key: bytes,
        limit: int = 1_000,
        max_bytes: int = 32 * 1024 * 1024,
        body_limit: int = 64 * 1024,
    ) -> None:
        self.limit = limit
        self.max_bytes = max_bytes
        self.body_limit = body_limit
        self.epoch = 0
        self.dropped = 0
        """how many exchanges of this epoch are gone for want of room"""
        self.dropped_connections = 0
        self._lock = threading.Lock()
        self.sink = Sink(key)
        """takes secrets out of what leaves"""
        self._secrets: dict[str, None] = {}
        self._known: dict[str, None] = {}
        self._rules = _HeldRules()
        self._entries: deque[Exchange] = deque()
        self._connections: deque[Connection] = deque()
        self._size = 0
        self._last = 0
        self._dropped_through = 0

    # ---- exchanges ----

    def add(self, exchange: Exchange) -> bool:
        """Keep an exchange. It gets the next number unless it has one above the last.

        False, and nothing is kept, if it belongs to an earlier epoch: what a reset cut off writes nothing.
        """
        if exchange.epoch < self.epoch:
            return False
        _keep_within(exchange, self.body_limit)
        exchange.sink = self.sink
        with self._lock:
            if exchange.epoch < self.epoch:
                return False
            if exchange.number <= self._last:
                exchange.number = self._last + 1
            self._last = exchange.number
            self._entries.append(exchange)
            self._size += exchange.size
            if exchange.considered:
                self._size += self._rules.hold(exchange.considered)
            if len(self._entries) > self.limit or self._size > self.max_bytes:
                self._make_room()
        return True

    def _make_room(self) -> None:
        entries = self._entries
        while entries and (len(entries) > self.limit or self._size > self.max_bytes):
            oldest = entries.popleft()
            self._size -= oldest.size
            if oldest.considered:
                self._size -= self._rules.release(oldest.considered)
            self.dropped += 1
            self._dropped_through = oldest.number

    def finish(
        self,
        exchange: Exchange,
        *,
        streamed: int | None = None,
        took: float | None = None,
        bug: str | None = None,
    ) -> None:
        """Complete an exchange that was added while its answer was still on the way: `streamed` bytes, in all."""
        if streamed is not None:
            exchange.streamed = exchange.answer_length = streamed
        if took is not None:
            exchange.took = took
        if bug is not None:
            exchange.bug = clipped(bug, BUG)

    def answered(self, exchange: Exchange, status: int, headers: Headers, body: bytes | None) -> None:
        """Complete an exchange whose answer hung, and follows after all."""
        answer = Exchange(
            at=exchange.at, method="", target="", status=status, answer_headers=headers, answer_body=body
        )
        _keep_within(answer, self.body_limit)
        with self._lock:
            for word in ("status", "answer_headers", "answer_body", "answer_length", "answer_digest"):
                setattr(exchange, word, getattr(answer, word))
            exchange.size += len(answer.answer_body or b"")
            if exchange in self._entries:
                self._size += len(answer.answer_body or b"")
                self._make_room()

    # ---- connections ----

    def opened(self, connection: Connection) -> None:
        """Keep a connection, unless it is of an earlier epoch. Who opened it may go on filling it in."""
        with self._lock:
            if connection.epoch < self.epoch:
                return
            connection.sink = self.sink
            self._connections.append(connection)
            if len(self._connections) > self.limit:
                self._connections.popleft()
                self.dropped_connections += 1

    @property
    def connections(self) -> list[Connection]:
        """The connections, oldest first."""
        with self._lock:
            return list(self._connections)

    def clear(self, epoch: int | None = None) -> None:
        """Forget everything. With a new `epoch`, whatever of an older one is still on the way writes nothing."""
        with self._lock:
            if epoch is not None:
                self.epoch = epoch
                self._last = 0
            self._entries.clear()
            self._rules = _HeldRules()
            self._connections.clear()
            self._size = 0
            self.dropped = self.dropped_connections = 0
            self._dropped_through = 0
            if self._known != self._secrets:
                self._known = dict(self._secrets)
                self.sink.learn(self._known)

    def forget(self, connector: str) -> int:
        """Drop the exchanges of one connector, as its reset does; how many there were. Numbers continue."""
        with self._lock:
            kept = [each for each in self._entries if each.connector != connector]
            removed = len(self._entries) - len(kept)
            self._entries = deque(kept)
            self._rules = _HeldRules()
            self._size = sum(each.size + self._rules.hold(each.considered) for each in kept)
        return removed

    # ---- secrets ----

    @property
    def secrets(self) -> list[str]:
        """Texts that are taken out of whatever is shown: secret tokens, and values that came from the environment.

        What was secret stays so until `clear`: a client may go on using a token that was rotated.
        """
        return list(self._secrets)

    @secrets.setter
    def secrets(self, values: Iterable[str]) -> None:
        with self._lock:
            self._secrets = dict.fromkeys(values)
            self._learn(())

    def remember(self, secrets: Iterable[str]) -> None:
        """Take these out of what is shown, too, until `clear`, as far as there is room for them."""
        with self._lock:
            self._learn(secrets)

    def _learn(self, more: Iterable[str]) -> None:
        if not {*self._secrets, *more} <= self._known.keys():
            retired = [each for each in (*self._known, *more) if each not in self._secrets]
            self._known = dict.fromkeys([*retired[-RETIRED:], *self._secrets])
            self.sink.learn(self._known)

    # ---- reading ----

    @property
    def last(self) -> int:
        """The number of the latest exchange, 0 before the first: a mark for `since`."""
        return self._last

    @property
    def size(self) -> int:
        """About how many bytes the exchanges take."""
        return self._size

    def entries(self, *, since: int = 0, **conditions: object) -> list[Exchange]:
        """The exchanges after number `since`, oldest first, for which every condition holds.

        Conditions are those of `verify`: connector, operation, status, method, id, attributes, …; literals, lists
        or matchers. Raises UsageError for one that is unknown.
        """
        with self._lock:
            chosen = [each for each in self._entries if each.number > since] if since else list(self._entries)
        if not conditions:
            return chosen
        operations = OPERATIONS | {each.operation for each in chosen}
        compiled = verification.compile_conditions(conditions, self.sink, operations)
        return verification.select(compiled, chosen)

    def get(self, number: int) -> Exchange | None:
        """The exchange of this number, or None if there is none or it is gone."""
        return next((each for each in self.entries() if each.number == number), None)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.entries())

    def __repr__(self) -> str:
        return f"<Journal of epoch {self.epoch}: {len(self)} exchanges, {self.dropped} dropped>"

    def verify(self, spec: Mapping[str, object]) -> VerifyResult:
        """Whether an assertion holds; see `mockhost.journal.verification` for its words.

        An assertion that the loss of entries could have changed fails and says so. Raises UsageError for an
        invalid specification.
        """
        nesting.check(spec, "the assertion")
        since = verification.since_of(spec)
        with self._lock:
            lost = self.dropped if self._dropped_through > since else 0
            window = Window([each for each in self._entries if each.number > since], lost)
        return verification.verify(spec, window, self.sink)


# -- what is kept of each part of an exchange, and how much memory that is --


def clipped(text: str, limit: int) -> str:
    """The text, or its beginning if it is longer than the limit."""
    return text if len(text) <= limit else text[: limit - 1] + _CUT


def _keep_within(exchange: Exchange, body_limit: int) -> None:
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
        characters = sum(map(len, chain.from_iterable(headers)))
        size += 170 * len(headers) + characters
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


class _HeldRules:
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
