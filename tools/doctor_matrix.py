"""Writes docs/doctor-checks.md: every check of the doctor, and which scenarios trip it.

python tools/doctor_matrix.py            writes the page from mockhost/doctor/catalogue.toml and matrix.json
python tools/doctor_matrix.py --check    exit code 1 if the page is not current
python tools/doctor_matrix.py --play     plays every shipped scenario, and writes matrix.json and the page

That the matrix is true is held by tests/doctor/test_matrix.py, which plays the scenarios.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mockhost import MockHost  # noqa: E402
from mockhost.clock import monotonic  # noqa: E402
from mockhost.doctor import catalogue, examine  # noqa: E402
from mockhost.doctor.checks import CHECKS  # noqa: E402
from mockhost.doctor.patient import Patient  # noqa: E402
from tools import generated  # noqa: E402

MATRIX = ROOT / "mockhost" / "doctor" / "matrix.json"
PAGE = ROOT / "docs" / "doctor-checks.md"
TIMEOUT = 5.0
"""Seconds for each request: a fault that hangs costs as much."""


def names() -> list[str]:
    """The shipped scenarios, but for the one with a million people, whose lists take long."""
    files = sorted((ROOT / "scenarios").glob("*/*.yaml"))
    return [f"{file.parent.name}/{file.stem}" for file in files if file.stem != "million"]


def played(name: str) -> list[str]:
    """The codes of the checks that fail or warn for a client of any connector of the scenario."""
    codes: set[str] = set()
    with MockHost(name, clock="wall") as host:
        for target in host.clients().values():
            host.reset()
            deadline = monotonic() + examine.LIMIT
            ca_file = target.ca_file if target.trusted else None
            patient = Patient(target.url, target.secret_token, ca_file, timeout=TIMEOUT, deadline=deadline)
            runs = {
                code: functools.partial(run, patient) for code, run in CHECKS.items() if code != "EMH0501"
            }
            codes.update(examine.trips(list(examine.examine(runs, list(runs), deadline))))
    return sorted(codes)


def page(matrix: dict[str, list[str]]) -> str:
    """The page of docs."""
    lines = [
        "# The checks of mockhost doctor",
        "",
        "<!-- Written by tools/doctor_matrix.py from mockhost/doctor/catalogue.toml and matrix.json; don't edit. -->",
        "",
        "`mockhost doctor URL` runs these checks in this order; `mockhost explain CODE` prints one.",
        "[How to examine a host](how-to/examine-a-host.md) shows it at work.",
    ]
    category = ""
    for entry in catalogue.entries().values():
        if entry.category != category:
            category = entry.category
            lines += ["", f"## {category}"]
        lines += ["", f"### {entry.code} {entry.name}", "", f"{entry.title}.", "", f"Why: {entry.why}", ""]
        lines += [f"{number}. {step}" for number, step in enumerate(entry.fix, 1)]
        if entry.here:
            lines += ["", f"With mockhost: {entry.here}"]
        if entry.heading:
            lines += ["", f"Microsoft's page: {entry.heading}."]
        tripped = [name for name, codes in matrix.items() if entry.code in codes]
        if tripped:
            lines += ["", "Scenarios that trip it: " + ", ".join(f"`{name}`" for name in tripped) + "."]
    quiet = [name for name, codes in matrix.items() if not codes]
    lines += [
        "",
        "## Scenarios without a finding",
        "",
        "What is wrong in these shows only in writes, later, or inside of the host: "
        + ", ".join(f"`{name}`" for name in quiet)
        + ".",
        "",
    ]
    return "\n".join(lines)


def play() -> None:
    """Play every shipped scenario, and write what came of it."""
    matrix = {name: played(name) for name in names()}
    rows = (f"  {json.dumps(name)}: {json.dumps(codes)}" for name, codes in matrix.items())
    MATRIX.write_text("{\n" + ",\n".join(rows) + "\n}\n", "utf-8")


def main(arguments: Sequence[str]) -> int:
    """Write the page, or check it."""
    if list(arguments) == ["--play"]:
        play()
        arguments = []
    text = functools.partial(page, json.loads(MATRIX.read_text("utf-8")))
    return generated.run(__file__, arguments, generated.File(PAGE, text))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
