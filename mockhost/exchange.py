"""One exchange: a request, where it leads, and its answer. Plain data that the data plane, rules and journal share.

It is filled in on its way: what the server read, then what routing found, then what was answered. What takes work to
read out of a request (its query, its filter, its body's JSON) is worked out when it is first asked for, and once.
Nothing in here takes secrets out: an exchange holds what was sent and answered.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import orjson

from mockhost.matching import ABSENT
from mockhost.patterns import Searches
from mockhost.scim.errors import ScimError
from mockhost.scim.filters import equalities
from mockhost.scim.grammar import AttrPath
from mockhost.scim.messages import value_compared, value_in_request
from mockhost.scim.queries import Query, parse_query

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


class Unreadable(NamedTuple):
    """Replaces a value that can't be read: no condition holds for it, not even `absent`."""

    why: str


class Upstream(NamedTuple):
    """When things happened at the target of a proxy, in seconds from when the request was sent to it."""

    first_byte: float
    """the head of its answer was there"""
    took: float | None
    """all of its answer was there; None: not yet, or it never was"""
    connected: float | None
    """how long it took to connect first; None: the connection was kept from an earlier exchange"""


class RawHead(NamedTuple):
    """A head that another server wrote."""

    block: bytes
    """status line and headers with the empty line, as they go out; empty: they were changed on the way"""
    length: int | None
    """of the body; None: not announced"""
    chunked: bool
    closes: bool
    """whether it says that the connection ends after it"""


class BrokenOff(Exception):
    """The source of a body broke off in the middle of it. `how`: fin | rst | close_notify."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class _Forgetful(dict[str, Any]):
    """Keeps nothing: what is read out of an exchange in the journal is read again each time, as its room is bounded."""

    def __setitem__(self, name: str, value: object) -> None:
        pass


FORGETFUL: Final = _Forgetful()


class Exchange:
    """One request and its answer, with text and bytes as on the wire.

    `target` and header values are the bytes on the wire read as Latin-1; the other texts are ordinary ones.
    `at` is in virtual seconds since 1970, `took` in seconds on the wall. `number` is 0 until the journal gives one.
    `answer_body` is None for an answer that was streamed (`streamed` then counts its bytes) or that never came.
    `body_length` and `answer_length` count the bytes on the wire, of which the journal keeps only the first.
    """

    __slots__ = (
        "allow",
        "answer_body",
        "answer_digest",
        "answer_headers",
        "answer_length",
        "at",
        "base_url",
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
        "id",
        "known_who",
        "method",
        "native",
        "number",
        "operation",
        "parsed",
        "passed",
        "peer",
        "probe",
        "reason",
        "resource",
        "rule",
        "scheme",
        "searches",
        "sink",
        "size",
        "states",
        "status",
        "streamed",
        "target",
        "took",
        "upstream",
        "verdict",
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
        id: str | None = None,
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
        self.connection_nth = connection_nth
        """which connection since the last reset carried it, from 1"""
        self.exchange_nth = exchange_nth
        """which exchange on its connection it was, from 1"""
        # -- the request
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.body_length = 0
        """bytes of the body on the wire; set by the journal"""
        self.body_digest: str | None = None
        """SHA-256 of the whole body where only its beginning is kept; set by the journal"""
        # -- where it leads
        self.verdict = verdict
        """ok | not_found | method_not_allowed | unauthorized, or refused: by http.sys, before any of ours saw it"""
        self.operation = operation
        self.connector = connector
        self.resource = ""
        """the first path segment below `/scim`, in lower case"""
        self.id = id
        """of the resource in the path"""
        self.allow: tuple[str, ...] = ()
        """the methods that the path takes"""
        self.peer = ""
        """the client's address"""
        self.base_url = ""
        """of the connector, as the client reaches it; ends with `/scim`"""
        self.probe = probe
        """whether it is a find on a value that no user can have"""
        # -- the answer
        self.status = status
        """None: no answer was sent, or none yet"""
        self.answer_headers = answer_headers
        self.answer_body = answer_body
        self.answer_length: int | None = None
        """bytes of the answer's body; set by the journal"""
        self.answer_digest: str | None = None
        self.streamed = streamed
        self.native = native
        """what the connector did in its system's own words, one statement each"""
        self.reason = reason or None
        """why it was refused or failed, in words"""
        self.bug = bug
        """what went wrong in mockhost itself while it answered"""
        self.took = took
        self.upstream: Upstream | None = None
        """the target's side of it, where a proxy passed it on"""
        # -- the rules
        self.rule = rule
        """the name of the rule that fired; known before the connector is asked"""
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
        # -- the journal
        self.size = 0
        """about how many bytes of memory the entry holds; set by the journal"""
        self.sink: Shows | None = None
        """what takes secrets out of it when it is shown; set by the journal"""
        self.known_who = who
        """who is concerned, where neither an id in the path nor a filter says it"""
        self.searches: Searches | None = None
        self.parsed: dict[str, Any] = {}
        """what was read out of it: its headers by name, its query, its filter and its body"""

    def __repr__(self) -> str:
        if self.sink is None:
            return f"<Exchange {self.number} {self.operation} {self.status}>"
        e = self.sink.shown(self)
        return f"<Exchange {e.number} {ascii(e.method[:20])[1:-1]} {ascii(e.target[:200])[1:-1]} {e.status}>"

    # -- what is read out of it ----------------------------------------------------------------------------------

    def reread(self, search: Searches | None = None) -> Exchange:
        """A copy that remembers what is read out of it; `search` looks for patterns."""
        again = copy.copy(self)
        again.parsed = {}
        again.searches = search
        return again

    @property
    def search(self) -> Searches:
        """What looks for the patterns of conditions; made when first asked for."""
        if self.searches is None:
            self.searches = Searches()
        return self.searches

    @property
    def path(self) -> str:
        """The path as it was sent, without the query."""
        return split_target(self.target)[0]

    @property
    def who(self) -> str | None:
        """The user concerned: an id, what a create names, or the value that a find compares."""
        if self.known_who is not None:
            return self.known_who
        if self.id is not None:
            return self.id
        pairs = self.compared()
        return str(pairs[0][1]) if not isinstance(pairs, Unreadable) and len(pairs) == 1 else None

    @who.setter
    def who(self, who: str | None) -> None:
        self.known_who = who

    @property
    def id_concerned(self) -> str | None:
        """The id of the resource concerned: that in the path, or for a create that succeeded that of its answer."""
        if self.id is None and self.operation.startswith("create_") and self.status == 201:
            try:
                answer = orjson.loads(self.answer_body or b"")
            except orjson.JSONDecodeError:
                return None
            value = answer.get("id") if isinstance(answer, Mapping) else None
            return value if isinstance(value, str) else None
        return self.id

    def header(self, name: str) -> str | None:
        """The value of a header, whose name is taken in any case; repeated ones are one, with commas (RFC 9110 5.3)."""
        values = self.parsed.get("headers")
        if values is None:
            values = {}
            for key, value in self.headers:
                folded = key.lower()
                values[folded] = f"{values[folded]}, {value}" if folded in values else value
            self.parsed["headers"] = values
        found: str | None = values.get(name.lower())
        return found

    def asked(self) -> Query:
        """The query. Raises ScimError for one that can't be read."""
        query: Query | None = self.parsed.get("query")
        if query is None:
            query = self.parsed["query"] = parse_query(self.target.partition("?")[2])
        return query

    @property
    def filter(self) -> str | Unreadable | None:
        """The filter of a find, as text."""
        if not self.operation.startswith("find_"):
            return None
        try:
            return self.asked().filter
        except ScimError as error:
            return Unreadable(f"the query can't be read: {error.detail}")

    def compared(self) -> Sequence[tuple[AttrPath, object]] | Unreadable:
        """What a find compares for equality: attributes and values."""
        text = self.filter
        if not isinstance(text, str):
            return text or ()
        try:
            wanted = self.asked().wanted()
        except ScimError as error:
            detail = error.detail.removeprefix("This filter is invalid: ")
            return Unreadable(f"the filter can't be read: {detail}")
        return () if wanted is None else equalities(wanted)

    def document(self) -> object:
        """The body's JSON, ABSENT without a body, or Unreadable."""
        if not self.body:
            return ABSENT
        if self.body_digest is not None:
            return Unreadable("the journal keeps only the beginning of this body")
        if (known := self.parsed.get("document")) is not None:
            return known[0]
        try:
            found: object = json_document(self.body)
        except orjson.JSONDecodeError as error:
            found = Unreadable(f"the body is not JSON (line {error.lineno} column {error.colno})")
        self.parsed["document"] = (found,)
        return found

    def attribute(self, name: str) -> object:
        """A value of the request's body, or the one that a find's filter compares for equality; ABSENT, or Unreadable.

        Of a PATCH it is what its last operation on the attribute says. The name is taken in any case, bare or with its
        schema's URN.
        """
        if self.body:
            document = self.document()
            return document if isinstance(document, Unreadable) else value_in_request(document, name)
        compared = self.compared()
        return compared if isinstance(compared, Unreadable) else value_compared(compared, name)


