"""The control plane's own description: one table of endpoints makes both its routes and its OpenAPI 3.1 document.

Source of the form: OpenAPI Specification 3.1.0, whose schemas are JSON Schema 2020-12. The same schemas check what
is sent, so that the document can't promise what the code does not do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mockhost import __version__
from mockhost.errors import UsageError, did_you_mean

Schema = Mapping[str, Any]

JSON = "application/json"


class Parameter(NamedTuple):
    """One key of an endpoint's query."""

    name: str
    description: str
    schema: Schema


class Content(NamedTuple):
    """What an endpoint answers when all is well: a media type and, for JSON, the schema."""

    description: str
    schema: Schema
    kind: str = JSON
    status: int = 200
    others: tuple[str, ...] = ()
    """media types that it may be instead, when the query asks for them"""


class Endpoint(NamedTuple):
    """One thing that the control plane does. `view` gets the plane and the path's parameters by name."""

    method: str
    path: str
    """with parameters in braces, e.g. /v1/connectors/{name}"""
    view: Callable[..., Any]
    summary: str
    answer: Content
    query: tuple[Parameter, ...] = ()
    body: Schema | None = None
    errors: tuple[int, ...] = ()
    """statuses of what can go wrong, beside those that every endpoint has"""
    shows_secrets: bool = False
    is_open: bool = False
    """whether it answers without the token"""
    description: str = ""

    @property
    def changes(self) -> bool:
        """Whether it changes anything: then it must be asked in JSON."""
        return self.method != "GET"

    @property
    def name(self) -> str:
        """The operation's id, unique among all."""
        return self.view.__name__


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
    403: "not asked under a name of this host, or from a page of another",
    404: "there is nothing of this name",
    409: "not in the state that it is in",
    413: "too long",
    415: "not sent as application/json",
    422: "not a scenario; `problems` has all that is wrong",
    503: "the machine does not allow it",
}


def document(endpoints: Sequence[Endpoint], schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """The OpenAPI document of these endpoints; `schemas` become its components, beside `Error`."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
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


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": endpoint.name, "summary": endpoint.summary}
    if endpoint.description:
        operation["description"] = endpoint.description
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in path_parameters(endpoint.path)
    ]
    parameters += [{"in": "query", "required": False, **each._asdict()} for each in endpoint.query]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        needed = bool(endpoint.body.get("required"))
        schema = {"type": "object", **endpoint.body}
        operation["requestBody"] = {"required": needed, "content": {JSON: {"schema": schema}}}
    operation["responses"] = _responses(endpoint)
    operation["security"] = [] if endpoint.is_open else [{"token": []}, {}]
    return operation


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    good = endpoint.answer
    kinds = {
        good.kind: {"schema": good.schema},
        **{kind: {"schema": {"type": "string"}} for kind in good.others},
    }
    responses: dict[str, Any] = {str(good.status): {"description": good.description, "content": kinds}}
    statuses = {403, *endpoint.errors}
    if not endpoint.is_open:
        statuses.add(401)
    if endpoint.changes:
        statuses |= {400, 413, 415}
    in_path = path_parameters(endpoint.path)
    if endpoint.query or in_path:
        statuses.add(400)
    for status in sorted(statuses):
        content: dict[str, Any] = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
        if status == 400 and in_path:
            # A path with a control character in it is refused before anybody asks what it means.
            content["text/plain"] = {"schema": {"type": "string"}}
        responses[str(status)] = {"description": _STATUSES[status], "content": content}
    return responses


def path_parameters(path: str) -> list[str]:
    """The names in braces in an endpoint's path."""
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


# ---- checking what is sent ----

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "object": (dict,),
    "array": (list,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def check(schema: Schema, value: object, where: str = "the body") -> None:
    """Raise UsageError unless the value fits the schema, as far as our own schemas go.

    They use type, enum, required, properties, additionalProperties, items, minimum and minProperties.
    """
    _check_type(schema, value, where)
    if "enum" in schema and value not in schema["enum"]:
        known = [str(each) for each in schema["enum"]]
        hint = did_you_mean(str(value), known) or "known: " + ", ".join(known)
        raise UsageError(f"{where}: {value!r} is not among what is known", hint=hint)
    if "minimum" in schema and isinstance(value, (int, float)) and value < schema["minimum"]:
        raise UsageError(f"{where} is at least {schema['minimum']}, not {value}")
    if isinstance(value, dict):
        _check_object(schema, value, where)
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            check(schema["items"], item, f"{where}[{index}]")


def _check_type(schema: Schema, value: object, where: str) -> None:
    wanted = schema.get("type")
    names = [wanted] if isinstance(wanted, str) else list(wanted or ())
    if not names:
        return
    fits = any(
        isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
        for name in names
    )
    if not fits:
        article = " or ".join(f"{'an' if name[0] in 'aeio' else 'a'} {name}" for name in names)
        raise UsageError(
            f"{where} is {article}, not {_shown(value)}", hint=str(schema.get("description", ""))
        )


def _check_object(schema: Schema, value: Mapping[str, object], where: str) -> None:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            hint = f"{name}: {properties[name].get('description', '')}".rstrip(": ")
            raise UsageError(f"{where} has no {name!r}", hint=hint)
    if len(value) < schema.get("minProperties", 0):
        raise UsageError(f"{where} is empty", hint=str(schema.get("description", "")))
    for name, item in value.items():
        if name in properties:
            check(properties[name], item, name if where == "the body" else f"{where}.{name}")
        elif schema.get("additionalProperties") is False:
            raise UsageError(f"{where} has an unknown key {name!r}", hint=did_you_mean(name, properties))


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "an array"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
