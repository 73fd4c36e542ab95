"""Checks of what is given beside the URL: a mock's control plane, a folder with files of drive C:, pasted output.

Names and folders of files: Microsoft Learn, "Troubleshoot on-premises application provisioning", "Turn on verbose
logging". The forms of the outputs of read-only commands are those of Windows Server 2019 and 2022 (Microsoft Learn:
Get-Service, sc.exe qc, netsh http, netstat, Get-ExecutionPolicy, "How to: Determine which .NET Framework versions are
installed", icacls, "Security Descriptor String Format"). netsh, netstat and icacls write in the language of Windows, so
numbers, addresses and rights are read there. Members of PowerShell's objects are always English.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mockhost import exe_config, facts
from mockhost.doctor.patient import Finding, failed, noted, passed, warned
from mockhost.elements import LARGEST
from mockhost.errors import MockhostError, reason_of
from mockhost.exe_config import ExeConfig, Refusal

if TYPE_CHECKING:
    from mockhost.client.control import Control

_PAGE = 1_000


def of_control_plane(control: Control, connector: str) -> dict[str, Callable[[], Finding]]:
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


# -- files of drive C: ---------------------------------------------------------------------------------------

FILES: Final = (exe_config.SERVICE, exe_config.WIZARD, exe_config.AGENT)


def of_drive(drive: Path) -> dict[str, Callable[[], Finding]]:
    """The checks by their codes. `drive` is a folder with the tree of C:."""
    found = {name.rpartition("/")[2]: drive / name for name in FILES if _is_there(drive / name)}
    return {
        "EMH0701": lambda: config_file(found),
        "EMH0702": lambda: config_debug(found),
        "EMH0703": lambda: config_level(found),
    }


def _is_there(path: Path) -> bool:
    """Whether it is a file, or that is unknown: then opening it fails with the reason."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _parse(path: Path) -> ExeConfig:
    with path.open("rb") as file:
        return exe_config.parse(file.read(LARGEST + 1), path.name)


def _is_of_a_level(refusal: Refusal) -> bool:
    return refusal.by == exe_config.DOTNET and "ConfigurationErrors" not in refusal.exception


def config_file(found: dict[str, Path]) -> Finding:
    """Whether each file that is there is well-formed, and one that .NET reads."""
    if not found:
        return noted("none of the configuration files is in the folder")
    for name, path in found.items():
        try:
            refusal = _parse(path).refused
        except OSError as problem:
            return failed(f"{name} can't be read: {reason_of(problem)}")
        if refusal and not _is_of_a_level(refusal):
            return failed(str(refusal.problem))
    return passed(", ".join(found))


def config_debug(found: dict[str, Path]) -> Finding:
    """appSettings/Debug of the service."""
    path = found.get(FILES[0].rpartition("/")[2])
    if path is None:
        return noted("the service's configuration file is not in the folder")
    config = _parse(path)
    doubtful = [problem for problem in config.problems if problem.path.endswith("[Debug]")]
    if doubtful:
        return warned(str(doubtful[0]))
    return failed("Debug is true: authentication is off") if config.debug else passed("Debug is not true")


def config_level(found: dict[str, Path]) -> Finding:
    """The switchValue of every source."""
    seen: list[str] = []
    for path in found.values():
        config = _parse(path)
        if config.refused:
            return failed(str(config.refused.problem))
        seen += [source.switch_value for source in config.sources.values() if source.switch_value]
    if not seen:
        return noted("no source with a switchValue")
    if len(set(seen)) > 1:
        return warned(f"different levels: {', '.join(dict.fromkeys(seen))}")
    return passed(f"{seen[0]} everywhere")


# -- output of commands that a user ran on the server ------------------------------------------------------------

HOST: Final = "Microsoft ECMA2Host"
AGENT: Final = "Microsoft Azure AD Connect Provisioning Agent"
COMMANDS: Final[tuple[str, ...]] = (*facts.beside(__file__, "catalogue.toml")["commands"],)
"""To be run on the server of the host; none of them changes anything."""
LIMIT: Final = 1 << 20
"""Characters of the pasted text that are read."""
_FULL_CONTROL: Final = ("FA", "GA", "0x1f01ff")
"""Rights of an entry in SDDL: FILE_ALL_ACCESS, GENERIC_ALL, and the first as a number."""
_MESSAGE: Final = 4_000
"""Characters of an event that are looked up."""
_RELEASE_471: Final = 461_308
"""The smallest `Release` of .NET Framework 4.7.1 (on Windows 10 1709; others are larger)."""


