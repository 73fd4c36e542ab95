"""`mockhost serve`, as a program."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mockhost.cli.options import Hosting
from tests.cli.conftest import Invoke
from tests.cli.programs import DEADLINE, Program
from tests.machine import needs, needs_curl

Start = Callable[..., Program]
ANY = ("--port", "0", "--control-port", "0", "--log-format", "json")
posix = pytest.mark.skipif(os.name == "nt", reason="signals and modes are POSIX's")


def ask(ready: dict[str, Any], path: str = "/schemas", connector: str = "SQL") -> tuple[int, bytes]:
    """A request with the host's own token, trusting the host's CA only."""
    told = ready["connectors"][connector]
    parts = urlsplit(told["url"])
    assert parts.hostname is not None
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ready["ca_file"])
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.hostname, parts.port, context=context, timeout=DEADLINE
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=DEADLINE)
    try:
        connection.request(
            "GET", parts.path + path, headers={"Authorization": f"Bearer {told['secret_token']}"}
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_host_answers_over_tls_with_what_the_ready_file_says(start: Start, tmp_path: Path) -> None:
    """The file is there before the first line of output, for its owner only, and gone at the end."""
    file = tmp_path / "ready.json"
    program = start("serve", *ANY, "--ready-file", str(file))
    shown = program.ready()
    ready = json.loads(file.read_text("utf-8"))
    assert {
        "pid",
        "scenario",
        "tls",
        "listening",
        "ca_file",
        "control",
        "connectors",
        "clients",
    } == ready.keys()
    assert ready.items() <= shown.items()
    assert ready["scenario"] == "basics/healthy"
    assert (ready["tls"], ready["listening"]) == (True, True)
    assert set(ready["connectors"]) == set(ready["clients"]) == {"SQL", "LDAP"}
    if os.name != "nt":
        assert ready["pid"] == program.process.pid
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ask(ready)[0] == 200
    program.tell()
    assert program.code() == 0
    assert not file.exists()


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_it_cleanly_hanging_connections_included(start: Start, name: str) -> None:
    """A client that never finishes its handshake, and one that never finishes its request."""
    program = start("serve", *ANY)
    ready = program.ready()
    port = urlsplit(ready["connectors"]["SQL"]["url"]).port
    address = ("127.0.0.1", port)
    with socket.create_connection(address, DEADLINE) as raw, socket.create_connection(address, DEADLINE):
        context = ssl.create_default_context(cafile=ready["ca_file"])
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            tls.sendall(b"GET /ecma2host_SQL/scim/Users HTTP/1.1\r\nHost: localhost\r\n")
            program.tell(signal.Signals[name])
            assert program.code() == 0
    assert program.err.rest() == ""


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_starts_ends_it_too(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Whoever is told to end before there is anything to end has done so; the signals are given back."""
    before = signal.getsignal(number)

    def make(hosting: Hosting, scenario: str) -> None:
        os.kill(os.getpid(), number)
        threading.Event().wait(DEADLINE)
        raise AssertionError("nobody was told")

    monkeypatch.setattr(Hosting, "make", make)
    result = invoke("serve")
    assert (result.exit_code, result.output) == (0, "")
    assert signal.getsignal(number) is before


@needs_curl
@needs("sh", "-c", "echo sh")
def test_the_start_page_has_a_curl_line_that_works_as_pasted(start: Start) -> None:
    env = {"SHELL": "/bin/sh", "CURL_CA_BUNDLE": "", "SSL_CERT_FILE": ""}
    program = start("serve", "--port", "0", "--control-port", "0", env=env)
    line = program.out.until("curl ").strip()
    program.out.until("one line for each exchange")
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=DEADLINE, check=False, encoding="utf-8"
    )
    assert "200 OK" in done.stdout, done.stderr
    assert '"totalResults":0' in done.stdout
    assert "find_users" in program.out.until("200")


def test_each_exchange_and_each_failed_handshake_is_a_line(start: Start) -> None:
    program = start("serve", *ANY)
    ready = program.ready()
    ask(ready)
    exchange = program.event('"event": "exchange"')
    assert (exchange["connector"], exchange["operation"], exchange["status"]) == ("SQL", "schemas", 200)
    with pytest.raises(ssl.SSLError):
        ask({**ready, "ca_file": None})
    connection = program.event('"event": "connection"')
    assert connection["error"]
    assert "correct-horse" not in json.dumps([exchange, connection])


def test_quiet_says_nothing(start: Start, tmp_path: Path) -> None:
    """What it has to say is in the ready file then."""
    file = tmp_path / "ready.json"
    program = start("serve", "--port", "0", "--control-port", "0", "--quiet", "--ready-file", str(file))
    ready = wait_for(file)
    assert ask(ready)[0] == 200
    program.tell()
    assert program.code() == 0
    assert program.out.rest() + program.err.rest() == ""


def wait_for(file: Path) -> dict[str, Any]:
    """The ready file's document, once it is there."""
    pause = threading.Event()
    for _ in range(int(DEADLINE / 0.01)):
        if file.exists():
            document: dict[str, Any] = json.loads(file.read_text("utf-8"))
            return document
        pause.wait(0.01)
    raise AssertionError(f"{file} never came")


