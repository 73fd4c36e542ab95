"""Reads one HTTP/1.1 answer off a connection and says what is wrong with it (RFC 9112 2 to 7).

A reader of a client's: it keeps what arrived, however little, and never raises for what a peer sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mockhost.client.wire import Connection

HEAD_LIMIT = 1 << 18
BODY_LIMIT = 1 << 28
"""Bytes of head and body after which a client stops reading."""
INFORMATIONAL_LIMIT = 100
"""Informational answers (100 to 199) before the final one."""
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: (.*))?")
_HEADER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")


class Malformed(Exception):
    """What came is not what HTTP/1.1 says; the text names the place."""


class Truncated(Malformed):
    """The connection ended in the middle of an answer."""


class Answer:
    """What has been read so far. `complete` once the whole of it has."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.minor = 1
        """the 0 or 1 of HTTP/1.0 and HTTP/1.1"""
        self.reason = ""
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()
        self.complete = False
        self.problem = ""
        self.http = True
        """False when what came can't be read as HTTP; if it does not even begin so, `body` has it"""
        self.begun = False
        """whether anything came at all"""
        self.raw = b""
        """the whole head as it came, with the empty line"""

    def values(self, name: str) -> list[str]:
        """The values of a header, by name in any case."""
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def closes(self) -> bool:
        """Whether the answer says that the connection is closed after it."""
        said = ",".join(self.values("connection")).lower()
        return "close" in said or (self.minor == 0 and "keep-alive" not in said)


