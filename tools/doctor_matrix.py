"""Plays shipped scenarios, and writes mockhost/doctor/matrix.json: which checks of the doctor each one trips.

python tools/doctor_matrix.py [NAME …]

Without names it plays every scenario; run it so after a change of a check. `make docs` plays those that have no row.
tests/doctor/test_matrix.py plays the scenarios and compares. docs/doctor-checks.md is written from the matrix.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from mockhost import MockHost  # noqa: E402
from mockhost.clock import monotonic  # noqa: E402
from mockhost.doctor import examine  # noqa: E402
from mockhost.doctor.checks import CHECKS  # noqa: E402
from mockhost.doctor.patient import Patient  # noqa: E402

MATRIX = ROOT / "mockhost" / "doctor" / "matrix.json"
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


@functools.cache
def text() -> str:
    """The whole file, with the rows that it has; scenarios without a row are played."""
    return _text(json.loads(MATRIX.read_text("utf-8")))


def _text(rows: Mapping[str, list[str]]) -> str:
    """A line for each shipped scenario."""
    matrix = {name: rows[name] if name in rows else played(name) for name in names()}
    lines = (f"  {json.dumps(name)}: {json.dumps(codes)}" for name, codes in matrix.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main(chosen: Sequence[str]) -> None:
    """Play the scenarios that are named, or all, and write which checks each one trips."""
    if unknown := set(chosen) - set(names()):
        raise SystemExit(f"not a shipped scenario: {', '.join(sorted(unknown))}; see mockhost scenarios")
    rows = json.loads(MATRIX.read_text("utf-8")) if chosen else {}
    kept = {name: codes for name, codes in rows.items() if name not in chosen}
    MATRIX.write_text(_text(kept), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
