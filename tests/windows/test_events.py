"""The event logs: levels, sources, limits, filters and forms."""

from __future__ import annotations

import csv
import io
import json
import threading
from typing import Any
from xml.etree import ElementTree

import pytest

from mockhost.clock import FROZEN_START
from mockhost.connectors.ecma.backlog import Backlog, Started
from mockhost.exchange import Exchange
from mockhost.journal.sink import Sink
from mockhost.windows import events_commands
from mockhost.windows.config import MachineConfig
from mockhost.windows.eventlog import EventLogs, Record
from tests.windows.conftest import HOST, SERVICE, Open, Window

LOG = "'Microsoft ECMA2Host Logs'"


def ask(run: Window, path: str, method: str = "GET", body: str = "", token: str | None = None) -> int:
    """Send a request through the data plane's application; its status."""
    from mockhost.web.app import DataApp

    token = run.host.token("SQL") if token is None else token
    client = DataApp(run.host.runtime).test_client()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
    answer = client.open(f"/ecma2host_SQL/scim{path}", method=method, data=body, headers=headers)
    return answer.status_code


def texts(run: Window, command: str) -> list[str]:
    found = run(command).data or []
    return [each["Event"]["EventData"]["Data"] for each in found]


def test_verbose_has_a_record_for_each_request_and_each_answer(window: Open) -> None:
    run = window()
    ask(run, "/Schemas")
    found = texts(run, f"Get-WinEvent {LOG} -Text /Schemas")
    assert len(found) == 2
    assert "This request was received: GET /ecma2host_SQL/scim/Schemas" in found[1]
    assert "ContosoLogin" in found[0]
    assert run.host.token("SQL") not in str(found)


def test_verbose_arrives_as_information(window: Open) -> None:
    """The log has no level Verbose: filtering by it finds nothing."""
    run = window()
    ask(run, "/Schemas")
    levels = {each["Event"]["System"]["Level"] for each in run(f"Get-WinEvent {LOG}").data}
    assert levels == {4}
    assert "No events were found" in run(f"Get-WinEvent {LOG} -Level Verbose").output


def test_error_has_errors_only(window: Open) -> None:
    run = window(machine={"trace": {"ECMA2Host": "Error", "ConnectorsLog": "Error"}})
    ask(run, "/Schemas")
    assert (
        ask(
            run,
            "/Users",
            "POST",
            '{"urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User": {"ContosoLogin": "x"}}',
        )
        == 400
    )
    assert run(f"Get-WinEvent {LOG}").exit == 1
    found = texts(run, "Get-WinEvent ConnectorsLog")
    assert len(found) == 1
    assert "Cannot insert the value NULL into column 'FirstName'" in found[0]


def test_the_wizard_logs_by_its_own_file(window: Open) -> None:
    run = window(machine={"trace": {"ECMA2Host": "Off"}})
    file = SERVICE.replace("Service\\Microsoft.ECMA2Host.Service", "Wizard\\Microsoft.ECMA2Host.ConfigWizard")
    run.fine("wizard properties SQL")
    run("wizard properties SQL autosync=x")
    assert len(texts(run, f"Get-WinEvent {LOG}")) == 2
    run.fine(f"notepad '{file}' /replace Verbose Error")
    run.fine("wizard properties SQL")
    run("wizard properties SQL autosync=x")
    found = texts(run, f"Get-WinEvent {LOG}")
    assert len(found) == 3
    assert "number of minutes" in found[0]
    run.fine(f"notepad '{file}' /replace '</configuration>' ''")
    assert "side-by-side" in run("wizard properties SQL").output


def test_levels_count_from_the_next_start(window: Open) -> None:
    run = window()
    run.fine(f"notepad '{SERVICE}' /replace Verbose Off")
    ask(run, "/Schemas")
    before = len(texts(run, f"Get-WinEvent {LOG}"))
    found = run.host.call("get_host")
    assert found["restart_pending"]
    assert (found["machine"]["trace"]["configured"]["ECMA2Host"], found["machine"]["trace"]["effective"]) == (
        "Off",
        {"ConnectorsLog": "Verbose", "ECMA2Host": "Verbose"},
    )
    run.fine(f"Restart-Service {HOST}")
    ask(run, "/Schemas")
    assert len(texts(run, f"Get-WinEvent {LOG}")) == before + 1  # that it was stopped, by what it had read


def test_without_a_registered_source_there_is_no_log(window: Open) -> None:
    run = window(machine={"event_sources": []})
    ask(run, "/Schemas")
    assert "There is not an event log" in run(f"Get-WinEvent {LOG}").output
    run.elevated = False
    assert "SecurityException" in run("wizard").output
    run.elevated = True
    run.fine("wizard finish")
    run.fine(f"Restart-Service {HOST}")
    ask(run, "/Schemas")
    assert "/Schemas" in str(texts(run, f"Get-WinEvent {LOG}"))


