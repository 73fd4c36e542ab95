"""Provisioning agents: their machine, their states, how they fail to register, and what they say of a request.

Sources: Microsoft Learn, "Troubleshoot on-premises application provisioning" (registration, start, 10 to 20 minutes),
"Microsoft Entra on-premises application provisioning architecture" (agents), and "Microsoft Entra Cloud Sync error
codes and descriptions" (HybridIdentityService…; published for cloud sync, inferred for on-premises apps).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mockhost.entra.portal import AgentError, agent_errors
from mockhost.errors import CannotRun, UsageError, did_you_mean

if TYPE_CHECKING:
    from mockhost.client.control import Control

PROXIES = ("none", "configured", "missing")
"""Whether the way out needs a proxy, and whether the agent knows it."""
POLICIES = ("Undefined", "RemoteSigned", "Unrestricted", "AllSigned", "Restricted")
"""PowerShell execution policies."""


class Machine(NamedTuple):
    """A Windows server with provisioning agents; by itself nothing stands in their way."""

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


def read(control: Control) -> Machine:
    """The machine behind a control plane. What it does not tell is as on a sound one. Raises MockhostError."""
    return of(control.call("get_host"))


def of(document: Mapping[str, Any]) -> Machine:
    """The machine that the settings of a host tell of: the one place that knows how they say it."""
    service = document.get("service")
    host = str(service.get("effective", "")) if isinstance(service, Mapping) else ""
    said = document.get("machine")
    told: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    fits: Mapping[str, Callable[[Any], bool]] = {
        "proxy": lambda value: value in PROXIES,
        "execution_policy": lambda value: value in POLICIES,
        "agent_starts": lambda value: isinstance(value, int),
        "agent_runs": lambda value: isinstance(value, bool),
    }
    values = {key: told[key] for key, is_fit in fits.items() if key in told and is_fit(told[key])}
    return Machine(host=host, may_log_on=bool(told.get("may_log_on", True)), **values)


DELAYED_START = 120.0
"""Virtual seconds until a service that starts "Automatic (Delayed Start)" runs after a reboot: Windows' default."""


MOST = 50
"""Agents of an application. Ours."""
_LONGEST = 60


class Agent(NamedTuple):
    """A provisioning agent and what of its machine matters for it."""

    name: str
    registered: bool = True
    running: bool = True
    """whether its Windows service runs"""
    wedged: bool = False
    """it runs, but requests hang until it is stopped and started"""
    assigned: bool = True
    since: float | None = None
    """when it was assigned; None: long ago, or restarted since"""
    starts_at: float | None = None
    """when its delayed start is due"""
    proxy: str = Machine().proxy
    execution_policy: str = Machine().execution_policy
    may_log_on: bool = Machine().may_log_on

    def runs(self, now: float) -> bool:
        return self.running and (self.starts_at is None or now >= self.starts_at)

    def is_active(self, now: float) -> bool:
        """Whether the portal shows it as active (green)."""
        return self.registered and self.runs(now) and self.proxy != "missing"

    def is_ready(self, now: float, after: float) -> bool:
        """Whether its assignment has taken effect."""
        return self.since is None or now >= self.since + after

    def on(self, there: Machine) -> Agent:
        """The agent as it is on a machine that says more of itself than the agent's own state."""
        runs = self.running if there.agent_runs is None else there.agent_runs
        return self._replace(
            running=runs,
            proxy=there.proxy,
            execution_policy=there.execution_policy,
            may_log_on=there.may_log_on,
        )

    def describe(self, now: float, after: float) -> str:
        """Its state, in the words of the portal's list and in ours."""
        if not self.registered:
            return "not registered"
        state = "active" if self.is_active(now) else "inactive"
        if self.runs(now) and self.wedged:
            state += ", wedged"
        if not self.assigned:
            return f"{state}, not assigned"
        return state if self.is_ready(now, after) else f"{state}, assigned, not usable yet"


SOUND = Agent("agent-1")
"""The agent that there is by default."""


