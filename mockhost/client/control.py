"""The client of the control plane: any operation of the table over HTTP, and its errors as ours.

On `http.client`, because a proxy must not stand between: `urllib.request` would ask the environment for one. Each
call has a connection of its own, so that threads may share a client.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

from mockhost import nesting, tokens
from mockhost.client.observation import exchange, shown
from mockhost.client.printing import printable
from mockhost.client.wire import Refused, Tcp, Unreachable, connect
from mockhost.clock import monotonic
from mockhost.errors import CannotRun, MockhostError, Problem, ScenarioError, UsageError
from mockhost.operations import checking, find
from mockhost.operations.row import EVENTS, JSON

TIMEOUT = 60.0
"""Seconds that an answer may take: a fresh start with a million people is no quick thing."""
_WAITING = 10
"""So many times as long an operation may take that waits for answers itself."""
_BOUND = 32 << 20
"""Bytes of an answer that a `BoundedControlPlane` reads, and any other of one whose length is not announced."""
_LARGEST = 2 << 30
"""Bytes of any answer that is read."""
_WRONG_URL = "is --url right?"
_NO_TEXT = "surrogatepass"
"""How bytes of a command line that are not text are sent: as a name that nothing has."""


class Control(Protocol):
    """Does operations of the table, as a `ControlPlane` and a `RunningHost` do."""

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """The result of an operation."""


class ControlPlane:
    """A running host's control plane, by its base URL. `token` is its bearer token, if it has one."""

    def __init__(self, url: str, token: str | None = None, *, timeout: float = TIMEOUT) -> None:
        self.url = shown(url)
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            name, port = parts.hostname, parts.port or 80
        except ValueError:
            name, port = None, 0
        if not name or parts.scheme != "http" or not url.isprintable() or " " in url:
            hint = "it is like http://127.0.0.1:8586"
            raise UsageError(f"{self.url!r} is not the URL of a control plane", hint=hint)
        if token and (what := tokens.problem(token)):
            raise UsageError(f"the control plane's token {what}", hint="give the one that mockhost printed")
        self.token = token
        self._address = (name, port)
        self._base = parts.path.rstrip("/")
        self._timeout = timeout

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """Do an operation of the table; its result: JSON data, or text where it is none.

        None leaves an argument out. Raises UsageError, ScenarioError or CannotRun, as the host does.
        """
        row = find(operation)
        in_path, query, body = checking.split(row, arguments)
        path = row.path.format_map(
            {name: quote(value, safe="", errors=_NO_TEXT) for name, value in in_path.items()}
        )
        if query:
            asked = {name: _in_query(value) for name, value in query.items()}
            path += f"?{urlencode(asked, doseq=True, errors=_NO_TEXT)}"
        document = body if row.changes else None
        kinds = ", ".join([row.answer.kind, *row.answer.others])
        timeout = self._timeout * (_WAITING if row.cost == "wait" else 1)
        kind, text = self._ask(row.method, path, document, kinds, timeout)
        if not kind.startswith(JSON) and row.answer.kind == JSON and not row.answer.others:
            raise self._other_server()
        try:
            return nesting.parse(text) if kind.startswith(JSON) else text
        except ValueError:
            raise self._other_server() from None

    def _ask(self, method: str, target: str, document: object, kinds: str, timeout: float) -> tuple[str, str]:
        with self._answer(method, target, document, kinds, timeout) as answer:
            # A control plane announces how long an answer is.
            limit = _BOUND if answer.length is None else _LARGEST
            content = answer.read(limit + 1)
            if len(content) > limit:
                raise self._other_server()
            if answer.length:
                raise IncompleteRead(content, answer.length)
            return answer.getheader("Content-Type", ""), content.decode("utf-8", "replace")

    @contextlib.contextmanager
    def _answer(
        self, method: str, target: str, document: object, kinds: str, timeout: float
    ) -> Iterator[HTTPResponse]:
        """Send a request, and give the block the answer to read. Raises as `call` does.

        Its head is there within `timeout`, and its body within as long again; a stream of events may pause so long.
        """
        headers, body = self._written(kinds, document)
        connection = _Connection(*self._address, timeout)
        try:
            connection.request(method, self._base + target, body, headers)
            answer = connection.getresponse()
            connection.go_on(is_stream=kinds == EVENTS and answer.status < 400)
            if answer.status >= 400:
                raise _refusal(answer.status, answer.read(_BOUND).decode("utf-8", "replace"))
            yield answer
        except (HTTPException, OSError, ValueError) as error:
            raise self._silent(error, timeout) from None
        finally:
            connection.end()

    def _written(self, kinds: str, document: object) -> tuple[dict[str, str], bytes | None]:
        headers = {"Accept": kinds}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if document is None:
            return headers, None
        return headers | {"Content-Type": JSON}, json.dumps(document).encode()

    def events(self) -> Iterator[tuple[str, Any]]:
        """What happens from now on, as (kind, data), beginning with `hello`; it ends with the host.

        Raises UsageError and CannotRun, as `call` does.
        """
        path = find("stream_events").path
        with self._answer("GET", path, None, EVENTS, self._timeout) as answer:
            if not answer.getheader("Content-Type", "").startswith(EVENTS):
                raise self._other_server()
            kind = ""
            with contextlib.suppress(ConnectionResetError):  # the host has ended
                while line := answer.readline(_BOUND + 1):
                    if len(line) > _BOUND:
                        raise self._other_server()
                    word, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(": ")
                    if word == "event":
                        kind = value
                    elif word == "data":
                        yield kind, nesting.parse(value)

    def _silent(self, error: Exception, timeout: float) -> CannotRun:
        if isinstance(error, TimeoutError):
            return CannotRun(f"the control plane at {self.url} did not answer in {timeout:.3g} seconds")
        if isinstance(error, (OSError, UnicodeError)):  # UnicodeError: a name that can't be looked up
            hint = "start a host with 'mockhost serve', or name another with --url or --ready-file"
            return CannotRun(f"no control plane answers at {self.url}", hint=hint)
        return self._other_server()

    def _other_server(self) -> CannotRun:
        return CannotRun(f"the server at {self.url} is not a mockhost control plane", hint=_WRONG_URL)


