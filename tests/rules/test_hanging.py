"""A hundred answers that hang: they slow nobody else, and end at once with the host, a reset, and its service."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mockhost import MockHost
from tests.cli.programs import DEADLINE, Program

MANY = 100
SCENARIO = {
    "format": 1,
    "extends": "basics/healthy",
    "rules": [
        {"name": "silent", "when": {"header": {"X-Hang": "headers"}}, "fault": "hang"},
        {
            "name": "half",
            "when": {"header": {"X-Hang": "body"}},
            "fault": {"hang": {"before": "body", "after_bytes": 5}},
        },
        {"name": "slow", "when": {"header": {"X-Hang": "delay"}}, "delay": "10m"},
    ],
}
WAYS = ("headers", "body", "delay")


class Crowd:
    """Clients whose answers hang, each on a connection of its own."""

    def __init__(self, url: str, token: str, ca_file: str | None, opened: ExitStack) -> None:
        self.url, self.token = urlsplit(url), token
        self._context = None if ca_file is None else ssl.create_default_context(cafile=ca_file)
        self._opened = opened
        self.sockets = [self._hang(WAYS[n % len(WAYS)]) for n in range(MANY)]

    def _connection(self) -> http.client.HTTPConnection:
        host, port = str(self.url.hostname), self.url.port
        if self._context is None:
            return http.client.HTTPConnection(host, port, timeout=DEADLINE)
        return http.client.HTTPSConnection(host, port, timeout=DEADLINE, context=self._context)

    def _hang(self, way: str) -> socket.socket:
        connection = self._connection()
        self._opened.callback(connection.close)
        self._ask(connection, {"X-Hang": way})
        sock: socket.socket = connection.sock
        return sock

    def _ask(self, connection: http.client.HTTPConnection, more: dict[str, str]) -> None:
        headers = {"Authorization": f"Bearer {self.token}", **more}
        connection.request("GET", f"{self.url.path}/Users/ljacobson", headers=headers)

    def another(self, count: int = 1) -> list[int]:
        """The statuses that somebody else gets."""
        connection = self._connection()
        statuses = []
        for _ in range(count):
            self._ask(connection, {})
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
        return statuses

    def ended(self) -> int:
        """Wait for the end of every one of them; how many there were."""
        for sock in self.sockets:
            try:
                while sock.recv(65_536):
                    pass
            except OSError:
                pass
        return len(self.sockets)


@contextmanager
def served(folder: Path, *, tls: bool) -> Iterator[tuple[Program, dict[str, Any], Crowd]]:
    """`mockhost serve` with a hundred hanging clients, all of which it knows of."""
    file = folder / "hanging.json"
    file.write_text(json.dumps(SCENARIO), encoding="utf-8")
    words = ["serve", str(file), "--port", "0", "--control-port", "0", "--log-format", "json"]
    program = Program(words if tls else [*words, "--no-tls"])
    try:
        ready = program.ready()
        target = ready["connectors"]["SQL"]
        with ExitStack() as opened:
            crowd = Crowd(target["url"], target["secret_token"], ready["ca_file"] if tls else None, opened)
            # A rule has fired for each of them once it hangs, or is just about to.
            while _hanging(ready) < MANY:
                assert crowd.another() == [200]
            yield program, ready, crowd
    finally:
        program.kill()


def _control(ready: dict[str, Any], method: str, path: str) -> Any:
    address = urlsplit(ready["control"]["url"])
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {ready['control']['token']}"}
    body = b"{}" if method == "POST" else None
    url = f"http://{address.netloc}/v1{path}"
    request = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
        return json.loads(answer.read() or b"null")


def _hanging(ready: dict[str, Any]) -> int:
    rules = _control(ready, "GET", "/rules")
    listed = rules["rules"] if isinstance(rules, dict) else rules
    return sum(rule["fired"] for rule in listed)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process alone")
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_ctrl_c_ends_a_hundred_hanging_answers(tls: bool, tmp_path: Path) -> None:
    """The others are answered all the while; then the program ends by itself, and says nothing about it."""
    with served(tmp_path, tls=tls) as (program, _, crowd):
        assert crowd.another(20) == [200] * 20
        program.tell(signal.SIGINT)
        assert program.code() == 0
        assert crowd.ended() == MANY
        assert program.err.rest() == ""


@pytest.mark.slow
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_a_reset_over_the_control_api_ends_a_hundred_hanging_answers(tls: bool, tmp_path: Path) -> None:
    """Every client sees the end of its connection, and the next one is answered as by a fresh host."""
    with served(tmp_path, tls=tls) as (program, ready, crowd):
        _control(ready, "POST", "/reset")
        assert crowd.ended() == MANY
        assert crowd.another(2) == [200, 200]
        assert _hanging(ready) == 0
        program.tell()
        assert program.code() == 0
        assert program.err.rest() == ""


@pytest.mark.parametrize("way", ["reset", "stop", "use", "service"])
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_a_host_in_python_ends_them_too(tls: bool, way: str) -> None:
    """By a reset, its end, another scenario, and when its service stops; no exchange of theirs is a bug."""
    with ExitStack() as opened, MockHost(SCENARIO, tls=tls, control=False) as host:
        told = host.truth("SQL")
        crowd = Crowd(told.url, told.secret_token, told.ca_file if tls else None, opened)
        while sum(int(str(rule["fired"])) for rule in host.rules) < MANY:
            assert crowd.another() == [200]
        assert crowd.another(5) == [200] * 5
        bugs = [entry.bug for entry in host.journal if entry.bug]
        {
            "reset": host.reset,
            "stop": host.stop,
            "use": lambda: host.use("basics/healthy"),
            "service": lambda: host.runtime.service("stop"),
        }[way]()
        assert crowd.ended() == MANY
        assert bugs + [entry.bug for entry in host.journal if entry.bug] == []
