"""One exchange as it is kept: from the journal or a HAR file, without secrets."""

from __future__ import annotations

import base64
import copy
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from mockhost.errors import UsageError
from mockhost.exchange import Exchange
from mockhost.journal import Journal

REMOVED: Final = "removed-secret"
"""In the place of a secret."""
_MARKS = re.compile(r"tok…\(len \d+\)(?: [0-9a-f]{4,64})?|\[redacted\]|\[Redact\]")
"""How the journal, and HAR files of mockhost and of browsers, write a secret that they hide."""
KEPT_HEADERS: Final = ("content-type", "location", "etag", "www-authenticate", "retry-after", "allow")
"""Headers of an answer that a client acts on; the rest is the connection's or the server's own."""
_ENDPOINT = re.compile(
    r"/(?:Users|Groups|Schemas|ResourceTypes|ServiceProviderConfig|Bulk|Me|\.search|Devices|cache)(?=/|$)",
    re.I,
)
STATUSES: Final = range(200, 600)
"""What an answer of a scenario may have (schema.json)."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of a HAR file."""


class Recorded(NamedTuple):
    """A request below the server's URL, and its answer; without secrets."""

    method: str
    path: str
    """below the server's URL, as it was sent"""
    query: str
    body: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
    answer: bytes


def of_exchange(exchange: Exchange, base: str, journal: Journal) -> Recorded | None:
    """A recorded exchange from one whose path begins with `base`; None for one without an answer to play again."""
    plain = copy.copy(exchange)
    body = _uncompressed(exchange.body, exchange.headers)
    answer = (
        None if exchange.answer_body is None else _uncompressed(exchange.answer_body, exchange.answer_headers)
    )
    if body is None or answer is None:
        return None
    plain.body, plain.answer_body = body, answer
    # Without its name, or the sink takes the body for one that it can't look into.
    plain.headers = tuple(pair for pair in exchange.headers if pair[0].lower() != "content-encoding")
    e = journal.sink.shown(plain)
    path, _, query = e.target.partition("?")
    if (
        e.status is None
        or e.status not in STATUSES
        or e.answer_body is None
        or not path.startswith(base)
        or e.answer_digest is not None
    ):
        return None
    headers = [(name, value) for name, value in e.answer_headers if name.lower() in KEPT_HEADERS]
    return Recorded(
        e.method,
        _plain(path[len(base) :]),
        _plain(query),
        _plain_bytes(e.body),
        e.status,
        tuple((name, _plain(value)) for name, value in headers),
        _plain_bytes(e.answer_body),
    )


def _uncompressed(data: bytes, headers: Iterable[tuple[str, str]]) -> bytes | None:
    """A body as it is without its coding (RFC 9110 8.4.1); None for one that can't be read, or is too large.

    What it hides could not be removed from it. HAR files of browsers have bodies without their coding, and its name.
    """
    encoding = next(
        (value.strip().lower() for name, value in headers if name.lower() == "content-encoding"), ""
    )
    if encoding in ("", "identity") or not data:
        return data
    if encoding in ("gzip", "x-gzip", "deflate"):
        inflating = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: by its header, of gzip or of zlib
        try:
            found = inflating.decompress(data, MOST_BYTES)
        except zlib.error:
            pass
        else:
            return None if inflating.unconsumed_tail or not inflating.eof else found
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    return data


def _plain(text: str) -> str:
    return _MARKS.sub(REMOVED, text)


def _plain_bytes(data: bytes) -> bytes:
    try:
        return _plain(data.decode()).encode()
    except UnicodeDecodeError:
        return data


def read_har(file: Path, base: str | None) -> tuple[list[Recorded], list[str]]:
    """The SCIM exchanges of a HAR file, and what was left out and why.

    base: the URL that stands for /scim; without one, what stands before the name of an endpoint in each URL. Raises
    UsageError for a file that is not one.
    """
    entries = _entries(file)
    journal = Journal(key=b"a key for this file only")
    found: list[Recorded] = []
    left_out: list[str] = []
    for number, entry in enumerate(entries, 1):
        try:
            exchange = _exchange(entry)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            left_out.append(f"entry {number} is left out: {_why_unread(error)}")
            continue
        url = urlsplit(str(entry["request"]["url"]))
        before = _before(url.path, f"{url.scheme}://{url.netloc}", base)
        made = None if before is None else of_exchange(exchange, before, journal)
        if made is None:
            left_out.append(f"entry {number} is left out: {_why_left_out(before, exchange)}")
        else:
            found.append(made)
    return found, left_out


def _why_unread(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing in it"
    if isinstance(error, ValueError):  # of a URL, a number, base64 or half of a surrogate pair
        return f"it can't be read: {error}"
    return "it is not a request with its answer"


def _why_left_out(before: str | None, exchange: Exchange) -> str:
    if before is None:
        return "its URL is not below the server's"
    if exchange.status is None or exchange.status in STATUSES:
        return "it has no answer"
    return f"no scenario answers with {exchange.status}, only with 200 to 599"


def _entries(file: Path) -> list[Any]:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise UsageError(f"{file} has more than {MOST_BYTES >> 20} MiB")
        document = json.loads(file.read_text("utf-8-sig"))
        entries = document["log"]["entries"]
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{file} is not a HAR file", hint="a HAR file is JSON with log.entries") from None
    if not isinstance(entries, list):
        raise UsageError(f"{file} is not a HAR file", hint="log.entries is not a list")
    return entries


def _before(path: str, origin: str, base: str | None) -> str | None:
    """What of a path stands before the part below /scim; None: it is no path of the server's."""
    if base is not None:
        wanted = urlsplit(base.rstrip("/"))
        same = origin.lower() == f"{wanted.scheme}://{wanted.netloc}".lower()
        return wanted.path if same and (path + "/").startswith(wanted.path + "/") else None
    endpoint = _ENDPOINT.search(path)
    return None if endpoint is None else path[: endpoint.start()]


def _exchange(entry: Mapping[str, Any]) -> Exchange:
    request, response = entry["request"], entry["response"]
    url = urlsplit(str(request["url"]))
    posted = request.get("postData") or {}
    body = str(posted.get("text", "")).encode()
    if posted.get("comment") == "base64":
        body = base64.b64decode(body)
    content = response.get("content") or {}
    answer = str(content.get("text", "")).encode()
    if content.get("encoding") == "base64":
        answer = base64.b64decode(answer)
    status = int(response["status"])
    return Exchange(
        at=0.0,
        method=str(request["method"]).upper(),
        target=url.path + (f"?{url.query}" if url.query else ""),
        headers=tuple(_pairs(request)),
        body=body,
        status=status or None,
        answer_headers=tuple(_pairs(response)),
        answer_body=answer if status else None,
    )


def _pairs(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for each in message.get("headers") or ():
        yield str(each["name"]), str(each["value"])
