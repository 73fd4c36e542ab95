"""The data plane as a Flask application: for test clients, for other WSGI servers, and for views beside the host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, Response
from flask import request as current_request
from werkzeug.exceptions import NotFound

from mockhost.runtime import Cut, Runtime
from mockhost.web.data import DataPlane
from mockhost.web.other_servers import Guests, NotServed
from mockhost.web.routes import PREFIX

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


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
