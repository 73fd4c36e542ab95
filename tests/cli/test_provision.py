"""`mockhost provision` and `mockhost portal`: against a host in this process, from the file to the log."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from mockhost import MockHost
from mockhost.entra.records import Trail
from mockhost.entra.store import Known
from mockhost.entra.users import Generated, GeneratedUsers
from mockhost.entra.work import Work
from tests.cli.conftest import Invoke

Write = Callable[..., Path]


@pytest.fixture
def host() -> Iterator[MockHost]:
    """The healthy host."""
    with MockHost(clock="frozen") as running:
        yield running


@pytest.fixture
def write(host: MockHost, tmp_path: Path) -> Write:
    """Writes a provisioning.yaml for the host's SQL connector."""

    def written(rest: str = "users: {count: 4, seed: 1}", token: str | None = None) -> Path:
        file = tmp_path / "provisioning.yaml"
        (tmp_path / "trust.pem").write_text(Path(str(host.ca_file)).read_text())
        file.write_text(
            f"format: 1\ntenant_url: {host.url('SQL')}\nsecret_token: {token or host.token('SQL')}\n"
            f"trust: trust.pem\n{rest}\n"
        )
        return file

    return written


PEOPLE = """users:
- {userPrincipalName: ann@contoso.example, givenName: Ann, surname: Lee}
- {userPrincipalName: bob@contoso.example, givenName: Bob, surname: Kelly, assigned: false}
"""


def test_users_arrive_in_the_connected_system(host: MockHost, write: Write, invoke: Invoke) -> None:
    """By the mappings of Microsoft's tutorial, as far as the host offers their attributes."""
    file = write()
    result = invoke("provision", "cycle", str(file))
    assert (result.exit_code, "4 success (4 create)" in result.output) == (0, True), result.output
    assert sum("0000" in str(row["ContosoLogin"]) for row in host.objects("SQL")) == 4
    again = invoke("provision", "cycle", str(file))
    assert "incremental cycle" in again.output
    assert "0 users looked at" in again.output


def test_a_failure_is_exit_code_1_and_stands_in_the_log(write: Write, invoke: Invoke) -> None:
    """The host's column FirstName is NOT NULL."""
    file = write("users: {count: 2, missing: 1}")
    assert invoke("provision", "cycle", str(file)).exit_code == 1
    table = invoke("provision", "log", str(file), "--status", "failure").output
    assert "SystemForCrossDomainIdentityManagementServiceIncompatible" in table
    records = json.loads(invoke("provision", "log", str(file), "--format", "json").stdout)
    assert [each["provisioningStatusInfo"]["status"] for each in records] == ["success", "failure"]
    assert (
        "Cannot insert the value NULL" in records[1]["provisioningStatusInfo"]["errorInformation"]["reason"]
    )
    rows = list(csv.DictReader(io.StringIO(invoke("provision", "log", str(file), "--format", "csv").stdout)))
    assert [row["changeId"] for row in rows] == [each["changeId"] for each in records]


