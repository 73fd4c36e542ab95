"""The three scripts: TestECMA2HostConnection, CollectTroubleshootingInfo, Export-AADCloudSyncToolsLogs.

What they print and how they name the files in a zip is not published; a README in each zip says that it is ours.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable
from typing import Any, Final

from mockhost import __version__
from mockhost.client.observation import Observation, exchange
from mockhost.clock import iso
from mockhost.windows import powershell, rendering
from mockhost.windows.config import FILES, windows_path
from mockhost.windows.eventlog import HOST_LOGS, LogSnapshot
from mockhost.windows.machine import StartFailed
from mockhost.windows.network_commands import PORT, ask, trouble
from mockhost.windows.powershell import CommandFailed, failed
from mockhost.windows.shell import Call, Done, cmdlet

MODULE: Final = "AADCloudSyncTools"
_DAY: Final = 86_400.0


def _runs(call: Call, script: str) -> None:
    """Raise CommandFailed where the execution policy lets no script run."""
    if call.machine.config.policy(call.session.policy) == "Restricted":
        path = f"{windows_path(call.machine.config.scripts)}\\{script}"
        more = " For more information, see about_Execution_Policies at https:/go.microsoft.com/fwlink/?LinkID=135170."
        raise failed(script, "scripts_disabled", path=path, more=more)


# -- time -----------------------------------------------------------------------------------------------------------


@cmdlet("Start-Sleep", waits=True)
def sleep(call: Call, seconds: int) -> str:
    """Lets time pass: -Seconds. It moves the mock's clock on, and takes no time itself."""
    if not 0 <= seconds <= _DAY:
        raise CommandFailed(f"-Seconds is a number from 0 to {int(_DAY):,}")
    call.machine.server.advance(float(seconds))
    return ""


# -- TestECMA2HostConnection ---------------------------------------------------------------------------------------


def target_of(connector: str, path: str) -> str:
    """What the script asks for: a search that finds no user, or another path below /scim (assumed)."""
    query = "?filter=userName%20eq%20%22TestECMA2HostConnection%22" if path.casefold() == "users" else ""
    return f"/ecma2host_{connector}/scim/{path}{query}"


def elsewhere(line: str) -> Done | None:
    """What the script says of a host that `-Server` names, a real one too; None for a line without it.

    Raises CommandFailed.
    """
    words = powershell.split(line)
    if not words or words[0].text.casefold().removesuffix(".ps1") != "testecma2hostconnection":
        return None
    said = powershell.bind("TestECMA2HostConnection", powershell.parameters_of(check_connection), words[1:])
    if not said.get("server"):
        return None
    url = f"https://{said['server']}:{said.get('port', PORT)}"
    path = said.get("object_type_path", "Users")
    return probe(url, said["connector_name"], said["secret_token"], path, os.environ.get("MOCKHOST_CA_FILE"))


def probe(url: str, connector: str, token: str, path: str, ca_file: str | None = None) -> Done:
    """Ask a host as the script does. url: https://HOST:PORT; ca_file: certificates to trust, instead of the usual."""
    headers = [("Authorization", f"Bearer {token}")]
    return verdict(
        exchange(url, "GET", target_of(connector, path), headers, ca_file=ca_file), connector, path
    )


def verdict(seen: Observation, connector: str, path: str) -> Done:
    """What the script says of an answer: that the HTTP connection was successful, or what to check."""
    data: dict[str, Any] = {"status": seen.status, "ends": seen.ends, "connector": connector}
    if seen.status is not None and seen.status < 400:
        text = seen.body.decode("utf-8", "replace")
        if (
            path.casefold() == "cache"
        ):  # at most 9 characters if the cache is empty (the documented one-liner counts them)
            return Done(text.rstrip("\n") + "\n", {**data, "users": len(text.strip()) > 9})
        return Done(f"HTTP connection was successful: {seen.status} {seen.reason}\n", data)
    why = trouble(seen) or f"The remote server returned an error: ({seen.status}) {seen.reason}."
    hints = {
        None: "Check that the service Microsoft ECMA2Host is running, and its certificate.",
        401: "Check the secret token.",
        404: "Check the name of the connector; its case counts.",
        503: "The host is importing; try again later.",
    }
    hint = hints.get(seen.status, "Check the service, the name of the connector and the secret token.")
    return Done(f"WARNING: {why}\nWARNING: {hint}\n", data, code=1)


