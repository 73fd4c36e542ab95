"""The files that drive C: of the server begins with."""

from __future__ import annotations

from typing import Any

from mockhost import exe_config
from mockhost.connectors.ecma.config import HostConfig
from mockhost.connectors.ecma.kinds import KINDS
from mockhost.windows import configuration, powershell
from mockhost.windows.config import FILES, MachineConfig


def configuration_of(scenario: Any, at: float) -> bytes:
    """The live Configuration.xml: the wizard's pages of the host's own connectors, without their secrets."""
    pages = [page for page in scenario.connectors.values() if page.kind in KINDS]
    return configuration.write(pages, at).encode()


def files(config: MachineConfig, scenario: Any, host: HostConfig, at: float) -> dict[str, bytes]:
    """Every file by its path below C:, with what the scenario says instead or beside."""
    texts, service = powershell.texts(), exe_config.default(exe_config.SERVICE)
    if host.debug:
        service = exe_config.set_debug(service, True)
    for source, level in config.trace.items():
        service = exe_config.set_switch(service, level, source)
    found: dict[str, bytes] = {
        exe_config.SERVICE: service,
        exe_config.WIZARD: exe_config.default(exe_config.WIZARD),
        configuration.PATH: configuration_of(scenario, at),
        exe_config.AGENT: exe_config.default(exe_config.AGENT),
        FILES["trace"]: b"",
        f"{FILES['agent_tools']}/AADCloudSyncTools.psm1": texts["files"]["module"].encode(),
    }
    for name, page in scenario.connectors.items():
        if page.kind == "generic_sql":
            found[f"{name}.dsn"] = texts["files"]["dsn"].encode()
    for name, what in texts["scripts"].items():
        found[f"{config.scripts}/{name}"] = texts["files"]["script"].format(what=what).encode()
    if "folder" in config.leftovers or config.service("host").state == "absent":
        # what an uninstallation that failed leaves behind, or none of it
        found = {path: data for path, data in found.items() if not path.startswith(FILES["root"])}
        if "folder" in config.leftovers:
            found[exe_config.SERVICE] = service
    for path, text in config.files.items():
        key = next((known for known in found if known.casefold() == path.casefold()), path)
        found[key] = text.encode()
    return found
