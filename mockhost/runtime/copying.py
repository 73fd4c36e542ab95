"""A second set of a running mock's state: what can change is copied, what never changes is shared.

Both stores are a frozen base and an overlay, so a copy costs what was changed since the start, not what there is.
Due jobs are a bound method or a `partial` of plain values, so that a copy's jobs act on the copy; a function that
holds on to state of its own can't be copied, and is refused.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from types import FunctionType, MethodType
from typing import Any, Final

from mockhost.clock import Chance
from mockhost.connectors.ecma.config import ConnectorConfig, HostConfig
from mockhost.connectors.ecma.kinds import Kind
from mockhost.connectors.tables import Base, Rows
from mockhost.journal import Connection, Exchange
from mockhost.rules import Rule
from mockhost.rules.states import Blueprint, State
from mockhost.scenario.model import Moment, Scenario

FROZEN: Final[tuple[type, ...]] = (
    *(
        Base,
        Rows,
        Rule,
        Blueprint,
        State,
        Moment,
        Scenario,
        ConnectorConfig,
        HostConfig,
        Kind,
        Chance,
        Exchange,
        Connection,
        Enum,
    ),
)
"""What never changes once it is there (an exchange: once it is over)."""
_FROZEN_ROOMS: Final = (
    "mockhost.connectors.provider.",
    "mockhost.connectors.proxy.",
    "mockhost.tls.",
    "mockhost.faults.",
    "mockhost.scenario.",
    # A fork makes its own afterwards (`System.separate`).
    "mockhost.connectors.systems.database",
    "mockhost.connectors.systems.directory",
    "mockhost.connectors.systems.slapd",
)
_MUTABLE: Final = frozenset(
    {
        "ProxyConnector",
        "ProviderConnector",
        "Provider",
        "Resources",
        "Shelf",
        "Stored",
        "Memberships",
        "Finder",
    }
)
"""In those rooms whatever is not among these is made from configuration, and shared."""
_LOCK, _RLOCK = type(threading.Lock()), type(threading.RLock())


class Copier:
    """Copies objects and what they refer to, each once. `instead`: what replaces some of them, by identity."""

    def __init__(self, instead: dict[int, object]) -> None:
        self._copies = instead
        self._kept: list[object] = []  # whose identity is remembered must live as long

    def __call__(self, value: Any) -> Any:
        kind = type(value)
        copy = _BY_TYPE.get(kind)
        if copy is _same or isinstance(value, FROZEN):
            return value
        known = self._copies.get(id(value), self)
        if known is not self:
            return known
        if copy is None:
            copy = _of_object if kind.__module__.startswith("mockhost.") else _same
            if isinstance(value, tuple):
                copy = _of_tuple
            elif kind.__module__.startswith(_FROZEN_ROOMS) and kind.__name__ not in _MUTABLE:
                copy = _same
        return copy(self, value)

    def remember(self, value: object, copied: Any) -> Any:
        """This is the copy of that, also for everything that refers to it."""
        self._kept.append(value)
        self._copies[id(value)] = copied
        return copied


def _same(_: Copier, value: Any) -> Any:
    return value


def _of_dict(copy: Copier, value: dict[Any, Any]) -> Any:
    copied = copy.remember(value, type(value)())
    for key, item in list(value.items()):  # at once: connections are noted without the lock
        copied[copy(key)] = copy(item)
    return copied


def _of_list(copy: Copier, value: list[Any]) -> Any:
    copied = copy.remember(value, [])
    copied.extend(map(copy, list(value)))
    return copied


def _of_deque(copy: Copier, value: deque[Any]) -> Any:
    copied = copy.remember(value, deque(maxlen=value.maxlen))
    copied.extend(map(copy, value.copy()))
    return copied


def _of_set(copy: Copier, value: set[Any]) -> Any:
    return copy.remember(value, {copy(item) for item in value.copy()})


def _of_tuple(copy: Copier, value: tuple[Any, ...]) -> Any:
    items = [copy(item) for item in value]
    if all(one is other for one, other in zip(items, value, strict=True)):
        return value
    made = type(value)._make(items) if hasattr(value, "_make") else tuple(items)
    return copy.remember(value, made)


def _of_method(copy: Copier, value: MethodType) -> Any:
    return MethodType(value.__func__, copy(value.__self__))


def _of_partial(copy: Copier, value: partial[Any]) -> Any:
    keywords = {name: copy(item) for name, item in value.keywords.items()}
    return partial(copy(value.func), *map(copy, value.args), **keywords)


def _of_function(copy: Copier, value: FunctionType) -> Any:
    for cell in value.__closure__ or ():
        held = cell.cell_contents
        if held is not value and copy(held) is not held:
            raise TypeError(f"{value.__qualname__} holds on to a {type(held).__name__}, which can change")
    return value


def _of_counter(_: Copier, value: itertools.count[int]) -> Any:
    return itertools.count(int(repr(value)[len("count(") : -1]))


def _of_object(copy: Copier, value: Any) -> Any:
    copied = copy.remember(value, object.__new__(type(value)))
    for name in _attributes(value):
        object.__setattr__(copied, name, copy(getattr(value, name)))
    return copied


def _attributes(value: object) -> Iterator[str]:
    yield from getattr(value, "__dict__", ())
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                yield name


_BY_TYPE: dict[type, Callable[[Copier, Any], Any]] = {
    **dict.fromkeys((str, bytes, int, float, bool, type(None), type, range), _same),
    **{
        dict: _of_dict,
        OrderedDict: _of_dict,
        list: _of_list,
        deque: _of_deque,
        set: _of_set,
        tuple: _of_tuple,
    },
    **{
        MethodType: _of_method,
        partial: _of_partial,
        FunctionType: _of_function,
        itertools.count: _of_counter,
    },
    _LOCK: lambda copy, value: copy.remember(value, threading.Lock()),
    _RLOCK: lambda copy, value: copy.remember(value, threading.RLock()),
}
