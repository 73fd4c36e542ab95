"""The target of a proxy: its configuration, connections to it, which are kept, and what it answers, piece by piece.

The target is trusted with nothing: its heads, its informational answers and its trailers are bounded
(`client.answers`), a body is passed on in pieces, and every wait has an end. A redirect is an answer like any other:
no other host is ever asked.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from mockhost.client import answers, wire
from mockhost.client.answers import Malformed, Reader, Truncated
from mockhost.client.observation import Endpoint, client_context, endpoint
from mockhost.client.wire import Refused, Tcp, Tls, Unreachable
from mockhost.clock import monotonic
from mockhost.exchange import Upstream
from mockhost.slices import Pause

HELD = 16 * 1024 * 1024
"""Bytes of an answer that are read whole where a rule or a recording needs the body."""
TIMEOUT = 30.0


class ProxyConfig(NamedTuple):
    """Where requests go, and how."""

    target: str
    """the URL that stands for `/scim`, without a trailing slash"""
    token: str | None = None
    """sent to the target as the bearer token, in place of the client's credentials"""
    verify: bool = True
    """whether the target's certificate is checked"""
    ca: str | None = None
    """what to trust instead of the machine's store, as PEM"""
    timeout: float = TIMEOUT
    """seconds until the target's head is complete, and without progress of its body"""
    whole: bool = False
    """whether every answer is read whole before it goes on: for a recording"""

    def __repr__(self) -> str:
        """Without the token."""
        return f"<ProxyConfig {self.target}>"


def ca_problem(pem: str) -> str | None:
    """What is wrong with certificates in PEM form."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError):  # TypeError: not ASCII
        return "these are not certificates in PEM form"
    return None


_LOOK = 0.25
"""Seconds between two looks whether the answer is still wanted."""
_CONNECT = 10.0
"""Seconds until a connection stands, its handshake included."""
_IDLE = 60.0
"""Seconds for which a connection without a request is kept."""
_MOST_IDLE = 32
_LONGEST = 20
"""How many times its time-out an answer may take to its last byte."""
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Idempotent methods (RFC 9110 9.2.2): sent again if a kept connection turns out to be over."""
_GOODBYE = 0.1


class Failed(Exception):
    """There is no answer. `status`: what a gateway says instead; None: the connection ends as the target's did."""

    def __init__(self, problem: str, status: int | None = 502, ends: str = "fin") -> None:
        super().__init__(problem)
        self.problem = problem
        self.status = status
        self.ends = ends


class Link:
    """One connection to the target, as a `client.wire.Connection` that can be waited for in slices."""

    def __init__(self, tcp: Tcp, over: Tcp | Tls) -> None:
        self._tcp = tcp
        self._over = over
        self._pause: Pause = _go_on
        self.limit = 0.0
        self.patience = 0.0
        self.idle_since = 0.0
        self.connected = 0.0
        """seconds that it took to connect"""
        self.used = False

    def begin(self, pause: Pause, patience: float) -> None:
        """Begin an exchange in which each wait lasts for `patience` at most, and all of it for a multiple of that."""
        self._pause = pause
        self.patience = patience
        self.limit = monotonic() + patience

    @property
    def ended(self) -> str:
        return self._over.ended

    @property
    def is_quiet(self) -> bool:
        return not self._over.ended and self._tcp.is_quiet()

    def send(self, data: bytes) -> bool:
        self._tcp.deadline = self.limit
        return self._over.send(data)

    def receive(self) -> bytes:
        while True:
            now = monotonic()
            self._tcp.deadline = min(self.limit, now + _LOOK)
            try:
                return self._over.receive()
            except TimeoutError:
                if monotonic() >= self.limit:
                    raise
                self._pause()

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if isinstance(self._over, Tls):
                self._tcp.deadline = monotonic() + _GOODBYE
                self._over.say_goodbye()
            self._tcp.close()


