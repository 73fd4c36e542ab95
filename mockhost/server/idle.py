"""Kept connections between two requests: one thread waits for all of them, and serves the one that speaks.

The pattern is Leader/Followers (Schmidt and others, 2000). With a thread of its own for each connection, busy ones
pass the interpreter's lock from one processor to another with every system call, which costs as much as half of a
request does, and makes some clients wait for 50 ms. Here the leader answers one request after another. If that takes
long, a follower takes its place: the leader then serves its connection to the next rest as any other thread does.
"""

from __future__ import annotations

import contextlib
import functools
import select
import threading
from collections import deque
from collections.abc import Callable

from mockhost.relief import relieved_by
from mockhost.server.connection import Connection

__all__ = ["IdleConnections"]

_STILL = 20
"""After so many looks without anything new, the next one waits until the leader begins to serve."""


class _Leader:
    """A thread that leads, or has led."""

    __slots__ = ("away", "connection", "turns")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        """which it serves now"""
        self.turns = 0
        """how many it has begun to serve"""
        self.away = False
        """whether the first thread that can may take its place until it is done"""


class IdleConnections:
    """Those of one listener. Without epoll, outside Linux, it takes none.

    - `attend`: serves a connection once it can be read; may park it again; must not raise.
    - `run`: has something done on another thread at once; raises RuntimeError where there is none.
    - `woken`: called when the leader begins to serve after a pause, to `look` from then on every few milliseconds.
    """

    def __init__(
        self,
        attend: Callable[[Connection], object],
        run: Callable[[Callable[[], None]], None],
        woken: Callable[[], None],
    ) -> None:
        self._attend = attend
        self._run = run
        self._woken = woken
        self._lock = threading.Lock()
        self._epoll: select.epoll | None = None
        self._closed = not hasattr(select, "epoll")
        self._parked: dict[int, Connection] = {}
        self._ready: deque[int] = deque()
        self._leader: _Leader | None = None
        self._seen: tuple[_Leader | None, int] = (None, 0)
        self._still = 0
        self._unwatched = True

    def park(self, connection: Connection) -> bool:
        """Take a connection until it can be read; whether it was taken. Call `lead` next: it may be the first."""
        number = connection.fileno()
        with self._lock:
            if self._closed or number < 0:
                return False
            self._parked[number] = connection
            try:
                self._arm(number)
            except OSError:  # no descriptor is left for epoll, or no room for another of its entries
                del self._parked[number]
                return False
            return True

    def _arm(self, number: int) -> None:
        """Be told once that it can be read: while it is served, no other thread touches it."""
        if self._epoll is None:
            self._epoll = select.epoll()
        events = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT
        try:
            self._epoll.modify(number, events)
        except FileNotFoundError:  # its first time
            self._epoll.register(number, events)

    def lead(self) -> None:
        """Serve whatever can be read, until nothing is parked any more; returns at once if another thread does."""
        while True:
            with self._lock:
                if self._leader is not None and not self._leader.away:
                    return
                if not self._parked:
                    self._end_if_closed()
                    return
                self._leader = me = _Leader()
            with relieved_by(functools.partial(self.relieve, me)):
                while self._next(me):
                    pass

    def _next(self, me: _Leader) -> bool:
        """Serve the next one that can be read; whether to go on leading."""
        ready = self._ready
        if not ready:
            assert self._epoll is not None
            ready.extend(number for number, _ in self._epoll.poll())
        connection = self._parked.pop(ready.popleft())
        me.turns += 1
        me.connection = connection
        if self._unwatched:
            self._unwatched = False
            self._woken()
        try:
            self._attend(connection)
        finally:
            with self._lock:
                me.connection, me.away = None, False
                goes_on = self._leader is me
                if goes_on and not self._parked:
                    self._leader, goes_on = None, False
        return goes_on

    def relieve(self, leader: _Leader | None = None) -> None:
        """If the leader is serving a connection, and is this one: have a follower lead, once others are parked."""
        with self._lock:
            leader = leader or self._leader
            if leader is None or leader is not self._leader or leader.connection is None:
                return
            leader.away = True
            if not self._parked:
                return
            self._leader = None
        with contextlib.suppress(
            RuntimeError
        ):  # where no thread is to be had, this one leads again afterwards
            self._run(self.lead)

    def look(self) -> bool:
        """Relieve a leader that serves the same connection as at the last look; whether to look again soon."""
        leader, moved = self._leader, self._moved()
        if leader is not None and leader.connection is not None and not leader.away:
            if not moved:
                self.relieve(leader)
            self._still = 0
            return True
        self._still = 0 if moved else self._still + 1
        if self._still < _STILL:
            return True
        self._unwatched = True
        return self._moved()  # between the look and the line above, when it did not yet say so

    def _moved(self) -> bool:
        leader = self._leader
        seen = (leader, leader.turns if leader is not None else 0)
        before, self._seen = self._seen, seen
        return seen != before

    def close(self) -> None:
        """Take none any more. Those that are parked must be at their end, and are seen out."""
        with self._lock:
            self._closed = True
            if self._leader is None and not self._parked:
                self._end_if_closed()

    def _end_if_closed(self) -> None:
        if self._closed and self._epoll is not None:
            self._epoll.close()
            self._epoll = None
