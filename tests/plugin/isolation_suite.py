"""Tests without end, each with a scenario of its own: what one of them leaves behind, another would see.

Not collected by itself: test_isolation.py runs it inside of a pytest of its own. ISOLATION_TESTS says how many.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import requests

COUNT = int(os.environ["ISOLATION_TESTS"])
KINDS = 8


@pytest.fixture
def number(request: pytest.FixtureRequest) -> int:
    """Which of them this test is."""
    found: int = request.node.callspec.params["nth"]
    return found


@pytest.fixture
def mockhost_scenario(number: int) -> dict[str, Any]:
    """A scenario that no other test has: token, people, seed, time; for some TLS, rules, a service that is down."""
    kind = number % KINDS
    scenario: dict[str, Any] = {
        "extends": ("basics/healthy", "basics/empty")[number // KINDS % 2],
        "title": f"number {number}",
        "seed": number,
        "clock": {"mode": "frozen", "start": f"2026-01-01T{number % 24:02d}:00:00Z"},
        "connectors": {
            "SQL": {
                "secret_token": f"token-of-{number}",
                "system": {"people": number % 13},
            }
        },
    }
    if kind == 1:
        scenario["host"] = {"tls": "plain_http"}
    elif kind == 2:
        scenario["rules"] = [{"when": {"operation": "schemas"}, "fault": {"http_error": 500 + number % 12}}]
    elif kind == 3:
        scenario["host"] = {"service": "stopped"}
    elif kind == 4:
        scenario["host"] = {"tls": "expired"}
    return scenario


@pytest.mark.parametrize("nth", range(COUNT))
def test_nobody_else_is_here(mockhost: Any, mockhost_client: Any, number: int, nth: int) -> None:
    """The host is this test's, in every respect, and is left in as bad a state as can be."""
    kind = number % KINDS
    people = number % 13 + (5 if number // KINDS % 2 == 0 else 0)
    assert mockhost.scenario.title == f"number {number}"
    assert mockhost.clock.iso() == f"2026-01-01T{number % 24:02d}:00:00.000Z"
    assert len(mockhost.journal) == 0
    assert not any(rule["live"] or rule["fired"] for rule in mockhost.rules)
    assert len(mockhost.objects("SQL")) == people
    assert mockhost.token("SQL") == f"token-of-{number}"
    if kind in (3, 4):
        with pytest.raises(requests.ConnectionError):
            mockhost_client.get("/Users")
        mockhost.service("start")
    else:
        expected = 500 + number % 12 if kind == 2 else 200
        assert mockhost_client.get("/Schemas").status_code == expected
        assert mockhost_client.get("/Users", params={"count": 0}).json()["totalResults"] == people
        mockhost.verify(connector="SQL", count=2)
    leave_a_mess(mockhost, number)


def leave_a_mess(mockhost: Any, number: int) -> None:
    """Rules, settings, objects, time, and a service that is stopped."""
    mockhost.fail_next(("schemas", "list_users")[number % 2], times=None, optional=True)
    mockhost.change({"SQL": {"insert": [{"ContosoLogin": "mess", "FirstName": "M", "LastName": "S"}]}})
    mockhost.set("connectors.SQL.secret_token", "of-nobody")
    mockhost.clock.advance(hours=number % 5)
    if number % 3 == 0:
        mockhost.service("stop")
