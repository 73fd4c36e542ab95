"""Findings in the output of read-only commands that a user ran on the Windows server and pasted into a file.

The forms of the outputs are those of Windows Server 2019 and 2022 (Microsoft Learn: Get-Service, sc.exe qc, netsh http,
netstat, Get-ExecutionPolicy, "How to: Determine which .NET Framework versions are installed", icacls, "Security
Descriptor String Format"). netsh, netstat and icacls write in the language of Windows, so numbers, addresses and rights
are read there. Members of PowerShell's objects are always English.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mockhost.doctor.patient import Finding, failed, noted, passed, warned

HOST: Final = "Microsoft ECMA2Host"
AGENT: Final = "Microsoft Azure AD Connect Provisioning Agent"
COMMANDS: Final = (
    f"Get-Service '{HOST}','{AGENT}' | Format-List DisplayName,Status,StartType",
    f"sc.exe qc '{HOST}'",
    "netsh http show sslcert ipport=0.0.0.0:8585",
    "netsh http show urlacl",
    "netstat -ano | findstr :8585",
    "Get-ExecutionPolicy -List",
    r"Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full' | Format-List Version,Release",
    r"(Get-Acl 'C:\Program Files\Microsoft ECMA2Host\Service\ECMA\Cache').Sddl",
    r"Select-String -Path 'C:\Program Files\Microsoft ECMA2Host\Service\*.exe.config' -Pattern 'Debug','switchValue'",
    "Get-WinEvent -LogName 'Microsoft ECMA2Host Logs' -MaxEvents 20 | Format-List TimeCreated,LevelDisplayName,Message",
)
"""To be run on the server of the host; none of them changes anything."""
LIMIT: Final = 1 << 20
"""Characters of the pasted text that are read."""
_FULL_CONTROL: Final = ("FA", "GA", "0x1f01ff")
"""Rights of an entry in SDDL: FILE_ALL_ACCESS, GENERIC_ALL, and the first as a number."""
_MESSAGE: Final = 4_000
"""Characters of an event that are looked up."""
_RELEASE_471: Final = 461_308
"""The smallest `Release` of .NET Framework 4.7.1 (on Windows 10 1709; others are larger)."""


def checks(text: str, causes: Callable[[str], str]) -> dict[str, Callable[[], Finding]]:
    """The checks by their codes. `causes` names the known cause of an error text, or gives ''."""
    text = text[:LIMIT].replace("\r\n", "\n")
    return {
        "EMH0801": lambda: _service(text, HOST),
        "EMH0802": lambda: _service(text, AGENT),
        "EMH0803": lambda: _certificate(text),
        "EMH0804": lambda: _listening(text),
        "EMH0805": lambda: _policies(text),
        "EMH0806": lambda: _dotnet(text),
        "EMH0807": lambda: _folder(text),
        "EMH0808": lambda: _debug(text),
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


def _service(text: str, name: str) -> Finding:
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


def _debug(text: str) -> Finding:
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
