"""What the journal keeps: exchanges and connections, and what can be read out of an exchange afterwards.

An exchange is written once, on the way of every request, so it is a bare record; whatever takes work (the path's
parts, the body as JSON, the attributes in it) is derived by the functions below when somebody looks.
Nothing in here takes secrets out: an exchange holds what was sent and answered, and `sink` makes of it what may be
shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import unquote

from mockhost.matching import ABSENT
from mockhost.scim.errors import ScimError
from mockhost.scim.filters import equalities, parse
from mockhost.scim.messages import value_compared, value_in_request
from mockhost.scim.queries import parse_query

Headers = Sequence[tuple[str, str]]

OPERATIONS: Final = frozenset(
    {f"{verb}_{noun}s" for verb in ("find", "list") for noun in ("user", "group", "resource")}
    | {
        f"{verb}_{noun}"
        for verb in ("get", "create", "replace", "patch", "delete")
        for noun in ("user", "group", "resource")
    }
    | {"schemas", "cache", "service_provider_config", "resource_types", "search", "bulk", "me", "unknown"}
)
"""The operations that a request can be, from its method, path and the presence of a filter alone."""


class Showing(Protocol):
    """What takes secrets out of an entry that is to be shown."""

    def shown(self, exchange: Exchange, /) -> Exchange:
        """The exchange as it may be shown."""

    def connection(self, connection: Connection, /) -> Connection:
        """The connection as it may be shown."""


class Exchange:
    """One request and what became of it, with text and bodies as on the wire: `sink.shown` gives what may be shown.

    `target` and header values are the bytes on the wire read as Latin-1; the other texts are ordinary ones.
    `at` is in virtual seconds since 1970, `took` in seconds on the wall. `number` is 0 until the journal gives one.
    `answer_body` is None for an answer that was streamed (`streamed` then counts its bytes) or that never came.
    `body_length` and `answer_length` count the bytes on the wire, of which only the first are kept.
    """

    __slots__ = (
        "answer_body",
        "answer_digest",
        "answer_headers",
        "answer_length",
        "at",
        "body",
        "body_digest",
        "body_length",
        "bug",
        "connection",
        "connection_nth",
        "connector",
        "considered",
        "delay",
        "epoch",
        "exchange_nth",
        "faults",
        "headers",
        "method",
        "native",
        "number",
        "operation",
        "passed",
        "probe",
        "reason",
        "rule",
        "scheme",
        "sink",
        "size",
        "states",
        "status",
        "streamed",
        "target",
        "took",
        "verdict",
        "who",
    )

    def __init__(
        self,
        *,
        at: float,
        method: str,
        target: str,
        headers: Headers = (),
        body: bytes = b"",
        number: int = 0,
        epoch: int = 0,
        connection: int = 0,
        scheme: str = "https",
        connector: str | None = None,
        operation: str = "unknown",
        probe: bool = False,
        verdict: str = "ok",
        status: int | None = None,
        answer_headers: Headers = (),
        answer_body: bytes | None = None,
        streamed: int | None = None,
        rule: str | None = None,
        reason: str | None = None,
        native: tuple[str, ...] = (),
        took: float | None = None,
        bug: str | None = None,
        who: str | None = None,
        faults: tuple[str, ...] = (),
        delay: float | None = None,
        considered: Sequence[object] = (),
        passed: Sequence[tuple[str, str]] = (),
        states: tuple[str, ...] = (),
        connection_nth: int = 0,
        exchange_nth: int = 0,
    ) -> None:
        self.number = number
        self.epoch = epoch
        self.at = at
        self.connection = connection
        self.scheme = scheme
        """http or https: what the connection spoke"""
        self.connector = connector
        self.operation = operation
        self.probe = probe
        self.verdict = verdict
        """ok | not_found | method_not_allowed | unauthorized, or refused: by http.sys, before any of ours saw it"""
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.body_length = 0
        """bytes of the body on the wire; set by the journal"""
        self.body_digest: str | None = None
        """SHA-256 of the whole body where only its beginning is kept; set by the journal"""
        self.status = status
        """None: no answer was sent, or none yet"""
        self.answer_headers = answer_headers
        self.answer_body = answer_body
        self.answer_length: int | None = None
        """bytes of the answer's body; set by the journal"""
        self.answer_digest: str | None = None
        self.streamed = streamed
        self.rule = rule
        """the name of the rule that fired"""
        self.reason = reason or None
        """why it was refused or failed, in words"""
        self.native = native
        """what the connector did in its system's own words, one statement each"""
        self.took = took
        self.bug = bug
        """what went wrong in mockhost itself while it answered"""
        self.who = who
        """the user concerned: an id, or the value that was searched for"""
        self.faults = faults
        """the names of the faults that the rule brought upon it"""
        self.delay = delay
        """seconds on the wall for which a rule held the answer back"""
        self.considered = considered
        """the rules that it was shown to, in order: for near misses, which are looked for when they are read"""
        self.passed = passed
        """of these (name, why): those whose conditions held, and that passed it on all the same"""
        self.states = states
        """the states in which it found the host and its connector"""
        self.connection_nth = connection_nth
        """which connection since the last reset carried it, from 1"""
        self.exchange_nth = exchange_nth
        """which exchange on its connection it was, from 1"""
        self.size = 0
        """about how many bytes of memory the entry holds; set by the journal"""
        self.sink: Showing | None = None
        """what takes secrets out of it when it is shown; set by the journal"""

    def __repr__(self) -> str:
        if self.sink is None:
            return f"<Exchange {self.number} {self.operation} {self.status}>"
        e = self.sink.shown(self)
        return f"<Exchange {e.number} {ascii(e.method[:20])[1:-1]} {ascii(e.target[:200])[1:-1]} {e.status}>"


