"""TLS as the port offers it: chosen for each connection, refused in the ways of Windows, reported by its alert."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mockhost.server.listener import Limits, TlsOffer
from tests.server.conftest import Certificate, Clock, Recorder, Serve, client_context, hello, until
from tests.server.raw import PATIENCE, RawClient, get

Offer = Callable[..., TlsOffer]
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
def test_both_versions_are_spoken_and_no_http_2(
    serve: Serve, recorder: Recorder, offer: Offer, version: ssl.TLSVersion
) -> None:
    """The observer learns the version; ALPN is not answered, whatever the client would like."""
    listener = serve(hello, tls=offer())
    context = client_context(version)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with RawClient(listener.port, tls=context) as client:
        assert client.ask(get("/")).body == b"hello"
        assert client.tls is not None
        assert client.tls.selected_alpn_protocol() is None
        assert recorder.wait("handshake") == [(1, None, client.tls.version())]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_switched_certificate_is_what_a_resuming_client_sees(
    serve: Serve, offer: Offer, certificates: Callable[[str], Certificate], version: ssl.TLSVersion
) -> None:
    """A session of the old certificate resumes with the old one only: the next handshake is a full one."""
    current = [offer("first")]
    listener = serve(hello, tls=lambda _config: current[0])
    context = client_context(version)
    session = None
    for _ in range(2):
        with RawClient(listener.port, tls=context, session=session) as client:
            client.ask(get("/"))
            assert client.tls is not None
            assert client.tls.getpeercert(binary_form=True) == certificates("first").der
            resumed, session = client.tls.session_reused, client.tls.session
    assert resumed, "the test would show nothing if sessions did not resume at all"
    current[0] = offer("second")
    with RawClient(listener.port, tls=context, session=session) as client:
        assert client.ask(get("/")).body == b"hello"
        assert client.tls is not None
        assert not client.tls.session_reused
        assert client.tls.getpeercert(binary_form=True) == certificates("second").der


def test_idle_connections_end_at_a_switch_and_busy_ones_after_their_answer(
    serve: Serve, recorder: Recorder, offer: Offer
) -> None:
    """`close_idle`: no request that begins later meets the old certificate, and none is lost."""
    entered, go_on = threading.Event(), threading.Event()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/slow":
            entered.set()
            assert go_on.wait(PATIENCE)
        return hello(environ, start_response)

    listener = serve(app, tls=offer())
    context = client_context()
    with RawClient(listener.port, tls=context) as idle, RawClient(listener.port, tls=context) as busy:
        idle.ask(get("/"))
        busy.send(get("/slow"))
        assert entered.wait(PATIENCE)
        listener.close_idle()
        assert idle.until_end() == (b"", "fin", True)
        go_on.set()
        answer = busy.answer()
        assert (answer.body, answer.header("Connection")) == (b"hello", "close")
        assert busy.until_end() == (b"", "fin", True)
    assert sorted(recorder.wait("closed", 2)) == [(1, "server"), (2, "server")]


def test_a_connection_that_is_shaking_hands_at_a_switch_is_served_once(
    serve: Serve, recorder: Recorder, offer: Offer
) -> None:
    """Its first request is not lost, but there is no second one."""
    listener = serve(hello, tls=offer())
    with RawClient(listener.port, tls=client_context(), shake=False) as client:
        recorder.wait("opened")
        listener.close_idle()
        client.handshake()
        assert client.ask(get("/")).header("Connection") == "close"
        assert client.until_end() == (b"", "fin", True)


def test_no_certificate_means_a_reset_handshake(serve: Serve, recorder: Recorder) -> None:
    """TCP connects; the ClientHello is answered by a reset, as when no certificate is bound on Windows."""
    listener = serve(hello, tls=TlsOffer("none"))
    client = RawClient(listener.port, tls=client_context(), shake=False)
    with client, pytest.raises(ConnectionResetError, match="rst"):
        client.handshake()
    assert recorder.wait("handshake") == [(1, "no certificate", None)]
    assert recorder.wait("closed") == [(1, "server")]


@pytest.mark.parametrize("verb", ["GET", "PATCH", "OPTIONS"])
def test_plain_http_on_the_tls_port_is_not_answered(
    serve: Serve, recorder: Recorder, offer: Offer, verb: str
) -> None:
    """Not one byte, and a reset; the observer knows what it was."""
    listener = serve(hello, tls=offer())
    with RawClient(listener.port) as client:
        client.send(get("/", method=verb))
        assert client.until_end() == (b"", "rst", False)
    assert recorder.wait("handshake") == [(1, "plain http", None)]


@pytest.mark.parametrize(
    ("trusts", "name", "error"),
    [(False, "localhost", "unknown_ca"), (True, "elsewhere", "bad_certificate")],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_alert_of_a_client_that_refuses_the_certificate_is_reported(
    serve: Serve,
    recorder: Recorder,
    offer: Offer,
    certificates: Callable[[str], Certificate],
    version: ssl.TLSVersion,
    trusts: bool,
    name: str,
    error: str,
) -> None:
    """Which is how one sees from the host's side that a client does not trust it."""
    listener = serve(hello, tls=offer())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = version
    if trusts:
        context.load_verify_locations(certificates("first").file)
    sock = socket.create_connection(("127.0.0.1", listener.port), timeout=PATIENCE)
    with sock, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(sock, server_hostname=name)
    assert recorder.wait("handshake") == [(1, error, None)]


