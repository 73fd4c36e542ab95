"""What the connections of one listener share, and what may be asked of them: by an answer, and by who accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mockhost.clock import http_date
from mockhost.server.gateway import Environ, WsgiApp
from mockhost.server.observer import Connection, Limits, Observer
from mockhost.server.transport import TlsOffer
from mockhost.server.waiting import Bell
from mockhost.tls.config import TlsConfig


class Pace(Protocol):
    """How fast bytes go out: see `mockhost.faults.plan.Pace`."""

    @property
    def size(self) -> int: ...
    @property
    def pause(self) -> float: ...
    @property
    def varied(self) -> tuple[float, ...]: ...


class Plan(Protocol):
    """The values of `environ["mockhost.plan"]`: see `mockhost.faults.plan.TransportPlan`."""

    @property
    def hang(self) -> str | None: ...
    @property
    def after_bytes(self) -> int | None: ...
    @property
    def ending(self) -> str: ...
    @property
    def head(self) -> bool: ...
    @property
    def delay(self) -> float: ...
    @property
    def hang_for(self) -> float | None: ...
    @property
    def after_fraction(self) -> float | None: ...
    @property
    def head_pace(self) -> Pace | None: ...
    @property
    def body_pace(self) -> Pace | None: ...
    @property
    def raw(self) -> bytes | None: ...
    @property
    def announced(self) -> int | None: ...
    @property
    def bad_chunk(self) -> bytes | None: ...
    @property
    def close_delimited(self) -> bool: ...
    @property
    def linger(self) -> float: ...


class ConnectionPlan(Protocol):
    """What a connection is met with: see `mockhost.faults.plan.ConnectionPlan`."""

    @property
    def action(self) -> str: ...
    @property
    def tls(self) -> TlsConfig | None: ...
    @property
    def after(self) -> str: ...
    @property
    def alert(self) -> int: ...


class UploadPlan(Protocol):
    """How the body of a request is read: see `mockhost.faults.plan.UploadPlan`."""

    @property
    def after_bytes(self) -> int | None: ...
    @property
    def then(self) -> str: ...
    @property
    def stall_for(self) -> float | None: ...
    @property
    def pace(self) -> Pace | None: ...


RAW = "mockhost.raw"
"""The key of an environ in which the application leaves the `exchange.RawHead` of its answer."""
UPLOAD = "mockhost.upload"
"""The key of an environ in which `Service.upload` may leave what the application is to find again."""


class Service:
    """What all connections of a listener share."""

    __slots__ = ("_dated", "app", "bell", "limits", "now", "observer", "plan", "tls", "upload", "wire")

    def __init__(
        self,
        app: WsgiApp,
        tls: Callable[[TlsConfig | None], TlsOffer] | None,
        wire: Callable[[], str],
        now: Callable[[], float],
        observer: Observer,
        limits: Limits,
        plan: Callable[[Connection], ConnectionPlan] | None,
        upload: Callable[[Callable[[], Environ]], UploadPlan | None] | None = None,
    ) -> None:
        self.app = app
        self.tls = tls
        self.wire = wire
        self.now = now
        self.observer = observer
        self.limits = limits
        self.plan = plan
        self.upload = upload
        self.bell = Bell()
        self._dated = (-1, "")

    def date(self) -> str:
        """The HTTP date by the scenario's clock, formatted once a second."""
        second, text = self._dated
        current = int(self.now())
        if current != second:
            text = http_date(current)
            self._dated = (current, text)
        return text
