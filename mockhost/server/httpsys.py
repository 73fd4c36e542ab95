"""http.sys, the Windows kernel's HTTP driver: what it refuses by itself, and how it writes the heads of answers.

Sources: Microsoft Learn, "Error logging in HTTP APIs" (reason phrases of HTTPERR), "HTTP_HEADER_ID enumeration"
(the order of known headers), "Http.sys registry settings for Windows" (limits); public captures of the pages,
whose `Content-Length` the template below reproduces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple

from mockhost import facts
from mockhost.clock import http_date

SERVER = "Microsoft-HTTPAPI/2.0"


class Refusal(NamedTuple):
    """A request that http.sys answers itself: the application never sees it, only HTTPERR does."""

    name: str
    status: int
    reason: str
    """the reason phrase of the status line"""
    title: str
    heading: str
    text: str
    httperr: str
    """the reason phrase in the s-reason field of HTTPERR"""
    evidence: str
    """of status and text: documented (a public capture or page), inferred (text known, case assumed), assumed"""


_FACTS: Final = facts.read("httpsys")
REFUSALS: Final[Mapping[str, Refusal]] = facts.rows(_FACTS["refusals"], Refusal)
REASONS: Final[Mapping[int, str]] = {
    int(status): phrase for status, phrase in _FACTS["reason_phrases"].items()
}
"""Reason phrases of .NET Framework (its `HttpStatusDescription`); a status that it doesn't know, 429 for one,
has an empty phrase there (inferred for self-hosts on `HttpListener`)."""

_PAGE = (
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">\r\n'
    "<HTML><HEAD><TITLE>{title}</TITLE>\r\n"
    '<META HTTP-EQUIV="Content-Type" Content="text/html; charset=us-ascii"></HEAD>\r\n'
    "<BODY><h2>{heading}</h2>\r\n"
    "<hr><p>{text}</p>\r\n"
    "</BODY></HTML>\r\n"
)


def page(refusal: Refusal) -> bytes:
    """The page alone, CRLF line ends; the two strings of its document type touch, as in the captures."""
    return _PAGE.format(title=refusal.title, heading=refusal.heading, text=refusal.text).encode("ascii")


def render(refusal: Refusal, date: str) -> bytes:
    """The whole answer, byte for byte as in the captures; `date` is an HTTP date."""
    body = page(refusal)
    head = (
        f"HTTP/1.1 {refusal.status} {refusal.reason}\r\n"
        "Content-Type: text/html; charset=us-ascii\r\n"
        f"Server: {SERVER}\r\n"
        f"Date: {date}\r\n"
        "Connection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


_UNKNOWN = len(_FACTS["known_headers"])
_DATE, _CONNECTION = _UNKNOWN + 1, _UNKNOWN + 2
_RANKS: dict[str, int] = {}
for _rank, _name in enumerate(_FACTS["known_headers"]):
    _RANKS[_name] = _RANKS[_name.lower()] = _rank
_RANKS["Date"] = _RANKS["date"] = _DATE
_RANKS["Connection"] = _RANKS["connection"] = _CONNECTION
_SERVER_RANK = _RANKS["Server"]
_by_rank = itemgetter(0)


def arrange(headers: Iterable[tuple[str, str]], date: str) -> list[tuple[int, str, str]]:
    """An ordinary answer's headers as http.sys writes them: (rank, name, value) in the order of the wire.

    Known headers come in the order of `HTTP_HEADER_ID`, `Server` in its place among them, then unknown headers
    as given, `Date`, and `Connection` at the very end. Inferred from public captures of self-hosts and WinRM.
    `Server` and `Date` are filled in unless the application set them.
    """
    ranks = _RANKS
    lines: list[tuple[int, str, str]] = []
    server = dated = False
    for name, value in headers:
        rank = ranks.get(name)
        if rank is None:
            rank = ranks.get(name.lower(), _UNKNOWN)
        if rank == _SERVER_RANK:
            server = True
        elif rank == _DATE:
            dated = True
        lines.append((rank, name, value))
    if not server:
        lines.append((_SERVER_RANK, "Server", SERVER))
    if not dated:
        lines.append((_DATE, "Date", date))
    lines.sort(key=_by_rank)
    return lines


_date = lru_cache(maxsize=64)(http_date)
"""Of a whole second: formatted once."""


def head(code: int, headers: list[tuple[str, str]], wire: str, now: float, close: bool) -> bytes:
    """Status line and headers with the empty line. Raises ValueError if a header would break out of its line.

    `wire`: httpapi, plain, or given: nothing is added but `Connection`. `now`: for `Date`, seconds since 1970.
    """
    ending = [("Connection", "close")] if close else []
    if wire == "given":
        text = "".join([f"{name}: {value}\r\n" for name, value in (*headers, *ending)])
        count = len(headers) + len(ending)
    elif wire == "httpapi":
        lines = arrange([*headers, *ending], _date(int(now)))
        text = "".join([f"{name}: {value}\r\n" for _, name, value in lines])
        count = len(lines)
    else:
        dated = any(name.lower() == "date" for name, _ in headers)
        pairs = [*headers, *([] if dated else [("Date", _date(int(now)))]), *ending]
        text = "".join([f"{name}: {value}\r\n" for name, value in pairs])
        count = len(pairs)
    if text.count("\n") != count or text.count("\r") != count:
        raise ValueError("a header of the answer contains a line break")
    return f"HTTP/1.1 {code} {REASONS.get(code, '')}\r\n{text}\r\n".encode("latin-1")


def refusal_page(refusal: Refusal, wire: str, now: float) -> bytes:
    """The whole answer to a request that never reaches the application."""
    if wire == "httpapi":
        return render(refusal, _date(int(now)))
    body = (refusal.text.partition(". ")[2] + "\n").encode("ascii")
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    return head(refusal.status, headers, wire, now, close=True) + body
