"""Every shipped scenario proves itself: symptom, cure, what is true afterwards, and that it is not so otherwise."""

from __future__ import annotations

import pytest

from mockhost.api import MockHost
from mockhost.expect.check import HostDriver, check, default_connector, prove
from mockhost.expect.steps import play
from mockhost.scenario import catalogue, loader

ALL = list(catalogue.names())
SERVERS = {name for name in ALL if name == "basics/ldap" or name.startswith("systems/directory_")}
"""Those whose system is a server, which not every machine has."""
PLAYED = [pytest.param(name, marks=pytest.mark.slow) if name in SERVERS else name for name in ALL]
FAULTY = [name for name in PLAYED if not str(getattr(name, "values", (name,))[0]).startswith("basics/")]
DOCUMENTED = [name for name in ALL if name.startswith("documented/")]

PATIENCE = 120.0
"""Seconds for an exchange on a busy machine; nothing that works comes near it."""


@pytest.mark.parametrize("name", PLAYED)
def test_it_is_as_it_says(name: str) -> None:
    """Expect, cure and cured hold on a fresh host, over real sockets."""
    with MockHost(name, control=False) as host:
        report = check(host.scenario, HostDriver(host), timeout=PATIENCE)
        assert report.ok, report.text
        assert report.sections, "a shipped scenario says what to expect"
        assert not [entry.bug for entry in host.journal if entry.bug]


@pytest.mark.parametrize("name", FAULTY)
def test_its_symptom_is_not_seen_on_its_healthy_counterpart(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against what the scenario extends at least one step fails, on a value that was compared."""
    # What is healthy does not end its connections: there is nothing to be watched for.
    monkeypatch.setattr("mockhost.expect.steps._WATCH_CLOSED", 0.05)
    scenario = loader.load(name)
    assert scenario.parent
    with MockHost(scenario.parent, control=False) as healthy:
        result = prove(healthy.load(scenario), HostDriver(healthy), timeout=PATIENCE)
        assert result.holds, result


CYCLES = {
    name for name in DOCUMENTED if any(step.get("entra") == "cycle" for step in loader.load(name).cured)
}


@pytest.mark.parametrize("name", sorted(CYCLES))
def test_a_cure_still_holds_after_a_cycle(name: str) -> None:
    """A user may run a cycle before the check: what the first one does is not done again."""
    with MockHost(name, control=False) as host:
        scenario, driver = host.scenario, HostDriver(host)
        steps = [*scenario.expect, *scenario.cure, *scenario.cured, *scenario.cured]
        played = play(
            steps,
            targets=driver.targets(),
            driver=driver,
            default_connector=default_connector(scenario),
            timeout=PATIENCE,
        )
        assert all(each.ok for each in played), [each.text for each in played if not each.ok]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_failure_names_its_cause_its_cure_and_its_page(name: str) -> None:
    """Cause and client_should are the oracle of tests; the headings lead back to the page."""
    scenario = loader.load(name)
    assert scenario.cause
    assert scenario.cure
    assert scenario.reproduces
    assert scenario.client_should in {"fix_configuration", "wait", "retry", "report", "nothing"}
    assert scenario.why.strip()


HEADINGS = {
    "Troubleshoot test connection issues",
    "Unable to configure the ECMA host, view logs in Event Viewer, or start the ECMA host service",
    "Turn on verbose logging",
    "Query the ECMA Host Cache",
    "Target attribute is missing",
    "Collect logs from Event Viewer as a zip file",
    "Review events in Event Viewer",
    "Common errors",
    "Understand incoming SCIM requests",
    "Agent failed to start",
    "Agent times out or certificate is invalid",
    "Agent registration fails with security error",
    "Log files",
    "Agent installation fails",
    "I am getting an Invalid LDAP style DN error when trying to configure the ECMA Connector Host with SQL",
}
"""The headings of Microsoft's troubleshooting page, edition of April 2022."""


@pytest.mark.parametrize("name", DOCUMENTED)
def test_reproduces_names_real_headings(name: str) -> None:
    """A heading of the page, and a step of it where there are steps."""
    for reproduced in loader.load(name).reproduces:
        heading, _, step = reproduced.rpartition(", step ")
        assert (heading or reproduced) in HEADINGS
        assert not heading or step.isdecimal()


def test_the_five_shapes_of_an_invalid_resource_are_there() -> None:
    """'invalid resource' has five shapes of its own."""
    assert len([name for name in ALL if name.startswith("documented/invalid_resource_")]) == 5


def test_a_million_people_are_found_by_their_last_login() -> None:
    """basics/million has logins user0000000 to user0999999."""
    scenario = loader.load("basics/million")
    assert scenario.connectors.keys() == {"SQL"}
    people = scenario.connectors["SQL"].system.people
    assert people is not None
    assert people.size == 1_000_000
