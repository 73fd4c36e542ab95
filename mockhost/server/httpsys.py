"""http.sys, the Windows kernel's HTTP driver: what it refuses by itself, and how it writes heads.

Sources: Microsoft Learn, "Error logging in HTTP APIs" (reason phrases of HTTPERR), "HTTP_HEADER_ID enumeration"
(the order of known headers), "Http.sys registry settings for Windows" (limits); public captures of the pages,
whose `Content-Length` the template below reproduces.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Literal, NamedTuple

SERVER = "Microsoft-HTTPAPI/2.0"

Evidence = Literal["documented", "inferred", "assumed"]


class Refusal(NamedTuple):
    """A request that http.sys answers itself: the application never sees it, only HTTPERR does."""

    kind: str
    status: int
    reason: str
    """the reason phrase of the status line"""
    title: str
    heading: str
    text: str
    httperr: str
    """the reason phrase in the s-reason field of HTTPERR"""
    evidence: Evidence
    """of status and text: documented (a public capture or page), inferred (text known, case assumed), assumed"""


def _bad(kind: str, what: str, text: str, httperr: str, evidence: Evidence = "documented") -> Refusal:
    heading = f"Bad Request - {what}" if what else "Bad Request"
    return Refusal(
        kind, 400, "Bad Request", "Bad Request", heading, f"HTTP Error 400. {text}", httperr, evidence
    )


def _other(kind: str, status: int, title: str, text: str, httperr: str, evidence: Evidence) -> Refusal:
    return Refusal(kind, status, title, title, title, f"HTTP Error {status}. {text}", httperr, evidence)


REFUSALS: dict[str, Refusal] = {
    refusal.kind: refusal
    for refusal in (
        _bad("verb", "Invalid Verb", "The request verb is invalid.", "Verb"),
        _bad("hostname", "Invalid Hostname", "The request hostname is invalid.", "Hostname"),
        _bad("url", "Invalid URL", "The request URL is invalid.", "URL"),
        _bad(
            "request_length",
            "Request Too Long",
            "The size of the request headers is too long.",
            "RequestLength",
        ),
        _bad("field_length", "Header Field Too Long", "A request header field is too long.", "FieldLength"),
        _bad("header", "Invalid Header", "The request has an invalid header name.", "Header"),
        _bad(
            "number",
            "Invalid Content Length",
            "There is an invalid content length or chunk length in the request.",
            "Number",
            "inferred",
        ),
        _bad("line_end", "", "The request is badly formed.", "Invalid_CR/LF", "inferred"),
        _bad("bad_request", "", "The request is badly formed.", "BadRequest", "inferred"),
        _other(
            "length_required",
            411,
            "Length Required",
            "The request must be chunked or have a content length.",
            "LengthRequired",
            "documented",
        ),
        _other(
            "url_length",
            414,
            "Request URL Too Long",
            "The request URL is too long.",
            "URL_Length",
            "documented",
        ),
        _other(
            "not_found", 404, "Not Found", "The requested resource is not found.", "NotFound", "documented"
        ),
        _other("unavailable", 503, "Service Unavailable", "The service is unavailable.", "N/A", "documented"),
        _other(
            "transfer_encoding",
            501,
            "Not Implemented",
            "The request transfer encoding type is not supported.",
            "N/I",
            "documented",
        ),
        _other(
            "version",
            505,
            "HTTP Version Not Supported",
            "The HTTP version is not supported.",
            "Version_N/S",
            "assumed",
        ),
        _other(
            "expectation", 417, "Expectation Failed", "The expectation failed.", "Precondition", "assumed"
        ),
        _other(
            "entity_length",
            413,
            "Request Entity Too Large",
            "The request entity is too large.",
            "EntityTooLarge",
            "assumed",
        ),
    )
}
"""Every refusal by its kind."""

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


REASONS: dict[int, str] = {
    100: "Continue",
    101: "Switching Protocols",
    102: "Processing",
    200: "OK",
    201: "Created",
    202: "Accepted",
    203: "Non-Authoritative Information",
    204: "No Content",
    205: "Reset Content",
    206: "Partial Content",
    207: "Multi-Status",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    304: "Not Modified",
    305: "Use Proxy",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    414: "Request-Uri Too Long",
    415: "Unsupported Media Type",
    416: "Requested Range Not Satisfiable",
    417: "Expectation Failed",
    422: "Unprocessable Entity",
    423: "Locked",
    424: "Failed Dependency",
    426: "Upgrade Required",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "Http Version Not Supported",
    507: "Insufficient Storage",
}
"""Reason phrases of .NET Framework (its `HttpStatusDescription`); a status that it doesn't know, 429 for one,
has an empty phrase there (inferred for self-hosts on `HttpListener`)."""

_KNOWN_HEADERS = (
    *(
        "Cache-Control",
        "Connection",
        "Date",
        "Keep-Alive",
        "Pragma",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    ),
    *("Via", "Warning", "Allow", "Content-Length", "Content-Type", "Content-Encoding", "Content-Language"),
    *("Content-Location", "Content-MD5", "Content-Range", "Expires", "Last-Modified", "Accept-Ranges", "Age"),
    *("ETag", "Location", "Proxy-Authenticate", "Retry-After", "Server", "Set-Cookie", "Vary"),
    "WWW-Authenticate",
)
_UNKNOWN = len(_KNOWN_HEADERS)
_DATE, _CONNECTION = _UNKNOWN + 1, _UNKNOWN + 2
_RANKS: dict[str, int] = {}
for _rank, _name in enumerate(_KNOWN_HEADERS):
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