@posix
def test_a_reader_that_goes_away_does_not_stop_the_host(start: Start) -> None:
    """`mockhost serve | head -1` leaves a host that goes on answering."""
    words = [sys.executable, "-m", "mockhost", "serve", *ANY]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        process.stdout.close()
        assert [ask(ready)[0] for _ in range(3)] == [200, 200, 200]
        process.terminate()
        assert process.wait(DEADLINE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.parametrize("option", ["--port", "--control-port"])
def test_a_port_in_use_is_exit_code_4_and_says_what_to_try(start: Start, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        other = "--control-port" if option == "--port" else "--port"
        program = start("serve", option, port, other, "0")
        assert program.code() == 4
    message = program.err.rest()
    assert f"port {port} on 127.0.0.1 is in use" in message
    assert f"another with {option}" in message
    assert message.count("\n") == 0
    assert program.out.rest() == ""


def test_an_invalid_file_stops_the_start_with_the_full_report(start: Start, tmp_path: Path) -> None:
    """Never a host with something else in place of what could not be used."""
    file = tmp_path / "broken.yaml"
    file.write_text("format: 1\nextends: basics/healthy\nseed: x\nconectors: {}\n", "utf-8")
    program = start("serve", str(file), *ANY)
    assert program.code() == 1
    report = program.err.rest()
    assert "2 problems" in report
    assert "broken.yaml:3:7: $.seed" in report
    assert "did you mean 'connectors'?" in report


@pytest.mark.parametrize(
    ("scenario", "hint"),
    [("basics/helthy", "did you mean 'basics/healthy'?"), ("./nothing.yaml", "there is no such file")],
)
def test_what_is_not_there_is_exit_code_2(start: Start, scenario: str, hint: str) -> None:
    program = start("serve", scenario, *ANY)
    assert program.code() == 2
    assert hint in program.err.rest()


def test_plain_http_on_request(start: Start) -> None:
    program = start("serve", "--no-tls", *ANY)
    ready = program.ready()
    assert (ready["tls"], ready["ca_file"]) == (False, None)
    assert ready["connectors"]["SQL"]["url"].startswith("http://")
    assert ask(ready)[0] == 200


def test_state_keeps_the_certificate_between_runs(start: Start, tmp_path: Path) -> None:
    """Trusted once, trusted next time."""
    found = []
    for _ in range(2):
        program = start("serve", *ANY, "--state", str(tmp_path / "state"))
        ready = program.ready()
        found.append(Path(ready["ca_file"]).read_text("utf-8"))
        program.tell()
        program.code()
    assert found[0] == found[1]


SCENARIO = "format: 1\nextends: basics/healthy\nconnectors: {{SQL: {{secret_token: {token}}}}}\n"


def test_a_changed_file_is_a_fresh_start(start: Start, tmp_path: Path) -> None:
    """The scenario's file, a parent, or a data file; the ready file follows."""
    file, ready_file = tmp_path / "mine.yaml", tmp_path / "ready.json"
    (tmp_path / "parent.yaml").write_text(SCENARIO.format(token="first-token"), "utf-8")
    file.write_text("format: 1\nextends: ./parent.yaml\n", "utf-8")
    program = start("serve", str(file), *ANY, "--reload", "--ready-file", str(ready_file))
    ready = program.ready()
    assert ask(ready)[0] == 200
    (tmp_path / "parent.yaml").write_text(SCENARIO.format(token="the-second-token"), "utf-8")
    program.event('"what": "reload"')
    assert ask(ready)[0] == 401
    ready["connectors"]["SQL"]["secret_token"] = "the-second-token"
    assert ask(ready)[0] == 200
    program.tell()
    assert program.code() == 0


def test_an_invalid_change_is_reported_and_changes_nothing(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(SCENARIO.format(token="first-token"), "utf-8")
    program = start("serve", str(file), *ANY, "--reload")
    ready = program.ready()
    file.write_text("format: 1\nextends: basics/healthy\nsed: 1\n", "utf-8")
    program.err.until("mine.yaml changed")
    program.err.until("did you mean 'seed'?")
    assert ask(ready)[0] == 200
    file.write_text(SCENARIO.format(token="the-third-token"), "utf-8")
    program.event('"what": "reload"')
    assert ask(ready)[0] == 401


def test_a_wide_control_plane_makes_up_a_token_and_says_so(start: Start) -> None:
    program = start("serve", *ANY, "--control-host", "0.0.0.0")
    ready = program.ready()
    assert len(ready["control"]["token"]) >= 24


def test_the_environment_sets_options_too(start: Start) -> None:
    """As a container is told."""
    env = {"MOCKHOST_SCENARIO": "basics/empty", "MOCKHOST_PORT": "0", "MOCKHOST_CONTROL_PORT": "0"}
    program = start("serve", env={**env, "MOCKHOST_LOG_FORMAT": "json", "MOCKHOST_NO_TLS": "1"})
    ready = program.ready()
    assert (ready["scenario"], ready["tls"]) == ("basics/empty", False)
