"""One HTTP exchange, watched to the last byte: what was answered and how the connection ended.

The client that plays a scenario's steps and that `mockhost test-connection` is. A library of HTTP would hide
what those are about (a reset looks like an early end, a short body like a whole one), so it stands on
sockets.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from mockhost.client import peer
from mockhost.client.answers import BODY_LIMIT, Answer, Reader
from mockhost.client.wire import Connection, Refused, Tcp, Tls, Unreachable, connect
from mockhost.clock import monotonic
from mockhost.errors import reason_of
from mockhost.matching import ABSENT

TIMEOUT = 10.0
"""Seconds on the wall that an exchange may take unless its caller says otherwise."""
_LAST_LOOK = 0.1
_HIDDEN = re.compile(r"(?:\A|(?<=://))[^/?#]*@|(?<=/)[^/?#:]*:[^/?#]*@|(?<=[?#]).+", re.DOTALL)
"""A user name and password, a query and a fragment."""
ANY_STRENGTH = "DEFAULT:@SECLEVEL=0"
"""OpenSSL's level that takes keys and signatures of any strength (SSL_CTX_set_security_level)."""
_GRACE = 1.0
"""Seconds that a peer which announced `Connection: close` gets to do so."""
_EOF_IS_GOODBYE = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
"""Set by older Pythons (3.11.2 among them), to which a peer's mere FIN would be its close_notify."""

ENDS = (
    "keep",  # the connection stays open
    "fin",  # the peer closed: TCP's FIN, over TLS without close_notify
    "rst",
    "close_notify",  # the peer closed, over TLS, as TLS has it (RFC 8446 6.1)
    "refused",
    "unreachable",  # an unknown name, no route
    "alert",  # either side refused the handshake, or broke off, by a TLS alert
    "not_tls",  # what came to a TLS client is not TLS
    "not_http",
    *peer.REASONS,  # we refused the certificate
    "no_answer_within",  # not all of an answer came before the deadline
    "unsent",  # the URL can't be used
)
"""How an exchange can end."""


class Observation(NamedTuple):
    """What a client saw of one exchange."""

    url: str
    """the tenant URL, or any other whose scheme, host and port were used"""
    method: str
    target: str
    """the request target as sent"""
    ends: str = "keep"
    also: tuple[str, ...] = ()
    """further words of ENDS that are true: a certificate can be wrong in two ways"""
    status: int | None = None
    """None where no whole head of an answer came"""
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    complete: bool = False
    """whether the whole of an answer came"""
    alert: str = ""
    """the TLS alert, e.g. handshake_failure; or what we have against the peer's TLS"""
    took: float = 0.0
    """seconds on the wall, from connecting to the end of the answer"""
    error: str = ""
    """what went wrong, in a sentence; '' where nothing did"""
    tls_version: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """Everything of ENDS that is true of it."""
        return (self.ends, *self.also)

    def header(self, name: str) -> str | None:
        """A header's value by name in any case, several joined by commas; None where there is none."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def hidden(self, hide: Callable[[str], str]) -> Observation:
        """The same without secrets, which some servers send back; to be made before any of its texts is cut."""
        body = self.body.decode("utf-8", "surrogateescape")
        return self._replace(
            reason=hide(self.reason),
            headers=tuple((name, hide(value)) for name, value in self.headers),
            body=hide(body).encode("utf-8", "surrogateescape"),
            error=hide(self.error),
        )

    def json(self) -> object:
        """The body as JSON, or `matching.ABSENT` where it is none."""
        try:
            document: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return ABSENT
        return document

    def describe(self) -> str:
        """One line for people: `200 OK`, or how it ended instead."""
        parts = [f"{self.status} {self.reason}".rstrip()] if self.status is not None else ["no answer"]
        if self.ends != "keep":
            parts.append(" and ".join(self.words))
        return ", ".join(parts) + (f" ({self.error})" if self.error else "")


class Endpoint(NamedTuple):
    """Where a URL leads."""

    secure: bool
    host: str
    port: int
    authority: str
    """as the Host header has it"""


def shown(url: str) -> str:
    """A URL as it may be printed: without a user name and password before its host, and without its query."""
    return _HIDDEN.sub(lambda found: "…@" if found[0].endswith("@") else "…", url)


def endpoint(url: str) -> Endpoint:
    """Where `url` leads. Raises ValueError, whose text says why it leads nowhere."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{shown(url)!r} is not an http or https URL")
    if not parts.hostname:
        raise ValueError(f"{shown(url)!r} names no host")
    secure = parts.scheme == "https"
    port = parts.port if parts.port is not None else 443 if secure else 80
    authority = parts.netloc.rpartition("@")[2]
    if not authority.isascii() or any(ord(letter) <= 32 for letter in authority):
        authority = parts.hostname.encode("idna").decode("ascii") + f":{port}"
    return Endpoint(secure, parts.hostname, port, authority)


