"""What was sent to the control plane: the arguments of an operation, from the path, the query and the body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from flask import request

from mockhost import nesting
from mockhost.errors import UsageError, did_you_mean
from mockhost.operations.checking import check
from mockhost.operations.row import Operation, Parameter


def arguments(operation: Operation) -> dict[str, Any]:
    """The arguments of this request beside those in its path, checked against the row. Raises UsageError."""
    query = _query(operation)
    sent = {} if operation.body is None else _body(operation.body)
    return {**query, **({operation.whole: sent} if operation.whole else sent)}


def _body(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The request's body, checked. Nothing at all is an empty object."""
    raw = request.get_data()
    try:
        body = orjson.loads(raw) if raw.strip() else {}
    except orjson.JSONDecodeError as error:
        raise UsageError(
            f"the body is no JSON: {error}", hint="see /v1/openapi.json for what is expected"
        ) from None
    nesting.check(body, "the body")
    check({"type": "object", **schema}, body)
    assert isinstance(body, dict)
    return body


def _query(operation: Operation) -> dict[str, Any]:
    """The request's query, checked and converted; a key that is unknown is a mistake."""
    known = {each.name: each for each in operation.query}
    found: dict[str, Any] = {}
    # An unused query parameter is not an error.
    for name, values in request.args.lists() if known else ():
        if name not in known:
            raise UsageError(f"the query has an unknown key {name!r}", hint=did_you_mean(name, known))
        if len(values) > 1 and not known[name].many:
            raise UsageError(f"{name} is in the query more than once")
        converted = [_converted(known[name], value) for value in values]
        found[name] = converted[0] if len(converted) == 1 else converted
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
