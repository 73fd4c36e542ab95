"""The control plane: the Flask application behind port 8586, always there, whatever the data plane does.

It has no token on loopback, so a web page must not be able to reach it: neither one that has its own name resolve to
127.0.0.1 (the `Host` check), nor one that posts a form or calls `fetch` (the content type, `Origin` and
`Sec-Fetch-Site`). What comes in may name no file and no variable that the operator did not open (`scenario.sources`).
Errors become answers here and nowhere else: JSON, one shape, never a traceback.

Browsers get pages, which `mockhost.console` makes. They are let in by the same rules; where there is a token, by a
cookie that they are given for it.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Protocol

import orjson
from flask import Flask, Request, Response, g, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, MapAdapter, PathConverter, Rule

from mockhost.clock import fresh_secret
from mockhost.control.messages import arguments, event_stream
from mockhost.errors import CannotRun, MockhostError, Problem, ScenarioError, UsageError, place_of
from mockhost.journal.renderings import plainly, rendered
from mockhost.operations import CLASS_TABLE, TABLE
from mockhost.operations.row import JSON, ROLES, Media, Operation
from mockhost.runtime.operations import NoSuch, NotAllowed, NotNow, Operated, Stream, carry_out

MAX_BODY = 4 * 1024 * 1024
HEARTBEAT = 15.0
_WILDCARDS = ("0.0.0.0", "::", "")
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""The methods that endpoints of the table change something by; no other gets further than 405."""
_OUR_SITES = frozenset({"same-origin", "none"})
"""What a browser says in Sec-Fetch-Site of its own pages, and of a typed address (W3C Fetch Metadata, 2.4)."""
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:/@\s]+)(?::[0-9]{1,5})?")


