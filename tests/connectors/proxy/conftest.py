"""A target whose bytes a test writes itself, and a proxy in front of it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.client.observation import Observation, Session

PATIENCE = 60.0
Act = Callable[[socket.socket], None]


class Target:
    """Answers each request with the next of the answers that it was given: bytes, or what is done with the socket."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/base/v2"
        self.answers: list[bytes | Act] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._server.accept()
                self.connections += 1
                self._open.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE)
        with contextlib.suppress(OSError), sock:
            while request := read_request(sock):
                self.requests.append(request)
                answer = self.answers.pop(0) if self.answers else ok(b"{}")
                if callable(answer):
                    answer(sock)
                else:
                    sock.sendall(answer)

    def close(self) -> None:
        self._server.close()
        for sock in self._open:
            sock.close()


def read_request(sock: socket.socket) -> bytes:
    """A whole request; empty where the connection ended."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := sock.recv(65_536)):
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    fields = head.lower().split(b"\r\n")
    if b"transfer-encoding: chunked" in fields:
        while not body.endswith(b"0\r\n\r\n"):
            body += sock.recv(65_536)
    length = next((int(line.partition(b":")[2]) for line in fields if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += sock.recv(65_536)
    return head + b"\r\n\r\n" + body


def ok(body: bytes, *headers: str) -> bytes:
    """A plain answer."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def then(
    *data: bytes, end: Callable[[socket.socket], None] = socket.socket.close
) -> Callable[[socket.socket], None]:
    """Send, and end the connection."""

    def act(sock: socket.socket) -> None:
        for each in data:
            sock.sendall(each)
        end(sock)

    return act


def reset(sock: socket.socket) -> None:
    """End a connection by a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.fixture
def target() -> Iterator[Target]:
    made = Target()
    yield made
    made.close()


Make = Callable[..., MockHost]


@pytest.fixture
def proxy(target: Target) -> Iterator[Make]:
    """Starts a proxy in front of the target; arguments are keys of its connector."""
    with contextlib.ExitStack() as stack:

        def make(**connector: Any) -> MockHost:
            said = {"kind": "proxy", "target": target.url, "timeout": "10s", **connector}
            document = {"format": 1, "connectors": {"TARGET": said}}
            return stack.enter_context(MockHost(document, tls=False, clock="wall"))

        yield make


def ask(
    host: MockHost, method: str = "GET", path: str = "/Users", body: bytes | None = None, **rest: Any
) -> Observation:
    """One request through a proxy, on a connection of its own."""
    url = host.url("TARGET")
    with Session(url, timeout=PATIENCE) as session:
        return session.exchange(method, f"/ecma2host_TARGET/scim{path}", body=body, **rest)
