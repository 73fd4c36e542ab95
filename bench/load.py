"""Load on a server from another process: wrk where it is installed, else the small client beside this file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

# Requests are formatted once; asking costs one table look-up. At the end the figures are printed as one JSON line.
_SCRIPT = """
local targets, headers, formatted, turn = %s, %s, {}, 0
function init(args)
  for name, value in pairs(headers) do wrk.headers[name] = value end
  for i, target in ipairs(targets) do formatted[i] = wrk.format("GET", target) end
end
function request()
  turn = turn %% #formatted + 1
  return formatted[turn]
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\nfigures {"requests": %%d, "seconds": %%f, "p50": %%f, "p99": %%f, "errors": %%d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


class Load(NamedTuple):
    """What one round gave. `p50` and `p99` are milliseconds; an error is anything but a whole 2xx answer in time."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return max(0, self.requests - self.errors) / self.seconds


class Target(NamedTuple):
    """Where a round asks: `url` is scheme and authority, `targets` the request targets in turn."""

    url: str
    targets: tuple[str, ...]
    headers: Mapping[str, str] = {}


def generator() -> str:
    """Which load generator is used, for the head of the report."""
    return "wrk" if shutil.which("wrk") else "bench.client (wrk is not installed; rates are limited by it)"


def put_load(
    target: Target, work: Path, *, seconds: float, connections: int = 16, close: bool = False
) -> Load:
    """Ask for `seconds` over `connections` connections at once; `close` opens a new one for each request."""
    headers = {**target.headers, **({"Connection": "close"} if close else {})}
    if shutil.which("wrk"):
        return _wrk(target, headers, work, seconds=seconds, connections=connections)
    order = {"url": target.url, "targets": target.targets, "headers": headers}
    command = [sys.executable, "-m", "bench.client", str(seconds), str(connections)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    return Load(**json.loads(done.stdout))


def _wrk(target: Target, headers: Mapping[str, str], work: Path, *, seconds: float, connections: int) -> Load:
    script = work / "load.lua"
    script.write_text(_SCRIPT % (_lua_list(target.targets), _lua_map(headers)), "utf-8")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
    done = subprocess.run(
        [*command, "-s", str(script), target.url],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    figures = next(line for line in done.stdout.splitlines() if line.startswith("figures "))
    return Load(**json.loads(figures.removeprefix("figures ")))


def _lua_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _lua_list(texts: Sequence[str]) -> str:
    return "{" + ", ".join(map(_lua_text, texts)) + "}"


def _lua_map(pairs: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"[{_lua_text(name)}] = {_lua_text(value)}" for name, value in pairs.items()) + "}"