class Shows(Protocol):
    """What takes secrets out of an exchange or a connection that is to be shown."""

    def shown(self, exchange: Exchange, /) -> Exchange:
        """The exchange as it may be shown."""

    def connection(self, connection: Connection, /) -> Connection:
        """The connection as it may be shown."""


class Connection:
    """What carried exchanges, or never got that far. `tls` is the version agreed on, e.g. `TLSv1.3`.

    `error` says what ended its handshake: the name of a TLS alert that the client sent (RFC 8446 6.2, e.g.
    `unknown_ca`), or something else in a few words. `closed_by` is None while it is open, then `client`, `server`,
    `timeout`, `limit` or `cut`. The caller fills in the rest as it becomes known.
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
        self.sink: Shows | None = None
        """what takes secrets out of it when it is shown; set by the journal"""

    def __repr__(self) -> str:
        return f"<Connection {self.number} from {self.peer}>"


def split_target(target: str) -> tuple[str, str]:
    """Path and query of a request target; of an absolute one too (RFC 9112 3.2.2)."""
    if not target.startswith("/"):
        _, separator, rest = target.partition("://")
        slash = rest.find("/") if separator else -1
        target = rest[slash:] if slash >= 0 else "/" + target
    path, _, query = target.partition("?")
    return path, query


def as_text(wire: str) -> str:
    """Wire text (bytes read as Latin-1) as a person would read it: UTF-8 where it is UTF-8."""
    if wire.isascii():
        return wire
    try:
        return wire.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return wire


def header_values(headers: Headers, name: str) -> list[str]:
    """Every value of a header, whose name is taken in any case."""
    folded = name.casefold()
    return [as_text(value) for key, value in headers if key.casefold() == folded]


def json_document(body: bytes) -> object:
    """A body's JSON document, with or without a byte order mark. Raises orjson.JSONDecodeError."""
    return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
