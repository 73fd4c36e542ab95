"""The server around a running host: its services, files and event logs.

`MachineConfig` says how it is now: commands replace it. What the host's service reads when it starts is in the files of
drive C:, and `starting` is the one place where a start of it can fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from mockhost import exe_config
from mockhost.clock import VirtualClock
from mockhost.connectors.ecma.backlog import ROOM, Imported, Started, Stopped
from mockhost.connectors.ecma.config import ConnectorConfig
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.ecma.kinds import KINDS
from mockhost.elements import XmlError
from mockhost.errors import CannotRun, ScenarioError, UsageError, did_you_mean
from mockhost.exchange import Exchange
from mockhost.journal import Journal
from mockhost.tls.serving import Certificates
from mockhost.windows import configuration
from mockhost.windows.config import FACTS, FILES, MachineConfig, windows_path
from mockhost.windows.drive import Drive, MemoryDrive, first_files, in_memory
from mockhost.windows.eventlog import EventLogs, LogSnapshot

KEYS: Final = tuple(FACTS["services"])
Shown: TypeAlias = "Mapping[int, tuple[Exchange, Exchange]]"
NOTHING: Final[Shown] = MappingProxyType({})
_MOST_WAITING: Final = 32 * 1024 * 1024
"""Bytes of exchanges of one kind that wait for the event logs, however large these are."""


def without_secrets(waiting: Iterable[Exchange], journal: Journal) -> Shown:
    """Exchanges beside them as they may be shown, by their identity. It takes its time: call it without the lock."""
    return {id(each): (each, journal.sink.shown(each)) for each in waiting}


class Playing(Protocol):
    """The scenario that is played, as far as the server asks."""

    @property
    def name(self) -> str: ...
    @property
    def connectors(self) -> Mapping[str, ConnectorConfig]: ...
    @property
    def machine(self) -> MachineConfig | None: ...


class Server(Protocol):
    """The running mock around which the machine is. May raise any MockhostError."""

    @property
    def lock(self) -> AbstractContextManager[Any]: ...
    @property
    def scenario(self) -> Any: ...
    @property
    def clock(self) -> VirtualClock: ...
    @property
    def host(self) -> Host: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def certificates(self) -> Certificates: ...
    @property
    def address(self) -> tuple[str, int]: ...
    def service(self, action: str, /) -> object: ...
    def set(self, path: str, value: object, /) -> object: ...
    def import_now(self, name: str, profile: str, /) -> object: ...
    def advance(self, seconds: float, /) -> object: ...


class StartFailed(CannotRun):
    """A service did not start."""

    def __init__(self, key: str, display: str, code: int) -> None:
        super().__init__(
            f"{display} did not start: {win32(code)} (Win32 error {code})",
            hint="mockhost windows Get-WinEvent -LogName System says more",
        )
        self.key = key
        self.code = code


class Grant(NamedTuple):
    """Rights on a folder that a command gave to an account."""

    account: str
    rights: str
    opened: tuple[str, ...]
    """the connectors whose DLL the host's account could not load until then"""


class _Read(NamedTuple):
    """A file as it was when it was last looked at."""

    data: bytes | None
    found: exe_config.ExeConfig | None


