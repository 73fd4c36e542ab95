"""The three scripts, and the network as the server sees it: TestECMA2HostConnection, CollectTroubleshootingInfo,
Export-AADCloudSyncToolsLogs; Invoke-WebRequest, netsh.

What the scripts print and how they name the files in a zip is not published; a README in each zip says that it is ours.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from mockhost import __version__
from mockhost.client.observation import Observation, exchange
from mockhost.clock import iso
from mockhost.windows import events_commands, powershell
from mockhost.windows.config import FILES, windows_path
from mockhost.windows.eventlog import HOST_LOGS, LogSnapshot
from mockhost.windows.machine import Machine, StartFailed
from mockhost.windows.powershell import CommandFailed, failed, shown
from mockhost.windows.shell import Call, Done, cmdlet, program

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


# -- the network: only the host itself is asked; the rest is a model ------------------------------------------------

_AZURE: Final = re.compile(
    r"(.+\.)?(msappproxy\.net|servicebus\.windows\.net|login\.windows\.net|microsoftonline\.com|msauth\.net|microsoft\.com"
    r"|azure\.com|windows\.net)",
    re.IGNORECASE,
)
"""Hosts that an agent asks (Microsoft Learn, Cloud sync troubleshooting), and the portal's."""
_LONGEST_BODY: Final = 1024 * 1024
PORT: Final = 8585
"""The port that the server's own documents and scripts name; it is the data plane's, whatever that is here."""


def ask(call: Call, url: str, method: str, headers: Sequence[tuple[str, str]]) -> Observation | None:
    """Ask the host itself as from the server; None if the URL leads somewhere else."""
    server = call.machine.server
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise CommandFailed(f"Invalid URI: {url}") from None
    names = {
        "localhost",
        "127.0.0.1",
        call.machine.config.name.casefold(),
        call.machine.config.name.partition(".")[0].casefold(),
    }
    if (parts.hostname or "").casefold() not in names or port not in (PORT, server.address[1]):
        return None
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    base = f"{parts.scheme}://localhost:{server.address[1]}"
    ca_file = str(server.certificates.bundle_file)
    return exchange(base, method, target or "/", headers, ca_file=ca_file, body_limit=_LONGEST_BODY)


def trouble(seen: Observation) -> str | None:
    """Why there is no answer, in .NET's words; None if there is one."""
    if seen.status is not None:
        return None
    if seen.ends in ("refused", "unreachable"):
        return "Unable to connect to the remote server"
    if seen.ends == "no_answer_within":
        return "The operation has timed out."
    how = "The connection was closed unexpectedly."
    if seen.ends.startswith("tls_"):
        how = "Could not establish trust relationship for the SSL/TLS secure channel."
    elif seen.ends in ("alert", "not_tls", "rst"):
        how = "An unexpected error occurred on a send."
    return f"The underlying connection was closed: {how}"


@cmdlet("Invoke-WebRequest", group="network", waits=True)
def invoke_web_request(
    call: Call, uri: str, *, method: str = "GET", headers: list[str] | None = None, proxy: str | None = None,
    use_basic_parsing: bool = False,
) -> Done:  # fmt: skip
    """Sends a request from the server to the host. Headers: -Headers 'Authorization: Bearer TOKEN'."""
    name = "Invoke-WebRequest"
    if "://" not in uri:
        uri = f"http://{uri}"
    if not re.fullmatch("[A-Za-z]{1,20}", method):
        raise failed(name, "not_a_method", value=method)
    said = []
    for each in headers or ():
        header, colon, value = each.partition(":")
        if not colon or not re.fullmatch(r"[\w-]{1,100}", header) or not value.strip().isprintable():
            raise CommandFailed("write headers like -Headers 'Authorization: Bearer TOKEN'")
        said.append((header, value.strip()))
    seen = ask(call, uri, method.upper(), said)
    if seen is None:
        return _outside(call, uri, proxy)
    if (why := trouble(seen)) is not None:
        raise failed(name, "WebCmdletWebResponseException", why=why)
    assert seen.status is not None
    text = seen.body.decode("utf-8", "replace")
    data = {
        "StatusCode": seen.status,
        "StatusDescription": seen.reason,
        "Content": text,
        "Headers": dict(seen.headers),
    }
    if seen.status >= 400:
        why = f"The remote server returned an error: ({seen.status}) {seen.reason}."
        return Done(failed(name, "WebCmdletWebResponseException", why=f"{why}\n{text}").shown, data, code=1)
    content = text if len(text) <= 4000 else text[:4000] + "..."
    page = shown("web_response", status=seen.status, reason=seen.reason, content=content)
    return Done(f"{page}RawContentLength  : {len(seen.body)}\n\n\n", data)


