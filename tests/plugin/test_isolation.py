"""Many tests in random order on several workers, each with another scenario: none sees another."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

SUITE = Path(__file__).with_name("isolation_suite.py")
COUNT = int(os.environ.get("ISOLATION_TESTS", "32"))
"""ISOLATION_TESTS=1000 is the full run."""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed")
def test_no_test_sees_another(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not its data, tokens, time, rules, states, journal, certificate or service; nor does a port clash."""
    monkeypatch.setenv("ISOLATION_TESTS", str(COUNT))
    shutil.copy(SUITE, pytester.path / "test_isolation_suite.py")
    pytester.makeini("[pytest]\naddopts = -p no:cacheprovider -p no:asyncio -W error\n")
    workers = 4 if COUNT >= 1_000 else 2
    result = pytester.runpytest_inprocess("-n", str(workers), "-p", "randomly", "--dist", "worksteal")
    result.assert_outcomes(passed=COUNT)
