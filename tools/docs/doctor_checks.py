"""Writes docs/doctor-checks.md: every check of the doctor, and which scenarios trip it.

Scenarios without a row in mockhost/doctor/matrix.json are played first and get theirs.
"""

from __future__ import annotations

import json

from mockhost.doctor import examine
from mockhost.doctor.calibrate import UNSEEN
from tools import doctor_matrix
from tools.docs import ROOT, File
from tools.doctor_matrix import MATRIX

PAGE = ROOT / "docs" / "doctor-checks.md"


def page() -> str:
    """The whole page."""
    matrix = json.loads(MATRIX.read_text("utf-8"))
    lines = [
        "# The checks of mockhost doctor",
        "",
        "<!-- Written by python -m tools.docs doctor_checks from mockhost/doctor; don't edit. -->",
        "",
        "`mockhost doctor URL` runs these checks in this order; `mockhost explain CODE` prints one.",
        "[How to examine a host](how-to/examine-a-host.md) shows it at work.",
    ]
    category = ""
    for entry in examine.entries().values():
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
        "## What mockhost calibrate cannot see",
        "",
        *(f"- `{name}`: {reason}." for name, reason in UNSEEN.items()),
        "",
    ]
    return "\n".join(lines)


FILES = (File(MATRIX, doctor_matrix.text), File(PAGE, page))
