"""The Locust file: a master and two workers on one machine load a mock, and no request fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mockhost import MockHost
from mockhost.cli.verbs import mockhost
from tests.doctor.test_others import free_port

LOCUST = "locust==2.47.0"
MATCHING = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User:ContosoLogin"


def written(folder: Path) -> Path:
    """The file as the command prints it."""
    file = folder / "locustfile.py"
    file.write_text(CliRunner().invoke(mockhost, ["provision", "locustfile"]).output, "utf-8")
    return file


def test_it_is_python(tmp_path: Path) -> None:
    """Without Locust it can at least be compiled."""
    compile(written(tmp_path).read_text("utf-8"), "locustfile.py", "exec")


@pytest.mark.slow
def test_two_workers(tmp_path: Path) -> None:
    """They find each other, and no request fails."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    programs = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    if subprocess.run(
        [str(programs / "python"), "-m", "pip", "-qq", "install", LOCUST], check=False
    ).returncode:
        pytest.skip("locust cannot be installed here")
    locust = [str(programs / "locust"), "-f", str(written(tmp_path))]
    master = ["--master-port", str(port := free_port())]
    with MockHost("basics/healthy") as host:
        settings = {"MOCKHOST_SECRET_TOKEN": host.token("SQL"), "MOCKHOST_CA": str(host.ca_file)}
        env = {**os.environ, **settings, "MOCKHOST_MATCHING": MATCHING}
        workers = [
            subprocess.Popen([*locust, "--worker", "--master-host", "127.0.0.1", *master], env=env,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(2)
        ]  # fmt: skip
        bound = ["--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)]
        words = [
            *bound,
            "--master",
            "--expect-workers",
            "2",
            "--headless",
            "--users",
            "4",
            "--spawn-rate",
            "4",
        ]
        words += ["--run-time", "20s", "--json", "--host", host.url("SQL")]
        done = subprocess.run(
            [*locust, *words], env=env, capture_output=True, text=True, timeout=180, check=False
        )
        codes = [worker.wait(60) for worker in workers]
    assert (done.returncode, codes) == (0, [0, 0]), done.stderr
    found = {each["name"]: each for each in json.loads(done.stdout)}
    assert "match" in found
    assert all(each["num_failures"] == 0 for each in found.values())
