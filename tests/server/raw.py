"""A client that sees the wire: every byte of the answer, and how the TCP connection beneath TLS really ended."""

from __future__ import annotations

import socket
import ssl
from typing import NamedTuple

PATIENCE = 60.0
"""Seconds after which a test gives up; nothing that works comes near it, also on a machine that is busy."""
OPEN: set[RawClient] = set()
"""Clients that were not closed yet: a test that fails leaves them to its fixture."""


class Seen(NamedTuple):
    """What came back until the connection ended."""

    data: bytes
    """plaintext"""
    tcp: str
    """fin | rst | open"""
    close_notify: bool
    """whether TLS said goodbye; always False without TLS"""


class Answer(NamedTuple):
    """One answer, taken apart."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class RawClient:
    """One connection, in the clear or over TLS by way of memory BIOs."""

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        session: ssl.SSLSession | None = None,
        shake: bool = True,
    ) -> None:
        self.sock = socket.create_connection((host, port), timeout=PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls: ssl.SSLObject | None = None
        self._plain = b""
        self._tcp = "open"
        self._notified = False
        OPEN.add(self)
        if tls is not None:
            self.tls = tls.wrap_bio(self._in, self._out, server_hostname="localhost", session=session)
            if shake:
                self.handshake()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        OPEN.discard(self)
        self.sock.close()

    @property
    def ended(self) -> bool:
        """Whether TCP's end was seen."""
        return self._tcp != "open"

    def _flush(self) -> None:
        if data := self._out.read():
            self.sock.sendall(data)

    def _pull(self) -> bool:
        """One read from TCP; False once it has ended."""
        try:
            data = self.sock.recv(65_536)
        except ConnectionError:
            self._tcp = "rst"
            return False
        if not data:
            self._tcp = "fin"
            return False
        if self.tls is None:
            self._plain += data
        else:
            self._in.write(data)
        return True

    def handshake(self) -> None:
        """Raises ssl.SSLError for an alert, ConnectionError where the connection ended first."""
        assert self.tls is not None
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                if not self._pull():
                    raise ConnectionResetError(self._tcp) from None
            except ssl.SSLError:
                self._flush()  # our alert
                raise
            else:
                self._flush()
                return

    def send(self, data: bytes) -> None:
        if self.tls is None:
            self.sock.sendall(data)
        else:
            self.tls.write(data)
            self._flush()

    def _decrypt(self) -> None:
        if self.tls is None:
            return
        while not self._notified:
            try:
                piece = self.tls.read(65_536)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLZeroReturnError:
                piece = b""
            if not piece:
                self._notified = True
                return
            self._plain += piece

    def more(self) -> bool:
        """Wait for more; False once TCP has ended."""
        alive = self._pull()
        self._decrypt()
        return alive

    def until_end(self) -> Seen:
        """Everything until the connection ends; raises TimeoutError if it doesn't."""
        self._decrypt()
        while self.more():
            pass
        return Seen(self._plain, self._tcp, self._notified)

    def nothing_more(self, wait: float) -> bool:
        """Whether neither a byte nor an end comes within `wait` seconds."""
        self._decrypt()
        self.sock.settimeout(wait)
        try:
            before = len(self._plain)
            alive = self.more()
            return alive and not self._notified and len(self._plain) == before
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(PATIENCE)

    def expect(self, count: int) -> bytes:
        """Exactly `count` bytes of plaintext, taken off what came in."""
        self._decrypt()
        while len(self._plain) < count:
            assert self.more(), f"ended by {self._tcp} after {self._plain!r}"
        data, self._plain = self._plain[:count], self._plain[count:]
        return data

    def expect_through(self, mark: bytes) -> bytes:
        self._decrypt()
        while mark not in self._plain:
            assert self.more(), f"ended by {self._tcp} after {self._plain!r}"
        return self.expect(self._plain.index(mark) + len(mark))

    def answer(self, method: str = "GET") -> Answer:
        """The next answer, whole; the connection stays as it is."""
        status, reason, headers = parse_head(self.expect_through(b"\r\n\r\n"))
        answer = Answer(status, reason, headers, b"")
        if method == "HEAD" or status < 200 or status in (204, 304):
            return answer
        if (length := answer.header("Content-Length")) is not None:
            return answer._replace(body=self.expect(int(length)))
        if answer.header("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.expect_through(b"\r\n"), 16):
                body += self.expect(size + 2)[:-2]
            assert self.expect(2) == b"\r\n"
            return answer._replace(body=body)
        return answer._replace(body=self.until_end().data)

    def ask(self, data: bytes, method: str = "GET") -> Answer:
        self.send(data)
        return self.answer(method)


def parse_head(head: bytes) -> tuple[int, str, list[tuple[str, str]]]:
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    version, code, reason = first.split(" ", 2)
    assert version == "HTTP/1.1"
    return int(code), reason, [tuple(line.split(": ", 1)) for line in lines]  # type: ignore[misc]


def get(path: str, *headers: str, version: str = "1.1", method: str = "GET", body: bytes = b"") -> bytes:
    """A request as a client would write it."""
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