def test_what_the_journal_has_dropped_is_in_the_log(window: Open) -> None:
    """The log has its own limit: neither many requests nor a cleared journal take anything out of it."""
    run = window(machine={})
    ask(run, "/Users", "POST", "{}")
    run.host.runtime.journal.limit = 2
    for _ in range(3):
        ask(run, "/Schemas")
    run.host.runtime.journal.clear()
    assert len(texts(run, f"Get-WinEvent {LOG} -Text 'received: GET /ecma2host_SQL/scim/Schemas'")) == 3
    assert len(texts(run, "Get-WinEvent ConnectorsLog -Text failed")) == 1


def test_starts_before_the_first_look_are_in_the_log(window: Open) -> None:
    """The server is made with the first command; what happened before is in its logs all the same."""
    run = window(host={"debug": True})
    run.host.service("restart")
    run.host.service("stop")
    assert run.host.runtime.state.machine is None
    states = [text.split()[-2] for text in texts(run, "Get-WinEvent System -oldest")]
    assert states == ["running", "stopped", "running", "stopped"]
    traced = texts(run, f"Get-WinEvent {LOG} -Text 'The service was' -oldest")
    assert [text.split()[3] for text in traced] == ["started.", "stopped.", "started.", "stopped."]
    assert "Debug: true" in traced[0]


