"""Resident memory of a process and its children, in MiB."""

from __future__ import annotations

import subprocess
from pathlib import Path


def resident(pid: int) -> float:
    """The sum over the process and everything it started (shared pages count once for each). From /proc, else ps."""
    sizes = _from_proc() if Path("/proc/self/status").exists() else _from_ps()
    wanted, total = [pid], 0.0
    while wanted:
        parent = wanted.pop()
        total += sizes.get(parent, (0, 0.0))[1]
        wanted += [child for child, (of, _) in sizes.items() if of == parent]
    return total


def _from_proc() -> dict[int, tuple[int, float]]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            lines = (folder / "status").read_text("utf-8", "replace").splitlines()
        except OSError:
            continue  # it ended meanwhile
        values = {name: value for name, _, value in (line.partition(":") for line in lines)}
        size = values.get("VmRSS", "0 kB").split()[0]
        found[int(folder.name)] = (int(values["PPid"]), int(size) / 1024)
    return found


def _from_ps() -> dict[int, tuple[int, float]]:
    lines = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,rss="], capture_output=True, text=True, check=True
    ).stdout
    rows = (line.split() for line in lines.splitlines())
    return {int(pid): (int(parent), int(size) / 1024) for pid, parent, size in rows}
