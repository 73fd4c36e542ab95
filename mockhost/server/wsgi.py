"""The server's side of WSGI (PEP 3333): the environ that a request becomes, and what the application answers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from mockhost.exchange import RawHead
from mockhost.server import httpsys
from mockhost.server.http11 import Head
from mockhost.server.service import Connection, Environ, WsgiApp

RAW = "mockhost.raw"
"""The key of an environ in which the application leaves the `exchange.RawHead` of its answer."""
UPLOAD = "mockhost.upload"
"""The key of an environ in which `Service.upload` may leave what the application is to find again."""


class _Nowhere(io.TextIOBase):
    """`wsgi.errors`: what an application prints there must not reach a terminal."""

    def write(self, text: str) -> int:
        return len(text)


_NOWHERE = _Nowhere()


class Gateway:
    """Builds the environs of one connection's requests."""

    __slots__ = ("_base", "_fields", "_template")

    def __init__(self, connection: Connection, server: tuple[str, int], secure: bool) -> None:
        self._base: Environ = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if secure else "http",
            "wsgi.errors": _NOWHERE,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "SCRIPT_NAME": "",
            "SERVER_NAME": server[0],
            "SERVER_PORT": str(server[1]),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": connection.peer[0],
            "REMOTE_PORT": str(connection.peer[1]),
            "mockhost.connection": connection,
        }
        self._fields: dict[str, str] | None = None
        self._template: Environ = {}

    def environ(self, head: Head, body: bytes) -> Environ:
        """The environ of one request. Besides PEP 3333's keys, and REQUEST_URI as on the wire:

        `mockhost.connection`; `mockhost.target`, path and query undecoded (latin-1 of the bytes on the wire);
        `mockhost.headers`, (name, value) as sent and in order; `mockhost.body`, also as `wsgi.input`.
        """
        if head.environ is not self._fields:
            # The reader hands out the same dictionary for as long as the client repeats its fields.
            self._template = {**self._base, **head.environ}
            self._template.pop("HTTP_TRANSFER_ENCODING", None)
            self._fields = head.environ
        environ = self._template.copy()
        environ["REQUEST_METHOD"] = head.method
        environ["PATH_INFO"] = head.path
        environ["QUERY_STRING"] = head.query
        environ["REQUEST_URI"] = environ["RAW_URI"] = head.target
        environ["mockhost.target"] = head.origin
        environ["mockhost.headers"] = head.headers.copy()
        environ["mockhost.body"] = body
        environ["wsgi.input"] = io.BytesIO(body)
        if head.chunked:
            environ["CONTENT_LENGTH"] = str(len(body))
        if head.version == "1.0":
            environ["SERVER_PROTOCOL"] = "HTTP/1.0"
        if head.target is not head.origin and head.host is not None:
            environ["HTTP_HOST"] = head.host  # the authority of an absolute target wins (RFC 9112 3.2.2)
        return environ


class Draft(NamedTuple):
    """An answer's status and headers, settled but for what http.sys adds."""

    code: int
    headers: list[tuple[str, str]]
    length: int | None
    """how many bytes of body will follow; None: as many as there are"""
    chunked: bool
    close: bool
    """whether the connection ends with this answer"""
    raw: bytes | None = None
    """the head as another server wrote it; empty: of its headers, which are sent as they are"""

    def head_as_given(self) -> bytes:
        """Status line and headers of another server's answer: as they came, or at least without anything of ours."""
        if not self.raw:
            return httpsys.head(self.code, self.headers, "given", 0, self.close)
        unsaid = self.close and (self.chunked or self.length is not None)
        if not unsaid or _says_close(self.headers):
            return self.raw
        return self.raw[:-2] + b"Connection: close\r\n\r\n"


class Reply:
    """What the application answers: the server's side of PEP 3333."""

    __slots__ = ("_result", "_started", "_written", "pieces", "raw")

    def __init__(self) -> None:
        self.raw: RawHead | None = None
        """the head of an answer that another server gave"""
        self._result: Iterable[bytes] = ()
        self._started: tuple[str, Sequence[tuple[str, str]]] | None = None
        self._written: list[bytes] = []
        self.pieces: Iterable[bytes] = ()
        """the body, piece by piece, none longer than the application made it"""

    def start_response(
        self, status: str, headers: Sequence[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        self._started = (status, headers)
        return self._written.append

    def ask(self, app: WsgiApp, environ: Environ) -> None:
        """Call the application, up to its first piece of body. Whatever it raises comes through."""
        self._result = result = app(environ, self.start_response)
        if isinstance(result, (list, tuple)):
            self.pieces = [b"".join((*self._written, *result))]
            return
        rest = iter(result)
        first = next(rest, b"")
        self.pieces = chain((*self._written, first), rest)

    def draft(self, request: Head, *, closing: bool) -> Draft:
        """Settle the framing. Raises ValueError for what is no HTTP: a status, a length."""
        if self._started is None:
            raise ValueError("the application did not call start_response")
        status, given = self._started
        code = int(status[:3])
        if not 100 <= code <= 999 or status[3:4] not in ("", " "):
            raise ValueError(f"not an HTTP status: {status!r}")
        if self.raw is not None and self.raw.block and request.version == "1.1":
            raw = self.raw
            length = 0 if request.method == "HEAD" else raw.length
            close = closing or not request.keep_alive or raw.closes or (length is None and not raw.chunked)
            return Draft(code, list(given), length, raw.chunked, close, raw.block)
        draft = self._drafted(code, given, request, closing=closing)
        return draft if self.raw is None else draft._replace(raw=b"")

    def _drafted(self, code: int, given: Sequence[tuple[str, str]], request: Head, *, closing: bool) -> Draft:
        empty = code == 204 or code == 304 or code < 200
        length: int | None = None
        close = closing or not request.keep_alive
        headers: list[tuple[str, str]] = []
        for pair in given:
            name = pair[0].lower()
            if name == "content-length":
                length = int(pair[1])
                if length < 0:
                    raise ValueError("a negative Content-Length")
                if empty and code != 304:
                    continue
            elif name == "connection":
                close = close or "close" in pair[1].lower()
                continue
            elif name == "transfer-encoding":
                continue
            headers.append(pair)
        if empty or request.method == "HEAD":
            return Draft(code, headers, 0, False, close)
        if length is not None:
            return Draft(code, headers, length, False, close)
        if isinstance(self.pieces, list):
            length = len(self.pieces[0])
            headers.append(("Content-Length", str(length)))
            return Draft(code, headers, length, False, close)
        if request.version == "1.0":
            return Draft(code, headers, None, False, True)
        headers.append(("Transfer-Encoding", "chunked"))
        return Draft(code, headers, None, True, close)

    def close(self) -> None:
        """Tell the application that its answer was used, or will not be."""
        close = getattr(self._result, "close", None)
        if close is not None:
            close()


def _says_close(headers: Sequence[tuple[str, str]]) -> bool:
    return any(name.lower() == "connection" and "close" in value.lower() for name, value in headers)
