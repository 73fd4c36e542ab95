"""What a connection is met with before a byte of it is served: silence, an end, an alert, half a handshake."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from mockhost.plans import SERVE, ConnectionPlan
from mockhost.server.listener import Limits, Listener, TlsOffer
from mockhost.tls.config import TlsConfig
from tests.server.conftest import Clock, Recorder, Serve, Transport, client_context, hello, until
from tests.server.raw import PATIENCE, RawClient, get

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
Offer = Callable[..., TlsOffer]


def first(plan: ConnectionPlan) -> Callable[[Any], ConnectionPlan]:
    """The first connection meets this, all others are served."""
    return lambda connection: plan if connection.number == 1 else SERVE


def connect(listener: Listener, transport: Transport) -> RawClient:
    """A client that says the first word and no more: its ClientHello, or a request."""
    client = RawClient(listener.port, tls=transport.context, shake=False)
    begin(client)
    return client


def begin(client: RawClient) -> None:
    if client.tls is None:
        client.send(get("/"))
        return
    with pytest.raises(ssl.SSLWantReadError):
        client.tls.do_handshake()
    client._flush()


def unencrypted(client: RawClient) -> tuple[bytes, str]:
    """What comes until the end of TCP, as it is on the wire, and how it ends."""
    data = b""
    while True:
        try:
            piece = client.sock.recv(65_536)
        except ConnectionError:
            return data, "rst"
        if not piece:
            return data, "fin"
        data += piece


def stays_open(client: RawClient) -> bool:
    """Whether there is no end, whatever still comes."""
    client.sock.settimeout(0.05)
    try:
        while client.sock.recv(65_536):
            pass
    except TimeoutError:
        return True
    finally:
        client.sock.settimeout(PATIENCE)
    return False


def still_serves(listener: Listener, transport: Transport) -> None:
    with transport.client(listener) as other:
        assert other.ask(get("/")).body == b"hello"


@pytest.mark.parametrize("after", ["accept", "client_hello"])
@pytest.mark.parametrize(("action", "tcp"), [("reset", "rst"), ("close", "fin")])
def test_a_connection_ends_without_a_byte(
    serve: Serve, recorder: Recorder, transport: Transport, action: Any, tcp: str, after: Any
) -> None:
    """By RST or FIN; at once, also if the client says nothing, or after its first word."""
    plan = ConnectionPlan(action, after=after)
    listener = serve(hello, tls=transport.tls, plan=first(plan))
    with (
        contextlib.suppress(ConnectionResetError),  # a reset at once may meet a client that still connects
        RawClient(listener.port, tls=transport.context, shake=False) as client,
    ):
        if after == "client_hello":
            assert client.nothing_more(0.02)
            begin(client)
        assert unencrypted(client) == (b"", tcp)
    still_serves(listener, transport)
    assert recorder.wait("handshake")[0] == (1, f"planned {action}", None)
    assert (1, "server") in recorder.wait("closed", 2)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("action", ["reset", "close", "stall"])
def test_a_handshake_breaks_off_in_the_middle_of_the_servers_flight(
    serve: Serve, recorder: Recorder, offer: Offer, version: ssl.TLSVersion, action: Any
) -> None:
    """A ServerHello came, whole, and not all of what belongs to it."""
    transport = Transport(offer(), client_context(version))
    listener = serve(hello, tls=transport.tls, plan=first(ConnectionPlan(action, after="server_hello")))
    with connect(listener, transport) as client:
        record = client.sock.recv(5)
        assert record[0] == 22
        server_hello = client.sock.recv(int.from_bytes(record[3:5], "big"))
        assert server_hello[0] == 2
        if action == "stall":
            assert stays_open(client)
            assert recorder.of("closed") == []
            client.close()
        else:
            data, tcp = unencrypted(client)
            assert (bool(data), tcp) == (True, "rst" if action == "reset" else "fin")
    still_serves(listener, transport)
    assert (1, "client" if action == "stall" else "server") in recorder.wait("closed", 2)


@pytest.mark.parametrize("code", [40, 80, 112])
def test_the_client_hello_is_answered_by_an_alert(
    serve: Serve, recorder: Recorder, transport: Transport, code: int
) -> None:
    """A fatal one in a record of its own, then FIN; on a plain port the first word is answered so."""
    listener = serve(hello, tls=transport.tls, plan=first(ConnectionPlan("alert", alert=code)))
    with RawClient(listener.port, tls=transport.context, shake=False) as client:
        assert client.nothing_more(0.02)
        begin(client)
        assert unencrypted(client) == (bytes((21, 3, 3, 0, 2, 2, code)), "fin")
    still_serves(listener, transport)
    assert recorder.wait("handshake")[0] == (1, "planned alert", None)


def test_openssl_understands_the_alert(serve: Serve, offer: Offer) -> None:
    """By its name."""
    listener = serve(hello, tls=offer(), plan=first(ConnectionPlan("alert", alert=112)))
    client = RawClient(listener.port, tls=client_context(), shake=False)
    with client, pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        client.handshake()


@pytest.mark.parametrize(
    "plan",
    [
        ConnectionPlan("silent"),
        ConnectionPlan("stall"),
        ConnectionPlan("stall", after="client_hello"),
        ConnectionPlan("stall", after="server_hello"),
    ],
    ids=lambda plan: f"{plan.action}-{plan.after}",
)
@pytest.mark.parametrize("end", ["leaves", "is cut", "shutdown"])
def test_silence_lasts_until_somebody_ends_it(
    serve: Serve, recorder: Recorder, clock: Clock, transport: Transport, plan: ConnectionPlan, end: str
) -> None:
    """No time-out of ours ends it, and a release of hangs neither; a cut and the end of the host do."""
    listener = serve(hello, tls=transport.tls, plan=first(plan))
    with connect(listener, transport) as client:
        recorder.wait("handshake")
        clock.advance(1e6)
        listener.release()
        assert stays_open(client)
        still_serves(listener, transport)
        assert (1, "client") not in recorder.of("closed")
        if end == "leaves":
            client.close()
            assert (1, "client") in recorder.wait("closed", 2)
        else:
            (listener.shutdown if end == "shutdown" else listener.close_connections)()
            assert unencrypted(client)[1] == "rst"
            assert (1, "cut") in recorder.wait("closed", 2)


@pytest.mark.parametrize("action", ["reset", "close", "alert"])
def test_who_never_says_hello_has_its_time(
    serve: Serve, recorder: Recorder, clock: Clock, transport: Transport, action: Any
) -> None:
    """A plan that waits for a ClientHello waits no longer than a handshake may take."""
    plan = ConnectionPlan(action, after="client_hello")
    listener = serve(hello, tls=transport.tls, plan=first(plan), limits=Limits(handshake=5.0))
    with RawClient(listener.port) as client:
        if transport.tls is not None:
            client.send(b"\x16\x03\x01\x02")
        until(lambda: bool(recorder.connections) and recorder.connections[0].deadline == 5.0)
        clock.advance(5.1)
        assert unencrypted(client) == (b"", "rst")
    assert recorder.wait("closed") == [(1, "timeout")]


@pytest.mark.parametrize("action", ["reset", "close", "alert", "stall"])
@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"", b"\x16\x03\x01\x00\x05hello"])
def test_what_is_no_client_hello_gets_no_answer(
    serve: Serve, recorder: Recorder, offer: Offer, action: Any, said: bytes
) -> None:
    """Plain HTTP, garbage in a record, or a client that leaves: an end, and no bug."""
    plan = ConnectionPlan(action, after="server_hello")
    listener = serve(hello, tls=offer(), plan=first(plan))
    with RawClient(listener.port) as client:
        client.send(said)
        with contextlib.suppress(OSError):  # it may have been reset already
            client.sock.shutdown(1)
        data, _ = unencrypted(client)
        assert not data or (action == "alert" and data[0] == 21)
    recorder.wait("closed")


@pytest.mark.parametrize("version", VERSIONS)
def test_half_a_flight_of_a_resumed_session_has_its_server_hello_too(
    serve: Serve, offer: Offer, version: ssl.TLSVersion
) -> None:
    """Which is most of it, without a certificate."""
    plans = [SERVE, ConnectionPlan("reset", after="server_hello")]
    context = client_context(version)
    listener = serve(hello, tls=offer(), plan=lambda connection: plans[connection.number - 1])
    with RawClient(listener.port, tls=context) as client:
        client.ask(get("/"))
        assert client.tls is not None
        session = client.tls.session
    with RawClient(listener.port, tls=context, session=session, shake=False) as client:
        begin(client)
        data, tcp = unencrypted(client)
    assert len(data) >= 5 + int.from_bytes(data[3:5], "big")
    assert tcp == "rst"


def test_a_plan_is_asked_once_for_each_connection_when_it_is_known(serve: Serve, recorder: Recorder) -> None:
    """After the observer, so that the connection has its token; not for each request."""
    asked: list[tuple[int, object]] = []

    def plan(connection: Any) -> ConnectionPlan:
        asked.append((connection.number, connection.epoch_token))
        return SERVE

    listener = serve(hello, plan=plan)
    for _ in range(2):
        with RawClient(listener.port) as client:
            for _ in range(3):
                client.ask(get("/"))
    assert asked == [(1, recorder.epoch), (2, recorder.epoch)]


def test_a_plan_that_fails_is_a_bug_of_ours_and_resets(serve: Serve, recorder: Recorder) -> None:
    """The next connection is served."""

    def plan(connection: Any) -> ConnectionPlan:
        if connection.number == 1:
            raise KeyError("a rule")
        return SERVE

    listener = serve(hello, plan=plan)
    with contextlib.suppress(ConnectionResetError), RawClient(listener.port) as client:
        assert unencrypted(client) == (b"", "rst")
    with RawClient(listener.port) as client:
        assert client.ask(get("/")).body == b"hello"
    assert len(recorder.wait("bug")) == 1
    recorder.events.clear()


def test_a_plan_may_bring_its_own_tls(serve: Serve, offer: Offer, certificates: Any) -> None:
    """The listener asks for what it is to shake hands with, and says for whom."""
    own = TlsConfig(names=("elsewhere",))
    offers = {None: offer("first"), own: offer("second")}
    listener = serve(hello, tls=lambda config: offers[config], plan=first(ConnectionPlan(tls=own)))
    for name in ("second", "first"):
        with RawClient(listener.port, tls=client_context()) as client:
            assert client.ask(get("/")).body == b"hello"
            assert client.tls is not None
            assert client.tls.getpeercert(binary_form=True) == certificates(name).der


def test_a_plan_may_bring_plain_http(serve: Serve, offer: Offer) -> None:
    """For one connection on a TLS port."""
    offers = {None: offer(), TlsConfig(mode="plain_http"): TlsOffer("plain_http")}
    plan = ConnectionPlan(tls=TlsConfig(mode="plain_http"))
    listener = serve(hello, tls=lambda config: offers[config], plan=first(plan))
    with RawClient(listener.port) as client:
        assert client.ask(get("/")).body == b"hello"
    with RawClient(listener.port, tls=client_context()) as client:
        assert client.ask(get("/")).body == b"hello"


@pytest.mark.parametrize("action", ["silent", "stall"])
def test_a_hundred_silent_connections_slow_nobody_and_end_with_the_listener(
    serve: Serve, recorder: Recorder, transport: Transport, action: Any
) -> None:
    """And leave no thread."""
    plan = ConnectionPlan(action, after="server_hello")
    listener = serve(hello, tls=transport.tls, plan=lambda each: plan if each.number <= 100 else SERVE)
    clients = [connect(listener, transport) for _ in range(100)]
    recorder.wait("handshake", 100)
    still_serves(listener, transport)
    listener.shutdown()
    recorder.wait("closed", 101)
    for client in clients:
        assert unencrypted(client)[1] == "rst"
        client.close()
