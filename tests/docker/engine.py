"""What Testcontainers asks of a Docker engine, for machines without one."""

from __future__ import annotations

import importlib
import os
from types import SimpleNamespace
from typing import Any

from tests.cli.programs import Program


class Engine:
    """What Testcontainers asks of a Docker engine, done with a process of this machine."""

    def __init__(self) -> None:
        self.client = SimpleNamespace(close=lambda: None)
        self.name = "localhost"
        """of the machine, as tests reach it"""
        self.created: dict[str, Any] = {}
        self._program: Program | None = None
        self._ports: dict[int, int] = {}

    def create(self, image: str, **configuration: Any) -> Any:
        self.created = {"image": image, **configuration}
        return SimpleNamespace(
            id="3f2a1b4c5d6e", short_id="3f2a1b4c5d", status="running",
            reload=lambda: None, remove=self._remove, logs=lambda: b"",
        )  # fmt: skip

    def start(self, container: object) -> None:
        """Port 8585 of a container is another one outside; so it is here."""
        words = [*self.created["command"], "--port", "0", "--control-port", "0", "--log-format", "json"]
        self._program = Program(words, {**os.environ, **self.created["environment"]})
        ready = self._program.ready()
        data = int(ready["connectors"]["SQL"]["url"].split(":")[2].split("/")[0])
        self._ports = {8585: data, 8586: int(ready["control"]["url"].rpartition(":")[2])}

    def port(self, container_id: str, port: int) -> str:
        return str(self._ports[int(port)])

    def host(self) -> str:
        return self.name

    def get_connection_mode(self) -> Any:
        return importlib.import_module("testcontainers.core.config").ConnectionMode.docker_host

    def _remove(self, **options: object) -> None:
        assert self._program is not None
        self._program.kill()
