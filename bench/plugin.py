"""The rows of the pytest plugin, as a script of its own so that the installed mockhost is measured.

`python -P bench/plugin.py fixture ROUNDS` or `… unused ROUNDS` prints one JSON line.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent

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


def _run(folder: Path, *arguments: str, python: str = sys.executable) -> list[str]:
    done = subprocess.run(
        [python, "-P", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        # A shell that forbids bytecode would have pytest rewrite the plugin's modules in every run.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
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
    """Milliseconds of processor time of a run of one empty test: pytest alone, and what mockhost adds unused.

    Two environments: pytest, and pytest with the plain wheel. The runs come in pairs, in alternating order, and the
    median of the pairs' differences counts: what disturbs a pair disturbs both of its runs, or is an outlier.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (wheel,) = (ROOT / "dist").glob("mockhost-*.whl")
        alone = _environment(folder / "alone")
        with_it = _environment(folder / "with", str(wheel))
        suite = folder / "suite"
        suite.mkdir()
        (suite / "test_it.py").write_text(EMPTY, "utf-8")
        (suite / "pytest.ini").write_text("[pytest]\n", "utf-8")
        pairs = []
        for number in range(rounds + 1):
            order = (alone, with_it) if number % 2 else (with_it, alone)
            took = {python: _processor_time(suite, python) for python in order}
            pairs.append((took[alone], took[with_it]))
        del pairs[0]  # wrote the bytecode
    return {
        "cost": statistics.median(ours - theirs for theirs, ours in pairs),
        "without": statistics.median(theirs for theirs, _ in pairs),
    }


def _environment(folder: Path, *packages: str) -> str:
    """The Python of a fresh environment with pytest and these packages, in the versions of the lock."""
    venv.create(folder, with_pip=True)
    python = str(folder / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    pip = ["-m", "pip", "--disable-pip-version-check", "-qq", "install", "-c", str(ROOT / "constraints.txt")]
    _run(folder, *pip, "pytest", *packages, python=python)
    return python


def _processor_time(folder: Path, python: str) -> float:
    """Milliseconds of processor time, of the whole process and what it starts."""
    before = _of_children()
    _run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", python=python)
    return (_of_children() - before) * 1000


def _of_children() -> float:
    try:
        import resource
    except ImportError:  # Windows has no such figures
        raise SystemExit("the processor time of other processes is not to be had here") from None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    which, count = sys.argv[1:]
    print(json.dumps({"fixture": fixture, "unused": unused}[which](int(count))))
