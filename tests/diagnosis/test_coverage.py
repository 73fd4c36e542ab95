"""docs/coverage.md has every line of the page, and each of its commands runs."""

from __future__ import annotations

import shlex

import pytest

from mockhost.diagnosis import catalogue
from mockhost.scenario import shelves
from tests.cli.conftest import Invoke, invoke  # noqa: F401 - a fixture
from tools.docs import coverage

STEPS = {
    **dict.fromkeys([21, 22, 23, *range(27, 35), 103, 104, 105, 124, 125, 126, 136, 137, 138], "step"),
    **dict.fromkeys([167, 168, 169, 170, 211, 212], "step"),
    19: "paragraph",
    **dict.fromkeys([44, 48, 52, 214, 215, 216, 223, 224], "bullet"),
    **dict.fromkeys([144, 145], "table row"),
    **dict.fromkeys([161, 227], "error text"),
    **dict.fromkeys([46, 50, 54, 178], "picture"),
}
"""The lines of the page's lists, tables, error texts and pictures of errors (edition of April 2022)."""
ROWS = catalogue.page()


def test_every_line_of_the_page_is_there() -> None:
    listed = {row.line: row.kind for row in ROWS}
    assert {line: listed.get(line) for line in STEPS} == STEPS
    assert len(listed) == len(ROWS)
    assert list(listed) == sorted(listed)
    shown = coverage.PAGE.read_text(encoding="utf-8")
    for row in ROWS:
        assert f"| {row.line}{f'-{row.until}' if row.until else ''} |" in shown


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.line))
def test_a_row_says_what_is_here(row: catalogue.Card) -> None:
    """Scenarios that exist, the part that is missing, or the cure; and only short quotations."""
    assert row.covered in {"scenario", "part", "command", "none"}
    assert bool(row.scenarios) == (row.covered in {"scenario", "part"})
    assert bool(row.shows) == (row.covered == "command")
    assert row.command or not row.shows
    assert bool(row.missing) == (row.covered == "part")
    assert set(row.scenarios) <= set(shelves.names(env={}))
    assert row.cure.strip()
    assert len(row.title) <= 80


@pytest.mark.parametrize("command", sorted({c for row in ROWS for c in coverage.commands_of(row)}))
def test_each_command_runs(invoke: Invoke, command: str) -> None:  # noqa: F811
    program, *words = shlex.split(command)
    assert program == "mockhost"
    result = invoke(*words)
    assert result.exit_code == 0, result.output


def test_every_documented_scenario_is_on_the_page() -> None:
    """Unless what it reproduces came with a later edition, or is on another page of the same documentation."""
    later = {"first_import_running", "unknown_object_class", "import_never_ends"}
    elsewhere = {
        *("groups_not_supported", "anchor_changed", "anchor_generated", "parent_container_missing"),
        *("active_as_text", "special_characters_in_matching_value", "second_host_cache_differs"),
        "dsn_not_found",
    }
    named = {name for row in ROWS for name in row.scenarios}
    assert (
        set(shelves.names("documented", env={})) - {f"documented/{name}" for name in later | elsewhere}
        <= named
    )
