"""Kept connections between two requests: one thread for all of them, and none that waits for another's answer."""

from __future__ import annotations

import errno
import select
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mockhost import relief
from mockhost.plans import TransportPlan
from mockhost.server.idle import IdleConnections
from mockhost.server.listener import Limits, Listener
from tests.server.conftest import Clock, Recorder, Serve, Transport, hello, threads_of, until
from tests.server.raw import RawClient, get

LONG = bytes(range(256)) * 16_384
pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="elsewhere each has a thread of its own")


class App:
    """Waits on /wait until the test says so, 10 minutes by plan on /later; greets otherwise."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.waiting = threading.Semaphore(0)
        self.threads: dict[str, list[threading.Thread]] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        self.threads.setdefault(path, []).append(threading.current_thread())
        if path == "/wait":
            self.waiting.release()
            self.go_on.wait()
        if path == "/outside":
            relief.relieve()
            self.waiting.release()
            self.go_on.wait()
        if path == "/later":
            environ["mockhost.plan"] = TransportPlan(delay=600.0)
            self.waiting.release()
        if path == "/long":
            start_response("200 OK", [])
            return [LONG]
        return hello(environ, start_response)


@pytest.fixture
def app() -> Iterator[App]:
    """Nothing waits any more when the test is over."""
    app = App()
    yield app
    app.go_on.set()


def idle(listener: Listener, transport: Transport) -> RawClient:
    """A client whose connection is kept: it has had an answer."""
    client = transport.client(listener)
    assert client.ask(get("/")).body == b"hello"
    return client


def reset(client: RawClient) -> None:
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_any_number_of_idle_connections_has_one_thread(
    serve: Serve, app: App, recorder: Recorder, transport: Transport
) -> None:
    """Besides those that accept and watch, and those that wait for a task; each client is served by it in turn."""
    listener = serve(app, tls=transport.tls, limits=Limits(idle_threads=0))
    clients = [idle(listener, transport) for _ in range(50)]
    until(lambda: len(threads_of(listener)) == 3)
    for client in clients:
        assert client.ask(get("/again")).body == b"hello"
    assert len(set(app.threads["/again"])) == 1
    assert len(recorder.of("opened")) == 50


@pytest.mark.parametrize("path", ["/wait", "/outside", "/later"])
def test_no_client_waits_for_the_answer_of_another(
    serve: Serve, app: App, transport: Transport, path: str
) -> None:
    """While an application takes long, and during a planned delay."""
    listener = serve(app, tls=transport.tls)
    clients = [idle(listener, transport) for _ in range(6)]
    for number, client in enumerate(clients[:3]):
        client.send(get(path))
        assert app.waiting.acquire(timeout=60)
        for other in clients[number + 1 :]:
            assert other.ask(get("/")).body == b"hello"
    assert len(set(app.threads[path])) == 3
    if path != "/later":
        app.go_on.set()
        assert [client.answer().body for client in clients[:3]] == [b"hello"] * 3
        assert clients[0].ask(get("/")).body == b"hello"


@pytest.mark.parametrize("path", ["/outside", "/later"])
def test_who_says_that_it_waits_is_relieved_at_once(
    serve: Serve, app: App, transport: Transport, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Without a look from outside."""
    monkeypatch.setattr(IdleConnections, "look", lambda self: False)
    listener = serve(app, tls=transport.tls)
    waits, other = idle(listener, transport), idle(listener, transport)
    waits.send(get(path))
    assert app.waiting.acquire(timeout=60)
    assert other.ask(get("/")).body == b"hello"


@pytest.mark.parametrize("how", ["head", "body", "record"])
def test_no_client_waits_for_the_rest_of_a_request(
    serve: Serve, app: App, transport: Transport, how: str
) -> None:
    listener = serve(app, tls=transport.tls)
    slow, other = idle(listener, transport), idle(listener, transport)
    request = get("/", "Content-Length: 10", method="POST", body=b"0123456789")
    if how == "record":
        slow.sock.sendall(
            b"POS" if slow.tls is None else b"\x17\x03\x03"
        )  # of TLS not even a record's header
        assert other.ask(get("/")).body == b"hello"
        return
    cut = 20 if how == "head" else len(request) - 5
    slow.send(request[:cut])
    assert other.ask(get("/")).body == b"hello"
    slow.send(request[cut:])
    assert slow.answer().body == b"hello"


def test_no_client_waits_for_one_that_does_not_read(serve: Serve, app: App, transport: Transport) -> None:
    """And that one has all of its answer in the end."""
    listener = serve(app, tls=transport.tls)
    late, other = idle(listener, transport), idle(listener, transport)
    late.send(get("/long"))
    until(lambda: "/long" in app.threads)
    assert other.ask(get("/")).body == b"hello"
    assert late.answer().body == LONG
    assert late.ask(get("/")).body == b"hello"


@pytest.mark.parametrize("end", ["close", "close_connections", "close_idle", "end"])
def test_idle_connections_end_while_the_leader_is_busy(
    serve: Serve, app: App, transport: Transport, end: str
) -> None:
    """As a reset by the control plane does, or the listener's own request that restarts the service."""
    listener = serve(app, tls=transport.tls)
    busy, other = idle(listener, transport), idle(listener, transport)
    busy.send(get("/wait"))
    assert app.waiting.acquire(timeout=60)
    getattr(listener, end)()
    assert other.until_end()[:2] == (b"", "fin")
    app.go_on.set()
    if end == "close_idle":
        assert busy.answer().body == b"hello"


