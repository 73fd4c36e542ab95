"""Handlers of the operations on connectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockhost.errors import did_you_mean
from mockhost.runtime.operations import Data, NoSuch, NotNow, Operated


def list_connectors(host: Operated) -> Data:
    return {"connectors": host.runtime.status()["connectors"]}


def get_connector(host: Operated, *, name: str) -> Data:
    with host.runtime.lock:
        connector = host.runtime.served.find(name)
        return {
            "name": name,
            "state": connector.state(),
            "configured": connector.settings(effective=False),
            "effective": connector.settings(effective=True) if connector.running else None,
        }


def reset_connector(host: Operated, *, name: str) -> Data:
    host.runtime.reset_connector(name)
    return {"connector": name, "state": _state(host, name)}


def get_objects(host: Operated, *, name: str, start_index: int = 1, count: int | None = None) -> Data:
    return _page(host.runtime.objects(name), start_index, count)


def get_cache(host: Operated, *, name: str, start_index: int = 1, count: int | None = None) -> Data:
    _running(host, name)
    return _page(host.runtime.cache(name), start_index, count)


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
        names = list(host.runtime.served.connectors)
    if name not in names:
        raise NoSuch(f"there is no connector {name!r}", hint=did_you_mean(name, names))


def _running(host: Operated, name: str) -> None:
    if not host.runtime.served.find(name).running:
        raise NotNow(f"connector {name} is not running", hint="start or restart the service")


def _state(host: Operated, name: str) -> Any:
    with host.runtime.lock:
        return host.runtime.connector_states()[name]


def _page(objects: list[dict[str, object]], start_index: int, count: int | None) -> Data:
    """A stretch of a list, all of it if the query does not say otherwise."""
    page = objects[start_index - 1 :][: len(objects) if count is None else count]
    return {
        "total": len(objects),
        "start_index": start_index,
        "objects": page,
    }
