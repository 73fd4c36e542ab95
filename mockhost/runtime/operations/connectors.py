"""Handlers of the operations on connectors."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

from mockhost.connectors.contract import Connector, outside
from mockhost.errors import did_you_mean
from mockhost.runtime import targets
from mockhost.runtime.operations import Data, NoSuch, NotNow, Operated
from mockhost.runtime.runtime import Runtime

READ_AT_ONCE = 200
"""Objects of a connector that are read without letting go of the lock."""


def list_connectors(host: Operated) -> Data:
    return {"connectors": states(host.runtime)}


def get_connector(host: Operated, *, name: str) -> Data:
    with host.runtime.lock:
        connector = host.runtime.state.served.find(name)
        return {
            "name": name,
            "state": connector.state(),
            "configured": connector.settings(effective=False),
            "effective": connector.settings(effective=True) if connector.running else None,
        }


def reset_connector(host: Operated, *, name: str) -> Data:
    """Rules are the host's, and stay where they are; a connector that was created on demand has its own, which start
    again."""
    runtime = host.runtime
    with runtime.waited(), runtime.lock:
        state = runtime.state  # a reset of the host that was waited for has made another
        state.served.reset(name)
        if name not in state.served.own:
            state.states.restart(name)
        runtime.journal.forget(name)
        runtime.wake()
    runtime.tell("reset", {"epoch": runtime.epoch.number, "connector": name})
    return {"connector": name, "state": _state(host, name)}


def get_objects(host: Operated, *, name: str, start_index: int = 1, count: int | None = None) -> Data:
    return _page(objects(host.runtime, name), start_index, count)


def get_cache(host: Operated, *, name: str, start_index: int = 1, count: int | None = None) -> Data:
    _running(host, name)
    return _page(cache(host.runtime, name), start_index, count)


def compare(host: Operated, *, name: str, count: int = 100) -> Data:
    runtime = host.runtime
    with runtime.lock:
        _running(host, name)
        key = runtime.state.served.find(name).identifier
    there = {repr(each.get(key)): each for each in objects(runtime, name)}
    here = {repr(each.get(key)): each for each in _read(runtime, name, lambda connector: connector.copies())}
    stale = []
    for place in there.keys() & here.keys():
        columns = {column: {"system": value, "cache": here[place].get(column)}
                   for column, value in there[place].items() if value != here[place].get(column)}  # fmt: skip
        if columns:
            stale.append({"object": there[place].get(key), "columns": columns})
    missing = [each for place, each in there.items() if place not in here]
    extra = [each for place, each in here.items() if place not in there]
    stale.sort(key=lambda each: str(each["object"]))
    return {
        "key": key,
        "same": len(there.keys() & here.keys()) - len(stale),
        **{word: len(found) for word, found in (("stale", stale), ("missing", missing), ("extra", extra))},
        "differences": {"stale": stale[:count], "missing": missing[:count], "extra": extra[:count]},
    }


def import_now(host: Operated, *, name: str, profile: str = "full") -> Data:
    _running(host, name)
    host.runtime.import_now(name, profile)
    return {"connector": name, "profile": profile, "state": _state(host, name)}


def change_system(host: Operated, *, name: str, change: Mapping[str, object]) -> Data:
    return {
        "connector": name,
        "objects": host.runtime.change({name: change}),
        "state": _state(host, name),
    }


def change(host: Operated, *, changes: Mapping[str, object]) -> Data:
    for name in changes:
        known(host, name)
    touched = host.runtime.change_each(changes)
    return {"objects": sum(touched.values()), "connectors": touched}


def known(host: Operated, name: str) -> None:
    """Raise NoSuch unless there is a connector of this name; one that was created on demand is one, too."""
    with host.runtime.lock:
        names = list(host.runtime.state.served.connectors)
    if name not in names:
        raise NoSuch(f"there is no connector {name!r}", hint=did_you_mean(name, names))


def _running(host: Operated, name: str) -> None:
    if not host.runtime.state.served.find(name).running:
        raise NotNow(f"connector {name} is not running", hint="start or restart the service")


def _state(host: Operated, name: str) -> Data:
    with host.runtime.lock:
        return host.runtime.state.served.find(name).state()


def states(runtime: Runtime) -> dict[str, Data]:
    """What each connector is doing, as plain JSON."""
    with runtime.lock:
        return {name: connector.state() for name, connector in runtime.state.served.connectors.items()}


def objects(runtime: Runtime, name: str) -> list[dict[str, object]]:
    """The objects of the target application behind a connector, with their passwords."""
    return _read(runtime, name, lambda connector: connector.objects(), is_outside=True)


def cache(runtime: Runtime, name: str) -> list[dict[str, object]]:
    """What a connector answers queries from, as `/cache` shows it."""
    return _read(runtime, name, lambda connector: connector.cached(targets.base_url(runtime, name)))


def _read(
    runtime: Runtime,
    name: str,
    what: Callable[[Connector], Iterator[dict[str, object]]],
    *,
    is_outside: bool = False,
) -> list[dict[str, object]]:
    """What a connector holds, read in slices between which others have the lock; without it, where it is outside."""
    with runtime.lock:
        connector = runtime.state.served.find(name)
        items = None if is_outside and outside(connector) is not None else what(connector)
    if items is None:
        return list(what(connector))
    found: list[dict[str, object]] = []
    while True:
        with runtime.lock:
            some = list(itertools.islice(items, READ_AT_ONCE))
        found += some
        if len(some) < READ_AT_ONCE:
            return found


def _page(objects: list[dict[str, object]], start_index: int, count: int | None) -> Data:
    """A stretch of a list, all of it if the query does not say otherwise."""
    page = objects[start_index - 1 :][: len(objects) if count is None else count]
    return {
        "total": len(objects),
        "start_index": start_index,
        "objects": page,
    }
