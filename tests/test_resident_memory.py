"""What a host keeps is bounded: resident memory after many large requests, and after many rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is read from /proc"),
]

BEGIN = """
import gc
from mockhost import MockHost

def resident():
    gc.collect()
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) // 1024

with MockHost("basics/healthy", tls=False, control=False) as host, host.session("SQL") as session:
    def ask(size):
        value = "x" * size
        session.post(host.url("SQL") + "/Users", json={"ContosoLogin": value, "note": value})
"""
REQUESTS = """
    ask(2_500_000)
    before = resident()
    for _ in range(1_000):
        ask(2_500_000)
"""
RULES = """
    ask(10)
    before = resident()
    for number in range(10_000):
        name = host.add_rule({"name": f"r{number}", "when": {"id": str(number)}, "reply": {"body": "y" * 10_000}})
        if number % 10 == 0:
            ask(10)
        host.remove_rule(name)
    assert not [rule for rule in host.rules if rule["live"]]
"""
END = """
    assert host.journal.size <= host.journal.max_bytes
    print(resident() - before, before)
"""


@pytest.mark.parametrize("work", [REQUESTS, RULES], ids=["1,000 requests of 5 MB", "10,000 rules"])
def test_memory_grows_by_no_more_than_the_journal_may_hold(work: str) -> None:
    """The journal holds 32 MiB at most; allocators keep as much again."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + work + END], capture_output=True, text=True, check=False, timeout=1_800
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) < 100, done.stdout
