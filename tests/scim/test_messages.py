"""The messages of the protocol: their shapes and the order of their members."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mockhost.matching import ABSENT
from mockhost.scim import messages
from mockhost.scim.attributes import Schema, read_attributes
from mockhost.scim.errors import ScimError, error_body
from mockhost.scim.grammar import AttrPath
from tests.scim.resource_types import ECMA, USER


def test_a_list_response_has_its_members_in_the_librarys_order() -> None:
    """As AzureAD/SCIMReferenceCode serialises it; a page counts what it holds."""
    assert json.dumps(messages.list_response([{"id": "1"}], 7, 3)) == (
        '{"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 7, '
        '"itemsPerPage": 1, "startIndex": 3, "Resources": [{"id": "1"}]}'
    )


@pytest.mark.parametrize(("status_as", "status"), [("string", "400"), ("number", 400)])
def test_errors(status_as: str, status: object) -> None:
    """RFC 7644 3.12, with the status as a string, or as the library writes it."""
    error = ScimError(400, "invalidFilter", "No.")
    schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"]
    expected = {"schemas": schemas, "scimType": "invalidFilter", "detail": "No.", "status": status}
    assert error.body(status_as=status_as) == expected
    assert list(error.body()) == ["schemas", "scimType", "detail", "status"]
    assert error_body(404, None, status_as=status_as) == {
        "schemas": schemas,
        "status": 404 if status == 400 else "404",
    }
    assert str(error) == "No."


def test_an_error_can_always_be_written() -> None:
    """Half a surrogate pair in what a client sent doesn't make the answer fail."""
    assert ScimError(400, None, "not '\ud800é'").detail == "not '\\ud800é'"


@pytest.mark.parametrize(
    ("ident", "quoted"),
    [
        ("bob", "bob"),
        ("CN=ljacobson,OBJECT=USER", "CN%3Dljacobson%2COBJECT%3DUSER"),
        ("a b/c@d", "a%20b%2Fc%40d"),
        ("Zoë~-._", "Zo%C3%AB~-._"),
    ],
)
def test_ids_in_urls(ident: str, quoted: str) -> None:
    """As .NET's Uri.EscapeDataString writes them."""
    assert messages.quote_id(ident) == quoted


def test_a_schema_names_every_characteristic_and_no_null() -> None:
    """Microsoft Learn, Develop and plan provisioning for a SCIM endpoint, heading "Schema discovery"."""
    attribute = messages.schema_attribute("FirstName", required=True)
    schema = messages.schema_resource(
        messages.ECMA_USER, "User", [attribute], location="https://h/scim/Schemas"
    )
    assert schema["id"] == messages.ECMA_USER
    assert schema["attributes"] == [
        {
            "name": "FirstName",
            "type": "string",
            "multiValued": False,
            "description": "FirstName",
            "required": True,
            "caseExact": False,
            "mutability": "readWrite",
            "returned": "default",
            "uniqueness": "none",
        }
    ]
    assert schema["meta"] == {
        "resourceType": "Schema",
        "location": f"https://h/scim/Schemas/{messages.ECMA_USER}",
    }


@pytest.mark.parametrize("path", ["userName", "name", "emails", "addresses"])
def test_a_schema_can_be_read_back(path: str) -> None:
    """What PATCH works with survives the way over the wire."""
    info = USER.attribute(AttrPath(None, path))
    assert info is not None
    (found,) = read_attributes([{"type": "string"}, messages.definition_of(info)]).values()
    assert messages.definition_of(found) == messages.definition_of(info)
    assert found.sub == (
        None if info.sub is None else read_attributes(map(messages.definition_of, info.sub.values()))
    )


def test_the_service_describes_itself() -> None:
    """By default as AzureAD/SCIMReferenceCode does: filter and PATCH, nothing else."""
    config: Any = messages.service_provider_config(location="https://h/scim/ServiceProviderConfig")
    supported = {key for key, value in config.items() if isinstance(value, dict) and value.get("supported")}
    assert supported == {"patch", "filter"}
    assert set(config) == {
        *("schemas", "patch", "bulk", "filter", "changePassword", "sort", "etag"),
        *("authenticationSchemes", "meta"),
    }
    user: Any = messages.resource_type_user("https://h/scim")
    assert user["schemaExtensions"] == [{"schema": messages.ECMA_USER, "required": False}]
    assert (user["endpoint"], user["meta"]["location"]) == ("/Users", "https://h/scim/ResourceTypes/User")


def test_meta_leaves_out_what_is_not_known() -> None:
    """A connector host knows no moments."""
    assert messages.meta("User", "x") == {"resourceType": "User", "location": "x"}
    assert list(messages.meta("User", "x", created="c", last_modified="m")) == [
        *("resourceType", "created", "lastModified", "location")
    ]


CREATE = {
    "schemas": [],
    "active": False,
    "name": {"givenName": "B"},
    messages.ECMA_USER: {"FirstName": "Bob", "Mail": None},
    f"{messages.ECMA_USER}:Flat": 1,
}
PATCH = {
    "Operations": [
        {"op": "Add", "path": f"{messages.ECMA_USER}:FirstName", "value": "Bo"},
        {"op": "Replace", "path": "FirstName", "value": "Bob"},
        {
            "op": "replace",
            "value": {"active": "False", "name.givenName": "B", messages.ECMA_USER: {"Flat": 1}},
        },
        {"op": "Remove", "path": f"{messages.ECMA_USER}:Mail"},
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "w"},
        {"op": "Add", "path": "manager", "value": {"value": "m"}},
        "junk",
        {"path": 5},
        {"value": "junk"},
    ]
}


@pytest.mark.parametrize(
    ("document", "name", "value"),
    [
        (CREATE, "FirstName", "Bob"),
        (CREATE, "firstname", "Bob"),
        (CREATE, f"{messages.ECMA_USER}:FirstName", "Bob"),
        (CREATE, "Flat", 1),
        (CREATE, "Mail", None),
        (CREATE, "active", False),
        (CREATE, "name.givenName", "B"),
        (CREATE, "name.familyName", ABSENT),
        (CREATE, f"{messages.ENTERPRISE_USER}:FirstName", ABSENT),
        (CREATE, "nope", ABSENT),
        (CREATE, "not a name", ABSENT),
        (PATCH, "FirstName", "Bob"),
        (PATCH, "active", "False"),
        (PATCH, "name.givenName", "B"),
        (PATCH, "Flat", 1),
        (PATCH, "Mail", None),
        (PATCH, "emails", "w"),
        (PATCH, "emails.value", "w"),
        (PATCH, "emails.type", ABSENT),
        (PATCH, "manager.value", "m"),
        (PATCH, "nope", ABSENT),
        ([1], "a", ABSENT),
        (None, "a", ABSENT),
    ],
)
def test_the_value_that_a_request_gives_an_attribute(document: object, name: str, value: object) -> None:
    """For rules and for verification: in a resource or in any dialect of PATCH."""
    assert messages.value_in_request(document, name) == value


def test_containers() -> None:
    """A schema's URN is told from an attribute's: both look alike."""
    assert ECMA.container(messages.ECMA_USER.upper()) == messages.ECMA_USER
    assert ECMA.container(messages.CORE_USER) == ""
    assert ECMA.container(f"{messages.CORE_USER}:userName") is None
    assert ECMA.container(messages.ENTERPRISE_USER) is None
    assert Schema({}).attribute(AttrPath(None, "ID")) is not None
    info = ECMA.attribute(AttrPath(messages.CORE_USER, "Active"))
    assert info is not None
    assert info.urn is None
