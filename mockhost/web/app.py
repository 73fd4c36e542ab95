"""The data plane as a Flask application: for test clients, for other WSGI servers, and for views beside the host."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from flask import Flask, Response
from flask import request as current_request
from werkzeug.exceptions import NotFound

from mockhost.errors import MockhostError
from mockhost.exchange import split_target
from mockhost.plans import SERVE
from mockhost.runtime import Admission, Cut, Runtime
from mockhost.server.service import Limits
from mockhost.web.connections import meet
from mockhost.web.data import DataPlane, begin
from mockhost.web.handling import PREFIX

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

ONE_PROCESS: Final = (
    "mockhost keeps its state in one process, and this server has several: run it with one worker process "
    "and several threads, e.g. gunicorn --workers 1 --threads 8"
)
_MOST: Final = 1_000
"""Clients whose connections are known; a client that is no longer known has a new one."""


class DataApp(Flask):
    """A Flask application whose WSGI entry runs the exchange for paths of the host.

    Every other path goes through Flask, so that registered views and blueprints work; one that none of them serves gets
    the host's own answer.
    """

    def __init__(self, runtime: Runtime) -> None:
        super().__init__("mockhost.data", static_folder=None)
        self.runtime = runtime
        self._plane = DataPlane(runtime)
        self._guests = Guests(runtime)
        self.register_error_handler(NotFound, self._unrouted)

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if "mockhost.connection" in environ:
            return self._route(environ, start_response)
        try:
            self._guests.admit(environ)
            return self._route(environ, start_response)
        except (NotServed, Cut) as problem:
            start_response("500 ", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"{problem}\n".encode()]

    def _route(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].lstrip("/")[: len(PREFIX)].casefold() == PREFIX:
            return self._plane(environ, start_response)
        passed_on: Iterable[bytes] = super().wsgi_app(environ, start_response)
        return passed_on

    def _unrouted(self, error: NotFound) -> Response | NotFound:
        """The answer to a path of no view; a view's own 404 stays as it is."""
        return _Answered(self._plane) if current_request.url_rule is None else error


class _Answered(Response):
    """In the place of a response: whatever the data plane answers."""

    def __init__(self, plane: DataPlane) -> None:
        super().__init__()
        self._plane = plane

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._plane(environ, start_response)


# -- what other servers leave out of an environ, and test clients: the request as it was on the wire --


class NotServed(MockhostError):
    """The request can't be answered behind this server; the message says why."""


class Guest:
    """A connection to another server, as far as it can be told: by the address and port of its client."""

    def __init__(self, number: int, peer: tuple[str, int], admission: Admission) -> None:
        self.number = number
        self.peer = peer
        self.epoch_token = admission
        self.served = True
        """whether no rule wants to meet it with anything but an answer"""
        self.on_release: Callable[[], None] | None = None


class Guests:
    """The connections of one application to other servers."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._numbers = itertools.count(1)
        self._known: dict[tuple[str, int], Guest] = {}

    def admit(self, environ: WSGIEnvironment) -> None:
        """Add what the data plane asks of an environ. Raises NotServed."""
        if environ.get("wsgi.multiprocess"):
            raise NotServed(ONE_PROCESS)
        guest = self._guest(environ)
        if not guest.served:
            raise NotServed(
                "a rule on connections applies, which needs mockhost's own server: mockhost serve"
            )
        body = _body(environ)
        environ["mockhost.connection"] = guest
        environ["mockhost.target"] = _target(environ)
        environ["mockhost.headers"] = _headers(environ)
        environ["mockhost.body"] = body
        environ["mockhost.carries_plans"] = False
        if body and begin(self._runtime, lambda: environ) is not None:
            raise NotServed("a rule on uploads applies, which needs mockhost's own server: mockhost serve")

    def _guest(self, environ: WSGIEnvironment) -> Guest:
        peer = (str(environ.get("REMOTE_ADDR") or "127.0.0.1"), _number(environ.get("REMOTE_PORT")))
        runtime = self._runtime
        with runtime.lock:
            guest = self._known.get(peer) if peer[1] else None
            if guest is None or guest.epoch_token.epoch is not runtime.epoch:
                number = next(self._numbers)
                guest = Guest(number, peer, runtime.opened(number, peer[0]))
                guest.served = meet(runtime, guest.epoch_token) == SERVE
                if len(self._known) >= _MOST:
                    del self._known[next(iter(self._known))]
                self._known[peer] = guest
        return guest


def _number(text: Any) -> int:
    return int(text) if str(text).isdigit() else 0


def _target(environ: WSGIEnvironment) -> str:
    """Path and query as on the wire, as far as the server says; else as they were decoded."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    query = environ.get("QUERY_STRING", "")
    if raw:
        path, raw_query = split_target(str(raw))
        query = raw_query or query  # test clients may have it here alone
    else:
        decoded = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        path = quote(decoded, safe="/:@!$&'()*+,;=~", encoding="latin-1")
    return f"{path}?{query}" if query else path


def _headers(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    """The headers, each once and in no order that the client chose: more is not in an environ."""
    named = {key[5:]: value for key, value in environ.items() if key.startswith("HTTP_")}
    named |= {key: environ[key] for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(key)}
    return [(name.replace("_", "-").title(), str(value)) for name, value in named.items()]


def _body(environ: WSGIEnvironment) -> bytes:
    """The body. Raises NotServed if it is shorter than announced, or larger than our own server's limit."""
    most = Limits().max_body
    announced = environ.get("CONTENT_LENGTH")
    if announced:
        length = _number(announced)
        body: bytes = environ["wsgi.input"].read(min(length, most)) if length else b""
        if len(body) < length:
            raise NotServed(
                f"the body has {len(body):,} bytes that can be read, and {length:,} are announced"
            )
        return body
    if not environ.get("wsgi.input_terminated"):
        return b""
    body = environ["wsgi.input"].read(most + 1)
    if len(body) > most:
        raise NotServed(f"the body has more than {most:,} bytes")
    return body
