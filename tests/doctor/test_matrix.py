"""Each shipped scenario trips the checks that the matrix says, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mockhost.doctor import examine
from mockhost.doctor.checks import CHECKS
from tools import doctor_matrix

FOLDER = Path(__file__).parent
MATRIX = json.loads(doctor_matrix.MATRIX.read_text("utf-8"))
HANGS = {"faults/hang", "faults/silent", "faults/tls_stall", "faults/dribble", "faults/slow_status_line"}
"""Those that wait for a time-out."""


def test_the_matrix_has_every_shipped_scenario() -> None:
    assert list(MATRIX) == doctor_matrix.names()
    assert {code for codes in MATRIX.values() for code in codes} <= set(examine.entries())
    assert MATRIX["basics/healthy"] == []


QUICK = {name for name, codes in MATRIX.items() if name.startswith("documented/") and codes}
"""What every run plays: whatever is documented and can be seen from outside. The others are slow tests."""


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MATRIX]
)
def test_a_scenario_trips_its_checks_and_no_others(name: str) -> None:
    assert doctor_matrix.played(name) == MATRIX[name]


def test_every_check_that_reads_is_tripped_by_a_scenario_or_by_a_test_here() -> None:
    """A check that nothing trips could not fail."""
    elsewhere = {
        *("EMH0002", "EMH0101", "EMH0205", "EMH0306", "EMH0403", "EMH0405", "EMH0409"),  # test_targets.py
        "EMH0501",
    }
    tripped = {code for codes in MATRIX.values() for code in codes}
    assert set(CHECKS) - tripped == elsewhere


def test_the_catalogue_and_the_functions_fit() -> None:
    entries = examine.entries()
    known = list(entries)
    assert set(CHECKS) < set(known)
    for entry in entries.values():
        assert all((entry.why, entry.fix, entry.title))
        assert all(known.index(need) < known.index(entry.code) for need in entry.needs)
    names = [entry.name for entry in entries.values()]
    assert len(set(names)) == len(names)


def test_headings_are_those_of_the_page() -> None:
    from mockhost.diagnosis.catalogue import page

    headings = {row.heading for row in page()} | {row.heading.partition(", step")[0] for row in page()}
    assert {entry.heading for entry in examine.entries().values()} - {""} <= headings


def test_codes_are_never_used_again() -> None:
    """What a code means stays: reports, tickets and suppressions keep codes. A new check adds a line here."""
    meanings = dict(line.split() for line in (FOLDER / "codes.txt").read_text("utf-8").splitlines())
    current = {entry.code: entry.name for entry in examine.entries().values()}
    assert {code: meanings.get(code) for code in current} == current
    assert set(meanings) - set(current) == set(examine.retired())
