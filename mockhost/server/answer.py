"""Writing answers: status line, headers in the order of the wire, framing, and the pages of refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from mockhost.exchange import RawHead
from mockhost.server import httpsys
from mockhost.server.gateway import Environ, WsgiApp
from mockhost.server.http11 import Head
from mockhost.server.httpsys import Refusal

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


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


def head(code: int, headers: list[tuple[str, str]], date: str, wire: str, close: bool) -> bytes:
    """Status line and headers with the empty line. Raises ValueError if a header would break out of its line."""
    ending = [("Connection", "close")] if close else []
    if wire == "given":
        text = "".join([f"{name}: {value}\r\n" for name, value in (*headers, *ending)])
        count = len(headers) + len(ending)
    elif wire == "httpapi":
        lines = httpsys.arrange([*headers, *ending], date)
        text = "".join([f"{name}: {value}\r\n" for _, name, value in lines])
        count = len(lines)
    else:
        dated = any(name.lower() == "date" for name, _ in headers)
        pairs = [*headers, *([] if dated else [("Date", date)]), *ending]
        text = "".join([f"{name}: {value}\r\n" for name, value in pairs])
        count = len(pairs)
    if text.count("\n") != count or text.count("\r") != count:
        raise ValueError("a header of the answer contains a line break")
    return f"HTTP/1.1 {code} {httpsys.REASONS.get(code, '')}\r\n{text}\r\n".encode("latin-1")


def as_given(draft: Draft) -> bytes:
    """Status line and headers of another server's answer: as they came, or at least without anything of ours."""
    if draft.raw:
        unsaid = draft.close and (draft.chunked or draft.length is not None)
        if not unsaid or _says_close(draft.headers):
            return draft.raw
        return draft.raw[:-2] + b"Connection: close\r\n\r\n"
    return head(draft.code, draft.headers, "", "given", draft.close)


def _says_close(headers: Sequence[tuple[str, str]]) -> bool:
    return any(name.lower() == "connection" and "close" in value.lower() for name, value in headers)


def refusal_page(refusal: Refusal, date: str, wire: str) -> bytes:
    """The whole answer to a request that never reaches the application."""
    if wire == "httpapi":
        return httpsys.render(refusal, date)
    body = (refusal.text.partition(". ")[2] + "\n").encode("ascii")
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    return head(refusal.status, headers, date, wire, close=True) + body
