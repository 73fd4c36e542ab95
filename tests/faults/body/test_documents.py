"""Attributes are found in any case, bare or with their URN, in core resources and in extensions."""

from __future__ import annotations

import pytest

from mockhost.faults.documents import places, resources
from mockhost.scim.messages import CORE_USER, ECMA_USER, ENTERPRISE_USER
from tests.faults.body.answers import core_user, group, listing, user


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("FirstName", ["Lisa"]),
        ("firstname", ["Lisa"]),
        (f"{ECMA_USER}:FirstName", ["Lisa"]),
        (f"{ECMA_USER.upper()}:FIRSTNAME", ["Lisa"]),
        ("active", [True]),
        (f"{CORE_USER}:active", [True]),
        ("meta.resourceType", ["User"]),
        ("nothing", []),
        ("nothing.at.all", []),
        ("urn:other:FirstName", []),
        (":", []),
        ("", []),
        (".", []),
    ],
)
def test_names_of_a_connectors_attributes(name: str, values: list[object]) -> None:
    assert [container[key] for container, key in places(user(), name)] == values


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("userName", ["bjensen@example.com"]),
        ("name.givenName", ["Barbara"]),
        (f"{CORE_USER}:name.familyName", ["Jensen"]),
        ("emails.value", ["bjensen@example.com", "b@home.example"]),
        ("EMAILS.TYPE", ["work", "home"]),
        ("manager.value", ["26118915"]),
        ("employeeNumber", ["701984"]),
        (f"{ENTERPRISE_USER}:manager.displayName", ["John Smith"]),
    ],
)
def test_names_of_core_attributes(name: str, values: list[object]) -> None:
    assert [container[key] for container, key in places(core_user(), name)] == values


def test_a_whole_extension_has_a_name() -> None:
    assert places(user(), ECMA_USER)[0][1] == ECMA_USER


def test_resources_are_those_of_a_list_an_array_or_the_one_that_it_is() -> None:
    assert resources(listing(user(), group())) == [user(), group()]
    assert resources([user(), 1]) == [user()]
    assert resources(user()) == [user()]
    assert resources({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "404"}) == []
