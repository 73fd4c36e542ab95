"""How psycopg reads what ECMA has no type for: as PostgreSQL writes it, and so as it takes it back.

Python's form of JSON, of an array or of an interval is none that PostgreSQL knows, and Python has no infinite times.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

_TIMES: Final = ("date", "time", "timetz", "timestamp", "timestamptz")
_AS_WRITTEN: Final = ("json", "jsonb", "interval")


def read_as_written(connection: Any) -> None:
    """Have a connection give texts for JSON, arrays, intervals, ranges, and times that Python does not have.

    Those of other drivers than psycopg are left alone. What SQLAlchemy's inspector reads must stay lists.
    """
    try:
        from psycopg import Connection
        from psycopg.types.multirange import MultirangeInfo
        from psycopg.types.range import RangeInfo
        from psycopg.types.string import TextLoader
    except ImportError:
        return
    if not isinstance(connection, Connection):
        return
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
