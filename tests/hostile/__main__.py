"""Attack a host of this process round after round, and print the memory that it holds after each, in bytes: as the
system counts it, and as Python does.

A process of its own, because memory that an allocator keeps for threads of earlier tests says nothing.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
import threading
import tracemalloc
from pathlib import Path

from mockhost import MockHost
from tests.hostile.attack import Journal, Lane
from tests.hostile.system import attacked, targets


def attack(host: MockHost, numbers: range, journal: Journal) -> list[Lane]:
    """Attack every connector at once; raises what an attacker has to say."""
    lanes = [Lane(host, target, numbers, journal) for target in targets(host).values()]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join(120)
        assert not lane.is_alive(), f"{lane.name} hangs at request {lane.sent}"
        if lane.failed is not None:
            raise lane.failed
    return lanes


def quiet(host: MockHost) -> None:
    """Every connection has found its end."""
    assert host.listener is not None
    pause = threading.Event()
    for _ in range(2_000):
        if not host.listener.connections:
            return
        pause.wait(0.01)
    raise AssertionError(f"{host.listener.connections} connections are still there")


def resident() -> int:
    """Bytes of memory that this process holds (Linux)."""
    gc.collect()
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


def main(rounds: int, size: int) -> None:
    held: list[tuple[int, int]] = []
    tracemalloc.start()
    with attacked(tls=False) as host:
        for number in range(rounds):
            attack(host, range(number * size, (number + 1) * size), Journal(host))
            quiet(host)
            host.reset()
            held.append((resident(), tracemalloc.get_traced_memory()[0]))
    print(json.dumps(held))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
