"""One line for each thing that happens, as it happens: exchanges, connections that failed, and what was operated.

The host publishes events under its lock, so a listener must not block: events wait in a bounded subscription, and
a thread of its own writes them. A paused terminal (or an unread pipe) loses lines, and never delays an answer.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from mockhost.cli.terminal import Terminal
from mockhost.clock import iso, local_time, parse_iso, wall_now
from mockhost.journal import Connection, EventBus, Exchange, Sink
from mockhost.journal.renderings import connection_json, connection_line, live_line, to_json
from mockhost.journal.sink import printable

BACKLOG = 10_000
"""Lines that may wait to be written."""


class Live:
    """Writes what a running host does, as text for people or as one JSON object a line."""

    def __init__(self, events: EventBus, sink: Sink, terminal: Terminal, *, as_json: bool = False) -> None:
        self._events = events.subscribe(BACKLOG)
        self._sink = sink
        self._terminal = terminal
        self._as_json = as_json
        self._thread = threading.Thread(target=self._write, name="mockhost-live", daemon=True)

    def start(self) -> None:
        """Begin to write; what happened since it was made comes first."""
        self._thread.start()

    def stop(self, timeout: float = 0.3) -> None:
        """Write what still waits, for as long as `timeout` seconds."""
        self._events.close()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _write(self) -> None:
        try:
            for event in self._events:
                if lost := self._events.lost():
                    self._terminal.line(self._rendered("state", {"what": "lost", "events": lost}))
                self._terminal.line(self._rendered(event.kind, event.data))
        except (OSError, ValueError):
            # The reader of our output is gone. The host keeps serving its clients.
            self._events.close()

    def _rendered(self, kind: str, data: object) -> str:
        if isinstance(data, Mapping):
            data = self._sink.data(data)
        return json_line(kind, data) if self._as_json else text_line(kind, data, self._terminal)


def json_line(kind: str, data: object) -> str:
    """An event as one line of JSON, with `event` naming its kind."""
    if isinstance(data, Exchange):
        document: Mapping[str, object] = to_json(data)
    elif isinstance(data, Connection):
        document = connection_json(data)
    else:
        assert isinstance(data, Mapping)
        document = {"at": iso(wall_now()), **data}
    return json.dumps({"event": kind, **document}, ensure_ascii=True, default=str)


def text_line(kind: str, data: object, terminal: Terminal) -> str:
    """An event as a line for people."""
    if isinstance(data, Exchange):
        return live_line(data, colour=terminal.colour)
    if isinstance(data, Connection):
        return connection_line(data, colour=terminal.colour)
    assert isinstance(data, Mapping)
    say = _SAYS.get("bug" if "place" in data else str(data.get("what")))
    said = printable(json.dumps(data, default=str, ensure_ascii=False) if say is None else say(data))
    at = data.get("at")
    moment = parse_iso(at) if isinstance(at, str) else wall_now()
    return f"{local_time(moment)}  {terminal.styled(said, 'cyan')}"


_SAYS: Mapping[str, Callable[[Mapping[Any, Any]], str]] = {
    "reset": lambda d: f"a fresh start with {d.get('scenario')}",
    "service": lambda d: f"the service: {d.get('action')}; now {d.get('service')}",
    "clock": lambda d: f"the clock was moved on; it reads {d.get('now')}",
    "set": lambda d: f"{d.get('path')} was set, effective {d.get('applied')}",
    "import": lambda d: f"{d.get('connector')}: a {d.get('profile')} import began",
    "timeline": lambda d: f"what the timeline has for now can't happen: {d.get('problem')}",
    "pattern": lambda d: f"rule {d.get('rule')} does not apply: {d.get('problem')}",
    "change": lambda d: f"changed behind the host's back: {', '.join(d.get('connectors', ()))}",
    "bug": lambda d: f"a bug in mockhost: {d.get('error')} at {d.get('place')}",
    "lost": lambda d: f"{d.get('events')} lines were left out: they came faster than they could be written",
    "cured": lambda d: f"cured: {d.get('cause') or d.get('scenario')}; all of the scenario's `cured` holds",
    "reload": lambda d: f"{d.get('files')} changed",
}
