"""What a rule may ask of a request, and that what can't be read matches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.rules.conftest import URN, Client, Play

FOUND = {"reply": {"status": 299}}
Asked = tuple[str, str, Any, Mapping[str, Any]]
FIND: Asked = ("GET", f"/Users?filter={URN}:ContosoLogin+eq+%22ljacobson%22", None, {})
PROBE: Asked = ("GET", "/Users?filter=PLACEHOLDER+eq+%22x%22", None, {})
CREATE: Asked = (
    "POST",
    "/Users",
    {"schemas": [URN], URN: {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "K"}},
    {},
)
PATCH: Asked = (
    "PATCH",
    "/Users/ljacobson",
    {"Operations": [{"op": "Replace", "path": f"{URN}:FirstName", "value": "Lea"}]},
    {},
)

HOLDS: list[tuple[Mapping[str, Any], Asked]] = [
    ({"operation": "find_users"}, FIND),
    ({"operation": ["get_user", "find_users"]}, FIND),
    ({"operation": {"ends_with": "_users"}}, FIND),
    ({"probe": True}, PROBE),
    ({"probe": False}, FIND),
    ({"connector": "SQL"}, FIND),
    ({"id": "ljacobson"}, PATCH),
    ({"id": {"starts_with": "lj"}}, PATCH),
    ({"filter": {"contains": "ContosoLogin"}}, FIND),
    ({"filter": {"absent": True}}, CREATE),
    ({"attributes": {"ContosoLogin": "ljacobson"}}, FIND),
    ({"attributes": {"contosologin": {"matches": "^lja"}}}, FIND),
    ({"attributes": {"FirstName": "Bob", "LastName": {"not": "J"}}}, CREATE),
    ({"attributes": {f"{URN}:FirstName": {"any_of": ["Lea", "Mia"]}}}, PATCH),
    ({"attributes": {"Email": {"absent": True}}}, CREATE),
    ({"method": "GET", "path": {"ends_with": "/Users"}}, FIND),
    ({"header": {"x-mark": "1"}}, (*FIND[:3], {"X_Mark": "1"})),
    ({"header": {"X-Mark": {"absent": True}}}, FIND),
    ({"body": {f"/{URN}/FirstName": "Bob"}}, CREATE),
    ({"body": {"/Operations/0/op": {"equals": "Replace"}}}, PATCH),
    ({"body": {"/nothing": {"absent": True}}}, PATCH),
    ({"connection": {"nth": 1}}, FIND),
    ({"connection": {"nth": [1, 2], "exchange": {"at_most": 1}}}, FIND),
    ({"in_state": "Started"}, FIND),
    ({"verdict": "unauthorized"}, (*FIND[:3], {"Authorization": "Bearer wrong"})),
    ({"verdict": "any", "operation": "find_users"}, (*FIND[:3], {"Authorization": None})),
    ({"method": "PUT"}, ("PUT", "/Users", None, {"Content_Length": "0"})),
]


@pytest.mark.parametrize(("when", "asked"), HOLDS, ids=lambda value: str(value)[:60])
def test_a_condition_that_holds(when: Mapping[str, Any], asked: Asked, play: Play) -> None:
    """The rule answers what it is meant for."""
    method, path, body, headers = asked
    assert play({"when": when, **FOUND}).send(method, path, body, **headers).status == 299


FAILS: list[tuple[Mapping[str, Any], Asked, str]] = [
    ({"operation": "get_user"}, FIND, "operation: expected 'get_user', got 'find_users'"),
    ({"connector": "LDAP"}, FIND, "connector: expected 'LDAP', got 'SQL'"),
    ({"attributes": {"FirstName": "Bo"}}, CREATE, "attributes FirstName: expected 'Bo', got 'Bob'"),
    ({"header": {"X-Mark": "1"}}, FIND, "header X-Mark: expected '1', got nothing"),
    ({"body": {"/a": 1}}, CREATE, "body /a: expected 1, got nothing"),
    ({"in_state": ["Broken", "Gone"]}, FIND, "in_state: expected 'Broken' or 'Gone', got 'Started'"),
    ({"connection": {"exchange": 2}}, FIND, "connection exchange: expected 2, got 1"),
    (
        {"operation": "find_users"},
        (*FIND[:3], {"Authorization": "Bearer wrong"}),
        "verdict: the request was refused (unauthorized); the rule names no verdict, method, path or header",
    ),
    (
        {"attributes": {"FirstName": {"absent": True}}},
        ("POST", "/Users", b'{"FirstName": ', {}),
        "attributes FirstName: the body is not JSON",
    ),
    (
        {"body": {"/FirstName": {"not": "Bob"}}},
        ("POST", "/Users", b"\xff", {}),
        "body /FirstName: the body is not JSON",
    ),
    (
        {"attributes": {"FirstName": {"not": "Bob"}}},
        ("GET", "/Users?filter=FirstName+is+Bob", None, {}),
        "attributes FirstName: the filter can't be read",
    ),
    (
        {"operation": "find_users", "filter": {"absent": True}},
        ("GET", "/Users?filter=a+pr&count=many", None, {}),
        "filter: the query can't be read",
    ),
]


@pytest.mark.parametrize(("when", "asked", "why"), FAILS, ids=lambda value: str(value)[:60])
def test_a_condition_that_fails_is_named_by_the_near_miss(
    when: Mapping[str, Any], asked: Asked, why: str, play: Play
) -> None:
    """The rule passes, and the one condition that kept it from applying is told with the value that was there."""
    client = play({"name": "mine", "when": when, **FOUND})
    method, path, body, headers = asked
    assert client.send(method, path, body, **headers).status != 299
    near = client.host.near_miss(client.host.journal.entries()[-1])
    assert near is not None
    assert near.fired is None
    assert near.considered == ("mine",)
    assert near.closest is not None
    assert why in f"{near.closest.condition}: {near.closest.why}"
    assert near.text.startswith("rule 'mine' came closest")


def test_the_closest_rule_is_the_one_with_the_fewest_failures(play: Play) -> None:
    """Of three that were considered, the near miss is about the one that asks for such a request and nearly has it."""
    client = play(
        {"name": "other", "when": {"operation": "delete_user"}, **FOUND},
        {
            "name": "far",
            "when": {"operation": "create_user", "attributes": {"FirstName": "A", "LastName": "B"}},
            **FOUND,
        },
        {
            "name": "near",
            "when": {"operation": "create_user", "attributes": {"FirstName": "Bob", "LastName": "B"}},
            **FOUND,
        },
    )
    client.create("bob")
    near = client.host.near_miss(client.host.journal.entries()[-1])
    assert near is not None
    assert near.closest is not None
    assert (near.closest.rule, near.closest.held, near.closest.conditions) == ("near", 2, 3)
    assert near.text == (
        "rule 'near' came closest (2 of 3 conditions hold); attributes LastName: expected 'B', got 'X'"
    )


def test_rules_behind_the_one_that_fired_were_not_considered(play: Play) -> None:
    """The near miss tells which rules saw the request, and which of them fired."""
    client = play(
        {"name": "first", "when": {"operation": "get_user"}, **FOUND},
        {"name": "second", "when": {"operation": "find_users"}, **FOUND},
        {"name": "third", "when": {"operation": "find_users"}, **FOUND},
    )
    client.find()
    near = client.host.near_miss(client.host.journal.entries()[-1])
    assert near is not None
    assert (near.considered, near.fired) == (("first", "second"), "second")
    assert near.to_json()["fired"] == "second"


def test_a_near_miss_shows_no_secret(play: Play) -> None:
    """A rule on the Authorization header is compared with what the journal keeps, which is no token."""
    client = play({"name": "mine", "when": {"header": {"Authorization": "Bearer other-secret"}}, **FOUND})
    client.find()
    near = client.host.near_miss(client.host.journal.entries()[-1])
    assert near is not None
    assert near.closest is not None
    assert near.closest.condition == "header Authorization"
    assert client.host.truth().secret_token not in near.text


def test_without_rules_there_is_no_near_miss(play: Play) -> None:
    """Nothing was considered, and nothing is told."""
    client: Client = play()
    client.find()
    assert client.host.near_miss(client.host.journal.entries()[-1]) is None
