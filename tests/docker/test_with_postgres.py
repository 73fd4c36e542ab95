"""A host in front of PostgreSQL, in Compose and with Testcontainers, tried with a server of this machine."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from mockhost import MockHost
from mockhost.expect.check import HostDriver, check
from tests.connectors.ecma.conftest import user
from tests.docker.engine import Engine
from tests.docker.files import DOCKER, OPTIONS, ROOT, documents
from tests.machine import output
from tests.servers import Postgres, postgres

FILE = DOCKER / "compose-postgres.yaml"
SERVICES: dict[str, dict[str, Any]] = documents(FILE)[0]["services"]
HR = DOCKER / "postgres"
BOB: Any = user(login="bob", given_name="Bob", surname="Kelly")


def test_compose_takes_it() -> None:
    """With the password in the environment, and not without."""
    commands = (["docker-compose"], ["docker", "compose"])
    command = next((words for words in commands if output(*words, "version")), None)
    if command is None:
        pytest.skip("neither `docker-compose` nor `docker compose` works on this machine")
    for password, code in (("change-me", True), ("", False)):
        done = subprocess.run(
            [*command, "-f", str(FILE), "config"], capture_output=True, text=True, timeout=120,
            env={**os.environ, "HR_PASSWORD": password}, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) is code, done.stderr


def test_its_services_fit_together() -> None:
    """Each waits for the one that it needs, and the host reads what is mounted."""
    host, client = SERVICES["host"], SERVICES["client"]
    assert host["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert client["depends_on"] == {"host": {"condition": "service_healthy"}}
    assert "sql" in host["build"]["args"]["EXTRAS"].split()
    mounted = [str(each).split(":")[0] for service in SERVICES.values() for each in service["volumes"]]
    assert all((DOCKER / name).is_file() for name in mounted if name.startswith("./"))
    assert set(client["environment"]) <= OPTIONS | {"MOCKHOST_SECRET_TOKEN"}


def test_the_page_shows_the_file() -> None:
    """Who copies from the page copies what is tested."""
    page = (ROOT / "docs" / "how-to" / "testcontainers.md").read_text("utf-8")
    text = (DOCKER / "hr_containers.py").read_text("utf-8")
    assert text.partition("from __future__")[2] in page


@contextmanager
def database() -> Iterator[tuple[Postgres, str]]:
    """A server with an empty database hr, and the URL of it."""
    with postgres() as server:
        server.run("CREATE DATABASE hr")
        yield server, server.url.replace("+psycopg", "").replace("/postgres", "/hr")


def logins(url: str) -> list[str]:
    import psycopg

    with psycopg.connect(url) as connection:
        return [login for (login,) in connection.execute("SELECT login FROM staff ORDER BY login")]


@pytest.mark.slow
def test_its_scenario_holds_on_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is that of hr.sql, and a user that is created is a row of it."""
    import psycopg

    with database() as (server, url):
        with psycopg.connect(url) as connection:
            connection.execute((HR / "hr.sql").read_bytes())
        monkeypatch.setenv("HR_SERVER", f"127.0.0.1:{server.port}")
        monkeypatch.setenv("HR_PASSWORD", "canary-of-a-password")
        with MockHost(str(HR / "hr.yaml"), control=False, host={"tls": "plain_http"}) as mock:
            report = check(mock.scenario, HostDriver(mock), timeout=120.0)
            assert report.ok, report.text
            made = mock.session("SQL").post(f"{mock.url('SQL')}/Users", json=BOB)
            assert made.status_code == 201, made.text
        assert logins(url) == ["bob", "dmartin", "ljacobson"]


class HrEngine(Engine):
    """An engine whose containers' volumes are folders of this machine."""

    def start(self, container: object) -> None:
        (folder,) = self.created["volumes"]
        self.created["command"][1] = str(Path(folder) / self.created["command"][1])
        super().start(container)


@pytest.mark.slow
def test_testcontainers_start_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of the page, with a server of this machine in the place of PostgreSQL's container."""
    containers = pytest.importorskip("testcontainers.core.container")
    postgres_module = importlib.import_module("testcontainers.community.postgres")
    network_module = importlib.import_module("testcontainers.core.network")
    engine = HrEngine()
    with database() as (server, url):

        class Container:
            """As much of PostgresContainer as the file uses; the password is the server's own."""

            def __init__(
                self, image: str, *, username: str, password: str, dbname: str, driver: None
            ) -> None:
                assert (username, dbname) == ("hr", "hr")
                server.run(f"ALTER USER hr PASSWORD '{password}'")
                self.url = url.replace("canary-of-a-password", password)

            def with_network(self, network: object) -> Container:
                return self

            def with_network_aliases(self, alias: str) -> Container:
                monkeypatch.setenv("HR_SERVER", f"127.0.0.1:{server.port}")
                assert alias == "db"
                return self

            def get_connection_url(self) -> str:
                return self.url

            def __enter__(self) -> Container:
                return self

            def __exit__(self, *raised: object) -> None:
                pass

        @contextmanager
        def network() -> Iterator[Any]:
            yield type("Network", (), {"name": "lab", "id": "lab"})()

        monkeypatch.setattr(containers, "DockerClient", lambda **options: engine)
        monkeypatch.setattr("testcontainers.core.config.testcontainers_config.ryuk_disabled", True)
        monkeypatch.setattr(postgres_module, "PostgresContainer", Container)
        monkeypatch.setattr(network_module, "Network", network)
        monkeypatch.syspath_prepend(str(DOCKER))
        file: Any = importlib.import_module("hr_containers")
        try:
            with file.hr_containers() as (mock, shown):
                asked = {"headers": mock.headers("SQL"), "verify": mock.ca_file, "timeout": 60}
                assert requests.post(mock.url("SQL") + "/Users", json=BOB, **asked).status_code == 201
                assert "bob" in logins(shown)
        finally:
            for name in ("hr_containers", "mockhost_container"):
                sys.modules.pop(name, None)