class UnusableTrust(OSError):
    """The file of trusted certificates can't be used; the text says which and why."""


def client_context(ca_file: str | None, trusts: Sequence[str]) -> ssl.SSLContext:
    """A client's context. `trusts`: `ca` what is in `ca_file` (the machine's store where there is none),
    `anything` every certificate, weak keys included; neither of them: none at all. Raises UnusableTrust."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options &= ~_EOF_IS_GOODBYE
    # Debian's Python also offers 1.0 and 1.1 here, and then fails in its own way: see `old_protocol`.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if "anything" in trusts:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers(ANY_STRENGTH)
    elif "ca" in trusts and ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as problem:
            why = (
                "it holds no certificates in PEM form"
                if isinstance(problem, ssl.SSLError)
                else reason_of(problem)
            )
            raise UnusableTrust(f"{ca_file} can't be used as trusted certificates: {why}") from None
    elif "ca" in trusts:
        context.load_default_certs()
    return context


def exchange(
    url: str,
    method: str,
    target: str,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
    *,
    ca_file: str | None = None,
    timeout: float = TIMEOUT,
    trusts: Sequence[str] = ("ca",),
    linger: float = 0.0,
    body_limit: int = BODY_LIMIT,
) -> Observation:
    """Send one request on its own connection and observe how it ends.

    Only scheme, host and port of `url` are used; `target` goes on the request line as it is, raw UTF-8
    included. `Host` and, with a body, `Content-Length` are added unless given. `timeout` is for all of it, in
    seconds; `linger` is how long the connection is watched after a whole answer; `body_limit` is
    in bytes. Raises nothing: whatever the peer does, and whatever can't be sent (`unsent`), becomes an
    Observation.
    """
    with Session(url, ca_file=ca_file, timeout=timeout, trusts=trusts, body_limit=body_limit) as session:
        return session.exchange(method, target, headers, body, linger=linger)


class Session:
    """Exchanges with one host, one after the other on one connection while the host keeps it open.

    Each is as `exchange` does it. A connection that ended between two exchanges is replaced; nothing is sent twice.
    """

    def __init__(
        self,
        url: str,
        *,
        ca_file: str | None = None,
        timeout: float = TIMEOUT,
        trusts: Sequence[str] = ("ca",),
        body_limit: int = BODY_LIMIT,
    ) -> None:
        self.url = url
        self._body_limit = body_limit
        self._ca_file = ca_file
        self._timeout = timeout
        self._trusts = tuple(trusts)
        self._visit: Visit | None = None

    def exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        *,
        linger: float = 0.0,
    ) -> Observation:
        """Send one request and observe how it ends."""
        seen = Observation(self.url, method, target)
        started = monotonic()
        try:
            where = endpoint(self.url)
            text = head(where, method, target, headers, body)
        except (ValueError, UnicodeError) as problem:
            return seen._replace(ends="unsent", error=str(problem))
        if self._visit is None or not self._visit.can_go_on():
            self.close()
            self._visit = Visit(where, self._ca_file, self._trusts, self._body_limit)
        visit = self._visit
        visit.begin(started, started + self._timeout)
        try:
            seen = visit.answer_to(seen, text + (body or b""), linger)
        except Refused:
            seen = seen._replace(ends="refused", error=f"nothing listens at {where.host}:{where.port}")
        except Unreachable as problem:
            seen = seen._replace(ends="unreachable", error=str(problem))
        except TimeoutError:
            seen = seen._replace(ends="no_answer_within", error=f"no answer within {self._timeout:g} s")
        except UnusableTrust as problem:
            seen = seen._replace(ends="unsent", error=str(problem))
        except OSError as problem:
            seen = seen._replace(ends="rst", error=f"the connection broke: {reason_of(problem)}")
        except ValueError as problem:
            seen = seen._replace(
                ends="unsent", error=f"{where.host!r} is not a valid name for TLS: {problem}"
            )
        if seen.ends != "keep" or not seen.complete or seen.error:
            self.close()
        # What was read of an answer carries the moment of its end; whatever else ended, ended now.
        return seen if seen.took else seen._replace(took=monotonic() - started)

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._visit is not None:
            self._visit.leave()
            self._visit = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def head(
    where: Endpoint,
    method: str,
    target: str,
    headers: Mapping[str, str] | Sequence[tuple[str, str]],
    body: bytes | None,
) -> bytes:
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    given = {name.lower() for name, _ in pairs}
    if "host" not in given:
        pairs.insert(0, ("Host", where.authority))
    if body is not None and not given & {"content-length", "transfer-encoding"}:
        pairs.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in pairs)]
    for line, name in zip(lines, ("request line", *(f"header {name!r}" for name, _ in pairs)), strict=True):
        if "\r" in line or "\n" in line:  # its value may be a secret
            raise ValueError(f"a line break can't be sent in the {name}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


class Visit:
    """One connection's life, from the name look-up to the close."""

    def __init__(
        self, where: Endpoint, ca_file: str | None, trusts: Sequence[str], body_limit: int = BODY_LIMIT
    ) -> None:
        self._body_limit = body_limit
        self.where = where
        self.started = self.deadline = 0.0
        self._ca_file = ca_file
        self._trusts = trusts
        self._open: list[Tcp] = []
        self._tls: Tls | None = None
        self._connection: Connection | None = None

    def begin(self, started: float, deadline: float) -> None:
        """Begin an exchange, which may last until `deadline`."""
        self.started, self.deadline = started, deadline
        for tcp in self._open:
            tcp.deadline = deadline

    def can_go_on(self) -> bool:
        """Whether the connection is still open, and silent, after an exchange."""
        return self._connection is not None and not self._connection.ended and self._open[0].is_quiet()

    def answer_to(self, seen: Observation, request: bytes, linger: float) -> Observation:
        """Send `request`, read its answer, watch the end. Raises as `connect` does, OSError for `ca_file`."""
        if self._connection is None:
            self._connection = tcp = self._connect()
            if self.where.secure:
                self._tls = tls = Tls(tcp, client_context(self._ca_file, self._trusts), self.where.host)
                try:
                    shaken = tls.handshake()
                except ssl.SSLCertVerificationError as problem:
                    return self._refused_certificate(seen, problem)
                if not shaken:
                    return self._no_handshake(seen, tls)
                self._connection = tls
        connection = self._connection
        if self._tls is not None:
            seen = seen._replace(tls_version=self._tls.version)
        reader = Reader(connection, seen.method, self._body_limit)
        try:
            connection.send(request)
        except TimeoutError:
            # A peer that stopped reading may have answered all the same.
            self._open[0].deadline = monotonic() + _LAST_LOOK
        late = False
        try:
            reader.read()
        except TimeoutError:
            late = True
        seen = _with_answer(seen, reader.answer)._replace(took=monotonic() - self.started)
        if late:
            return seen._replace(ends="no_answer_within", error=_late(reader.answer))
        return _with_end(seen, reader.answer, connection, self._watched(connection, reader.answer, linger))

    def _connect(self) -> Tcp:
        tcp = connect(self.where.host, self.where.port, self.deadline)
        self._open.append(tcp)
        return tcp

    def _refused_certificate(self, seen: Observation, problem: ssl.SSLCertVerificationError) -> Observation:
        """We refused the peer's certificate: fetch it again, unverified, to say everything that is wrong."""
        der = None
        try:
            second = Tls(self._connect(), client_context(None, ("anything",)), self.where.host)
            if second.handshake():
                der = second.certificate()
                second.say_goodbye()
        except (Refused, Unreachable, OSError):
            pass  # one look has to do: the first reason is known
        first, *others = peer.reasons(problem, der, self.where.host)
        return seen._replace(ends=first, also=tuple(others), error=problem.verify_message)

    def _no_handshake(self, seen: Observation, tls: Tls) -> Observation:
        ends, alert = tls.ended, tls.alert
        error = {
            "alert": f"the handshake failed: {alert}",
            "not_tls": f"this is not TLS: {tls.problem}",
            "rst": "the connection was reset during the handshake",
        }.get(ends, "the connection was closed during the handshake")
        # Who asks whether HTTP over TLS was spoken gets the same answer.
        also = ("not_http",) if ends == "not_tls" else ()
        return seen._replace(ends=ends, also=also, alert=alert, error=error)

    def _watched(self, connection: Connection, answer: Answer, linger: float) -> bytes:
        """Watch the connection after the answer until it ends or `linger` is over; what still came."""
        if connection.ended:
            return b""
        patience = max(linger, _GRACE) if answer.closes else linger
        if patience <= 0:
            return b""
        for tcp in self._open:
            tcp.deadline = min(self.deadline, monotonic() + patience)
        came = b""
        try:
            while more := connection.receive():
                came = (came + more)[:100]
        except TimeoutError:
            pass
        return came

    def leave(self) -> None:
        """Close what is open, with TLS's goodbye where there was a session."""
        if self._tls is not None and not self._tls.ended:
            self._tls.tcp.deadline = monotonic() + 0.1
            self._tls.say_goodbye()
        for tcp in self._open:
            tcp.close()


