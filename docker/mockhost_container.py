"""mockhost for Testcontainers (https://testcontainers.com): copy this file into your tests.

    with MockhostContainer("documented/secret_token_mismatch") as mock:
        found = requests.get(mock.url("SQL") + "/Users", headers=mock.headers("SQL"), verify=mock.ca_file)
        assert found.status_code == 401

Needs testcontainers 4.14 or later and an image called mockhost.
"""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import Any

import requests
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

DATA, CONTROL = 8585, 8586


class MockhostContainer(DockerContainer):
    """A host in a container of its own, on ports that Docker chooses."""

    def __init__(self, scenario: str = "basics/healthy", image: str = "mockhost", **options: Any) -> None:
        super().__init__(image, **options)
        self._control_token = secrets.token_urlsafe(24)
        self._folder = tempfile.TemporaryDirectory()
        self.with_command(["serve", scenario])
        self.with_env("MOCKHOST_CONTROL_TOKEN", self._control_token)
        self.with_exposed_ports(DATA, CONTROL)
        # The control plane, not the data plane: a scenario may stop that, or break its certificate.
        self.waiting_for(HttpWaitStrategy(CONTROL, "/v1/health"))

    def _configure(self) -> None:
        super()._configure()
        # What tests call the engine's machine, such as docker in a container of CI: the host answers to it, too.
        self.with_env("MOCKHOST_TLS_NAME", self.get_docker_client().host())

    def stop(self, *arguments: Any, **options: Any) -> None:
        super().stop(*arguments, **options)
        self._folder.cleanup()

    def control(self, method: str, path: str, document: Any = None) -> Any:
        """Ask the control plane, e.g. `control("PUT", "/v1/scenario", {"scenario": "basics/empty"})`."""
        where = f"http://{self._address(CONTROL)}{path}"
        authorization = {"Authorization": f"Bearer {self._control_token}"}
        body = {} if document is None and method != "GET" else document
        answer = requests.request(method, where, json=body, headers=authorization, timeout=60)
        answer.raise_for_status()
        return answer.json() if "json" in answer.headers.get("Content-Type", "") else answer.text

    def reset(self) -> None:
        """Back to the scenario as loaded: what a test does before it begins."""
        self.control("POST", "/v1/reset")

    def url(self, connector: str) -> str:
        """The tenant URL that the client was told, where Docker put its port."""
        told: str = self._told(connector)["url"]
        return told.replace(f"localhost:{DATA}", self._address(DATA))

    def headers(self, connector: str) -> dict[str, str]:
        """The headers that let a client in, with the secret token that it was told."""
        return {"Authorization": f"Bearer {self._told(connector)['secret_token']}"}

    @property
    def ca_file(self) -> str:
        """A PEM file with what a client must trust now; written again each time."""
        file = Path(self._folder.name) / "trust.pem"
        file.write_text(self.control("GET", "/v1/ca"), "ascii")
        return str(file)

    def _told(self, connector: str) -> dict[str, Any]:
        told: dict[str, Any] = self.control("GET", "/v1/truth")["clients"][connector]
        return told

    def _address(self, port: int) -> str:
        return f"{self.get_container_host_ip()}:{self.get_exposed_port(port)}"
