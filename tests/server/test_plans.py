"""What a plan can ask for besides an ending: waiting, pace, other bytes; and what ends a wait."""

from __future__ import annotations

import contextlib
import selectors
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mockhost.clock import monotonic
from mockhost.plans import AS_IS, Pace, TransportPlan
from mockhost.server.connection import Connection
from mockhost.server.listener import Limits, Listener, TlsOffer
from mockhost.server.waiting import Bell, quiet
from tests.server.conftest import Recorder, Serve, Transport, client_context, threads_of, until
from tests.server.raw import PATIENCE, RawClient, get

BODY = b"0123456789" * 60
FOREVER = 1e6


class Planned:
    """Answers 600 bytes, on /planned and /streamed with a plan; /streamed has no length."""

    def __init__(self, plan: TransportPlan | None) -> None:
        self.plan = plan
        self.asked = threading.Semaphore(0)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/":
            environ["mockhost.plan"] = self.plan
            self.asked.release()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([BODY[:250], b"", BODY[250:]]) if environ["PATH_INFO"] == "/streamed" else [BODY]


def hanging(recorder: Recorder) -> int:
    """How many connections hang."""
    return sum(each.hanging for each in list(recorder.connections))


def words(value: object) -> str | None:
    """What a plan asks for, as the name of a test."""
    if not isinstance(value, TransportPlan):
        return None
    changed = {name: each for name, each in value._asdict().items() if each != getattr(AS_IS, name)}
    return " ".join(f"{name}={each}" for name, each in changed.items()) or "as it is"


PATHS = ["/planned", "/streamed"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("plan", "least"),
    [
        (TransportPlan(), 0.0),
        (TransportPlan(delay=0.08), 0.08),
        (TransportPlan(hang="headers", hang_for=0.08), 0.08),
        (TransportPlan(hang="body", after_bytes=10, hang_for=0.08), 0.08),
        (TransportPlan(hang="body", hang_for=0.08), 0.0),
        (TransportPlan(hang="body", after_fraction=0.5, hang_for=0.08), 0.08),
        (TransportPlan(after_bytes=300, hang_for=0.08), 0.08),
        (TransportPlan(head=False, hang_for=0.08), 0.08),
        (TransportPlan(body_pace=Pace(100, 0.02)), 0.1),
        (TransportPlan(head_pace=Pace(50, 0.01)), 0.02),
        (TransportPlan(head_pace=Pace(50, 0.001), body_pace=Pace(7, 0.001)), 0.08),
        (
            TransportPlan(delay=0.02, body_pace=Pace(300, 0.02), hang="body", after_bytes=1, hang_for=0.02),
            0.06,
        ),
    ],
    ids=words,
)
def test_what_is_only_late_or_slow_is_whole_and_keeps_the_connection(
    serve: Serve, recorder: Recorder, transport: Transport, plan: TransportPlan, least: float, path: str
) -> None:
    """The same answer as ever, not before its time; the next request on the connection is answered too."""
    listener = serve(Planned(plan), tls=transport.tls)
    with transport.client(listener) as client:
        usual = client.ask(get("/"))
        for _ in range(2):
            began = monotonic()
            answer = client.ask(get(path))
            assert monotonic() - began >= least
            assert (answer.status, answer.body) == (200, BODY)
            assert answer.headers[-1] == usual.headers[-1]
    assert recorder.wait("closed") == [(1, "client")]


@pytest.mark.parametrize(
    ("plan", "size", "framing"),
    [
        (TransportPlan(head_pace=Pace(1, 0.0)), 1, False),
        (TransportPlan(body_pace=Pace(7, 0.0)), 7, False),
        (TransportPlan(body_pace=Pace(7, 0.0)), 7, True),
        (TransportPlan(body_pace=Pace(0, 0.0)), 1, False),
    ],
    ids=["head", "body", "chunks", "a size of zero is one"],
)
def test_a_pace_is_in_bytes(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, plan: TransportPlan, size: int, framing: bool
) -> None:
    """Each piece is written by itself, and each of a chunked body is a chunk."""
    sent: list[bytes] = []
    write = Connection.write

    def spy(self: Connection, data: bytes) -> None:
        sent.append(data)
        write(self, data)

    monkeypatch.setattr(Connection, "write", spy)
    with RawClient(serve(Planned(plan)).port) as client:
        assert client.ask(get("/streamed" if framing else "/planned")).body == BODY
    paced = [data for data in sent if len(data) == size + (5 if framing else 0)]
    assert len(paced) >= (600 if plan.body_pace and size == 1 else 84 if plan.body_pace else 100)
    if plan.head_pace:
        assert sent[-1] == BODY, "the body goes out at once"
    else:
        assert sent[0].endswith(b"\r\n\r\n"), "the head goes out at once"


