"""A large directory: the memory of a cycle does not grow with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FEW, MANY = 2_000, 10_000
SLACK = 3.0
"""MiB that two runs may differ by."""


def initial_cycle(count: int, state: Path) -> dict[str, float]:
    """Memory and processor time of an initial cycle in a process of its own."""
    command = [sys.executable, "-m", "tests.entra.initial_cycle", str(count), str(state)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs the module resource")
def test_the_memory_of_an_initial_cycle_is_bounded(tmp_path: Path) -> None:
    """Five times as many users, each with a create, a manager and records in the log: the same memory."""
    few = initial_cycle(FEW, tmp_path / "few.sqlite")
    many = initial_cycle(MANY, tmp_path / "many.sqlite")
    assert (few["created"], many["created"]) == (FEW, MANY)
    assert many["mib"] < few["mib"] + SLACK