def test_pipelined_requests_are_answered_in_order(serve: Serve, transport: Transport) -> None:
    """What was read of the next request is served before the connection is idle."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    client = transport.client(serve(app, tls=transport.tls))
    assert client.ask(get("/first")).body == b"/first"
    client.send(b"".join(get(f"/{number}") for number in range(200)))
    assert [client.answer().body for _ in range(200)] == [f"/{number}".encode() for number in range(200)]


def test_a_client_that_leaves_while_idle(
    serve: Serve, app: App, recorder: Recorder, transport: Transport
) -> None:
    """By FIN or by reset; the others are served."""
    listener = serve(app, tls=transport.tls)
    first, second, third = (idle(listener, transport) for _ in range(3))
    first.close()
    reset(second)
    assert [by for _, by in recorder.wait("closed", 2)] == ["client"] * 2
    assert third.ask(get("/")).body == b"hello"


def test_the_time_of_an_idle_connection_runs_out(
    serve: Serve, app: App, recorder: Recorder, transport: Transport, clock: Clock
) -> None:
    listener = serve(app, tls=transport.tls)
    client = idle(listener, transport)
    until(lambda: bool(listener._idle._parked))
    clock.advance(listener.limits.idle + 1)
    assert client.until_end()[1] == "fin"
    assert recorder.wait("closed") == [(1, "timeout")]


def test_where_no_thread_is_to_be_had_the_leader_leads_again(
    serve: Serve, app: App, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other client then waits, and is served as soon as the answer is out."""
    listener = serve(app, tls=transport.tls, limits=Limits(idle_threads=0))
    busy, other = idle(listener, transport), idle(listener, transport)
    asked = threading.Event()

    def none(self: threading.Thread) -> None:
        asked.set()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    busy.send(get("/wait"))
    other.send(get("/"))
    assert asked.wait(60)
    app.go_on.set()
    assert (busy.answer().body, other.answer().body) == (b"hello", b"hello")


def test_without_epoll_each_has_a_thread_of_its_own(
    serve: Serve, app: App, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(select, "epoll")
    listener = serve(app, tls=transport.tls)
    clients = [idle(listener, transport) for _ in range(5)]
    clients[0].send(get("/wait"))
    for client in clients[1:]:
        assert client.ask(get("/again")).body == b"hello"
    assert len(set(app.threads["/again"])) == 4


@pytest.mark.parametrize("lacks", ["a descriptor", "room"])
def test_where_epoll_takes_no_more_each_has_a_thread_of_its_own(
    serve: Serve, app: App, transport: Transport, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    class Full:
        def __init__(self) -> None:
            if lacks == "a descriptor":
                raise OSError(errno.EMFILE, "Too many open files")

        def modify(self, *_: int) -> None:
            raise FileNotFoundError

        def register(self, *_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            pass

    monkeypatch.setattr(select, "epoll", Full)
    listener = serve(app, tls=transport.tls)
    clients = [idle(listener, transport) for _ in range(3)]
    clients[0].send(get("/wait"))
    assert app.waiting.acquire(timeout=60)
    for client in clients[1:]:
        assert client.ask(get("/again")).body == b"hello"
    assert not listener._idle._parked


def test_the_leader_is_not_watched_for_as_long_as_it_hangs(serve: Serve, app: App) -> None:
    """Once it is known to take long, the first connection that is parked has a leader at once."""
    listener = serve(app)
    busy = RawClient(listener.port)
    assert busy.ask(get("/")).body == b"hello"
    busy.send(get("/wait"))
    assert app.waiting.acquire(timeout=60)
    until(lambda: listener._idle._unwatched)
    other = RawClient(listener.port)
    for _ in range(3):
        assert other.ask(get("/")).body == b"hello"


def test_the_descriptor_goes_with_the_listener(serve: Serve, app: App) -> None:
    """It is opened by the first idle connection, and closed when the last one has ended."""
    listener = serve(app)
    client = RawClient(listener.port)
    assert client.ask(get("/")).body == b"hello"
    until(lambda: listener._idle._epoll is not None)
    epoll = listener._idle._epoll
    listener.shutdown()
    assert client.until_end()[1] == "fin"
    until(lambda: bool(epoll and epoll.closed))


def test_a_burst_of_clients_that_come_and_go(serve: Serve, app: App, recorder: Recorder) -> None:
    """Descriptors are used again at once; each answer goes to whom it belongs, and nothing is left over."""

    def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    listener = serve(echo)

    def client(name: int) -> None:
        for turn in range(20):
            with RawClient(listener.port) as client:
                for number in range(turn % 4 + 1):
                    path = f"/{name}/{turn}/{number}"
                    if client.ask(get(path)).body != path.encode():
                        wrong.append(path)
                if turn % 2:
                    reset(client)

    wrong: list[str] = []
    threads = [threading.Thread(target=client, args=(name,), daemon=True) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert len(recorder.wait("closed", 160)) == 160
    until(lambda: not listener.connections)
    assert not listener._idle._parked
