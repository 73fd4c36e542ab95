"""The way from the service to the target, through the agent's machine: one connection, with the token of the app."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mockhost.client.dialect import Request
from mockhost.client.observation import Observation, Session, endpoint
from mockhost.clock import wall_now
from mockhost.entra.config import Provisioning

if TYPE_CHECKING:
    from mockhost.client.har import HarWriter


class Way:
    """Sends requests of the service to a target, as its agent does; and writes them to a HAR file."""

    def __init__(
        self,
        config: Provisioning,
        har: HarWriter | None = None,
        *,
        reach: Callable[[str], str] = lambda url: "",
    ) -> None:
        """reach: why a URL is not tried at all, in a word of `observation.ENDS`; '' if it is."""
        self._reach = reach
        self.session: Session = Session(
            config.entered.tenant_url, ca_file=config.trust, timeout=config.settings.timeout
        )
        self.har = har
        token = config.entered.secret_token
        self._headers = () if token is None else (("Authorization", f"Bearer {token}"),)

    def __call__(self, request: Request) -> Observation:
        sent = request._replace(headers=(*self._headers, *request.headers))
        if stopped := self._reach(self.session.url):
            why = "from this portal only the host itself can be reached"
            seen = Observation(self.session.url, sent.method, sent.target, ends=stopped, error=why)
        else:
            seen = self.session.exchange(sent.method, sent.target, sent.headers, sent.body)
        if self.har is not None:
            try:
                where = endpoint(self.session.url)
                base = f"{'https' if where.secure else 'http'}://{where.authority}"
            except ValueError:
                base = ""
            self.har.add(wall_now(), base, sent, seen)
        return seen
