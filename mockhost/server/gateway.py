"""From a request to WSGI's environ (PEP 3333), as cheap as a copy of a dictionary."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

from mockhost.server.http11 import Head
from mockhost.server.observer import Connection

Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Any], Iterable[bytes]]


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
