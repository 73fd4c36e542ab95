"""The table of the agent's errors: each row is reproduced, and becomes what it says in the portal and in the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.client.observation import ENDS, Observation
from mockhost.clock import VirtualClock
from mockhost.entra import agent, portal
from mockhost.entra.config import APPS, Credentials, Provisioning, Settings, Way
from mockhost.entra.portal import AgentError
from mockhost.entra.service import Service
from mockhost.entra.store import Store
from mockhost.entra.users import ListedUsers
from mockhost.errors import CannotRun
from mockhost.scenario import shelves
from tests.entra.fakes import person

ROWS = tuple(portal.agent_errors().values())
PROBE = {"extends": "basics/healthy", "format": 1}
OTHERS: dict[str, tuple[str | dict[str, Any], str | None]] = {
    "certificate_unusable": ({**PROBE, "host": {"tls": "not_yet_valid"}}, None),
    "forbidden": ({**PROBE, "rules": [{"reply": {"status": 403}}]}, None),
    "unexpected": ({**PROBE, "rules": [{"reply": {"status": 400}}]}, None),
    "url_form": ("basics/healthy", "https://localhost:1/a/b/c"),
    "invalid_url": ("basics/healthy", "gopher://localhost/ecma2host_SQL/scim"),
    "name_unknown": ("basics/healthy", "https://no-such-host.invalid:8585/ecma2host_SQL/scim"),
}
"""Rows that no shipped scenario plays: a scenario, and the tenant URL where it is another one."""


@contextmanager
def service(
    scenario: str | dict[str, Any], url: str | None = None, app: str = "ScimOnPremises"
) -> Iterator[tuple[Service, MockHost]]:
    """A service whose target is a mock with this scenario."""
    with MockHost(scenario, clock="frozen") as host, Store() as store:
        entered = Credentials(url or host.url("SQL"), "", host.token("SQL"))
        settings = Settings(timeout=0.5, honor_retry_after=False)
        users = ListedUsers([person("ann"), person("bob")])
        config = Provisioning(entered, users, settings=settings, app=app, trust=str(host.ca_file))
        way = Way(config)
        try:
            yield Service(config, store, way, VirtualClock("frozen")), host
        finally:
            way.session.close()


def test_every_row_can_be_reproduced() -> None:
    """By a scenario, by an agent's action, or by a case here; and names scenarios that are there."""
    for row in ROWS:
        assert row.plays or row.name in OTHERS, row.name
        assert row.source, row.name
        assert row.evidence in ("documented", "inferred", "assumed"), row.name
        for name in (row.likely, row.plays if "/" in row.plays else ""):
            assert not name or name in shelves.names(env={}), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "row", [row for row in ROWS if not row.agent and row.name != "name_unknown"], ids=lambda row: row.name
)
def test_a_row_below_the_agent(row: AgentError) -> None:
    """Test connection says its words; a cycle puts the job in quarantine with its code."""
    scenario, url = OTHERS.get(row.name, (row.plays, None))
    with service(scenario, url) as (job, _host):
        verdict = job.probe()
        head = row.text.partition("{")[0]
        assert (verdict.code, verdict.likely, verdict.next) == (row.code, row.likely, row.next)
        assert verdict.text.startswith(head)
        assert "{relayed}" not in verdict.text
        before = job.clock.now()
        done = job.cycle()
        if done.verdict is not None:  # a fault that strikes once is over by now
            assert done.verdict.code == row.code
            assert job.store.get("quarantine")["error"]["code"] == row.code
            assert job.clock.now() - before == row.takes


LOGGED = [row for row in ROWS if row.log and row.name not in ("invalid_url", "name_unknown")]
REPLIES = {
    "host_down": None, "certificate_name": "wrong_name", "certificate_expired": "expired",
    "certificate_unusable": "not_yet_valid", "certificate_untrusted": "untrusted", "handshake_reset": "none",
}  # fmt: skip
"""What is set of the host's TLS; None: the service is stopped."""


