"""What a thread does before it waits, if others wait for it.

`server.idle` has one thread that answers for many connections; before it waits for another server, or only lets time
go by, another has to take its place. The code that waits knows neither that thread nor the server, and calls `relieve`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

__all__ = ["relieve", "relieved_by"]


class _Mine(threading.local):
    """What is one thread's own."""

    relief: Callable[[], object] | None = None


_mine = _Mine()


@contextlib.contextmanager
def relieved_by(relief: Callable[[], object]) -> Iterator[None]:
    """Within, `relieve` on this thread calls `relief`, which must take any number of calls."""
    outer, _mine.relief = _mine.relief, relief
    try:
        yield
    finally:
        _mine.relief = outer


def relieve() -> None:
    """To be called before anything that may take longer than a few milliseconds and is not work of this process."""
    if _mine.relief is not None:
        _mine.relief()