def test_pauses_are_no_longer_for_what_came_between(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pace is a rate: a thread that woke up late makes up for it at the next pause."""
    from mockhost.server import carrying

    now = [0.0]
    waits: list[float] = []

    def wait(self: Connection, seconds: float) -> None:
        waits.append(round(seconds, 6))
        now[0] += seconds + 0.25

    monkeypatch.setattr(carrying, "monotonic", lambda: now[0])
    monkeypatch.setattr(Connection, "wait", wait)
    with RawClient(serve(Planned(TransportPlan(body_pace=Pace(100, 1.0)))).port) as client:
        assert client.ask(get("/planned")).body == BODY
    assert waits == [1.0, *[0.75] * 4]


# -- release, and going away -----------------------------------------------------------------------------------


HANGS = [
    TransportPlan(hang="headers"),
    TransportPlan(hang="body", after_bytes=100),
    TransportPlan(hang="body"),
    TransportPlan(after_bytes=100),
    TransportPlan(head=False),
]


@pytest.mark.parametrize("plan", HANGS, ids=words)
@pytest.mark.parametrize("path", PATHS)
def test_a_released_hang_goes_on_as_if_nothing_had_been(
    serve: Serve, recorder: Recorder, transport: Transport, plan: TransportPlan, path: str
) -> None:
    """The rest of the answer follows and the connection goes on; the next request hangs again."""
    app = Planned(plan)
    listener = serve(app, tls=transport.tls)
    with transport.client(listener) as client:
        for _ in range(2):
            client.send(get(path))
            until(lambda: hanging(recorder) == 1)
            assert listener.release() == 1
            assert client.answer().body == BODY
            until(lambda: hanging(recorder) == 0)
        assert client.ask(get("/")).body == BODY
    assert listener.release() == 0


def test_who_is_released_while_the_application_still_works_does_not_hang(serve: Serve) -> None:
    """Otherwise nobody could release a hang that is only about to begin."""
    listeners: list[Listener] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["mockhost.plan"] = TransportPlan(hang="headers")
        listeners[0].release()
        start_response("200 OK", [])
        return [BODY]

    listeners.append(serve(app))
    with RawClient(listeners[0].port) as client:
        assert client.ask(get("/")).body == BODY


def test_release_reaches_all_and_leaves_other_waits_alone(serve: Serve, recorder: Recorder) -> None:
    """Twenty hangs go on at once; a delay is none and lasts."""
    app = Planned(TransportPlan(hang="headers"))
    listener = serve(app)
    clients = [RawClient(listener.port) for _ in range(20)]
    for client in clients:
        client.send(get("/planned"))
    until(lambda: hanging(recorder) == 20)
    app.plan = TransportPlan(delay=FOREVER)
    with RawClient(listener.port) as late:
        late.send(get("/planned"))
        until(lambda: app.asked._value == 21)
        assert listener.release() == 20
        for client in clients:
            assert client.answer().body == BODY
            client.close()
        assert late.nothing_more(0.05)


WAITS = [
    *HANGS,
    TransportPlan(delay=FOREVER),
    TransportPlan(hang="headers", hang_for=FOREVER),
    TransportPlan(body_pace=Pace(1, FOREVER)),
    TransportPlan(head_pace=Pace(1, FOREVER)),
    TransportPlan(raw=b"junk", hang="body"),
    TransportPlan(ending="half_close"),
]


@pytest.mark.parametrize("plan", WAITS, ids=words)
@pytest.mark.parametrize("leaves", [False, True], ids=["stays", "half closed"])
def test_a_cut_ends_every_wait_at_once(
    serve: Serve, recorder: Recorder, transport: Transport, plan: TransportPlan, leaves: bool
) -> None:
    """By a reset, also if the client has closed its half and has been seen to."""
    app = Planned(plan)
    listener = serve(app, tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get("/planned"))
        assert app.asked.acquire(timeout=PATIENCE)
        if leaves:
            client.sock.shutdown(1)
        bell = listener._service.bell
        until(lambda: (client.nothing_more(0.02) and bell._rope is not None) or client.ended)
        began = monotonic()
        listener.close_connections()
        recorder.wait("closed")
        assert monotonic() - began < 10
        if not leaves:
            assert client.until_end().tcp == ("fin" if plan.ending == "half_close" else "rst")
            assert recorder.of("closed") == [(1, "cut")]


@pytest.mark.parametrize("plan", WAITS, ids=words)
def test_a_reset_by_the_client_frees_the_thread(
    serve: Serve, recorder: Recorder, transport: Transport, plan: TransportPlan
) -> None:
    """Whatever it waits for."""
    app = Planned(plan)
    listener = serve(app, tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get("/planned"))
        assert app.asked.acquire(timeout=PATIENCE)
        client.nothing_more(0.02)
        reset(client)
    assert recorder.wait("closed")[0][1] in ("client", "server")
    until(lambda: listener.connections == 0)


def reset(client: RawClient) -> None:
    import socket
    import struct

    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("plan", HANGS, ids=words)
def test_a_client_that_leaves_a_hang_frees_the_thread(
    serve: Serve, recorder: Recorder, transport: Transport, plan: TransportPlan
) -> None:
    """Also if it had sent its next request already."""
    app = Planned(plan)
    listener = serve(app, tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get("/planned") + get("/next"))
        until(lambda: hanging(recorder) == 1)
        client.nothing_more(0.02)
    assert recorder.wait("closed") == [(1, "client")]


def test_who_leaves_while_one_looks_does_not_wait_in_vain(
    serve: Serve, recorder: Recorder, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection's own thread saw the end first and closed the socket, of which a selector reports nothing."""
    listener = serve(Planned(TransportPlan(hang="headers")), tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get("/planned"))
        until(lambda: hanging(recorder) == 1)
        assert listener.hanging() == [1]

        class Late(selectors.DefaultSelector):
            def select(self, timeout: float | None = None) -> list[Any]:
                client.close()
                assert recorder.wait("closed") == [(1, "client")]
                return super().select(timeout)

        with monkeypatch.context() as patched:
            patched.setattr(selectors, "DefaultSelector", Late)
            assert listener.hanging() == []


@pytest.mark.parametrize(
    "plan",
    [
        TransportPlan(delay=0.1),
        TransportPlan(body_pace=Pace(100, 0.02)),
        TransportPlan(hang="headers", hang_for=0.1),
        TransportPlan(hang="body", hang_for=0.1),
    ],
    ids=words,
)
def test_what_is_sent_during_a_wait_is_not_lost(
    serve: Serve, transport: Transport, plan: TransportPlan
) -> None:
    """Pipelined requests, before and while the server waits, byte by byte, each get their answer."""
    listener = serve(Planned(plan), tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get("/planned") + get("/planned"))
        for byte in get("/"):
            client.send(bytes([byte]))
        assert [client.answer().body for _ in range(3)] == [BODY] * 3


def test_a_client_that_never_stops_sending_is_read_ahead_to_a_limit(
    serve: Serve, recorder: Recorder, transport: Transport
) -> None:
    """What a hanging connection holds is bounded, and nothing of it is lost."""
    count = 20_000
    app = Planned(TransportPlan(hang="headers"))
    listener = serve(app, tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get("/planned"))
        until(lambda: hanging(recorder) == 1)
        client.sock.settimeout(0.2)
        flood = get("/") * count
        sent = threading.Thread(target=lambda: suppressed(client.send, flood))
        client.sock.settimeout(PATIENCE)
        sent.start()
        until(lambda: len(recorder.connections[0]._buffer) >= 65_536)
        assert len(recorder.connections[0]._buffer) < 100_000
        listener.close_connections()
        sent.join(PATIENCE)
    assert recorder.wait("closed") == [(1, "cut")]


def suppressed(call: Callable[..., object], *arguments: object) -> None:
    with contextlib.suppress(OSError):
        call(*arguments)


def test_a_client_that_closed_its_half_gets_a_delayed_answer(serve: Serve, recorder: Recorder) -> None:
    """A delay changes when the answer comes, and nothing else."""
    listener = serve(Planned(TransportPlan(delay=0.1)))
    with RawClient(listener.port) as client:
        client.send(get("/planned"))
        client.sock.shutdown(1)
        seen = client.until_end()
    assert seen.data.endswith(BODY)
    assert seen.tcp == "fin"
    assert recorder.wait("closed") == [(1, "client")]


@pytest.mark.parametrize("secure", [False, True])
def test_a_hundred_waits_slow_nobody_and_end_with_the_listener(
    serve: Serve, recorder: Recorder, offer: Callable[..., TlsOffer], secure: bool
) -> None:
    """Of every kind; afterwards there is no thread and no connection left."""
    app = Planned(None)
    listener = serve(app, tls=offer() if secure else None)
    context = client_context() if secure else None
    clients = []
    for number in range(100):
        app.plan = WAITS[number % len(WAITS)]
        clients.append(RawClient(listener.port, tls=context))
        clients[-1].send(get("/planned"))
        assert app.asked.acquire(timeout=PATIENCE)
    with RawClient(listener.port, tls=context) as client:
        for _ in range(20):
            assert client.ask(get("/")).body == BODY
    listener.shutdown()
    until(lambda: not threads_of(listener))
    assert {by for _, by in recorder.wait("closed", 101)} == {"cut", "client"}
    assert listener.connections == 0
    for client in clients:
        client.close()


# -- other bytes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["fin", "rst", "close_notify"])
@pytest.mark.parametrize("pace", [None, Pace(100, 0.001)])
def test_raw_bytes_take_the_place_of_everything(
    serve: Serve, recorder: Recorder, transport: Transport, ending: str, pace: Pace | None
) -> None:
    """Every value of a byte, whatever the application said."""
    raw = bytes(range(256)) * 4
    plan = TransportPlan(raw=raw, ending=ending, body_pace=pace)  # type: ignore[arg-type]
    listener = serve(Planned(plan), tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get("/planned"))
        seen = client.until_end()
    assert seen.data == raw
    assert (seen.tcp, seen.close_notify) == (
        "rst" if ending == "rst" else "fin",
        ending == "close_notify" and transport.tls is not None,
    )
    assert recorder.wait("closed") == [(1, "server")]


def test_raw_bytes_may_keep_the_connection(serve: Serve, transport: Transport) -> None:
    """If they are an answer, the client goes on."""
    raw = b"HTTP/1.1 299 Mine\r\nContent-Length: 2\r\n\r\nhi"
    listener = serve(Planned(TransportPlan(raw=raw)), tls=transport.tls)
    with transport.client(listener) as client:
        assert client.ask(get("/planned")).reason == "Mine"
        assert client.ask(get("/")).body == BODY
        client.send(get("/planned", "Connection: close"))
        assert client.answer().body == b"hi"
        assert client.until_end().tcp == "fin"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("announced", [0, 599, 601, 10_000])
def test_a_false_length_changes_nothing_but_the_header(
    serve: Serve, transport: Transport, announced: int, path: str
) -> None:
    """The body goes out whole, without chunks, and the connection ends as planned."""
    plan = TransportPlan(announced=announced, ending="fin")
    listener = serve(Planned(plan), tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get(path))
        head, _, body = client.until_end().data.partition(b"\r\n\r\n")
    assert f"\r\nContent-Length: {announced}\r\n".encode() in head + b"\r\n"
    assert head.lower().count(b"content-length") == 1
    assert b"chunked" not in head
    assert body == BODY


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("most", "chunks"), [(0, b""), (100, b"64\r\n" + BODY[:100] + b"\r\n")])
def test_a_bad_chunk_stands_where_a_size_is_due(
    serve: Serve, transport: Transport, path: str, most: int, chunks: bytes
) -> None:
    """After so many bytes of content; the last chunk never comes."""
    plan = TransportPlan(bad_chunk=b"oops\r\n", after_bytes=most, ending="fin")
    listener = serve(Planned(plan), tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get(path))
        head, _, body = client.until_end().data.partition(b"\r\n\r\n")
    assert b"\r\nTransfer-Encoding: chunked" in head
    assert b"content-length" not in head.lower()
    assert body == chunks + b"oops\r\n"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("fraction", "count"), [(0.0, 0), (0.001, 0), (0.5, 300), (0.9999, 599), (1.0, 600)])
