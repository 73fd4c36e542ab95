"""Services, policies and setup: Get-Service and its kin, sc.exe; Get- and Set-ExecutionPolicy, gpedit; setup."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from typing import Any, Final

from mockhost.errors import CannotRun, UsageError
from mockhost.windows import drive
from mockhost.windows.config import FACTS, FILES, POLICIES, SCOPES
from mockhost.windows.machine import KEYS, Machine, StartFailed, win32
from mockhost.windows.powershell import CommandFailed, failed, shown, table
from mockhost.windows.shell import Call, Done, Session, cmdlet, program

_STATES: Final = {"running": (4, "RUNNING"), "stopped": (1, "STOPPED")}
_TYPES: Final = {"automatic": "2   AUTO_START", "delayed": "2   AUTO_START  (DELAYED)", "manual": "3   DEMAND_START",
                 "disabled": "4   DISABLED"}  # fmt: skip
_START_WORDS: Final = {
    "auto": "automatic",
    "delayed-auto": "delayed",
    "demand": "manual",
    "disabled": "disabled",
}


def describe(machine: Machine, key: str) -> dict[str, Any]:
    """A service as plain JSON."""
    service = machine.config.service(key)
    return {
        "Name": FACTS["services"][key]["name"],
        "DisplayName": machine.config.display(key),
        "Status": machine.state_of(key).capitalize(),
        "StartType": service.start,
        "Account": service.account,
    }


@cmdlet("Get-Service")
def get_service(call: Call, name: list[str] | None = None, *, display_name: list[str] | None = None) -> Done:
    """Lists services and their status."""
    found = [describe(call.machine, key) for key in KEYS if call.machine.state_of(key) != "absent"]
    wanted = name or display_name
    if wanted:
        chosen = []
        for pattern in wanted:
            keys = ("DisplayName",) if display_name else ("Name", "DisplayName")
            fits = [each for each in found if any(_like(each[key], pattern) for key in keys)]
            if not fits and not any(char in pattern for char in "*?"):
                raise failed("Get-Service", "no_such_service", name=pattern)
            chosen += [each for each in fits if each not in chosen]
        found = chosen
    found.sort(key=lambda each: str(each["Name"]).casefold())
    rows = [(each["Status"], each["Name"], each["DisplayName"]) for each in found]
    return Done(table({"Status": 8, "Name": 18, "DisplayName": 38}, rows) if rows else "", found)


def _like(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text.casefold(), pattern.casefold())


def _change(call: Call, command: str, name: list[str], change: Callable[[str], object], verb: str) -> str:
    """Change services by a cmdlet, which shows no Win32 code."""
    for each in name:
        try:
            key = call.machine.find_service(each)
        except UsageError:
            raise failed(command, "NoServiceFoundForGivenName", name=each) from None
        service = f"'{call.machine.config.display(key)} ({FACTS['services'][key]['name']})'"
        if not call.elevated:
            change_word = command.partition("-")[0]
            raise failed(command, "service_denied", service=service, verb=verb, name=each, change=change_word)
        try:
            change(key)
        except StartFailed:
            raise failed(command, "start_failed", service=service) from None
    return ""


@cmdlet("Start-Service")
def start_service(call: Call, name: list[str]) -> str:
    """Starts services. It hides the error code; sc.exe shows it."""

    def start(key: str) -> None:
        if call.machine.state_of(key) != "running":
            call.machine.start_service(key)

    return _change(call, "Start-Service", name, start, "started")


@cmdlet("Stop-Service")
def stop_service(call: Call, name: list[str], *, force: bool = False) -> str:
    """Stops services."""
    return _change(call, "Stop-Service", name, call.machine.stop_service, "stopped")


@cmdlet("Restart-Service")
def restart_service(call: Call, name: list[str], *, force: bool = False) -> str:
    """Stops services, and starts them again."""

    def restart(key: str) -> None:
        call.machine.stop_service(key)
        call.machine.start_service(key)

    return _change(call, "Restart-Service", name, restart, "stopped")


@cmdlet("sc")
def bare_sc(call: Call, path: str = "", value: str = "") -> str:
    """Is an alias of Set-Content in Windows PowerShell; the service tool is sc.exe."""
    raise CommandFailed(
        "In Windows PowerShell sc is an alias of Set-Content, which writes files.\n"
        "The service tool is sc.exe."
    )


@program("sc.exe")
def sc(call: Call, words: Sequence[str]) -> Done:
    """query, qc, start, stop, config and delete of services, with Win32 error codes."""
    verb, *rest = [*words, ""]
    if verb.casefold() not in _VERBS:
        raise CommandFailed("usage: sc.exe query|qc|start|stop|config|delete [service name] [options]", 1)
    if verb.casefold() == "query" and not rest[0]:
        keys = [key for key in KEYS if call.machine.state_of(key) == "running"]
        return Done(
            "".join(_query(call.machine, key, listed=True) for key in keys),
            [describe(call.machine, key) for key in keys],
        )
    machine, label = call.machine, _VERBS[verb.casefold()]
    key = _key(machine, rest[0])
    if key is None:
        raise _failure(f"{label}: OpenService", 1060)
    if verb.casefold() in ("start", "stop", "config", "delete") and not call.elevated:
        raise _failure(f"{label}: OpenService", 5)
    return Done(_DO[verb.casefold()](machine, key, list(rest[1:-1])), describe(machine, key))


def _key(machine: Machine, name: str) -> str | None:
    """sc.exe takes the service's name, not its display name."""
    names = {str(FACTS["services"][key]["name"]).casefold(): key for key in KEYS}
    key = names.get(name.casefold())
    return None if key is None or machine.state_of(key) == "absent" else key


