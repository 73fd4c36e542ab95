"""Fixtures: a command line, peers, certificates; and one examination of a target."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from mockhost.clock import monotonic
from mockhost.doctor import examine
from mockhost.doctor.checks import CHECKS
from mockhost.doctor.patient import Finding, Patient
from tests.cli.conftest import invoke
from tests.client.conftest import closed_port, peers, present

__all__ = ["closed_port", "invoke", "peers", "present"]

Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def examined() -> Examine:
    """Examine a target: `examined(url, token, ca_file)`; every finding by the code of its check."""

    def run(
        url: str, token: str | None = "any-secret-token", ca_file: str | None = None, **options: object
    ) -> dict[str, Finding]:
        timeout = float(str(options.pop("timeout", 5.0)))
        limit = float(str(options.pop("limit", examine.LIMIT)))
        writes = options.pop("write", False)
        deadline = monotonic() + limit
        patient = Patient(url, token, ca_file, timeout=timeout, deadline=deadline, **options)  # type: ignore[arg-type]
        runs = {c: functools.partial(f, patient) for c, f in CHECKS.items() if c != "EMH0501" or writes}
        return {each.entry.code: each.finding for each in examine.examine(runs, list(runs), deadline)}

    return run
