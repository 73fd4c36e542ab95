"""What shall happen to one answer on its way out: plain data, carried out by the server room."""

from __future__ import annotations

from typing import Literal, NamedTuple


class TransportPlan(NamedTuple):
    """Left by the application in `environ["mockhost.plan"]`; without one the answer goes out whole.

    The answer is composed as always, so a length that was announced stays announced. Then, in this order:
    the head is sent or not, `after_bytes` of the body follow, the connection hangs if asked, and it ends.
    Byte counts are of the plaintext body, without chunk framing.
    """

    hang: Literal["headers", "body"] | None = None
    """headers: nothing at all is sent; body: the head and `after_bytes` of the body, then silence. A hang
    lasts until the client goes away, the connections are closed or the server is shut down."""
    after_bytes: int | None = None
    """How much of the body is sent; None: all of it."""
    ending: Literal["keep", "fin", "rst", "close_notify"] = "keep"
    """keep: as the request asks, and a body cut short under it hangs; fin: the stream ends, over TLS without
    the closing alert; rst: the connection is reset; close_notify: fin, over TLS after the closing alert."""
    head: bool = True
    """False: not even the status line goes out before the ending."""

    @property
    def whole(self) -> bool:
        """Whether the client gets all of the answer."""
        return self.hang is None and self.after_bytes is None and self.head