def problem(agents: Iterable[Agent], now: float, after: float) -> AgentError | None:
    """Why a request cannot get through; None if one of the agents relays it."""
    assigned = [agent for agent in agents if agent.assigned and agent.registered]
    if not assigned:
        return agent_errors()["no_agent"]
    active = [agent for agent in assigned if agent.is_active(now)]
    if not active:
        return agent_errors()["agent_inactive"]
    ready = [agent for agent in active if agent.is_ready(now, after)]
    if not ready:
        return agent_errors()["agent_not_ready"]
    return agent_errors()["agent_wedged"] if all(agent.wedged for agent in ready) else None


# -- what an administrator does with an agent ------------------------------------------------------------------------


def _named(agents: Sequence[Agent], name: str) -> Agent:
    for agent in agents:
        if agent.name == name:
            return agent
    raise UsageError(f"there is no agent {name!r}", hint=did_you_mean(name, [agent.name for agent in agents]))


def act(agents: Sequence[Agent], action: str, name: str, now: float) -> tuple[Agent, ...]:
    """The agents after an action on one of them. Raises CannotRun with the documented error where it fails."""
    if action == "install":
        if any(agent.name == name for agent in agents):
            raise UsageError(f"there is an agent {name!r} already")
        if len(agents) >= MOST:
            raise UsageError(f"there are {MOST} agents, and that is the limit", hint="remove one")
        if not name.isprintable() or not 0 < len(name) <= _LONGEST:
            raise UsageError(f"{name[:_LONGEST]!r} is not a name of an agent", hint="such as agent-2")
        return (*agents, Agent(name, registered=False, assigned=False))
    if action not in _ACTIONS:
        raise UsageError(f"{action!r} is not an action", hint=did_you_mean(action, ACTIONS))
    agent = _named(agents, name)
    changed = _ACTIONS[action](agent, now)
    return tuple(
        changed if each is agent else each for each in agents if not (each is agent and action == "remove")
    )


def _register(agent: Agent, now: float) -> Agent:
    if agent.execution_policy.lower() in ("unrestricted", "allsigned", "restricted"):
        raise _failed("registration_security")
    if agent.proxy == "missing":
        raise _failed("registration_proxy")
    return _start(agent._replace(registered=True), now)


def _start(agent: Agent, now: float) -> Agent:
    if not agent.may_log_on:
        raise _failed("agent_start")
    # A service that starts takes its assignment up at once, as after a restart.
    since = agent.since if agent.running else None
    return agent._replace(running=True, starts_at=None, since=since)


def _failed(name: str) -> CannotRun:
    """The documented error of a row."""
    row = agent_errors()[name]
    return CannotRun(row.text, hint=f"{row.next} ({row.source})")


def _restart(agent: Agent, now: float) -> Agent:
    """Stop, then start: what wedged goes on, and an assignment takes effect at once (the documented shortcut)."""
    return _start(agent._replace(wedged=False, since=None), now)


_ACTIONS: Mapping[str, Callable[[Agent, float], Agent]] = {
    "register": _register,
    "assign": lambda agent, now: agent._replace(assigned=True, since=now),
    "unassign": lambda agent, now: agent._replace(assigned=False, since=None),
    "start": _start,
    "stop": lambda agent, now: agent._replace(running=False, wedged=False),
    "restart": _restart,
    "reboot": lambda agent, now: _restart(agent, now)._replace(starts_at=now + DELAYED_START),
    "wedge": lambda agent, now: agent._replace(wedged=True),
    "remove": lambda agent, now: agent,
}
ACTIONS = ("install", *_ACTIONS)


def change_machine(agents: Sequence[Agent], name: str, key: str, value: str) -> tuple[Agent, ...]:
    """Change what an agent finds on its machine: proxy, execution_policy or may_log_on. Raises UsageError."""
    agent = _named(agents, name)
    known = {
        "proxy": PROXIES,
        "execution_policy": POLICIES,
        "may_log_on": ("true", "false"),
    }
    if key not in known:
        raise UsageError(f"{key!r} is not known of a machine", hint=did_you_mean(key, known))
    if value not in known[key]:
        raise UsageError(f"{value!r} is not a value of {key}", hint=did_you_mean(value, known[key]))
    new: Any = value == "true" if key == "may_log_on" else value
    changed = agent._replace(**{key: new})
    return tuple(changed if each is agent else each for each in agents)
