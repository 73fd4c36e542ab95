"""The portal of a running host: its application is the scenario's, its clock the host's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.client.control import ControlPlane
from mockhost.entra import rendering
from mockhost.entra.enterprise import VERBS
from mockhost.errors import UsageError
from mockhost.scenario import loader, shelves

ANN = "ann@contoso.example"


@pytest.fixture
def host() -> Iterator[MockHost]:
    with MockHost("basics/provisioned") as running:
        yield running


def say(host: MockHost, line: str) -> dict[str, Any]:
    """A line over the control plane, whose caller may only reach the host."""
    answer: dict[str, Any] = ControlPlane(host.control_url).call("portal", line=line)
    return answer


def test_a_cycle_waits_on_the_clock_of_the_host(host: MockHost) -> None:
    """So imports, timeline and certificate move on with it, and a clock that is advanced elsewhere moves the job."""
    begun = host.clock.now()
    assert say(host, "cycle")["result"]["counts"]["create"] == 3
    assert say(host, "cycle")["text"].startswith("✓ incremental cycle")
    assert host.clock.now() == begun + 2_400
    host.clock.advance(minutes=50)
    assert say(host, "cycle")["result"]["next"] == 2_400
    assert host.clock.now() == begun + 2_400 + 3_000
    assert host.objects("SQL", ContosoLogin="ann")


def test_an_agent_that_was_assigned_is_usable_after_a_while() -> None:
    """Since the scenario began, not since the portal was looked at."""
    with MockHost("documented/agent_not_ready") as host:
        assert say(host, "test-connection")["result"]["ok"] is False
        assert host.call("get_portal")["agents"] == {"agent-1": "active, assigned, not usable yet"}
        assert say(host, "cycle")["result"]["state"] == "Failed"
        assert say(host, "cycle")["result"]["counts"]["create"] == 3
    with MockHost("documented/agent_not_ready") as host:
        host.clock.advance(minutes=20)
        assert say(host, "test-connection")["result"]["ok"] is True


def test_what_is_entered_is_tested_and_what_is_saved_is_used(host: MockHost) -> None:
    """Two states, until it is saved."""
    say(host, "cycle")
    assert say(host, "enter secret-token another-token")["result"]["saved_is_entered"] is False
    failed = say(host, "test-connection")
    assert failed["result"]["code"] == "SystemForCrossDomainIdentityManagementCredentialValidationFailure"
    assert "another-token" not in str(host.call("get_portal"))
    assert say(host, f"on-demand {ANN}")["result"]["result"] == "other skipped"
    assert say(host, "save")["result"]["why"].startswith("/Schemas: 401")
    assert say(host, "cycle")["result"]["quarantine"] == "EncounteredQuarantineException"
    assert host.call("get_portal")["quarantine"]["seriesCount"] == 1


@pytest.mark.parametrize(
    ("url", "next_step"),
    [
        ("https://localhost:9/ecma2host_SQL/scim", "Start the service"),
        ("https://169.254.169.254/ecma2host_SQL/scim", "Write localhost"),
        ("https://nowhere.example:8585/ecma2host_SQL/scim", "Write localhost"),
        ("https://user@[::1]:bad/scim", "Write the tenant URL"),
        ("https://l[ocalhost/ecma2host_SQL/scim", "Write the tenant URL"),
    ],
)
def test_nothing_but_the_host_is_asked(host: MockHost, url: str, next_step: str) -> None:
    """Whoever may use the control plane must not reach other machines through it."""
    say(host, f"enter tenant-url {url}")
    assert say(host, "test-connection")["result"]["verdict"]["next"].startswith(next_step)
    say(host, "enter tenant-url {truth}")
    assert say(host, "test-connection")["result"]["ok"] is True


def test_a_check_sees_what_was_done_in_the_portal_and_leaves_it_as_it_is() -> None:
    """A copy has a portal of its own, whose target is the copy."""
    with MockHost("documented/agent_inactive") as host:
        say(host, "enter tenant-url {truth}")
        assert host.call("check")["cured"] is False
        say(host, "agent start agent-1")
        before = host.call("get_portal")
        assert host.call("check")["cured"] is True
        assert host.call("get_portal") == before
        assert host.call("get_portal_log")["records"] == []
        host.reset()
        assert host.call("get_portal")["agents"] == {"agent-1": "inactive"}


def test_the_log_is_filtered_and_kept_in_order(host: MockHost) -> None:
    """In the shape of Microsoft Graph."""
    say(host, "cycle")
    say(host, f"on-demand {ANN}")
    assert [each["provisioningAction"] for each in host.call("get_portal_log", user="ann")["records"]] == [
        "create",
        "other",
    ]
    assert len(say(host, "log status=success")["result"]["records"]) == 3


def test_a_user_that_was_taken_away_comes_back_under_another_name() -> None:
    """With the same object ID: that is how a user principal name changes."""
    users = {ANN: {"objectId": "1", "surname": "Lee"}}
    with MockHost("basics/provisioned", entra={"users": users}) as host:
        host.portal({"change": {"users": {ANN: None}}})
        host.portal({"change": {"users": {"ann.lee@contoso.example": users[ANN]}}})
        found = host.portal("users")["users"]
        assert (ANN in found, found["ann.lee@contoso.example"]["id"]) == (False, "1")


def test_on_demand_shows_the_four_steps_of_the_portal(host: MockHost) -> None:
    """An update has two entries in the third one; the texts are those of a real ECMA app."""
    say(host, "cycle")
    say(host, f"user {ANN} surname=Roe")
    shown = say(host, f"on-demand {ANN}")["text"].splitlines()
    user = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    assert [line for line in shown if line.startswith("✓")] == [
        f"✓ 1. Import {user} from Microsoft Entra ID",
        f"✓ 2. Determine if {user} is in scope",
        f"✓ 3. Match {user} between Microsoft Entra ID and ScimOnPremises",
        "✓ 4. Perform action",
    ]
    assert [line.strip() for line in shown if line.strip().startswith("Entry")] == [
        *("EntryImportUpdate", "EntrySynchronizationScoping", "EntryImport", "EntrySynchronizationUpdate"),
        "EntryExportUpdate",
    ]
    assert shown[-1].split() == ["urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User:LastName", "Roe"]


def test_every_verb_has_a_line_and_lines_are_steps() -> None:
    """`words` writes what `parse` reads; only changes of more than one user have no line."""
    spoken = " ".join(line for line, _ in rendering.HELP)
    assert [verb for verb in VERBS if verb != "change" and verb.replace("_", "-") not in spoken] == []
    for line in (
        "test-connection",
        "agent restart agent-1",
        "agent machine agent-1 proxy=missing may_log_on=false",
        "enter tenant-url https://localhost:8585/ecma2host_SQL/scim",
        f"user {ANN} assigned=false givenName=",
        f"user {ANN} remove",
        f"on-demand {ANN}",
        "cycle initial",
        "restart Watermark Escrows",
        "log status=failure",
    ):
        assert rendering.words(rendering.parse(line)) == line.split()
    assert rendering.parse(r"enter secret-token 'a b\c'") == {"enter": {"secret_token": r"a b\c"}}
    assert rendering.parse("") == "show"


def test_steps_of_shipped_scenarios_are_lines() -> None:
    """So cures can be typed."""
    for name in shelves.names():
        scenario = loader.load(name)
        for step in (*scenario.expect, *scenario.cure, *scenario.cured):
            words = rendering.words(step["entra"]) if "entra" in step else None
            assert words is None or rendering.of_words(words) == step["entra"], (name, step)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tset-connection", "the portal knows no 'tset-connection'; did you mean 'test-connection'?"),
        ("agent strat agent-1", "'strat' is not done to an agent; did you mean 'start'?"),
        ("agent start", "agent start whom?"),
        ("user ann assigned", "'assigned' is not KEY=VALUE"),
        ("on-demand", "on-demand whom?"),
        ("save it", "save takes nothing more, not 'it'"),
        ("enter 'x", "no closing quotation"),
        ("x" * 9_000, "more than 8192 characters"),
    ],
)
def test_a_line_that_is_wrong_says_what_to_write(line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        rendering.parse(line)
    assert message in str(caught.value)


AGENT = "AADConnectProvisioningAgent"


@pytest.mark.parametrize(
    ("scenario", "command"),
    [
        ("agent_inactive", f"Start-Service {AGENT}"),
        ("agent_wedged", f"Restart-Service {AGENT}"),
        ("agent_not_ready", f"Restart-Service {AGENT}"),
        ("agent_not_running", f"Start-Service {AGENT}"),
    ],
)
def test_what_is_done_on_the_server_is_seen_in_the_portal(scenario: str, command: str) -> None:
    """The agent of the portal is the service on the server, also where only the portal's side is written."""
    with MockHost(f"documented/{scenario}") as host:
        assert say(host, "test-connection")["result"]["ok"] is False
        assert host.windows(command, elevated=True).exit == 0
        assert say(host, "test-connection")["result"]["ok"] is True


