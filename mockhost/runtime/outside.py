"""Work on connected systems outside of the process: decided and concluded under the lock, performed without it.

What is begun under the lock is done by a thread for each system, one piece of work after the other; what such a piece
begins itself on its system comes next. The caller can wait for all of it once the lock is free again. An autosync is
not waited for.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from mockhost.errors import MockhostError
from mockhost.journal import EventBus
from mockhost.relief import relieve
from mockhost.runtime.epochs import Cut, Epoch
from mockhost.slices import Steps


class Performer(Protocol):
    """What this needs of the runtime."""

    epoch: Epoch
    lock: threading.RLock
    events: EventBus

    def run(self, epoch: Epoch, steps: Steps[object]) -> object:
        """Run steps under the lock, and perform without it what they yield. Raises Cut if the epoch is over."""


class Task:
    """One piece of work."""

    def __init__(self, steps: Steps[object], epoch: Epoch) -> None:
        self._steps = steps
        self.epoch = epoch
        self.over = threading.Event()
        self.result: object = None
        self.problem: MockhostError | None = None
        self.begun: list[Task] = []
        """what was begun by it"""
        self.tell: Callable[[MockhostError], None] | None = None
        """is called with what went wrong, which is then not raised"""

    def run(self, by: Performer) -> None:
        """Do it, unless its epoch is over."""
        try:
            if not self.epoch.cut.is_set():
                self.result = by.run(self.epoch, self._steps)
        except Cut:
            pass
        except MockhostError as error:
            if self.tell is None:
                self.problem = error
            else:
                self.tell(error)
        finally:
            self.over.set()


class _Mine(threading.local):
    """What is one thread's own."""

    noted: list[Task] | None = None
    """where it notes the tasks that it begins"""
    queue: deque[Task] | None = None
    """the queue that it works on"""
    place = 0
    """in that queue, for what its first task begins"""


class Outside:
    """The work that is under way. `begin` is called under the runtime's lock, everything else without it."""

    def __init__(self, by: Performer) -> None:
        self._by = by
        self._changing = threading.Lock()
        self._queues: dict[int, deque[Task]] = {}
        """what waits for the system with this identity, the task that is under way first"""
        self._mine = _Mine()

    def begin(self, system: object, steps: Steps[object]) -> Task:
        """Have this done once what was begun on the same system is over; within a task on it, once that is over."""
        task, mine = Task(steps, self._by.epoch), self._mine
        if mine.noted is not None:
            mine.noted.append(task)
        with self._changing:
            queue = self._queues.setdefault(id(system), deque())
            if queue is mine.queue:
                queue.insert(mine.place, task)
                mine.place += 1
                return task
            queue.append(task)
            if len(queue) == 1:
                name = "mockhost-outside"
                threading.Thread(target=self._run, args=(system, queue), name=name, daemon=True).start()
        return task

    def _run(self, system: object, queue: deque[Task]) -> None:
        self._mine.queue = queue
        while True:
            task, self._mine.place, self._mine.noted = queue[0], 1, queue[0].begun
            try:
                task.run(self._by)
            except Exception as error:  # a mistake of ours, which must not be the end of the others
                self._by.events.publish(
                    "bug", {"error": f"{type(error).__name__}: {error}", "place": __name__}
                )
            with self._changing:
                queue.popleft()
                if not queue:
                    del self._queues[id(system)]
                    return

    @contextmanager
    def noted(self) -> Iterator[list[Task]]:
        """The tasks that this thread begins within."""
        outer = self._mine.noted
        self._mine.noted = found = list[Task]()
        try:
            yield found
        finally:
            self._mine.noted = outer

    def leave(self, tasks: list[Task]) -> None:
        """Add them to the tasks of the `noted` around this one, which then waits for them."""
        if self._mine.noted is not None:
            self._mine.noted.extend(tasks)

    def drop(self) -> None:
        """Let go of those who wait: what is under way belongs to an epoch that is over."""
        with self._changing:
            tasks = [task for queue in self._queues.values() for task in queue]
        for task in tasks:
            task.over.set()


def wait(tasks: list[Task]) -> None:
    """Wait until all of them are over, and what they began. Raises the first of their problems."""
    found = [*tasks]
    if found:
        relieve()
    for task in found:  # which grows
        task.over.wait()
        found += task.begun
    for task in found:
        if task.problem is not None:
            raise task.problem
