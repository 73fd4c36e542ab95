"""Faults: everything that can be wrong with an answer, a connection or the host, each by its name.

A fault of this package is one function in one of the five modules of `GROUPS`, which is imported when a scenario or a
test names it. The names are the headings of the TOML files beside these, so that a name can be looked up without
importing anything. Other packages bring theirs by the entry point `mockhost.faults`.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mockhost.errors import UsageError, did_you_mean
from mockhost.faults.declare import ELSEWHERE, ROOM, Fault

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUPS: Final = ("transport", "tls", "http", "body", "host")
"""The kinds of faults, which are the modules beside this one."""
ENTRY_POINT: Final = "mockhost.faults"
ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CONNECTION_RESET_BY_PEER": "connection_reset",
        "EMPTY_RESPONSE": "empty_response",
        "MALFORMED_RESPONSE_CHUNK": "malformed_chunk",
        "RANDOM_DATA_THEN_CLOSE": "random_data",
        "total_results": "lying_totals",
    }
)
"""Other names: WireMock's, and the number that lies most often."""

_HEADING = re.compile(r"^\[(\w+)\]$", re.MULTILINE)
_MEANT: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("timeout", "time_out", "no_response", "stall", "blackhole"), "write hang"),
        **dict.fromkeys(("slow", "latency", "delay"), "write 'delay: 2s' in the place of 'fault'"),
        **dict.fromkeys(
            ("reset", "rst", "reset_peer", "connection_refused"), "write connection_reset or refuse"
        ),
        **dict.fromkeys(("expired", "certificate_expired"), "write {tls: expired}"),
        **dict.fromkeys(("untrusted", "certificate_not_trusted"), "write {tls: untrusted}"),
        **dict.fromkeys(("wrong_name", "certificate_wrong_name"), "write {tls: wrong_name}"),
        **dict.fromkeys(("limit_data", "truncate", "cut"), "write truncated_body"),
        "slicer": "write dribble",
        "throttle": "write bandwidth or rate_limit",
        "too_many_requests": "write rate_limit or {http_error: 429}",
    }
)
"""What to write for words of other tools, and of scenarios on the shelf of faults."""


class _BuiltIn(Mapping[str, str]):
    """Name and group of each fault of this package, read when it is needed."""

    @functools.cached_property
    def _table(self) -> dict[str, str]:
        folder = Path(__file__).parent
        texts = ((group, (folder / f"{group}.toml").read_text("utf-8")) for group in GROUPS)
        return {name: group for group, text in texts for name in _HEADING.findall(text)}

    def __getitem__(self, name: str) -> str:
        return self._table[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


FAULTS: Final[Mapping[str, str]] = _BuiltIn()
"""Every fault of this package by name, and its group."""


@functools.cache
def find(name: str) -> Fault:
    """The fault of this name or alias. Raises UsageError naming near names."""
    known = ALIASES.get(name, name)
    group = FAULTS.get(known)
    if group is not None:
        fault = getattr(importlib.import_module(f"{ROOM}.{group}"), known)
        assert isinstance(fault, Fault)
        return fault
    entries = installed().get(known)
    if entries is None:
        hint = _meant(name) or did_you_mean(name, (*FAULTS, *installed())) or "'mockhost faults' lists them"
        raise UsageError(f"there is no fault {name!r}", hint=hint)
    return _loaded(known, entries)


def exists(name: str) -> bool:
    """Whether a fault has this name, without importing it. Only for unknown names installed packages are asked."""
    return name in FAULTS or name in installed()


@functools.cache
def installed() -> Mapping[str, tuple[EntryPoint, ...]]:
    """The faults that other packages bring, by name. Takes a while: every installed package is looked at."""
    from importlib.metadata import entry_points

    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in sorted(entry_points(group=ENTRY_POINT), key=lambda entry: (entry.name, _package(entry))):
        found[entry.name] = (*found.get(entry.name, ()), entry)
    return found


def everything() -> tuple[Mapping[str, Fault], tuple[UsageError, ...]]:
    """Every fault that can be used, built in and installed, and what is wrong with those that can't."""
    usable, problems = {name: find(name) for name in FAULTS}, []
    for name, entries in installed().items():
        try:
            if name in FAULTS:
                raise UsageError(
                    f"the package {_package(entries[0])} names a fault {name!r}, and mockhost has one of that name",
                    hint="mockhost's own is used; give the other another name",
                )
            usable[name] = find(name)
        except UsageError as problem:
            problems.append(problem)
    return usable, tuple(problems)


def _loaded(name: str, entries: tuple[EntryPoint, ...]) -> Fault:
    """Raises UsageError for what can't be imported, is not a fault, or comes twice."""
    entry = entries[0]
    if len({(each.value, _package(each)) for each in entries}) > 1:
        packages = " and ".join(dict.fromkeys(map(_package, entries)))
        raise UsageError(
            f"more than one package has a fault {name!r}: {packages}", hint="uninstall all but one"
        )
    try:
        fault = entry.load()
    except Exception as error:  # whatever a stranger's module does when it is imported
        raise UsageError(
            f"the fault {name!r} of the package {_package(entry)} can't be loaded from {entry.value}: "
            f"{type(error).__name__}: {error}",
            hint="repair the package, or uninstall it",
        ) from None
    if not isinstance(fault, Fault) or fault.name != name:
        what = f"the fault {fault.name!r}" if isinstance(fault, Fault) else f"a {type(fault).__name__}"
        raise UsageError(
            f"the fault {name!r} of the package {_package(entry)}: {entry.value} is {what}",
            hint="the entry point names a function under a decorator of mockhost.faults.declare, with its own name",
        )
    try:
        _ = fault.descriptions, fault.seen
    except Exception as error:  # annotations and texts are a stranger's, too
        raise UsageError(
            f"the fault {name!r} of the package {_package(entry)} is declared wrongly in {entry.value}: "
            f"{type(error).__name__}: {error}",
            hint="see the page 'Make a fault of your own'",
        ) from None
    return fault


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.value


def _meant(name: str) -> str:
    """What to write for the name of a status, its number or a word of another tool; empty for anything else."""
    from http import HTTPStatus

    word = name.strip().lower().replace("-", "_").replace(" ", "_")
    status = int(word) if word.isascii() and word.isdigit() and len(word) == 3 else 0
    if not status:
        status = next((each.value for each in HTTPStatus if each.name.lower() == word), 0)
    if word not in _MEANT and 400 <= status <= 599:
        return f"write {{http_error: {status}}}"
    return _MEANT.get(word, "")


__all__ = ["ALIASES", "ELSEWHERE", "FAULTS", "GROUPS", "everything", "exists", "find", "installed"]
