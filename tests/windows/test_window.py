"""`mockhost windows` and its neighbours: over HTTP, in steps, at the prompt, and what a plain host imports."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.errors import UsageError
from tests.cli.conftest import Invoke
from tests.windows.conftest import HOST, Open

MODULE = r"'C:\Program Files\Microsoft Azure AD Connect Provisioning Agent\Utility\AADCloudSyncTools'"


@pytest.fixture(scope="module")
def served() -> Any:
    with MockHost("basics/healthy") as host:
        yield host


def test_a_plain_host_imports_nothing_of_the_room() -> None:
    script = (
        "import sys; from mockhost import MockHost\n"
        "with MockHost(control=False) as host: host.service('restart'); host.reset()\n"
        "print([name for name in sys.modules if name.startswith('mockhost.windows')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_command_is_run_over_the_control_plane(invoke: Invoke, served: MockHost) -> None:
    result = invoke("windows", "--url", served.control_url, "Get-Service", "-n", "Microsoft ECMA2Host")
    assert result.exit_code == 0, result.output
    assert "Running  Microsoft ECMA2..." in result.output
    result = invoke("windows", "--url", served.control_url, "--json", f"sc.exe start {HOST}")
    assert (result.exit_code, json.loads(result.stdout)["exit"]) == (1, 5)


def test_the_prompt_goes_on_in_one_session(invoke: Invoke, served: MockHost) -> None:
    lines = f"cd C:\\\ndir -Name\nImport-Module {MODULE}\nInstall-AADCloudSyncToolsPrerequisites\nexit\n"
    result = invoke("windows", "--url", served.control_url, "--elevated", input=lines)
    assert result.exit_code == 0, result.output
    assert "Program Files" in result.output
    assert "Run Install-AADCloudSyncToolsPrerequisites again" in result.output


def test_the_prompt_opens_a_window_as_an_administrator(invoke: Invoke, served: MockHost) -> None:
    lines = "gpedit user Bypass\nStart-Process PowerShell -Verb runAs\ngpedit user Bypass\nexit\ngpedit user Bypass\n"
    result = invoke("windows", "--url", served.control_url, input=lines)
    assert result.exit_code == 1
    assert result.output.count("Access is denied.") == 2
    assert "UserPolicy: Bypass" in result.output


def test_an_editor_needs_a_terminal(invoke: Invoke, served: MockHost) -> None:
    result = invoke("windows", "--url", served.control_url, "notepad", "x.txt")
    assert result.exit_code == 1
    assert "/replace" in result.output


def test_the_script_asks_a_host_elsewhere(
    invoke: Invoke, served: MockHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOCKHOST_CA_FILE", str(served.ca_file))
    words = [
        "windows",
        "TestECMA2HostConnection",
        "-ConnectorName",
        "SQL",
        "-Server",
        "localhost",
        "-Port",
        str(served.port),
    ]
    fine = invoke(*words, "-SecretToken", served.token("SQL"))
    assert (fine.exit_code, "HTTP connection was successful" in fine.output) == (0, True)
    wrong = invoke(*words, "-SecretToken", "x")
    assert (wrong.exit_code, "Check the secret token" in wrong.output) == (1, True)
    over = served.windows("TestECMA2HostConnection -Con SQL -Sec x -Server 192.0.2.1")
    assert "command line" in over.output


def test_the_script_tells_an_empty_cache_by_its_length(served: MockHost) -> None:
    """The documented one-liner asks for more than 9 characters."""
    line = f"TestECMA2HostConnection -Con SQL -Sec {served.token('SQL')} -Obj cache"
    assert len(served.windows(line).output.strip()) > 9
    with MockHost("basics/empty", control=False) as empty:
        name = next(iter(empty.connectors()))
        line = f"TestECMA2HostConnection -Con {name} -Sec {empty.token(name)} -Obj cache"
        assert len(empty.windows(line).output.strip()) <= 9


@pytest.mark.parametrize(
    "url",
    [
        "https://192.0.2.1/",
        "http://localhost:22/",
        "https://localhost:8586/v1/truth",
        "file:///etc/passwd",
        "gopher://x:99999999/",
    ],
)
def test_nothing_elsewhere_is_asked(served: MockHost, url: str) -> None:
    done = served.windows(f"Invoke-WebRequest {url}")
    assert done.exit == 1
    assert "passwd" not in done.output or "resolved" in done.output


def test_the_zip_has_a_manifest_and_no_secrets(window: Open, tmp_path: Path) -> None:
    word = "hunter2-is-not-real"
    run = window(machine={"connections": {"SQL": {"password": word}}}, drive=tmp_path / "c")
    path = run("CollectTroubleshootingInfo").data["path"]
    file = tmp_path / "c" / path.removeprefix("C:\\").replace("\\", "/")
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as archive:
        whole = {name: archive.read(name).decode() for name in archive.namelist()}
    manifest = json.loads(whole["MANIFEST.json"])
    assert {each["name"] for each in manifest["files"]} == set(whole) - {"MANIFEST.json", "README.txt"}
    assert [each["name"] for each in manifest["files"] if each["secrets_redacted"]] == [
        "EventLogs/ConnectorsLog.xml"
    ]
    assert not [name for name, text in whole.items() if word in text or run.host.token("SQL") in text]


def test_tracing_takes_its_time_on_the_virtual_clock(window: Open) -> None:
    run = window()
    for command in (f"Import-Module {MODULE}", *["Install-AADCloudSyncToolsPrerequisites"] * 2):
        run.fine(command)
    before = run.host.clock.now()
    run.fine("Export-AADCloudSyncToolsLogs")
    assert run.host.clock.now() == before + 180
    run.fine("Export-AADCloudSyncToolsLogs -SkipVerboseTrace")
    assert run.host.clock.now() == before + 180


@pytest.mark.parametrize(
    ("machine", "what"),
    [
        ({"proxy": "proxy:8080"}, "times out"),
        ({"execution_policy": {"MachinePolicy": "Unrestricted"}}, "security error"),
        ({"services": {"agent": {"logon": "denied"}}}, "failed to start"),
    ],
)
def test_the_agents_machine_is_told_to_those_around_it(
    window: Open, machine: dict[str, Any], what: str
) -> None:
    run = window(machine=machine)
    assert what in run("setup install agent").output
    told = run.host.call("get_host")["machine"]
    sound = window(machine={}).host.call("get_host")["machine"]
    assert told != sound
    assert sound["agent_runs"]


def test_the_proxy_of_winhttp_is_remembered_and_cures_no_agent(window: Open) -> None:
    run = window(machine={"proxy": "proxy:8080"})
    assert "Direct access" in run.fine("netsh winhttp show proxy")
    run.fine('netsh winhttp set proxy proxy-server="proxy:8080" bypass-list=*.lab')
    assert "Proxy Server(s) :  proxy:8080\n    Bypass List     :  *.lab" in run.fine(
        "netsh winhttp show proxy"
    )
    assert "times out" in run("setup install agent").output
    run.fine("netsh winhttp reset proxy")
    assert "Direct access" in run.fine("netsh winhttp show proxy")


def test_commands_have_their_aliases_and_their_help(window: Open) -> None:
    run = window()
    assert "get-childitem" in run.fine("help").lower()
    for alias, name in (("ls", "dir"), ("services.msc", "gsv"), ("eventvwr.msc", "Get-WinEvent -ListLog *")):
        assert run.fine(alias) == run.fine(name)
    assert "[-MaxEvents <int>]" in run.fine("help get-winevent")
    assert "select-attributes" in run.fine("help wizard")
    assert run.fine("wizard object types SQL") == run.fine("wizard object-types SQL")


def test_a_window_has_a_width(window: Open) -> None:
    """Tables and errors fit it, as in a console; without one they are as long as they are."""
    run = window()
    run.session = {"width": 80}
    for command in ("Get-WinEvent System", "Get-Servic", "sc query"):
        assert max(map(len, run(command).output.split("\n"))) <= 80
        run.session = {"width": 80}
    with pytest.raises(UsageError):
        run.host.call("windows", command="dir", session={"width": 0})


WRONG = [
    "\x1b[31m",
    "wizard nothing",
    "wizard properties Nobody",
    "setup",
    "netsh",
    "gpedit x",
    "icacls",
    "sc.exe",
    "notepad",
    "wevtutil",
    "Import-Module x",
    "dir C:\\nowhere",
    "Get-WinEvent",
    "Get-WinEvent X",
    "Set-ExecutionPolicy x",
    "wizard select-attributes SQL add=x",
    "Get-WinEvent System -Level ''",
    "Get-WinEvent System -Level 23",
    "Invoke-WebRequest http://[::1",
    "notepad SQL.dsn /replace '' x",
    "Remove-Item C:\\ -Recurse",
    "icacls C:\\ /grant x",
]


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_is_said_and_is_no_traceback(window: Open, line: str) -> None:
    done = window()(line)
    assert done.exit != 0
    assert 10 < len(done.output) < 800
    assert "Traceback" not in done.output
