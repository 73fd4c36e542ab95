"""Whether a cure holds is checked on a fork of the running host, and nothing of that happens to the host."""

from __future__ import annotations

import http.client
import re
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from mockhost import MockHost
from mockhost.client.control import ControlPlane
from mockhost.errors import UsageError
from mockhost.expect.check import HostDriver, default_connector
from mockhost.expect.steps import Player
from mockhost.operations import find
from mockhost.runtime import Runtime
from mockhost.runtime.operations import Operated, perform
from mockhost.scenario import loader, shelves
from mockhost.tls.authority import Authority
from mockhost.tls.serving import Certificates
from tests.runtime.test_fork import observed

DOCUMENTED = [name for name in shelves.names() if name.startswith("documented/")]
# What these show, a sound host does: a client has to know it, and nothing of the host is cured.
OF_THE_CLIENT = {
    f"documented/{name}"
    for name in (
        "anchor_changed",
        "anchor_generated",
        "groups_not_supported",
        "special_characters_in_matching_value",
    )
}


def elsewhere(name: str) -> bool:
    """Whether its cure is not the host's but a client's."""
    return name in OF_THE_CLIENT


def cure(host: MockHost) -> None:
    """Play the symptom and do what the documentation says, on the running host itself."""
    scenario = host.scenario
    player = Player(host.clients(), HostDriver(host), default_connector(scenario))
    for step in (*scenario.expect, *scenario.cure):
        result = player.play(step)
        assert result.error is None, result.error


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in DOCUMENTED if elsewhere(name)])
def test_a_failure_beside_the_host_is_as_it_says_and_changes_nothing_of_it(name: str) -> None:
    """A check plays the symptom and the cure, both on a fork."""
    with MockHost(name) as host:
        before = observed(host.runtime)
        found = host.check()
        assert found.ok, found.text
        assert "expect" in found.holds, found.text
        assert found.cured or name not in OF_THE_CLIENT
        assert observed(host.runtime) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in DOCUMENTED if not elsewhere(name)])
def test_a_documented_failure_shows_until_its_cure_is_done(name: str) -> None:
    """And all of `cured` holds from then on; the host is the same before and after each check."""
    told: list[Any] = []
    with MockHost(name) as host:
        host.runtime.events.call(lambda kind, data: told.append(data))
        before = observed(host.runtime)
        found = host.check()
        assert found.ok, found.text
        assert not found.cured, found.text
        assert "expect" in found.holds, found.text
        assert observed(host.runtime) == before
        assert told == []
        cure(host)
        told.clear()
        before = observed(host.runtime)
        for _ in range(2):
            found = host.check()
            assert found.cured, found.text
            assert "cured" in found.holds
        assert observed(host.runtime) == before
        assert [(each["what"], each["cause"]) for each in told] == [("cured", host.scenario.cause)]
        assert host.call("get_scenario")["cured"] is True
        host.reset()
        assert host.call("get_scenario")["cured"] is None


WRONG: dict[str, dict[str, object]] = {
    "documented/secret_token_mismatch": {"host.debug": True},
    **{
        f"documented/certificate_{what}": {"host.tls": "plain_http"}
        for what in ("expired", "not_trusted", "wrong_name", "not_bound")
    },
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in DOCUMENTED
        if loader.load(name).wrong_cure
        and name != "documented/connection_string_logged"  # by leaving the log as it is, not by a setting
    ],
)
def test_opening_a_door_is_no_cure(name: str) -> None:
    """All of `cured` holds then, and the scenario is not cured all the same; closing the door again cures nothing."""
    with MockHost(name) as host:
        for path, value in WRONG[name].items():
            host.set(path, value)
        host.service("restart")
        found = host.check()
        assert "wrong_cure" in found.holds, found.text
        assert not found.cured
        assert "this is no cure" in str(found.sections[-1])