class Refused(MockhostError):
    """A request that is not let in: its status, and what the client may do about it."""

    def __init__(self, status: int, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


Find = Callable[[Request], Operated]
"""Which running host a request is for, and who asks."""

OWNER = "owner"
"""The caller that has the control plane's own token; any caller, where it has none."""
_CALLER = "mockhost.caller"
_NO_OTHERS: Mapping[str, str] = {}


def caller(asked: Request) -> str:
    """Who asks, by the token that was sent: OWNER, or a word that `create_control_app` was given."""
    return str(asked.environ.get(_CALLER, OWNER))


CONSOLE = "/console/"
SESSION = f"{CONSOLE}session"
SIGN_IN = f"{CONSOLE}sign-in"
_ASSETS = f"{CONSOLE}assets/"
_HTML = "text/html"


class Console(Protocol):
    """Makes pages for browsers."""

    def answer(self, host: Operated, asked: Request, *, session: str) -> Response:
        """The page, piece of a page, file or stream at a path; session: `in`, `out`, or "" where none is needed."""

    def problem(self, status: int, message: str, hint: str) -> Response:
        """A page that says what is wrong; with 401, one that asks for the token."""


def create_control_app(
    find: Find,
    *,
    token: str | None,
    bound_host: str,
    names: Sequence[str] = (),
    others: Mapping[str, str] = _NO_OTHERS,
    stranger: str = OWNER,
    lets_in: bool = False,
    heartbeat: float = HEARTBEAT,
    console: Callable[[], Console] | None = None,
    in_class: bool = False,
) -> Flask:
    """The application of a control plane.

    find: the running host that a request is for; asked once for each request, so that one application can serve many
    hosts. It raises NoSuch where there is none. token: what everything but the health asks for; None only on
    loopback. bound_host: the address that it listens on. names: further names under which it may be asked.
    others: further tokens, each with a word for who has it, which `caller` tells `find`. stranger: the word for a
    request without a token; lets_in: whether it gets further than the health.
    heartbeat: seconds between the signs of life in an event stream. console: makes the pages for browsers when the
    first one asks; without it there are none.
    in_class: whether it has the operations of a class, too.
    Raises UsageError for a wider address without a token.
    """
    guard = Guard(token, bound_host, names, others, stranger, lets_in)
    app, table = _App(in_class), _table(in_class)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    open_paths = {operation.path for operation in table if operation.is_open}
    app.before_request(lambda: guard.admit(request, is_open=request.path in open_paths))

    app.view_functions = {each.name: partial(_answer, find, each, heartbeat) for each in table}
    pages = None if console is None else _once(console)
    app.view_functions["console"] = partial(_browse, find, guard, pages)
    app.view_functions["sign_in"] = partial(_sign_in, guard)
    app.view_functions["sign_out"] = partial(_sign_out, guard)
    _answer_errors(app, pages)
    app.after_request(_as_declared)
    return app


def _as_declared(response: Response) -> Response:
    """Have no browser take an answer for something else than its media type says."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


class _App(Flask):
    """Compiles its routes when it is first asked something, not while a host starts, and once for all hosts."""

    def __init__(self, in_class: bool) -> None:
        super().__init__("mockhost.control", static_folder=None)
        self._in_class = in_class

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        self.url_map = _url_map(self._in_class)
        return super().create_url_adapter(request)


def _table(in_class: bool) -> tuple[Operation, ...]:
    return CLASS_TABLE if in_class else TABLE


@cache
def _url_map(in_class: bool) -> Map:
    rules = [_route(each, _table(in_class)) for each in _table(in_class)]
    rules += [Rule(path, endpoint="console", methods=["GET"]) for path in ("/", f"{CONSOLE}<path:page>")]
    rules.append(Rule(SESSION, endpoint="sign_in", methods=["POST"]))
    rules.append(Rule(SESSION, endpoint="sign_out", methods=["DELETE"]))
    return Map(rules, merge_slashes=False, strict_slashes=False, converters={"any_path": _AnyPath})


class _AnyPath(PathConverter):
    """What is left of a path. Werkzeug's own `path` does not begin with a slash."""

    regex = ".+?"
    part_isolating = False


def _route(operation: Operation, table: Sequence[Operation]) -> Rule:
    """The route of an operation. A slash at the end of its path is ignored, unless an empty name is meant by it."""
    strict = any(each.path.startswith(f"{operation.path}/{{") for each in table)
    path, methods = _flask_rule(operation.path), [operation.method]
    return Rule(path, endpoint=operation.name, methods=methods, strict_slashes=strict)


def _flask_rule(path: str) -> str:
    """`/v1/rules/{name}` as Flask writes it; a rule's name may have slashes in it, also before all else."""
    path = path.replace("/v1/rules/{name}", "/v1/rules/<any_path:name>")
    return re.sub(r"\{(\w+)\}", r"<\1>", path)


def _answer(find: Find, operation: Operation, heartbeat: float, **in_path: str) -> Response:
    """Carry out the operation of this request."""
    host = g.host = find(request)
    found = carry_out(host, operation, in_path, lambda: arguments(operation))
    if isinstance(found, Stream):
        return event_stream(host.runtime, found, heartbeat)
    if isinstance(found, Media):
        return Response(found.data, content_type=found.kind)
    plain = operation.shows_secrets and (operation.is_for_all or host.role == ROLES[-1])
    shown = found if plain else plainly(host.runtime.journal.sink, found)
    return _json(shown, operation.answer.status)


# ---- for browsers ----


def _once(make: Callable[[], Console]) -> Callable[[], Console]:
    """Make the console when it is first asked for, and once, however many ask at the same time."""
    made, lock = cache(make), threading.Lock()

    def console() -> Console:
        with lock:
            return made()

    return console


def _browse(find: Find, guard: Guard, pages: Callable[[], Console] | None, page: str = "") -> Response:
    """A page of the console. The bare address is one for browsers only; other clients find nothing there."""
    if pages is None or (not page and not _wants_page(request)):
        raise NotFound
    if request.path == SIGN_IN:
        return pages().problem(401, "", "")
    host = g.host = find(request)
    return pages().answer(host, request, session=guard.session_of(request))


def _wants_page(asked: Request) -> bool:
    """Whether a client asks for HTML by its name, as browsers do, and at a path where there can be some."""
    is_page = asked.path == "/" or asked.path.startswith(CONSOLE)
    return is_page and any(kind.lower() == _HTML for kind, _ in asked.accept_mimetypes)


def _sign_in(guard: Guard) -> Response:
    """Give a browser that knows the token a session."""
    try:  # not by Flask, whose parser fails on what is nested deeply: this is asked without a token
        document = orjson.loads(request.get_data())
    except orjson.JSONDecodeError:
        document = None
    token = document.get("token") if isinstance(document, dict) else None
    who = guard.whose(token if isinstance(token, str) else "")
    response = _json({"signed_in": True}, 200)
    response.set_cookie(guard.cookie(request), guard.sessions[who], httponly=True, samesite="Strict")
    return response


def _sign_out(guard: Guard) -> Response:
    """End every session of this caller."""
    guard.end_sessions(caller(request))
    response = _json({"signed_in": False}, 200)
    response.delete_cookie(guard.cookie(request), httponly=True, samesite="Strict")
    return response


def _json(value: object, status: int) -> Response:
    response = Response(rendered(value) + b"\n", status, content_type=JSON)
    response.headers["Cache-Control"] = "no-store"
    return response


# ---- who is let in ----


_TOKEN_HINT = "send Authorization: Bearer and the token that mockhost printed"


class Guard:
    """Decides whether a request may be answered at all."""

    def __init__(
        self,
        token: str | None,
        bound_host: str,
        names: Sequence[str],
        others: Mapping[str, str] = _NO_OTHERS,
        stranger: str = OWNER,
        lets_in: bool = False,
    ) -> None:
        if token is None and not _is_loopback(bound_host):
            raise UsageError(
                f"the control plane on {bound_host} needs a token", hint="give one, or bind it to 127.0.0.1"
            )
        self._tokens = {} if token is None else {token.encode(): OWNER}
        self._tokens |= {other.encode(): who for other, who in others.items()}
        self._stranger, self._lets_in = stranger, lets_in
        self.sessions = {who: fresh_secret() for who in [OWNER, *others.values()]}
        """what the cookies of browsers that signed in hold: no token, as other servers on this name get them too"""
        # Names can be made to resolve to anything, addresses can't: a page can't be served from under one of ours.
        self._any_address = bound_host in _WILDCARDS
        self._names = {_folded(name) for name in ("localhost", bound_host, *names) if name not in _WILDCARDS}

    def admit(self, asked: Request, *, is_open: bool) -> None:
        """Raise Refused unless the request is for this host, from no foreign page, authorised, and a change in JSON."""
        host = asked.headers.get("Host", "")
        if not self._is_ours(host):
            hint = "ask for localhost or 127.0.0.1; other names are given with --tls-name"
            raise Refused(403, f"this host is not called {host!r}", hint=hint)
        origin = asked.headers.get("Origin")
        if origin is not None and origin.casefold() != f"{asked.scheme}://{host}".casefold():
            raise Refused(
                403, f"pages of {origin} may not use this host", hint="ask without an Origin header"
            )
        site = asked.headers.get("Sec-Fetch-Site")
        if site is not None and site.strip().casefold() not in _OUR_SITES:
            hint = "ask from outside a browser, or from a page of this host"
            raise Refused(
                403, f"pages of another site may not use this host (Sec-Fetch-Site: {site})", hint=hint
            )
        asked.environ[_CALLER] = self._caller(asked, self._is_open(asked, is_open))
        # A path that can't be asked that way, or is not there, says so: sending JSON would not help.
        possible = asked.routing_exception is None
        if possible and asked.method in _CHANGING and asked.mimetype != JSON:
            hint = f"send the header Content-Type: {JSON}"
            raise Refused(
                415, f"a change is asked for as {JSON}, not as {asked.mimetype or 'nothing'}", hint=hint
            )

    def _is_ours(self, host: str) -> bool:
        # The port is not looked at: a published port of a container is another than the one that is bound.
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = _folded(found[1])
        return name in self._names or _is_loopback(name) or (self._any_address and _address(name) is not None)

    def session_of(self, asked: Request) -> str:
        """`out` for a caller that signed in and can sign out, `in` for one that could sign in, "" without a token."""
        if not self._tokens:
            return ""
        return "out" if self._by_cookie(asked) is not None or not self._lets_in else "in"

    def _is_open(self, asked: Request, is_open: bool) -> bool:
        if asked.method == "GET":
            return is_open or asked.path.startswith(_ASSETS) or asked.path == SIGN_IN
        return asked.method == "POST" and asked.path == SESSION

    def _caller(self, asked: Request, is_open: bool) -> str:
        """Who asks. Raises Refused for a token that is not one, and for none where one is asked for."""
        header = asked.headers.get("Authorization", "")
        if not self._tokens:
            return self._stranger
        if not header:
            who = self._by_cookie(asked)
            if who is None and not (is_open or self._lets_in):
                raise Refused(401, "the control plane asks for its token", hint=_TOKEN_HINT)
            return who or self._stranger
        scheme, _, token = header.strip().partition(" ")
        # WSGI gives the bytes on the wire as Latin-1.
        try:
            return self.whose(
                token.strip().encode("latin-1", "replace") if scheme.casefold() == "bearer" else b""
            )
        except Refused:
            if not is_open:
                raise
            return self._stranger

    def _by_cookie(self, asked: Request) -> str | None:
        given = asked.cookies.get(self.cookie(asked), "").encode("utf-8", "replace")
        return next(
            (who for who, held in self.sessions.items() if hmac.compare_digest(given, held.encode())), None
        )

    def whose(self, given: str | bytes) -> str:
        """Who has this token. Raises Refused if it is none; where none is asked for, any will do."""
        raw = given.encode("utf-8", "replace") if isinstance(given, str) else given
        found = [who for token, who in self._tokens.items() if hmac.compare_digest(raw, token)]
        if self._tokens and not found:
            raise Refused(401, "the token is not the control plane's", hint=_TOKEN_HINT)
        return found[0] if found else OWNER

    @staticmethod
    def cookie(asked: Request) -> str:
        """The cookie's name. Cookies are for all ports of a name, so the port is in it."""
        return f"mockhost-{asked.host.rpartition(':')[2] if ':' in asked.host else 'console'}"

    def end_sessions(self, who: str) -> None:
        """Make every cookie that this caller was given worthless."""
        self.sessions[who] = fresh_secret()


def _folded(name: str) -> str:
    return name.strip("[]").rstrip(".").casefold()


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None


def _is_loopback(name: str) -> bool:
    address = _address(name)
    return name.casefold() == "localhost" if address is None else address.is_loopback


# ---- what went wrong ----


def _answer_errors(app: Flask, pages: Callable[[], Console] | None) -> None:
    """Have every error answered in one shape; for a browser that asks for a page, as one."""

    def answer(status: int, message: str, hint: str = "", problems: Sequence[Problem] = ()) -> Response:
        if pages is not None and _wants_page(request):
            return pages().problem(status, message, hint)
        error: dict[str, object] = {"message": message, "hint": hint}
        if problems:
            error["problems"] = [problem._asdict() for problem in problems]
        host: Operated | None = g.get("host")
        shown: object = {"error": error}
        return _json(shown if host is None else plainly(host.runtime.journal.sink, shown), status)

    @app.errorhandler(MockhostError)
    def ours(error: MockhostError) -> Response:
        if isinstance(error, ScenarioError):
            count = "1 problem" if len(error.problems) == 1 else f"{len(error.problems)} problems"
            return answer(422, f"{count} in the scenario", "see problems", error.problems)
        response = answer(_status_of(error), error.message, error.hint)
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="mockhost control plane"'
        return response

    @app.errorhandler(HTTPException)
    def of_http(error: HTTPException) -> Response:
        status = error.code or 500
        response = answer(status, _MESSAGES.get(status, error.name), _HINTS.get(status, ""))
        allowed = getattr(error, "valid_methods", None)
        if allowed:
            response.headers["Allow"] = ", ".join(sorted(set(allowed)))
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        place = place_of(error)
        host: Operated | None = g.get("host")
        if host is not None:
            told = {"error": f"{type(error).__name__}: {error}", "place": place}
            host.runtime.events.publish("bug", told)
        return answer(500, f"a bug in mockhost: {type(error).__name__} at {place}", "please report it")


def _status_of(error: MockhostError) -> int:
    if isinstance(error, Refused):
        return error.status
    if isinstance(error, NotAllowed):
        return 403
    if isinstance(error, NoSuch):
        return 404
    if isinstance(error, NotNow):
        return 409
    return 503 if isinstance(error, CannotRun) else 400


_MESSAGES = {
    404: "there is nothing at this path",
    405: "this path can't be asked that way",
    413: f"the body is longer than {MAX_BODY} bytes",
}
_HINTS = {404: "GET /v1/openapi.json lists what there is", 405: "see the Allow header and /v1/openapi.json"}
