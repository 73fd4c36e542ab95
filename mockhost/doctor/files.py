"""What configuration files show: those of a Windows server, copied or mounted as a folder in place of its drive C:.

Names and folders: Microsoft Learn, "Troubleshoot on-premises application provisioning", "Turn on verbose logging".
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mockhost import exe_config
from mockhost.doctor.patient import Finding, failed, noted, passed, warned
from mockhost.elements import LARGEST
from mockhost.exe_config import ExeConfig, Refusal

FILES: Final = (exe_config.SERVICE, exe_config.WIZARD, exe_config.AGENT)


def checks(drive: Path) -> dict[str, Callable[[], Finding]]:
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
            return failed(f"{name} can't be read: {problem.strerror or problem}")
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
