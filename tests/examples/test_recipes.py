import datetime

import pytest
import requests

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"


def person(login):
    return {"schemas": [URN], URN: {"ContosoLogin": login, "FirstName": "Ann", "LastName": "Vance"}}


def test_time_stands_still_until_it_is_moved(mockhost, mockhost_client):
    before = mockhost_client.get("/Users/ljacobson").headers["Date"]
    mockhost.clock.advance(hours=2)
    after = mockhost_client.get("/Users/ljacobson").headers["Date"]
    assert before == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert after == "Thu, 01 Jan 2026 02:00:00 GMT"


@pytest.mark.mockhost(clock={"start": "2026-03-29T00:59:59Z"})
def test_a_clock_begins_where_it_is_told(mockhost):
    mockhost.clock.advance(seconds=1)
    assert datetime.datetime.fromisoformat(mockhost.clock.iso()).hour == 1


def test_the_secret_token_is_rotated_in_the_middle(mockhost, mockhost_client):
    assert mockhost_client.get("/Users").status_code == 200
    mockhost.set("connectors.SQL.secret_token", "the-new-one")
    mockhost.service("restart")
    assert mockhost_client.get("/Users").status_code == 401
    assert mockhost_client.get("/Users", headers=mockhost.headers("SQL")).status_code == 200


def test_the_certificate_expires_while_the_client_runs(mockhost, mockhost_client):
    assert mockhost_client.get("/Users").status_code == 200
    mockhost.clock.advance(days=731)
    with pytest.raises(requests.exceptions.SSLError, match="expired"):
        mockhost_client.get("/Users")


@pytest.mark.mockhost(host={"tls": {"valid": ["-1d", "1h"]}})
def test_the_certificate_is_short_lived(mockhost, mockhost_client):
    assert mockhost_client.get("/Users").status_code == 200
    mockhost.clock.advance(hours=2)
    with pytest.raises(requests.exceptions.SSLError):
        mockhost_client.get("/Users")


@pytest.mark.parametrize("write", ["applied", "not_applied"])
def test_the_third_create_is_lost(mockhost, mockhost_client, write):
    mockhost.fail_next("create_user", fault="connection_reset", nth=3, write=write)
    for login in ("ann1", "ann2"):
        assert mockhost_client.post("/Users", json=person(login)).status_code == 201
    with pytest.raises(requests.ConnectionError):
        mockhost_client.post("/Users", json=person("ann3"))
    assert bool(mockhost.objects("SQL", ContosoLogin="ann3")) == (write == "applied")
    assert mockhost_client.post("/Users", json=person("ann4")).status_code == 201


def test_who_is_created_was_looked_for_before(mockhost, mockhost_client):
    mockhost_client.get("/Users", params={"filter": 'ContosoLogin eq "ann"'})
    mockhost_client.post("/Users", json=person("ann"))
    mockhost.verify(
        order=[{"operation": "find_users", "who": "ann"}, {"operation": "create_user", "status": 201}]
    )
    mockhost.verify(operation="delete_user", count={"never": True})


@pytest.mark.mockhost(
    connectors={"SQL": {"states": {"initial": "Fine", "Fine": {"to": "Gone", "after": "10m"}, "Gone": {}}}},
    rules=[{"when": {"operation": "list_users", "in_state": "Gone"}, "reply": {"status": 503}}],
)
def test_it_goes_wrong_after_ten_minutes(mockhost, mockhost_client):
    assert mockhost_client.get("/Users").status_code == 200
    mockhost.clock.advance("10m")
    assert mockhost_client.get("/Users").status_code == 503


@pytest.mark.mockhost(strict=True)
def test_nothing_but_what_is_foreseen(mockhost, mockhost_client):
    mockhost.add_rule({"when": {"operation": "get_user"}, "reply": "normal"})
    assert mockhost_client.get("/Users/ljacobson").status_code == 200


def test_two_hosts_with_different_data(mockhost_factory):
    here = mockhost_factory("basics/healthy", connectors={"SQL": {"system": {"people": 20}}})
    there = mockhost_factory("basics/empty")
    assert len(here.objects("SQL")) > len(there.objects("SQL"))


@pytest.mark.mockhost(sets=["connectors.SQL.system.people=3"], seed=7)
@pytest.mark.parametrize("mockhost_scenario", ["basics/empty", "basics/healthy"])
def test_parametrized_by_hand(mockhost):
    assert len(mockhost.objects("SQL")) >= 3
    assert mockhost.scenario.seed == 7
