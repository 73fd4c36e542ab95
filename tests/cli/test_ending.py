"""A signal ends `mockhost serve` whatever it does, with the documented exit code and without a traceback."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cli.programs import DEADLINE, ROOT, Program, all_signals

Start = Callable[..., Program]
Ready = dict[str, Any]
ANY = ("--port", "0", "--control-port", "0", "--log-format", "json", "--no-tls")
PEOPLE = "connectors.SQL.system.people=100000"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a process could answer"),
]


def post(ready: Ready, path: str, document: object) -> None:
    """An operation of the control plane; its connection may be cut."""
    address = urlsplit(ready["control"]["url"])
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=DEADLINE)
    with contextlib.suppress(http.client.HTTPException, OSError), contextlib.closing(connection):
        body = json.dumps(document)
        connection.request("POST", "/v1" + path, body, {"Content-Type": "application/json"})
        connection.getresponse().read()


def find(ready: Ready, query: str = "", **headers: str) -> socket.socket:
    """A find whose answer nobody reads yet."""
    told = ready["connectors"]["SQL"]
    url = urlsplit(told["url"])
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.settimeout(DEADLINE)
    client.connect((str(url.hostname), url.port))
    lines = [
        f"GET {url.path}/Users{query} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {told['secret_token']}",
    ]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    client.sendall("\r\n".join([*lines, "", ""]).encode())
    return client


def during(work: Callable[[], None], opened: ExitStack) -> None:
    """Begin a piece of work, four times at once, which ends with the host."""
    begun = threading.Barrier(5)

    def run() -> None:
        begun.wait(DEADLINE)
        work()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
        opened.callback(thread.join, DEADLINE)
    begun.wait(DEADLINE)


def verifying(ready: Ready, opened: ExitStack) -> None:
    """A pattern that takes all of its time, in assertions."""
    with find(ready, X_Text="a" * 80 + "b") as client:
        assert client.recv(1)
    during(lambda: post(ready, "/verify", {"header": {"X-Text": {"matches": "^(a|aa)+$"}}}), opened)


def importing(ready: Ready, opened: ExitStack) -> None:
    during(lambda: post(ready, "/connectors/SQL/import", {"profile": "full"}), opened)


def advancing(ready: Ready, opened: ExitStack) -> None:
    """Imports of 100,000 people, one each minute."""
    during(lambda: post(ready, "/clock/advance", {"by": "1d"}), opened)


def reading(ready: Ready, opened: ExitStack) -> None:
    """A large answer of which the client has read the first byte."""
    client = opened.enter_context(find(ready, "?count=100000"))
    assert client.recv(1)


def streaming(ready: Ready, opened: ExitStack) -> None:
    """A thousand event streams: the first ones are served, the others refused."""
    address = urlsplit(ready["control"]["url"])
    statuses = []
    for _ in range(1_000):
        client = opened.enter_context(
            socket.create_connection((str(address.hostname), address.port), DEADLINE)
        )
        client.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        statuses.append(client.recv(12)[-3:])
    assert {status: statuses.count(status) for status in set(statuses)} == {b"200": 64, b"503": 936}


WORK: dict[str, tuple[Callable[[Ready, ExitStack], None], tuple[str, ...]]] = {
    "verify": (verifying, ()),
    "import": (importing, (PEOPLE,)),
    "advance": (advancing, (PEOPLE, "connectors.SQL.import.every=1m")),
    "slow reader": (reading, (PEOPLE,)),
    "event streams": (streaming, ()),
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("what", WORK)
def test_a_signal_ends_it_during(what: str, number: int) -> None:
    begin, sets = WORK[what]
    program = Program(["serve", *ANY, *(word for each in sets for word in ("--set", each))])
    try:
        ready = program.ready()
        with ExitStack() as opened:
            begin(ready, opened)
            ended(program, number, what)
    finally:
        program.kill()


def ended(program: Program, number: int, what: str) -> None:
    """Send the signal; it ends, and says nothing about it."""
    before = time.monotonic()
    program.tell(number)
    assert program.code() == 0
    print(f"\n{what}: ended after {time.monotonic() - before:.2f} s")
    assert program.err.rest() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_when_nobody_reads_its_lines(number: int, tmp_path: Path) -> None:
    """A thread hangs in a write to a full pipe then, with the lock of the stream."""
    words = [sys.executable, "-m", "mockhost", "serve", *ANY]
    with all_signals(), (tmp_path / "errors").open("w+") as errors:
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        with process:
            assert process.stdout is not None
            try:
                ready = json.loads(process.stdout.readline())
                for each in range(400):
                    with find(ready, f"/nobody-{each}-{'x' * 150}") as client:
                        assert client.recv(1)
                process.send_signal(number)
                assert process.wait(DEADLINE) == 0
            finally:
                process.kill()
        errors.seek(0)
        assert errors.read() == ""


# -- the start -----------------------------------------------------------------------------------------------

AT_A_CALL = """if True:
    import os, sys
    left, number, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    del sys.argv[1:4]
    from mockhost.cli import program
    def count(frame, event, argument):
        global left
        if file in frame.f_code.co_filename:
            left -= 1
            if left == 0:
                sys.setprofile(None)
                os.kill(os.getpid(), number)
    sys.setprofile(count)
    program()
"""
"""The command, which gets a signal at one of its calls and returns: as many as given, in files of a name."""


def start_with_a_signal(calls: int, number: int, file: str, *words: str) -> tuple[int, str]:
    """Exit code and output; a host that was ready before has the signal then."""
    arguments = [sys.executable, "-c", AT_A_CALL, str(calls), str(number), file, "serve", *ANY, *words]
    with all_signals():
        process = subprocess.Popen(
            arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    with process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            if first:
                process.send_signal(number)
            output, _ = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    return process.returncode, output if first.startswith('{"event": "ready"') else first + output


@pytest.mark.parametrize("calls", [int(1.6**power) for power in range(6, 29)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_while_it_starts(number: int, calls: int) -> None:
    """As any process before there is anything to tidy up, and as a host later; nothing is printed."""
    code, output = start_with_a_signal(calls, number, "")
    assert output == ""
    assert code in (-number, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_while_it_loads_a_large_file(number: int, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("ContosoLogin,FirstName,LastName\n" + "".join(f"u{n},A,B\n" for n in range(300_000)))
    scenario = tmp_path / "large.yaml"
    scenario.write_text(
        "format: 1\nextends: basics/healthy\nconnectors: {SQL: {system: {objects_file: people.csv}}}\n"
    )
    assert start_with_a_signal(50_000, number, "/data.py", str(scenario)) == (0, "")


def test_a_signal_ends_it_while_it_makes_a_large_key() -> None:
    made = "tls/certificate.py"
    assert start_with_a_signal(4, signal.SIGTERM, made, "--set", "host.tls.key=rsa-4096") == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_other_verbs_remove_what_they_made(number: int, tmp_path: Path) -> None:
    """`check` has a host of its own, with a trust file in the temporary folder."""
    arguments = ["100", str(number), "expect/steps.py", "check", "documented", "--verbose"]
    with all_signals():
        done = subprocess.run(
            [sys.executable, "-c", AT_A_CALL, *arguments],
            cwd=ROOT, capture_output=True, text=True, env={**os.environ, "TMPDIR": str(tmp_path)},
        )  # fmt: skip
    assert done.returncode == 128 + number
    assert done.stderr.strip() == ""
    assert list(tmp_path.iterdir()) == []
