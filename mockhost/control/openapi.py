"""The control plane's own description: an OpenAPI 3.1 document, made from the table of operations.

Source of the form: OpenAPI Specification 3.1.0, whose schemas are JSON Schema 2020-12. The same rows make the routes
and check what is sent, so that the document can't promise what the code does not do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mockhost import __version__
from mockhost.operations import TABLE
from mockhost.operations.row import JSON, Operation, Schema
from mockhost.operations.table import SHAPES

ERROR: Schema = {
    "type": "object",
    "description": "What was wrong, and what to try.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "hint"],
            "properties": {
                "message": {"type": "string"},
                "hint": {"type": "string"},
                "problems": {
                    "type": "array",
                    "description": "All that is wrong with a scenario.",
                    "items": {
                        "type": "object",
                        "required": ["file", "line", "column", "path", "message", "hint"],
                        "properties": {
                            "file": {"type": "string"},
                            "line": {"type": "integer"},
                            "column": {"type": "integer"},
                            "path": {"type": "string"},
                            "message": {"type": "string"},
                            "hint": {"type": "string"},
                        },
                    },
                },
            },
        }
    },
}
_STATUSES = {
    400: "what was sent does not fit",
    401: "no token, or not the right one",
    403: "not asked under a name of this host, or from a page of another, or more than the caller may do",
    404: "there is nothing of this name",
    409: "not in the state that it is in",
    413: "too long",
    415: "not sent as application/json",
    422: "not a scenario; `problems` has all that is wrong",
    503: "the machine does not allow it",
}


def describe(host: object) -> dict[str, Any]:
    """The handler of the operation that serves this document; it is the same for every host."""
    return document()


def document(
    operations: Sequence[Operation] = TABLE, schemas: Mapping[str, Schema] = SHAPES
) -> dict[str, Any]:
    """The OpenAPI document of these operations; `schemas` become its components, beside `Error`."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mockhost control plane",
            "version": __version__,
            "summary": "Operate a running mock of Microsoft's ECMA Connector Host.",
            "description": (
                "Plain HTTP on loopback. Every change is sent as application/json. Bound wider, everything but the "
                "health needs the bearer token. Secret tokens are shown by /v1/truth only."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Error": ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary}
    if operation.description:
        described["description"] = operation.description
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in operation.in_path
    ]
    for name, description, schema, _ in operation.query:
        parameters.append(
            {"in": "query", "required": False, "name": name, "description": description, "schema": schema}
        )
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        needed = bool(operation.body.get("required"))
        schema = {"type": "object", **operation.body}
        described["requestBody"] = {"required": needed, "content": {JSON: {"schema": schema}}}
    described["responses"] = _responses(operation)
    described["security"] = [] if operation.is_open else [{"token": []}, {}]
    described["x-role"] = operation.role
    described["x-cost"] = operation.cost
    return described


def _responses(operation: Operation) -> dict[str, Any]:
    good = operation.answer
    kinds = {
        good.kind: {"schema": good.schema},
        **{kind: {"schema": {"type": "string"}} for kind in good.others},
    }
    responses: dict[str, Any] = {str(good.status): {"description": good.description, "content": kinds}}
    statuses = {400, 403, *operation.errors}
    if not operation.is_open:
        statuses.add(401)
    if operation.changes:
        statuses |= {413, 415}
    for status in sorted(statuses):
        content: dict[str, Any] = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
        if status == 400 and operation.in_path:
            # A path with a control character in it is refused before anybody asks what it means.
            content["text/plain"] = {"schema": {"type": "string"}}
        responses[str(status)] = {"description": _STATUSES[status], "content": content}
    return responses