def of_pasted(text: str, causes: Callable[[str], str]) -> dict[str, Callable[[], Finding]]:
    """The checks by their codes. `causes` names the known cause of an error text, or gives ''."""
    text = text[:LIMIT].replace("\r\n", "\n")
    return {
        "EMH0801": lambda: _pasted_service(text, HOST),
        "EMH0802": lambda: _pasted_service(text, AGENT),
        "EMH0803": lambda: _certificate(text),
        "EMH0804": lambda: _listening(text),
        "EMH0805": lambda: _policies(text),
        "EMH0806": lambda: _dotnet(text),
        "EMH0807": lambda: _folder(text),
        "EMH0808": lambda: _pasted_debug(text),
        "EMH0809": lambda: _starts(text),
        "EMH0810": lambda: _events(text, causes),
    }


_MISSING = noted("not in the pasted text")
_SERVICE_ACCOUNTS: Final = (
    r"NETWORK SERVICE|NETZWERKDIENST|SERVICE R.SEAU|SERVICIO DE RED|SERVIZIO DI RETE|NETWERKSERVICE"
)
"""The network service account as icacls names it in English, and (assumed) in five other languages."""
_BINDING: Final = re.compile(
    r"(?<!\S)\S{1,300}?:\d{1,5}[ \t]*\n[^\n:]{1,60}:[ \t]*([0-9a-f]{40})\b", re.IGNORECASE
)
"""netsh http show sslcert: the address, and on the next line the hash, whatever their labels are called."""


def _field(text: str, name: str, value: str) -> re.Match[str] | None:
    return re.search(rf"^[ \t]*{name}[ \t]*:[ \t]*({value})", text, re.MULTILINE | re.IGNORECASE)


def _pasted_service(text: str, name: str) -> Finding:
    found = re.search(
        rf"DisplayName[ \t]*:[ \t]*{re.escape(name)}[ \t]*\n[ \t]*Status[ \t]*:[ \t]*(\w+)"
        rf"|^[ \t]*(Running|Stopped|Paused|\w+Pending)[ \t].*{re.escape(name[:14])}",
        text, re.MULTILINE | re.IGNORECASE,
    )  # fmt: skip
    # Get-Service's error ends with its id in every language.
    if re.search(
        rf"{re.escape(name)}[^\n]{{0,200}}\n(?:[^\n]*\n){{0,5}}?[^\n]*NoServiceFoundForGivenName", text
    ) or re.search(rf"Cannot find any service with service name '{re.escape(name)}'", text):
        return failed("there is no such service")
    if found is None:
        return _MISSING
    state = found[1] or found[2]
    return passed("Running") if state.lower() == "running" else failed(state)


def _certificate(text: str) -> Finding:
    if found := _BINDING.search(text) or re.search(
        r"Certificate Hash[ \t]*:[ \t]*([0-9a-f]{40})", text, re.IGNORECASE
    ):
        return passed(f"certificate {found[1][:8]}…")
    if "SSL Certificate bindings" in text or "cannot find the file specified" in text.lower():
        return failed("no certificate is bound to the port")
    return _MISSING


def _listening(text: str) -> Finding:
    # Only a listener has port 0 on the other side; LISTENING is translated in some languages.
    found = re.search(
        r"^[ \t]*TCP[ \t]+\S+:(\d+)[ \t]+(?:0\.0\.0\.0|\[::\]):0[ \t]+\S+[ \t]+(\d+)", text, re.MULTILINE
    )
    if found:
        own = "http.sys" if found[2] == "4" else f"process {found[2]}, not http.sys"
        return passed(f"port {found[1]}, {own}") if found[2] == "4" else warned(f"port {found[1]}: {own}")
    return failed("netstat shows no listener") if "netstat" in text else _MISSING


