"""The benchmark itself: that it judges by its budgets, says what it did not measure, and is described."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench import results, scenarios, servers
from bench.results import Budget, Result
from bench.rows import ROWS

ROOT = Path(__file__).parent.parent


def test_every_row_is_described() -> None:
    """A row that is added without its line in the README fails here."""
    text = (ROOT / "bench" / "README.md").read_text("utf-8")
    assert [row.name for row in ROWS if f"| `{row.name}` |" not in text] == []


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (Result("r", "", "ms", 250, budget=Budget("value", at_most=250)), "ok"),
        (Result("r", "", "ms", 251, budget=Budget("value", at_most=250)), "over"),
        (Result("r", "", "req/s", 5000, ratio=1.9, budget=Budget("ratio", at_least=2)), "over"),
        (Result("r", "", "req/s", 5000, ratio=2.1, budget=Budget("ratio", at_least=2)), "ok"),
        (Result("r", "", "req/s", 5000, ratio=2.1), "-"),
        (Result("r", "", "req/s"), "skipped"),
        (Result("r", "", "req/s", 5000, failed=True), "failed"),
    ],
)
def test_a_verdict_follows_from_the_budget(result: Result, verdict: str) -> None:
    """On the figure or on the ratio, whichever the budget names; the table and the JSON say the same."""
    assert result.verdict == verdict
    assert results.table([result]).splitlines()[2].endswith(verdict)
    assert json.loads(results.document({}, [result]))["rows"][0]["verdict"] == verdict


def test_a_rate_counts_good_answers_only(tmp_path: Path) -> None:
    """The client for machines without wrk asks each target in turn and counts what is not 2xx as an error."""

    class Half(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/good" else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Half) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        order = {"url": f"http://127.0.0.1:{server.server_port}", "targets": ["/good", "/bad"], "headers": {}}
        command = [sys.executable, "-m", "bench.client", "0.2", "1"]
        done = subprocess.run(
            command, cwd=ROOT, input=json.dumps(order), capture_output=True, text=True, timeout=60
        )
        server.shutdown()
        serving.join()
    figures = json.loads(done.stdout)
    assert figures["requests"] > 1
    assert abs(figures["errors"] * 2 - figures["requests"]) <= 1


def test_the_scenarios_of_the_benchmark_are_valid(tmp_path: Path) -> None:
    """They are written by code, so a change of the format must not leave them behind."""
    crowds = [scenarios.crowd(tmp_path, 10, rules=20), scenarios.faulty(tmp_path, 10)]
    files = [*crowds, scenarios.unshipped(tmp_path)]
    command = [
        sys.executable,
        "-c",
        "import sys; from mockhost.cli import main; sys.exit(main())",
        "validate",
        *files,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


_WRAPPER = """
import subprocess, sys
held = int(sys.argv[1])
child = f"import os, threading; os.write({held}, b'x'); threading.Event().wait(600)"
subprocess.run([sys.executable, "-c", child], pass_fds=[held])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes are POSIX's")
def test_a_server_ends_with_all_that_it_has_started(tmp_path: Path) -> None:
    """Its wrapper ends at once, and would leave a child that holds its port and takes its part of the machine."""
    reader, writer = os.pipe()
    command = [sys.executable, "-c", _WRAPPER, str(writer)]
    with servers._process(command, tmp_path, pass_fds=[writer]):
        os.close(writer)
        assert select.select([reader], [], [], 60)[0]
        assert os.read(reader, 1) == b"x"
    assert select.select([reader], [], [], 60)[0]  # the last one that held the pipe is gone
    assert os.read(reader, 1) == b""
    os.close(reader)
