"""One client's connection, from its handshake to its end; while it is not idle, a thread of its own serves it.

Sockets block without time-outs of their own, which saves a system call at each turn. Instead every wait has a
`deadline`, and the listener's watch shuts the socket of a connection that let it pass; the thread then wakes up
and ends what it can no longer do. Cutting a connection from outside works the same way.
"""

from __future__ import annotations

import selectors
import socket
import sys
import threading
from collections.abc import Callable
from ssl import SSLSocket, SSLWantReadError
from typing import Any, NoReturn

from mockhost.clock import monotonic
from mockhost.exchange import BrokenOff
from mockhost.plans import ConnectionPlan, TransportPlan, UploadPlan
from mockhost.relief import relieve
from mockhost.server import httpsys, transport
from mockhost.server.carrying import LAST_CHUNK, carry
from mockhost.server.http11 import ChunkedBody, Head, HeadReader, Malformed, SizedBody, hopeless
from mockhost.server.httpsys import REFUSALS
from mockhost.server.service import Environ, Limits, Service
from mockhost.server.transport import HandshakeFailed, Socket, TlsOffer
from mockhost.server.waiting import quiet
from mockhost.server.wsgi import RAW, UPLOAD, Draft, Gateway, Reply

_GLANCE = 0.02
"""Seconds that the end of a client that has just gone may need to arrive."""
_NEVER = float("inf")
_HEAD_PIECE = 16_384
_BODY_PIECE = 262_144
_LOOK = 0.2
"""Seconds between two looks whether a client is still there from which nothing is read."""
_KEPT = 65_536
"""How much is read ahead of a client that goes on sending while its answer waits."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_SLICE = 131_072
"""Up to this size an answer goes out in one piece; longer ones in slices, each of which must make progress."""


class Stopped(Exception):
    """The connection was cut or ran out of time: nothing may be written to it any more."""


class Ended(Exception):
    """The client is gone in the middle of something."""


class Over(Exception):
    """A refusal or a plan has ended the connection; nothing is left to do."""


class Connection:
    """One connection; its public attributes are those of `service.Connection`."""

    __slots__ = (
        *(
            "answering",
            "deadline",
            "epoch_token",
            "exchanges",
            "hanging",
            "on_release",
            "local",
            "number",
            "peer",
            "stopped",
            "tls",
        ),
        *("_begun", "_buffer", "_busy", "_ended", "_fd_lock", "_gateway", "_open", "_reader", "_recv"),
        *("_released", "_send", "_service", "_sock", "_writing", "retired"),
    )

    def __init__(
        self, service: Service, sock: Socket, peer: tuple[str, int], local: tuple[str, int], number: int
    ) -> None:
        self.number = number
        self.peer = peer
        self.local = local
        self.epoch_token: Any = None
        self.tls: str | None = None
        self.exchanges = 0
        self.answering: Head | None = None
        """the head of the request that the application was asked last"""
        self.stopped: str | None = None
        """why nothing more may be done: cut, timeout or idle; None while it may"""
        self.deadline = _NEVER
        self.hanging = False
        """whether its answer hangs until something ends that"""
        self.on_release: Callable[[], None] | None = None
        """what the application wants to know at once: that the hang is over, and its answer follows"""
        self._service = service
        self._sock = sock
        self._recv = sock.recv
        self._send: Callable[[bytes | memoryview], int] = sock.send
        self._open = True
        self._busy = True
        self.retired = False
        """whether it is to end with the answer that it is at"""
        self._released = 0
        self._begun = False
        self._ended: threading.Event | None = None
        self._fd_lock = threading.Lock()
        self._writing = threading.Lock()
        self._buffer = b""
        self._reader = HeadReader(
            lengths_required=service.limits.lengths_required, long_segments=service.limits.long_segments
        )

    @property
    def alive(self) -> bool:
        """Whether an answer can still reach the client, as far as is known here."""
        return self._open and self.stopped is None

    # -- from other threads ----------------------------------------------------------------------------------

    def stop(self, why: str) -> None:
        """Let nothing more be written from this moment on, and wake the thread so that it ends the connection.

        An idle connection then ends by FIN, one in the middle of an exchange by a reset.
        """
        with self._fd_lock:
            self._stop(why)

    def wait_until_ended(self, deadline: float) -> None:
        """If it was idle when it was stopped, or told to end by itself: wait for its end on the wire.

        Until `monotonic()` is `deadline` at most. So that a client which looks before it writes sees that the
        connection is over. The thread of an idle one needs no lock for that.
        """
        if self._ended is not None:
            self._ended.wait(max(0.0, deadline - monotonic()))

    def expire(self, now: float) -> None:
        """Stop it if it has waited for longer than it may."""
        with self._fd_lock:
            if self.deadline < now:
                self._stop("timeout")

    def stop_idle(self) -> bool:
        """Stop it if it is idle; otherwise let it end after the exchange that it is in. Whether it was idle."""
        with self._fd_lock:
            if not self._busy:
                self._stop("idle")
                return True
            if self._open and self.stopped is None:
                self.retired = True
                self._ended = self._ended or threading.Event()
            return False

    def _stop(self, why: str) -> None:
        if not self._open or self.stopped is not None:
            return
        self.stopped = why
        if not self._busy:
            self._ended = threading.Event()
        # Shutting the receiving side wakes a reader and shows nothing on the wire. A writer that is under way holds
        # the lock: only shutting both sides stops it, and on Windows only that wakes a reader.
        if sys.platform != "win32" and self._writing.acquire(blocking=False):
            self._writing.release()
            transport.shut(self._sock, socket.SHUT_RD)
        else:
            transport.shut(self._sock, socket.SHUT_RDWR)

    def fileno(self) -> int:
        """The descriptor of its socket; below 0 once that is closed."""
        return self._sock.fileno()

    # -- the thread's own ------------------------------------------------------------------------------------

    def serve(self) -> bool:
        """From the handshake on, until it ends or is idle; whether it is idle. Never raises."""
        if not self.alive:  # of an epoch that ended before it was reported
            self._reset()
            return False
        return self._until_idle(self._begin)

    def go_on(self) -> bool:
        """The same for a connection that was idle; waits until it can be read."""
        return self._until_idle(self._converse)

    def _until_idle(self, part: Callable[[], str | None]) -> bool:
        by: str | None = "server"
        try:
            by = part()
        except Over:
            pass
        except (Stopped, Ended, OSError):
            by = "client"
        except BaseException as error:  # whatever goes wrong here, the next connection must not notice
            self._service.observer.bug(self, error)
        finally:
            if by is not None:
                self._reset()
                self._service.observer.closed(self, by if self.stopped in (None, "idle") else self.stopped)
        return by is None

    def _begin(self) -> str | None:
        service = self._service
        self.epoch_token = service.observer.opened(self)
        plan = service.plan(self) if service.plan else None
        offer = service.tls(plan.tls if plan else None) if service.tls else None
        if plan is not None and plan.action != "serve":
            self._meet(plan, offer)
        elif self._secure(offer):
            self._gateway = Gateway(self, self.local, self.tls is not None)
            return self._converse()
        return "server"

    def turn_away(self) -> bool:
        """Instead of `serve`: this is one connection too many."""
        self.epoch_token = self._service.observer.opened(self)
        self._reset()
        self._service.observer.closed(self, "limit")
        return False

    def _meet(self, plan: ConnectionPlan, offer: TlsOffer | None) -> None:
        """End the connection as its plan wants; never returns to serving it."""
        self._service.observer.handshake(self, f"planned {plan.action}")
        if plan.action not in ("silent", "stall"):
            self.deadline = monotonic() + self._service.limits.handshake
        try:
            transport.meet(self._sock, self.write, plan, offer)
        except HandshakeFailed:
            self.end("rst")
        if plan.action in ("silent", "stall"):
            raise self._gone()
        self.end("rst" if plan.action == "reset" else "fin")

    def _secure(self, offer: TlsOffer | None) -> bool:
        if offer is None or offer.plain:
            return True
        observer = self._service.observer
        self.deadline = monotonic() + self._service.limits.handshake
        try:
            tls = transport.wrap(self._sock, transport.greet(self._sock, offer))
            with self._fd_lock:
                self._sock = tls
            self.tls = transport.handshake(tls) if self.stopped is None else None
        except HandshakeFailed as failed:
            observer.handshake(self, self.stopped or failed.error)
            if failed.answered:
                self._finish(notify=False, linger=True)
            return False
        if self.stopped is None:
            self._recv, self._send = tls.recv, tls.send
        observer.handshake(self, self.stopped)
        return self.stopped is None

    def _converse(self) -> str | None:
        """Exchange after exchange until one side has enough; which one had, or None if nothing more has come yet."""
        gateway, limits = self._gateway, self._service.limits
        while True:
            head = self._read_head(limits)
            if head is None:
                self._finish(notify=True, linger=False)
                return "server" if self.stopped else "client"
            body, whole, left = b"", True, None
            if head.chunked or head.content_length:
                body, whole, left = self._take_body(gateway, head, limits)
            self.exchanges += 1
            self.deadline = _NEVER
            environ = gateway.environ(head, body)
            if left is not None:
                environ[UPLOAD] = left
            if not (self._exchange(environ, head) and whole) or self.retired:
                self._finish(notify=True, linger=bool(self._buffer) or not whole)
                return "server"
            if self._is_idle(limits):
                return None

    # -- reading ---------------------------------------------------------------------------------------------

    def _receive(self, size: int) -> bytes:
        data = self._recv(size)
        if not data:
            raise self._gone()
        return data

    def _gone(self) -> Exception:
        return Stopped() if self.stopped else Ended()

    def _is_idle(self, limits: Limits) -> bool:
        """Whether it waits for its next request now, and was not told to end."""
        if self._buffer or (isinstance(self._sock, SSLSocket) and self._sock.pending()):
            return False
        self.deadline = monotonic() + limits.idle
        self._busy = False
        return self.stopped is None and not self.retired

    def _read_head(self, limits: Limits) -> Head | None:
        """The next head; None if the connection ended before one began. Raises Over after a refusal."""
        buffer = self._buffer
        if not buffer:
            self.deadline = monotonic() + limits.idle
            self._busy = False
            # A connection that was retired before its first request has done its handshake already: it is served once.
            if self.stopped is None and not (self.retired and self.exchanges):
                buffer = self._recv(_HEAD_PIECE)
            with self._fd_lock:
                self._busy = True
            if not buffer or self.stopped is not None:
                return None
        end = buffer.find(b"\r\n\r\n")
        if end < 0 or buffer[0] == 0x0D:
            buffer, end = self._rest_of_head(buffer, limits)
        head = self._reader.parse(buffer[:end])
        if isinstance(head, str):
            raise self._refuse(head, buffer[: end + 4])
        if head.expect and head.expect != "100-continue":
            raise self._refuse("expectation", buffer[: end + 4])
        if head.content_length is not None and head.content_length > limits.max_body:
            raise self._refuse("entity_length", buffer[: end + 4])
        self._buffer = buffer[end + 4 :]
        return head

    def _rest_of_head(self, buffer: bytes, limits: Limits) -> tuple[bytes, int]:
        self.deadline = monotonic() + limits.head
        while True:
            start = 0
            while buffer.startswith(
                b"\r\n", start
            ):  # empty lines before a request are none of it (RFC 9112 2.2)
                start += 2
            if start:
                buffer = buffer[start:]
            end = buffer.find(b"\r\n\r\n")
            if end >= 0:
                return buffer, end
            problem = hopeless(buffer)
            if problem:
                raise self._refuse(problem, buffer)
            buffer += self._receive(_HEAD_PIECE)

    def _take_body(self, gateway: Gateway, head: Head, limits: Limits) -> tuple[bytes, bool, object]:
        """The body, whether that is all of it, and what `Service.upload` has left for the application."""
        upload = self._service.upload
        if upload is None:
            return self._read_body(head, limits), True, None
        made: list[Environ] = []

        def environ() -> Environ:
            made.append(gateway.environ(head, b""))
            return made[0]

        plan = upload(environ)
        left = made[0].get(UPLOAD) if made else None
        if plan is None:
            return self._read_body(head, limits), True, left
        return *self._read_planned(head, limits, plan), left

    def _read_planned(self, head: Head, limits: Limits, plan: UploadPlan) -> tuple[bytes, bool]:
        """Read as planned: the body, and whether that is all of it. Raises Over after a reset."""
        if head.expect and not self._buffer and plan.after_bytes != 0:
            self.write(_CONTINUE)
        self._released = self._service.bell.released
        body = ChunkedBody(limits.max_body) if head.chunked else SizedBody(head.content_length or 0)
        piece, pace, seen = _BODY_PIECE if plan.pace is None else plan.pace.size, plan.pace, 0
        most = plan.after_bytes
        while True:
            size = piece if most is None else min(piece, most - seen)
            if size <= 0:
                if plan.then == "rst":
                    self.end("rst")
                if plan.then == "answer":
                    return body.content, False
                self._hang(plan.stall_for, listen=False)
                most, piece, pace = None, _BODY_PIECE, None
                continue
            self.deadline = monotonic() + limits.body
            data, self._buffer = self._buffer[:size], self._buffer[size:]
            data = data or self._receive(size)
            seen += len(data)
            try:
                rest = body.feed(data)
            except Malformed as malformed:
                raise self._refuse(malformed.kind, head.render()) from None
            if rest is not None:
                self._buffer = rest + self._buffer
                return body.content, True
            if pace is not None:
                self._wait(pace.pause, hang=False, listen=False)

    def _read_body(self, head: Head, limits: Limits) -> bytes:
        if head.expect and not self._buffer:
            self.write(_CONTINUE)
        data, self._buffer = self._buffer, b""
        if head.chunked:
            chunks = ChunkedBody(limits.max_body)
            try:
                while (rest := chunks.feed(data)) is None:
                    self.deadline = monotonic() + limits.body
                    data = self._receive(_BODY_PIECE)
            except Malformed as malformed:
                raise self._refuse(malformed.kind, head.render()) from None
            self._buffer = rest
            return chunks.content
        length = head.content_length or 0
        if len(data) >= length:
            self._buffer = data[length:]
            return data[:length]
        body = bytearray(data)
        while (missing := length - len(body)) > 0:
            self.deadline = monotonic() + limits.body
            body += self._receive(min(missing, _BODY_PIECE))
        return bytes(body)

    # -- answering -------------------------------------------------------------------------------------------

    def _refuse(self, kind: str, head: bytes) -> Over:
        """Answer as http.sys does, without the application, and end the connection; to be raised."""
        service, refusal = self._service, REFUSALS[kind]
        page = httpsys.refusal_page(refusal, *service.heads())
        service.observer.refused(self, refusal, head, page)
        self.write(page)
        self._finish(notify=True, linger=True)
        return Over()

    def _exchange(self, environ: Environ, head: Head) -> bool:
        """Have the application answer; whether the connection may go on."""
        reply = Reply()
        self.answering = head
        self._begun = False
        self._released = self._service.bell.released
        self.on_release = None
        try:
            try:
                reply.ask(self._service.app, environ)
                reply.raw = environ.get(RAW)
                plan: TransportPlan | None = environ.get("mockhost.plan")
                if plan is not None:
                    return carry(plan, self, reply, head)
                draft = reply.draft(head, closing=self.retired)
                return self._send_body(self.compose(draft), reply, draft) and not draft.close
            finally:
                self._close(reply)
        except (Over, Stopped, Ended):
            raise
        except BrokenOff as broken:
            self.end(broken.how)
        except Exception as error:
            if self.stopped is not None:
                raise Stopped from None  # what an application does when its epoch is over is no bug
            self._service.observer.bug(self, error)
            if self._begun:
                raise Over from None  # what was announced can't be kept: reset
            sorry = [("Content-Length", "0")]
            self.write(httpsys.head(500, sorry, *self._service.heads(), not head.keep_alive))
            return head.keep_alive

    def _close(self, reply: Reply) -> None:
        try:
            reply.close()
        except Exception as error:
            self._service.observer.bug(self, error)

    def compose(self, draft: Draft) -> bytes:
        """Status line and headers as they go out."""
        if draft.raw is not None:
            return draft.head_as_given()
        return httpsys.head(draft.code, draft.headers, *self._service.heads(), draft.close)

    def _send_body(self, block: bytes, reply: Reply, draft: Draft) -> bool:
        """Head and body; whether that was all that was announced."""
        left = draft.length
        try:
            for piece in reply.pieces:
                if left is not None:
                    piece = piece[:left]
                    left -= len(piece)
                if piece:
                    self.write(block + (b"%x\r\n%b\r\n" % (len(piece), piece) if draft.chunked else piece))
                    block = b""
                if left == 0:
                    break
        except BrokenOff:
            self.write(block)
            raise
        if draft.chunked:
            block += LAST_CHUNK
        if block:
            self.write(block)
        return not left

    def write(self, data: bytes) -> None:
        """Send all of it. Raises Stopped or Ended."""
        patience = self._service.limits.send
        view: bytes | memoryview = data if len(data) <= _SLICE else memoryview(data)
        while True:
            self.deadline = monotonic() + patience
            with self._writing:
                if self.stopped is not None:
                    raise Stopped
                self._begun = True
                try:
                    sent = self._send(view[:_SLICE])
                except OSError:
                    raise self._gone() from None
            if sent == len(view):
                self.deadline = _NEVER
                return
            view = memoryview(view)[sent:]

    # -- waiting ---------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Let so much time go by. Raises Stopped, or Ended after a reset by the client."""
        self._wait(seconds, hang=False)

    def hang(self, seconds: float | None) -> None:
        """The same, until hangs are released (None: or without a limit), and over when the client ends its half."""
        self._hang(seconds, listen=True)
        if self.on_release is not None:
            self.on_release()

    def _hang(self, seconds: float | None, *, listen: bool) -> None:
        self.hanging = True
        try:
            self._wait(seconds, hang=True, listen=listen)
        finally:
            self.hanging = False

    def _wait(self, seconds: float | None, *, hang: bool, listen: bool = True) -> None:
        """`listen`: take in what the client sends; without, look now and then whether it is still there."""
        bell, left = self._service.bell, seconds
        until = None if seconds is None else monotonic() + seconds
        self.deadline = _NEVER
        relieve()
        listening = listen
        while True:
            with bell.within_earshot() as heard:
                if self.stopped is not None:
                    raise Stopped
                if hang and bell.released != self._released:
                    return
                if until is not None and (left := until - monotonic()) <= 0:
                    return
                if not listen:
                    left = _LOOK if left is None else min(left, _LOOK)
                if quiet(heard, self._sock if listening else None, left):
                    if not listen and transport.leaving(self._sock):
                        raise self._gone()
                    continue
            listening = self._read_ahead(hang)

    def _read_ahead(self, hang: bool) -> bool:
        """Read what the client has sent by now, for later; whether to keep listening."""
        self._sock.settimeout(0)
        try:
            while len(self._buffer) < _KEPT:
                data = self._recv(_HEAD_PIECE)
                if not data:
                    if hang or not transport.connected(self._sock):
                        raise self._gone()
                    return False
                self._buffer += data
        except (BlockingIOError, SSLWantReadError):
            return True
        except OSError:
            raise self._gone() from None
        finally:
            self._sock.settimeout(None)
        return False

    def waits_in_vain(self) -> bool:
        """Whether its answer hangs and the client is still there: neither gone nor going."""
        if not self.hanging:
            return False
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._sock, selectors.EVENT_READ)
                if not selector.select(_GLANCE):
                    return self.hanging  # its own thread may have seen the end first, and closed the socket
            # Past TLS, which would take it in: nothing is the end, and an alert says it.
            seen = socket.socket.recv(self._sock, 1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return False
        return seen not in (b"", b"\x15")

    # -- the end ---------------------------------------------------------------------------------------------

    def end(self, how: str) -> NoReturn:
        """End it: fin | rst | close_notify | half_close. Raises Over, or Stopped."""
        if how == "rst":
            self.deadline = _NEVER
            patience = self._service.limits.send
            transport.wait_until_received(self._sock, patience, lambda: self.stopped is not None)
        elif how == "half_close":
            self._finish(notify=True, linger=None)
        else:
            self._finish(notify=how == "close_notify", linger=True)
        raise Over

    def _finish(self, *, notify: bool, linger: bool | None) -> None:
        """End by FIN; `linger`: the client may still be sending, None: and may do so for as long as it likes."""
        limits = self._service.limits
        self.deadline = _NEVER
        transport.end_sending(self._sock, notify=notify)
        if linger is None:
            self._sock.settimeout(None)
            transport.wait_for_the_end(self._sock)
            if self.stopped is not None:
                raise Stopped
        else:
            transport.drain(self._sock, limits.drain_seconds if linger else 0.0, limits.drain_bytes)
        if self._leave():
            self._sock.close()

    def _reset(self) -> None:
        """End by RST, unless it has ended already."""
        if self._leave():
            transport.reset(self._sock)

    def _leave(self) -> bool:
        """From here on no other thread touches the socket; whether this is the first time."""
        with self._fd_lock:
            was, self._open = self._open, False
            if self._ended is not None:
                self._ended.set()
            return was
