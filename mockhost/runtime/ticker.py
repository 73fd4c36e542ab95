"""The thread that runs due jobs while the virtual clock runs by itself."""

from __future__ import annotations

import threading
from typing import Protocol

from mockhost.clock import VirtualClock
from mockhost.errors import place_of
from mockhost.journal import EventBus


class Ticked(Protocol):
    """What the ticker needs of the runtime."""

    lock: threading.RLock
    events: EventBus

    @property
    def clock(self) -> VirtualClock: ...


class Ticker:
    """Runs due jobs under the runtime's lock, once it is started, and until it is stopped."""

    def __init__(self, runtime: Ticked) -> None:
        self._runtime = runtime
        self._wake = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="mockhost-clock", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Look again at what is due when: something was scheduled."""
        self._wake.set()

    def stop(self) -> None:
        self._ended = True
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def _run(self) -> None:
        while not self._ended:
            with self._runtime.lock:
                self._run_due()
                due = self._runtime.clock.next_due()
                wait = None if due is None else self._runtime.clock.wall_seconds_until(due)
            self._wake.wait(60.0 if wait is None else min(wait + 0.001, 60.0))
            self._wake.clear()

    def _run_due(self) -> None:
        try:
            self._runtime.clock.run_due()
        except Exception as error:
            # One job with a mistake of ours in it must not be the end of all others.
            told = {"error": f"{type(error).__name__}: {error}", "place": place_of(error)}
            self._runtime.events.publish("bug", told)
