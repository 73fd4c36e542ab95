"""The table of operations on a running host: plain data, one row each.

`docs/how-to/add-an-operation.md` says how to add one.
"""

from __future__ import annotations

from functools import cache

from mockhost.errors import UsageError, did_you_mean
from mockhost.operations.row import EVENTS, Operation
from mockhost.operations.table import CLASS, CONNECTORS, HOST, JOURNAL, PORTAL, RULES

__all__ = ["CLASS_TABLE", "EVENTS", "TABLE", "find"]

TABLE: tuple[Operation, ...] = (*HOST, *CONNECTORS, *RULES, *JOURNAL, *PORTAL)
CLASS_TABLE: tuple[Operation, ...] = (*TABLE, *CLASS)
"""What the control plane of a class has beside that."""


@cache
def _by_name() -> dict[str, Operation]:
    return {operation.name: operation for operation in CLASS_TABLE}


def find(name: str) -> Operation:
    """The operation of this name. Raises UsageError."""
    found = _by_name().get(name)
    if found is None:
        raise UsageError(f"there is no operation {name!r}", hint=did_you_mean(name, _by_name()))
    return found