class Reply:
    """The target's answer: its head, and its body as it comes. Close it when it is not read to its end."""

    def __init__(self, target: Target, link: Link, reader: Reader, started: float) -> None:
        self._target = target
        self._link: Link | None = link
        self._reader = reader
        self._started = started
        self._last = started + _LONGEST * link.patience
        self.connected = None if link.used else link.connected
        self.first_byte = monotonic() - started
        self.took: float | None = None
        self._length = answers.content_length(reader.answer) or -1
        self.problem = ""
        """why the body is not whole"""
        self.ended = ""
        """how the target's connection ended in the middle of the body: fin | rst | …"""

    @property
    def answer(self) -> answers.Answer:
        return self._reader.answer

    @property
    def times(self) -> Upstream:
        """When things happened on the target's side."""
        return Upstream(self.first_byte, self.took, self.connected)

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes; afterwards `problem` says whether it is whole. Raises what `pause` raises."""
        link = self._link
        if link is None:
            return
        try:
            pieces = self._reader.pieces()
            left = self._length
            while not self.answer.complete:
                link.limit = min(monotonic() + link.patience, self._last)
                piece = next(pieces, b"")
                left -= len(piece)
                if left == 0:
                    # Who knows that this was the last one does not ask for more, and may ask again at once.
                    next(pieces, None)
                    self._done()
                yield piece
        except Truncated as problem:
            self.problem, self.ended = str(problem), link.ended
        except Malformed as problem:
            self.problem, self.ended = str(problem), "rst"
        except TimeoutError:
            self.problem, self.ended = "the target's body did not end in time", "rst"
        finally:
            self._done()

    def _done(self) -> None:
        """The body has come to its end: keep the connection if another request can go over it."""
        link, self._link = self._link, None
        if link is None:
            return
        self.took = monotonic() - self._started
        answer = self.answer
        if answer.complete and not answer.closes and not link.ended and not self._reader.waiting:
            self._target.keep(link)
        else:
            link.close()

    def close(self) -> None:
        """Let go of the connection, if the body was not read."""
        if self._link is not None:
            self._link.close()
            self._link = None


class Target:
    """A target that can be asked, by many threads at once."""

    def __init__(self, config: ProxyConfig) -> None:
        """Raises ValueError for a URL that leads nowhere."""
        self.config = config
        self.where: Endpoint = endpoint(config.target)
        self.path = urlsplit(config.target).path.rstrip("/")
        """what stands before the path below `/scim`"""
        self._context: ssl.SSLContext | None = None
        if self.where.secure:
            trusts = ("anything",) if not config.verify else ("ca",) if config.ca is None else ()
            self._context = client_context(None, trusts)
            if config.ca is not None:
                self._context.load_verify_locations(cadata=config.ca)
        self._idle: deque[Link] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def ask(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes, pause: Pause
    ) -> Reply:
        """Send a request and read the head of its answer. Raises Failed, and what `pause` raises.

        headers: as they go out, `Host` among them; body: as it goes out, framing included.
        """
        lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers]]
        request = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
        link = self._kept()
        if link is not None:
            reply = self._asked(link, method, request, pause)
            if reply is not None:
                return reply
            if method not in _REPEATABLE:
                raise Failed("the target closed the connection before any answer", None, link.ended or "fin")
        link = self._connect()
        reply = self._asked(link, method, request, pause)
        if reply is None:
            raise Failed("the target closed the connection before any answer", None, link.ended or "fin")
        return reply

    def _asked(self, link: Link, method: str, request: bytes, pause: Pause) -> Reply | None:
        """Ask over a connection; None if it ended without a byte of an answer. Raises Failed."""
        started = monotonic()
        link.begin(pause, self.config.timeout)
        reader = Reader(link, method)
        answer = reader.answer
        try:
            with contextlib.suppress(TimeoutError):  # it may have answered, and stopped reading
                link.send(request)
            reader.head()
        except TimeoutError:
            link.close()
            raise Failed(f"the target did not answer within {self.config.timeout:g} s", 504) from None
        except Truncated as problem:
            link.close()
            raise Failed(f"the target's answer broke off: {problem}", None, link.ended) from None
        except Malformed as problem:
            link.close()
            raise Failed(f"the target's answer can't be read: {problem}") from None
        except BaseException:
            link.close()
            raise
        if not answer.begun:
            link.close()
            return None
        if answer.status is None or answer.status == 101:
            link.close()
            what = answer.problem or "it is a change of protocols that was not asked for"
            raise Failed(f"the target's answer can't be read: {what}")
        try:
            return Reply(self, link, reader, started)
        except Malformed as problem:
            link.close()
            raise Failed(f"the target's answer can't be read: {problem}") from None

    def _kept(self) -> Link | None:
        """A connection that was kept and is still open."""
        while True:
            with self._lock:
                link = self._idle.pop() if self._idle else None
            if link is None or (link.is_quiet and monotonic() - link.idle_since < _IDLE):
                return link
            link.close()

    def keep(self, link: Link) -> None:
        """Keep a connection for the next request."""
        link.idle_since, link.used = monotonic(), True
        with self._lock:
            if not self._closed:
                self._idle.append(link)
                link = self._idle.popleft() if len(self._idle) > _MOST_IDLE else None  # type: ignore[assignment]
        if link is not None:
            link.close()

    def close(self) -> None:
        """Close what is kept; requests that are under way go on."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, deque()
        for link in idle:
            link.close()

    def _connect(self) -> Link:
        """A new connection. Raises Failed."""
        where, started = self.where, monotonic()
        place = f"{where.host}:{where.port}"
        try:
            tcp = wire.connect(where.host, where.port, started + min(_CONNECT, self.config.timeout))
        except Refused:
            raise Failed(f"nothing listens at {place}, the target") from None
        except Unreachable as problem:
            raise Failed(f"the target can't be reached: {problem}") from None
        except TimeoutError:
            raise Failed(f"the target {place} did not accept a connection in time", 504) from None
        over: Tcp | Tls = tcp
        if self._context is not None:
            over = self._handshaken(tcp, self._context)
        link = Link(tcp, over)
        link.connected = monotonic() - started
        return link

    def _handshaken(self, tcp: Tcp, context: ssl.SSLContext) -> Tls:
        try:
            tls = Tls(tcp, context, self.where.host)
            if tls.handshake():
                return tls
            problem = {"alert": f"alert {tls.alert}", "not_tls": f"this is not TLS: {tls.problem}"}.get(
                tls.ended, f"the connection ended ({tls.ended})"
            )
            failed = Failed(f"the TLS handshake with the target failed: {problem}")
        except ssl.SSLCertVerificationError as refused:
            failed = Failed(f"the target's certificate is refused: {refused.verify_message}")
        except TimeoutError:
            failed = Failed("the TLS handshake with the target did not end in time", 504)
        except ValueError as problem:
            failed = Failed(f"{self.where.host!r} is not a valid name for TLS: {problem}")
        tcp.close()
        raise failed from None


def _go_on() -> None:
    """Go on: the answer is still wanted."""
