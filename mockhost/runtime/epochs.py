"""Epochs: the times between two resets. What hangs on a connection of an older one answers and writes nothing."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import NamedTuple

from mockhost.errors import MockhostError
from mockhost.journal import Connection


class Cut(MockhostError):
    """The connection belongs to an epoch that is over: nothing may be answered on it."""


class Epoch:
    """The time between two resets."""

    __slots__ = ("connections", "cut", "number")

    def __init__(self, number: int, connections: Iterator[int] | None = None) -> None:
        self.number = number
        self.cut = threading.Event()
        self.connections = connections or itertools.count(1)
        """gives each connection of the epoch its place"""


class Admission(NamedTuple):
    """What a connection carries: the epoch in which it was opened, and its place in the journal."""

    epoch: Epoch
    record: Connection
    nth: int
    """which connection of its epoch it is, from 1"""
