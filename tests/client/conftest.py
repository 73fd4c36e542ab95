"""Fixtures: peers, the certificates that they present, a port where nobody is."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from mockhost.clock import VirtualClock
from mockhost.tls.authority import Authority
from mockhost.tls.config import TlsConfig
from mockhost.tls.serving import Certificates
from tests.client.peers import Peer, Script

Peers = Callable[..., Peer]


@pytest.fixture
def peers() -> Iterator[Peers]:
    """Make a peer: `peers(script)`; with `context=` over TLS, with `early=` before any handshake."""
    made: list[Peer] = []

    def make(script: Script = lambda line: None, **options: object) -> Peer:
        made.append(Peer(script, **options))  # type: ignore[arg-type]  # passed on as they come
        return made[-1]

    yield make
    for peer in made:
        peer.close()


class Presented:
    """A TLS certificate that a peer can present, and what its clients trust."""

    def __init__(self, config: TlsConfig) -> None:
        self.certificates = Certificates(Authority(), VirtualClock("frozen"))
        self.certificates.configure(config)
        context = self.certificates.offer()[1]
        assert context is not None
        self.context = context
        self.ca_file = str(self.certificates.bundle_file)


@pytest.fixture
def present() -> Iterator[Callable[..., Presented]]:
    """Present a certificate: `present(names=(...), valid=(...), issuer=...)`."""
    made: list[Presented] = []

    def make(**config: object) -> Presented:
        made.append(Presented(TlsConfig(**config)))  # type: ignore[arg-type]  # passed on as they come
        return made[-1]

    yield make
    for presented in made:
        presented.certificates.close()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of loopback where nobody listens: it is taken, so that nobody begins to."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])
