"""A connection as a client's side sees it: what arrived, and how exactly it ended.

TCP and TLS are kept apart (`ssl.MemoryBIO`), because a socket wrapped by `ssl` can't tell a peer's FIN from
its `close_notify`, nor always a reset from either. Nothing in here waits past its deadline.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import ssl
import threading
from typing import Protocol

from mockhost.clock import monotonic
from mockhost.errors import reason_of
from mockhost.relief import relieve

_CHUNK = 65_536
_MOST_AHEAD = 1 << 20
"""Bytes that are taken from a peer which sends before it has read what we send."""
_RECORDS = (b"\x15", b"\x16")
"""How TLS can begin: an alert or a handshake record (RFC 8446 5.1)."""
_NO_RECORD = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "BAD_RECORD_TYPE"})
"""What OpenSSL says of bytes that are no TLS record."""
_ALERT_SIZE = 7
"""Of an alert's record: type, version, length, then the level and the code."""
_UNNAMED = {0: "close_notify", 115: "unknown_psk_identity", 120: "no_application_protocol"}
"""Alerts by their codes (RFC 8446 6.2) for which `ssl` has no words, where they come in the clear."""
_EOF = "UNEXPECTED_EOF_WHILE_READING"
"""What OpenSSL 3 says of an end without close_notify; for older Pythons (3.11.2 among them) not an SSLEOFError."""


class Refused(Exception):
    """Nothing listens there."""


class Unreachable(Exception):
    """The name is unknown or there is no way to the address; the text says which."""


class Connection(Protocol):
    """A byte stream whose end is known. Both methods raise TimeoutError at the deadline."""

    @property
    def ended(self) -> str:
        """'' while open, else fin | rst | close_notify | alert | not_tls."""

    def send(self, data: bytes) -> bool:
        """Whether all of it could be handed over; False once the peer has gone (it may have answered)."""

    def receive(self) -> bytes:
        """What comes next; b'' once it has ended."""


class Tcp:
    """A TCP connection that can be sent to and received from at once."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self.sock = sock
        self.deadline = deadline
        self.ended = ""
        self._inbox = bytearray()
        self._reset = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)
        self._watched = selectors.EVENT_READ

    def _watch(self, events: int) -> None:
        """Have the selector look for these events: a call of the system's only where they are others than before."""
        if events != self._watched:
            self._selector.modify(self.sock, events)
            self._watched = events

    def _wait(self, events: int) -> int:
        """The events that are ready. Raises TimeoutError."""
        remaining = self.deadline - monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._watch(events)
        relieve()
        ready = self._selector.select(remaining)
        if not ready:
            raise TimeoutError
        return ready[0][1]

    def _take(self) -> None:
        """Move what has arrived to the inbox, or note how it ended."""
        try:
            data = self.sock.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            # A reset; or an ICMP error, or an abort on Windows, by which it is as gone.
            self.ended = "rst"
            return
        if data:
            self._inbox += data
        else:
            # The system reports a reset once: if sending got the report, reading sees a mere end.
            self.ended = "rst" if self._reset else "fin"

    def is_quiet(self) -> bool:
        """Whether nothing has arrived by now that was not received, not even an end."""
        self._watch(selectors.EVENT_READ)
        return not self.ended and not self._inbox and not self._selector.select(0)

    def send(self, data: bytes) -> bool:
        view = memoryview(data)
        while view:
            ahead = 0 if len(self._inbox) > _MOST_AHEAD else selectors.EVENT_READ
            if ahead and not self.ended:
                self._take()
            if self.ended:
                break
            if monotonic() > self.deadline:
                raise TimeoutError
            try:
                # Mostly there is room: the selector is asked only where there is none.
                view = view[self.sock.send(view[:_CHUNK]) :]
            except (BlockingIOError, InterruptedError):
                self._wait(ahead | selectors.EVENT_WRITE)
            except ConnectionResetError:
                self._reset = True
                return False
            except OSError:
                return False
        return not view

    def receive(self) -> bytes:
        while not self._inbox and not self.ended:
            if self._wait(selectors.EVENT_READ):
                self._take()
        if not self._inbox:
            return b""
        if monotonic() > self.deadline:
            raise TimeoutError
        data = bytes(self._inbox)
        self._inbox.clear()
        return data

    def close(self) -> None:
        self._selector.close()
        self.sock.close()


