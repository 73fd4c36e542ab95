"""The rows of the pytest plugin, as a script of its own so that the installed mockhost is measured.

`python -P bench/plugin.py fixture ROUNDS` or `… unused ROUNDS` prints one JSON line.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SUITE = """
import json, statistics, time
import pytest

TOOK = {}

@pytest.mark.parametrize("nth", range(%d))
@pytest.mark.mockhost_each(shelf="documented")
def test_each(mockhost, nth):
    pass

def test_second(mockhost, mockhost_factory):
    took = []
    for _ in range(11):
        began = time.perf_counter()
        mockhost_factory()
        took.append(time.perf_counter() - began)
    print("second", statistics.median(took) * 1000)
"""
CONFTEST = """
import json

TOOK = {}

def pytest_runtest_logreport(report):
    if report.when != "call":
        TOOK[report.nodeid] = TOOK.get(report.nodeid, 0.0) + report.duration * 1000

def pytest_sessionfinish():
    with open("took.json", "w") as file:
        json.dump(TOOK, file)
"""
EMPTY = """
def test_it():
    pass
"""
HIDING = """
import importlib.metadata, sys, time

# Reading names takes time, so both runs read them.
hidden = {"with": "nothing", "without": "mockhost"}[sys.argv.pop(1)]
every = importlib.metadata.distributions
importlib.metadata.distributions = lambda **more: (d for d in every(**more) if d.name != hidden)

import pytest

code = pytest.main(["-q", "-p", "no:cacheprovider"])
print("took", time.process_time() * 1000)
raise SystemExit(code)
"""


def _run(folder: Path, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done.stdout.splitlines()


def _said(lines: list[str], word: str) -> float:
    return next(float(line.split()[-1]) for line in lines if f"{word} " in line)


def fixture(rounds: int) -> dict[str, float]:
    """Milliseconds of set-up and teardown: scenarios seen before, new ones, and the first test; a second host."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_it.py").write_text(SUITE % rounds, "utf-8")
        (folder / "conftest.py").write_text(CONFTEST, "utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")
        quiet = ("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist")
        lines = _run(folder, "-m", "pytest", "-q", "-s", *quiet)
        took: dict[str, float] = json.loads((folder / "took.json").read_text("utf-8"))
    seen: set[str] = set()
    new: list[float] = []
    again: list[float] = []
    for nodeid, milliseconds in took.items():
        if "[" in nodeid:
            scenario = next(part for part in nodeid[:-1].partition("[")[2].split("-") if "/" in part)
            (again if scenario in seen else new).append(milliseconds)
            seen.add(scenario)
    return {
        "seen": statistics.median(again),
        "new": statistics.median(new[1:]),
        "process": new[0],
        "second": _said(lines, "second"),
    }


def unused(rounds: int) -> dict[str, float]:
    """Milliseconds of processor time that a run of one empty test costs more with the plugin than without."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_it.py").write_text(EMPTY, "utf-8")
        (folder / "run.py").write_text(HIDING, "utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")
        pairs: list[tuple[float, float]] = []
        for number in range(rounds + 1):
            order = ("with", "without") if number % 2 else ("without", "with")
            took: dict[str, float] = {which: _said(_run(folder, "run.py", which), "took") for which in order}
            pairs.append((took["with"], took["without"]))
    # A busy machine only ever adds to what a run takes.
    ours, theirs = (min(pair[side] for pair in pairs[1:]) for side in (0, 1))
    return {"cost": ours - theirs, "without": theirs}


if __name__ == "__main__":
    which, count = sys.argv[1:]
    print(json.dumps({"fixture": fixture, "unused": unused}[which](int(count))))
