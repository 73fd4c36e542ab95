"""Being told to end: Ctrl-C, SIGTERM and a terminal that closes all mean the same, and none may come too early."""

from __future__ import annotations

import os
import queue
import signal
from types import FrameType
from typing import Any

STOP = "stop"


class Told(BaseException):
    """Somebody asked this process to end while it was still starting."""


class Mailbox:
    """Where the main thread of a verb waits. `put` may be called from signal handlers and from any thread.

    A SimpleQueue's `put` is reentrant; an Event's `set` is not and could wait for the very thread it interrupts.
    """

    def __init__(self) -> None:
        self._letters: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._ready = False
        self._told = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Mailbox:
        """Take over the signals. Until `ready()` one of them raises Told wherever the main thread is."""
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

    def ready(self) -> None:
        """From now on a signal is a letter."""
        self._ready = True

    def put(self, letter: str) -> None:
        """Leave a word for the main thread."""
        self._letters.put(letter)

    def get(self, timeout: float | None = None) -> str | None:
        """The next word, or None if none came within `timeout` seconds."""
        if os.name == "nt":
            # There a wait without a limit can't be interrupted by Ctrl-C.
            timeout = min(timeout or 0.5, 0.5)
        try:
            return self._letters.get(timeout=timeout)
        except queue.Empty:
            return None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # Always a letter: what is raised in a callback of the interpreter's own is lost.
        self._letters.put(STOP)
        if not (self._ready or self._told):
            self._told = True
            raise Told
