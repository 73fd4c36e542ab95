"""Installing: setup install|uninstall of the host and of the agent, with what keeps them from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mockhost.windows import layout
from mockhost.windows.config import FILES
from mockhost.windows.machine import Machine, StartFailed, win32
from mockhost.windows.powershell import CommandFailed, shown
from mockhost.windows.shell import Call, Done, program

_DOTNET: Final = (4, 7, 1)
_UNFIT: Final = ("Unrestricted", "Bypass", "AllSigned", "Restricted")
"""The page asks for Undefined or RemoteSigned of Machine and User."""
_NO_TEXT: Final = "(text not published)"


@program("setup")
def setup(call: Call, words: Sequence[str]) -> Done:
    """Installs and uninstalls: setup install|uninstall [host|agent]."""
    verb, product = [*(word.casefold() for word in words), "host", "host"][:2] if words else ("", "")
    if verb not in ("install", "uninstall") or product not in ("host", "agent"):
        raise CommandFailed("usage: setup install|uninstall [host|agent]")
    if not call.elevated:
        raise CommandFailed("The setup program needs an administrator. Access is denied.", 5)
    return Done(_DO[verb, product](call.machine))


def _version(machine: Machine) -> tuple[int, ...]:
    return tuple(int(part) for part in machine.config.dotnet.split("."))


def _install_host(machine: Machine) -> str:
    config = machine.config
    if _version(machine) < _DOTNET:
        raise CommandFailed(shown("setup_no_dotnet"))
    if machine.state_of("host") != "absent":
        raise CommandFailed(
            f"System.ComponentModel.Win32Exception (0x80004005): {win32(1073).rstrip('.')}", 1073
        )
    machine.config = config.with_service("host", state="stopped")
    fresh = machine.config._replace(leftovers=(), trace={}, files={})  # as it is delivered
    server = machine.server
    for path, data in layout.files(fresh, server.scenario, server.host.config, machine.now).items():
        if path.startswith(FILES["root"]) and machine.drive.read(path) is None:  # what was left there stays
            machine.drive.write(path, data, machine.now)
    return "Microsoft ECMA2Host is installed. Run the configuration wizard, then start the service.\n"


def _uninstall_host(machine: Machine) -> str:
    if machine.state_of("host") == "absent":
        raise CommandFailed("Microsoft ECMA2Host is not installed.", 1605)
    if machine.server.host.running:
        machine.stop_service("host")
    kept = "folder" in machine.config.leftovers
    machine.config = machine.config.with_service("host", state="absent")._replace(leftovers=())
    if not kept:
        machine.drive.remove(FILES["root"])
        return "Microsoft ECMA2Host is uninstalled.\n"
    return "Microsoft ECMA2Host is uninstalled. Its folder was not removed.\n"


def _install_agent(machine: Machine) -> str:
    config = machine.config
    unfit = {scope: policy for scope, policy in config.execution_policy.items() if policy in _UNFIT}
    if unfit:
        what = ", ".join(f"{scope} is {policy}" for scope, policy in unfit.items())
        raise CommandFailed(
            f"The agent fails to register with a security error {_NO_TEXT}: the execution policy of {what}"
        )
    if config.service("agent").state == "absent":
        machine.config = config.with_service("agent", state="stopped")
    try:
        machine.stop_service("agent")
        machine.start_service("agent")
    except StartFailed as error:
        text = shown("agent_not_started", service=machine.config.display("agent"))
        raise CommandFailed(text, error.code) from None
    if not machine.gets_out:
        raise CommandFailed(
            f"The agent times out, or reports an invalid certificate {_NO_TEXT}: it can't reach the Hybrid"
            " Identity Service"
        )
    return f"{machine.config.display('agent')} is installed and registered.\n"


def _uninstall_agent(machine: Machine) -> str:
    if machine.state_of("agent") == "absent":
        raise CommandFailed(f"{machine.config.display('agent')} is not installed.", 1605)
    machine.config = machine.config.with_service("agent", state="absent")
    return f"{machine.config.display('agent')} is uninstalled.\n"


_DO = {
    ("install", "host"): _install_host,
    ("uninstall", "host"): _uninstall_host,
    ("install", "agent"): _install_agent,
    ("uninstall", "agent"): _uninstall_agent,
}
