"""What happens, for the pages that are open: rows of the journal, and what changed, as server-sent events.

One thread looks at the journal a few times a second and renders what is new, once for all pages; an exchange costs
its client nothing but a flag that is set. More than can be read is not rendered: the pages are told how much it was.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import orjson

from mockhost.clock import iso, monotonic
from mockhost.errors import CannotRun
from mockhost.exchange import Connection, Exchange
from mockhost.journal import renderings
from mockhost.journal.sink import Sink, printable
from mockhost.runtime import Runtime

MOST: Final = 32
"""Pages at a time: each has a connection and a thread."""
PERIOD: Final = 0.25
"""Seconds between two looks at the journal."""
RATE: Final = 320.0
"""Rows a second that are rendered when it goes on like that."""
TOO_MANY: Final = 2 * RATE
"""Exchanges a second of which no one can read the rows: then the latest few of each look are rendered."""
FEW: Final = 15
BURST: Final = 1_000.0
"""Rows that are rendered at once after a quiet time: what the journal holds."""
_LOOK: Final = 0.5
"""Seconds until it is seen that the host has ended, or that an answer came which was still awaited."""
_SIGN_OF_LIFE: Final = 15.0
_WAITING: Final = 200
"""Exchanges whose end is waited for, failed connections and changes that wait to be told."""
_QUEUED: Final = 64
_END: Final = b""


class Feed:
    """The feed of one host. Its thread runs while a page listens."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._listeners: list[queue.Queue[bytes]] = []
        self._news = threading.Event()
        self._told = False
        self._runs = False
        self._epoch, self._seen = -1, 0
        self._rendered: dict[int, bytes] = {}
        self._open: dict[int, tuple[Exchange, object]] = {}
        self._connections: deque[Connection] = deque(maxlen=_WAITING)
        self._changes: deque[str] = deque(maxlen=_WAITING)
        self._allowance, self._looked_at = BURST, 0.0

    # -- a page ------------------------------------------------------------------------------------------------

    def listen(self, epoch: int, since: int) -> Iterator[bytes]:
        """What the journal has after number `since` of that epoch (all of it in another one), then what comes.

        Raises CannotRun when too many listen.
        """
        mine: queue.Queue[bytes] = queue.Queue(_QUEUED)
        with self._lock:
            if len(self._listeners) >= MOST:
                raise CannotRun(f"{MOST} pages are open, and that is the limit", hint="close one")
            if not self._runs:
                # The thread of a page that has just gone may still be there, and goes on for this one.
                self._begin()
            self._listeners.append(mine)
            now, upto = self._epoch, self._seen
        return self._events(mine, now, since if epoch == now else 0, upto)

    def _events(self, mine: queue.Queue[bytes], epoch: int, since: int, upto: int) -> Iterator[bytes]:
        try:
            yield b"retry: 1000\n" + _event("hello", {"epoch": epoch, "since": since})
            found = [each for each in self._runtime.journal.entries(since=since) if each.number <= upto]
            yield self._rows([self._row(each) for each in found])
            while True:
                try:
                    piece = mine.get(timeout=_SIGN_OF_LIFE)
                except queue.Empty:
                    yield b": still here\n\n"
                    continue
                if piece == _END:
                    return
                yield piece
        finally:
            with self._lock:
                if mine in self._listeners:
                    self._listeners.remove(mine)
            self._news.set()

    def _begin(self) -> None:
        """Start from what the journal has now."""
        self._epoch, self._seen = self._runtime.epoch.number, self._runtime.journal.last
        self._rendered, self._open = {}, {}
        self._connections.clear()
        self._changes.clear()
        stop = self._runtime.events.call(self._hear)
        self._runs = True
        threading.Thread(target=self._run, args=(stop,), name="mockhost-console", daemon=True).start()

    # -- what happens ------------------------------------------------------------------------------------------

    def _hear(self, kind: str, data: object) -> None:
        """Something happened while its client waits, so it is only noted."""
        if kind == "connection" and isinstance(data, Connection):
            self._connections.append(data)
        elif kind != "exchange":
            self._changes.append(str(data.get("what", kind)) if isinstance(data, Mapping) else kind)
        if not self._told:
            self._told = True
            self._news.set()

    def _run(self, stop: Callable[[], None]) -> None:
        pause = threading.Event()
        try:
            while self._goes_on():
                self._news.wait(_LOOK)
                self._news.clear()
                self._told = False
                for piece in self._pieces():
                    self._send(piece)
                pause.wait(PERIOD)
        finally:
            stop()

    def _goes_on(self) -> bool:
        """Whether a page listens and there is something to hear; else every page is told of the end."""
        with self._lock:
            if self._listeners and not self._runtime.events.closed:
                return True
            for each in self._listeners:
                _end(each)
            self._listeners.clear()
            self._runs = False
            return False

    def _send(self, piece: bytes) -> None:
        with self._lock:
            for each in list(self._listeners):
                try:
                    each.put_nowait(piece)
                except queue.Full:
                    # It reads too slowly. The browser comes again and says what it has.
                    self._listeners.remove(each)
                    _end(each)

    # -- rendering ---------------------------------------------------------------------------------------------

    def _pieces(self) -> Iterator[bytes]:
        runtime, journal = self._runtime, self._runtime.journal
        with runtime.lock:
            epoch, last = runtime.epoch.number, journal.last
        if epoch != self._epoch:
            with self._lock:
                self._epoch, self._seen = epoch, 0
            self._rendered, self._open = {}, {}
            yield _event("hello", {"epoch": epoch, "since": 0})
        if last > self._seen:
            yield self._new(last)
        yield from self._ended()
        failed = [self._connections.popleft() for _ in range(len(self._connections))]
        if failed:
            yield self._rows([of_connection(each, journal.sink) for each in failed])
        changes = [self._changes.popleft() for _ in range(len(self._changes))]
        if changes:
            yield _event("changed", {"what": list(dict.fromkeys(changes))})

    def _new(self, last: int) -> bytes:
        found = [each for each in self._runtime.journal.entries(since=self._seen) if each.number <= last]
        now = monotonic()
        elapsed = now - self._looked_at
        self._allowance = min(BURST, self._allowance + RATE * elapsed)
        self._looked_at = now
        many = int(self._allowance) if last - self._seen <= TOO_MANY * elapsed else FEW
        some = found[-many:] if many else []
        self._allowance = max(0.0, self._allowance - len(some))
        passed = last - self._seen - len(some)
        piece = self._rows([self._row(each) for each in some], passed)
        with self._lock:
            self._seen = last
        return piece

    def _ended(self) -> Iterator[bytes]:
        """The rows again of exchanges that were still open when they were rendered."""
        again = []
        for number, (exchange, before) in list(self._open.items()):
            if _state(exchange) != before:
                fresh = self._rendered[number] = of_exchange(exchange, self._runtime.journal.sink)
                again.append(fresh)
                del self._open[number]
        if again:
            yield self._rows(again)

    def _row(self, exchange: Exchange) -> bytes:
        row = self._rendered.get(exchange.number)
        if row is None:
            row = of_exchange(exchange, self._runtime.journal.sink)
            if exchange.epoch == self._epoch:
                self._keep(exchange, row)
        return row

    def _keep(self, exchange: Exchange, row: bytes) -> None:
        self._rendered[exchange.number] = row
        if len(self._rendered) > 1.5 * BURST:
            self._rendered = dict(list(self._rendered.items())[-int(BURST) :])
        if is_open(exchange):
            self._open[exchange.number] = exchange, _state(exchange)
            while len(self._open) > _WAITING:
                del self._open[next(iter(self._open))]

    @staticmethod
    def _rows(some: list[bytes], passed: int = 0) -> bytes:
        return b'event: rows\ndata: {"passed":%d,"rows":[%b]}\n\n' % (passed, b",".join(some))


