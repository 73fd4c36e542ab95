"""`mockhost health`, which a container is judged by."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path

import pytest

from mockhost.api import MockHost
from mockhost.cli import health, planes
from mockhost.cli.planes import ReadyFile
from tests.cli.conftest import Invoke
from tests.cli.programs import DEADLINE


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody answers."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize(
    ("scenario", "service"),
    [
        ("basics/healthy", "running"),
        ("documented/service_stopped", "stopped"),
        ("documented/certificate_expired", "running"),
    ],
)
def test_what_a_scenario_breaks_on_purpose_is_healthy(invoke: Invoke, scenario: str, service: str) -> None:
    """A port that refuses and a certificate that is wrong are what such a host is for."""
    with MockHost(scenario) as host:
        result = invoke("health", "--url", host.control_url)
    assert (result.exit_code, result.output) == (0, f"healthy: {scenario}, the service is {service}\n")


def test_it_needs_no_token(invoke: Invoke) -> None:
    with MockHost("basics/healthy", control_token="open-sesame") as host:
        assert invoke("health", "--url", host.control_url).exit_code == 0


def test_a_host_that_is_not_there_is_not_healthy(invoke: Invoke, closed_port: int) -> None:
    """Exit code 1, whatever is wrong: Docker keeps 2 for itself."""
    result = invoke("health", "--control-port", str(closed_port), "--format", "json")
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert said["status"] == "down"
    assert f"127.0.0.1:{closed_port}" in said["error"]


def test_the_ready_file_says_which_port_and_loopback_goes_before_a_public_name(
    invoke: Invoke, tmp_path: Path, closed_port: int
) -> None:
    """A public name may mean nothing where the host itself runs."""
    file = tmp_path / "ready.json"
    with MockHost("basics/healthy", public_name="mock.contoso.invalid", control_host="::") as host:
        assert host.control_url.startswith("http://mock.contoso.invalid:")
        ReadyFile(file).write(host.ready())
        result = invoke("health", "--ready-file", str(file), "--control-port", str(closed_port))
    assert (result.exit_code, result.output[:8]) == (0, "healthy:")


def test_without_its_ready_file_the_port_is_asked(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flag may have sent the file to another place."""
    monkeypatch.setattr(health, "PATIENCE", 0.0)
    with MockHost("basics/healthy") as host:
        port = host.control_url.rpartition(":")[2]
        words = ("--ready-file", str(tmp_path / "none.json"), "--control-port", port)
        assert invoke("health", *words).exit_code == 0


def test_a_ready_file_has_a_moment_to_appear(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    """It is written last of all, when everything is as the scenario asks for."""
    monkeypatch.setattr(health, "PATIENCE", DEADLINE)
    file = tmp_path / "ready.json"
    with MockHost("basics/healthy") as host:
        writer = threading.Timer(0.05, lambda: ReadyFile(file).write(host.ready()))
        writer.start()
        result = invoke("health", "--ready-file", str(file), "--control-port", str(closed_port))
        writer.join()
    assert result.exit_code == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"control": null}', '{"control": {"url": 5}}'])
def test_a_broken_ready_file_is_as_good_as_none(
    invoke: Invoke, tmp_path: Path, text: str, closed_port: int
) -> None:
    file = tmp_path / "ready.json"
    file.write_text(text, "utf-8")
    assert invoke("health", "--ready-file", str(file), "--control-port", str(closed_port)).exit_code == 1


def test_another_program_on_the_port_is_not_healthy(invoke: Invoke) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as peer:
                peer.recv(10_000)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        result = invoke("health", "--url", f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join(5)
    assert result.exit_code == 1
    assert "is not a mockhost control plane" in result.output


def test_a_host_that_hangs_is_not_healthy(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check ends by itself, before whoever runs it loses patience, and asks nobody else then."""
    asked: list[str] = []
    really = planes.ask

    def ask(url: str, timeout: float) -> dict[str, object]:
        asked.append(url)
        return really(url, timeout)

    monkeypatch.setattr(health, "ask", ask)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        file = tmp_path / "ready.json"
        file.write_text(json.dumps({"control": {"url": url}}), "utf-8")
        result = invoke("health", "--ready-file", str(file), "--timeout", "0.05")
    assert result.exit_code == 1
    assert f"the control plane at {url} did not answer in" in result.output
    assert asked == [url]


@pytest.mark.skipif(os.name == "nt", reason="a process is looked for as POSIX does")
def test_a_killed_host_leaves_no_ready_file_for_the_next_one(tmp_path: Path) -> None:
    """In a container the next one has the same process number."""
    file = tmp_path / "ready.json"
    for pid in (os.getpid(), 2**31 - 2):
        file.write_text(json.dumps({"pid": pid, "control": {}}), "utf-8")
        ReadyFile(file).clear()
        assert not file.exists()


def test_what_is_no_ready_file_is_not_cleared_away(tmp_path: Path) -> None:
    file = tmp_path / "notes.json"
    file.write_text("{}", "utf-8")
    ReadyFile(file).clear()
    ReadyFile(tmp_path / "none.json").clear()
    assert file.read_text("utf-8") == "{}"
