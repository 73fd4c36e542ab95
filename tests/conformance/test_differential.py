"""The differential suite, as far as a test has time for it: the same operations on a connector and on scim2-server."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance import differential
from conformance.checks import Report
from conformance.contradictions import contradiction
from conformance.target import Target
from mockhost import MockHost


@pytest.mark.slow
def test_random_operations_end_in_equal_states(tmp_path: Path) -> None:
    """Statuses, what is found and every resource agree, but where `contradictions.py` quotes the RFC against it."""
    scenario = "basics/scim_strict"
    with MockHost(scenario, tls=False, control=False) as host:
        target = Target(host.url("SCIM"), host.truth("SCIM").secret_token, None, scenario)
        checks = differential.run(target, tmp_path, operations=1_000)
    report = Report("differential", "", scenario, tuple(checks))
    assert len(checks) > 40
    assert [check for check in report.failures if contradiction(report, check) is None] == []
