"""PATCH by the RFC: what each operation does, and what is refused, with which words. Dialects are in test_dialects."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mockhost.scim import patch
from mockhost.scim.errors import ScimError
from mockhost.scim.messages import CORE_USER, ECMA_USER, ENTERPRISE_USER, PATCH_OP
from tests.scim.resource_types import ECMA, GROUP, USER

WORK = {"type": "work", "value": "w@contoso.com", "primary": True}
HOME = {"type": "home", "value": "h@home.example"}
BABS: dict[str, Any] = {
    "schemas": [CORE_USER, ENTERPRISE_USER],
    "id": "u1",
    "userName": "babs",
    "name": {"givenName": "Babs", "familyName": "Jensen"},
    "emails": [WORK, HOME],
    ENTERPRISE_USER: {"department": "Help desk", "manager": {"value": "m1", "displayName": "Boss"}},
}
IN_SALES = {ENTERPRISE_USER: {**BABS[ENTERPRISE_USER], "department": "Sales"}}


def _op(op: str, path: str | None = None, *value: object) -> dict[str, object]:
    found: dict[str, object] = {"op": op}
    if path is not None:
        found["path"] = path
    if value:
        found["value"] = value[0]
    return found


def _patched(*operations: dict[str, object], **options: Any) -> dict[str, Any]:
    """What has changed of Babs; None for what is gone."""
    before = copy.deepcopy(BABS)
    after = patch.apply(before, {"schemas": [PATCH_OP], "Operations": [*operations]}, schema=USER, **options)
    assert before == BABS
    keys = {*after, *BABS}
    return {key: after.get(key) for key in keys if after.get(key) != BABS.get(key)}


@pytest.mark.parametrize(
    ("operation", "changed"),
    [
        # add (3.5.2.1)
        (_op("add", "nickName", "B"), {"nickName": "B"}),
        (_op("add", "userName", "b2"), {"userName": "b2"}),
        (_op("add", "name", {"middleName": "M"}), {"name": {**BABS["name"], "middleName": "M"}}),
        (_op("add", "emails", [{"value": "x@y.example"}]), {"emails": [WORK, HOME, {"value": "x@y.example"}]}),
        (_op("add", "emails", {"value": "x@y.example"}), {"emails": [WORK, HOME, {"value": "x@y.example"}]}),
        (_op("add", "emails", [{"value": "H@HOME.example"}]), {}),
        (
            _op("add", "emails", [{"value": "h@home.example", "display": "Babs"}]),
            {"emails": [WORK, {**HOME, "display": "Babs"}]},
        ),
        (
            _op("add", "emails", [{"value": "h@home.example", "type": "other"}]),
            {"emails": [WORK, HOME, {"value": "h@home.example", "type": "other"}]},
        ),
        (_op("add", "emails", []), {}),
        (_op("add", "emails", None), {}),
        (_op("add", "addresses", [{"country": "US"}, {"country": "us"}]), {"addresses": [{"country": "US"}]}),
        (_op("add", "emails[type eq \"home\"].primary", "true"),
         {"emails": [{**WORK, "primary": False}, {**HOME, "primary": True}]}),
        (_op("add", "photos", "https://contoso.example/p.png"), {"photos": [{"value": "https://contoso.example/p.png"}]}),
        (_op("add", None, {"title": "Chief", "schemas": ["x"], "id": "other"}), {"title": "Chief"}),
        # remove (3.5.2.2)
        (_op("remove", "emails"), {"emails": None}),
        (_op("remove", 'emails[type eq "work"]'), {"emails": [HOME]}),
        (_op("remove", 'emails[type eq "work" or type eq "home"]'), {"emails": None}),
        (_op("remove", 'emails[type eq "other"]'), {}),
        (_op("remove", 'emails[type eq "home"].value'), {"emails": [WORK, {"type": "home"}]}),
        (_op("remove", "emails.type"), 
         {"emails": [{k: v for k, v in WORK.items() if k != "type"}, {"value": "h@home.example"}]}),
        (_op("remove", "name.givenName"), {"name": {"familyName": "Jensen"}}),
        (_op("remove", "name"), {"name": None}),
        (_op("remove", "title"), {}),
        (_op("remove", "title", "whatever"), {}),
        (_op("remove", "emails", [{"value": "W@contoso.com"}]), {"emails": [HOME]}),
        (_op("remove", "emails", [{"value": "w@contoso.com", "type": "home"}]), {}),
        (_op("remove", "emails", [{"type": "home"}]), {"emails": [WORK]}),
        (_op("remove", "emails", "w@contoso.com"), {"emails": [HOME]}),
        (_op("remove", ENTERPRISE_USER), {ENTERPRISE_USER: None, "schemas": [CORE_USER]}),
        # replace (3.5.2.3)
        (_op("replace", "userName", "b2"), {"userName": "b2"}),
        (_op("replace", "title", "Chief"), {"title": "Chief"}),
        (_op("replace", "title", None), {}),
        (_op("replace", "name", {"givenName": "B", "middleName": None}),
         {"name": {"givenName": "B", "familyName": "Jensen"}}),
        (_op("replace", "name", None), {"name": None}),
        (_op("replace", "emails", [{"value": "x@y.example", "primary": "True"}]),
         {"emails": [{"value": "x@y.example", "primary": True}]}),
        (_op("replace", "emails", []), {"emails": None}),
        (_op("replace", 'emails[type eq "work"]', {"value": "x@y.example"}),
         {"emails": [{"value": "x@y.example"}, HOME]}),
        (_op("replace", 'emails[type pr].display', "d"),
         {"emails": [{**WORK, "display": "d"}, {**HOME, "display": "d"}]}),
        (_op("replace", f"{ENTERPRISE_USER}:department", "Sales"), IN_SALES),
        (_op("replace", "department", "Sales"), IN_SALES),
        (_op("replace", ENTERPRISE_USER, None), {ENTERPRISE_USER: None, "schemas": [CORE_USER]}),
        (_op("replace", f"{ENTERPRISE_USER}:manager", {"value": "m1", "displayName": "Other"}), {}),
        (_op("replace", CORE_USER, {"title": "Chief"}), {"title": "Chief"}),
        (_op("replace", f"{CORE_USER}:title", "Chief"), {"title": "Chief"}),
        (_op("replace", None, {}), {}),
    ],
)  # fmt: skip
def test_what_an_operation_changes(operation: dict[str, object], changed: dict[str, object]) -> None:
    """RFC 7644 3.5.2.1 to 3.5.2.3, bullet by bullet."""
    assert _patched(operation) == changed


@pytest.mark.parametrize(
    ("operation", "scim_type", "detail"),
    [
        (_op("add", "title"), "invalidValue", "An operation 'add' needs a value."),
        (_op("replace", None, "x"), "invalidValue", "The value without a path is an object, not 'x'."),
        (_op("add", ENTERPRISE_USER, "x"), "invalidValue", f"The value for {ENTERPRISE_USER} is an object, not 'x'."),
        (_op("remove"), "noTarget", "A remove needs a path that says what to remove."),
        (_op("remove", CORE_USER), "noTarget", "A resource's own schema can't be removed: name an attribute."),
        (_op("add", "emails[type", "x"), "invalidPath",
         "This path is invalid: expected an operator after 'type', but the path ends, column 12."),
        (_op("add", None, {"emails[type": "x"}), "invalidPath",
         "This path is invalid: expected an operator after 'type', but the path ends, column 12."),
        (_op("add", 'name[givenName eq "x"].familyName', "x"), "invalidPath",
         "This path is invalid: name has a single value, brackets choose among several."),
        (_op("replace", 'emails[type eq "x"].value', "x"), "noTarget",
         "No value of emails fits the path 'emails[type eq \"x\"].value'."),
        (_op("add", 'emails[type eq "x" or type eq "y"].value', "x"), "noTarget",
         "No value of emails fits the path 'emails[type eq \"x\" or type eq \"y\"].value'."),
        (_op("add", 'emails[type eq "other"]', {"type": "x"}), "invalidValue",
         "The value contradicts the brackets of 'emails[type eq \"other\"]'."),
        (_op("add", 'emails[primary gt "x"].value', "x"), "invalidFilter",
         "This filter is invalid: 'gt' can't be used on a boolean or binary attribute: try eq or ne."),
        (_op("replace", "active", "maybe"), "invalidValue", "active takes true or false, not 'maybe'."),
        (_op("replace", "userName", 5), "invalidValue", "userName takes a string, not 5."),
        (_op("replace", "userName", ["a", "b"]), "invalidValue", "userName takes one value, not 2."),
        (_op("replace", "name.givenName", {"a": 1}), "invalidValue", "givenName takes a string, not an object."),
        (_op("replace", "name", "x"), "invalidValue", "name takes an object, not 'x'."),
        (_op("add", "emails", [["x"]]), "invalidValue", "emails takes an object, not an array."),
        (_op("add", "emails", [{"value": "a", "primary": True}, {"value": "b", "primary": True}]), "invalidValue",
         "Only one value of emails can be primary, not 2."),
        (_op("remove", "emails", [{}]), "invalidValue", "The value names nothing of emails to remove."),
        (_op("replace", "id", "x"), "mutability", "The attribute id is read-only."),
        (_op("add", "schemas", ["x"]), "mutability", "The attribute schemas is read-only."),
        (_op("replace", "meta.location", "x"), "mutability", "The attribute meta.location is read-only."),
        (_op("replace", f"{ENTERPRISE_USER}:manager.displayName", "x"), "mutability",
         f"The attribute {ENTERPRISE_USER}:manager.displayName is read-only."),
        (_op("remove", "userName"), "mutability", "userName is required: it can't be removed."),
        (_op("replace", "userName", None), "mutability", "userName is required: it can't be removed."),
        (_op("replace", "nope", "x"), "invalidPath", "There is no attribute 'nope'."),
        (_op("replace", None, {"nope": "x"}), "invalidPath", "There is no attribute 'nope'."),
        (_op("replace", "name", {"nope": "x"}), "invalidValue", "name has no sub-attribute 'nope'."),
        (_op("replace", 'emails[nope eq "x"].value', "x"), "invalidPath", "There is no attribute 'emails.nope'."),
    ],
)  # fmt: skip
def test_what_is_refused_and_why(operation: dict[str, object], scim_type: str, detail: str) -> None:
    """The operation is named, and what is wrong with it; here attributes that nobody has are refused."""
    with pytest.raises(ScimError) as refused:
        _patched(_op("add", "title", "first"), operation, unknown="refuse")
    assert (refused.value.status, refused.value.scim_type) == (400, scim_type)
    assert refused.value.detail == f"Operation 2 of 2: {detail}"


@pytest.mark.parametrize(
    ("body", "scim_type", "detail"),
    [
        ([], "invalidSyntax", "The request is invalid: a PATCH takes a JSON object with Operations, not an array."),
        ({}, "invalidSyntax", "The request is invalid: a PATCH has a member 'Operations', which is an array."),
        ({"schemas": [CORE_USER], "Operations": []}, "invalidSyntax",
         f"The request is invalid: 'schemas' of a PATCH names {PATCH_OP}."),
        ({"Operations": ["x"]}, "invalidSyntax",
         "The request is invalid: Operation 1 of 1 is 'x', not an object with op, path and value."),
        ({"Operations": [{"op": "move"}]}, "invalidSyntax",
         "The request is invalid: Operation 1 of 1 has the op 'move'; there are add, replace and remove."),
        ({"Operations": [{"path": "title"}]}, "invalidSyntax",
         "The request is invalid: Operation 1 of 1 has no op; there are add, replace and remove."),
        ({"Operations": [{"op": "add", "path": 5}]}, "invalidPath",
         "Operation 1 of 1: a path is a string, not 5."),
    ],
)  # fmt: skip
def test_bodies_that_are_no_patch(body: object, scim_type: str, detail: str) -> None:
    """The message is read whole before anything is done."""
    with pytest.raises(ScimError) as refused:
        patch.apply(BABS, body, schema=USER)
    assert (refused.value.status, refused.value.scim_type, refused.value.detail) == (400, scim_type, detail)


@pytest.mark.parametrize(
    "unknown", ["nope", "name.nope", "emails.nope", 'emails[nope eq "x"].value', f"{ECMA_USER}:x"]
)
@pytest.mark.parametrize("op", ["add", "replace", "remove"])
def test_unknown_attributes_are_passed_over_by_default(op: str, unknown: str) -> None:
    """Also inside values."""
    assert _patched(_op(op, unknown, "x")) == {}
    assert _patched(_op("replace", "name", {"nope": "x", "givenName": "Babs"})) == {}


@pytest.mark.parametrize(
    ("unmatched", "op", "made"),
    [("add", "add", True), ("add", "replace", False), ("always", "replace", True), ("never", "add", False)],
)
def test_when_a_missing_element_is_made(unmatched: str, op: str, made: bool) -> None:
    """RFC 7644 3.5.2.3 wants noTarget for a replace; Entra wants an add to succeed; a switch for both."""
    operation = _op(op, 'emails[type eq "other"].value', "o@contoso.com")
    if made:
        expected = {"emails": [WORK, HOME, {"type": "other", "value": "o@contoso.com"}]}
        assert _patched(operation, unmatched=unmatched) == expected
        return
    with pytest.raises(ScimError) as refused:
        _patched(operation, unmatched=unmatched)
    assert refused.value.scim_type == "noTarget"


def test_operations_build_on_each_other() -> None:
    """In the order in which they are listed (RFC 7644 3.5.2)."""
    assert _patched(
        _op("add", 'emails[type eq "other"].value', "o@contoso.com"),
        _op("replace", 'emails[type eq "other"].display', "Other"),
        _op("remove", 'emails[display eq "Other"].value'),
    ) == {"emails": [WORK, HOME, {"type": "other", "display": "Other"}]}


def test_immutable_attributes_are_set_once() -> None:
    """They can be given a value, repeated in any case, and neither changed nor removed."""
    row = {"schemas": [ECMA_USER], "id": "1", ECMA_USER: {"FirstName": "Bob"}}
    filled = patch.apply(row, {"Operations": [_op("add", "ContosoLogin", "bob")]}, schema=ECMA)
    assert filled[ECMA_USER] == {"FirstName": "Bob", "ContosoLogin": "bob"}
    again = {"Operations": [_op("replace", "ContosoLogin", "BOB")]}
    assert patch.apply(filled, again, schema=ECMA) == filled
    for operation in (
        _op("replace", "ContosoLogin", "al"),
        _op("remove", "ContosoLogin"),
        _op("remove", ECMA_USER),
    ):
        with pytest.raises(ScimError) as refused:
            patch.apply(filled, {"Operations": [operation]}, schema=ECMA)
        assert refused.value.scim_type == "mutability"


def test_members_of_a_group_are_immutable_but_come_and_go() -> None:
    """RFC 7643 8.7.1: the sub-attributes of members are immutable, the list isn't."""
    group = {
        "schemas": [],
        "id": "g",
        "displayName": "G",
        "members": [{"value": "u1", "$ref": "../Users/u1"}],
    }
    again = {"Operations": [_op("add", "members", [{"value": "u1", "$ref": "elsewhere", "display": "U"}])]}
    after = patch.apply(group, again, schema=GROUP)
    assert after["members"] == [{"value": "u1", "$ref": "../Users/u1", "display": "U"}]
    with pytest.raises(ScimError) as refused:
        patch.apply(
            group, {"Operations": [_op("replace", 'members[value eq "u1"].value', "u2")]}, schema=GROUP
        )
    assert refused.value.scim_type == "mutability"