def _outside(call: Call, uri: str, proxy: str | None) -> Done:
    """A host elsewhere, as the model of the network has it: nothing is sent."""
    name, needed = urlsplit(uri).hostname or "", call.machine.config.proxy
    if not _AZURE.fullmatch(name):
        why = f"The remote name could not be resolved: '{name}'"
        raise failed("Invoke-WebRequest", "InvalidOperation", why=why)
    if needed is not None and (proxy or "").rstrip("/").rpartition("//")[2] != needed:
        raise failed("Invoke-WebRequest", "InvalidOperation", why="Unable to connect to the remote server")
    content = f"(as the scenario has it: {name} is reached; nothing was sent)"
    page = shown("web_response", status=200, reason="OK", content=content)
    return Done(f"{page}\n", {"StatusCode": 200, "Simulated": True})


@program("netsh", group="network")
def netsh(call: Call, words: Sequence[str]) -> Done:
    """Shows the certificate on the port: netsh http show sslcert; and netsh winhttp show|set|reset proxy."""
    said = " ".join(words).casefold()
    if said.startswith("http show sslcert"):
        return _sslcert(call)
    if said.startswith("winhttp show proxy"):
        return Done(_winhttp(call))
    if said.startswith(("winhttp set proxy", "winhttp reset proxy")):
        if not call.elevated:
            raise CommandFailed("Error writing proxy settings. (5) Access is denied.\n", 5)
        given = [
            word.rpartition("=")[2] if word.casefold().startswith(_OPTIONS) else word for word in words[3:]
        ]
        if words[1].casefold() == "set" and not given:
            raise CommandFailed("usage: netsh winhttp set proxy HOST:PORT [BYPASS-LIST]")
        proxy, bypass = [*given, "(none)"][:2] if given else ("", "")
        call.machine.winhttp = (proxy, bypass)
        note = (
            "(The agent does not read it: .NET takes its proxy from the exe.config or the user's settings.)\n"
        )
        return Done(_winhttp(call) + note)
    raise CommandFailed(
        "The following commands are here: netsh http show sslcert, netsh winhttp show|set|reset proxy"
    )


_OPTIONS: Final = ("proxy-server=", "bypass-list=")


def _winhttp(call: Call) -> str:
    proxy, bypass = call.machine.winhttp
    set_up = f"    Proxy Server(s) :  {proxy}\n    Bypass List     :  {bypass}"
    state = set_up if proxy else "    Direct access (no proxy server)."
    return f"\nCurrent WinHTTP proxy settings:\n\n{state}\n\n"


def _sslcert(call: Call) -> Done:
    found = call.machine.server.certificates.describe()
    head = "\nSSL Certificate bindings: \n------------------------- \n\n"
    if found["mode"] != "certificate":
        return Done(f"{head}The system cannot find the file specified.\n\n", None, code=1)
    rows = {
        "IP:port": f"0.0.0.0:{PORT}",
        "Certificate Hash": str(found["thumbprint"]).lower(),
        **powershell.texts()["sslcert"],
        "Negotiate Client Certificate": "Enabled" if found["client_certificate"] != "none" else "Disabled",
    }
    return Done(
        head + "".join(f"    {name:<28} : {value} \n" for name, value in rows.items()) + "\n",
        {**rows, "Certificate": found},
    )


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
    hints = powershell.texts()["connection_hints"]
    hint = hints.get(str(seen.status or "no_answer"), hints["other"])
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
        found[f"EventLogs/{log.name}.xml"] = events_commands.all_xml(records, call.machine.config)
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
            _trace_verbose(machine, began)
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


def _trace_verbose(machine: Machine, began: float) -> None:
    """Add the beginning and the end of verbose tracing to the agent's trace, as .NET's text listener does (assumed)."""
    text = "".join(
        f"AADConnectProvisioningAgent Verbose: 0 : verbose tracing was turned {state}\n"
        f"    DateTime={events_commands.utc(at)}\n"
        for state, at in (("on", began), ("off", machine.now))
    )
    held = machine.drive.read(FILES["trace"]) or b""
    machine.drive.write(FILES["trace"], (held + text.encode())[-1_000_000:], machine.now)
