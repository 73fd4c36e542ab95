"""Connections and threads under load and trouble: cutting, time-outs, limits, bugs of the application."""

from __future__ import annotations

import contextlib
import itertools
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from mockhost.plans import TransportPlan
from mockhost.server.listener import Limits, Listener, TlsOffer
from tests.server.conftest import (
    Clock,
    Recorder,
    Serve,
    Transport,
    client_context,
    gone,
    hello,
    threads_of,
    until,
)
from tests.server.raw import PATIENCE, RawClient, get


class Hanging:
    """Hangs on /hang by plan and on /wait inside the application; greets otherwise."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.waiting = threading.Semaphore(0)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/hang":
            environ["mockhost.plan"] = TransportPlan(hang="headers")
            self.waiting.release()
        if environ["PATH_INFO"] == "/wait":
            self.waiting.release()
            assert self.go_on.wait(PATIENCE)
        return hello(environ, start_response)

    def reached(self, count: int) -> None:
        for _ in range(count):
            assert self.waiting.acquire(timeout=PATIENCE)


@pytest.mark.parametrize("secure", [False, True])
def test_a_hundred_hangs_are_cut_at_once_and_the_rest_is_served(
    serve: Serve, recorder: Recorder, offer: Callable[..., TlsOffer], secure: bool
) -> None:
    """Each hanging client is reset, each idle one gets a FIN, and the next connection is served as if nothing were."""
    app = Hanging()
    listener = serve(app, tls=offer() if secure else None)
    context = client_context() if secure else None
    hanging = [RawClient(listener.port, tls=context) for _ in range(100)]
    for client in hanging:
        client.send(get("/hang"))
    app.reached(100)
    with RawClient(listener.port, tls=context) as idle:
        assert idle.ask(get("/")).body == b"hello"
        listener.close_connections()
        assert [client.until_end() for client in hanging] == [(b"", "rst", False)] * 100
        assert idle.until_end() == (b"", "fin", secure)
    with RawClient(listener.port, tls=context) as client:
        assert client.ask(get("/")).body == b"hello"
    cut = [by for _, by in recorder.wait("closed", 101)]
    assert cut.count("cut") == 101
    for client in hanging:
        client.close()


def test_shutdown_does_not_wait_for_hangs(serve: Serve) -> None:
    """Afterwards the port is free, every client sees its end, and no thread is left."""
    app = Hanging()
    listener = serve(app)
    port = listener.port
    clients = [RawClient(port) for _ in range(100)]
    for client in clients[:50]:
        client.send(get("/hang"))
    for client in clients[50:75]:
        client.send(b"GET / HTTP/1.1\r\n")
    app.reached(50)
    listener.shutdown()
    listener.shutdown()
    assert gone(listener)
    assert listener.connections == 0
    for client in clients:
        assert client.until_end().tcp in ("rst", "fin")
        client.close()
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))


def test_shutdown_does_not_wait_for_an_application_that_never_returns(
    serve: Serve, recorder: Recorder
) -> None:
    """Its thread is left behind; what it says at last reaches nobody."""
    app = Hanging()
    listener = serve(app)
    with RawClient(listener.port) as client:
        client.send(get("/wait"))
        app.reached(1)
        listener.shutdown()
        app.go_on.set()
        assert client.until_end() == (b"", "rst", False)
    assert recorder.wait("closed") == [(1, "cut")]


def test_nothing_is_written_after_a_cut(serve: Serve, recorder: Recorder, transport: Transport) -> None:
    """When `close_connections` has returned, an answer that was on its way is lost for good, and that is no bug."""
    app = Hanging()
    listener = serve(app, tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get("/wait"))
        app.reached(1)
        listener.close_connections()
        app.go_on.set()
        assert client.until_end() == (b"", "rst", False)
    assert recorder.wait("closed") == [(1, "cut")]


def test_what_an_application_raises_after_a_cut_is_no_bug(serve: Serve, recorder: Recorder) -> None:
    """It may well refuse to work for an epoch that is over."""
    app = Hanging()

    def raising(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        app(environ, start_response)
        raise RuntimeError("this epoch is over")

    listener = serve(raising)
    with RawClient(listener.port) as client:
        client.send(get("/wait"))
        app.reached(1)
        listener.close_connections()
        app.go_on.set()
        assert client.until_end().tcp == "rst"
    assert recorder.wait("closed") == [(1, "cut")]


def test_a_cut_stops_a_writer_that_is_stuck(serve: Serve, recorder: Recorder) -> None:
    """A client that doesn't read fills every buffer; its thread is freed all the same."""

    def endless(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        while True:
            yield b"x" * 1_000_000

    listener = serve(endless)
    with RawClient(listener.port) as client:
        client.send(get("/"))
        client.expect(100)
        listener.close_connections()
        assert recorder.wait("closed") == [(1, "cut")]
        assert client.until_end().tcp in ("rst", "fin")


def test_closing_and_opening_may_be_done_by_an_application_that_is_answering(serve: Serve) -> None:
    """The control plane does so: nothing in `close` waits for the one who calls it."""
    listeners: list[Listener] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/restart":
            listeners[0].close()
            listeners[0].open()
        return hello(environ, start_response)

    listeners.append(serve(app))
    with RawClient(listeners[0].port) as client:
        client.send(get("/restart"))
        assert client.until_end() == (b"", "rst", False)
    with RawClient(listeners[0].port) as client:
        assert client.ask(get("/")).body == b"hello"


# -- time-outs and limits --------------------------------------------------------------------------------------


NEVER = Limits(handshake=1e6, head=1e6, idle=1e6, body=1e6, send=1e6)
"""Of all the limits in seconds, none comes into play."""


@pytest.mark.parametrize(
    ("limits", "sent", "tcp"),
    [
        (NEVER._replace(idle=0.05), b"", "fin"),
        (NEVER._replace(idle=0.05), get("/"), "fin"),
        (NEVER._replace(head=0.05), b"G", "rst"),
        (NEVER._replace(head=0.05), b"GET / HTTP/1.1\r\nHost: x\r\n", "rst"),
        (NEVER._replace(body=0.05), get("/", "Content-Length: 5", method="POST", body=b"hel"), "rst"),
        (
            NEVER._replace(body=0.05),
            get("/", "Transfer-Encoding: chunked", method="POST", body=b"5\r\nhel"),
            "rst",
        ),
    ],
    ids=["silent", "idle", "one byte", "half a head", "half a body", "half a chunk"],
)
def test_who_keeps_the_host_waiting_is_dropped(
    serve: Serve,
    recorder: Recorder,
    clock: Clock,
    transport: Transport,
    limits: Limits,
    sent: bytes,
    tcp: str,
) -> None:
    """An idle connection by FIN, an unfinished request by a reset, each after its own time."""
    listener = serve(hello, tls=transport.tls, limits=limits)
    with transport.client(listener) as client:
        if sent == get("/"):
            assert client.ask(sent).body == b"hello"
        elif sent:
            client.send(sent)
        recorder.wait("opened")
        until(lambda: recorder.connections[0].deadline == 0.05)
        clock.advance(0.06)
        assert client.until_end() == (b"", tcp, tcp == "fin" and transport.tls is not None)
    assert recorder.wait("closed") == [(1, "timeout")]


def test_a_trickling_head_has_no_more_time_than_a_silent_one(
    serve: Serve, recorder: Recorder, clock: Clock
) -> None:
    """Slow loris: a byte now and then does not extend the time for a head."""
    listener = serve(hello, limits=NEVER._replace(head=0.05))
    with RawClient(listener.port) as client:
        client.send(b"GET / HTTP/1.1\r\nX: ")
        recorder.wait("opened")
        until(lambda: recorder.connections[0].deadline == 0.05)
        with contextlib.suppress(ConnectionError):
            while clock.now < 1 and client.nothing_more(0.02):
                client.send(b"a")
                clock.advance(0.02)
    assert clock.now < 1
    assert recorder.wait("closed") == [(1, "timeout")]


def test_a_body_has_time_for_as_long_as_it_makes_progress(
    serve: Serve, recorder: Recorder, clock: Clock
) -> None:
    """The time-out is for the next piece, not for the whole."""
    listener = serve(hello, limits=NEVER._replace(body=0.05))
    with RawClient(listener.port) as client:
        client.send(get("/", "Content-Length: 12", method="POST"))
        recorder.wait("opened")
        for _ in range(12):
            until(lambda: recorder.connections[0].deadline == clock.now + 0.05)
            clock.advance(0.04)
            client.send(b"x")
        assert client.answer().status == 200


def test_a_client_that_does_not_read_is_dropped(
    serve: Serve, recorder: Recorder, clock: Clock, transport: Transport
) -> None:
    """After the time for sending, while others are served."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return itertools.repeat(b"x" * 1_000_000) if environ["PATH_INFO"] == "/big" else [b"small"]

    listener = serve(app, tls=transport.tls, limits=NEVER._replace(send=0.05))
    with transport.client(listener) as client:
        client.send(get("/big"))
        with transport.client(listener) as other:
            assert other.ask(get("/")).body == b"small"
        until(lambda: (1, "timeout") in recorder.of("closed"), lambda: clock.advance(0.06))


def test_one_connection_too_many_is_turned_away(serve: Serve, recorder: Recorder) -> None:
    """And the next one is welcome once another has left."""
    listener = serve(hello, limits=Limits(connections=3))
    clients = [RawClient(listener.port) for _ in range(3)]
    for client in clients:
        client.ask(get("/"))
    with (
        contextlib.suppress(ConnectionResetError),
        RawClient(listener.port) as extra,
    ):  # already while it connects
        assert extra.until_end() == (b"", "rst", False)
    assert recorder.wait("closed") == [(4, "limit")]
    clients.pop().close()
    recorder.wait("closed", 2)
    until(lambda: listener.connections == 2)
    with RawClient(listener.port) as client:
        assert client.ask(get("/")).body == b"hello"
    for client in clients:
        client.close()


def test_one_address_cannot_take_the_connections_of_the_others(serve: Serve, recorder: Recorder) -> None:
    listener = serve(hello, limits=Limits(connections=4, from_one_address=2))
    clients = [RawClient(listener.port) for _ in range(2)]
    for client in clients:
        client.ask(get("/"))
    with contextlib.suppress(ConnectionResetError), RawClient(listener.port) as extra:
        assert extra.until_end() == (b"", "rst", False)
    assert recorder.wait("closed") == [(3, "limit")]
    try:
        other = socket.create_connection(("127.0.0.1", listener.port), 10, source_address=("127.0.0.2", 0))
    except OSError:
        pytest.skip("this system has one loopback address")
    with other:
        other.sendall(get("/"))
        assert other.recv(65_536).startswith(b"HTTP/1.1 200")
    for client in clients:
        client.close()


# -- bugs of the application -----------------------------------------------------------------------------------


def fails_at_once(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    raise KeyError("secret token")


def fails_after_the_head(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    raise KeyError("secret token")


def forgets_to_start(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    return [b"x"]


def gives_no_status(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("fine", [])
    return [b"x"]


def gives_no_length(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "many")])
    return [b"x"]


def breaks_a_line(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("X", "a\r\nSet-Cookie: b")])
    return [b"x"]


def gives_text(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("200 OK", [])
    return ["x"]


def raises_an_os_error(environ: dict[str, Any], start_response: Any) -> Any:
    raise ConnectionResetError("somebody else's connection")


@pytest.mark.parametrize(
    "app",
    [
        fails_at_once,
        fails_after_the_head,
        forgets_to_start,
        gives_no_status,
        gives_no_length,
        breaks_a_line,
        gives_text,
        raises_an_os_error,
    ],
)
def test_a_bug_of_the_application_is_an_empty_500(
    serve: Serve, recorder: Recorder, capfd: pytest.CaptureFixture[str], app: Any
) -> None:
    """The observer hears of it, the client learns nothing, the terminal stays clean, the connection goes on."""
    listener = serve(app)
    with RawClient(listener.port) as client:
        for _ in range(2):
            answer = client.ask(get("/"))
            assert (answer.status, answer.reason, answer.body) == (500, "Internal Server Error", b"")
    assert len(recorder.wait("bug", 2)) == 2
    recorder.events.clear()
    assert capfd.readouterr() == ("", "")


def test_a_bug_in_the_middle_of_an_answer_is_a_reset(
    serve: Serve, recorder: Recorder, transport: Transport
) -> None:
    """What was announced can't be kept, and must not look complete."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"some"
        raise KeyError("secret token")

    listener = serve(app, tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get("/"))
        seen = client.until_end()
    assert seen.tcp == "rst"
    assert b"secret" not in seen.data
    assert recorder.wait("closed") == [(1, "server")]
    assert len(recorder.of("bug")) == 1
    recorder.events.clear()


def test_a_bug_when_all_is_sent_disturbs_nobody(serve: Serve, recorder: Recorder) -> None:
    """`close` of an answer may fail; the client has its answer already."""

    class Pieces(list[bytes]):
        def close(self) -> None:
            raise KeyError

    def app(environ: dict[str, Any], start_response: Any) -> Pieces:
        start_response("200 OK", [])
        return Pieces([b"x"])

    with RawClient(serve(app).port) as client:
        assert client.ask(get("/")).body == client.ask(get("/")).body == b"x"
    assert len(recorder.wait("bug", 2)) == 2
    recorder.events.clear()


def test_a_client_that_leaves_during_an_answer_is_no_bug(
    serve: Serve, recorder: Recorder, capfd: pytest.CaptureFixture[str]
) -> None:
    """Resets and broken pipes of clients are their own affair."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(200):
            yield b"x" * 100_000

    listener = serve(app)
    for _ in range(5):
        with RawClient(listener.port) as client:
            client.send(get("/"))
            client.expect(100)
    assert {by for _, by in recorder.wait("closed", 5)} == {"client"}
    assert capfd.readouterr() == ("", "")


def test_what_an_application_prints_to_wsgi_errors_goes_nowhere(
    serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    """Flask writes tracebacks there."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        print("Traceback (most recent call last)", file=environ["wsgi.errors"])
        return hello(environ, start_response)

    with RawClient(serve(app).port) as client:
        client.ask(get("/"))
    assert capfd.readouterr() == ("", "")


# -- threads ---------------------------------------------------------------------------------------------------


def test_threads_are_used_again_and_go_when_nothing_is_to_do(serve: Serve, recorder: Recorder) -> None:
    """Connection after connection on few threads; every one has a name that says whose it is."""
    names: set[str] = set()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        names.add(threading.current_thread().name)
        return hello(environ, start_response)

    listener = serve(app)
    for number in range(50):
        with RawClient(listener.port) as client:
            client.ask(get("/", "Connection: close"))
            client.until_end()
        recorder.wait("closed", number + 1)
        until(lambda: listener.connections == 0)
    assert all(name.startswith(f"mockhost-{listener.name}-") for name in names)
    assert len(names) < 10
    assert threads_of(listener)
    listener.shutdown()
    assert gone(listener)


def test_many_clients_at_once_get_their_own_answers(serve: Serve) -> None:
    """No answer ever goes to another's connection."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["mockhost.target"].encode()]

    listener = serve(app)
    wrong: list[object] = []

    def ask(name: int) -> None:
        with RawClient(listener.port) as client:
            for number in range(50):
                target = f"/{name}/{number}"
                if (body := client.ask(get(target)).body) != target.encode():
                    wrong.append((target, body))

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs file descriptors that can be counted")
def test_no_connection_leaves_a_descriptor_behind(
    serve: Serve, recorder: Recorder, offer: Callable[..., TlsOffer]
) -> None:
    """Whatever becomes of it."""
    import os

    listener = serve(Hanging(), tls=offer())
    context = client_context()

    def round_(count: int) -> None:
        for kind in ("whole", "hello", "http", "silent", "hang"):
            with RawClient(listener.port, tls=context if kind in ("whole", "hang") else None) as client:
                if kind == "whole":
                    client.ask(get("/"))
                elif kind == "hang":
                    client.send(get("/hang"))
                    client.nothing_more(0.01)
                else:
                    client.send({"hello": b"\x16\x03", "http": get("/"), "silent": b""}[kind])
        recorder.wait("closed", count)

    round_(5)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(2, 8):
        round_(5 * number)
    assert len(os.listdir("/proc/self/fd")) <= before