@cmdlet("TestECMA2HostConnection", waits=True)
def check_connection(
    call: Call,
    connector_name: str,
    secret_token: str,
    *,
    object_type_path: str = "Users",
    port: int = PORT,
    server: str = "",
) -> Done:
    """Sends a request to the host: -ConnectorName -SecretToken [-ObjectTypePath cache] [-Port]; ours: -Server HOST."""
    if server:  # the command line asks it itself: the mock asks no host elsewhere
        raise CommandFailed("-Server is for mockhost windows on the command line")
    _runs(call, "TestECMA2HostConnection.ps1")
    headers = [("Authorization", f"Bearer {secret_token}")]
    seen = ask(call, f"https://localhost:{port}{target_of(connector_name, object_type_path)}", "GET", headers)
    if seen is None:
        return Done(
            "WARNING: Unable to connect to the remote server\nWARNING: Check the port.\n", None, code=1
        )
    return verdict(seen, connector_name, object_type_path)


# -- zips ------------------------------------------------------------------------------------------------------------


def _zip(call: Call, files: dict[str, str]) -> bytes:
    """A zip with a manifest, without secrets; the same bytes for the same content."""
    redacted = {}
    for name, text in files.items():
        clean = _without_secrets(call, text)
        redacted[name] = (clean, clean != text)
    manifest = {
        "made_by": f"mockhost {__version__}",
        "at": iso(call.machine.now),
        "computer": call.machine.config.name,
        "files": [
            {"name": name, "bytes": len(text.encode()), "sha256": hashlib.sha256(text.encode()).hexdigest(),
             "secrets_redacted": was}
            for name, (text, was) in sorted(redacted.items())
        ],
    }  # fmt: skip
    stream = io.BytesIO()
    contents = {name: text for name, (text, _) in redacted.items()}
    contents |= {
        "MANIFEST.json": json.dumps(manifest, indent=2) + "\n",
        "README.txt": powershell.texts()["files"]["readme"],
    }
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(contents.items()):
            archive.writestr(
                zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text.encode(), zipfile.ZIP_DEFLATED
            )
    return stream.getvalue()


