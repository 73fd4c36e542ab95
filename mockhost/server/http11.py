"""Reading HTTP/1.1 requests from bytes: heads and chunked bodies, and the kind of what http.sys would refuse.

Pure functions over bytes, by RFC 9110 and RFC 9112, strict where framing is at stake. Decisions by http.sys rest on
Microsoft Learn, "Http.sys registry settings for Windows" (limits, escapes), KB 835880 (bare line feeds are
refused) and KB 828726 (separators in header names are refused); the rest of the choice of kinds is assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

MAX_URL = 16_384
MAX_HEAD = 16_384
MAX_FIELD = 16_384
MAX_SEGMENT = 260
MAX_SEGMENTS = 255
"""Defaults of http.sys: UrlMaxLength as in MaxFieldLength, MaxRequestBytes, UrlSegmentMaxLength, UrlSegmentMaxCount."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HOST = re.compile(
    r"(?:\[[0-9A-Fa-f:.]+(?:%[0-9A-Za-z._~-]+)?\]|[A-Za-z0-9._~!$&'()*+;=%-]+)(?::[0-9]{0,5})?"
)
_ABSOLUTE = re.compile(r"(?i:https?)://([^/?]*)(.*)", re.DOTALL)
_VERSION = re.compile(r"HTTP/[0-9]\.[0-9]")
_MALFORMED_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_MAX_LINE = 4_096
"""Bytes of a line in a chunked body."""
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t -~\x80-\xff]*)?")

# What is left of a line or a block when its legal bytes are taken away decides: C loops, no regular expression.
_LINE_BYTES = bytes([*range(0x20, 0x7F), *range(0x80, 0x100)])
_FIELD_BYTES = b"\t" + _LINE_BYTES
_BLOCK_BYTES = b"\r\n" + _FIELD_BYTES
_COMMON_VERBS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
_VERBS_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))

_BLOCKS = 4
"""So many blocks of fields a connection remembers: a client writes those of a GET, a POST and a PATCH in turn."""
_REPEATED = 4_096
"""bytes of a block that is worth it"""

_KEYS: dict[str, str] = {}
"""Header names already found valid -> their key in a WSGI environ; empty for one that has no place there."""
_KEYS_SIZE = 1_024
_HOSTS: set[str] = set()
"""Values of `Host` already found valid."""
_HOSTS_SIZE = 256


class Fields(NamedTuple):
    """A block of header fields, understood."""

    headers: list[tuple[str, str]]
    environ: dict[str, str]
    """HTTP_… and CONTENT_… as PEP 3333 has them; repeated fields are joined with commas"""
    host: str | None
    content_length: int | None
    chunked: bool
    close: bool
    """whether `Connection` has the option `close`"""
    expect: str
    """empty, `100-continue`, or what else was expected"""


