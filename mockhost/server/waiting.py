"""Letting time go by on a connection's thread, so that whatever ends the wait ends it at once.

A thread that waits looks at two sockets: its client's, which tells that the client has gone, and one that all who
wait share and that a `Bell` makes readable to wake them. Sleeping would notice neither.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator

# Neither needs a descriptor of its own, and only `select` has a limit on the numbers of descriptors.
_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


class _Rope:
    """Two connected sockets: closing `pulled` makes `heard` readable for everybody, and for good."""

    __slots__ = ("heard", "holders", "pulled")

    def __init__(self) -> None:
        self.heard, self.pulled = socket.socketpair()
        self.holders = 0


class Bell:
    """Wakes every thread of a listener that waits. Costs nothing without a waiter."""

    __slots__ = ("_lock", "_rope", "released")

    def __init__(self) -> None:
        self.released = 0
        """how often hangs were let go; who hangs compares it with what it was when the request came"""
        self._lock = threading.Lock()
        self._rope: _Rope | None = None

    def ring(self) -> None:
        """Wake all who wait, so that they look whether there is still something to wait for."""
        with self._lock:
            rope, self._rope = self._rope, None
            if rope is not None:
                rope.pulled.close()

    def release(self) -> None:
        """Let every hang go that has begun, or whose request is already being answered."""
        self.released += 1
        self.ring()

    @contextlib.contextmanager
    def within_earshot(self) -> Iterator[socket.socket]:
        """A socket that becomes readable when the bell rings. Look for reasons to wait after entering, not before."""
        with self._lock:
            rope = self._rope = self._rope or _Rope()
            rope.holders += 1
        try:
            yield rope.heard
        finally:
            with self._lock:
                rope.holders -= 1
                if not rope.holders:
                    rope.heard.close()
                    rope.pulled.close()
                    if self._rope is rope:
                        self._rope = None


def quiet(heard: socket.socket, client: socket.socket | None, seconds: float | None) -> bool:
    """Wait until the bell rings, the client says something or goes, or the time is over; whether only time went by.

    `client`: None if nothing is to be learned from it any more.
    """
    with _Selector() as selector:
        selector.register(heard, selectors.EVENT_READ)
        if client is not None:
            selector.register(client, selectors.EVENT_READ)
        return not any(key.fileobj is client for key, _ in selector.select(seconds))
