"""The control plane's event stream: server-sent events (WHATWG HTML, "Server-sent events")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flask import Response

from mockhost.journal import Subscription
from mockhost.runtime import Runtime
from mockhost.web.plain import event_json, rendered

KIND = "text/event-stream"


def stream(runtime: Runtime, heartbeat: float) -> Response:
    """What happens from now on; a comment every `heartbeat` seconds shows that the stream is alive."""
    subscription = runtime.events.subscribe()
    hello = {
        "scenario": runtime.scenario.name,
        "epoch": runtime.epoch.number,
        "last": runtime.journal.last,
    }
    response = Response(_events(runtime, subscription, hello, heartbeat), content_type=KIND)
    response.headers["Cache-Control"] = "no-store"
    # Also where nobody ever reads the first event.
    response.call_on_close(subscription.close)
    return response


def _events(
    runtime: Runtime, subscription: Subscription, hello: Mapping[str, object], heartbeat: float
) -> Iterator[bytes]:
    """A greeting, then what happens. It outlives a reset and ends with the host."""
    yield b"retry: 1000\n" + _event("hello", hello)
    while True:
        event = subscription.get(heartbeat)
        if lost := subscription.lost():
            yield _event("lost", {"events": lost})
        if event is not None:
            yield _event(event.kind, event_json(runtime, event.data), event.number)
        elif subscription.closed:
            return
        else:
            yield b": still here\n\n"


def _event(kind: str, data: object, number: int | None = None) -> bytes:
    head = f"event: {kind}\n" if number is None else f"id: {number}\nevent: {kind}\n"
    return head.encode() + b"data: " + rendered(data) + b"\n\n"
