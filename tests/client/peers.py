"""Peers that answer exactly what a test says, over TCP or TLS, and end as it says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable


class Line:
    """The server's side of one connection."""

    def __init__(self, sock: socket.socket, done: threading.Event, requests: list[bytes]) -> None:
        self.sock = sock
        self.done = done
        self.requests = requests

    def read_request(self) -> bytes:
        """The head, and as much of a body as Content-Length says."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(65536)
            if not more:
                return data
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        size = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        while len(body) < size:
            body += self.sock.recv(65536)
        request = head + b"\r\n\r\n" + body
        self.requests.append(request)  # before the answer, so that they are in order
        return request

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        """Close by RST, without a goodbye of TLS."""
        with socket.socket(fileno=self.sock.detach()) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def fin(self) -> None:
        """Close by FIN, without a goodbye of TLS."""
        with socket.socket(fileno=self.sock.detach()) as raw:
            raw.shutdown(socket.SHUT_RDWR)

    def goodbye(self) -> None:
        """Close as TLS has it."""
        assert isinstance(self.sock, ssl.SSLSocket)
        with contextlib.suppress(OSError, ssl.SSLError):
            self.sock.unwrap()
        self.sock.close()

    def hang(self) -> None:
        """Say nothing more until the test is over."""
        self.done.wait(120)


Script = Callable[[Line], None]


class Peer:
    """A listening peer; `requests` has what it was asked."""

    def __init__(
        self, script: Script, context: ssl.SSLContext | None = None, early: Script | None = None
    ) -> None:
        self.script, self.context, self.early = script, context, early
        self.requests: list[bytes] = []
        self.done = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://localhost:{self.port}"

    def _accept(self) -> None:
        while not self.done.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            # Without this the answer waits behind TLS 1.3's tickets for an acknowledgement, and a reset discards it.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        line = Line(sock, self.done, self.requests)
        try:
            if self.early:
                self.early(line)
                return
            if self.context:
                line.sock = self.context.wrap_socket(sock, server_side=True)
            self.script(line)
        except (OSError, ValueError):
            pass
        finally:
            with contextlib.suppress(OSError):
                line.sock.close()

    def close(self) -> None:
        self.done.set()
        # A listener that is shut down wakes its thread; closing alone does not.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(60)


def answer(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
