"""Being told to end: Ctrl-C, SIGTERM and a terminal that closes all mean the same, and none may come too early."""

from __future__ import annotations

import _thread
import contextlib
import importlib
import os
import signal
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from mockhost.clock import monotonic

STOP = "stop"
PATIENCE = 0.6
"""Seconds between a signal that asks the process to end and its end, whatever still holds it up."""
_TIDYING = 0.2
"""Seconds that removing files may take then."""

owns_process = False
"""Whether the process is there for one command line only; `mockhost.cli.program` sets it."""


class Signalled(BaseException):
    """A signal asked this process to end, by its `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def raise_them() -> None:
    """Have SIGINT and SIGTERM raise in the main thread, so that a verb removes the files that it made."""
    if owns_process:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, _raise)
        signal.signal(signal.SIGTERM, _raise)


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    leave_within(PATIENCE, 128 + number)  # what is raised in a callback of the interpreter's own is lost
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Signalled(number)


def leave_within(seconds: float, code: int, tidy: Callable[[], None] | None = None) -> None:
    """End the process with `code` after so many seconds, unless it ends by itself before.

    tidy: what to remove then. It runs on a thread of its own, because a lock that it needs may never be free.
    May be called by a signal's handler. Does nothing where the process is not ours to end.
    """
    if owns_process:
        with contextlib.suppress(RuntimeError):  # no further thread can be started
            _thread.start_new_thread(_leave, (seconds, code, tidy))


def _leave(seconds: float, code: int, tidy: Callable[[], None] | None) -> None:
    try:
        done = _thread.allocate_lock()
        done.acquire()
        done.acquire(timeout=seconds)
        if tidy is not None:
            _thread.start_new_thread(_tidy, (tidy, done))
            done.acquire(timeout=_TIDYING)
    finally:
        os._exit(code)


def _tidy(tidy: Callable[[], None], done: _thread.LockType) -> None:
    try:
        tidy()
    finally:
        done.release()


class Bell:
    """What the main thread waits for, so that neither a signal nor another thread finds it asleep. A context.

    A signal that comes just before a lock or a child is waited for does not end that wait: Python's own handler
    runs when the wait is over. So the system's handler writes to a socket (`signal.set_wakeup_fd`), and what is
    waited for is that socket.
    """

    def __init__(self) -> None:
        import socket

        self._ear, self._clapper = socket.socketpair()
        self._clapper.setblocking(False)
        self._before = -1

    def __enter__(self) -> Bell:
        self._before = signal.set_wakeup_fd(self._clapper.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *error: object) -> None:
        signal.set_wakeup_fd(self._before)
        self._ear.close()
        self._clapper.close()

    def ring(self) -> None:
        """End the wait, or the next one. From any thread and from signal handlers, also when all is over."""
        with contextlib.suppress(
            OSError
        ):  # full: a wake-up is pending already; closed: there is no waiter left
            self._clapper.send(b"\0")

    def wait(self, timeout: float | None = None) -> None:
        """Until it has rung, a signal has come or `timeout` seconds are over; it may also end early."""
        self._ear.settimeout(timeout)
        with contextlib.suppress(TimeoutError, BlockingIOError):
            self._ear.recv(4_096)


class Mailbox:
    """Where the main thread of a verb waits. `put` may be called from signal handlers and from any thread.

    leave: called by the handler of each signal that asks to end.
    """

    def __init__(self, leave: Callable[[], None] = lambda: None) -> None:
        self._leave = leave
        self._letters: deque[str] = deque()
        self._bell = Bell()
        self._raises = False
        self._number = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Mailbox:
        """Take over the signals: each is a letter."""
        self._bell.__enter__()
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
            number = getattr(signal, name, None)
            # `nohup` asks that a closing terminal be ignored; Ctrl-C and SIGTERM always count.
            if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
                continue
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._bell.__exit__(*error)

    def starting(self) -> None:
        """Until `ready()` a signal raises Signalled wherever the main thread is; one that came already does so now."""
        importlib.import_module("orjson")  # crashes if something is raised in what it imports
        self._raises = True
        if self._number:
            self._raise()

    def ready(self) -> None:
        """From now on a signal is a letter and no more."""
        self._raises = False

    def put(self, letter: str) -> None:
        """Leave a word for the main thread."""
        self._letters.append(letter)
        self._bell.ring()

    def get(self, timeout: float | None = None) -> str | None:
        """The next word, or None if none came within `timeout` seconds."""
        until = None if timeout is None else monotonic() + timeout
        while not self._letters:
            left = None if until is None else until - monotonic()
            if left is not None and left <= 0:
                return None
            self._bell.wait(left)
        return self._letters.popleft()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # Always a letter: what is raised in a callback of the interpreter's own is lost.
        self._number = number
        self._leave()
        self.put(STOP)
        if self._raises:
            self._raise()

    def _raise(self) -> None:
        self._raises = False  # once is enough
        raise Signalled(self._number)
