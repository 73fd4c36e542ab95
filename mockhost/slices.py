"""Work that may take long, cut into slices: what an exchange does outside the lock, on a snapshot or bit by bit.

Code with long work yields it in slices to the holder of the lock (`Runtime.run`), who lets go of it, performs the
work and sends the result back. Work calls `pause` after each slice of about `SLICE` comparisons.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Final, TypeAlias, TypeVar

Pause: TypeAlias = "Callable[[], None]"
"""Lets other threads go first for a moment; raises what ends the work when its result is no longer wanted."""
Work: TypeAlias = "Callable[[Pause], object]"
"""What is performed outside the lock."""
T = TypeVar("T")
Steps: TypeAlias = "Generator[Work, object, T]"
"""What happens under a lock, but for the work that it yields."""

SLICE: Final = 2_000
"""Comparisons from one pause to the next: one or two milliseconds."""


def paced(items: Iterable[T], size: int, pause: Pause) -> Iterator[T]:
    """The items, with a pause after each `size` of them."""
    rest = iter(items)
    while some := list(itertools.islice(rest, size)):
        yield from some
        pause()


def rest(pause: Pause) -> None:
    """Work that does nothing but let others have the lock: between slices that need it."""
    pause()


def performed(call: Callable[[], T]) -> Steps[T]:
    """One call that may take long, as the only work."""
    return (yield lambda _: call())  # type: ignore[return-value]


def within(
    context: Callable[[], AbstractContextManager[object]],
    steps: Steps[T],
    around: Callable[[Work], Work] = lambda work: work,
) -> Steps[T]:
    """The steps, each in a context that ends before the lock is let go of. `around` makes their work another one."""
    outcome: object = None
    problem: Exception | None = None
    while True:
        try:
            with context():
                work = steps.send(outcome) if problem is None else steps.throw(problem)
        except StopIteration as over:
            return over.value  # type: ignore[no-any-return]
        outcome = problem = None
        try:
            outcome = yield around(work)
        except Exception as error:
            problem = error


def at_once(steps: Steps[T]) -> T:
    """Run steps to their end without letting go of anything."""
    outcome: object = None
    try:
        work = next(steps)
        while True:
            try:
                outcome = work(no_pause)
            except Exception as error:
                work = steps.throw(error)
            else:
                work = steps.send(outcome)
    except StopIteration as over:
        return over.value  # type: ignore[no-any-return]


def no_pause() -> None:
    """Go on at once."""
