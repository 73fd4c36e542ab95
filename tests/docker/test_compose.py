"""The compose file: valid, and in step with the scenarios that it plays. tools/try_image.py plays it."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

import pytest

from mockhost.scenario import loader
from tests.docker.files import DOCKER, OPTIONS, documents
from tests.machine import output

FILE = DOCKER / "compose.yaml"
SERVICES: dict[str, dict[str, Any]] = documents(FILE)[0]["services"]
HOSTS = {name: each for name, each in SERVICES.items() if each["command"][0] == "serve"}
CLIENTS = {name: each for name, each in SERVICES.items() if name not in HOSTS}
VARIABLES = OPTIONS | {"MOCKHOST_SECRET_TOKEN"}


@pytest.mark.parametrize("profile", ["", "faulty"])
def test_compose_takes_it(profile: str) -> None:
    """Debian's docker-compose validates without an engine; newer ones come as a plugin of docker."""
    commands = (["docker-compose"], ["docker", "compose"])
    command = next((words for words in commands if output(*words, "version")), None)
    if command is None:
        pytest.skip("neither `docker-compose` nor `docker compose` works on this machine")
    words = [*command, "-f", str(FILE), *(["--profile", profile] if profile else []), "config"]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=120, env=dict(os.environ), check=False
    )
    assert done.returncode == 0, done.stderr
    assert "documented/certificate_expired" in done.stdout or not profile


def test_the_specification_takes_it() -> None:
    """The schema of the compose specification, as check-jsonschema ships it."""
    checker = pytest.importorskip("check_jsonschema")
    with pytest.raises(SystemExit) as ended:
        checker.main(["--builtin-schema", "vendor.compose-spec", str(FILE)], standalone_mode=True)
    assert ended.value.code in (0, None)


def test_there_are_a_healthy_host_and_three_broken_ones() -> None:
    by_profile = {name: each.get("profiles") for name, each in HOSTS.items()}
    assert by_profile.pop("host") is None
    assert list(by_profile.values()) == [["faulty"]] * 3
    assert SERVICES["faulty"]["profiles"] == ["faulty"]


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_plays_a_scenario_that_there_is(name: str) -> None:
    scenario = loader.load(HOSTS[name]["command"][1])
    assert (scenario.cause is None) is (name == "host")
    assert set(HOSTS[name].get("environment", ())) <= VARIABLES
    assert HOSTS[name]["healthcheck"]["test"] == ["CMD", "mockhost", "health"]


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_waits_until_its_hosts_are_healthy(name: str) -> None:
    client = CLIENTS[name]
    waits = client["depends_on"]
    assert {each["condition"] for each in waits.values()} == {"service_healthy"}
    assert waits.keys() <= HOSTS.keys()
    assert set(client.get("environment", ())) <= VARIABLES
    text = " ".join(client["command"])
    for host in waits:
        assert f"https://{host}:" in text or f"try {host} " in text
        port = HOSTS[host].get("environment", {}).get("MOCKHOST_PORT", "8585")
        assert re.search(rf"{host}[: ]{port}\b", text)
        connector = loader.load(HOSTS[host]["command"][1])
        told = str(connector.client.get("SQL", {}).get("secret_token", "correct-horse-battery"))
        assert told in text + str(client.get("environment"))


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    for port in service.get("ports", ()):
        address, outside, inside = port.split(":")
        assert address == "127.0.0.1"
        assert outside == inside  # else URLs would be wrong on one side


def test_no_port_is_published_twice() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == len(set(ports))


def test_the_data_plane_of_a_stopped_service_is_not_published() -> None:
    """Docker's proxy would accept what the host refuses."""
    stopped = HOSTS["service-stopped"]
    assert stopped["environment"]["MOCKHOST_PORT"] not in " ".join(stopped["ports"])