def test_a_resource_keeps_its_own_spelling() -> None:
    """Names of a request in any case don't add a second spelling to the resource."""
    row = {
        "Schemas": [CORE_USER],
        "username": "b",
        "NAME": {"GIVENNAME": "B"},
        "Emails": [{"TYPE": "work", "value": "w"}],
    }
    operations = [
        _op("replace", "userName", "c"),
        _op("replace", "name.givenName", "C"),
        _op("replace", 'emails[type eq "work"].value', "x"),
        _op("add", f"{ENTERPRISE_USER}:department", "D"),
    ]
    assert patch.apply(row, {"Operations": operations}, schema=USER) == {
        "Schemas": [CORE_USER, ENTERPRISE_USER],
        "username": "c",
        "NAME": {"GIVENNAME": "C"},
        "Emails": [{"TYPE": "work", "value": "x"}],
        ENTERPRISE_USER: {"department": "D"},
    }


def test_a_connectors_multi_valued_columns() -> None:
    """objectClass: values are added once in any case, and removed by value."""
    row = {"schemas": [], "id": "1", ECMA_USER: {"objectClass": ["top", "person"]}}

    def after(*operations: dict[str, object]) -> object:
        found = patch.apply(row, {"Operations": [*operations]}, schema=ECMA)[ECMA_USER]
        assert isinstance(found, dict)
        return found["objectClass"]

    assert after(_op("add", "objectClass", ["PERSON", "user"])) == ["top", "person", "user"]
    assert after(_op("remove", "objectClass", ["Top"])) == ["person"]
    assert after(_op("remove", 'objectClass[value eq "top"]')) == ["person"]
    assert after(_op("replace", 'objectClass[value sw "p"]', "user")) == ["top", "user"]
    assert after(_op("replace", "objectClass", "user")) == ["user"]
    with pytest.raises(ScimError, match="No value of objectClass fits"):
        after(_op("add", 'objectClass[value eq "x"]', "x"))
