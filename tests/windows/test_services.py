"""Services: what shows them, what starts them, and the four places where a start that fails is seen."""

from __future__ import annotations

from typing import Any

import pytest

from mockhost.errors import CannotRun, ScenarioError
from tests.windows.conftest import HOST, SERVICE, Open


def test_services_are_listed_column_for_column(window: Open) -> None:
    shown = window(elevated=False).fine(f"get-service -n {HOST}")
    assert shown.split("\n")[1:4] == [
        "Status   Name               DisplayName",
        "------   ----               -----------",
        "Running  Microsoft ECMA2... Microsoft ECMA2Host",
    ]


def test_the_edition_decides_on_names(window: Open) -> None:
    old, new = (window(machine={"edition": year}).fine("Get-Service AAD*") for year in (2022, 2025))
    assert "Microsoft Azure AD Connect" in old
    assert "Microsoft Entra Connect" in new


FAILURES: list[tuple[dict[str, Any], int, list[int]]] = [
    ({"services": {"host": {"start": "disabled", "state": "stopped"}}}, 1058, []),
    ({"services": {"host": {"logon": "denied", "state": "stopped"}}}, 1069, [7041, 7000]),
    ({"services": {"host": {"logon": "wrong_password", "state": "stopped"}}}, 1069, [7038, 7000]),
    ({"services": {"host": {"fails": 1053, "state": "stopped"}}}, 1053, [7009, 7000]),
    ({"files": {SERVICE: "<configuration>\n<a>"}, "services": {"host": {"state": "stopped"}}}, 14001, [7000]),
    ({"trace": {"ECMA2Host": "Errors"}, "services": {"host": {"state": "stopped"}}}, 1053, [7009, 7034]),
]


@pytest.mark.parametrize(("machine", "code", "events"), FAILURES)
def test_a_start_that_fails_is_seen_in_four_places(
    window: Open, machine: dict[str, Any], code: int, events: list[int]
) -> None:
    """Start-Service, which hides the code; sc.exe, which shows it; the list; and the log System."""
    run = window(machine=machine)
    hides = run(f"Start-Service {HOST}")
    assert hides.exit == 1
    assert "Failed to start service" in hides.output
    assert str(code) not in hides.output
    shows = run(f"sc.exe start {HOST}")
    assert (shows.exit, f"FAILED {code}:" in shows.output) == (code, True)
    assert f"WIN32_EXIT_CODE    : {code}  ({code:#x})" in run.fine(f"sc.exe query {HOST}")
    assert "Stopped" in run.fine(f"Get-Service {HOST}")
    found = run("Get-WinEvent System -oldest")
    assert ([each["Event"]["System"]["EventID"] for each in found.data or ()])[: len(events)] == events
    with pytest.raises(CannotRun, match=str(code)):
        run.host.service("start")
    assert not run.host.runtime.host.running


def test_what_is_not_well_formed_is_refused_before_dotnet_runs(window: Open) -> None:
    """SideBySide says file and line; what .NET refuses is .NET Runtime's event 1026."""
    run = window(machine=FAILURES[4][0])
    run(f"Start-Service {HOST}")
    shown = run.fine("Get-WinEvent Application -format list")
    assert "SideBySide" in shown
    assert "Service.exe.config" in shown
    run = window(machine=FAILURES[5][0])
    run(f"Start-Service {HOST}")
    assert "1026" in run.fine("Get-WinEvent Application")


def test_who_is_no_administrator_starts_nothing(window: Open) -> None:
    run = window(elevated=False, host={"service": "stopped"})
    assert run(f"sc.exe start {HOST}").exit == 5
    assert "Cannot open" in run(f"Start-Service {HOST}").output
    assert run(f"sc.exe delete {HOST}").exit == 5
    assert not run.host.runtime.host.running


def test_codes_of_sc(window: Open) -> None:
    run = window()
    assert run(f"sc.exe start {HOST}").exit == 1056
    assert run("sc.exe query Nothing").exit == 1060
    run.fine(f"sc.exe stop {HOST}")
    assert run(f"sc.exe stop {HOST}").exit == 1062
    assert "Set-Content" in run("sc query").output
    assert "START_TYPE         : 2   AUTO_START" in run.fine(f"sc.exe qc {HOST}")


def test_the_log_on_tab_cures_the_agent(window: Open) -> None:
    run = window(machine={"services": {"agent": {"state": "stopped", "logon": "denied"}}})
    assert run("sc.exe start AADConnectProvisioningAgent").exit == 1069
    assert "failed to start. Check that you have sufficient privileges" in run("setup install agent").output
    run.fine(r"sc.exe config AADConnectProvisioningAgent obj= CONTOSO\admin password= x")
    assert "4  RUNNING" in run.fine("sc.exe start AADConnectProvisioningAgent")


def test_starts_and_stops_are_events(window: Open) -> None:
    run = window()
    run.fine(f"Restart-Service {HOST}")
    states = [each["Event"]["EventData"]["Data"] for each in run("Get-WinEvent System -oldest").data]
    assert [text.split()[-2] for text in states] == ["running", "stopped", "running"]


@pytest.mark.parametrize(
    ("machine", "host"),
    [
        ({"debug": True}, {"debug": False}),
        ({"certificate": "expired"}, {"tls": "none"}),
        ({"services": {"host": {"state": "stopped"}}}, {"service": "running"}),
    ],
)
def test_a_setting_that_is_said_twice_is_said_the_same(
    machine: dict[str, Any], host: dict[str, Any], window: Open
) -> None:
    with pytest.raises(ScenarioError, match="says something else"):
        window(machine=machine, host=host)


def test_shorthands_mean_the_same(window: Open) -> None:
    scenario = window(machine={"debug": True, "certificate": "expired"}).host.scenario
    assert scenario.host.debug
    assert scenario.host.tls.valid[1] < 0


@pytest.mark.parametrize(
    "machine",
    [
        {"edition": 2023}, {"time_zone": "Mars/Olympus"}, {"connections": {"Nobody": {}}}, {"files": {"D:/x": ""}},
        {"files": {"C:/a/../../b": ""}}, {"dotnet": "four"}, {"proxy": "x"},
    ],
)  # fmt: skip
def test_a_machine_that_can_not_be_is_a_problem_at_load(machine: dict[str, Any], window: Open) -> None:
    with pytest.raises(ScenarioError, match="machine"):
        window(machine=machine)


def test_a_machine_can_be_changed_while_it_runs(window: Open) -> None:
    run = window(machine={})
    run.host.set("machine.services.agent.state", "stopped")
    assert "Stopped" in run.fine("Get-Service AADConnectProvisioningAgent")
    run.host.set("machine.trace.ECMA2Host", "Error")
    assert 'name="ECMA2Host" switchValue="Error"' in run.fine(f"Get-Content '{SERVICE}'")
