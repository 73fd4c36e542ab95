"""What was sent to the control plane: bodies and queries, checked against the schemas that it publishes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson
from flask import request

from mockhost.errors import UsageError, did_you_mean
from mockhost.web.openapi import Parameter, Schema, check


def sent(schema: Schema) -> dict[str, Any]:
    """The request's body, checked. Raises UsageError. Nothing at all is an empty object."""
    raw = request.get_data()
    try:
        body = orjson.loads(raw) if raw.strip() else {}
    except orjson.JSONDecodeError as error:
        raise UsageError(
            f"the body is no JSON: {error}", hint="see /v1/openapi.json for what is expected"
        ) from None
    check({"type": "object", **schema}, body)
    assert isinstance(body, dict)
    return body


def asked(parameters: Iterable[Parameter]) -> dict[str, Any]:
    """The request's query, checked and converted; a key that is unknown is a mistake. Raises UsageError."""
    known = {each.name: each for each in parameters}
    found: dict[str, Any] = {}
    for name, values in request.args.lists():
        if name not in known:
            raise UsageError(f"the query has an unknown key {name!r}", hint=did_you_mean(name, known))
        converted = [_converted(known[name], value) for value in values]
        found[name] = converted[0] if len(converted) == 1 else {"any_of": converted}
    return found


def _converted(parameter: Parameter, text: str) -> object:
    value: object = text
    kind = parameter.schema["type"]
    if kind == "integer":
        if not re.fullmatch("-?[0-9]{1,15}", text):
            raise UsageError(f"{parameter.name} is a number, not {text!r}")
        value = int(text)
    elif kind == "boolean":
        if text not in ("true", "false"):
            raise UsageError(f"{parameter.name} is true or false, not {text!r}")
        value = text == "true"
    check(parameter.schema, value, parameter.name)
    return value


def number(query: dict[str, Any], name: str, default: int) -> int:
    """A number from the query that may stand there once only."""
    value = query.pop(name, default)
    if not isinstance(value, int):
        raise UsageError(f"{name} stands in the query more than once")
    return value