def test_a_fraction_is_of_the_body_and_rounded_down(
    serve: Serve, transport: Transport, path: str, fraction: float, count: int
) -> None:
    """With a length and without one."""
    listener = serve(Planned(TransportPlan(after_fraction=fraction, ending="fin")), tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get(path))
        body = client.until_end().data.partition(b"\r\n\r\n")[2]
    content = b"".join(part for part in body.split(b"\r\n") if len(part) > 4) if path == PATHS[1] else body
    assert content == BODY[:count]


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize(
    "plan", [TransportPlan(after_bytes=10), TransportPlan(after_fraction=0.5)], ids=words
)
def test_what_has_no_body_is_not_cut(serve: Serve, plan: TransportPlan, method: str) -> None:
    """An answer to HEAD and a 204 are whole as they are, and the connection goes on."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["mockhost.plan"] = plan
        start_response("204 No Content" if method == "GET" else "200 OK", [("Content-Length", "600")])
        return []

    with RawClient(serve(app).port) as client:
        for _ in range(2):
            answer = client.ask(get("/", method=method), method)
            assert answer.status == (204 if method == "GET" else 200)


def test_a_half_closed_connection_takes_what_the_client_still_sends(
    serve: Serve, recorder: Recorder, transport: Transport
) -> None:
    """The answer, close_notify and FIN; then everything is swallowed until the client ends its half."""
    limits = Limits(drain_seconds=0.01, drain_bytes=10)
    listener = serve(Planned(TransportPlan(ending="half_close")), tls=transport.tls, limits=limits)
    with transport.client(listener) as client:
        client.send(get("/planned"))
        seen = client.until_end()
        assert (seen.tcp, seen.close_notify) == ("fin", transport.tls is not None)
        assert seen.data.endswith(BODY)
        assert b"Connection: close" not in seen.data
        for _ in range(50):
            client.sock.sendall(b"x" * 10_000)
        assert recorder.of("closed") == []
        client.sock.shutdown(1)
        assert recorder.wait("closed") == [(1, "server")]
        assert client.sock.recv(1) == b""


def test_a_reset_does_not_overtake_what_was_written(serve: Serve, transport: Transport) -> None:
    """A megabyte that the client is slow to read arrives before the RST."""
    body = b"x" * 1_000_000

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["mockhost.plan"] = TransportPlan(ending="rst", after_bytes=900_000)
        start_response("200 OK", [])
        return [body]

    listener = serve(app, tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get("/"))
        client.expect_through(b"\r\n\r\n")
        assert client.expect(900_000) == body[:900_000]
        assert client.until_end() == (b"", "rst", False)


def test_a_reset_waits_for_a_client_that_reads_late(serve: Serve, transport: Transport) -> None:
    """As long as a write would, not only for as long as a FIN is lingered over."""
    body = b"x" * 1_500_000

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["mockhost.plan"] = TransportPlan(ending="rst")
        start_response("200 OK", [])
        return [body]

    listener = serve(app, tls=transport.tls, limits=Limits(drain_seconds=0.0))
    with transport.client(listener) as client:
        client.send(get("/"))
        client.expect_through(b"\r\n\r\n")
        assert client.expect(len(body)) == body
        assert client.until_end() == (b"", "rst", False)


def test_an_answer_that_is_too_short_by_itself_does_not_hang(serve: Serve) -> None:
    """A plan that cuts nothing ends such a connection as no plan does."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        environ["mockhost.plan"] = TransportPlan(delay=0.01)
        start_response("200 OK", [("Content-Length", "600")])
        return iter([BODY[:10]])

    with RawClient(serve(app).port) as client:
        client.send(get("/"))
        seen = client.until_end()
        assert seen.tcp == "fin"
        assert seen.data.endswith(b"\r\n\r\n" + BODY[:10])


# -- the bell --------------------------------------------------------------------------------------------------


def test_the_bell_costs_nothing_when_nobody_listens() -> None:
    """Its sockets are there for as long as somebody waits, and only two for all of them."""
    bell = Bell()
    bell.ring()
    with bell.within_earshot() as one, bell.within_earshot() as other:
        assert one is other
        assert quiet(one, None, 0.0)
        bell.ring()
        assert quiet(one, None, None), "it rang before the wait began and is still heard"
        with bell.within_earshot() as later:
            assert later is not one
    assert one.fileno() == later.fileno() == -1
