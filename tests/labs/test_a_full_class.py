"""Thirty students at once, one of whom breaks everything: the others notice nothing; and what a class costs."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from mockhost.client.control import ControlPlane
from mockhost.clock import monotonic
from mockhost.errors import MockhostError
from mockhost.labs import lab as labs

pytestmark = pytest.mark.slow
STUDENTS = 30
HOSTILE = "'\"><script>alert(1)</script>\u202e${x}\\\r\n%s{{7*7}}"
PROGRAM = """
import json, sys
from pathlib import Path
from mockhost.clock import monotonic
from mockhost.labs import lab as labs
from mockhost.labs.classroom import Classroom
began = monotonic()
chosen = [labs.find(each) for each in ("L01", "L02", "L05")]
with Classroom(chosen, int(sys.argv[1]), Path(sys.argv[2])) as room:
    ports = [desk.host.port for desk in room.desks.values()]
    print(json.dumps({"url": room.url, "took": monotonic() - began, "ports": ports}), flush=True)
    sys.stdin.read()
"""


def memory(pid: int) -> float:
    """Resident MiB."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def cpu(pid: int) -> float:
    """Seconds so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Vandal:
    """One student who types what hurts, floods their own host and the page, until told to stop."""

    def __init__(self, url: str, code: str, port: int) -> None:
        self._ends = threading.Event()
        self._plane, self._code, self._url, self._port = ControlPlane(url, code, timeout=30), code, url, port
        self.done = [0, 0, 0]
        self._threads = [threading.Thread(target=each) for each in (self._types, self._floods, self._guesses)]

    def __enter__(self) -> Vandal:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for each in self._threads:
            each.join(60)

    def _types(self) -> None:
        lines = [
            "Start-Process powershell -Verb RunAs",
            'Start-Service "Microsoft ECMA2Host"',
            *(HOSTILE, "check", "next L99", "x" * 4_096, "answer", "Start-Sleep -Seconds 999999"),
            f"portal enter secret-token {'A' * 3_000}",
            "Get-WinEvent -LogName System -FilterXPath '" + "(" * 200,
            *('Restart-Service "Microsoft ECMA2Host"', 'Stop-Service "Microsoft ECMA2Host"', "reset"),
        ]
        while not self._ends.is_set():
            for line in lines:
                try:
                    self._plane.call("lab_line", line=line)
                except MockhostError:
                    continue
                self.done[0] += 1

    def _floods(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        request = b"GET /ecma2host_SQL/scim/Users?filter=x HTTP/1.1\r\nHost: localhost\r\n\r\n"
        while not self._ends.is_set():
            try:
                with (
                    socket.create_connection(("127.0.0.1", self._port), timeout=5) as plain,
                    context.wrap_socket(plain) as secure,
                ):
                    for _ in range(50):
                        secure.sendall(request)
                        secure.recv(65_536)
                        self.done[1] += 1
            except OSError:
                self._ends.wait(0.01)

    def _guesses(self) -> None:
        """Other students' codes, the teacher's operations, and a body that is too long."""
        with requests.Session() as session:
            session.trust_env = False
            own = {"Authorization": f"Bearer {self._code}"}
            while not self._ends.is_set():
                wrong = session.get(f"{self._url}/v1/lab", headers={"Authorization": "Bearer aaaa-bbbb-cccc"})
                above = session.post(f"{self._url}/v1/class/use", json={"lab": "L02"}, headers=own)
                long = session.post(f"{self._url}/v1/lab/line", data=b"x" * 5_000_000, headers={
                    **own, "Content-Type": "application/json"})  # fmt: skip
                assert (wrong.status_code, above.status_code, long.status_code) == (401, 403, 413)
                self.done[2] += 1


def test_thirty_students_and_one_who_breaks_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(STUDENTS), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert program.stdout is not None
        began = json.loads(program.stdout.readline())
        kept = json.loads((tmp_path / "class.json").read_bytes())
        planes = [ControlPlane(began["url"], each["code"]) for each in kept["students"]]
        teacher = ControlPlane(began["url"], kept["teacher"])
        after_start, latencies = memory(program.pid), []
        solution = [
            *labs.lines_of(labs.find("L01").text("solution.txt")),
            labs.Line("PS> next", False),
            *labs.lines_of(labs.find("L02").text("solution.txt")),
        ]
        busy = cpu(program.pid)
        at = monotonic()

        def learn(plane: ControlPlane) -> None:
            for line in solution:
                prompt, _, typed = line.text.partition("> ")
                before = monotonic()
                plane.call("lab_line", line=typed if prompt == "PS" else f"{prompt} {typed}")
                latencies.append(monotonic() - before)
                plane.call("lab_state")

        with Vandal(began["url"], kept["students"][0]["code"], began["ports"][0]) as vandal:
            threads = [threading.Thread(target=learn, args=(plane,)) for plane in planes[1:]]
            for each in threads:
                each.start()
            for each in threads:
                each.join(300)
        rows = teacher.call("class_state")["students"]
        reached = {"L01": "solved", "L02": "solved", "L05": "open"}
        assert [each["labs"] for each in rows[1:]] == [reached] * (STUDENTS - 1)
        assert all(vandal.done), vandal.done
        assert program.poll() is None
        peak, seconds = memory(program.pid), monotonic() - at
        latencies.sort()
        with capsys.disabled():
            print(
                f"\nstart {began['took']:.2f} s; {after_start / STUDENTS:.2f} MiB a student after the start, "
                f"{peak / STUDENTS:.2f} at the end ({peak:.0f} in all); {len(latencies)} lines in {seconds:.1f} s, "
                f"median {latencies[len(latencies) // 2]:.2f} s, 95 % {latencies[len(latencies) * 95 // 100]:.2f} s; "
                f"CPU {cpu(program.pid) - busy:.1f} s; vandal {vandal.done}"
            )
        assert peak < 20 * STUDENTS
    finally:
        program.communicate(b"", timeout=30)
