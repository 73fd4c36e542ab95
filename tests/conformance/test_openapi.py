"""The OpenAPI document: made from what discovery says, so that whatever it allows has to be accepted."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from conformance import openapi
from conformance.target import Answer, Target

URN = "urn:example:Device"
EXTENSION = "urn:example:extension:Device"


def attribute(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    common = {"multiValued": False, "required": False, "mutability": "readWrite", "returned": "default"}
    return {"name": name, "type": kind, "uniqueness": "none", **common, **more}


DISCOVERY = {
    "/ServiceProviderConfig": {"patch": {"supported": True}},
    "/ResourceTypes": {
        "Resources": [
            {
                "name": "Device",
                "endpoint": "/Devices",
                "schema": URN,
                "schemaExtensions": [{"schema": EXTENSION, "required": False}],
            }
        ]
    },
    "/Schemas": {
        "Resources": [
            {
                "id": URN,
                "attributes": [
                    attribute("serial", required=True, uniqueness="server"),
                    attribute("secret", mutability="writeOnly", returned="never"),
                    attribute("seen", "dateTime", mutability="readOnly"),
                    attribute("colour", canonicalValues=["red", "blue"]),
                    attribute(
                        "ports", "complex", multiValued=True, subAttributes=[attribute("number", "integer")]
                    ),
                    attribute("owner", "reference", referenceTypes=["User"]),
                ],
            },
            {"id": EXTENSION, "attributes": [attribute("rack")]},
        ]
    },
}


@pytest.fixture
def document(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The document of an endpoint with one resource type of its own."""

    class Found(Answer):
        def json(self) -> Any:
            return DISCOVERY[self.text]

    monkeypatch.setattr(openapi, "ask", lambda target, method, path: Found(200, {}, path))
    return openapi.document(Target("https://localhost:8585/ecma2host_SCIM/scim", "", None))


def test_what_is_sent_and_what_is_answered_differ(document: dict[str, Any]) -> None:
    """Read-only attributes are not sent, a secret is not answered, a reference to another resource is neither asked."""
    sent = document["components"]["schemas"]["NewDevice"]["anyOf"][0]
    answered = document["components"]["schemas"]["Device"]
    assert set(sent["properties"]) == {"serial", "secret", "colour", "ports", "schemas", "externalId"}
    assert {"seen", "owner", "id", "meta"} <= set(answered["properties"])
    assert "secret" not in answered["properties"]
    assert answered["required"] == ["id", "meta", "schemas", "serial"]


@pytest.mark.parametrize(
    ("body", "allowed"),
    [
        ({"schemas": [URN], "serial": "A1"}, True),
        ({"schemas": [URN], "serial": "A1", "colour": "red", "ports": [{"number": 1}]}, True),
        ({"schemas": [URN, EXTENSION], "serial": "A1", EXTENSION: {"rack": "R2"}}, True),
        ({"schemas": [URN], "serial": "A1", EXTENSION: {"rack": "R2"}}, False),
        ({"schemas": [URN]}, False),
        ({"schemas": [URN], "serial": "A1", "colour": "green"}, False),
        ({"schemas": [URN], "serial": "A1", "ports": [{"number": "1"}]}, False),
    ],
)
def test_bodies(document: dict[str, Any], body: dict[str, Any], allowed: bool) -> None:
    """Required, canonical values, types, and `schemas` that names the extension in use."""
    assert Draft202012Validator(document["components"]["schemas"]["NewDevice"]).is_valid(body) is allowed


def test_every_operation_says_what_it_may_answer(document: dict[str, Any]) -> None:
    """Each has its 401, and 400 in both shapes: the provider's and the page of HTTP.SYS."""
    operations = [
        operation
        for path in document["paths"].values()
        for verb, operation in path.items()
        if verb != "parameters"
    ]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert {"400", "401"} <= set(operation["responses"])
        assert set(operation["responses"]["400"]["content"]) == {"application/scim+json", "text/html"}
    assert set(document["paths"]["/Devices/{id}"]) == {"parameters", "get", "put", "patch", "delete"}