def _policies(text: str) -> Finding:
    rows = dict(
        re.findall(
            r"^[ \t]*(MachinePolicy|UserPolicy|LocalMachine|CurrentUser)[ \t]+(\w+)[ \t]*$",
            text,
            re.MULTILINE,
        )
    )
    if not rows:
        return _MISSING
    wrong = [f"{scope} is {rows[scope]}" for scope in rows if rows[scope] == "Unrestricted"]
    if wrong:
        return failed(", ".join(wrong))
    strict = [f"{scope} is {rows[scope]}" for scope in rows if rows[scope] in ("AllSigned", "Restricted")]
    return warned(", ".join(strict)) if strict else passed(", ".join(f"{a} {b}" for a, b in rows.items()))


def _dotnet(text: str) -> Finding:
    found = _field(text, "Release", r"\d{5,7}")
    if found is None:
        return _MISSING
    version = _field(text, "Version", r"[\d.]+")
    saw = f"release {found[1]}" + (f", version {version[1]}" if version else "")
    return passed(saw) if int(found[1]) >= _RELEASE_471 else failed(saw)


def _folder(text: str) -> Finding:
    if sddl := re.search(r"D:[A-Z]{0,6}(\([^()\s]{1,200}\)(?:\([^()\s]{1,200}\))*)", text):
        entries = [entry.split(";") for entry in re.findall(r"\(([^()]+)\)", sddl[1])]
        own = [
            fields[2]
            for fields in entries
            if len(fields) >= 6 and fields[0] == "A" and fields[5] in ("NS", "S-1-5-20")
        ]
        if any(rights in _FULL_CONTROL for rights in own):
            return passed("NETWORK SERVICE has full control")
        return failed(f"NETWORK SERVICE has {own[0]}" if own else "NETWORK SERVICE has no entry")
    if "ECMA\\Cache" not in text or not re.search(r"\S:(?:\([A-Z,]{1,20}\)){1,6}", text):
        return _MISSING
    found = re.findall(rf"(?:{_SERVICE_ACCOUNTS}):((?:\([A-Z,]{{1,20}}\)){{1,6}})", text, re.IGNORECASE)
    if any("(F)" in rights for rights in found):
        return passed("NETWORK SERVICE has full control")
    if found:
        return failed(f"NETWORK SERVICE has {found[0]}")
    if "BUILTIN\\" in text and "NT AUTHORITY\\" in text:
        return failed("NETWORK SERVICE has no entry")
    return noted(
        "NETWORK SERVICE is not in the list under a name that is known here; run the command of --commands"
    )


def _pasted_debug(text: str) -> Finding:
    found = re.search(
        r"""key[ \t]*=[ \t]*["']Debug["'][ \t]+value[ \t]*=[ \t]*["'](\w+)["']""", text, re.IGNORECASE
    )
    if found is None:
        return _MISSING
    return (
        failed("Debug is true: authentication is off")
        if found[1].lower() == "true"
        else passed("Debug is false")
    )


def _starts(text: str) -> Finding:
    types = re.findall(
        r"^[ \t]*StartType[ \t]*:[ \t]*(\w+)|START_TYPE[ \t]*:[ \t]*\d+[ \t]+(\w+)", text, re.MULTILINE
    )
    account = re.search(r"SERVICE_START_NAME[ \t]*:[ \t]*(\S.{0,200})", text)
    if not types and account is None:
        return _MISSING
    kinds = [first or second for first, second in types]
    if any(kind.lower() == "disabled" for kind in kinds):
        return failed("a service is disabled")
    saw = ", ".join(dict.fromkeys(kinds)) + (f", as {account[1].strip()}" if account else "")
    return warned(saw) if any(kind.lower() in ("manual", "demand_start") for kind in kinds) else passed(saw)


def _events(text: str, causes: Callable[[str], str]) -> Finding:
    messages = re.findall(r"^[ \t]*Message[ \t]*:[ \t]*(.+(?:\n[ \t]{8,}.+){0,100})", text, re.MULTILINE)
    if not messages:
        return _MISSING
    for message in dict.fromkeys(messages[:50]):
        if cause := causes(" ".join(message.split())[:_MESSAGE]):
            return failed(cause)
    return passed(f"{len(messages)} events, none with a known error")
