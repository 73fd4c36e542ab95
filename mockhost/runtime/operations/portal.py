"""Handlers of the operations in the portal: the application in Entra that provisions to the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockhost.entra import rendering
from mockhost.entra.enterprise import verb_of
from mockhost.errors import UsageError
from mockhost.operations.row import ROLES
from mockhost.runtime.operations import Data, NotNow, Operated
from mockhost.runtime.portal import PATIENCE, Portal

_WAIT = 30.0
"""Seconds that a step waits for another one to end."""
_LONGEST = 60.0
"""Seconds that one answer of the host is waited for at most."""


def get_portal(host: Operated) -> Data:
    return _perform(host, "show", PATIENCE)


def get_portal_log(host: Operated, *, user: str = "", status: str = "", action: str = "") -> Data:
    return _perform(host, {"log": {"user": user, "status": status, "action": action}}, PATIENCE)


def portal(
    host: Operated,
    *,
    step: str | Mapping[str, Any] | None = None,
    line: str | None = None,
    timeout: float = PATIENCE,
) -> Data:
    if (step is None) is (line is None):
        raise UsageError("the portal takes either a step or a line", hint='{"line": "test-connection"}')
    wanted = rendering.parse(line) if line is not None else step
    verb, _ = verb_of(wanted)
    result = _perform(host, wanted, timeout)
    host.runtime.tell("portal", {"step": verb})
    return {"step": verb, "result": result, "text": "\n".join(rendering.lines(verb, result))}


def _perform(host: Operated, step: object, timeout: float) -> Data:
    runtime = host.runtime
    if not runtime.portal_lock.acquire(timeout=_WAIT):
        raise NotNow("another step in the portal takes long", hint="try again")
    try:
        with runtime.lock:
            if runtime.state.portal is None:
                runtime.state.portal = Portal(runtime)
            found = runtime.state.portal
        trusted = host.source.is_trusted
        result = found.perform(
            step, patience=timeout if trusted else min(timeout, _LONGEST), is_confined=not trusted
        )
    finally:
        runtime.portal_lock.release()
    return _without_causes(result) if host.role == ROLES[0] else result


def _without_causes(value: Any) -> Any:
    """A result without what the real portal does not show: the likely cause, by its scenario, and the next step."""
    if isinstance(value, Mapping):
        return {
            key: "" if key in _CAUSES and isinstance(inner, str) else _without_causes(inner)
            for key, inner in value.items()
        }
    return [_without_causes(inner) for inner in value] if isinstance(value, (list, tuple)) else value


_CAUSES = ("likely", "next")