@pytest.mark.slow
@pytest.mark.parametrize("row", LOGGED, ids=lambda row: row.name)
def test_the_code_of_a_record(row: AgentError) -> None:
    """A failure that begins after the probe: the user's record has the code, and is tried with the next cycle."""
    faults = {"handshake": "tls_alert", "reset": "empty_response", "hang": "silent", "not_http": "random_data",
              "cut": "truncated_body"}  # fmt: skip
    with service("basics/healthy") as (job, host):
        begun = job.probe()
        assert begun.ok
        sent = job._send

        def send(request: Any) -> Observation:
            if job.store.get("struck") is None and "PLACEHOLDER" not in request.target:
                strike(host, row.name, faults.get(row.name))
                job.store.set("struck", True)
                sent.session.close()  # type: ignore[attr-defined]
            return sent(request)

        job._send = send
        counts = job.cycle().counts
        codes = {
            each["provisioningStatusInfo"]["errorInformation"]["errorCode"] for each in job.store.records()
        }
    assert counts["failure"]
    assert codes == {row.log}


def strike(host: MockHost, name: str, fault: str | None) -> None:
    """Make a host fail in the way of a row."""
    if fault is not None:
        host.add_rule({"fault": fault})
    elif name == "host_down":
        host.service("stop")
    else:
        host.set("host.tls", REPLIES[name])


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.plays.startswith("agent:")], ids=lambda row: row.name
)
def test_a_row_of_the_agent(row: AgentError) -> None:
    """What an administrator does, and what it becomes: in the portal, or as the error of registration."""
    action, *sets = row.plays.removeprefix("agent:").strip().split(", ")
    agents = [agent.SOUND._replace(registered=action != "register")]
    for each in sets:
        agents = list(agent.change_machine(agents, "agent-1", *each.split("=")))
    if sets:
        with pytest.raises(CannotRun) as caught:
            agent.act(agents, action, "agent-1", 0.0)
        assert (caught.value.message, (caught.value.hint or "").startswith(row.next)) == (row.text, True)
        return
    found = agent.problem(agent.act(agents, action, "agent-1", 0.0), 0.0, 900.0)
    assert found == row


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("ends", [each for each in ENDS if each != "keep"])
def test_there_is_a_row_for_every_ending(ends: str, app: str) -> None:
    """And each of them has a code of the log, a row of `log_codes.toml`."""
    seen = Observation("https://h/ecma2host_SQL/scim", "GET", "/", ends=ends)
    assert portal.agent_error_of(seen, ecma=app == APPS[0]).log


def test_a_name_that_nothing_resolves() -> None:
    """Without a resolver: it depends on the machine how long one takes."""
    seen = Observation("https://h/ecma2host_SQL/scim", "GET", "/", ends="unreachable")
    assert portal.agent_error_of(seen, ecma=True).name == "name_unknown"


# -- the machine -----------------------------------------------------------------------------------------------------


class Told:
    """A control plane that says something of the machine."""

    def __init__(self, **said: object) -> None:
        self.said = said

    def call(self, operation: str, /, **arguments: Any) -> Any:
        assert (operation, arguments) == ("get_host", {})
        return {"service": {"effective": "running"}, **({"machine": self.said} if self.said else {})}


def test_a_machine_is_sound_as_far_as_nothing_is_told() -> None:
    """Of the host's service every control plane tells."""
    assert agent.read(Told()) == agent.Machine(host="running")
    odd = Told(proxy="sideways", execution_policy=7, agent_runs="yes")
    assert agent.read(odd) == agent.Machine(host="running")


def test_a_running_mock_tells_of_its_service() -> None:
    """The state of Microsoft ECMA2Host."""
    with MockHost("documented/service_stopped") as host:
        assert agent.read(host).host == "stopped"
        host.service("start")
        assert agent.read(host).host == "running"


def test_a_windows_server_tells_of_its_agent() -> None:
    """A scenario's machine: the agent's service is stopped, and its account may not log on."""
    agent_service = {"state": "stopped", "logon": "denied"}
    with MockHost({**PROBE, "machine": {"services": {"agent": agent_service}}}) as host:
        there = agent.read(host)
    assert (there.agent_runs, there.may_log_on, there.host) == (False, False, "running")


@pytest.mark.parametrize(
    ("said", "row"),
    [({"agent_runs": False}, "agent_inactive"), ({"proxy": "missing"}, "agent_inactive"), ({"agent_runs": True}, None)],
)  # fmt: skip
def test_agents_are_as_their_machine_is(said: dict[str, object], row: str | None) -> None:
    """A stopped service, a way out that is missing."""
    with Store() as store:
        config = Provisioning(Credentials("https://h/ecma2host_SQL/scim"), ListedUsers([]), app=APPS[0])
        there = agent.read(Told(**said))
        job = Service(
            config, store, lambda request: pytest.fail("sent"), VirtualClock("frozen"), machine=there
        )
        found = job.agent_problem()
    assert (found and found.name) == row