def _without_secrets(call: Call, text: str) -> str:
    """A text in which no secret token and no password of a connection is left."""
    machine = call.machine
    secrets = [*machine.server.journal.secrets]
    secrets += [machine.config.connection(name).password for name in machine.server.scenario.connectors]
    for secret in sorted({each for each in secrets if len(each) > 3}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _events(call: Call, logs: Iterable[LogSnapshot], since: float) -> dict[str, str]:
    found = {}
    for log in logs:
        records = [each for each in log.records if each.at >= since]
        found[f"EventLogs/{log.name}.xml"] = rendering.all_xml(records, call.machine.config)
    return found


def _stamp(call: Call) -> str:
    return datetime.datetime.fromtimestamp(call.machine.now, datetime.UTC).strftime("%Y%m%d-%H%M%S")


@cmdlet("CollectTroubleshootingInfo", waits=True)
def collect(call: Call) -> Done:
    """Collects the event logs in a zip file beside the script. It needs an administrator."""
    machine = call.machine
    _runs(call, "CollectTroubleshootingInfo.ps1")
    if not call.elevated:
        path = f"{windows_path(machine.config.scripts)}\\ECMA2HostTroubleshooting.zip"
        raise failed("CollectTroubleshootingInfo.ps1", "denied", path=path)
    with machine.server.lock:
        logs = machine.events()
        configs = {FILES[key]: machine.drive.read(FILES[key]) for key in ("service_config", "wizard_config")}
    files = _events(call, (logs[name] for name in (*HOST_LOGS, "Application", "System")), 0.0)
    for path, data in configs.items():
        if data is not None:
            files[f"Config/{path.rpartition('/')[2]}"] = data.decode("utf-8", "replace")
    place = f"{machine.config.scripts}/ECMA2HostTroubleshooting_{_stamp(call)}.zip"
    archive = _zip(call, files)
    with machine.server.lock:
        call.write(place, archive)
    return Done(f"{windows_path(place)}\n", {"path": windows_path(place), "files": sorted(files)})


# -- AADCloudSyncTools -----------------------------------------------------------------------------------------------


@cmdlet("Import-Module")
def import_module(call: Call, name: str) -> Done:
    """Imports a module into this window: the agent's AADCloudSyncTools, by its path or name."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2].removesuffix(".psm1").removesuffix(".psd1")
    there = next(call.machine.drive.files(FILES["agent_tools"]), None)
    if last.casefold() != MODULE.casefold() or there is None or "/" not in name.replace("\\", "/"):
        raise failed("Import-Module", "Modules_ModuleNotFound", name=name)
    if call.machine.config.policy(call.session.policy) == "Restricted":
        raise failed("Import-Module", "scripts_disabled", path=windows_path(there), more="")
    return Done("", session=call.session._replace(modules=(*call.session.modules, MODULE)))


@cmdlet("Install-AADCloudSyncToolsPrerequisites", module=MODULE)
def install_prerequisites(call: Call) -> Done:
    """Installs what the module needs; on its first run it is run twice."""
    call.machine.prerequisites += 1
    if call.machine.prerequisites == 1:
        return Done(
            "Some prerequisites are installed now. Run Install-AADCloudSyncToolsPrerequisites again.\n"
        )
    return Done("All prerequisites are installed.\n")


@cmdlet("Export-AADCloudSyncToolsLogs", waits=True, module=MODULE)
def export_logs(
    call: Call, *, skip_verbose_trace: bool = False, tracing_duration_mins: int = 3, output_path: str = ""
) -> Done:
    """Collects the agent's logs in a zip file: -SkipVerboseTrace -TracingDurationMins -OutputPath."""
    machine, name = call.machine, "Export-AADCloudSyncToolsLogs"
    if machine.prerequisites < 2:
        why = "its prerequisites are not installed; run Install-AADCloudSyncToolsPrerequisites (text assumed)"
        raise failed(name, "InvalidOperation", why=why)
    if not call.elevated:
        raise failed(name, "access_denied")
    if not 0 < tracing_duration_mins <= 1_440:
        value = tracing_duration_mins
        raise failed(name, "ParameterArgumentValidationError", name="TracingDurationMins", value=value)
    lines: list[str] = []
    if not skip_verbose_trace:
        lines.append(f"Verbose tracing is on for {tracing_duration_mins} minutes; the agent is restarted.")
        _restart_agent(call)
        began = machine.now
        machine.server.advance(tracing_duration_mins * 60.0)
        with machine.server.lock:
            _restart_agent(call)
            _trace(
                call,
                [
                    (began, "Verbose", "verbose tracing was turned on"),
                    (machine.now, "Verbose", "verbose tracing was turned off"),
                ],
            )
    with machine.server.lock:
        logs = machine.events()
        trace = (machine.drive.read(FILES["trace"]) or b"").decode("utf-8", "replace")
        config = machine.drive.read(FILES["agent_config"])
    files = _events(call, logs.values(), machine.now - _DAY)
    files["Trace/AzureADConnectProvisioningAgent.log"] = trace
    if not skip_verbose_trace:
        verbose = [line for line in trace.splitlines(keepends=True) if " Verbose: " in line]
        files["Trace/Verbose/AzureADConnectProvisioningAgent.log"] = "".join(verbose)
    if config is not None:
        files["Config/AADConnectProvisioningAgent.exe.config"] = config.decode("utf-8", "replace")
    folder = call.path(output_path) if output_path else FILES["documents"]
    place = f"{folder}/{MODULE}_{_stamp(call)}.zip"
    archive = _zip(call, files)
    with machine.server.lock:
        call.write(place, archive)
    lines.append(f"Logs were exported to {windows_path(place)}")
    return Done("\n".join(lines) + "\n", {"path": windows_path(place), "files": sorted(files)})


def _restart_agent(call: Call) -> None:
    with call.machine.server.lock:
        try:
            call.machine.stop_service("agent")
            call.machine.start_service("agent")
        except StartFailed as error:
            raise CommandFailed(str(error)) from None


def _trace(call: Call, entries: Iterable[tuple[float, str, str]]) -> None:
    """Write lines into the agent's trace, in the form of .NET's text listener (assumed for the agent)."""
    machine = call.machine
    text = "".join(
        f"AADConnectProvisioningAgent {kind}: 0 : {what}\n    DateTime={rendering.utc(at)}\n"
        for at, kind, what in entries
    )
    held = machine.drive.read(FILES["trace"]) or b""
    machine.drive.write(FILES["trace"], (held + text.encode())[-1_000_000:], machine.now)
