"""Faults on the host, brought about by rules and seen by a client."""

from __future__ import annotations

from typing import Any

import pytest

from mockhost import MockHost, faults
from tests.connectors.ecma.conftest import user
from tests.faults.host.conftest import BOB

GROUP = [name for name, group in faults.FAULTS.items() if group == "host"]


@pytest.mark.parametrize("name", GROUP)
def test_the_shipped_scenario_proves_itself_again_after_a_reset(name: str) -> None:
    """Every step holds, and after a reset the same steps hold again: nothing of the state has remained."""
    with MockHost(f"faults/{name}") as host:
        assert host.runtime.scenario.cause == name
        first = host.check()
        assert first.ok, str(first)
        host.reset()
        second = host.check()
        assert second.ok, str(second)


def test_a_new_secret_token_is_shown_nowhere() -> None:
    """Neither the old one nor the new one is in the journal or the status, from the first request with it on."""
    with MockHost("basics/healthy", rules=[{"fault": "token_rotated", "times": 1}]) as host:
        old = host.token("SQL")
        with host.session("SQL") as session:
            assert session.get(f"{host.url('SQL')}/Users").status_code == 401
            new = host.truth("SQL").secret_token
            assert (host.token("SQL"), new != old) == (old, True)
            session.headers["Authorization"] = f"Bearer {new}"
            assert session.get(f"{host.url('SQL')}/Users").status_code == 200
            shown = "".join(
                session.get(f"{host.control_url}/v1/{page}", headers={"Authorization": ""}).text
                for page in ("journal", "host", "connectors", "rules", "scenario")
            )
        assert host.journal.sink.fingerprint(new) in shown
        assert new not in shown
        assert old not in shown


def test_a_write_on_trial_answers_and_writes_nothing() -> None:
    """With `write: not_applied` a client is told of a user that nobody has; the next one gets the same answer."""
    rule = {"when": {"operation": "create_user"}, "write": "not_applied", "times": 2}
    with (
        MockHost("basics/healthy", rules=[{**rule, "fault": "autosync_fails"}]) as host,
        host.session("LDAP") as session,
    ):
        dn = "CN=bob,CN=CloudUsers,CN=App,DC=Contoso,DC=lab"
        before = host.objects("LDAP"), host.cache("LDAP")
        bodies = []
        for _ in range(3):
            body: Any = user(**{"-dn-": dn, "objectClass": ["user"]})
            answer = session.post(f"{host.url('LDAP')}/Users", json=body)
            assert answer.status_code == 201
            bodies.append(answer.content)
            if len(bodies) < 3:
                assert (host.objects("LDAP"), host.cache("LDAP")) == before
        assert bodies[0] == bodies[1] == bodies[2]
        assert len(host.objects("LDAP")) == len(before[0]) + 1


def test_the_request_that_brings_it_about_is_answered_in_the_new_state() -> None:
    """Debug goes on with a request that has no token, and this very request is let in."""
    rule = {"when": {"verdict": "unauthorized"}, "fault": "debug_switched"}
    with MockHost("basics/healthy", rules=[rule]) as host, host.session("SQL") as session:
        del session.headers["Authorization"]
        assert session.get(f"{host.url('SQL')}/Users").status_code == 200
        assert host.status()["effective"]["debug"] is True


def test_why_imports_fail_is_in_the_status() -> None:
    """Which is the only place where it can be seen."""
    with MockHost("basics/healthy", clock="frozen") as host:
        host.fail_next("find_users", fault={"autosync_fails": "the disk is full"}, connector="SQL")
        with host.session("SQL") as session:
            session.get(
                f"{host.url('SQL')}/Users", params={"filter": f'ContosoLogin eq "{BOB["ContosoLogin"]}"'}
            )
        host.import_now("SQL")
        states = host.status()["connectors"]
        assert states["SQL"]["import_problem"] == "the disk is full"
