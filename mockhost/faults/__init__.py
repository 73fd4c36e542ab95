"""Faults: everything that can be wrong with an answer, a connection or the host, each by its name.

One fault is one function in one of five modules, which is imported when a scenario or a test names it.
"""

from __future__ import annotations

from mockhost.faults.catalogue import (
    ALIASES,
    ELSEWHERE,
    FAULTS,
    GROUPS,
    everything,
    exists,
    find,
    installed,
)

__all__ = ["ALIASES", "ELSEWHERE", "FAULTS", "GROUPS", "everything", "exists", "find", "installed"]
