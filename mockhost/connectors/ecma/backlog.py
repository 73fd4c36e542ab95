"""What has happened to the host that the event logs of its Windows server have not been told yet.

The server is made with the first command, and its logs read this whenever they are looked at. It is bounded by
itself, whatever the journal still has: each kind has its own room, so that requests push out no failure, and failures
no start of the service.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from mockhost.connectors.ecma.config import ConnectorConfig
from mockhost.exchange import Exchange

ROOM: Final = 2 * 1024 * 1024
"""Bytes of exchanges of each kind: four times what a log of Windows' usual 512 KB holds of them."""
_EVENTS: Final = 1_000
WRITES: Final = ("create_", "replace_", "patch_", "delete_")


class Started(NamedTuple):
    """The service started: what it read."""

    at: float
    debug: bool
    pages: Mapping[str, ConnectorConfig]


class Stopped(NamedTuple):
    """The service stopped."""

    at: float


class Imported(NamedTuple):
    """An import ended. problem: why it did nothing, or None. objects: how many the cache holds."""

    at: float
    connector: str
    profile: str
    problem: str | None
    objects: int


Happened: TypeAlias = "Started | Stopped | Imported | Exchange"


class _Kept:
    """The latest exchanges of one kind, each with its number and size."""

    def __init__(self) -> None:
        self.items: deque[tuple[int, Exchange, int]] = deque()
        self.used = 0


class Backlog:
    """Not thread-safe: the runtime's lock guards it."""

    def __init__(self) -> None:
        self.room = ROOM
        """bytes of the exchanges of each kind"""
        self._count = 0
        self._events: deque[tuple[int, Started | Stopped | Imported]] = deque(maxlen=_EVENTS)
        self._requests, self._exports, self._failures = _Kept(), _Kept(), _Kept()

    def event(self, event: Started | Stopped | Imported) -> None:
        """Keep what happened to the service."""
        self._count += 1
        self._events.append((self._count, event))

    def exchange(self, exchange: Exchange) -> None:
        """Keep an exchange; it may be completed later."""
        status = exchange.status or 500
        kind = self._requests
        if status >= 500 or (status >= 400 and exchange.operation.startswith(WRITES)):
            kind = self._failures
        elif exchange.native:
            kind = self._exports
        self._count += 1
        kind.items.append((self._count, exchange, exchange.size))
        kind.used += exchange.size
        while kind.used > self.room:
            kind.used -= kind.items.popleft()[2]

    def exchanges(self) -> list[Exchange]:
        """The exchanges that wait, of each kind the oldest first."""
        kinds = (self._requests, self._exports, self._failures)
        return [exchange for kind in kinds for _, exchange, _ in kind.items]

    def take(self) -> list[Happened]:
        """Everything since the last time, the oldest first."""
        found: list[tuple[int, Happened]] = list(self._events)
        self._events.clear()
        for kind in (self._requests, self._exports, self._failures):
            found += [(number, exchange) for number, exchange, _ in kind.items]
            kind.items.clear()
            kind.used = 0
        return [happened for _, happened in sorted(found, key=itemgetter(0))]
