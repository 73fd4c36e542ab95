"""A connected system to copy: a table that is a Python list behind a REST service.

`serve` starts the service; a real one is elsewhere.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mockhost.clock import Chance
from mockhost.connectors.ecma.config import Column, ConnectorConfig
from mockhost.connectors.systems.described import Described
from mockhost.connectors.tables import Base, Record, Table, Value, fold
from mockhost.errors import UsageError
from mockhost.slices import Pause, no_pause


class ListService(BaseHTTPRequestHandler):
    """`GET /` gives a list of objects, `PUT /` takes one."""

    protocol_version = "HTTP/1.1"
    held: list[dict[str, Any]]

    def do_GET(self) -> None:
        self.reply(json.dumps(self.held).encode())

    def do_PUT(self) -> None:
        self.held[:] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.reply(b"")

    def reply(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class RestSystem(Described):
    """A system that keeps nothing: it reads the list from its service, and writes it back."""

    port = 0
    refuses_reset = True

    def __init__(self, page: ConnectorConfig, chance: Chance) -> None:
        super().__init__(page, chance)
        self.open = HTTPConnection("127.0.0.1", self.port, timeout=120)
        self.generated = 0
        self.write([dict(each) for each in page.system.objects])

    def call(self, method: str, body: bytes | None = None) -> bytes:
        self.open.request(method, "/", body)
        return self.open.getresponse().read()

    def read(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.call("GET"))
        return found

    def write(self, objects: list[dict[str, Any]]) -> None:
        self.call("PUT", json.dumps(objects).encode())

    def __len__(self) -> int:
        return len(self.read())

    def records(self) -> list[Record]:
        return [self.record(each) for each in self.read()]

    # -- what an import reads

    def snapshot(self, pause: Pause = no_pause, known: Sequence[Record] = ()) -> Table:
        return Table(Base(self.records(), forms=self.forms))

    def mark(self) -> object:
        return None

    def changes(self, since: object) -> list[Value] | None:
        return None

    def find(self, column: str, value: object) -> list[Record]:
        return [each for each in self.records() if fold(each[self.position[column]]) == fold(value)]

    def objects(self, where: Mapping[str, object] | None = None) -> Iterator[dict[str, Value]]:
        wanted = self.wanted(where or {})
        return (
            self.values(each)
            for each in self.records()
            if all(self.has(each, at, value) for at, value in wanted)
        )

    # -- what a connector exports

    @contextmanager
    def transaction(self) -> Iterator[None]:
        before = self.read()
        try:
            yield
        finally:
            self.write(before)

    def generate(self, column: Column) -> str:
        self.generated += 1
        return self.chance.guid(f"{self.name}.{column.name}", self.generated)

    def check_against(self, record: Record, others: list[Record]) -> None:
        taken = lambda at, value: any(fold(other[at]) == fold(value) for other in others)  # noqa: E731
        self.check(record, range(len(self.columns)), taken)

    def add(self, values: dict[str, Value]) -> Record:
        self.check_right("add")
        record = self.record(values)
        self.check_against(record, self.records())
        self.write([*self.read(), self.values(record)])
        return record

    def split(self, anchor: Value) -> tuple[list[Record], list[Record]]:
        """Those with this anchor, and the others."""
        mine, others = list[Record](), list[Record]()
        for record in self.records():
            (mine if record[self.anchor_position] == anchor else others).append(record)
        if not mine:
            raise self.kind.missing_object(str(anchor), self.table_name)
        return mine, others

    def modify(self, anchor: Value, changed: Mapping[str, Value]) -> Record:
        self.check_right("modify")
        mine, others = self.split(anchor)
        record = self.record({**self.values(mine[0]), **changed})
        self.check_against(record, others)
        self.write([self.values(each) for each in (*others, record)])
        return record

    def remove(self, anchor: Value) -> None:
        self.check_right("delete")
        self.write([self.values(each) for each in self.split(anchor)[1]])

    def change(self, changes: Mapping[str, object]) -> int:
        inserts, updates, deletes = self.read_changes(changes)
        objects = self.read()
        kept = [
            each
            for each in objects
            if not any(all(self.has(self.record(each), *one) for one in where) for where in deletes)
        ]
        assert not updates
        self.write([*kept, *inserts])
        return len(inserts) + len(objects) - len(kept)

    # -- its life

    def configure(self, page: ConnectorConfig, *, running: bool = False) -> None:
        self.describe(page)

    def reset(self, page: ConnectorConfig) -> None:
        if self.refuses_reset:
            raise UsageError(f"{self.name}: the data is not the mock's to put back")
        self.write([dict(each) for each in page.system.objects])

    def close(self) -> None:
        self.open.close()


def serve() -> ThreadingHTTPServer:
    """Start the service with an empty list, on a free port, which systems then use."""
    handler = type("Handler", (ListService,), {"held": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    RestSystem.port = server.server_port
    return server