_VERBS: Final = {"query": "EnumQueryServicesStatus", "qc": "QueryServiceConfig", "start": "StartService",
                 "stop": "ControlService", "config": "ChangeServiceConfig", "delete": "DeleteService"}  # fmt: skip


def _failure(step: str, code: int) -> CommandFailed:
    return CommandFailed(f"[SC] {step} FAILED {code}:\n\n{win32(code)}\n\n", code)


def _query(machine: Machine, key: str, *, listed: bool = False) -> str:
    number, word = _STATES[machine.state_of(key)]
    return shown(
        "sc_query",
        name=FACTS["services"][key]["name"],
        display=f"DISPLAY_NAME: {machine.config.display(key)}\n" if listed else "",
        state=f"{number}  {word}",
        accepts=_ACCEPTS if number == 4 else "",
        code=0 if number == 4 else machine.exit_codes.get(key, 0),
    )


_ACCEPTS: Final = f"{' ' * 32}(STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN)\n"


def _qc(machine: Machine, key: str, options: list[str]) -> str:
    service, row = machine.config.service(key), FACTS["services"][key]
    return shown(
        "sc_qc",
        name=row["name"],
        start=_TYPES[service.start],
        binary=row["binary"],
        display=machine.config.display(key),
        account=service.account,
    )


def _start(machine: Machine, key: str, options: list[str]) -> str:
    if machine.state_of(key) == "running":
        raise _failure("StartService", 1056)
    try:
        machine.start_service(key)
    except StartFailed as error:
        raise _failure("StartService", error.code) from None
    return _query(machine, key)


def _stop(machine: Machine, key: str, options: list[str]) -> str:
    if machine.state_of(key) != "running":
        raise _failure("ControlService", 1062)
    machine.stop_service(key)
    return _query(machine, key)


def _config(machine: Machine, key: str, options: list[str]) -> str:
    """`obj= ACCOUNT password= …` and `start= auto`, as on the Log On and General tabs of Services."""
    said: dict[str, str] = {}
    words = iter(options)
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name.casefold() not in ("obj", "password", "start"):
            raise CommandFailed(
                "usage: sc.exe config NAME obj= ACCOUNT password= PASSWORD start="
                " auto|delayed-auto|demand|disabled"
            )
        said[name.casefold()] = value or next(words, "")
    changed: dict[str, str] = {}
    if "obj" in said:
        # the Log On tab grants the right to log on as a service; sc.exe does not say so, and is used for it here
        changed.update(account=said["obj"], logon="granted")
    elif "password" in said:
        changed["logon"] = "granted"
    if "start" in said:
        said["start"] = said["start"].casefold()
        if said["start"] not in _START_WORDS:
            raise CommandFailed(
                f"invalid start= field: {said['start']!r}; it is one of {', '.join(_START_WORDS)}"
            )
        changed["start"] = _START_WORDS[said["start"]]
    machine.config = machine.config.with_service(key, **changed)
    return "[SC] ChangeServiceConfig SUCCESS\n"


def _delete(machine: Machine, key: str, options: list[str]) -> str:
    if machine.state_of(key) == "running":
        try:
            machine.stop_service(key)
        except CannotRun as error:
            raise CommandFailed(str(error)) from None
    left = tuple(each for each in machine.config.leftovers if each != "service" or key != "host")
    machine.config = machine.config.with_service(key, state="absent")._replace(leftovers=left)
    return "[SC] DeleteService SUCCESS\n"


_DO: Final[dict[str, Callable[[Machine, str, list[str]], str]]] = {
    "query": lambda machine, key, options: _query(machine, key),
    "qc": _qc, "start": _start, "stop": _stop, "config": _config, "delete": _delete,
}  # fmt: skip


# -- policies: gpedit is for what only Group Policy changes ------------------------------------------------------

_GROUP: Final = {"machine": "MachinePolicy", "user": "UserPolicy"}


def _of(machine: Machine, session: Session, scope: str) -> str:
    return session.policy if scope == "Process" else machine.config.execution_policy.get(scope, "Undefined")


