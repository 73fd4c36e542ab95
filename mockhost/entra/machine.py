"""The machine of the agents: what of it matters to them, by itself a sound one, or as a mock's control plane tells it.

`read` is the one place that knows how a control plane says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

PROXIES = ("none", "configured", "missing")
"""Whether the way out needs a proxy, and whether the agent knows it."""
POLICIES = ("Undefined", "RemoteSigned", "Unrestricted", "AllSigned", "Restricted")
"""PowerShell execution policies."""


class Control(Protocol):
    """Does operations of the table, as `client.control.ControlPlane` and a `RunningHost` do."""

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """The result of an operation."""


class Machine(NamedTuple):
    """A Windows server with provisioning agents."""

    proxy: str = "none"
    execution_policy: str = "RemoteSigned"
    may_log_on: bool = True
    """whether the agent's account may log on as a service"""
    agent_runs: bool | None = None
    """whether the agent's Windows service runs; None: the agent's own state says it"""
    agent_starts: int = 0
    """how often the agent's Windows service was started"""
    host: str = ""
    """the state of the service Microsoft ECMA2Host, such as running or stopped; '' where it is not known"""


SOUND = Machine()
"""Nothing stands in the way of an agent."""


def read(control: Control) -> Machine:
    """The machine behind a control plane. What it does not tell is as on a sound one. Raises MockhostError."""
    return of(control.call("get_host"))


def of(document: Mapping[str, Any]) -> Machine:
    """The machine that the settings of a host tell of."""
    service = document.get("service")
    host = str(service.get("effective", "")) if isinstance(service, Mapping) else ""
    said = document.get("machine")
    told: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    runs, starts = told.get("agent_runs"), told.get("agent_starts")
    return Machine(
        proxy=told["proxy"] if told.get("proxy") in PROXIES else SOUND.proxy,
        execution_policy=told["execution_policy"]
        if told.get("execution_policy") in POLICIES
        else SOUND.execution_policy,
        may_log_on=bool(told.get("may_log_on", True)),
        agent_starts=starts if isinstance(starts, int) else 0,
        agent_runs=runs if isinstance(runs, bool) else None,
        host=host,
    )
