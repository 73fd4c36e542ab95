"""What has happened to the host that the event logs of its Windows server have not been told yet.

The server is made with the first command, and its logs read this whenever they are looked at. It is bounded by
itself, whatever the journal still has: each kind has its own room, so that requests push out no failure, and failures
no start of the service.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

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


class _Kind:
    """What happened of one kind, the latest of it."""

    def __init__(self) -> None:
        self.items: deque[tuple[int, int, Any]] = deque()
        self.used = 0

    def add(self, number: int, size: int, item: Happened, room: int) -> None:
        self.items.append((number, size, item))
        self.used += size
        while self.used > room:
            self.used -= self.items.popleft()[1]


class Backlog:
    """Not thread-safe: the runtime's lock guards it."""

    def __init__(self) -> None:
        self.room = ROOM
        """bytes of the exchanges of each kind"""
        self._count = 0
        self._events, self._requests, self._exports, self._failures = _Kind(), _Kind(), _Kind(), _Kind()

    def event(self, event: Started | Stopped | Imported) -> None:
        """Keep what happened to the service."""
        self._count += 1
        self._events.add(self._count, 1, event, _EVENTS)

    def exchange(self, exchange: Exchange) -> None:
        """Keep an exchange; it may be completed later."""
        status = exchange.status or 500
        kind = self._requests
        if status >= 500 or (status >= 400 and exchange.operation.startswith(WRITES)):
            kind = self._failures
        elif exchange.native:
            kind = self._exports
        self._count += 1
        kind.add(self._count, exchange.size, exchange, self.room)

    def exchanges(self) -> list[Exchange]:
        """The exchanges that wait, of each kind the oldest first."""
        kinds = (self._requests, self._exports, self._failures)
        return [item for kind in kinds for _, _, item in kind.items]

    def take(self) -> list[Happened]:
        """Everything since the last time, the oldest first."""
        kinds = (self._events, self._requests, self._exports, self._failures)
        found = sorted(each for kind in kinds for each in kind.items)
        for kind in kinds:
            kind.items.clear()
            kind.used = 0
        return [item for _, _, item in found]