class _Connection(HTTPConnection):
    """One whose peer has a time limit for all that it sends, however small the pieces are.

    `http.client` alone would wait as long again for each byte of a head that has no end.
    """

    def __init__(self, host: str, port: int, timeout: float) -> None:
        super().__init__(host, port)
        self._allowed = timeout
        self._tcp: Tcp | None = None

    def connect(self) -> None:
        try:
            self._tcp = tcp = connect(self.host, self.port, monotonic() + self._allowed)
        except Refused:
            raise ConnectionRefusedError from None
        except Unreachable as problem:
            raise OSError(str(problem)) from None
        self._incoming = _Incoming(tcp)
        self.sock: Any = self

    def sendall(self, data: bytes) -> None:
        assert self._tcp is not None
        self._tcp.send(data)  # to a peer that is gone, which may have answered

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(self._incoming)

    def go_on(self, *, is_stream: bool) -> None:
        """Begin the time of the body; that of a stream begins with each piece."""
        assert self._tcp is not None
        self._tcp.deadline = monotonic() + self._allowed
        self._incoming.pause = self._allowed if is_stream else None

    def close(self) -> None:
        """The body is read after `http.client` has called this."""

    def end(self) -> None:
        """Close it."""
        if self._tcp is not None:
            self._tcp.close()


class _Incoming(io.RawIOBase):
    """What comes from a peer, as a file."""

    def __init__(self, tcp: Tcp) -> None:
        self._tcp = tcp
        self._rest = memoryview(b"")
        self.pause: float | None = None
        """seconds that each piece may take; None: there is a deadline for all"""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.pause is not None:
            self._tcp.deadline = monotonic() + self.pause
        if not self._rest:
            self._rest = memoryview(self._tcp.receive())
        if not self._rest and self._tcp.ended == "rst":
            raise ConnectionResetError
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class BoundedControlPlane(ControlPlane):
    """One that a stranger may answer for: an answer is whole by `deadline` (of `clock.monotonic()`), and not large."""

    def __init__(self, url: str, token: str | None = None, *, timeout: float, deadline: float) -> None:
        super().__init__(url, token, timeout=timeout)
        self._deadline = deadline

    def _ask(self, method: str, target: str, document: object, kinds: str, timeout: float) -> tuple[str, str]:
        headers, body = self._written(kinds, document)
        allowed = max(0.05, min(timeout, self._deadline - monotonic()))
        host, port = self._address
        where = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        seen = exchange(where, method, self._base + target, headers, body, timeout=allowed, body_limit=_BOUND)
        if seen.status is None or not seen.complete:
            raise CannotRun(
                f"no control plane answers at {self.url}: {printable(seen.error)}", hint=_WRONG_URL
            )
        if seen.status >= 400:
            raise _refusal(seen.status, seen.text)
        return seen.header("content-type") or "", seen.text


def _in_query(value: object) -> object:
    """A value as a query has it."""
    if isinstance(value, (list, tuple)):
        return [_in_query(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else value


def _refusal(status: int, text: str) -> MockhostError:
    """The error that the control plane tells of."""
    try:
        said = nesting.parse(text)["error"]
        message, hint, problems = (
            printable(str(said["message"])),
            printable(str(said.get("hint", ""))),
            said.get("problems"),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return CannotRun(f"the control plane answered {status}, which nothing explains", hint=_WRONG_URL)
    if problems:
        return ScenarioError(_problem(each) for each in problems)
    if status in (401, 403) and not hint:
        hint = "give it with --token, MOCKHOST_CONTROL_TOKEN or --ready-file"
    if status >= 500:
        return CannotRun(message, hint=hint)
    return UsageError(message, hint=hint)


def _problem(said: Mapping[str, Any]) -> Problem:
    return Problem(**{name: said[name] for name in Problem._fields if name in said})