def test_the_three_csv_files(write: Write, invoke: Invoke, tmp_path: Path) -> None:
    """As the portal's download has them, joined by the change ID."""
    file = write()
    invoke("provision", "cycle", str(file))
    result = invoke("provision", "log", str(file), "--format", "csv", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0
    names = [f"ProvisioningLogs{part}.csv" for part in ("", "_ProvisioningSteps", "_ModifiedProperties")]
    texts = [(tmp_path / "out" / name).read_text("utf-8") for name in names]
    changes = [{row["changeId"] for row in csv.DictReader(io.StringIO(text))} for text in texts]
    assert changes[0] == changes[1] == changes[2]


def test_on_demand_shows_the_numbered_steps(write: Write, invoke: Invoke) -> None:
    """Import, scope, match, action; and what was set, by its full name."""
    file = write(PEOPLE)
    result = invoke("provision", "on-demand", "ann@contoso.example", str(file))
    assert result.exit_code == 0
    for text in ("1. Import urn:ietf:params:scim:schemas:extension:enterprise:2.0:User from Microsoft Entra ID",
                 "3. Match urn:ietf", "4. Perform action", "was created in ScimOnPremises",
                 "UrnietfparamsscimschemasextensionECMA2Host20UserContosoLogin:", "Property name"):  # fmt: skip
        assert text in result.output
    skipped = invoke("provision", "on-demand", "bob@contoso.example", str(file))
    assert (skipped.exit_code, "not effectively entitled" in skipped.output) == (0, True)
    assert invoke("provision", "on-demand", "carl", str(file)).exit_code == 2


def test_a_har_file_has_all_exchanges_and_no_secret(
    host: MockHost, write: Write, invoke: Invoke, tmp_path: Path
) -> None:
    """Neither the token nor what a mapping redacts."""
    mappings = """users: {count: 2}
mappings:
  ContosoLogin: {attribute: mailNickname, matching: 1}
  FirstName: "[surname]"
  LastName: "[surname]"
  textID: 'Redact("Pass@w0rd1")'
"""
    file = write(mappings)
    assert invoke("provision", "cycle", str(file), "--har", str(tmp_path / "a.har")).exit_code == 0
    text = (tmp_path / "a.har").read_text()
    entries = json.loads(text)["log"]["entries"]
    assert [each["request"]["method"] for each in entries] == ["GET", "GET", "GET", "POST", "GET", "POST"]
    assert "Pass@w0rd1" not in text
    assert host.token("SQL") not in text
    assert "Pass@w0rd1" in json.dumps(host.objects("SQL"))
    assert "Pass@w0rd1" not in invoke("provision", "log", str(file), "--format", "json").output


def test_entered_and_saved_are_two_states(host: MockHost, write: Write, invoke: Invoke) -> None:
    """Test connection uses what is entered, cycles what was saved."""
    file = write()
    assert invoke("provision", "cycle", str(file)).exit_code == 0
    write(token="wrong")
    assert invoke("portal", "test", str(file)).exit_code == 1
    cycle = invoke("provision", "cycle", str(file))
    assert (cycle.exit_code, "differs from what was saved" in cycle.stderr) == (0, True)
    assert invoke("portal", "save", str(file)).exit_code == 0
    failed = invoke("provision", "cycle", str(file))
    assert failed.exit_code == 1
    assert "Provisioning has been quarantined" in failed.output
    assert "SystemForCrossDomainIdentityManagementCredentialValidationFailure" in failed.output
    shown = json.loads(invoke("portal", "show", str(file), "--format", "json").stdout)
    assert shown["quarantine"]["reason"] == "EncounteredQuarantineException"
    host.set("connectors.SQL.secret_token", "wrong")
    host.service("restart")
    assert invoke("provision", "cycle", str(file)).exit_code == 0


def test_agents(write: Write, invoke: Invoke) -> None:
    """Stopped, started, assigned and not usable yet, wedged; with the documented ways to fail."""
    file = write()

    def act(*words: str) -> str:
        return " ".join(invoke("portal", "agent", *words[:2], str(file), *words[2:]).output.split())

    def test() -> str:
        return invoke("portal", "test", str(file)).output

    assert "agent-1 inactive" in act("stop", "agent-1")
    assert "HybridIdentityServiceNoActiveAgents" in test()
    act("start", "agent-1")
    assert "✓" in test()
    act("unassign", "agent-1")
    assert "HybridIdentityServiceNoAgentsAssigned" in test()
    assert "not usable yet" in act("assign", "agent-1")
    assert "HybridIdentityServiceNoActiveAgents" in test()
    invoke("portal", "advance", "20m", str(file))
    assert "✓" in test()
    act("wedge", "agent-1")
    assert "TimeOut" in test()
    act("restart", "agent-1")
    assert "✓" in test()
    act("install", "agent-2")
    act("machine", "agent-2", "--set", "execution_policy=Unrestricted")
    assert "fails to register with a security error" in act("register", "agent-2")
    act("machine", "agent-2", "--set", "execution_policy=RemoteSigned", "--set", "proxy=missing")
    assert "Configure the outbound proxy" in act("register", "agent-2")
    act("machine", "agent-2", "--set", "proxy=configured", "--set", "may_log_on=false")
    assert "failed to start. Check that you have sufficient privileges" in act("register", "agent-2")
    assert "did you mean 'proxy'?" in act("machine", "agent-2", "--set", "prox=1")
    assert "did you mean 'stop'?" in act("stopp", "agent-2")


def test_the_target_attribute_list_is_stale_until_it_is_refreshed(
    host: MockHost, write: Write, invoke: Invoke
) -> None:
    """id, active, PLACEHOLDER, the anchor, then the rest by alphabet; only added to; empty while the host is off."""
    file = write()
    assert "is empty" in invoke("portal", "attributes", str(file)).output
    host.service("stop")
    assert "stays as it was" in invoke("portal", "save", str(file)).output
    host.service("start")
    assert "is empty" in invoke("portal", "attributes", str(file)).output
    found = json.loads(invoke("portal", "attributes", str(file), "--refresh", "--format", "json").stdout)
    names = [each["name"].rpartition(":")[2] for each in found]
    assert names[:4] == ["id", "active", "PLACEHOLDER", "ContosoLogin"]
    assert names[4:] == sorted(names[4:], key=str.lower)
    host.set("connectors.SQL.selected_attributes", ["ContosoLogin", "FirstName", "LastName", "InternalGUID"])
    host.service("restart")
    again = json.loads(invoke("portal", "attributes", str(file), "--refresh", "--format", "json").stdout)
    assert {each["name"] for each in again} > {each["name"] for each in found}


def test_stop_start_and_restart(write: Write, invoke: Invoke) -> None:
    """A paused job runs no cycle; a restart makes the next one initial."""
    file = write()
    invoke("provision", "cycle", str(file))
    invoke("portal", "stop", str(file))
    paused = invoke("provision", "cycle", str(file))
    assert (paused.exit_code, "mockhost portal start" in paused.output) == (4, True)
    invoke("portal", "start", str(file))
    assert "incremental cycle" in invoke("provision", "cycle", str(file)).output
    assert (
        "did you mean 'Escrows'?" in invoke("portal", "restart", str(file), "--reset-scope", "Escrow").output
    )
    invoke("portal", "restart", str(file))
    assert "initial cycle" in invoke("provision", "cycle", str(file)).output


def test_by_url_alone(host: MockHost, invoke: Invoke) -> None:
    """Generated users, the default mappings, and no state that stays."""
    words = [
        "--url",
        host.url("SQL"),
        "--ca",
        str(host.ca_file),
        "--secret-token",
        host.token("SQL"),
        "--users",
        "3",
    ]
    result = invoke("provision", "cycle", *words, "--format", "json")
    assert (result.exit_code, json.loads(result.stdout)["counts"]["create"]) == (0, 3)
    again = invoke("provision", "cycle", *words, "--format", "json", "--count", "2")
    assert [each["initial"] for each in json.loads(again.stdout)] == [True, False]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["provision", "cycle"], 2, "either FILE or --url"),
        (["provision", "cycle", "no.yaml"], 2, "no.yaml cannot be read"),
        (["provision", "log", "no.yaml"], 2, "there is no state"),
        (["provision", "cycle", "--url", "https://x", "no.yaml"], 2, "either FILE or --url"),
        (["portal", "show", "no.yaml"], 2, "cannot be read"),
        (["provision", "cycle", os.devnull], 1, "the file is empty; 'mockhost provision init' writes one"),
        (["provision", "cycel"], 2, "did you mean 'cycle'?"),
    ],
)
def test_wrong_usage(invoke: Invoke, words: list[str], code: int, message: str) -> None:
    """One message, and what to try."""
    result = invoke(*words)
    assert (result.exit_code, message in result.output) == (code, True), result.output


