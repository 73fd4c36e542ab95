"""Faults on the answers of a connector of kind scim: core attributes, complex and multi-valued ones, extensions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.scim.messages import CORE_USER, ENTERPRISE_USER
from tests.web.test_provider import Client

PHONES = [{"type": "work", "value": "+1 425 555 0100"}]
TYPES = ["application/scim+json; charset=utf-8"]


@pytest.fixture(scope="module")
def running() -> Iterator[MockHost]:
    """A service provider with a user, whose manager is another."""
    users = [
        {"userName": "boss", "id": "0"},
        {
            "userName": "ann",
            "id": "1",
            "externalId": "42",
            "active": True,
            "name": {"givenName": "Ann", "familyName": "Lee"},
            "phoneNumbers": PHONES,
            ENTERPRISE_USER: {"department": "Sales", "manager": {"value": "0"}},
        },
    ]
    scenario = {"extends": "basics/scim", "connectors": {"SCIM": {"system": {"resources": {"User": users}}}}}
    with MockHost({"format": 1, **scenario}, tls=False, control=False) as host:
        yield host


def ask(host: MockHost, fault: object, target: str = "/Users/1") -> Any:
    """What comes back when the fault meets the next request."""
    host.reset()
    host.add_rule({"fault": fault})
    answer = Client(host)("GET", target)
    assert not [entry.bug for entry in host.journal if entry.bug]
    return answer.json


FIND = "/Users?filter=userName+eq+%22ann%22"


def test_a_manager_as_a_string(running: MockHost) -> None:
    assert ask(running, "manager_as_string")[ENTERPRISE_USER]["manager"] == "0"
    assert (
        ask(running, {"manager_as_string": "26118915"}, "/Users/0")[ENTERPRISE_USER]["manager"] == "26118915"
    )


def test_several_resources_for_one(running: MockHost) -> None:
    found = ask(running, "several_resources", FIND)
    assert (found["totalResults"], [each["id"] for each in found["Resources"]]) == (2, ["1", "1-2"])
    assert ask(running, "several_resources")["totalResults"] == 2


def test_attributes_that_are_dropped(running: MockHost) -> None:
    """Of the core, of a complex value and of an extension; or all but what a resource can't be without."""
    names = ["userName", "name.givenName", f"{ENTERPRISE_USER}:manager"]
    left = ask(running, {"dropped_attributes": names})
    assert "userName" not in left
    assert left["name"] == {"familyName": "Lee"}
    assert left[ENTERPRISE_USER] == {"department": "Sales"}
    assert set(ask(running, "dropped_attributes")) == {"schemas", "id", "meta"}


def test_values_that_are_reformatted(running: MockHost) -> None:
    """A phone number in a multi-valued attribute, for which Entra sends a PATCH in each cycle."""
    fault = {"reformatted_values": {"how": "phone", "attributes": ["phoneNumbers.value"]}}
    assert ask(running, fault)["phoneNumbers"] == [{"type": "work", "value": "(425) 555-0100"}]
    upper = ask(
        running, {"reformatted_values": {"how": "upper", "attributes": ["name.familyName", "phoneNumbers"]}}
    )
    assert (upper["name"]["familyName"], upper["userName"]) == ("LEE", "ann")


def test_schemas_that_are_missing(running: MockHost) -> None:
    assert "schemas" not in ask(running, "missing_schemas")
    found = ask(running, {"missing_schemas": "resources"}, FIND)
    assert "schemas" in found
    assert "schemas" not in found["Resources"][0]


def test_attributes_under_other_names(running: MockHost) -> None:
    names = {"userName": "user_name", "name.givenName": "first", "phoneNumbers": "phones"}
    found = ask(running, {"renamed_attributes": names})
    assert (found["user_name"], found["name"]["first"], found["phones"]) == ("ann", "Ann", PHONES)


def test_names_in_another_case(running: MockHost) -> None:
    found = ask(running, {"recased_attributes": "pascal"}, FIND)["Resources"][0]
    assert (found["UserName"], found["Name"]["GivenName"]) == ("ann", "Ann")
    assert ENTERPRISE_USER in found


def test_null_for_a_list(running: MockHost) -> None:
    assert ask(running, "null_list", FIND)["Resources"] is None
    assert ask(running, {"null_list": ["phoneNumbers"]})["phoneNumbers"] is None


def test_strings_as_numbers_and_numbers_as_strings(running: MockHost) -> None:
    assert ask(running, {"strings_as_numbers": ["externalId"]})["externalId"] == 42
    assert ask(running, "numbers_as_strings", FIND)["totalResults"] == "1"


@pytest.mark.parametrize(
    ("fault", "target", "wrong"),
    [
        ({"lying_totals": {"total_results": 5}}, FIND, lambda found: found["totalResults"] == 5),
        ("missing_resources", FIND, lambda found: "Resources" not in found),
        ("missing_id", "/Users/1", lambda found: "id" not in found),
        ({"changed_id": {"to": "value", "value": "9"}}, "/Users/1", lambda found: found["id"] != "1"),
        ({"error_with_200": 503}, "/Users/1", lambda found: found["status"] == "503"),
    ],
)
def test_lists_ids_and_errors(running: MockHost, fault: object, target: str, wrong: Any) -> None:
    """The message is what is wrong, whatever its resources are."""
    assert wrong(ask(running, fault, target))


def test_a_conflict_speaks_of_the_user_name(running: MockHost) -> None:
    """In a service provider's words, with its media type; there is no anchor here."""
    running.reset()
    running.add_rule({"fault": "conflict"})
    refused = Client(running).create("zoe")
    assert (refused.status, refused.json["scimType"]) == (409, "uniqueness")
    assert refused.json["detail"] == "There is already a resource with the userName 'zoe'."
    assert refused.headers["Content-Type"] in TYPES
    group = Client(running)("POST", "/Groups", {"schemas": [CORE_USER], "displayName": "Sales"})
    assert group.json["detail"] == "There is already a resource with the displayName 'Sales'."