class Head(NamedTuple):
    """The head of a request that may go to the application. Text is latin-1 of the bytes on the wire."""

    method: str
    target: str
    """as on the wire"""
    version: str
    """1.0 or 1.1"""
    origin: str
    """path and query as on the wire: the target without scheme and authority"""
    path: str
    """decoded, latin-1 of the bytes, as PATH_INFO wants it"""
    query: str
    headers: list[tuple[str, str]]
    environ: dict[str, str]
    host: str | None
    content_length: int | None
    chunked: bool
    keep_alive: bool
    expect: str

    def render(self) -> bytes:
        """The head as it was sent, but for white space around values."""
        lines = [f"{self.method} {self.target} HTTP/{self.version}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _key(name: str) -> str | None:
    """The environ key of a header name; None if it isn't a token. Names with `_` would pose as others: no key."""
    if _TOKEN.fullmatch(name) is None:
        return None
    folded = name.upper().replace("-", "_")
    key = "" if "_" in name else folded if folded in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{folded}"
    if len(_KEYS) < _KEYS_SIZE:
        _KEYS[name] = key
    return key


def read_fields(block: bytes) -> Fields | str:
    """Header lines (CRLF between, none at the end) -> Fields, or the kind of refusal."""
    text = block.decode("latin-1")
    lines = text.split("\r\n") if text else []
    breaks = len(lines) - 1 if lines else 0
    if block.translate(None, _BLOCK_BYTES):
        return "header"
    if text.count("\n") != breaks or text.count("\r") != breaks:
        return "line_end"
    headers: list[tuple[str, str]] = []
    environ: dict[str, str] = {}
    keys = _KEYS
    for line in lines:
        name, colon, value = line.partition(":")
        key = keys.get(name)
        if key is None:
            key = _key(name)
        if key is None or not colon:
            return "header"
        value = value.strip(" \t")
        headers.append((name, value))
        if key in environ:
            environ[key] += ("; " if key == "HTTP_COOKIE" else ",") + value
        elif key:
            environ[key] = value
    return _framing(headers, environ)


def _framing(headers: list[tuple[str, str]], environ: dict[str, str]) -> Fields | str:
    length: int | None = None
    chunked = False
    if "CONTENT_LENGTH" in environ:
        digits = environ[
            "CONTENT_LENGTH"
        ]  # two of them were joined by a comma, so even equal ones are refused
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
            return "number"
        length = int(digits)
    if "HTTP_TRANSFER_ENCODING" in environ:
        codings = [coding.strip().lower() for coding in environ["HTTP_TRANSFER_ENCODING"].split(",")]
        if any(coding != "chunked" for coding in codings):
            return "transfer_encoding"
        if len(codings) > 1 or length is not None:
            return "bad_request"
        chunked = True
    host = environ.get("HTTP_HOST")
    if host is not None and host not in _HOSTS:
        if _HOST.fullmatch(host) is None:
            return "hostname"
        if len(_HOSTS) < _HOSTS_SIZE:
            _HOSTS.add(host)
    options = environ.get("HTTP_CONNECTION", "keep-alive")
    close = options != "keep-alive" and "close" in (option.strip() for option in options.lower().split(","))
    return Fields(headers, environ, host, length, chunked, close, environ.get("HTTP_EXPECT", "").lower())


LongSegments: TypeAlias = Callable[[str], bool]
"""Told a path with a segment that http.sys refuses: whether what is served there has no such limit."""


def _path(path: str, long_segments: LongSegments) -> str | None:
    """The decoded path, or None if http.sys would refuse it."""
    if _MALFORMED_ESCAPE.search(path):
        return None
    decoded = unquote_to_bytes(path.encode("latin-1"))
    try:
        text = decoded.decode("utf-8")
    except UnicodeDecodeError:
        text = decoded.decode("latin-1")  # another code page (EnableNonUTF8): what it means is not for us
        forbidden = _CONTROL.search(text.translate(_NO_C1))
    else:
        forbidden = _CONTROL.search(text)
    segments = path.split("/")
    if forbidden or len(segments) > MAX_SEGMENTS + 1:
        return None
    if len(path) > MAX_SEGMENT and any(len(segment) > MAX_SEGMENT for segment in segments):
        longest = max(len(unquote_to_bytes(s.encode("latin-1")).decode("utf-8", "replace")) for s in segments)
        if longest > MAX_SEGMENT and not long_segments(path):
            return None
    return decoded.decode("latin-1")


_NO_C1 = dict.fromkeys(range(0x80, 0xA0))


class HeadReader:
    """Reads heads of one connection; remembers the latest blocks of fields, which clients repeat word for word."""

    __slots__ = ("_blocks", "_lengths_required", "_long_segments")

    def __init__(
        self, *, lengths_required: bool = True, long_segments: LongSegments = lambda path: False
    ) -> None:
        self._lengths_required = lengths_required
        self._long_segments = long_segments
        self._blocks: dict[bytes, Fields | str] = {}

    def parse(self, head: bytes) -> Head | str:
        """A whole head without its final two CRLF -> Head, or the kind of refusal."""
        if len(head) > MAX_HEAD:
            return too_long(head) or "request_length"
        cut = head.find(b"\r\n")
        line, block = (head, b"") if cut < 0 else (head[:cut], head[cut + 2 :])
        parts = line.decode("latin-1").split(" ")
        if len(parts) != 3 or parts[0] not in _COMMON_VERBS or line.translate(None, _LINE_BYTES):
            problem = request_line(line)
            if problem:
                return problem
        method, target, version = parts
        origin, authority = target, None
        if target[:1] != "/":
            found = _ABSOLUTE.fullmatch(target)
            if found:
                authority, origin = found[1], found[2]
                if _HOST.fullmatch(authority) is None:
                    return "hostname"
                if origin[:1] != "/":
                    origin = "/" + origin
            elif target != "*" or method != "OPTIONS":
                return "url"
        if version != "HTTP/1.1" and version != "HTTP/1.0":
            if _VERSION.fullmatch(version) is None:
                return "bad_request"
            if version[5] != "1":
                return "version"
            # Of a minor version that it does not know a server does what its own highest one says (RFC 9110 2.5).
        path, _, query = origin.partition("?")
        if "%" in path or len(path) > MAX_SEGMENTS or not path.isascii():
            decoded = _path(path, self._long_segments)
            if decoded is None:
                return "url"
            path = decoded
        fields = self._blocks.get(block)
        if fields is None:
            fields = read_fields(block)
            if len(block) <= _REPEATED:
                if len(self._blocks) == _BLOCKS:
                    del self._blocks[next(iter(self._blocks))]
                self._blocks[block] = fields
        if isinstance(fields, str):
            return fields
        headers, environ, host, length, chunked, close, expect = fields
        current = version != "HTTP/1.0"
        if host is None and current:
            return "hostname"
        if not current and chunked:
            return "bad_request"
        if length is None and not chunked and self._lengths_required and method in _VERBS_WITH_BODY:
            return "length_required"
        return Head(
            method,
            target,
            "1.1" if current else "1.0",
            origin,
            path,
            query,
            headers,
            environ,
            authority or host,
            length,
            chunked,
            current and not close,
            expect if current else "",
        )


def request_line(line: bytes) -> str | None:
    """What is wrong with a request line's shape, or None: verb, target, version and single blanks between."""
    parts = line.decode("latin-1").split(" ")
    if _TOKEN.fullmatch(parts[0]) is None or len(parts) == 1:
        return "verb"
    if b"\n" in line or b"\r" in line:
        return "line_end"
    if len(parts) == 2 and parts[1]:
        return "bad_request"  # HTTP/0.9
    if len(parts) != 3 or not parts[1] or line.translate(None, _LINE_BYTES):
        return "url"
    return None


def too_long(head: bytes) -> str | None:
    """Which limit the head, complete or not, goes over; the same for the same bytes in whatever pieces they came."""
    line_end = head.find(b"\r\n")
    line = head if line_end < 0 else head[:line_end]
    start = line.find(b" ") + 1
    if not start:
        return "verb" if len(line) > MAX_URL else None
    end = line.find(b" ", start)
    if (end if end >= 0 else len(line)) - start > MAX_URL:
        return "url_length"
    if len(head) <= MAX_HEAD or (line_end < 0 and len(line) <= 2 * MAX_HEAD):
        return None
    if any(len(each) > MAX_FIELD for each in head[line_end + 2 : 2 * MAX_HEAD].split(b"\r\n")):
        return "field_length"
    return "request_length" if len(head) > 2 * MAX_HEAD else None


def hopeless(head: bytes) -> str | None:
    """Why an incomplete head will be refused whatever follows, or None. http.sys doesn't wait for the end either."""
    line_end = head.find(b"\r\n")
    if line_end >= 0:
        problem = request_line(head[:line_end])
        if problem:
            return problem
    else:
        verb = head.partition(b" ")[0].removesuffix(b"\r")
        if verb and _TOKEN.fullmatch(verb.decode("latin-1")) is None:
            return "verb"
    if head.count(b"\n") != head.count(b"\r\n"):
        return "line_end"
    return too_long(head)


class Malformed(Exception):
    """A body that can't be read on. `kind` says which refusal it deserves."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


_SMALL = {b"%x" % size: size for size in range(1, 256)}
"""The lines of small chunks, as most clients write them."""


def _chunk_size(line: bytes) -> int:
    found = _CHUNK_SIZE.fullmatch(line)
    if found is None:
        raise Malformed("number")
    return int(found[1], 16)


class SizedBody:
    """A body of so many bytes, fed as it comes in."""

    __slots__ = ("_content", "_length")

    def __init__(self, length: int) -> None:
        self._content = bytearray()
        self._length = length

    @property
    def content(self) -> bytes:
        return bytes(self._content)

    def feed(self, data: bytes) -> bytes | None:
        """Take what came in; None if more must come, otherwise the bytes after the body."""
        missing = self._length - len(self._content)
        self._content += data[:missing]
        return data[missing:] if len(data) >= missing else None


class ChunkedBody:
    """Decodes a chunked body as it comes in (RFC 9112 7.1). Extensions are ignored, trailers read and dropped.

    Each byte is looked at once, in whatever pieces and chunks it comes; only an incomplete line is kept for later.
    """

    __slots__ = ("_content", "_ends", "_left", "_limit", "_pending", "_trailer", "_trailers")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._content = bytearray()
        self._pending = b""
        self._left = 0
        """bytes of the chunk that are still to come"""
        self._ends = False
        """whether the line break after a chunk comes next"""
        self._trailers = False
        self._trailer = 0

    @property
    def content(self) -> bytes:
        return bytes(self._content)

    def feed(self, data: bytes) -> bytes | None:
        """Take what came in; None if more must come, otherwise the bytes after the body. Raises Malformed."""
        data = self._pending + data if self._pending else data
        content, at = self._content, 0
        while True:
            if self._left:
                piece = data[at : at + self._left]
                content += piece
                at += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
                self._ends = True
            if self._ends:
                if len(data) - at < 2:
                    break
                if not data.startswith(b"\r\n", at):
                    raise Malformed("number")
                at += 2
                self._ends = False
            end = data.find(b"\n", at)
            if end < 0:
                if len(data) - at > _MAX_LINE:
                    raise Malformed("number")
                break
            if end == at or data[end - 1] != 0x0D:
                raise Malformed("line_end")
            line = data[at : end - 1]
            at = end + 1
            if self._trailers:
                if not line:
                    return data[at:]
                self._drop_trailer(line)
                continue
            self._left = size = _SMALL.get(line) or _chunk_size(line)
            if len(content) + size > self._limit:
                raise Malformed("entity_length")
            self._trailers = not size
        self._pending = data[at:]
        return None

    def _drop_trailer(self, line: bytes) -> None:
        self._trailer += len(line)
        if self._trailer > MAX_HEAD:
            raise Malformed("request_length")
        name, colon, _ = line.partition(b":")
        if (
            not colon
            or _TOKEN.fullmatch(name.decode("latin-1")) is None
            or line.translate(None, _FIELD_BYTES)
        ):
            raise Malformed("header")
