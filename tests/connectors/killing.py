"""Hosts with `--data` that are killed in the middle of writes by four clients."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from mockhost.connectors.kept import FILE

Write = Callable[[requests.Session, str, str], "set[str]"]
"""Sends one write to a connector's URL, named so; what was acknowledged. Raises requests.RequestException."""
Read = Callable[[requests.Session, str], "set[str]"]
"""All that is there at a connector's URL."""


def kill_while_writing(folder: Path, scenario: str, write: Write, read: Read) -> None:
    """Five times: what one host acknowledged, the next one has."""
    acknowledged: set[str] = set()
    for turn in range(5):
        ready = folder / f"ready{turn}.json"
        command = [sys.executable, "-m", "mockhost", "serve", scenario, "--data", str(folder / "data")]
        command += ["--port", "0", "--control-port", "0", "--no-tls", "--ready-file", str(ready), "--quiet"]
        clients: list[threading.Thread] = []
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                for _ in range(1200):
                    if ready.exists() or process.poll() is not None:
                        break
                    threading.Event().wait(0.05)
                target, *_ = json.loads(ready.read_text())["connectors"].values()
                with session(target) as client:
                    there = read(client, target["url"])
                assert acknowledged <= there, sorted(acknowledged - there)
                for n in range(4):
                    arguments = (target, f"t{turn}c{n}", write, acknowledged)
                    clients.append(threading.Thread(target=keep_writing, args=arguments))
                    clients[-1].start()
                threading.Event().wait(0.5 + turn / 7)
            finally:
                process.kill()
            for client_ in clients:
                client_.join()
    print(f"{len(acknowledged)} acknowledged by five hosts that were killed")
    assert len(acknowledged) > 50
    with contextlib.closing(sqlite3.connect(folder / "data" / FILE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def keep_writing(target: dict[str, Any], name: str, write: Write, acknowledged: set[str]) -> None:
    """Write until the host is gone."""
    with session(target) as client, contextlib.suppress(requests.RequestException):
        for n in range(100_000):
            acknowledged |= write(client, target["url"], f"{name}n{n}")


def session(target: dict[str, Any]) -> requests.Session:
    client = requests.Session()
    client.headers["Authorization"] = f"Bearer {target['secret_token']}"
    return client


def everybody(client: requests.Session, url: str) -> list[dict[str, Any]]:
    """All resources at an endpoint."""
    found: list[dict[str, Any]] = []
    while page := client.get(f"{url}?startIndex={len(found) + 1}&count=500", timeout=60).json()["Resources"]:
        found += page
    return found
