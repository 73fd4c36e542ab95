"""An exchange, or a connection that carried none, as a row of the journal: what the page lists and filters by."""

from __future__ import annotations

import orjson

from mockhost.clock import iso
from mockhost.exchange import Connection, Exchange
from mockhost.journal import renderings
from mockhost.journal.sink import Sink, printable

FIELDS = (
    *("number", "at", "connector", "operation", "who", "status", "took", "rule", "faults", "reason"),
    *("verdict", "probe", "method", "target", "connection", "bug"),
)
"""What a row has, in this order."""
_TARGET = 300
"""Characters of a target that a row has; the exchange has all of it."""


def of_exchange(exchange: Exchange, sink: Sink) -> bytes:
    """The row as JSON, without secrets."""
    e = sink.brief(exchange)
    who = e.who if e.who is not None else e.id
    row = (
        e.number,
        iso(e.at),
        e.connector and printable(e.connector),
        printable(e.operation),
        who and printable(who),
        e.status,
        None if e.took is None else round(e.took * 1_000, 1),
        e.rule and printable(e.rule),
        list(map(printable, e.faults)),
        e.reason and printable(e.reason),
        e.verdict,
        e.probe,
        printable(e.method),
        printable(e.target[:_TARGET]),
        e.connection,
        e.bug and printable(e.bug),
    )
    return orjson.dumps(row)


def of_connection(connection: Connection, sink: Sink) -> bytes:
    """The row of a connection whose handshake failed: the line that the terminal shows is its reason."""
    c = sink.connection(connection)
    line = renderings.connection_line(connection).partition(": ")[2]
    row: tuple[object, ...] = (
        f"c{c.number}",
        iso(c.at),
        None,
        "connection",
        printable(c.peer),
        None,
        None,
        c.rule and printable(c.rule),
        [],
        printable(line),
        "",
        False,
        "",
        "",
        c.number,
        None,
    )
    return orjson.dumps(row)


def is_open(exchange: Exchange) -> bool:
    """Whether more of it may still come: no answer, an answer that is held back or sent in pieces."""
    return exchange.status is None or exchange.delay is not None or exchange.answer_body is None
