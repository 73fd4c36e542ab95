"""The Windows server around the host as a scenario has it under `machine`: plain values, which commands replace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from mockhost import facts
from mockhost.errors import REFUSE, Report, UsageError, did_you_mean

FACTS: Final[Mapping[str, Any]] = facts.read("windows")["windows"]
FILES: Final[Mapping[str, str]] = FACTS["files"]
EDITIONS: Final = (2022, 2025)
SCOPES: Final = ("MachinePolicy", "UserPolicy", "Process", "CurrentUser", "LocalMachine")
"""The scopes of execution policies, the one that counts first (about_Execution_Policies)."""
POLICIES: Final = ("Undefined", "Restricted", "AllSigned", "RemoteSigned", "Unrestricted", "Bypass")
SOURCES: Final = ("ECMA2Host", "ConnectorsLog")
"""The event sources of the host."""
LONGEST_FILE: Final = 10 * 1024 * 1024
_PATH = re.compile(r"[^\x00-\x1f\x7f<>:\"|?*\\/]+(?:/[^\x00-\x1f\x7f<>:\"|?*\\/]+)*")


class ServiceConfig(NamedTuple):
    """A Windows service. The state of the host's own is the runtime's: here it is what the scenario says."""

    state: str = "running"
    """running | stopped | absent"""
    start: str = "automatic"
    """automatic | delayed | manual | disabled"""
    account: str = ""
    logon: str = "granted"
    """granted | denied (it lacks the right to log on as a service) | wrong_password"""
    fails: int | None = None
    """the Win32 code with which every start fails"""


class ConnectionConfig(NamedTuple):
    """With what a connector opens its connection to the database."""

    user: str = "ecma"
    password: str = "not-a-real-password"
    integrated: bool = False
    """whether it uses Windows authentication, and so has no password"""


class MachineConfig(NamedTuple):
    """The server. `trace` is what the exe.config has unless `files` has that file itself."""

    edition: int = 2025
    name: str = "ECMA01.contoso.lab"
    elevated: bool = False
    time_zone: str = "UTC"
    culture: str = "en-US"
    dotnet: str = "4.8"
    services: Mapping[str, ServiceConfig] = {}
    trace: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    event_sources: tuple[str, ...] = SOURCES
    log_size: int = 524_288
    """bytes of each of the host's logs: .NET creates logs with 512 KB"""
    execution_policy: Mapping[str, str] = {}
    leftovers: tuple[str, ...] = ()
    """what an earlier installation left behind: service, folder"""
    proxy: str | None = None
    """the proxy, HOST:PORT, without which nothing gets out; None: there is a direct way"""
    connections: Mapping[str, ConnectionConfig] = {}

    def service(self, key: str) -> ServiceConfig:
        """A service by its key: host, agent or updater."""
        row = FACTS["services"][key]
        found = self.services.get(key) or ServiceConfig(start=row["start"])
        return found if found.account else found._replace(account=row["account"])

    def with_service(self, key: str, **changed: Any) -> MachineConfig:
        """The machine with another state, account or start type of one service."""
        return self._replace(services={**self.services, key: self.service(key)._replace(**changed)})

    def display(self, key: str) -> str:
        """A service's display name in this edition."""
        return str(FACTS["services"][key]["display"][str(self.edition)])

    def policy(self, process: str = "Undefined") -> str:
        """The execution policy that counts; `process` is that of the session."""
        held = {**self.execution_policy, "Process": process}
        found = next((held[scope] for scope in SCOPES if held.get(scope, "Undefined") != "Undefined"), None)
        return found or "RemoteSigned"  # the default on a server (about_Execution_Policies)

    @property
    def scripts(self) -> str:
        """The folder of the troubleshooting scripts."""
        return str(FACTS["scripts"][str(self.edition)])

    def connection(self, connector: str) -> ConnectionConfig:
        return self.connections.get(connector, ConnectionConfig())


def parse(
    said: Mapping[str, Any], connectors: Mapping[str, object], report: Report = REFUSE
) -> MachineConfig:
    """The machine of a scenario whose shape is right already. `connectors`: the names that there are."""
    values = dict(said)
    for key in ("debug", "certificate"):
        values.pop(key, None)
    if (edition := said.get("edition")) not in (None, *EDITIONS):
        report.add(("machine", "edition"), f"there is no edition {edition}", "write 2022 or 2025")
    if (zone := said.get("time_zone")) is not None and (problem := zone_problem(zone)) is not None:
        hint = "write one such as Europe/Berlin, or UTC; on Windows they come with pip install 'mockhost[windows]'"
        report.add(("machine", "time_zone"), problem, hint)
    defaults = MachineConfig()
    values["services"] = {
        key: defaults.service(key)._replace(**service) for key, service in said.get("services", {}).items()
    }
    for name in said.get("connections", {}):
        if name not in connectors:
            hint = did_you_mean(name, connectors)
            report.add(("machine", "connections", name), f"there is no connector {name!r}", hint, key=True)
    values["connections"] = {n: ConnectionConfig(**each) for n, each in said.get("connections", {}).items()}
    files: dict[str, str] = {}
    for path, text in said.get("files", {}).items():
        try:
            files[below_c(path)] = text
        except UsageError as error:
            report.add(("machine", "files", path), error.message, error.hint, key=True)
    values["files"] = files
    for key in ("event_sources", "leftovers"):
        if key in values:
            values[key] = tuple(values[key])
    return MachineConfig(**values)


def below_c(path: str) -> str:
    r"""`C:\Program Files\x`, `\Program Files\x` or `Program Files/x` as `Program Files/x`. Raises UsageError."""
    plain = path.replace("\\", "/")
    if plain[:2].casefold() == "c:":
        plain = plain[2:]
    plain = "/".join(part for part in plain.split("/") if part not in ("", "."))
    if not plain:
        return ""
    if _PATH.fullmatch(plain) is None or ".." in plain.split("/") or len(plain) > 400:
        raise UsageError(f"{path!r} is not a path on drive C:", hint=r"write it like C:\Program Files\x.txt")
    return plain


def windows_path(path: str) -> str:
    r"""`Program Files/x` as `C:\Program Files\x`."""
    return "C:\\" + path.replace("/", "\\")


def zone_problem(name: str) -> str | None:
    """Why there is no such time zone; None: there is."""
    import zoneinfo

    if name == "UTC":
        return None
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return f"there is no time zone {name!r} here"
    return None
