"""What the connections of one listener share, and what an application may ask of the one that it answers on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mockhost.clock import http_date
from mockhost.server.gateway import WsgiApp
from mockhost.server.observer import Limits, Observer
from mockhost.server.transport import TlsOffer


class Plan(Protocol):
    """What may stand in `environ["mockhost.plan"]`: see `mockhost.faults.plan.TransportPlan`."""

    @property
    def hang(self) -> str | None: ...
    @property
    def after_bytes(self) -> int | None: ...
    @property
    def ending(self) -> str: ...
    @property
    def head(self) -> bool: ...


class Service:
    """What all connections of a listener share."""

    __slots__ = ("_dated", "app", "limits", "now", "observer", "tls", "wire")

    def __init__(
        self,
        app: WsgiApp,
        tls: Callable[[], TlsOffer] | None,
        wire: Callable[[], str],
        now: Callable[[], float],
        observer: Observer,
        limits: Limits,
    ) -> None:
        self.app = app
        self.tls = tls
        self.wire = wire
        self.now = now
        self.observer = observer
        self.limits = limits
        self._dated = (-1, "")

    def date(self) -> str:
        """The HTTP date by the scenario's clock, formatted once a second."""
        second, text = self._dated
        current = int(self.now())
        if current != second:
            text = http_date(current)
            self._dated = (current, text)
        return text