def _state(exchange: Exchange) -> object:
    """What changes when the end of an exchange comes."""
    return exchange.status, exchange.took, exchange.streamed, exchange.bug


def _end(listener: queue.Queue[bytes]) -> None:
    """Have a listener end, whatever it has not read yet."""
    while True:
        try:
            listener.put_nowait(_END)
            return
        except queue.Full:
            with contextlib.suppress(queue.Empty):
                listener.get_nowait()


def _event(kind: str, data: object) -> bytes:
    return f"event: {kind}\n".encode() + b"data: " + orjson.dumps(data) + b"\n\n"


# -- a row: what the page lists and filters by ----------------------------------------------------------------------

FIELDS = (
    *("number", "at", "connector", "operation", "who", "status", "took", "rule", "faults", "reason"),
    *("verdict", "probe", "method", "target", "connection", "bug"),
)
"""What a row has, in this order."""
_TARGET = 300
"""Characters of a target that a row has; the exchange has all of it."""


def of_exchange(exchange: Exchange, sink: Sink) -> bytes:
    """The row as JSON, without secrets."""
    e = sink.brief(exchange)
    who = e.who if e.who is not None else e.id
    row = (
        e.number,
        iso(e.at),
        e.connector and printable(e.connector),
        printable(e.operation),
        who and printable(who),
        e.status,
        None if e.took is None else round(e.took * 1_000, 1),
        e.rule and printable(e.rule),
        list(map(printable, e.faults)),
        e.reason and printable(e.reason),
        e.verdict,
        e.probe,
        printable(e.method),
        printable(e.target[:_TARGET]),
        e.connection,
        e.bug and printable(e.bug),
    )
    return orjson.dumps(row)


def of_connection(connection: Connection, sink: Sink) -> bytes:
    """The row of a connection whose handshake failed: the line that the terminal shows is its reason."""
    c = sink.connection(connection)
    line = renderings.connection_line(connection).partition(": ")[2]
    row: tuple[object, ...] = (
        f"c{c.number}",
        iso(c.at),
        None,
        "connection",
        printable(c.peer),
        None,
        None,
        c.rule and printable(c.rule),
        [],
        printable(line),
        "",
        False,
        "",
        "",
        c.number,
        None,
    )
    return orjson.dumps(row)


def is_open(exchange: Exchange) -> bool:
    """Whether more of it may still come: no answer, an answer that is held back or sent in pieces."""
    return exchange.status is None or exchange.delay is not None or exchange.answer_body is None
