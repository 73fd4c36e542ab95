"""The socket beneath a connection: TLS on or off, every way in which it can begin and end, exact on the wire.

Endings were read on the wire by a raw client: a reset is `SO_LINGER` 0 and a close; a FIN drains what the client
still sends first, because closing with unread input resets (RFC 9112 9.6); a FIN under TLS comes after
`close_notify` unless it is to look cut.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from typing import NamedTuple

from mockhost.clock import monotonic
from mockhost.plans import ConnectionPlan

_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_DRAIN_PIECE = 65_536
_HEADER = 5  # bytes of a TLS record before its content
_FATAL = 2
_SIOCOUTQ = 0x5411  # Linux: bytes that were written and not yet acknowledged (tcp(7))
_SO_NWRITE = 0x1024  # macOS: the same (sys/socket.h)
# Shutting the receiving side wakes a reader with an end of file, to which OpenSSL 3 would answer with an alert.
_EOF_IS_NO_ERROR = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
Socket = socket.socket


class TlsOffer(NamedTuple):
    """How a connection is met; read again for every connection, so that a switch needs no restart.

    Give each certificate a fresh context: sessions of an older one can't be resumed in it.
    """

    mode: str
    """tls | plain | none (bound without a certificate: the ClientHello is answered by a reset, as on Windows);
    the words of a scenario's `tls.mode` do as well: certificate | plain_http | none"""
    context: ssl.SSLContext | None = None

    @property
    def plain(self) -> bool:
        """Whether HTTP is spoken without TLS."""
        return self.mode in ("plain", "plain_http")


class HandshakeFailed(Exception):
    """TLS did not come about. `error` is one word: an alert's name, `reset`, `plain http`, …"""

    def __init__(self, error: str, *, answered: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.answered = answered
        """whether there is an alert of ours that the client should be able to read"""


def reason_of(error: Exception) -> str:
    """Why a handshake failed: `unknown_ca` from `[SSL: TLSV1_ALERT_UNKNOWN_CA] …`; else OpenSSL's own reason."""
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) or not isinstance(error, ssl.SSLError):
        return "reset"
    reason = str(error.reason or "handshake_failure")
    return reason.partition("ALERT_")[2].lower() or reason.lower()


def first_byte(sock: Socket) -> None:
    """Block until the client says something, and see whether it can become TLS. Raises HandshakeFailed.

    Plain HTTP on the TLS port is not answered. Assumed: schannel closes such a connection without a word.
    """
    try:
        first = sock.recv(1, socket.MSG_PEEK)
    except OSError:
        first = b""
    if not first:
        raise HandshakeFailed("reset")
    if first[:1].isalpha():  # a verb; a TLS record begins with 0x16
        raise HandshakeFailed("plain http")


def greet(sock: Socket, offer: TlsOffer) -> ssl.SSLContext:
    """What to shake hands with, once the client has begun to. Raises HandshakeFailed."""
    first_byte(sock)
    if offer.context is None:
        raise HandshakeFailed("no certificate")
    return offer.context