class Connection:
    """What carried exchanges, or never got that far. `tls` is the version agreed on, e.g. `TLSv1.3`.

    `error` says what ended its handshake: the name of a TLS alert that the client sent (RFC 8446 6.2, e.g.
    `unknown_ca`), or something else in a few words. `closed_by` is None while it is open, then `client`, `server`,
    `timeout`, `limit` or `cut`. Whoever opened it fills in the rest as it becomes known.
    """

    __slots__ = (
        "at",
        "closed_at",
        "closed_by",
        "epoch",
        "error",
        "exchanges",
        "number",
        "peer",
        "rule",
        "sink",
        "tls",
    )

    def __init__(self, *, number: int, at: float, peer: str, epoch: int = 0, tls: str | None = None) -> None:
        self.number = number
        self.epoch = epoch
        self.at = at
        self.peer = peer
        self.tls = tls
        self.error: str | None = None
        self.exchanges = 0
        """how many requests it carried"""
        self.rule: str | None = None
        """the name of the rule that said what it was met with"""
        self.closed_by: str | None = None
        self.closed_at: float | None = None
        self.sink: Showing | None = None
        """what takes secrets out of it when it is shown; set by the journal"""

    def __repr__(self) -> str:
        return f"<Connection {self.number} from {self.peer}>"


_RESOURCE = re.compile(r"/(?:users|groups)/(.+?)/?$", re.IGNORECASE)


def path_of(exchange: Exchange) -> str:
    """The path of the request as it was sent, without the query."""
    return exchange.target.partition("?")[0]


def as_text(wire: str) -> str:
    """Wire text (bytes read as Latin-1) as a person would read it: UTF-8 where it is UTF-8."""
    if wire.isascii():
        return wire
    try:
        return wire.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return wire


def id_of(exchange: Exchange) -> str | None:
    """The id of the resource concerned: from the path, or for a create that succeeded from its answer."""
    found = _RESOURCE.search(path_of(exchange))
    if found:
        return unquote(as_text(found[1]))
    if exchange.operation in {"create_user", "create_group"} and exchange.status == 201:
        answer = document(exchange.answer_body or b"")
        value = answer.get("id") if isinstance(answer, Mapping) else None
        return value if isinstance(value, str) else None
    return None


def header_values(headers: Headers, name: str) -> list[str]:
    """Every value of a header, whose name is taken in any case."""
    folded = name.casefold()
    return [as_text(value) for key, value in headers if key.casefold() == folded]


def document(body: bytes) -> object:
    """The body as JSON data, or ABSENT if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return ABSENT


def attribute(exchange: Exchange, name: str) -> object:
    """The value that a request carries for an attribute, or ABSENT.

    From a create or replace that of the body, from a PATCH what its last operation on it says, from a find what its
    filter compares for equality. The name is taken in any case, bare or with its schema's URN.
    """
    if exchange.body:
        return value_in_request(document(exchange.body), name)
    try:
        text = parse_query(exchange.target.partition("?")[2]).filter
        return ABSENT if text is None else value_compared(equalities(parse(text)), name)
    except ScimError:
        return ABSENT
