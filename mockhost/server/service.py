"""What the connections of one listener share, and what may be asked of them: by an answer, and by who accepts."""

from __future__ import annotations

from collections.abc import Callable

from mockhost.clock import http_date
from mockhost.plans import ConnectionPlan, UploadPlan
from mockhost.server.gateway import Environ, WsgiApp
from mockhost.server.observer import Connection, Limits, Observer
from mockhost.server.transport import TlsOffer
from mockhost.server.waiting import Bell
from mockhost.tls.config import TlsConfig

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
