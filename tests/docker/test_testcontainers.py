"""The class of the Testcontainers page, with a host of this machine in place of Docker's."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.docker.engine import Engine
from tests.docker.files import DOCKER, OPTIONS, ROOT

pytest.importorskip("testcontainers")
FILE = DOCKER / "mockhost_container.py"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    found = Engine()
    monkeypatch.setattr("testcontainers.core.container.DockerClient", lambda **options: found)
    monkeypatch.setattr("testcontainers.core.config.testcontainers_config.ryuk_disabled", True)
    return found


@pytest.fixture
def container(engine: Engine) -> Callable[..., Any]:
    specification = importlib.util.spec_from_file_location("mockhost_container", FILE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    made: Callable[..., Any] = module.MockhostContainer
    return made


def test_it_asks_docker_for_the_right_container(container: Callable[..., Any], engine: Engine) -> None:
    with container("documented/service_stopped", image="registry.contoso.example/mockhost:0.1.0"):
        assert engine.created["image"] == "registry.contoso.example/mockhost:0.1.0"
        assert engine.created["command"] == ["serve", "documented/service_stopped"]
        assert engine.created["ports"] == {"8585": None, "8586": None}
        assert engine.created["environment"].keys() <= OPTIONS
        assert len(engine.created["environment"]["MOCKHOST_CONTROL_TOKEN"]) >= 24


def test_the_host_answers_to_what_tests_call_it(container: Callable[..., Any], engine: Engine) -> None:
    """In a container of CI the engine is elsewhere: its name is in the certificate, and no stranger's."""
    with container() as mock:
        assert engine.created["environment"]["MOCKHOST_TLS_NAME"] == "localhost"
    engine.name = "docker"
    mock = container()
    mock._configure()
    mock.stop()
    assert mock.env["MOCKHOST_TLS_NAME"] == "docker"


def test_a_client_is_told_what_the_scenario_says(container: Callable[..., Any]) -> None:
    """It waits for the health, whatever the data plane does, and operates the host with a token of its own."""
    with container("documented/secret_token_mismatch") as mock:
        asked = {"headers": mock.headers("SQL"), "verify": mock.ca_file, "timeout": 60}
        assert requests.get(mock.url("SQL") + "/Users", **asked).status_code == 401
        assert [each["status"] for each in mock.control("GET", "/v1/journal")["exchanges"]] == [401]
        mock.control("PUT", "/v1/scenario", {"scenario": "basics/healthy"})
        asked["headers"], asked["verify"] = mock.headers("SQL"), mock.ca_file
        people = {"filter": 'ContosoLogin eq "ljacobson"'}
        found = requests.get(mock.url("SQL") + "/Users", params=people, **asked)
        assert found.json()["totalResults"] == 1
        mock.reset()
        assert mock.control("GET", "/v1/journal")["exchanges"] == []


def test_the_port_is_the_one_that_docker_chose(container: Callable[..., Any], engine: Engine) -> None:
    """And the rest of the URL is what the client was told, mistakes included."""
    with container("documented/connector_name_case") as mock:
        mock._told = lambda connector: {"url": "https://localhost:8585/ecma2host_sql/scim"}
        assert mock.url("SQL") == f"https://localhost:{engine.port('', 8585)}/ecma2host_sql/scim"


def test_the_page_shows_the_file() -> None:
    """Who copies from the page copies what is tested."""
    page = (ROOT / "docs" / "how-to" / "testcontainers.md").read_text("utf-8")
    assert FILE.read_text("utf-8").partition("from __future__")[2] in page
