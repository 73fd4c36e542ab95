"""The provisioning agent in the portal and its service on the Windows server: one state, wherever it is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockhost.entra.agent import SOUND, Agent
from mockhost.entra.reading import agents_of
from mockhost.windows.config import FILES, MachineConfig
from mockhost.windows.machine import Machine

PROXY = "proxy.contoso.example:8080"
"""The proxy of a server that needs one, where the scenario names none."""
_STARTS = frozenset({"register", "start", "restart", "reboot"})
_STOPS = frozenset({"stop", "restart", "reboot"})
_BLOCK = (
    '<system.net><defaultProxy enabled="true" useDefaultCredentials="true"><proxy usesystemdefault="true" '
    'proxyaddress="http://{proxy}" bypassonlocal="true" /></defaultProxy></system.net>'
)
"""Source: Microsoft Learn, "Troubleshoot on-premises application provisioning", "Agent times out or certificate is
invalid"."""


def first(said: Mapping[str, Any]) -> Agent:
    """The first agent of a scenario's `entra`; a sound one where it names none."""
    return next((Agent(*each) for each in agents_of(said, 0.0)), SOUND)


def configured(config: MachineConfig, agent: Agent) -> MachineConfig:
    """The server of a scenario as its agent was found in the portal: what is not sound there is not sound here."""
    if not agent.running:
        config = config.with_service("agent", state="stopped")
    if not agent.may_log_on:
        config = config.with_service("agent", logon="denied")
    if agent.execution_policy != SOUND.execution_policy:
        config = _with_policy(config, agent.execution_policy)
    if agent.proxy == "missing" and config.proxy is None:
        config = config._replace(proxy=PROXY)
    return config


def operate(machine: Machine, action: str) -> None:
    """Do on the server what an action on the agent does there. Raises CannotRun."""
    running = machine.state_of("agent") == "running"
    if action in _STOPS and running:
        machine.stop_service("agent")
        running = False
    if action in _STARTS and not running:
        machine.start_service("agent")


def change(machine: Machine, values: Mapping[str, Any]) -> None:
    """Change what the agent finds on the server: proxy, execution_policy, may_log_on."""
    config = machine.config
    if "may_log_on" in values:
        logon = "granted" if values["may_log_on"] else "denied"
        config = config.with_service("agent", logon=logon)
    if "execution_policy" in values:
        config = _with_policy(config, str(values["execution_policy"]))
    if "proxy" in values:
        config = config._replace(proxy=None if values["proxy"] == "none" else config.proxy or PROXY)
    machine.config = config
    if values.get("proxy") == "configured" and not machine.gets_out:
        _configure(machine, config.proxy or PROXY)


def _configure(machine: Machine, proxy: str) -> None:
    """Write the proxy into the agent's exe.config, which it reads at once: here it is not restarted for it."""
    path = FILES["agent_config"]
    data = machine.drive.read(path) or b"<configuration></configuration>"
    before, end, after = data.rpartition(b"</configuration>")
    if end:
        block = _BLOCK.format(proxy=proxy).encode()
        machine.drive.write(path, before + block + end + after, machine.now)
    machine.read_agent_config()


def _with_policy(config: MachineConfig, policy: str) -> MachineConfig:
    return config._replace(execution_policy={**config.execution_policy, "LocalMachine": policy})