class Machine:
    """The server of one epoch. The runtime's lock guards it."""

    def __init__(
        self,
        config: MachineConfig,
        server: Server,
        drive: Drive | None,
        *,
        again: bool,
        shown: Shown = NOTHING,
    ) -> None:
        """again: whether files that are in the drive's folder already are put back. shown: see `catch_up`."""
        self.server = server
        self.config = config
        self.drive: Drive = MemoryDrive() if drive is None else drive
        self.logs = EventLogs(config.name, config.log_size, config.event_sources)
        self._make_room()
        self.grants: dict[tuple[str, str], Grant] = {}
        """what icacls granted, by folder and account in lower case"""
        self.agent_proxy: str | None = None
        """the proxy that the agent read when it started"""
        self.agent_starts = 0
        """how often the agent's service was started"""
        self.prerequisites = 0
        """how often the prerequisites of AADCloudSyncTools were installed: the first time is not enough"""
        self.winhttp = ("", "")
        """the proxy that `netsh winhttp` has set, and what goes past it; nothing here reads it"""
        self.exit_codes: dict[str, int] = {}
        """the Win32 codes with which services last failed to start, by key"""
        self._read = _Read(None, None)
        self.trace: dict[str, str] = {}
        """switchValue by source, as the service read them when it last started"""
        self._configuration: bytes | None = None
        """Configuration.xml as it was last read or written"""
        self._configuration_refused: str | None = None
        self._is_read = False
        """whether what is set comes out of Configuration.xml"""
        now = server.clock.now()
        files = first_files(config, server.scenario, server.host.config, now)
        if not any(path.casefold() == configuration.PATH.casefold() for path in config.files):
            self._configuration = files.get(configuration.PATH)
        self.drive.begin(files, server.scenario.name, now, again=again)
        self.look()
        if config.service("agent").state == "running":
            self.read_agent_config()
        self.catch_up(shown)
        self._kept = not again

    def fork(self) -> dict[int, object]:
        """What a copy of the machine has instead of parts of it, by identity."""
        return {id(self.drive): in_memory(self.drive, self.now)}

    @property
    def now(self) -> float:
        return self.server.clock.now()

    # -- files and settings --------------------------------------------------------------------------------------

    def look(self) -> None:
        """See whether files of the service were edited: what they say is then what is configured."""
        found = self.service_config()
        if found is not None and found.refused is None and found.debug != self.server.host.config.debug:
            self.server.set("host.debug", found.debug)
        data = self.drive.read(configuration.PATH)
        if data == self._configuration:
            return
        self._configuration, self._configuration_refused = data, None
        if data is not None:
            self._configuration_refused = self._take_over(data)

    def _take_over(self, data: bytes) -> str | None:
        """Configure what a Configuration.xml says otherwise than it would be written now; why it can't be, or None."""
        own = configuration.of(self.server.scenario, self.now)
        known = self.server.host.configured
        try:
            found = configuration.pages(data, windows_path(configuration.PATH), besides=own)
            if edits := {name: page for name, page in found.items() if page and name in known}:
                self._is_read = True  # the file stays as it was edited
                self.server.set("connectors", edits)
        except XmlError as error:
            at = error.problem
            return f"There is an error in XML document ({at.line}, {at.column}). {at.message}"
        except ScenarioError as error:
            return f"{error.problems[0].path}: {error.problems[0].message}"
        finally:
            self._is_read = False
        return None

    def service_config(self) -> exe_config.ExeConfig | None:
        """What is in the service's exe.config now; None if it is gone."""
        data = self.drive.read(FILES["service_config"])
        if data != self._read.data or self._read.found is None:
            self._read = _Read(data, None if data is None else _parsed(data, FILES["service_config"]))
        return self._read.found

    def follow(self, before: Playing, after: Playing) -> None:
        """The scenario was changed: take over its machine, and write into files what they have of the rest."""
        if after.machine != before.machine:
            self._configure(before.machine or MachineConfig(), after.machine or MachineConfig())
        is_there = self.drive.read(configuration.PATH) is not None
        if after.connectors != before.connectors and is_there and not self._is_read:
            self._configuration, self._configuration_refused = configuration.of(after, self.now), None
            self.drive.write(configuration.PATH, self._configuration, self.now)
        found, wanted = self.service_config(), self.server.host.config.debug
        if found is None or self._read.data is None or found.refused or found.debug == wanted:
            return
        self.drive.write(FILES["service_config"], exe_config.set_debug(self._read.data, wanted), self.now)

    def _configure(self, before: MachineConfig, after: MachineConfig) -> None:
        """Take over what a scenario's `machine` says now, as far as it was changed."""
        changed = {
            name: value
            for name, value in after._asdict().items()
            if value != getattr(before, name) and name not in ("services", "files", "trace")
        }
        self.config = self.config._replace(**changed)
        for key in KEYS:
            if after.service(key) != before.service(key):
                self.config = self.config._replace(services={**self.config.services, key: after.service(key)})
        for path, text in after.files.items():
            if text != before.files.get(path):
                self.drive.write(path, text.encode(), self.now)
        for source, level in after.trace.items():
            if (
                level != before.trace.get(source)
                and (data := self.drive.read(FILES["service_config"])) is not None
            ):
                self.drive.write(
                    FILES["service_config"], exe_config.set_switch(data, level, source), self.now
                )
        self.logs.registered = set(self.config.event_sources)
        self._make_room()
        self.look()

    def cache_folder(self, connector: str) -> str:
        """The folder to which a connector's DLL is copied before it is loaded, as the page's error text names it."""
        kind = KINDS[self.server.scenario.connectors[connector].kind]
        before, _, rest = kind.dll_denied(connector).partition("C:\\")
        return rest.partition(f"\\{kind.dll}")[0].replace("\\", "/") if before else FILES["cache"]

    # -- services ------------------------------------------------------------------------------------------------

    def find_service(self, name: str) -> str:
        """The key of a service by its name or display name. Raises UsageError."""
        names: dict[str, str] = {self.config.display(key).casefold(): key for key in KEYS}
        names |= {FACTS["services"][key]["name"].casefold(): key for key in KEYS}
        if name.casefold() not in names or self.state_of(names[name.casefold()]) == "absent":
            raise UsageError(f"there is no service {name!r}", hint=did_you_mean(name, names))
        return names[name.casefold()]

    def state_of(self, key: str) -> str:
        """running | stopped | absent"""
        if key != "host":
            return self.config.service(key).state
        if self.server.host.running:
            return "running"
        gone = self.config.service("host").state == "absent" and "service" not in self.config.leftovers
        return "absent" if gone else "stopped"

    def start_service(self, key: str) -> None:
        """Start a service. Raises StartFailed."""
        if key == "host":
            self.server.service("start")
            return
        self.look_at_start(key)
        self.config = self.config.with_service(key, state="running")
        if key == "agent":
            self.agent_starts += 1
        self.read_agent_config()
        self.logs.scm(self.now, 7036, display=self.config.display(key), state="running")

    def stop_service(self, key: str) -> None:
        if key == "host":
            self.server.service("stop")
            return
        self.config = self.config.with_service(key, state="stopped")
        self.logs.scm(self.now, 7036, display=self.config.display(key), state="stopped")

    def look_at_start(self, key: str) -> None:
        """Raise StartFailed if a service can't start, and have the event logs say why."""
        service, display = self.config.service(key), self.config.display(key)
        scm = {"display": display, "name": FACTS["services"][key]["name"], "account": service.account}
        code = None
        if service.state == "absent":  # of a service that was left behind, the program is gone
            code = 2 if key == "host" and "service" in self.config.leftovers else 1060
        elif service.start == "disabled":
            code = 1058
        elif service.logon != "granted":
            code = 1069
            self.logs.scm(self.now, 7041 if service.logon == "denied" else 7038, **scm)
            self.logs.scm(self.now, 7000, why=win32(code), **scm)
        elif service.fails is not None:
            code = service.fails
            if code == 1053:
                self.logs.scm(self.now, 7009, **scm)
            self.logs.scm(self.now, 7000, why=win32(code), **scm)
        elif (path := _CONFIGS.get(key)) is not None:
            code = self._look_at_config(key, path, scm)
        self.exit_codes[key] = code or 0
        if code is not None:
            raise StartFailed(key, display, code)

    def _look_at_config(self, key: str, path: str, scm: Mapping[str, str]) -> int | None:
        """The Win32 code with which a service fails that can't use its files; None if it can.

        What is not well-formed is refused by Windows' side-by-side loader before .NET runs; what .NET refuses ends the
        process at its first trace (assumed for these services).
        """
        data = self.drive.read(path)
        # .NET runs without an exe.config: no tracing, no Debug
        refused = None if data is None else _parsed(data, path).refused
        if refused is None and key == "host":
            self.look()
        elsewhere = self._configuration_refused if key == "host" else None
        if refused is None and elsewhere is None:
            return None
        binary = FACTS["services"][key]["binary"]
        if refused is not None and refused.by == exe_config.SIDE_BY_SIDE:
            line = refused.problem.line
            self.logs.application(self.now, 59, binary=binary, file=windows_path(path), line=line)
            self.logs.scm(self.now, 7000, why=win32(14001), **scm)
            return 14001
        process = binary.rpartition("\\")[2]
        why = f"System.InvalidOperationException: {elsewhere}" if refused is None else refused.exception
        self.logs.application(self.now, 1026, process=process, why=why)
        self.logs.scm(self.now, 7009, **scm)
        self.logs.scm(self.now, 7034, **scm)
        return 1053

    def may_begin(self) -> bool:
        """Whether the service that a scenario has running starts: not with files that were kept and don't let it."""
        try:
            if self._kept:
                self.look_at_start("host")
        except StartFailed:
            return False
        return True

    def starting(self) -> None:
        """The host's service is about to start: read its files. Raises StartFailed."""
        self.look_at_start("host")

    def connection_string(self, connector: str, page: ConnectorConfig) -> str:
        """With what the SQL connector opens its connection: the form of an ODBC string (assumed)."""
        said = self.config.connection(connector)
        table = page.system.table or "User"
        start = f"FileDsn=C:\\{connector}.dsn;Database=CONTOSO;Table={table}"
        return (
            f"{start};Trusted_Connection=Yes"
            if said.integrated
            else f"{start};Uid={said.user};Pwd={said.password}"
        )

    def read_agent_config(self) -> None:
        """The agent reads its exe.config when it starts."""
        data = self.drive.read(FILES["agent_config"])
        self.agent_proxy = None if data is None else _parsed(data, FILES["agent_config"]).proxy

    @property
    def gets_out(self) -> bool:
        """Whether the agent reaches Azure over port 443."""
        return self.config.proxy is None or (self.agent_proxy or "").rstrip("/").endswith(
            f"//{self.config.proxy}"
        )

    def describe(self) -> dict[str, object]:
        """What of the server matters to those around it, such as the provisioning agents, as plain JSON."""
        agent = self.config.service("agent")
        proxy = "none" if self.config.proxy is None else "configured" if self.gets_out else "missing"
        return {
            "name": self.config.name,
            "edition": self.config.edition,
            "proxy": proxy,
            "execution_policy": self.config.policy(),
            "may_log_on": agent.logon == "granted",
            "agent_runs": agent.state == "running",
            "agent_starts": self.agent_starts,
            "services": {key: self.state_of(key) for key in KEYS},
            "trace": self.traces(),
        }

    def traces(self) -> dict[str, dict[str, str]]:
        """switchValue of the trace sources: as the exe.config has them, and as the running service read them."""
        found = {name: source.switch_value for name, source in self._sources().items()}
        return {"configured": found, "effective": self.trace if self.server.host.running else {}}

    def pending(self) -> bool:
        """Whether the running service has not yet read a level that was changed."""
        found = self.traces()
        return self.server.host.running and found["configured"] != found["effective"]

    def _sources(self) -> Mapping[str, exe_config.Source]:
        found = self.service_config()
        return {} if found is None or found.refused is not None else found.sources

    # -- the event logs ------------------------------------------------------------------------------------------

    def events(self) -> dict[str, LogSnapshot]:
        """The event logs as they are now, by name. It takes the runtime's lock, and reading them needs none."""
        with self.server.lock:
            waiting = [each for each in self.server.host.backlog.exchanges() if self.logs.wants(each)]
        shown = without_secrets(waiting, self.server.journal)
        with self.server.lock:
            self.catch_up(shown)
            return self.logs.snapshot()

    def _make_room(self) -> None:
        """Have the logs, and what waits for them, as large as they are configured."""
        self.logs.resize(self.config.log_size)
        self.server.host.backlog.room = max(ROOM, min(4 * self.config.log_size, _MOST_WAITING))

    def catch_up(self, shown: Shown = NOTHING) -> None:
        """Write into the event logs what has happened since they were last looked at.

        shown: what `without_secrets` has made of exchanges that wait.
        """
        for each in self.server.host.backlog.take():
            if isinstance(each, Started):
                self._started(each)
            elif isinstance(each, Stopped):
                self.logs.trace(each.at, "stopped")
                self.logs.scm(each.at, 7036, display=self.config.display("host"), state="stopped")
            elif isinstance(each, Imported):
                self._imported(each)
            elif self.logs.wants(each):
                found = shown.get(id(each))
                self.logs.exchange(self.server.journal.sink.shown(each) if found is None else found[1])

    def _started(self, start: Started) -> None:
        """The host's service has started, and read its files."""
        sources = self._sources()
        self.trace = {name: source.switch_value for name, source in sources.items()}
        self.logs.levels = {name: source.levels for name, source in sources.items()}
        self.logs.scm(start.at, 7036, display=self.config.display("host"), state="running")
        debug = str(start.debug).lower()
        self.logs.trace(start.at, "started", debug=debug, connectors=", ".join(start.pages) or "none")
        for name, page in start.pages.items():
            if page.dll == "access_denied":
                self.logs.trace(start.at, "dll", why=KINDS[page.kind].dll_denied(name))
            elif page.kind == "generic_sql":
                connection = self.connection_string(name, page)
                self.logs.trace(start.at, "connection", connector=name, connection=connection)

    def _imported(self, ended: Imported) -> None:
        values = {"connector": ended.connector, "profile": ended.profile.capitalize()}
        if ended.problem is not None:
            self.logs.trace(ended.at, "import_failed", why=ended.problem, **values)
        else:
            self.logs.trace(ended.at, "import", count=ended.objects, **values)


_CONFIGS: Final = {"host": FILES["service_config"], "agent": FILES["agent_config"]}


def _parsed(data: bytes, path: str) -> exe_config.ExeConfig:
    return exe_config.parse(data, windows_path(path))


def win32(code: int) -> str:
    """The text of a Win32 error."""
    return str(FACTS["win32"].get(str(code), f"Windows error {code}."))
