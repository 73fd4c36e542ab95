"""What the control plane is sent and sends: arguments, checked against the table, and the stream of events.

The stream is server-sent events (WHATWG HTML, "Server-sent events").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from flask import Response, request

from mockhost import nesting
from mockhost.errors import UsageError, did_you_mean
from mockhost.journal import Event, Exchange, Subscription
from mockhost.journal.renderings import plainly, rendered
from mockhost.operations.checking import check
from mockhost.operations.row import EVENTS, Operation, Parameter
from mockhost.runtime import Runtime
from mockhost.runtime.operations import Stream
from mockhost.runtime.operations.journal import exchange_json

_PIECE = 64 * 1024
"""Bytes of events that are sent at once."""


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
            f"the body is not JSON: {error}", hint="see /v1/openapi.json for what is expected"
        ) from None
    nesting.check(body, "the body")
    check({"type": "object", **schema}, body)
    assert isinstance(body, dict)
    return body


def _query(operation: Operation) -> dict[str, Any]:
    """The request's query, checked and converted; a key that is unknown is a mistake."""
    known = {each.name: each for each in operation.query}
    found: dict[str, Any] = {}
    for name, values in request.args.lists():
        if name not in known:
            message = f"unknown parameter {name!r} in the query of {operation.method} {operation.path}"
            raise UsageError(message, hint=_where_else(operation, name))
        if len(values) > 1 and not known[name].many:
            raise UsageError(f"{name} is in the query more than once")
        converted = [_converted(known[name], value) for value in values]
        found[name] = converted[0] if len(converted) == 1 else converted
    return found


def _where_else(operation: Operation, name: str) -> str:
    """What to write instead of an unknown parameter."""
    if name in operation.arguments:
        return f"send {name!r} in the body, as JSON"
    known = [each.name for each in operation.query]
    return did_you_mean(name, known) if known else "it has no parameters in the query"


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


def event_stream(runtime: Runtime, stream: Stream, heartbeat: float) -> Response:
    """What happens from now on; a comment every `heartbeat` seconds shows that the stream is alive."""
    made = Response(_events(runtime, stream, heartbeat), content_type=EVENTS)
    made.headers["Cache-Control"] = "no-store"
    # Also if the first event is never read.
    made.call_on_close(stream.subscription.close)
    return made


def _events(runtime: Runtime, stream: Stream, heartbeat: float) -> Iterator[bytes]:
    """A greeting, then what happens. It outlives a reset and ends with the host."""
    subscription = stream.subscription

    def render(event: Event) -> bytes:
        return _event(event.kind, _shown(runtime, event.data), event.number)

    yield b"retry: 1000\n" + _event("hello", stream.hello)
    while True:
        event = subscription.get(heartbeat)
        if lost := _lost(subscription):
            yield lost
        elif event is None:
            if subscription.closed:
                return
            yield b": still here\n\n"
        # What waits behind it goes out in the same piece.
        piece = b""
        while event is not None:
            piece += event.rendered(render, runtime.journal.sink.secrets)
            event = subscription.get(0) if len(piece) < _PIECE else None
            piece += _lost(subscription)
        if piece:
            yield piece


def _lost(subscription: Subscription) -> bytes:
    """What tells a listener that events were dropped, if any were."""
    lost = subscription.lost()
    return _event("lost", {"events": lost}) if lost else b""


def _shown(runtime: Runtime, data: object) -> object:
    """What an event says, without secrets: exchanges as the journal shows them."""
    return exchange_json(runtime, data) if isinstance(data, Exchange) else plainly(runtime.journal.sink, data)


def _event(kind: str, data: object, number: int | None = None) -> bytes:
    head = f"event: {kind}\n" if number is None else f"id: {number}\nevent: {kind}\n"
    return head.encode() + b"data: " + rendered(data) + b"\n\n"