@cmdlet("Get-ExecutionPolicy", group="policies")
def get_execution_policy(call: Call, scope: str = "", *, list: bool = False) -> Done:
    """Shows the execution policy that counts, or with -List that of each scope."""
    held = {name: _of(call.machine, call.session, name) for name in SCOPES}
    if list:
        return Done(table({"Scope": -13, "ExecutionPolicy": -15}, [*held.items()]), held)
    if scope:
        found = held[_one_of("Get-ExecutionPolicy", "Scope", scope, SCOPES)]
    else:
        found = call.machine.config.policy(call.session.policy)
    return Done(f"{found}\n", found)


@cmdlet("Set-ExecutionPolicy", group="policies")
def set_execution_policy(
    call: Call, execution_policy: str, scope: str = "LocalMachine", *, force: bool = False
) -> Done:
    """Sets the execution policy of a scope; it can't set MachinePolicy and UserPolicy."""
    name, machine = "Set-ExecutionPolicy", call.machine
    policy, scope = (
        _one_of(name, "ExecutionPolicy", execution_policy, POLICIES),
        _one_of(name, "Scope", scope, SCOPES),
    )
    if scope in _GROUP.values():
        raise failed(name, "CantSetGroupPolicy")
    if scope == "LocalMachine" and not call.elevated:
        raise failed(name, "policy_denied")
    session = call.session
    if scope == "Process":
        session = session._replace(policy=policy)
    else:
        held = {**machine.config.execution_policy, scope: policy}
        machine.config = machine.config._replace(execution_policy=held)
    counts = machine.config.policy(session.policy)
    if policy not in ("Undefined", counts):
        return Done(failed(name, "ExecutionPolicyOverride", counts=counts).shown, code=1, session=session)
    return Done("", session=session)


def _one_of(command: str, parameter: str, said: str, known: Sequence[str]) -> str:
    for name in known:
        if name.casefold() == said.casefold():
            return name
    raise failed(command, "not_of_enumeration", name=parameter, value=said, known=",".join(known))


@program("gpedit", group="policies")
def gpedit(call: Call, words: Sequence[str]) -> Done:
    """Changes policies: gpedit machine|user POLICY, or gpedit logon ACCOUNT granted|denied."""
    machine = call.machine
    if not words:
        held = [
            (f"Turn on Script Execution ({scope})", _of(machine, call.session, scope))
            for scope in _GROUP.values()
        ]
        held += [
            (f"Log on as a service: {machine.config.service(key).account}", machine.config.service(key).logon)
            for key in KEYS
        ]
        return Done("".join(f"{name:<70}{value}\n" for name, value in held), dict(held))
    if not call.elevated:
        raise CommandFailed("You do not have permission to perform this operation.\nAccess is denied.", 5)
    where = words[0].casefold()
    if where in _GROUP and len(words) == 2:
        policy = _one_of("gpedit", "Policy", words[1], POLICIES)
        held_now = {**machine.config.execution_policy, _GROUP[where]: policy}
        machine.config = machine.config._replace(execution_policy=held_now)
        return Done(f"{_GROUP[where]}: {policy}\n")
    if where == "logon" and len(words) == 3 and words[2] in ("granted", "denied"):
        keys = [key for key in KEYS if machine.config.service(key).account.casefold() == words[1].casefold()]
        if not keys:
            names = ", ".join(str(FACTS["services"][key]["account"]) for key in KEYS)
            raise CommandFailed(f"no service runs as {words[1]!r}; known: {names}")
        for key in keys:
            machine.config = machine.config.with_service(key, logon=words[2])
        return Done(f"Log on as a service: {words[1]} {words[2]}\n")
    raise CommandFailed("usage: gpedit machine|user POLICY, or gpedit logon ACCOUNT granted|denied")


# -- installing: the host and the agent, with what keeps them from it --------------------------------------------

_DOTNET: Final = (4, 7, 1)
_UNFIT: Final = ("Unrestricted", "Bypass", "AllSigned", "Restricted")
"""The page asks for Undefined or RemoteSigned of Machine and User."""
_NO_TEXT: Final = "(text not published)"


@program("setup", group="installing")
def setup(call: Call, words: Sequence[str]) -> Done:
    """Installs and uninstalls: setup install|uninstall [host|agent]."""
    verb, product = [*(word.casefold() for word in words), "host", "host"][:2] if words else ("", "")
    if verb not in ("install", "uninstall") or product not in ("host", "agent"):
        raise CommandFailed("usage: setup install|uninstall [host|agent]")
    if not call.elevated:
        raise CommandFailed("The setup program needs an administrator. Access is denied.", 5)
    return Done(_SETUP[verb, product](call.machine))


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
    for path, data in drive.first_files(fresh, server.scenario, server.host.config, machine.now).items():
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


_SETUP: Final = {
    ("install", "host"): _install_host,
    ("uninstall", "host"): _uninstall_host,
    ("install", "agent"): _install_agent,
    ("uninstall", "agent"): _uninstall_agent,
}
