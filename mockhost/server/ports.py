"""Sockets that hold one port on several addresses, listening or not.

Stopping the service must refuse connections and still keep the port from everybody else. Tried on Linux 6.18:

- `shutdown()` on a listening socket ends its listening and keeps its port, if the port was asked for by number: of
  one that the system chose (port 0) the kernel lets go. So the system is only asked which port is free.
- `SO_REUSEADDR` is needed to listen again beside old connections in TIME_WAIT, and lets others with the same option
  bind a port without a listener. So it is on while listening and off while holding; then neither
  `SO_REUSEADDR` nor `SO_REUSEPORT` nor a wildcard address gets the port.

Elsewhere a listening socket can't stop listening: it is closed, and another one bound in its place, which leaves a
moment in which another process could take the port. Windows has `SO_EXCLUSIVEADDRUSE` for holding. Not tried there.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Sequence

from mockhost.clock import monotonic
from mockhost.errors import CannotRun, UsageError, reason_of

_HIGHEST = 65_535
_BACKLOG = 1_024
_TRIES = 64
_ABSENT = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}


def _reuse(sock: socket.socket, on: bool) -> None:
    if sys.platform != "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, on)


def _bind(sock: socket.socket, address: tuple[str, int]) -> None:
    """Raises OSError, also for a text that cannot be the name of an address."""
    try:
        sock.bind(address)
    except (TypeError, UnicodeError):  # a NUL, half of a surrogate pair
        raise OSError(errno.EADDRNOTAVAIL, "it is not an address") from None


class _Place:
    """One address and the socket that holds it."""

    __slots__ = ("address", "family", "sock")

    def __init__(self, family: int, address: tuple[str, int]) -> None:
        self.family = family
        self.address = address
        self.sock = self._bound()

    def _bound(self) -> socket.socket:
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        try:
            if self.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if sys.platform == "win32":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            try:
                _bind(sock, self.address)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                _reuse(sock, True)  # only old connections may be in the way
                sock.bind(self.address)
                _reuse(sock, False)
        except OSError:
            sock.close()
            raise
        return sock

    def listen(self) -> None:
        _reuse(self.sock, True)
        self.sock.listen(_BACKLOG)
        self.sock.setblocking(False)

    def hold(self) -> None:
        if sys.platform == "linux":
            self.sock.shutdown(socket.SHUT_RDWR)
            _reuse(self.sock, False)
            return
        self.sock.close()
        until = monotonic() + 1.0
        while True:
            try:
                self.sock = self._bound()
                return
            except OSError:
                if monotonic() > until:
                    raise


def _is_port(number: object) -> bool:
    return isinstance(number, int) and 0 <= number <= _HIGHEST


class Port:
    """One port number on several addresses.

    options: how the options begin that name the port and its addresses, in the hints of errors. Raises UsageError.
    """

    def __init__(self, hosts: Sequence[str], port: int, *, options: str = "--") -> None:
        if not hosts:
            raise UsageError("there is no address to listen on", hint="give one, such as 127.0.0.1")
        if "" in hosts:
            raise UsageError("an address to listen on is empty", hint="give one, such as 127.0.0.1")
        if not _is_port(port):
            raise UsageError(f"{port!r} is not a valid port", hint=f"give one from 0 to {_HIGHEST}")
        self._hosts = tuple(hosts)
        self._host_option, self._port_option = f"{options}host", f"{options}port"
        self._wanted = port
        self._places: list[_Place] = []
        self.listening = False

    @property
    def number(self) -> int:
        """The port, 0 before it is bound."""
        return self._places[0].address[1] if self._places else 0

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """What is bound: without ::1 where there is no IPv6."""
        return tuple(place.address for place in self._places)

    @property
    def sockets(self) -> list[tuple[socket.socket, tuple[str, int]]]:
        return [(place.sock, place.address) for place in self._places]

    def bind(self) -> None:
        """Take the port on every address. Raises CannotRun."""
        for _ in range(_TRIES):
            port = self._wanted or self._free_port()
            taken: list[_Place] = []
            try:
                for host in self._hosts:
                    self._take(host, port, taken)
            except OSError as error:
                for place in taken:
                    place.sock.close()
                if self._wanted or error.errno != errno.EADDRINUSE:
                    raise self._cannot(host, port, error) from None
                continue
            if not taken:
                raise CannotRun(
                    f"none of {', '.join(self._hosts)} is an address of this machine",
                    hint=f"give another {self._host_option}",
                )
            self._places = taken
            return
        raise CannotRun(
            f"no port is free on all of {', '.join(self._hosts)}", hint=f"give one with {self._port_option}"
        )

    def _free_port(self) -> int:
        host = self._hosts[0]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                _bind(probe, (host, 0))
                return int(probe.getsockname()[1])
        except OSError as error:
            raise self._cannot(host, 0, error) from None

    def _take(self, host: str, port: int, taken: list[_Place]) -> None:
        try:
            taken.append(_Place(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, port)))
        except OSError as error:
            if ":" not in host or error.errno not in _ABSENT:
                raise

    def _cannot(self, host: str, port: int, error: OSError) -> CannotRun:
        if error.errno == errno.EADDRINUSE:
            return CannotRun(
                f"port {port} on {host} is in use",
                hint=f"stop what uses it, or give another with {self._port_option} (0 picks a free one)",
            )
        if error.errno in (errno.EACCES, errno.EPERM):
            return CannotRun(
                f"port {port} on {host} may not be used", hint=f"give a {self._port_option} from 1024 on"
            )
        if error.errno in _ABSENT or isinstance(error, socket.gaierror):
            return CannotRun(
                f"{host} is not an address of this machine", hint=f"give another {self._host_option}"
            )
        return CannotRun(
            f"port {port} on {host} can't be bound: {reason_of(error)}",
            hint=f"give another {self._host_option} or {self._port_option}",
        )

    def listen(self) -> None:
        """Accept connections from now on. Raises CannotRun."""
        for place in self._places:
            try:
                place.listen()
            except OSError as error:
                raise self._cannot(*place.address, error) from None
        self.listening = True

    def hold(self) -> None:
        """Refuse connections from now on, and keep the port. Raises CannotRun where it was lost."""
        self.listening = False
        for place in self._places:
            try:
                place.hold()
            except OSError as error:
                raise self._cannot(*place.address, error) from None

    def release(self) -> None:
        """Give the port up."""
        self.listening = False
        for place in self._places:
            with contextlib.suppress(OSError):
                place.sock.close()
        self._places = []
