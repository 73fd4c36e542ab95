"""Carrying out what the application planned for its answer: late, slow, short, broken, or never.

The fields of a plan: `mockhost.plans.TransportPlan`. The steps are always in the same order: the
delay, the head, so much of the body, a hang and then the rest, the time to linger, the ending.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NoReturn, Protocol

from mockhost.clock import monotonic
from mockhost.plans import Pace, TransportPlan
from mockhost.server.http11 import Head
from mockhost.server.wsgi import Draft, Reply

LAST_CHUNK = b"0\r\n\r\n"


class Line(Protocol):
    """A connection, as far as carrying out a plan takes one. Every method may raise what ends the connection."""

    def write(self, data: bytes) -> None:
        """Send all of it."""

    def wait(self, seconds: float) -> None:
        """Let so much time go by. A client that closed its half has its answer all the same."""

    def hang(self, seconds: float | None) -> None:
        """Say nothing for so long, or until hangs are released; over as soon as the client leaves."""

    def compose(self, draft: Draft) -> bytes:
        """Status line and headers as they go out."""

    def end(self, how: str) -> NoReturn:
        """End the connection: fin | rst | close_notify | half_close."""

    @property
    def retired(self) -> bool:
        """Whether the connection is to end with this answer."""


def carry(plan: TransportPlan, line: Line, reply: Reply, request: Head) -> bool:
    """Answer as planned; whether the connection may go on. Raises what the methods of `line` raise."""
    if plan.delay > 0:
        line.wait(plan.delay)
    keeps, goes_on = plan.ending == "keep", False
    if plan.hang == "headers" or (keeps and not plan.head):
        line.hang(plan.hang_for)
    if plan.raw is not None:
        _Out(line, plan).send(plan.raw, plan.body_pace)
        if plan.hang == "body":
            line.hang(plan.hang_for)
        goes_on = request.keep_alive and not line.retired
    elif plan.head or keeps:
        draft = _framed(reply.draft(request, closing=line.retired), plan)
        goes_on = _send(plan, line, reply, draft) and not draft.close
    if not keeps:
        if plan.linger > 0:
            line.wait(plan.linger)
        line.end(plan.ending)
    return goes_on


def _framed(draft: Draft, plan: TransportPlan) -> Draft:
    """The draft with the framing that the plan wants announced."""
    if plan.announced is not None or plan.close_delimited or plan.bad_chunk is not None:
        draft = draft._replace(raw=None if draft.raw is None else b"")
    if plan.announced is not None:
        announced = ("Content-Length", str(plan.announced))
        return draft._replace(headers=[*_unframed(draft), announced], chunked=False)
    if plan.close_delimited and draft.length != 0:
        return draft._replace(headers=_unframed(draft), chunked=False, length=None)
    if plan.bad_chunk is not None and draft.length != 0:
        chunked = ("Transfer-Encoding", "chunked")
        return draft._replace(headers=[*_unframed(draft), chunked], chunked=True, length=None)
    return draft


def _unframed(draft: Draft) -> list[tuple[str, str]]:
    """The headers without what says where the body ends."""
    framing = ("content-length", "transfer-encoding")
    return [pair for pair in draft.headers if pair[0].lower() not in framing]


def _send(plan: TransportPlan, line: Line, reply: Reply, draft: Draft) -> bool:
    """Head and body; whether nothing is missing of what was announced."""
    pieces: Iterable[bytes] = reply.pieces
    most = plan.after_bytes
    if plan.after_fraction is not None:
        length = draft.length
        if length is None:
            pieces = [b"".join(pieces)]
            length = len(pieces[0])
        most = int(length * plan.after_fraction)
    body, out = _Body(pieces, draft.length), _Out(line, plan, chunked=draft.chunked)
    out.head(line.compose(draft))
    out.content(body.part(most))
    broken = plan.bad_chunk is not None and draft.chunked
    if broken:
        out.send(plan.bad_chunk or b"", plan.body_pace)
    # What is short under an ending that keeps the connection can only hang.
    if plan.hang == "body" or (
        plan.ending == "keep" and (broken or (most is not None and not body.complete))
    ):
        out.flush()
        line.hang(plan.hang_for)
        out.content(() if broken else body.part(None))
    if body.complete and not broken:
        out.last()
    out.flush()
    return body.complete and not broken


class _Body:
    """The body of an answer, handed out part by part."""

    def __init__(self, pieces: Iterable[bytes], length: int | None) -> None:
        self._pieces = iter(pieces)
        self._left = length
        self._rest = b""
        self._over = False

    def part(self, most: int | None) -> Iterator[bytes]:
        """The next `most` bytes, as the application made them; None: all that there are."""
        while (most is None or most > 0) and self._left != 0:
            piece = self._rest or next(self._pieces, None)
            if piece is None:
                self._over = True
                return
            if self._left is not None:
                piece = piece[: self._left]
            if most is not None:
                piece, self._rest = piece[:most], piece[most:]
                most -= len(piece)
            else:
                self._rest = b""
            if self._left is not None:
                self._left -= len(piece)
            if piece:
                yield piece

    @property
    def complete(self) -> bool:
        """Whether all that was announced was handed out; without a length, whether the application was at its end."""
        return self._left == 0 if self._left is not None else self._over


class _Out:
    """Writes at a pace, or the head together with the first of the body where there is none."""

    def __init__(self, line: Line, plan: TransportPlan, *, chunked: bool = False) -> None:
        self._line = line
        self._plan = plan
        self._chunked = chunked
        self._held = b""
        self._due = 0.0
        self._steps = 0

    def head(self, block: bytes) -> None:
        if self._plan.head_pace is None:
            self._held = block
        else:
            self.send(block, self._plan.head_pace)

    def content(self, pieces: Iterable[bytes]) -> None:
        """Some of the body; at a pace each step of it is a chunk of its own."""
        pace = self._plan.body_pace
        for piece in pieces:
            if not self._chunked:
                self.send(piece, pace)
            elif pace is None:
                self.send(_chunk(piece), None)
            else:
                for step in _steps(piece, pace):
                    self._step(_chunk(step), pace)

    def last(self) -> None:
        """Say that the body is over, where that has to be said."""
        if self._chunked:
            self.send(LAST_CHUNK, None)

    def send(self, data: bytes, pace: Pace | None) -> None:
        if pace is None:
            data, self._held = self._held + data, b""
            self._line.write(data)
        else:
            for step in _steps(data, pace):
                self._step(step, pace)

    def flush(self) -> None:
        if self._held:
            self.send(b"", None)

    def _step(self, data: bytes, pace: Pace) -> None:
        """Write once the pause since the last step is over; what one wait took too long the next is shorter."""
        self.flush()
        now = monotonic()
        if self._due > now:
            self._line.wait(self._due - now)
        self._line.write(data)
        pause = pace.pause
        if pace.varied:
            pause += pace.varied[self._steps % len(pace.varied)]
        self._steps += 1
        self._due = (self._due if self._due > now else monotonic()) + pause


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _steps(data: bytes, pace: Pace) -> Iterator[bytes]:
    size = max(1, pace.size)
    return (data[start : start + size] for start in range(0, len(data), size))
