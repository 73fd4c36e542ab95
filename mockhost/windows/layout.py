"""The files that drive C: of the server begins with."""

from __future__ import annotations

from typing import Any

from mockhost import exe_config
from mockhost.connectors.ecma.config import HostConfig
from mockhost.connectors.ecma.kinds import KINDS
from mockhost.windows import configuration
from mockhost.windows.config import FILES, MachineConfig

_SCRIPT = """<#
.SYNOPSIS
{what}
.NOTES
This file stands for Microsoft's script, whose text is not published. mockhost windows runs it by its name.
#>
"""
_SCRIPTS = {
    "TestECMA2HostConnection.ps1": "Sends a request to the connector host and says whether it answers.",
    "CollectTroubleshootingInfo.ps1": "Collects the event logs in a zip file.",
}
_DSN = b"[ODBC]\r\nDRIVER=ODBC Driver 17 for SQL Server\r\nSERVER=sql01.contoso.lab\r\nDATABASE=CONTOSO\r\n"
_MODULE = "# This file stands for the module AADCloudSyncTools of the provisioning agent.\n"


def configuration_of(scenario: Any, at: float) -> bytes:
    """The live Configuration.xml: the wizard's pages of the host's own connectors, without their secrets."""
    pages = [page for page in scenario.connectors.values() if page.kind in KINDS]
    return configuration.write(pages, at).encode()


def files(config: MachineConfig, scenario: Any, host: HostConfig, at: float) -> dict[str, bytes]:
    """Every file by its path below C:, with what the scenario says instead or beside."""
    service = exe_config.default(exe_config.SERVICE)
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
        f"{FILES['agent_tools']}/AADCloudSyncTools.psm1": _MODULE.encode(),
    }
    for name, page in scenario.connectors.items():
        if page.kind == "generic_sql":
            found[f"{name}.dsn"] = _DSN
    for name, what in _SCRIPTS.items():
        found[f"{config.scripts}/{name}"] = _SCRIPT.format(what=what).encode()
    if "folder" in config.leftovers or config.service("host").state == "absent":
        # what an uninstallation that failed leaves behind, or none of it
        found = {path: data for path, data in found.items() if not path.startswith(FILES["root"])}
        if "folder" in config.leftovers:
            found[exe_config.SERVICE] = service
    for path, text in config.files.items():
        key = next((known for known in found if known.casefold() == path.casefold()), path)
        found[key] = text.encode()
    return found