def wrap(sock: Socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """The socket that takes the place of `sock`, its handshake still to be done. Raises HandshakeFailed."""
    context.options |= _EOF_IS_NO_ERROR
    try:
        return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
    except (OSError, ValueError):
        raise HandshakeFailed("reset") from None


def handshake(tls: ssl.SSLSocket) -> str:
    """Shake hands; blocks. Returns the version, `TLSv1.3`. Raises HandshakeFailed, once our alert is out."""
    try:
        tls.do_handshake()
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise HandshakeFailed(reason, answered=reason != "reset") from None
    return tls.version() or "TLS"


def shut(sock: Socket, how: int) -> None:
    """Shut a direction of the TCP connection, from any thread; TLS doesn't notice."""
    with contextlib.suppress(OSError):
        Socket.shutdown(sock, how)


def connected(sock: Socket) -> bool:
    """Whether the connection was not reset: `ssl` makes a mere end of a reset."""
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def leaving(sock: Socket) -> bool:
    """Whether the client has ended its half or reset the connection, though what it sent before was not read.

    Only Linux tells; elsewhere a connection of which nothing is read lasts until it is cut or hangs are released.
    """
    hung_up = getattr(select, "POLLRDHUP", 0)
    if not hung_up:
        return not connected(sock)
    poll = select.poll()
    poll.register(sock, hung_up)
    return bool(poll.poll(0))


def reset(sock: Socket) -> None:
    """End by RST: what is not yet sent is dropped."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()


def end_sending(sock: Socket, *, notify: bool) -> None:
    """Send FIN; `notify`: after TLS's `close_notify`, without waiting for the client's own."""
    if notify and isinstance(sock, ssl.SSLSocket):
        with contextlib.suppress(OSError, ValueError):
            sock.settimeout(0)
            sock.unwrap()
    shut(sock, socket.SHUT_WR)


def drain(sock: Socket, patience: float, limit: int) -> None:
    """Read what still comes in, until the client's own FIN, `patience` seconds or `limit` bytes.

    With no patience it takes only what is there already. Closing a socket with unread input would reset.
    """
    until = monotonic() + patience
    with contextlib.suppress(OSError, ValueError):
        while limit > 0:
            sock.settimeout(max(0.0, until - monotonic()))
            piece = Socket.recv(sock, _DRAIN_PIECE)
            if not piece:
                break
            limit -= len(piece)


def wait_for_the_end(sock: Socket) -> None:
    """Block until the client ends the connection or another thread shuts it; what comes in is dropped."""
    with contextlib.suppress(OSError):
        while Socket.recv(sock, _DRAIN_PIECE):
            pass


def wait_until_received(sock: Socket, patience: float, given_up: Callable[[], bool]) -> None:
    """Wait until the client's machine has all that was written, so that a reset takes none of it back.

    A client that reads late makes that long: it may take `patience` seconds without any progress. Asks every other
    millisecond, since nothing tells. `given_up`: whether there is no use in waiting any more. Windows cannot say how
    much is on its way, so there a reset may overtake what was written.
    """
    until, before = monotonic() + patience, -1
    with contextlib.suppress(OSError):
        while (left := _unacknowledged(sock)) and not given_up():
            if left != before:
                until, before = monotonic() + patience, left
            elif monotonic() > until:
                return
            select.select([], [], [], 0.002)


def _unacknowledged(sock: Socket) -> int:
    if sys.platform == "darwin":
        return sock.getsockopt(socket.SOL_SOCKET, _SO_NWRITE)
    if sys.platform != "linux":
        return 0
    import array
    import fcntl

    left = array.array("i", [0])
    fcntl.ioctl(sock.fileno(), _SIOCOUTQ, left)
    return left[0]


def meet(sock: Socket, write: Callable[[bytes], None], plan: ConnectionPlan, offer: TlsOffer | None) -> None:
    """Meet a connection otherwise than by serving it; the ending that `plan.action` says is the caller's.

    On a port that speaks plain HTTP the first bytes take the place of the ClientHello, and there is no server's flight
    to stop in the middle of.
    Blocks until the client has said as much as the plan wants to hear; with silence and with a stall, until it is
    gone. Raises HandshakeFailed where it says something else, OSError where it has gone, and what `write` raises.
    """
    wants_hello = plan.after != "accept" or plan.action == "alert"
    if plan.action != "silent" and wants_hello:
        hello = _hello(sock, offer)
        if plan.action == "alert":
            write(_alert(plan.alert))
        elif plan.after == "server_hello" and offer is not None and offer.context is not None:
            write(_half_a_flight(offer.context, hello))
    if plan.action in ("silent", "stall"):
        wait_for_the_end(sock)


def _hello(sock: Socket, offer: TlsOffer | None) -> bytes:
    """The record with the ClientHello. Raises HandshakeFailed."""
    if offer is None or offer.plain:
        if not (first := sock.recv(1)):
            raise HandshakeFailed("reset")
        return first
    first_byte(sock)
    record = b""
    while len(record) < _HEADER or len(record) < _HEADER + int.from_bytes(record[3:_HEADER]):
        wanted = _HEADER + (int.from_bytes(record[3:_HEADER]) if len(record) >= _HEADER else 0)
        if not (piece := sock.recv(wanted - len(record))):
            raise HandshakeFailed("reset")
        record += piece
    return record


def _alert(code: int) -> bytes:
    """A fatal alert in a record of its own, as before any keys (RFC 8446 5.1, 6; RFC 5246 7.2)."""
    return bytes((21, 3, 3, 0, 2, _FATAL, code))


def _half_a_flight(context: ssl.SSLContext, hello: bytes) -> bytes:
    """The first half of what the server says to this ClientHello, its ServerHello at least. Raises HandshakeFailed."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(hello)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    except ssl.SSLError as error:
        raise HandshakeFailed(reason_of(error)) from None
    flight = outgoing.read()
    first = _HEADER + int.from_bytes(flight[3:_HEADER])
    return flight[: max(first, len(flight) // 2)]
