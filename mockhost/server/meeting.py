"""Meeting a connection otherwise than by serving it: a reset, an alert, a handshake that never goes on, silence.

The fields of a plan: `mockhost.plans.ConnectionPlan`. On a port that speaks plain HTTP the first
bytes take the place of the ClientHello, and there is no server's flight to stop in the middle of.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

from mockhost.plans import ConnectionPlan
from mockhost.server import transport
from mockhost.server.transport import HandshakeFailed, Socket, TlsOffer

_HEADER = 5
_FATAL = 2


def meet(sock: Socket, write: Callable[[bytes], None], plan: ConnectionPlan, offer: TlsOffer | None) -> None:
    """Everything of the plan but the ending, which is the caller's: return from it and end as `plan.action` says.

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
        transport.wait_for_the_end(sock)


def _hello(sock: Socket, offer: TlsOffer | None) -> bytes:
    """The record with the ClientHello. Raises HandshakeFailed."""
    if offer is None or offer.plain:
        if not (first := sock.recv(1)):
            raise HandshakeFailed("reset")
        return first
    transport.first_byte(sock)
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
        raise HandshakeFailed(transport.reason_of(error)) from None
    flight = outgoing.read()
    first = _HEADER + int.from_bytes(flight[3:_HEADER])
    return flight[: max(first, len(flight) // 2)]
