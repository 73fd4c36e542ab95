"""A `requests.Session` for one connector, with the client's configuration."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import requests
from urllib3.exceptions import SystemTimeWarning

from mockhost.clock import is_moved

if TYPE_CHECKING:
    from mockhost.api import MockHost


class TenantSession(requests.Session):
    """Takes paths below the tenant URL. Whole URLs go where they say, with the same token and trust."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        """the tenant URL"""

    @classmethod
    def of(cls, host: MockHost, connector: str | None = None) -> TenantSession:
        """With the client's configuration for a connector of this host."""
        with host.session(connector) as told:
            session = cls(host.url(connector))
            session.headers.update(told.headers)
            session.verify, session.trust_env = told.verify, told.trust_env
        return session

    def request(self, method: str, url: str | bytes, *args: Any, **more: Any) -> requests.Response:
        """As requests does; an answer that has not begun after ten seconds is a `Timeout` unless said otherwise."""
        if isinstance(url, str) and url[:1] in ("/", "?", ""):
            url = self.url + url
        if len(args) < 7:
            more.setdefault("timeout", 10)
        if not is_moved():
            return super().request(method, url, *args, **more)
        # Certificates are verified by OpenSSL, which goes by the real clock: urllib3's warning is a false alarm.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SystemTimeWarning)
            return super().request(method, url, *args, **more)

    def __repr__(self) -> str:
        return f"<requests.Session for {self.url}>"