def test_secrets_are_taken_out_while_the_host_goes_on(window: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes half a second after many requests, at the first look and at later ones."""
    run = window()
    shown, lock, free = Sink.shown, run.host.runtime.lock, []

    def try_lock() -> None:
        free.append(lock.acquire(blocking=False))
        lock.release()

    def slow(sink: Sink, each: Exchange) -> Exchange:
        other = threading.Thread(target=try_lock)
        other.start()
        other.join()
        return shown(sink, each)

    monkeypatch.setattr(Sink, "shown", slow)
    for _ in range(2):
        ask(run, "/Schemas")
        run.fine(f"Get-WinEvent {LOG}")
    assert free == [True, True]


def exchange(number: int, status: int = 200, operation: str = "find_users", native: str = "") -> Exchange:
    made = Exchange(at=0.0, method="GET", target=f"/{number}", status=status, operation=operation)
    made.size, made.native = 1_000, (native,) if native else ()
    return made


def test_requests_push_out_no_failure_and_failures_no_start() -> None:
    backlog = Backlog()
    backlog.room = 3_000
    backlog.event(Started(0.0, False, {}))
    backlog.exchange(exchange(0, 500))
    backlog.exchange(exchange(1, 400, "create_user"))
    backlog.exchange(exchange(2, operation="create_user", native="INSERT"))
    for number in range(3, 100):
        backlog.exchange(exchange(number, 401 if number % 2 else 200))
    found = backlog.take()
    assert isinstance(found[0], Started)
    assert [each.target for each in found if isinstance(each, Exchange)] == [
        "/0",
        "/1",
        "/2",
        "/97",
        "/98",
        "/99",
    ]
    assert not backlog.take()


def test_imports_are_in_the_log(window: Open) -> None:
    run = window(connectors={"SQL": {"import": {"every": "40m"}}})
    run.host.clock.advance(minutes=85)
    found = texts(run, "Get-WinEvent ConnectorsLog -Text 'by connector SQL ended'")
    assert len(found) == 3
    assert "5 objects" in found[0]


def test_the_connection_string_is_there_under_verbose_and_only_there(window: Open) -> None:
    word = "hunter2-is-not-real"
    run = window(machine={"connections": {"SQL": {"password": word}}})
    assert word in str(texts(run, "Get-WinEvent ConnectorsLog"))
    assert word not in json.dumps(
        [run.host.status(), run.fine(r"dir C:\ -Recurse"), run.fine("wizard connectivity SQL")]
    )
    for machine in (
        {"trace": {"ConnectorsLog": "Error"}},
        {"connections": {"SQL": {"integrated": True, "password": word}}},
    ):
        quiet = window(machine={"connections": {"SQL": {"password": word}}, **machine})
        assert word not in str(texts(quiet, "Get-WinEvent ConnectorsLog"))


def test_a_full_log_forgets_the_oldest() -> None:
    logs = EventLogs("X", 65_536, ["ECMA2Host"])
    for number in range(500):
        logs.write(float(number), "ECMA2Host", "Error", 0, f"{number} " + "x" * 200)
    log = logs.logs["Microsoft ECMA2Host Logs"]
    assert log.used <= 65_536
    assert log.records[-1].id == log.written == 500
    assert log.records[0].id > 1
    logs.write(0.0, "ECMA2Host", "Error", 0, "x" * 100_000)
    assert len(log.records[-1].text) == 31_839


def record(text: str = "a text", level: int = 2) -> Record:
    return Record(7, FROZEN_START, "Application", "SideBySide", 59, level, text, "X")


@pytest.mark.parametrize(
    ("xpath", "found"),
    [
        ("*[System[(Level=2)]]", 1),
        ("*[System[Level=3]]", 0),
        ("*[System[Provider[@Name='SideBySide'] and (Level=2 or Level=4)]]", 1),
        ("*[System[TimeCreated[timediff(@SystemTime) <= 86400000]]]", 1),
        ("*[System[TimeCreated[timediff(@SystemTime) <= 1000]]]", 0),
        ("*[EventData[Data='a text']]", 1),
        ("Event/System[EventID=59]", 1),
        ("* / System[EventID=59 and * = '2'] and *[EventData[Data!='//' and Data!='*/']]", 1),
    ],
)
def test_xpath_of_event_viewer_selects(xpath: str, found: int) -> None:
    assert len(events_commands.select([record()], xpath, FROZEN_START + 60)) == found


@pytest.mark.parametrize(
    "xpath",
    [
        *("*[", "*[contains(Data,'a')]", "1 to 9999999", "doc('file:///etc/passwd')", "*" * 3_000, "$x"),
        *("//Event" + "[//Event" * 40 + "]" * 40, "*[Data='a' and /Event]", "*[2 * /Event]", "Event//Level"),
    ],
)
def test_other_xpath_is_refused(window: Open, xpath: str) -> None:
    done = window()("Get-WinEvent System -FilterXPath '" + xpath.replace("'", "''") + "'")
    assert done.exit == 1
    assert "query is invalid" in done.output or "longer" in done.output


def test_a_query_that_takes_too_long_ends(window: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_commands, "_LONGEST_SELECT", -1)
    done = window()("Get-WinEvent System -FilterXPath '*[System]'")
    assert done.exit == 1
    assert "took longer than" in done.output
    assert "-MaxEvents" in done.output


@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("Get-WinEvent System", "mockhost.windows.events_commands.as_table"),
        ("wevtutil qe System", "mockhost.windows.events_commands.xml"),
        ("CollectTroubleshootingInfo", "mockhost.windows.events_commands.all_xml"),
    ],
)
def test_events_are_written_while_the_host_goes_on(
    window: Open, monkeypatch: pytest.MonkeyPatch, command: str, place: str
) -> None:
    """Requests need the lock, which is free while events are chosen and written."""
    run = window()
    module, name = place.rsplit(".", 1)
    write, free = getattr(events_commands, name), []

    def watched(*args: Any, **rest: Any) -> str:
        def take() -> None:
            free.append(run.host.runtime.lock.acquire(blocking=False))
            if free[-1]:
                run.host.runtime.lock.release()

        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        return str(write(*args, **rest))

    monkeypatch.setattr(module + "." + name, watched)
    run.fine(command)
    assert free
    assert all(free)


@pytest.mark.parametrize("text", ["<b>&\"'", "two\nlines", "\x00\x1b[31m", "é \ud800 ✓"])
def test_any_text_makes_well_formed_events(text: str) -> None:
    machine = MachineConfig()
    whole = events_commands.all_xml([record(text)], machine)
    root = ElementTree.fromstring(
        whole.encode("utf-8", "surrogatepass") if "\ud800" not in text else whole.encode()
    )
    assert len(root) == 1
    assert next(csv.reader(io.StringIO(events_commands.all_csv([record("x")], machine))))[:2] == [
        "Level",
        "Date and Time",
    ]


@pytest.mark.parametrize(
    ("machine", "shown"),
    [
        ({}, "1/1/2026 12:00:00 AM"),
        ({"time_zone": "Europe/Berlin", "culture": "de-DE"}, "01.01.2026 01:00:00"),
        ({"time_zone": "America/New_York"}, "12/31/2025 7:00:00 PM"),
    ],
)
def test_times_are_stored_in_utc_and_shown_in_the_servers_zone(
    window: Open, machine: dict[str, Any], shown: str
) -> None:
    run = window(machine=machine)
    assert shown in run.fine("Get-WinEvent System")
    assert 'SystemTime="2026-01-01T00:00:00.0000000Z"' in run.fine("wevtutil qe System")


@pytest.mark.parametrize("form", ["Table", "List", "Xml", "Csv", "Json"])
def test_every_form_has_the_record(window: Open, form: str) -> None:
    assert "running" in window().fine(f"Get-WinEvent System -Format {form}")
