"""What shall happen to an answer on its way out, or to a connection before there is one: plain data.

The rooms above decide, the server room carries out. Nothing in here touches a socket.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from mockhost.tls.config import TlsConfig


class Pace(NamedTuple):
    """How fast bytes go out: `size` of them at a time, and `pause` seconds on the wall between two times."""

    size: int
    pause: float
    varied: tuple[float, ...] = ()
    """seconds that are added to the pauses, one after the other and then again from the first"""


class TransportPlan(NamedTuple):
    """Left by the application in `environ["mockhost.plan"]`; without one the answer goes out whole.

    The answer is composed as always, so a length that was announced stays announced. Then, in this order: the
    delay; the head, or not; so much of the body; a hang; the time to linger; the ending. Byte counts are of the
    plaintext body, without chunk framing. A cut, a reset and the end of the host end each wait at once.
    """

    hang: Literal["headers", "body"] | None = None
    """headers: nothing at all is sent; body: the head and `after_bytes` of the body, then silence"""
    after_bytes: int | None = None
    """how much of the body is sent; None: all of it"""
    ending: Literal["keep", "fin", "rst", "close_notify", "half_close"] = "keep"
    """keep: as the request asks, and a body cut short under it hangs; fin: the stream ends, over TLS without
    the closing alert; rst: the connection is reset; close_notify: fin, over TLS after the closing alert;
    half_close: as close_notify, but the client's half stays open until the client ends it"""
    head: bool = True
    """False: not even the status line goes out before the ending"""
    delay: float = 0.0
    """seconds on the wall before the first byte"""
    hang_for: float | None = None
    """seconds after which a hang ends and the rest of the answer follows; None: it lasts until the client goes
    away, it is released, the connections are closed or the server is shut down"""
    after_fraction: float | None = None
    """instead of `after_bytes`: this part of the body, from 0 to 1, rounded down"""
    head_pace: Pace | None = None
    """how status line and headers go out, if not at once"""
    body_pace: Pace | None = None
    """how the body goes out, if not at once"""
    raw: bytes | None = None
    """these bytes instead of the whole answer, head included"""
    announced: int | None = None
    """a Content-Length that is not the body's; the body goes out whole all the same"""
    bad_chunk: bytes | None = None
    """the body goes out chunked, and after `after_bytes` of it these bytes stand in the place of a chunk's size"""
    close_delimited: bool = False
    """the body goes out without a length and without chunks: it ends where the connection does (RFC 9112 6.3)"""
    linger: float = 0.0
    """seconds on the wall between the last byte and the ending"""

    @property
    def whole(self) -> bool:
        """Whether the client gets all of the answer."""
        cut = self.hang or self.raw is not None or self.bad_chunk is not None or not self.head
        return not cut and self.after_bytes is None and self.after_fraction is None


AS_IS = TransportPlan()
"""The plan that changes nothing."""


class ConnectionPlan(NamedTuple):
    """What a connection is met with, decided when it was accepted and before a byte of it was read."""

    action: Literal["serve", "silent", "reset", "close", "alert", "stall"] = "serve"
    """serve: as always, with `tls` if given; silent: nothing is read and nothing sent; reset: RST; close: FIN;
    alert: the ClientHello is answered by a fatal alert; stall: the handshake begins and never goes on"""
    tls: TlsConfig | None = None
    """another certificate, protocol range or mode for this connection alone"""
    after: Literal["accept", "client_hello", "server_hello"] = "accept"
    """when a reset, close or stall comes: at once, once the ClientHello was read, or in the middle of the server's
    own first flight"""
    alert: int = 40
    """the alert's code (RFC 8446 6.2)"""


class UploadPlan(NamedTuple):
    """How the body of a request is read, decided when its head was read. Byte counts are of the body on the wire."""

    after_bytes: int | None = None
    """how much of the body is read; None: all of it"""
    then: Literal["stall", "rst", "answer"] = "answer"
    """stall: nothing more is read until the client leaves or hangs are released, and then the rest; rst: the connection
    is reset; answer: the application answers what was read so far, and the connection ends"""
    stall_for: float | None = None
    """seconds on the wall after which a stall ends"""
    pace: Pace | None = None
    """how fast the body is read, if not at once"""


SERVE = ConnectionPlan()
"""The plan that changes nothing."""
