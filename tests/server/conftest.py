"""A listener per test, a recorder that must have seen no bug, certificates made once a session."""

from __future__ import annotations

import datetime
import ipaddress
import itertools
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import pytest

from mockhost.server.httpsys import Refusal
from mockhost.server.listener import Listener, TlsOffer
from tests.server.raw import OPEN, PATIENCE, RawClient


class Certificate(NamedTuple):
    """A certificate on disk, and as a client that pins it reads it."""

    file: Path
    der: bytes


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Certificate]:
    """Self-signed certificates for localhost, one per name that a test gives them."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("certificates")
    made: dict[str, Certificate] = {}

    def certificate(name: str) -> Certificate:
        if name not in made:
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
            now = datetime.datetime(2020, 1, 1)
            signed = (
                x509.CertificateBuilder()
                .subject_name(subject)
                .issuer_name(subject)
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now)
                .not_valid_after(now + datetime.timedelta(days=36_500))
                .add_extension(
                    x509.SubjectAlternativeName(
                        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
                    ),
                    critical=False,
                )
                .sign(key, hashes.SHA256())
            )
            file = folder / f"{name}.pem"
            file.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
                + signed.public_bytes(serialization.Encoding.PEM)
            )
            made[name] = Certificate(file, signed.public_bytes(serialization.Encoding.DER))
        return made[name]

    return certificate


@pytest.fixture
def offer(certificates: Callable[[str], Certificate]) -> Callable[..., TlsOffer]:
    """`offer("first")`: TLS with a fresh context for the certificate of that name."""

    def make(name: str = "first") -> TlsOffer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates(name).file)
        return TlsOffer("tls", context)

    return make


def client_context(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A client that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


class Recorder:
    """An observer that remembers, and lets a test wait for what is to happen."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.connections: list[Any] = []
        """the `Connection`s themselves, in order"""
        self.epoch: object = object()
        self._changed = threading.Condition()

    def _note(self, *event: Any) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def opened(self, connection: Any) -> object:
        self.connections.append(connection)
        self._note("opened", connection.number)
        return self.epoch

    def handshake(self, connection: Any, error: str | None) -> None:
        self._note("handshake", connection.number, error, connection.tls)

    def refused(self, connection: Any, refusal: Refusal, head: bytes, answer: bytes) -> None:
        self._note("refused", connection.number, refusal.name, head, answer)

    def bug(self, connection: Any, error: BaseException) -> None:
        self._note("bug", connection.number, repr(error))

    def closed(self, connection: Any, by: str) -> None:
        self._note("closed", connection.number, by)

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        with self._changed:
            return [event[1:] for event in self.events if event[0] == kind]

    def forget(self) -> None:
        """Begin anew."""
        with self._changed:
            self.events.clear()
            self.connections.clear()

    def wait(self, kind: str, count: int = 1) -> list[tuple[Any, ...]]:
        """The first `count` events of a kind, once they have happened."""
        with self._changed:
            happened = self._changed.wait_for(
                lambda: sum(event[0] == kind for event in self.events) >= count, PATIENCE
            )
            assert happened, f"no {count} x {kind!r} in {self.events[-20:]}"
        return self.of(kind)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Told of everything; a test that brings bugs about forgets them itself."""
    recorder = Recorder()
    yield recorder
    assert recorder.of("bug") == []


def until(holds: Callable[[], bool], meanwhile: Callable[[], object] = lambda: None) -> None:
    """Wait for what nobody tells of, looking again and again."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.005)):
        if holds():
            return
        meanwhile()
        pause.wait(0.005)
    raise AssertionError("it never came true")


def threads_of(listener: Listener) -> list[threading.Thread]:
    """The threads of one listener; each has its name, which a host of another test may have given to its own, too."""
    prefix, others = f"mockhost-{listener.name}-", _before.get(listener, ())
    return [
        thread for thread in threading.enumerate() if thread.name.startswith(prefix) and thread not in others
    ]


_before: WeakKeyDictionary[Listener, list[threading.Thread]] = WeakKeyDictionary()
"""The threads that ran when a listener of `serve` was made."""


def gone(listener: Listener) -> bool:
    """Whether all threads of a listener that was shut down have ended; `shutdown` itself waits for a moment only."""
    for thread in threads_of(listener):
        thread.join(PATIENCE)
    return not threads_of(listener)


class Clock:
    """The clock of all deadlines of connections. It stands still until a test moves it on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """No deadline passes unless the test says so, however slow the machine is."""
    clock = Clock()
    for module in ("connection", "listener"):
        monkeypatch.setattr(f"mockhost.server.{module}.monotonic", clock)
    return clock


Serve = Callable[..., Listener]
_numbers = itertools.count(1)


@pytest.fixture
def serve(recorder: Recorder) -> Iterator[Serve]:
    """`serve(app, tls=…, limits=…)`: an open listener on a free port of 127.0.0.1, gone after the test."""
    listeners: list[Listener] = []

    def start(app: Any, **settings: Any) -> Listener:
        settings.setdefault("hosts", ("127.0.0.1",))
        settings.setdefault("heads", lambda: ("httpapi", 1_767_225_600.0))
        settings.setdefault("tls", None)
        settings.setdefault("name", f"test{next(_numbers)}")
        offered = settings["tls"]
        if isinstance(offered, TlsOffer):
            settings["tls"] = lambda _config: offered
        listener = Listener(app, observer=recorder, **settings)
        _before[listener] = threading.enumerate()
        listeners.append(listener)
        listener.bind()
        listener.open()
        return listener

    yield start
    for client in list(OPEN):
        client.close()
    for listener in listeners:
        listener.shutdown()
    for listener in listeners:
        assert gone(listener), "a thread outlived its listener"
        assert listener.connections == 0, "a connection outlived its listener"


DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
"""What the listeners of `serve` put into `Date`."""


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The smallest application: says `hello` to everything."""
    start_response("200 Fine", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.fixture(params=["tcp", "TLSv1.2", "TLSv1.3"])
def transport(request: pytest.FixtureRequest, offer: Callable[..., TlsOffer]) -> Transport:
    """The three carriers of HTTP: in the clear, TLS 1.2 and TLS 1.3."""
    if request.param == "tcp":
        return Transport(None, None)
    version = ssl.TLSVersion.TLSv1_2 if request.param == "TLSv1.2" else ssl.TLSVersion.TLSv1_3
    return Transport(offer(), client_context(version))


class Transport(NamedTuple):
    """What a listener is given and how its client connects."""

    tls: TlsOffer | None
    context: ssl.SSLContext | None

    def client(self, listener: Listener) -> RawClient:
        return RawClient(listener.port, tls=self.context)


__all__ = [
    *("DATE", "Certificate", "Clock", "Recorder", "Serve", "Transport", "client_context"),
    *("gone", "hello", "threads_of", "until"),
]
