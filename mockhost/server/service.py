"""What the connections of one listener share: the application, limits, an observer, and what may be asked of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from mockhost.plans import ConnectionPlan, UploadPlan
from mockhost.server.http11 import Head, LongSegments
from mockhost.server.httpsys import Refusal
from mockhost.server.transport import TlsOffer
from mockhost.server.waiting import Bell
from mockhost.tls.config import TlsConfig

Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Any], Iterable[bytes]]


class Limits(NamedTuple):
    """Seconds, bytes and counts. The sizes of heads are http.sys' own and are in `http11`."""

    handshake: float = 10.0
    """until TLS is agreed, from the moment of accepting"""
    head: float = 30.0
    """until a head is complete, from its first byte"""
    idle: float = 120.0
    """between requests; http.sys' ConnectionTimeout ("Error logging in HTTP APIs", Timer_ConnectionIdle)"""
    body: float = 60.0
    """without any progress of a request's body"""
    send: float = 60.0
    """without any progress of an answer"""
    max_body: int = 16 * 1024 * 1024
    connections: int = 1_024
    from_one_address: int = 1_024
    """connections of one client's address; a smaller number keeps it from taking those of the others"""
    drain_seconds: float = 2.0
    """how long an ending by FIN waits for a client that is still sending"""
    drain_bytes: int = 4 * 1024 * 1024
    lengths_required: bool = True
    """whether a POST, PUT or PATCH without a length is refused, as by http.sys"""
    long_segments: LongSegments = lambda path: False
    """whether a path may have a segment longer than http.sys takes (260 characters)"""
    idle_threads: int = 32
    """how many threads wait for the next connection when they have none"""


class Connection(Protocol):
    """What others see of a connection."""

    number: int
    """counts from 1 within a listener"""
    peer: tuple[str, int]
    epoch_token: Any
    """what `Observer.opened` returned"""
    tls: str | None
    """`TLSv1.3`, or None while or where there is none"""
    exchanges: int
    """how many requests reached the application"""
    answering: Head | None
    """the head of the request that the application was last asked about"""

    @property
    def alive(self) -> bool:
        """Whether an answer can still reach the client, as far as is known here."""


class Observer(Protocol):
    """Told of every connection, on its own thread. The methods must not raise."""

    def opened(self, connection: Connection) -> object:
        """A connection was accepted. What is returned becomes its `epoch_token`."""

    def handshake(self, connection: Connection, error: str | None) -> None:
        """TLS was agreed (None), or not: an alert's name such as `unknown_ca`, OpenSSL's reason in small letters,
        `timeout`, `reset`, `plain http`, `no certificate` or `cut`; `planned reset` (or `close`, `alert`, `stall`,
        `silent`) as soon as such a plan is known, also on a port without TLS."""

    def refused(self, connection: Connection, refusal: Refusal, head: bytes, answer: bytes) -> None:
        """A request was answered without the application; `head` is what was read of it."""

    def bug(self, connection: Connection, error: BaseException) -> None:
        """The application raised something: a bug of ours, whatever the client did."""

    def closed(self, connection: Connection, by: str) -> None:
        """The connection is gone: by `client`, `server`, `timeout`, `limit` or `cut`."""


class NoObserver:
    """An observer to whom nothing matters."""

    def opened(self, connection: Connection) -> object:
        return None

    def handshake(self, connection: Connection, error: str | None) -> None:
        pass

    def refused(self, connection: Connection, refusal: Refusal, head: bytes, answer: bytes) -> None:
        pass

    def bug(self, connection: Connection, error: BaseException) -> None:
        pass

    def closed(self, connection: Connection, by: str) -> None:
        pass


class Service(NamedTuple):
    """What `Listener` was given; its docstring says what each is asked."""

    app: WsgiApp
    tls: Callable[[TlsConfig | None], TlsOffer] | None
    heads: Callable[[], tuple[str, float]]
    observer: Observer
    limits: Limits
    plan: Callable[[Connection], ConnectionPlan] | None
    upload: Callable[[Callable[[], Environ]], UploadPlan | None] | None
    bell: Bell