class Reader:
    """Fills an `Answer` from a connection. `read` may raise TimeoutError; the answer has what came before.

    Who wants the body piece by piece calls `head` and `pieces` instead; both raise Malformed.
    """

    def __init__(self, connection: Connection, method: str, limit: int = BODY_LIMIT) -> None:
        self.answer = Answer()
        self._connection = connection
        self._method = method
        self._limit = limit
        self._buffer = bytearray()
        self._lines: list[bytes] = []

    def read(self) -> None:
        """Read head and body of the final answer, informational ones (100 to 199) skipped."""
        answer = self.answer
        try:
            self.head()
            for piece in self.pieces():
                answer.body += piece
                if len(answer.body) > self._limit:
                    raise Malformed(f"the body is longer than {self._limit} bytes")
            if answer.complete and self._buffer:
                answer.problem = f"{len(self._buffer)} bytes follow the answer"
        except Malformed as problem:
            answer.problem = str(problem)

    def head(self) -> None:
        """Read the head of the final answer; its status stays None where none came."""
        answer = self.answer
        for _ in range(INFORMATIONAL_LIMIT + 1):
            self._head()
            if answer.status is None or answer.status >= 200 or answer.status == 101:
                return
            answer.status, answer.headers = None, []
        raise Malformed(f"more than {INFORMATIONAL_LIMIT} informational answers come before the final one")

    @property
    def waiting(self) -> int:
        """How many bytes have arrived that were not read yet."""
        return len(self._buffer)

    # -- the stream ------------------------------------------------------------------------------------------

    def _more(self) -> bool:
        """Whether anything more came."""
        data = self._connection.receive()
        self.answer.begun = self.answer.begun or bool(data)
        self._buffer += data
        return bool(data)

    def _line(self, what: str) -> bytes:
        """The next line without its end. Raises Malformed where there is no whole one."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > HEAD_LIMIT:
                raise Malformed(f"{what} is longer than {HEAD_LIMIT} bytes")
            if not self._more():
                raise Truncated(f"it ends within {what}: {_shown(self._buffer)}")
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        self._lines.append(line)
        return line[:-1].removesuffix(b"\r")

    def _exactly(self, size: int, what: str) -> Iterator[bytes]:
        """The next `size` bytes as they come. Raises Malformed where fewer came."""
        got = 0
        while got < size:
            if part := self._taken(size - got):
                got += len(part)
                yield part
            elif not self._more():
                raise Truncated(f"{what} ends after {got} of {size} bytes")

    def _taken(self, size: int) -> bytes:
        """At most `size` bytes of what has arrived."""
        part = bytes(self._buffer[:size])
        del self._buffer[: len(part)]
        return part

    # -- head and body ---------------------------------------------------------------------------------------

    def _head(self) -> None:
        answer = self.answer
        self._lines.clear()
        while len(self._buffer) < 5:
            if not self._more():
                if self._buffer:
                    self._not_http()
                return
        if not self._buffer.startswith(b"HTTP/"):
            self._not_http()
            return
        line = self._line("the status line")
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            self._buffer[:0] = line
            self._not_http()
            return
        answer.reason = (match[3] or b"").decode("latin-1")
        size = 0
        # The status is set last: an answer whose head is not whole has none that a client would look at.
        while line := self._line("the head"):
            size += len(line)
            if size > HEAD_LIMIT:
                raise Malformed(f"the head is longer than {HEAD_LIMIT} bytes")
            self._header(line)
        answer.status, answer.minor = int(match[2]), int(match[1])
        answer.raw = b"".join(self._lines)

    def _not_http(self) -> None:
        self.answer.http = False
        self.answer.body += self._buffer
        self.answer.problem = f"this is not HTTP: {_shown(self._buffer)}"

    def _header(self, line: bytes) -> None:
        headers = self.answer.headers
        if line[:1] in b" \t" and headers:
            name, value = headers[-1]
            headers[-1] = name, f"{value} {line.strip().decode('latin-1')}"
            return
        match = _HEADER.fullmatch(line)
        if match is None:
            self.answer.http = False
            raise Malformed(f"this is not a header: {_shown(line)}")
        headers.append((match[1].decode("ascii"), match[2].decode("latin-1")))

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes, without its framing; `answer.complete` once all of it has. Raises Malformed."""
        answer = self.answer
        if answer.status is None:
            return
        encodings = ",".join(answer.values("transfer-encoding")).lower()
        if self._method == "HEAD" or answer.status in (101, 204, 304):
            pass
        elif encodings:
            if encodings.rsplit(",", 1)[-1].strip() != "chunked":
                raise Malformed(f"Transfer-Encoding {encodings!r} does not say where the body ends")
            yield from self._chunks()
        elif (length := content_length(answer)) is not None:
            yield from self._exactly(length, "the body")
        else:
            yield from self._until_the_end()
        answer.complete = True

    def _chunks(self) -> Iterator[bytes]:
        while True:
            self._lines.clear()
            line = self._line("a chunk's size")
            match = _SIZE.fullmatch(line)
            if match is None:
                raise Malformed(f"a chunk's size is not a hexadecimal number: {_shown(line)}")
            size = int(match[1], 16)
            if size == 0:
                break
            yield from self._exactly(size, "a chunk")
            if end := self._line("a chunk's end"):
                raise Malformed(f"a chunk of {size} bytes is followed by {_shown(end)}")
        trailer = 0
        while line := self._line("the trailer"):
            trailer += len(line)
            if trailer > HEAD_LIMIT:
                raise Malformed(f"the trailer is longer than {HEAD_LIMIT} bytes")

    def _until_the_end(self) -> Iterator[bytes]:
        """A body without a length (RFC 9112 6.3, item 8): the end of the connection is its end."""
        while part := self._taken(len(self._buffer)) or (self._more() and self._taken(len(self._buffer))):
            yield part
        if self._connection.ended == "rst":
            raise Truncated("the body has no length and was cut by a reset")


def content_length(answer: Answer) -> int | None:
    """The length that a head announces. Raises Malformed for what is no length."""
    lengths = {part.strip() for value in answer.values("content-length") for part in value.split(",")}
    if len(lengths) > 1:
        raise Malformed(f"Content-Length says {' and '.join(sorted(lengths))}")
    if not lengths:
        return None
    (length,) = lengths
    if not re.fullmatch(r"[0-9]{1,18}", length):
        raise Malformed(f"Content-Length is not a number: {length!r}")
    return int(length)


def _shown(data: bytes | bytearray) -> str:
    """Some bytes for a message: short, printable."""
    text = bytes(data[:40]).decode("ascii", "backslashreplace")
    return repr(text) + ("…" if len(data) > 40 else "")
