"""One operation on a running host, as plain data.

A row names its handler by import path, so that reading the table imports no room of the mock. From the rows come the
routes of the control plane, its OpenAPI document and the checks of what is sent, the Python client, and the verbs of
`mockhost control`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

Schema = Mapping[str, Any]
"""A JSON Schema (2020-12)."""

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
PEM: Final = "application/x-pem-file"
EVENTS: Final = "text/event-stream"

Role = Literal["learner", "teacher", "operator"]
ROLES: Final[tuple[Role, ...]] = ("learner", "teacher", "operator")
"""From the least rights to the most. A learner looks and diagnoses, a teacher decides what goes wrong, an operator
sees secrets and has the host read files."""

Cost = Literal["constant", "objects", "journal", "scenario", "wait", "stream"]
"""What an operation costs outside the runtime's lock: nothing much; time that grows with the objects or with the
journal; loading a scenario; waiting for answers of a host; or a connection that stays open."""


class Parameter(NamedTuple):
    """One key of an operation's query."""

    name: str
    description: str
    schema: Schema
    many: bool = False
    """whether it may be given more than once: any of the values"""


class Content(NamedTuple):
    """The result when all is well: a media type and, for JSON, the schema."""

    description: str
    schema: Schema
    kind: str = JSON
    status: int = 200
    others: tuple[str, ...] = ()
    """media types that it may be instead, when the query asks for them"""


class Media(NamedTuple):
    """A result that is no JSON: its bytes and their media type."""

    data: bytes
    kind: str


class Operation(NamedTuple):
    """One thing that can be done to a running host, or asked of it."""

    name: str
    """the handler's name, the OpenAPI operationId, and what Python and `mockhost control call` call it"""
    method: str
    path: str
    """with parameters in braces, e.g. /v1/connectors/{name}"""
    role: Role
    summary: str
    answer: Content
    room: str
    """the module that has the handler, by import path"""
    query: tuple[Parameter, ...] = ()
    body: Schema | None = None
    """the schema of the JSON object that is sent; each property is an argument"""
    whole: str = ""
    """the argument that the whole body is, where its keys are not known beforehand"""
    first: str = ""
    """the function beside the handler that checks whether what the path names exists, before anything else"""
    errors: tuple[int, ...] = ()
    """statuses of what can go wrong, beside those that every operation has"""
    shows_secrets: bool = False
    """to an operator; everybody else gets the result redacted"""
    is_for_all: bool = False
    """whether everyone who may ask is shown the secrets, too: those of a lab are there to be found"""
    hidden: tuple[str, ...] = ()
    """keys of the result that a learner gets without their values: what names the scenario or explains it"""
    is_open: bool = False
    """whether it answers without the control plane's token"""
    cost: Cost = "constant"
    description: str = ""

    @property
    def changes(self) -> bool:
        """Whether it changes anything: then it must be sent as JSON."""
        return self.method != "GET"

    @property
    def in_path(self) -> list[str]:
        """The names of the arguments that are in the path."""
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def arguments(self) -> list[str]:
        """The names of all arguments."""
        sent = [self.whole] if self.whole else list((self.body or {}).get("properties", ()))
        return [*self.in_path, *(each.name for each in self.query), *sent]


_WORDS: Mapping[str, Schema] = {
    "count": {"type": "integer", "minimum": 0},
    "service": {"type": "string", "enum": ["running", "stopped"]},
}


def shape(of: str | Schema) -> Schema:
    """A schema in a word: a JSON type, `count`, `service` or one of `table.SHAPES` (in capitals).

    `string?` may also be null, `[string]` is an array of it, `{string}` an object by name.
    """
    if not isinstance(of, str):
        return of
    if of[0] == "[":
        return {"type": "array", "items": shape(of[1:-1])}
    if of[0] == "{":
        return {"type": "object", "additionalProperties": shape(of[1:-1])}
    if of[0].isupper():
        return {"$ref": f"#/components/schemas/{of}"}
    return {"type": [of[:-1], "null"]} if of[-1] == "?" else _WORDS.get(of, {"type": of})


def an_object(**properties: str | Schema) -> Schema:
    """An object that has all of these."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": {name: shape(of) for name, of in properties.items()},
    }


def answers(
    description: str, of: str | Schema, *, kind: str = JSON, status: int = 200, others: tuple[str, ...] = ()
) -> Content:
    """What an operation answers: a description, and the shape of its result."""
    return Content(description, shape(of), kind, status, others)


def takes(*required: str, **properties: Schema) -> Schema:
    """A body: what may be in it, and which of that must."""
    body: dict[str, Any] = {"additionalProperties": False, "properties": properties}
    return {"required": list(required), **body} if required else body


NOTHING = takes()
"""The body of an operation that takes none."""
