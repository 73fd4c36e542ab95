"""Reads one HTTP/1.1 answer off a connection and says what is wrong with it (RFC 9112 2 to 7).

A reader of a client's: it keeps what arrived, however little, and never raises for what a peer sends.
"""

from __future__ import annotations

import re

from mockhost.client.wire import Connection

HEAD_LIMIT = 1 << 18
BODY_LIMIT = 1 << 28
"""Bytes of head and body after which a client stops reading."""
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: (.*))?")
_HEADER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")


class Malformed(Exception):
    """What came is not what HTTP/1.1 says; the text names the place."""


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

    def values(self, name: str) -> list[str]:
        """The values of a header, by name in any case."""
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def closes(self) -> bool:
        """Whether the answer says that the connection is closed after it."""
        said = ",".join(self.values("connection")).lower()
        return "close" in said or (self.minor == 0 and "keep-alive" not in said)


class Reader:
    """Fills an `Answer` from a connection. `read` may raise TimeoutError; the answer has what came before."""

    def __init__(self, connection: Connection, method: str, limit: int = BODY_LIMIT) -> None:
        self.answer = Answer()
        self._connection = connection
        self._method = method
        self._limit = limit
        self._buffer = bytearray()

    def read(self) -> None:
        """Read head and body of the final answer, informational ones (100 to 199) skipped."""
        answer = self.answer
        try:
            while True:
                self._head()
                if answer.status is None or answer.status >= 200 or answer.status == 101:
                    break
                answer.status, answer.headers = None, []
            if answer.status is not None:
                self._body()
                if answer.complete and self._buffer:
                    answer.problem = f"{len(self._buffer)} bytes follow the answer"
        except Malformed as problem:
            answer.problem = str(problem)

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
                raise Malformed(f"it ends within {what}: {_shown(self._buffer)}")
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        return line

    def _exactly(self, size: int, what: str) -> None:
        """Move `size` bytes to the body. Raises Malformed where fewer came."""
        before = len(self.answer.body)
        self._move(size)
        while (got := len(self.answer.body) - before) < size:
            if not self._more():
                raise Malformed(f"{what} ends after {got} of {size} bytes")
            self._move(size - got)

    def _move(self, size: int) -> None:
        part = self._buffer[:size]
        del self._buffer[: len(part)]
        self.answer.body += part
        if len(self.answer.body) > self._limit:
            raise Malformed(f"the body is longer than {self._limit} bytes")

    # -- head and body ---------------------------------------------------------------------------------------

    def _head(self) -> None:
        answer = self.answer
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

    def _body(self) -> None:
        answer = self.answer
        status = answer.status or 0
        encodings = ",".join(answer.values("transfer-encoding")).lower()
        lengths = {part.strip() for value in answer.values("content-length") for part in value.split(",")}
        if self._method == "HEAD" or status in (101, 204, 304):
            answer.complete = True
        elif encodings:
            if encodings.rsplit(",", 1)[-1].strip() != "chunked":
                raise Malformed(f"Transfer-Encoding {encodings!r} does not say where the body ends")
            self._chunks()
        elif len(lengths) > 1:
            raise Malformed(f"Content-Length says {' and '.join(sorted(lengths))}")
        elif lengths:
            (length,) = lengths
            if not re.fullmatch(r"[0-9]{1,18}", length):
                raise Malformed(f"Content-Length is no number: {length!r}")
            self._exactly(int(length), "the body")
            answer.complete = True
        else:
            self._until_the_end()

    def _chunks(self) -> None:
        while True:
            line = self._line("a chunk's size")
            match = _SIZE.fullmatch(line)
            if match is None:
                raise Malformed(f"a chunk's size is no hexadecimal number: {_shown(line)}")
            size = int(match[1], 16)
            if size == 0:
                break
            self._exactly(size, "a chunk")
            if end := self._line("a chunk's end"):
                raise Malformed(f"a chunk of {size} bytes is followed by {_shown(end)}")
        while self._line("the trailer"):
            pass
        self.answer.complete = True

    def _until_the_end(self) -> None:
        """A body without a length (RFC 9112 6.3, item 8): the end of the connection is its end."""
        self._move(len(self._buffer))
        while self._more():
            self._move(len(self._buffer))
        if self._connection.ended == "rst":
            raise Malformed("the body has no length and was cut by a reset")
        self.answer.complete = True


def _shown(data: bytes | bytearray) -> str:
    """Some bytes for a message: short, printable."""
    text = bytes(data[:40]).decode("ascii", "backslashreplace")
    return repr(text) + ("…" if len(data) > 40 else "")
