"""The page and the run's verdict: what passed, what failed, and which failures contradict the RFC."""

from __future__ import annotations

from pathlib import Path

from conformance import checks, page
from conformance.checks import FAILED, PASSED, Check, Report
from conformance.contradictions import CONTRADICTIONS, contradiction, needless
from conformance.suites import SUITES


def report(*found: Check, suite: str = "scim-sanity", scenario: str = "basics/scim") -> Report:
    return Report(suite, "1.0", scenario, found)


def test_entries_name_suites_and_scenarios_that_are_run() -> None:
    """An entry for a run that does not exist would never be missed."""
    runs = {(suite.name, scenario) for suite in SUITES for scenario in suite.scenarios}
    assert [each for each in CONTRADICTIONS if (each.suite, each.scenario) not in runs] == []


def test_a_contradiction_is_found_by_suite_scenario_and_name() -> None:
    """It holds for the check that it describes, not for the same name elsewhere."""
    check = Check("Phase 3: PATCH /Groups/{id} add member", FAILED, "Expected 200, got 204")
    found = contradiction(report(check), check)
    assert found is not None
    assert found.source == "RFC 7644 3.5.2"
    assert contradiction(report(check, suite="scim2-tester"), check) is None
    assert contradiction(report(Check("POST /Groups", FAILED)), Check("POST /Groups", FAILED)) is None


def test_entries_that_nothing_needs_are_reported() -> None:
    """Only those whose suite was run: the others may be needed yet."""
    clean = report(Check("PATCH /Groups/{id} add member", PASSED))
    assert {each.suite for each in needless([clean])} == {"scim-sanity"}
    assert needless([clean._replace(unavailable="not installed")]) == []


def test_reports_are_kept_and_read_again(tmp_path: Path) -> None:
    """A run of one suite writes the page from all the reports that there are."""
    kept = report(Check("one", FAILED, "why", "GET /"))
    checks.write(kept, tmp_path)
    checks.write(kept._replace(scenario="basics/scim_strict"), tmp_path)
    assert set(checks.read(tmp_path)) == {kept, kept._replace(scenario="basics/scim_strict")}


def test_the_page_has_nothing_that_changes_by_itself() -> None:
    """Ports and ids of the run are not in it, so that a run that says the same changes nothing."""
    asked = "curl https://localhost:40123/ecma2host_SCIM/scim/Users/0b7b886b-4311-4bbf-b46d-260ea5e530cf"
    text = page.text([report(Check("a*b", FAILED, "it | failed", asked))])
    assert "| scim-sanity's probe, strict mode | 1.0 | PyPI | `basics/scim` | 1 | 0 | 1 | 0 |" in text
    assert "**a\\*b**: it \\| failed" in text
    assert "https://localhost:8585/ecma2host_SCIM/scim/Users/…" in text
    assert "Open: the answer is at fault." in text


def test_what_was_not_run_says_why() -> None:
    """A suite that can't be had is on the page, too."""
    text = page.text([Report("okta-spec", "", "basics/scim", unavailable="the file is not there")])
    assert "| not run |" in text
    assert "the file is not there." in text