def test_the_file_to_start_from_is_valid(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its target is not there: the job is in quarantine, and nothing else is wrong."""
    file = tmp_path / "provisioning.yaml"
    file.write_text(invoke("provision", "init").stdout)
    unset = invoke("provision", "cycle", str(file))
    assert (unset.exit_code, "no variable MOCKHOST_SECRET_TOKEN" in unset.output) == (1, True)
    monkeypatch.setenv("MOCKHOST_SECRET_TOKEN", "x")
    assert json.loads(invoke("provision", "schema").stdout)["properties"]["format"]["const"] == 1


def test_a_state_file_of_something_else_is_refused(write: Write, invoke: Invoke, tmp_path: Path) -> None:
    """It is not overwritten."""
    other = tmp_path / "other.txt"
    other.write_text("not a database, but a longer text that somebody still needs" * 20)
    result = invoke("provision", "cycle", str(write()), "--state", str(other))
    assert (result.exit_code, "cannot be used to keep the state" in result.output) == (2, True)
    assert other.read_text().startswith("not a database")


def test_the_portal_of_a_running_host_is_used_by_lines(invoke: Invoke) -> None:
    """Exit code 1 for what fails, as with a file."""
    with MockHost("documented/agent_inactive") as host:

        def line(*words: str) -> Result:
            return invoke("control", "--url", host.control_url, "portal", *words)

        failed = line("test-connection")
        assert (failed.exit_code, failed.output.splitlines()[2].strip()) == (
            1,
            "Error code: HybridIdentityServiceNoActiveAgents",
        )
        assert line("agent", "start", "agent-1").output == "agent-1  active\n"
        assert line("cycle").exit_code == 0
        assert json.loads(line("users", "--format", "json").output)["users"]["ann@contoso.example"]["target"]
        assert "not linked" not in line("users").output
        assert "Identity" in line("log").output
        assert "clock" in line().output
        assert "agent ACTION NAME" in line("help").output
        assert line("cycel").output.startswith("mockhost: the portal knows no 'cycel'; did you mean 'cycle'?")


def test_a_cycle_that_is_stopped_keeps_what_it_has_done(
    write: Write, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle: no traceback, exit code 130, and the next cycle goes on."""
    file, whole = write(), Work.synchronize

    def stopped(work: Work, known: Known, trail: Trail) -> tuple[str, str, Known]:
        if trail.user.name.startswith(people[2]):
            raise KeyboardInterrupt
        return whole(work, known, trail)

    people = [user.name for user in GeneratedUsers(Generated(4, seed=1))]
    monkeypatch.setattr(Work, "synchronize", stopped)
    done = invoke("provision", "cycle", str(file))
    assert (done.exit_code, "what it has done is kept" in done.output) == (130, True)
    assert "Traceback" not in done.output
    assert len(json.loads(invoke("provision", "log", str(file), "--format", "json").output)) == 2
    monkeypatch.setattr(Work, "synchronize", whole)
    assert "2 success, 2 skipped" in invoke("provision", "cycle", str(file)).output
    records = json.loads(invoke("provision", "log", str(file), "--format", "json").output)
    assert len({each["id"] for each in records}) == len(records) == 6


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ('control: "\\0"', "is not the URL of a control plane"),
        ("control: ftp://localhost", "is not the URL of a control plane"),
        ("users: {}", "users"),
        ("settings: {timeout: []}", "$.settings.timeout"),
    ],
)
def test_an_odd_file_is_refused_in_words(write: Write, invoke: Invoke, rest: str, message: str) -> None:
    file = write(f"users: []\n{rest}" if "users" not in rest else rest)
    done = invoke("provision", "cycle", str(file))
    assert done.exit_code in (1, 2)
    assert message in done.output


def test_a_tenant_url_that_is_none_is_judged_in_words(tmp_path: Path, invoke: Invoke) -> None:
    """The portal's verdict, also where the URL cannot be read at all."""
    file = tmp_path / "provisioning.yaml"
    file.write_text(
        'format: 1\ntenant_url: "https://l[ocalhost/ecma2host_SQL/scim"\nsecret_token: x\nusers: []\n'
    )
    assert "invalid resource" in invoke("portal", "test", str(file)).output