def _late(answer: Answer) -> str:
    if not answer.begun:
        return "no answer came in time"
    return "the answer had begun, but not all of it came in time"


def _with_answer(seen: Observation, answer: Answer) -> Observation:
    return seen._replace(
        status=answer.status,
        reason=answer.reason if answer.status is not None else "",
        headers=tuple(answer.headers),
        body=bytes(answer.body),
        complete=answer.complete,
        error=answer.problem,
    )


def _with_end(seen: Observation, answer: Answer, connection: Connection, after: bytes) -> Observation:
    """Add how the connection ended to what was read from it."""
    ended = connection.ended
    alert = connection.alert if isinstance(connection, Tls) else ""
    error = seen.error
    if not answer.http:
        return seen._replace(ends="not_http", also=(ended,) if ended else (), alert=alert)
    if after and answer.complete and not error:
        error = f"at least {len(after)} bytes follow the answer"
    if isinstance(connection, Tls) and ended == "fin" and answer.complete and _unbounded(answer, seen.method):
        # RFC 9112 9.8: without its close_notify, an end that replaces a length proves nothing.
        return seen._replace(ends=ended, complete=False, error="the body has no length and no close_notify")
    if not answer.begun:
        how = {"rst": "reset", "alert": f"broken off ({alert})"}.get(ended, "closed")
        error = f"the connection was {how} before any answer"
    return seen._replace(ends=ended or "keep", alert=alert, error=error)


def _unbounded(answer: Answer, method: str) -> bool:
    bodiless = method == "HEAD" or answer.status in (101, 204, 304)
    return not bodiless and not answer.values("content-length") and not answer.values("transfer-encoding")
