"""What configuration files show: those of a Windows server, copied or mounted as a folder in place of its drive C:.

Names and folders: Microsoft Learn, "Troubleshoot on-premises application provisioning", "Turn on verbose logging".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from mockhost.doctor.decoding import decoded
from mockhost.doctor.patient import Finding, failed, noted, passed, warned

FILES: Final = (
    "Program Files/Microsoft ECMA2Host/Service/Microsoft.ECMA2Host.Service.exe.config",
    "Program Files/Microsoft ECMA2Host/Wizard/Microsoft.ECMA2Host.ConfigWizard.exe.config",
    "Program Files/Microsoft Azure AD Connect Provisioning Agent/AADConnectProvisioningAgent.exe.config",
)
LEVELS: Final = ("Off", "Critical", "Error", "Warning", "Information", "Verbose", "ActivityTracing", "All")
"""System.Diagnostics.SourceLevels."""
_SIZE = 1 << 20


def checks(drive: Path) -> dict[str, Callable[[], Finding]]:
    """The checks by their codes. `drive` is a folder with the tree of C:."""
    found = {name.rpartition("/")[2]: drive / name for name in FILES if (drive / name).is_file()}
    return {
        "EMH0701": lambda: config_file(found),
        "EMH0702": lambda: config_debug(found),
        "EMH0703": lambda: config_level(found),
    }


def _parse(path: Path) -> ElementTree.Element:
    """The document's root. Raises ElementTree.ParseError for what is not well-formed, ValueError for a DTD."""
    with path.open("rb") as file:
        data = file.read(_SIZE + 1)
    if len(data) > _SIZE:
        raise ValueError("is larger than 1 MiB")
    text = decoded(data)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("has a document type, which no exe.config needs")
    return ElementTree.fromstring(text)  # as text, so that no declared encoding can hide a document type


def config_file(found: dict[str, Path]) -> Finding:
    """Whether each file that is there is well-formed, and has nothing outside of its root."""
    if not found:
        return noted("none of the configuration files is in the folder")
    for name, path in found.items():
        try:
            root = _parse(path)
        except ElementTree.ParseError as problem:
            line, column = problem.position
            return failed(f"{name} is not well-formed: line {line}, column {column + 1}")
        except (ValueError, OSError) as problem:
            return failed(f"{name} {problem}")
        if root.tag != "configuration":
            return failed(f"{name} begins with <{root.tag}>, not with <configuration>")
    return passed(", ".join(found))


def config_debug(found: dict[str, Path]) -> Finding:
    """appSettings/Debug of the service."""
    path = found.get(FILES[0].rpartition("/")[2])
    if path is None:
        return noted("the service's configuration file is not in the folder")
    for setting in _parse(path).iterfind("appSettings/add"):
        if setting.get("key", "").lower() == "debug":
            on = setting.get("value", "").strip().lower() == "true"
            return failed("Debug is true: authentication is off") if on else passed("Debug is false")
    return passed("Debug is not set")


def config_level(found: dict[str, Path]) -> Finding:
    """The switchValue of every source."""
    seen: list[str] = []
    for name, path in found.items():
        for source in _parse(path).iterfind("system.diagnostics/sources/source"):
            level = source.get("switchValue")
            if level is None:
                continue
            if level not in LEVELS:
                return failed(
                    f"{name}: {level!r} of {source.get('name')} is not a level; one of {', '.join(LEVELS)}"
                )
            seen.append(level)
    if not seen:
        return noted("no source with a switchValue")
    if len(set(seen)) > 1:
        return warned(f"different levels: {', '.join(dict.fromkeys(seen))}")
    return passed(f"{seen[0]} everywhere")
