"""Services: Get-Service, Start-Service, Stop-Service, Restart-Service, and sc.exe."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from typing import Any, Final

from mockhost.errors import CannotRun, UsageError
from mockhost.windows import powershell
from mockhost.windows.config import FACTS
from mockhost.windows.machine import KEYS, Machine, StartFailed, win32
from mockhost.windows.powershell import CommandFailed, failed, table
from mockhost.windows.shell import Call, Done, cmdlet, program

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
        shown = f"'{call.machine.config.display(key)} ({FACTS['services'][key]['name']})'"
        if not call.elevated:
            change_word = command.partition("-")[0]
            raise failed(command, "service_denied", service=shown, verb=verb, name=each, change=change_word)
        try:
            change(key)
        except StartFailed:
            raise failed(command, "start_failed", service=shown) from None
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
    return powershell.shown(
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
    return powershell.shown(
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
