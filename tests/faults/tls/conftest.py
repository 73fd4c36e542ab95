"""A listener whose first connections meet a fault, with real certificates, and clients of several kinds."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mockhost.clock import VirtualClock
from mockhost.faults.parameters import read
from mockhost.plans import SERVE, ConnectionPlan
from mockhost.server.listener import Listener, TlsOffer
from mockhost.tls.authority import Authority
from mockhost.tls.config import TlsConfig
from mockhost.tls.serving import Certificates
from tests.server.conftest import Recorder, gone, hello
from tests.server.raw import OPEN, RawClient, get
from tests.tls.handshakes import careless, trusting

VERSIONS = ("1.2", "1.3")


def planned(said: object) -> ConnectionPlan:
    """What a connection is met with by the fault that a rule would say so."""
    (chosen,) = read(said)
    assert chosen.fault.connection is not None
    return chosen.fault.connection(chosen.parameters)


class Port:
    """A port of a host; `faulty` connections meet the fault, the others are served as always."""

    def __init__(self) -> None:
        self.certificates = Certificates(Authority(), VirtualClock("frozen"))
        self.certificates.configure(TlsConfig())
        self.bundle = str(self.certificates.bundle_file)
        self.recorder = Recorder()
        self.listener = Listener(
            hello,
            hosts=("127.0.0.1",),
            tls=self._offer,
            plan=self._plan,
            heads=lambda: ("httpapi", 1_767_225_600.0),
            observer=self.recorder,
            name="tlsfaults",
        )
        self.listener.bind()
        self.listener.open()
        self._faulty: tuple[ConnectionPlan, int] = (SERVE, 0)
        self._lock = threading.Lock()

    def _offer(self, config: TlsConfig | None) -> TlsOffer:
        certificates = self.certificates
        return TlsOffer(*(certificates.offer() if config is None else certificates.offer_for(config)))

    def _plan(self, connection: Any) -> ConnectionPlan:
        with self._lock:
            plan, left = self._faulty
            self._faulty = (plan, left - 1)
            return plan if left > 0 else SERVE

    def meets(self, said: object, times: int = 1) -> None:
        """The next connections meet this fault."""
        with self._lock:
            self._faulty = (planned(said), times)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.listener.port}/"

    def client(self, context: ssl.SSLContext | None = None, **options: Any) -> RawClient:
        """A raw client; without a context one that writes its own TLS."""
        return RawClient(self.listener.port, tls=context, **options)

    def strict(self, version: str | None = None) -> ssl.SSLContext:
        """A client that trusts what it read before any fault."""
        return trusting(self.certificates.bundle_file.read_text(), version)

    def is_well(self) -> None:
        """The neighbours never notice: a strict client is served."""
        for version in VERSIONS:
            with self.client(self.strict(version)) as client:
                assert client.ask(get("/")).body == b"hello"

    def close(self) -> None:
        for client in list(OPEN):
            client.close()
        self.listener.shutdown()
        self.certificates.close()


@pytest.fixture
def port() -> Iterator[Port]:
    """An open port, whose server must have had no bug."""
    port = Port()
    yield port
    port.close()
    assert gone(port.listener)
    assert port.recorder.of("bug") == []


def client_hello(version: str | None = None) -> bytes:
    """A ClientHello as it goes on the wire."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = careless(version).wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError


def records(data: bytes) -> list[tuple[int, bytes]]:
    """The TLS records in what came, each as (type, content); one that is cut short is left out."""
    found = []
    while len(data) >= 5:
        size = int.from_bytes(data[3:5], "big")
        if len(data) < 5 + size:
            break
        found.append((data[0], data[5 : 5 + size]))
        data = data[5 + size :]
    return found


Started = Callable[[], Port]
__all__ = ["VERSIONS", "Port", "Started", "client_hello", "planned", "records"]
