"""Findings in the output of read-only commands that a user ran on the Windows server and pasted into a file.

The forms of the outputs are those of Windows Server 2019 and 2022 in English (Microsoft Learn: Get-Service, sc.exe qc,
netsh http, netstat, Get-ExecutionPolicy, "How to: Determine which .NET Framework versions are installed", icacls).
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
    r'icacls "C:\Program Files\Microsoft ECMA2Host\Service\ECMA\Cache"',
    r"Select-String -Path 'C:\Program Files\Microsoft ECMA2Host\Service\*.exe.config' -Pattern 'Debug','switchValue'",
    "Get-WinEvent -LogName 'Microsoft ECMA2Host Logs' -MaxEvents 20 | Format-List TimeCreated,LevelDisplayName,Message",
)
"""To be run on the server of the host; none of them changes anything."""
LIMIT: Final = 1 << 20
"""Characters of the pasted text that are read."""
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


def _field(text: str, name: str, value: str) -> re.Match[str] | None:
    return re.search(rf"^\s*{name}\s*:\s*({value})", text, re.MULTILINE | re.IGNORECASE)


def _service(text: str, name: str) -> Finding:
    found = re.search(
        rf"DisplayName\s*:\s*{re.escape(name)}\s*\n\s*Status\s*:\s*(\w+)|^\s*(Running|Stopped|Paused|\w+Pending)\s+.*"
        rf"{re.escape(name[:14])}",
        text, re.MULTILINE | re.IGNORECASE,
    )  # fmt: skip
    if re.search(rf"Cannot find any service with service name '{re.escape(name)}'", text):
        return failed("there is no such service")
    if found is None:
        return _MISSING
    state = found[1] or found[2]
    return passed("Running") if state.lower() == "running" else failed(state)


def _certificate(text: str) -> Finding:
    if found := re.search(r"Certificate Hash\s*:\s*([0-9a-f]{40})", text, re.IGNORECASE):
        return passed(f"certificate {found[1][:8]}…")
    if "SSL Certificate bindings" in text or "cannot find the file specified" in text.lower():
        return failed("no certificate is bound to the port")
    return _MISSING


def _listening(text: str) -> Finding:
    found = re.search(r"^\s*TCP\s+\S+:(\d+)\s+\S+\s+LISTENING\s+(\d+)", text, re.MULTILINE)
    if found:
        own = "http.sys" if found[2] == "4" else f"process {found[2]}, not http.sys"
        return passed(f"port {found[1]}, {own}") if found[2] == "4" else warned(f"port {found[1]}: {own}")
    return failed("netstat shows no listener") if re.search(r"netstat", text) else _MISSING


def _policies(text: str) -> Finding:
    rows = dict(
        re.findall(r"^\s*(MachinePolicy|UserPolicy|LocalMachine|CurrentUser)\s+(\w+)\s*$", text, re.MULTILINE)
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
    if not re.search(r"ECMA\\Cache", text) or (
        "icacls" not in text and "(OI)" not in text and ":(" not in text
    ):
        return _MISSING
    rights = re.findall(r"(?:NT AUTHORITY\\)?NETWORK SERVICE:((?:\([A-Z,]+\))+)", text)
    if any("(F)" in right for right in rights):
        return passed("NETWORK SERVICE has full control")
    return failed(f"NETWORK SERVICE has {rights[0]}" if rights else "NETWORK SERVICE has no entry")


def _debug(text: str) -> Finding:
    found = re.search(r"""key\s*=\s*["']Debug["']\s+value\s*=\s*["'](\w+)["']""", text, re.IGNORECASE)
    if found is None:
        return _MISSING
    return (
        failed("Debug is true: authentication is off")
        if found[1].lower() == "true"
        else passed("Debug is false")
    )


def _starts(text: str) -> Finding:
    types = re.findall(r"^\s*StartType\s*:\s*(\w+)|START_TYPE\s*:\s*\d+\s+(\w+)", text, re.MULTILINE)
    account = re.search(r"SERVICE_START_NAME\s*:\s*(\S.*)", text)
    if not types and account is None:
        return _MISSING
    kinds = [first or second for first, second in types]
    if any(kind.lower() == "disabled" for kind in kinds):
        return failed("a service is disabled")
    saw = ", ".join(dict.fromkeys(kinds)) + (f", as {account[1].strip()}" if account else "")
    return warned(saw) if any(kind.lower() in ("manual", "demand_start") for kind in kinds) else passed(saw)


def _events(text: str, causes: Callable[[str], str]) -> Finding:
    messages = re.findall(r"^\s*Message\s*:\s*(.+(?:\n\s{8,}.+)*)", text, re.MULTILINE)
    if not messages:
        return _MISSING
    for message in messages[:50]:
        if cause := causes(" ".join(message.split())):
            return failed(cause)
    return passed(f"{len(messages)} events, none with a known error")
