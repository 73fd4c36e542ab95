"""How psycopg reads what ECMA has no type for, and how long it waits for a server.

Such values are read as PostgreSQL writes them, and so as it takes them back: Python's form of JSON, of an array or of
an interval is none that PostgreSQL knows, and Python has no infinite times.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import cache
from typing import Any, Final

from mockhost.clock import monotonic

_TIMES: Final = ("date", "time", "timetz", "timestamp", "timestamptz")
_AS_WRITTEN: Final = ("json", "jsonb", "interval")


def read_as_written(connection: Any) -> None:
    """Have a connection give texts for JSON, arrays, intervals, ranges, and times that Python does not have.

    Those of other drivers than psycopg are left alone. What SQLAlchemy's inspector reads must stay lists.
    """
    if not _is_psycopg(connection):
        return
    from psycopg.types.multirange import MultirangeInfo
    from psycopg.types.range import RangeInfo
    from psycopg.types.string import TextLoader

    adapters = connection.adapters
    for each in list(adapters.types):
        if each.name in _AS_WRITTEN or isinstance(each, (RangeInfo, MultirangeInfo)):
            adapters.register_loader(each.oid, TextLoader)
        if each.array_oid:
            adapters.register_loader(each.array_oid, TextLoader)
        if each.name in _TIMES:
            adapters.register_loader(each.oid, _time_or_text(each.oid))


@cache
def _time_or_text(oid: int) -> Any:
    """The loader of a type of times that gives the text of what Python does not have."""
    from psycopg import DataError, adapters
    from psycopg.adapt import Loader
    from psycopg.pq import Format

    known: Any = adapters.get_loader(oid, Format.TEXT)

    class TimeOrText(Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._known = known(oid, context)

        def load(self, data: Any) -> Any:
            try:
                return self._known.load(data)
            except DataError:
                return bytes(data).decode()

    return TimeOrText


def give_up_after(connection: Any, seconds: float) -> None:
    """Close a connection of psycopg when its server sends nothing for so long.

    libpq waits indefinitely for a server that hangs, or to which the network is gone.
    """
    if not _is_psycopg(connection):
        return
    wait = connection.wait

    def limited(steps: Generator[int, int, Any], *how: Any, **named: Any) -> Any:
        try:
            return wait(_limited(steps, seconds), *how, **named)
        except _silent():
            connection.close()
            raise

    connection.wait = limited


def _limited(steps: Generator[int, int, Any], seconds: float) -> Generator[int, int, Any]:
    """What psycopg waits for, step by step. Raises OperationalError after a step that took too long."""
    since = monotonic()
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if ready:
                since = monotonic()
            elif monotonic() - since > seconds:
                raise _silent()(f"the server sent nothing for {seconds:g} s")
            wanted = steps.send(ready)
    except StopIteration as end:
        return end.value


@cache
def _silent() -> Any:
    from psycopg import OperationalError

    class SilentServer(OperationalError):
        """A server sends nothing."""

    return SilentServer


def _is_psycopg(connection: Any) -> bool:
    try:
        from psycopg import Connection
    except ImportError:
        return False
    return isinstance(connection, Connection)