def test_what_is_done_in_the_portal_is_seen_on_the_server() -> None:
    """Services, the right to log on, policy and proxy."""
    with MockHost("documented/agent_no_logon_right") as host:
        assert "Stopped" in host.windows(f"Get-Service {AGENT}").output
        assert host.windows(f"Start-Service {AGENT}", elevated=True).exit == 1
        say(host, "agent machine agent-1 may_log_on=true execution_policy=AllSigned proxy=missing")
        assert host.windows("Get-ExecutionPolicy").output.strip() == "AllSigned"
        assert say(host, "agent start agent-1")["result"]["agents"] == {"agent-1": "inactive"}
        say(host, "agent machine agent-1 proxy=configured")
        assert say(host, "test-connection")["result"]["ok"] is True
        assert "Running" in host.windows(f"Get-Service {AGENT}").output
        say(host, "agent stop agent-1")
        assert "Stopped" in host.windows(f"Get-Service {AGENT}").output
        assert host.call("get_host")["machine"]["agent_runs"] is False


def test_another_agent_is_on_another_server(host: MockHost) -> None:
    """The active and the passive agent of Microsoft's page: stop the one, start and assign the other."""
    host.windows(f"Stop-Service {AGENT}", elevated=True)
    for line in ("agent install agent-2", "agent register agent-2", "agent assign agent-2"):
        found = say(host, line)["result"]["agents"]
    assert found == {"agent-1": "inactive", "agent-2": "active, assigned, not usable yet"}
    say(host, "agent restart agent-2")
    assert say(host, "test-connection")["result"]["ok"] is True
    assert "Stopped" in host.windows(f"Get-Service {AGENT}").output
