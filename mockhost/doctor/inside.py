"""What a mock's control plane adds: the service, imports, and the cache beside the connected system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from mockhost.doctor.patient import Finding, failed, noted, passed, warned
from mockhost.errors import MockhostError

_PAGE = 1_000


class Control(Protocol):
    """Does operations of the table, as `client.control.ControlPlane` and a `RunningHost` do."""

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """The result of an operation."""


def checks(control: Control, connector: str) -> dict[str, Callable[[], Finding]]:
    """The checks by their codes."""
    return {
        "EMH0601": lambda: _asked(lambda: service(control)),
        "EMH0602": lambda: _asked(lambda: last_import(control, connector)),
        "EMH0603": lambda: _asked(lambda: cache_current(control, connector)),
    }


def _asked(check: Callable[[], Finding]) -> Finding:
    """What a check found, or why the control plane could not be asked."""
    try:
        return check()
    except MockhostError as problem:
        return failed(str(problem))
    except (LookupError, TypeError, AttributeError, ValueError):
        return failed("what answers is not a control plane of mockhost: is --control right?")


def service(control: Control) -> Finding:
    """The service's state, and configured beside effective settings."""
    host = control.call("get_host")
    state = host["service"]["effective"]
    if state != "running":
        return failed(f"the service is {state}")
    waiting = _different(host["configured"], host["effective"])
    if waiting:
        return warned(f"changed since the service was started: {', '.join(waiting[:4])}")
    return passed("running, with the settings that are configured")


def _different(configured: object, effective: object, path: str = "") -> list[str]:
    if not isinstance(configured, Mapping) or not isinstance(effective, Mapping):
        return [path] if configured != effective else []
    names = dict.fromkeys((*configured, *effective))
    pairs = ((f"{path}.{name}".lstrip("."), configured.get(name), effective.get(name)) for name in names)
    return [found for inner, one, other in pairs for found in _different(one, other, inner)]


def last_import(control: Control, connector: str) -> Finding:
    """When and how the last import of the connector ended."""
    state = control.call("list_connectors")["connectors"].get(connector)
    if state is None:
        return noted(f"the mock has no connector {connector!r}")
    if state["importing"]:
        return warned("an import is running")
    if state["import_problem"]:
        return failed(f"the last import failed: {state['import_problem']}")
    return passed(f"at {state['last_import']}" if state["last_import"] else "nothing to import")


def cache_current(control: Control, connector: str) -> Finding:
    """The objects of the system that the cache lacks, and those of the cache that are gone."""
    if connector not in control.call("list_connectors")["connectors"]:
        return noted(f"the mock has no connector {connector!r}")
    cached = control.call("get_cache", name=connector, count=_PAGE)
    system = control.call("get_objects", name=connector, count=_PAGE)
    if max(cached["total"], system["total"]) > _PAGE:
        return noted(f"{cached['total']} cached, {system['total']} in the system: too many to compare here")
    anchor = control.call("get_connector", name=connector)["configured"].get("anchor", "")
    missing, stale, extra = _compared(cached["objects"], system["objects"], anchor)
    if missing or stale or extra:
        return warned(
            f"{missing} users are not in the cache, {stale} are stale, {extra} are gone from the system"
        )
    return passed(f"{cached['total']} users, the same in both")


def _compared(cached: list[Any], system: list[Any], anchor: str) -> tuple[int, int, int]:
    """How many of the system's objects the cache lacks, has with other values, and has too many."""
    rows = {str(row.get(anchor, row.get("id"))): row for row in system}
    missing, stale, extra = dict(rows), 0, 0
    for resource in cached:
        values = {**resource, **next((part for urn, part in resource.items() if "ECMA2Host" in urn), {})}
        row = rows.get(str(values.get(anchor, values.get("id"))))
        if row is None:
            extra += 1
            continue
        missing.pop(str(values.get(anchor, values.get("id"))), None)
        stale += any(
            values[name] != row[name]
            for name in values.keys() & row.keys()
            if name not in ("schemas", "meta")
        )
    return len(missing), stale, extra
