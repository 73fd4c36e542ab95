"""The control plane's event stream: server-sent events (WHATWG HTML, "Server-sent events")."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response

from mockhost.control.plain import plainly, rendered
from mockhost.journal import Event, Exchange, Subscription
from mockhost.operations.row import EVENTS
from mockhost.runtime import Runtime
from mockhost.runtime.operations import Stream
from mockhost.runtime.operations.journal import exchange_json

_PIECE = 64 * 1024
"""Bytes of events that are sent at once."""


def response(runtime: Runtime, stream: Stream, heartbeat: float) -> Response:
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
