"""The data plane's port: accepting, watching over connections, opening and closing.

Three kinds of threads: one that accepts, one that watches over deadlines and over the leader, and those that serve:
one for each new connection and for each answer that takes long, and the leader, for all the idle ones. Nothing here
waits for a connection's thread except `shutdown`, so that a caller that holds a lock which the application wants may
close, open and cut.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import selectors
import socket
import threading
from collections.abc import Callable, Iterable, Sequence

from mockhost.clock import monotonic, wall_now
from mockhost.plans import ConnectionPlan, UploadPlan
from mockhost.server.connection import Connection
from mockhost.server.idle import IdleConnections
from mockhost.server.ports import Port
from mockhost.server.service import Connection as Accepted
from mockhost.server.service import Environ, Limits, NoObserver, Observer, Service, WsgiApp
from mockhost.server.transport import Socket, TlsOffer, reset
from mockhost.server.waiting import Bell
from mockhost.tls.config import TlsConfig

__all__ = ["Limits", "Listener", "Observer", "TlsOffer"]

_ACCEPTS_AT_ONCE = 32
_SHUTDOWN = 0.8
_LOOK = 0.005
"""Seconds after which the leader of the idle connections is relieved of leading, at the second look."""
_FAREWELL = 0.1
_KEPT_FOR = 2.0
"""Seconds for which a thread without a connection waits for another."""
Task = Callable[[], None]


class Listener:
    """One port that serves a WSGI application over HTTP/1.1, in the clear or over TLS.

    `bind`, then `open` and `close` as often as one likes, `shutdown` at the end; all of them from any thread.

    - `hosts`: numeric addresses, all on one port; an IPv6 address that the machine lacks is left out.
    - `tls`: asked for each connection what it shakes hands with, with the `tls` of its plan or with None for the
      usual; without it, plain HTTP.
    - `plan`: asked for each connection, right after its observer, what it is met with; without it, all are served.
    - `upload`: asked when the head of a request with a body was read, how that is read; given what makes the
      request's environ, in which it may leave something under `wsgi.UPLOAD`.
    - `heads`: asked for each answer how its head is written: `httpapi` or `plain`, and the seconds since 1970 for
      `Date`.
    """

    def __init__(
        self,
        app: WsgiApp,
        *,
        hosts: Sequence[str] = ("127.0.0.1", "::1"),
        port: int = 0,
        tls: Callable[[TlsConfig | None], TlsOffer] | None = None,
        plan: Callable[[Accepted], ConnectionPlan] | None = None,
        upload: Callable[[Callable[[], Environ]], UploadPlan | None] | None = None,
        heads: Callable[[], tuple[str, float]] = lambda: ("plain", wall_now()),
        observer: Observer | None = None,
        limits: Limits = Limits(),  # noqa: B008 - an immutable value
        name: str = "data",
    ) -> None:
        self.limits = limits
        self.name = name
        self._workers = Workers(f"mockhost-{name}", limits.idle_threads)
        self._watched = threading.Event()
        self._idle = IdleConnections(self._attend, self._workers.run, self._watched.set)
        self._service = Service(app, tls, heads, observer or NoObserver(), limits, plan, upload, Bell())
        self._port = Port(hosts, port, options="--control-" if name == "control" else "--")
        self._numbers = itertools.count(1)
        self._connections: dict[int, Connection] = {}
        self._state = threading.RLock()
        self._acceptor: threading.Thread | None = None
        self._wake: tuple[socket.socket, socket.socket] | None = None
        self._watch: threading.Thread | None = None
        self._ended = threading.Event()

    # -- the port --------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port's number once bound, else 0."""
        return self._port.number

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """What is bound: (address, port)."""
        return self._port.addresses

    @property
    def is_open(self) -> bool:
        """Whether connections are accepted."""
        return self._port.listening

    @property
    def connections(self) -> int:
        """How many connections are alive, or not yet buried."""
        return len(self._connections)

    def bind(self) -> int:
        """Take the port on all addresses without listening; returns its number. Raises CannotRun."""
        with self._state:
            if not self._port.addresses:
                self._port.bind()
            return self._port.number

    def open(self) -> None:
        """Listen and serve; nothing if that is so already. Raises CannotRun."""
        with self._state:
            if self._port.listening or self._ended.is_set():
                return
            self.bind()
            self._port.listen()
            self._wake = socket.socketpair()
            self._acceptor = threading.Thread(
                target=self._accept, args=(self._wake[1],), name=f"mockhost-{self.name}-accept", daemon=True
            )
            self._acceptor.start()
            if self._watch is None:
                self._watch = threading.Thread(
                    target=self._watch_over, name=f"mockhost-{self.name}-watch", daemon=True
                )
                self._watch.start()

    def close(self, spared: object = None) -> None:
        """Refuse connections and cut the ones there are, and hold the port. Raises CannotRun where it was lost.

        `spared` is a connection that may send its answer first, and then ends.
        """
        with self._state:
            if not self._port.listening:
                return
            self._stop_accepting()
            self._cut([each for each in list(self._connections.values()) if each is not spared])
            if isinstance(spared, Connection):
                spared.stop_idle()
            self._port.hold()

    def close_connections(self) -> None:
        """Cut every connection: when this returns, none can write any more. Idle ones end by FIN, others by RST."""
        self._cut(list(self._connections.values()))

    def _cut(self, connections: Sequence[Connection]) -> None:
        for connection in connections:
            connection.stop("cut")
        self._idle.relieve()
        self._service.bell.ring()
        self._see_out(connections)

    def release(self) -> int:
        """Let every answer that hangs go on, so that the rest of it follows; how many hang. Later ones hang again."""
        hanging = sum(connection.hanging for connection in list(self._connections.values()))
        self._service.bell.release()
        return hanging

    def hanging(self) -> list[int]:
        """The numbers of the connections whose answer hangs, and whose client still waits for it."""
        return [each.number for each in list(self._connections.values()) if each.waits_in_vain()]

    def _see_out(self, connections: Iterable[Connection], seconds: float = _FAREWELL) -> None:
        """Wait, for a moment at most, until connections that were told to end have ended on the wire."""
        deadline = monotonic() + seconds
        for connection in connections:
            connection.wait_until_ended(deadline)

    def close_idle(self) -> None:
        """End the idle connections now and the others after their exchange: the next one does a new handshake."""
        stopped = [each for each in list(self._connections.values()) if each.stop_idle()]
        self._idle.relieve()
        self._see_out(stopped)

    def end(self, finish: float = 0.0) -> None:
        """Cut everything and release the port: when this returns, nothing can be written any more.

        Before that, answers that are under way have `finish` seconds in which to end.
        """
        with self._state:
            if self._ended.is_set():
                return
            if self._port.listening:
                self._stop_accepting()
            if finish:
                connections = list(self._connections.values())
                for connection in connections:
                    connection.stop_idle()
                self._idle.relieve()
                self._see_out(connections, finish)
            self._ended.set()
            self._watched.set()
            self._port.release()
            self.close_connections()
            self._idle.close()

    def shutdown(self, finish: float = 0.0) -> None:
        """`end` it and wait for the threads, for less than a second."""
        self.end(finish)
        if self._watch is not None and self._watch is not threading.current_thread():
            self._watch.join(_SHUTDOWN)
        self._workers.dismiss(_SHUTDOWN)

    # -- its threads -----------------------------------------------------------------------------------------

    def _stop_accepting(self) -> None:
        assert self._wake is not None
        assert self._acceptor is not None
        ours, theirs = self._wake
        ours.close()
        self._acceptor.join()
        theirs.close()
        self._acceptor = self._wake = None

    def _accept(self, wake: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(wake, selectors.EVENT_READ)
            for sock, address in self._port.sockets:
                selector.register(sock, selectors.EVENT_READ, address)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is wake:
                        return
                    assert isinstance(key.fileobj, socket.socket)
                    for _ in range(_ACCEPTS_AT_ONCE):
                        try:
                            sock, peer = key.fileobj.accept()
                        except (BlockingIOError, InterruptedError):
                            break
                        except OSError:
                            self._ended.wait(0.02)  # out of file descriptors, or the client is gone again
                            break
                        self._begin(sock, peer[:2], key.data)

    def _begin(self, sock: Socket, peer: tuple[str, int], local: tuple[str, int]) -> None:
        try:
            sock.setblocking(True)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            sock.close()
            return
        connection = Connection(self._service, sock, peer, local, next(self._numbers))
        full = len(self._connections) >= self.limits.connections or self._is_greedy(peer[0])
        self._connections[connection.number] = connection
        serve = connection.turn_away if full else connection.serve

        def task() -> None:
            self._serve(connection, serve)
            self._idle.lead()

        try:
            self._workers.run(task)
        except RuntimeError:  # no thread is to be had
            self._connections.pop(connection.number, None)
            reset(sock)
        if len(self._connections) == 1:
            self._watched.set()

    def _serve(self, connection: Connection, part: Callable[[], bool]) -> None:
        """Serve a connection until it ends, or until it is idle and parked."""
        parked = False
        try:
            while part():
                if self._idle.park(connection):
                    parked = True
                    return
                part = connection.go_on
        finally:
            if not parked:
                self._connections.pop(connection.number, None)

    def _attend(self, connection: Connection) -> None:
        with contextlib.suppress(Exception):  # as of a task of `Workers`
            self._serve(connection, connection.go_on)

    def _is_greedy(self, address: str) -> bool:
        """Whether an address has all the connections that one may have."""
        most = self.limits.from_one_address
        return most < self.limits.connections and most <= sum(
            each.peer[0] == address for each in list(self._connections.values())
        )

    def _watch_over(self) -> None:
        limits = self.limits
        shortest = min(limits.handshake, limits.head, limits.idle, limits.body, limits.send)
        period = min(0.25, max(0.02, shortest / 4))
        due = 0.0
        while not self._ended.is_set():
            if not self._connections:
                self._watched.wait()
                self._watched.clear()
                continue
            now = monotonic()
            if now >= due:
                due = now + period
                for connection in list(self._connections.values()):
                    if connection.deadline < now:
                        connection.expire(now)
            if self._watched.wait(_LOOK if self._idle.look() else period):
                self._watched.clear()


class Workers:
    """Runs each task on a thread of its own, new or waiting, as starting one costs more than keeping it for a while.

    What a task raises is dropped.
    """

    def __init__(self, name: str, idle: int) -> None:
        self._name = name
        self._most_idle = idle
        self._lock = threading.Lock()
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._waiting = 0
        self._count = 0
        self._threads: set[threading.Thread] = set()

    def run(self, task: Task) -> None:
        """Have `task` run at once. Raises RuntimeError where the system gives no more threads."""
        with self._lock:
            if self._waiting:
                self._waiting -= 1
                self._tasks.put(task)
                return
            self._count += 1
            name = f"{self._name}-{self._count}"
        thread = threading.Thread(target=self._work, args=(task,), name=name, daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._threads.discard(thread)
            raise

    def _work(self, task: Task | None) -> None:
        while task is not None:
            with contextlib.suppress(
                Exception
            ):  # it has told its observer; a traceback would tell a user nothing
                task()
            del task  # a waiting thread must not keep its last connection
            with self._lock:
                if self._waiting >= self._most_idle:
                    break
                self._waiting += 1
            try:
                task = self._tasks.get(timeout=_KEPT_FOR)
            except queue.Empty:
                with self._lock:
                    if self._waiting:
                        self._waiting -= 1
                        break
                task = self._tasks.get()  # a caller has just reserved this thread
        self._threads.discard(threading.current_thread())

    def dismiss(self, patience: float) -> bool:
        """End the waiting threads and wait for the busy ones; whether all have ended."""
        until = monotonic() + patience
        with self._lock:
            self._most_idle = 0
            for _ in range(self._waiting):
                self._tasks.put(None)
            self._waiting = 0
        for thread in list(self._threads):
            with contextlib.suppress(RuntimeError):
                thread.join(max(0.0, until - monotonic()))
        return not self._threads
