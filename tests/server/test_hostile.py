"""Thousands of clients that mean no good, and one that only wants to be served beside them."""

from __future__ import annotations

import gc
import hashlib
import json
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mockhost.server.listener import Limits, Listener, TlsOffer
from tests.server.conftest import Recorder, Serve, client_context, gone, until
from tests.server.raw import PATIENCE, RawClient, get

HEADS = [
    row["head"].encode("latin-1")
    for row in json.loads((Path(__file__).parent / "heads.json").read_text("utf-8"))
]
LIMITS = Limits(head=0.5, body=0.5, drain_seconds=0.3, max_body=100_000)
PER_SUITE = 2_000


def noise(number: int, size: int) -> bytes:
    """The same bytes each time that look like none in particular."""
    return hashlib.shake_128(b"%d" % number).digest(size)


def malformed(number: int) -> bytes:
    """A head from the table, or noise, with something wrong at a place that depends on the number."""
    dirt = noise(number, 8)
    head = HEADS[number % len(HEADS)]
    at = int.from_bytes(dirt[:2], "big") % (len(head) + 1)
    match number % 10:
        case 0:
            return head[:at]
        case 1:
            return head[:at] + dirt[2:4] + head[at:]
        case 2:
            return head + noise(number, 300)
        case 3:
            return noise(number, 1 + number % 500)
        case 4:
            return get("/", f"X-{number}: " + "x" * 20_000)
        case 5:
            return get("/" + "a" * 20_000)
        case 6:
            return get("/") * 3 + head[:at]
        case 7:
            return b"".join(
                get(f"/{n}", "Content-Length: 9", method="PUT", body=b"x" * n) for n in (9, number % 9)
            )
    return head


def smuggling(number: int) -> bytes:
    """Requests that two servers in a row might cut at different places."""
    inner = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    framings: list[tuple[str, ...]] = [
        ("Content-Length: 0", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding:\x0bchunked",),
        (" Transfer-Encoding: chunked",),
        ("X: y\nTransfer-Encoding: chunked",),
        ("Content-Length: 0", "Content-Length: 44"),
        ("Content-Length: +0",),
        ("Content-Length: 0, 44",),
        ("Content-Length\x00: 0",),
    ]
    return get("/outer", *framings[number % len(framings)], method="POST", body=b"0\r\n\r\n" + inner)


def bad_bodies(number: int) -> bytes:
    """Chunks that lie about their size, bodies that never end, lengths that can't be."""
    chunks = [
        b"5\r\nhel",
        b"zz\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"FFFFFFFFFFFFFFFF\r\n",
        b"1\r\nxy\r\n0\r\n\r\n",
    ]
    if number % 2:
        return get("/", "Transfer-Encoding: chunked", method="POST", body=chunks[number // 2 % len(chunks)])
    return get("/", f"Content-Length: {10 ** (number // 2 % 24)}", method="PUT", body=noise(number, 50))


class App:
    """Counts what reaches it."""

    def __init__(self) -> None:
        self.targets: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.targets.append(environ["mockhost.target"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["mockhost.target"].encode("latin-1")]


class Valid:
    """A client that asks all the time, twenty times a connection, and must always get its answer."""

    def __init__(self, listener: Listener, tls: Any) -> None:
        self._listener = listener
        self._tls = tls
        self._enough = threading.Event()
        self.count = 0
        self.failed: list[object] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            while not self._enough.is_set():
                with RawClient(self._listener.port, tls=self._tls) as client:
                    for _ in range(20):
                        target = f"/valid/{self.count}"
                        answer = client.ask(get(target))
                        assert (answer.status, answer.body) == (200, target.encode())
                        self.count += 1
        except Exception as error:
            self.failed.append(error)

    def __enter__(self) -> Valid:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


def attack(listener: Listener, requests: Iterator[bytes], *, patient: bool = True) -> None:
    """Send each on a connection of its own, eight at a time; some wait for what becomes of it, some just leave."""
    lock = threading.Lock()
    unanswered: list[bytes] = []

    def run() -> None:
        while True:
            with lock:
                number, data = next(numbered, (0, None))
            if data is None:
                return
            with socket.create_connection(("127.0.0.1", listener.port), timeout=PATIENCE) as sock:
                try:
                    sock.sendall(data)
                    if number % 3 == 0:
                        sock.shutdown(socket.SHUT_WR)
                        while sock.recv(65_536):
                            pass
                    elif number % 6 == 1 and patient:
                        sock.recv(100)
                except TimeoutError:
                    unanswered.append(data)
                except OSError:
                    pass

    numbered = iter(enumerate(requests))
    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert unanswered == []


def quiet(listener: Listener, tls: Any = None) -> None:
    """Every connection was accepted, and has found its end."""
    with RawClient(listener.port, tls=tls) as last:  # they are accepted in order
        assert last.ask(get("/")).status == 200
    until(lambda: not listener.connections)


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
def test_hostile_requests_disturb_nobody(
    serve: Serve,
    recorder: Recorder,
    offer: Callable[..., TlsOffer],
    capfd: pytest.CaptureFixture[str],
    secure: bool,
) -> None:
    """No hang, nothing on the terminal, nothing smuggled, no valid client that fails, no thread left."""
    app = App()
    listener = serve(app, limits=LIMITS, tls=offer() if secure else None)
    tls = client_context() if secure else None
    makers = (malformed, smuggling, bad_bodies)
    with Valid(listener, tls) as valid:
        if secure:
            hellos = (
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise(n, n % 200)
                for n in range(PER_SUITE // 4)
            )
            attack(listener, hellos, patient=False)
            attack(listener, (b"" if n % 2 else get("/") for n in range(PER_SUITE // 8)), patient=False)
            inside_tls(listener, [makers[n % 3](n) for n in range(PER_SUITE // 4)])
        else:
            attack(listener, (makers[n % 3](n) for n in range(PER_SUITE)))
    assert valid.failed == []
    assert valid.count > 20
    quiet(listener, tls)
    assert not any("smuggled" in target for target in app.targets)
    opened, closed = recorder.of("opened"), recorder.of("closed")
    assert len(opened) == len(closed) >= PER_SUITE // 2
    listener.shutdown()
    assert gone(listener)
    assert capfd.readouterr() == ("", "")


def inside_tls(listener: Listener, requests: list[bytes]) -> None:
    """The same hostility by clients that shake hands first."""
    context = client_context()
    for number, data in enumerate(requests):
        with RawClient(listener.port, tls=context) as client:
            try:
                client.send(data)
                if number % 3 == 0:
                    client.more()
            except OSError:
                pass


def test_memory_does_not_grow(serve: Serve, recorder: Recorder) -> None:
    """The second thousand of hostile connections leaves nothing behind that the first did not."""
    app = App()
    listener = serve(app, limits=LIMITS)
    sizes = []
    tracemalloc.start()
    try:
        for _ in range(3):
            attack(listener, (malformed(n) for n in range(600)))
            quiet(listener)
            recorder.forget()
            app.targets.clear()
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[2] - sizes[1] < 200_000