def test_a_client_without_a_common_version_gets_an_alert(
    serve: Serve, recorder: Recorder, offer: Offer
) -> None:
    """And can read it: the connection ends by FIN after it."""
    offered = offer()
    assert offered.context is not None
    offered.context.minimum_version = ssl.TLSVersion.TLSv1_3
    listener = serve(hello, tls=offered)
    client = RawClient(listener.port, tls=client_context(ssl.TLSVersion.TLSv1_2), shake=False)
    with client, pytest.raises(ssl.SSLError, match="ALERT"):
        client.handshake()
    assert recorder.wait("handshake") == [(1, "unsupported_protocol", None)]


@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"])
def test_a_silent_client_has_its_time_and_costs_nobody_anything(
    serve: Serve, recorder: Recorder, clock: Clock, offer: Offer, sent: bytes
) -> None:
    """The handshake has a time limit on the connection's own thread; others shake hands meanwhile."""
    listener = serve(hello, tls=offer(), limits=Limits(handshake=0.05))
    silent = [RawClient(listener.port) for _ in range(5)]
    for client in silent:
        client.send(sent)
    with RawClient(listener.port, tls=client_context()) as client:
        assert client.ask(get("/")).body == b"hello"
    until(lambda: sum(each.deadline == 0.05 for each in recorder.connections) == 5)
    clock.advance(0.06)
    for client in silent:
        assert client.until_end().tcp in ("rst", "fin")
        client.close()
    errors = sorted(error or "" for _, error, _ in recorder.wait("handshake", 6))
    assert errors == ["", *["timeout"] * 5]


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 50, b"\x16\x03\x01\x00\x05hello", b"\x80\x2e\x01\x00\x02" + b"x" * 60]
)
def test_garbage_in_place_of_a_handshake_ends_the_connection(
    serve: Serve, recorder: Recorder, offer: Offer, garbage: bytes
) -> None:
    """OpenSSL's reason is reported in small letters."""
    listener = serve(hello, tls=offer())
    with RawClient(listener.port) as client:
        client.send(garbage)
        assert client.until_end().tcp in ("fin", "rst")
    [(_, error, _)] = recorder.wait("handshake")
    assert error
    assert error == error.lower()


def test_a_client_that_leaves_in_the_middle_of_a_handshake(
    serve: Serve, recorder: Recorder, offer: Offer
) -> None:
    """Is no more than a reset handshake."""
    listener = serve(hello, tls=offer())
    with RawClient(listener.port) as client:
        client.send(b"\x16\x03\x01\x02\x00\x01")
    assert recorder.wait("handshake") == [(1, "reset", None)]
    assert recorder.wait("closed") == [(1, "server")]


def test_the_modes_may_change_between_connections(serve: Serve, offer: Offer) -> None:
    """TLS, then none, then plain HTTP, then TLS again, on one open port."""
    current = [offer()]
    listener = serve(hello, tls=lambda _config: current[0])
    for _ in range(2):
        with RawClient(listener.port, tls=client_context()) as client:
            assert client.ask(get("/")).body == b"hello"
        current[0] = TlsOffer("none")
        client = RawClient(listener.port, tls=client_context(), shake=False)
        with client, pytest.raises(ConnectionResetError):
            client.handshake()
        current[0] = TlsOffer("plain_http")
        with RawClient(listener.port) as client:
            assert client.ask(get("/")).body == b"hello"
        current[0] = offer()
