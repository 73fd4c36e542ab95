"""A port whose answers meet a fault of HTTP or of the body, in the clear and over TLS."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from mockhost.clock import FROZEN_START, VirtualClock
from mockhost.faults.contract import Draft
from mockhost.faults.parameters import Chosen
from mockhost.plans import AS_IS
from mockhost.scim.messages import ECMA_USER
from mockhost.server.listener import Listener, TlsOffer
from mockhost.tls.authority import Authority
from mockhost.tls.config import TlsConfig
from mockhost.tls.serving import Certificates
from tests.faults.body.answers import Request, answer, chosen, context, listing, user
from tests.server.conftest import Recorder

PATH = "/ecma2host_SQL/scim/Users"


def _user() -> dict[str, Any]:
    """The user of the shipped scenarios whom the documentation has in its examples."""
    values = {**user()[ECMA_USER], "textID": "1001"}
    return {**user(), ECMA_USER: values}


class Port:
    """Serves one user; answers meet the fault that was named last."""

    def __init__(self, tls: str | None) -> None:
        """`tls` is the one version that is spoken, or None for plain HTTP."""
        self.recorder = Recorder()
        self.certificates = Certificates(Authority(), VirtualClock("frozen"))
        version = tls or "1.3"
        self.certificates.configure(TlsConfig(minimum_version=version, maximum_version=version))
        self.ca_file = str(self.certificates.bundle_file)
        self._scheme = "https" if tls else "http"
        self._listener = Listener(
            self._app,
            hosts=("127.0.0.1",),
            tls=(lambda _: TlsOffer(*self.certificates.offer())) if tls else None,
            heads=lambda: ("httpapi", FROZEN_START),
            observer=self.recorder,
            name="answerfaults",
        )
        self._listener.bind()
        self._listener.open()
        self._chosen: Chosen | None = None
        self._memory: dict[str, object] = {}
        self._ordinals = itertools.count(1)

    def meets(self, name: str, given: object = None) -> None:
        """From here on answers meet this fault."""
        self._chosen, self._memory = chosen(name, given), {}

    @property
    def url(self) -> str:
        return f"{self._scheme}://localhost:{self._listener.port}{PATH}"

    def _app(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        method, target = environ["REQUEST_METHOD"], environ["mockhost.target"]
        operation = "create_user" if method == "POST" else "find_users"
        asked = Request(operation, method=method, target=target, headers=tuple(environ["mockhost.headers"]))
        draft = answer(user(), 201) if method == "POST" else answer(listing(*self._found(target)))
        draft = self._faulted(draft, asked)
        if draft.plan != AS_IS:
            environ["mockhost.plan"] = draft.plan
        start_response(f"{draft.status} ", list(draft.headers))
        return [draft.body] if isinstance(draft.body, bytes) else draft.body

    def _found(self, target: str) -> list[dict[str, Any]]:
        return [] if "nobody" in target else [_user()]

    def _faulted(self, draft: Draft, asked: Request) -> Draft:
        if self._chosen is None:
            return draft
        where = context(asked, ordinal=next(self._ordinals), memory=self._memory)
        fault, parameters = self._chosen.fault, self._chosen.parameters
        if fault.instead is not None:
            return fault.instead(parameters, where) or draft
        assert fault.answer is not None
        return fault.answer(draft, parameters, where)

    def close(self) -> None:
        self._listener.shutdown()
        self.certificates.close()
        assert self.recorder.of("bug") == []


@pytest.fixture(scope="module", params=[None, "1.2", "1.3"], ids=["tcp", "TLSv1.2", "TLSv1.3"])
def port(request: pytest.FixtureRequest) -> Iterator[Port]:
    """One port for all tests of a module, over TCP, TLS 1.2 and TLS 1.3."""
    port = Port(request.param)
    yield port
    port.close()
