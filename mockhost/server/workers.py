"""Threads that serve connections: one each, kept for a while for the next, because starting one costs more."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable

from mockhost.clock import monotonic

Task = Callable[[], None]
_KEPT_FOR = 2.0


class Workers:
    """Runs each task on a thread of its own, new or waiting. What a task raises is dropped."""

    def __init__(self, name: str, idle: int) -> None:
        self._name = name
        self._most_idle = idle
        self._lock = threading.Lock()
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._waiting = 0
        self._count = 0
        self._threads: set[threading.Thread] = set()

    def run(self, task: Task) -> None:
        """Have `task` run at once. Raises RuntimeError where the system gives no more threads."""
        with self._lock:
            if self._waiting:
                self._waiting -= 1
                self._tasks.put(task)
                return
            self._count += 1
            name = f"{self._name}-{self._count}"
        thread = threading.Thread(target=self._work, args=(task,), name=name, daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._threads.discard(thread)
            raise

    def _work(self, task: Task | None) -> None:
        while task is not None:
            with contextlib.suppress(
                Exception
            ):  # it has told its observer; a traceback would tell a user nothing
                task()
            del task  # a waiting thread must not keep its last connection
            with self._lock:
                if self._waiting >= self._most_idle:
                    break
                self._waiting += 1
            try:
                task = self._tasks.get(timeout=_KEPT_FOR)
            except queue.Empty:
                with self._lock:
                    if self._waiting:
                        self._waiting -= 1
                        break
                task = self._tasks.get()  # a caller has just reserved this thread
        self._threads.discard(threading.current_thread())

    def dismiss(self, patience: float) -> bool:
        """End the waiting threads and wait for the busy ones; whether all have ended."""
        until = monotonic() + patience
        with self._lock:
            self._most_idle = 0
            for _ in range(self._waiting):
                self._tasks.put(None)
            self._waiting = 0
        for thread in list(self._threads):
            with contextlib.suppress(RuntimeError):
                thread.join(max(0.0, until - monotonic()))
        return not self._threads