class Tls:
    """TLS over a `Tcp`. `handshake()` comes first."""

    def __init__(self, tcp: Tcp, context: ssl.SSLContext, server_name: str) -> None:
        self.tcp = tcp
        self.ended = ""
        self.alert = ""
        """the peer's alert, e.g. `handshake_failure`, or what OpenSSL has against the peer's TLS"""
        self.problem = ""
        """what OpenSSL made of it, where the connection ended by neither FIN nor reset"""
        self._first = self._last = b""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)

    def handshake(self) -> bool:
        """Whether there is a session now; `ended` says why not.

        Raises ssl.SSLCertVerificationError when we refuse the peer's certificate (the peer has been told),
        and TimeoutError.
        """
        while not self.ended:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            except ssl.SSLCertVerificationError:
                self._flush()
                raise
            except ssl.SSLError as problem:
                self._flush()
                self._note(problem)
            else:
                self._flush()
                return True
        return False

    def _flush(self) -> bool:
        return self.tcp.send(self._outgoing.read())

    def _feed(self) -> None:
        if data := self.tcp.receive():
            self._first = self._first or data[:2]
            self._last = (self._last + data[-_ALERT_SIZE:])[-_ALERT_SIZE:]
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _note(self, problem: ssl.SSLError) -> None:
        """Say how the connection ended, from what OpenSSL complains of."""
        if isinstance(problem, ssl.SSLZeroReturnError):
            self.ended = "close_notify"
        elif isinstance(problem, ssl.SSLEOFError) or problem.reason == _EOF:
            self.ended = self.tcp.ended or "fin"
        elif self._first[:1] not in _RECORDS or problem.reason in _NO_RECORD:
            self.ended = "not_tls"
            self.problem = (problem.reason or str(problem)).lower().replace("_", " ")
        else:
            self.ended = "alert"
            self.alert = self._name(problem.reason)

    def _name(self, reason: str | None) -> str:
        """An alert's name from OpenSSL's word for it, e.g. `handshake_failure` from SSLV3_ALERT_HANDSHAKE_FAILURE."""
        if reason:
            word = re.sub(r"^(?:SSLV3_|TLSV1_|TLSV13_)(?:ALERT_)?", "", reason).lower()
            return "user_canceled" if word == "user_cancelled" else word
        in_the_clear = (
            len(self._last) == _ALERT_SIZE and self._last[:1] == b"\x15" and self._last[3:5] == b"\0\x02"
        )
        return _UNNAMED.get(self._last[-1], "unknown") if in_the_clear else "unknown"

    def send(self, data: bytes) -> bool:
        view = memoryview(data)
        while view:
            try:
                view = view[self._tls.write(view[:_CHUNK]) :]
            except ssl.SSLError as problem:
                self._note(problem)
                return False
            if not self._flush():
                return False
        return True

    def receive(self) -> bytes:
        while not self.ended:
            try:
                if data := self._tls.read(_CHUNK):
                    return data
                self.ended = "close_notify"
            except ssl.SSLWantReadError:
                self._flush()  # an answer to a key update, if there is one
                self._feed()
            except ssl.SSLError as problem:
                self._note(problem)
        return b""

    def certificate(self) -> bytes | None:
        """The peer's certificate in DER form, trusted or not."""
        return self._tls.getpeercert(binary_form=True)

    @property
    def version(self) -> str:
        return self._tls.version() or ""

    def say_goodbye(self) -> None:
        """Send our `close_notify`; the peer's is not waited for."""
        if self.ended not in ("", "close_notify"):
            return
        with contextlib.suppress(ssl.SSLError, OSError, ValueError, TimeoutError):
            self._tls.unwrap()
        with contextlib.suppress(TimeoutError):
            self._flush()


def _addresses(host: str, port: int, deadline: float) -> list[tuple[int, tuple[object, ...]]]:
    """Where `host` is, as (family, address) pairs. Raises Unreachable, TimeoutError."""
    found: list[tuple[int, tuple[object, ...]]] = []
    problems: list[str] = []

    def look_up() -> None:
        try:
            for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append((family, address))
        except (OSError, UnicodeError) as problem:
            problems.append(str(problem))

    # The resolver has no time-out of its own that could be set, so it is waited for on a thread.
    thread = threading.Thread(target=look_up, name=f"resolve {host}", daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - monotonic()))
    if thread.is_alive():
        raise TimeoutError(f"looking up the name {host} does not end")
    if not found:
        raise Unreachable(f"{host} is not known here: {''.join(problems) or 'no address'}")
    return found


def connect(host: str, port: int, deadline: float) -> Tcp:
    """Connect to the first address that accepts, as HTTP clients do with `localhost`.

    Raises Refused when all that can be reached refuse, Unreachable, or TimeoutError at the deadline (by
    `clock.monotonic()`).
    """
    relieve()
    refused, problem = False, ""
    for family, address in _addresses(host, port, deadline):
        try:
            return _connected(family, address, deadline)
        except TimeoutError:
            raise
        except ConnectionRefusedError:
            refused = True
        except OSError as unreachable:
            problem = problem or reason_of(unreachable)
    if refused:
        raise Refused
    raise Unreachable(f"{host}:{port} can't be reached: {problem}")


def _connected(family: int, address: tuple[object, ...], deadline: float) -> Tcp:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(max(0.001, deadline - monotonic()))
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        return Tcp(sock, deadline)
    except ConnectionResetError:
        # It was accepted, or we would have been refused, and reset before we could look.
        over = Tcp(sock, deadline)
        over.ended = "rst"
        return over
    except BaseException:
        sock.close()
        raise