def test_a_healthy_host_has_nothing_to_be_cured_of() -> None:
    """It is fine, and no event says so."""
    told: list[object] = []
    with MockHost("basics/healthy") as host:
        host.runtime.events.call(lambda kind, data: told.append(data))
        found = host.check()
        assert (found.cured, found.holds, told) == (True, ("expect",), [])


def test_the_sockets_of_the_host_are_left_alone() -> None:
    """A connection that is open stays open, and the journal knows of no other."""
    with MockHost("basics/healthy", tls=False) as host:
        connection = http.client.HTTPConnection("localhost", host.port, timeout=120)
        path = urlsplit(host.url("SQL")).path + "/Schemas"
        for _ in range(2):
            connection.request("GET", path, headers=host.headers("SQL"))
            assert connection.getresponse().read()
            assert host.check().cured
        assert [each.exchanges for each in host.journal.connections] == [2]
        connection.close()


def test_a_rule_that_fires_so_many_times_has_them_left_afterwards() -> None:
    """The check's requests count on the fork only; TLS and transport are real there."""
    rule = {"name": "twice", "when": {"operation": "find_users"}, "fault": "connection_reset", "times": 2}
    expect = [{"send": "test_connection", "gets": {"ends": "rst"}}]
    with MockHost({"extends": "basics/healthy", "rules": [rule], "expect": expect}) as host:
        for _ in range(3):
            assert host.check().holds == ("expect",)
        assert host.rules[0]["left"] == 2


def test_a_stopped_service_and_a_refused_port_are_so_on_the_fork() -> None:
    """Connects are refused there, too."""
    cured = [{"send": "test_connection", "gets": {"ends": "refused"}}]
    with MockHost({"extends": "basics/healthy", "cured": cured}) as host:
        assert not host.check().cured
        host.service("stop")
        assert host.check().cured


def test_a_mock_without_sockets_cant_be_checked() -> None:
    """It says so."""
    runtime = Runtime(loader.load("basics/empty"), Certificates(Authority()))
    with pytest.raises(UsageError, match="no data plane"):
        perform(Operated(runtime), find("check"), {})
    runtime.close()
    runtime.certificates.close()


@pytest.mark.parametrize(
    "step",
    [{"advance": "4m"}, {"service": "restart"}, {"send": "test_connection"}, {"set": {"host.debug": True}}],
)
def test_a_step_of_a_wrong_cure_compares_something(step: dict[str, object]) -> None:
    """One that can't fail would always hold."""
    with pytest.raises(Exception, match="compares something"):
        loader.load_document({"extends": "basics/healthy", "wrong_cure": [step]})


def outside(port: int) -> list[dict[str, object]]:
    """Steps that reach for what is not the host's, as somebody could send them over the network."""
    where = f"http://127.0.0.1:{port}/ecma2host_SQL/scim"
    return [
        {"send": "test_connection", "as": {"tenant_url": where}, "gets": {"status": 200}},
        {"set": {"client.SQL.tenant_url": where}},
        {"send": "test_connection", "gets": {"ends": {"no_answer_within": "9d"}}},
    ]


def test_the_steps_of_others_reach_nothing_but_the_host() -> None:
    """No other address, no long wait: a check is asked for over the network."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        one, told, long = outside(server.getsockname()[1])
        probe = {"send": "test_connection", "gets": {"status": 200}}
        with MockHost("basics/healthy") as host:
            for steps in ([one], [told, probe], [long]):
                plane = ControlPlane(host.control_url)
                document = {"extends": "basics/healthy", "cause": "x", "cured": steps}
                plane.call("use_scenario", scenario=document)
                found = plane.call("check")
                assert not found["cured"]
                assert re.search("not the host's|at most 60 s", found["text"]), found["text"]
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_check_does_not_go_out_by_the_public_url() -> None:
    """Nothing answers there, and if something did, it would be the running host."""
    with MockHost("basics/healthy", control=False, public_url="https://scim.contoso.example") as host:
        assert host.check().ok
        assert not host.journal.entries()
