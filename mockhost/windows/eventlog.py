"""The event logs: which records there are, at which level, and how many a log keeps.

Requests and answers are not written here as they happen: they wait in the host's backlog until a log is read, so that
a request under Verbose costs what it costs under Error. Levels, limits and the unregistered source are those of
.NET's `EventLogTraceListener` and `EventLog` (GitHub microsoft/referencesource); the texts are assumed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from mockhost.connectors.ecma.backlog import WRITES
from mockhost.exchange import Exchange, as_text
from mockhost.windows.config import FACTS

LEVELS: Final[Mapping[str, int]] = {"Critical": 2, "Error": 2, "Warning": 3, "Information": 4, "Verbose": 4}
"""The level that a record gets, by trace event type: the log has no Verbose."""
BITS: Final[Mapping[str, int]] = {"Critical": 1, "Error": 2, "Warning": 4, "Information": 8, "Verbose": 16}
LEVEL_NAMES: Final = {2: "Error", 3: "Warning", 4: "Information"}
LONGEST: Final = 31_839
"""Characters of a record's text: the limit of Windows (general knowledge); .NET's own is 32,766."""
_OVERHEAD: Final = 200
"""Bytes of a record beside its text, about."""
LOG_OF: Final[Mapping[str, str]] = {
    source: log for log, sources in FACTS["logs"].items() for source in sources
}
HOST_LOGS: Final = ("Microsoft ECMA2Host Logs", "ConnectorsLog")


class Record(NamedTuple):
    """One event."""

    id: int
    """EventRecordID: counts from 1 in each log"""
    at: float
    """seconds since 1970"""
    log: str
    source: str
    event_id: int
    level: int
    """2 Error, 3 Warning, 4 Information"""
    text: str
    computer: str

    @property
    def level_name(self) -> str:
        return LEVEL_NAMES[self.level]


class Log:
    """One log: its records, the oldest of which go when it is full."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size
        """bytes that it may take"""
        self.used = 0
        self.written = 0
        """how many records were ever written: the last one's number"""
        self.records: deque[Record] = deque()

    def add(self, record: Record) -> None:
        self.written += 1
        self.records.append(record._replace(id=self.written))
        self.used += _size(record)
        self.resize(self.size)

    def resize(self, size: int) -> None:
        self.size = size
        while self.used > size and len(self.records) > 1:
            self.used -= _size(self.records.popleft())

    def clear(self) -> None:
        self.records.clear()
        self.used = 0


class LogSnapshot(NamedTuple):
    """A log as it was at one moment, which is read without the runtime's lock."""

    name: str
    size: int
    records: tuple[Record, ...]
    exists: bool


def newest(logs: Iterable[LogSnapshot]) -> list[Record]:
    """The records of some logs, the newest first."""
    found = [record for log in logs for record in log.records]
    return sorted(found, key=lambda each: (each.at, each.id), reverse=True)


def _size(record: Record) -> int:
    return _OVERHEAD + 2 * len(record.text)


class EventLogs:
    """All logs of the server."""

    def __init__(self, computer: str, size: int, registered: Iterable[str]) -> None:
        self.computer = computer
        self.registered = set(registered)
        """the host's event sources that exist"""
        self.levels: dict[str, int] = {}
        """the SourceLevels masks that the running service has read, by source"""
        self.wizard: Mapping[str, int] = {}
        """the same of the wizard, which has a file of its own"""
        self.logs = {name: Log(name, size if name in HOST_LOGS else 20_971_520) for name in FACTS["logs"]}

    def resize(self, size: int) -> None:
        """Give the host's own logs another size."""
        for name in HOST_LOGS:
            self.logs[name].resize(size)

    def write(self, at: float, source: str, kind: str, event_id: int, text: str) -> None:
        """Write a record, whatever the levels say. A source that is not registered has none."""
        if LOG_OF[source] in HOST_LOGS and source not in self.registered:
            return
        log = self.logs[LOG_OF[source]]
        log.add(Record(0, at, log.name, source, event_id, LEVELS[kind], _clipped(text), self.computer))

    def passes(self, event: str) -> bool:
        """Whether one of the host's events is written: if the levels and the registration of its source let it pass."""
        source, kind, _ = FACTS["host_events"][event]
        levels = self.wizard if event.startswith("wizard_") else self.levels
        return source in self.registered and bool(levels.get(source, 0) & BITS[kind])

    def trace(self, at: float, event: str, **values: object) -> None:
        """Have the host or its wizard trace one of its events."""
        source, kind, words = FACTS["host_events"][event]
        if self.passes(event):
            text = words.format_map({name: _text(value) for name, value in values.items()})
            self.write(at, source, kind, 0, text.rstrip("\n"))

    def scm(self, at: float, event_id: int, **values: object) -> None:
        """Have the Service Control Manager write an event."""
        kind, words = FACTS["scm"][str(event_id)]
        self.write(at, "Service Control Manager", kind, event_id, words.format_map(values))

    def application(self, at: float, event_id: int, **values: object) -> None:
        """Have Windows or .NET write an event into the log Application."""
        source, kind, words = FACTS["application"][str(event_id)]
        self.write(at, source, kind, event_id, words.format_map(values))

    def exchange(self, e: Exchange) -> None:
        """Write what the host traced of an exchange, which is as it may be shown."""
        shared = {"method": e.method, "target": as_text(e.target), "status": e.status or "no answer"}
        for event in filter(self.passes, _events(e)):
            if event == "export":
                for native in e.native:
                    self.trace(e.at, event, connector=e.connector, native=native)
            elif event in ("request", "answer"):
                body = e.body if event == "request" else e.answer_body or b""
                self.trace(e.at, event, body=body, **shared)
            else:
                self.trace(e.at, event, why=_why(e), connector=e.connector, **shared)

    def wants(self, e: Exchange) -> bool:
        """Whether anything of an exchange is written."""
        return any(map(self.passes, _events(e)))

    def snapshot(self) -> dict[str, LogSnapshot]:
        """Every log as it is now, by name. A log of the host's without a registered source does not exist there."""
        registered = {LOG_OF[source] for source in self.registered}
        return {
            name: LogSnapshot(name, log.size, tuple(log.records), name not in HOST_LOGS or name in registered)
            for name, log in self.logs.items()
        }


def _events(e: Exchange) -> Iterator[str]:
    """What the host traces of an exchange: names of `host_events`."""
    if e.verdict == "refused" or not (e.connector or e.operation != "unknown"):
        return  # http.sys answered
    status = e.status or 0
    yield "request"
    if e.native:
        yield "export"
    if status >= 400 and e.operation.startswith(WRITES) and e.verdict == "ok":
        yield "export_failed"
    elif status >= 400:
        yield "failed" if status >= 500 else "refused"
    yield "answer"


def _why(e: Exchange) -> str:
    """The error's own words in an answer, else all of it."""
    import orjson

    try:
        said = orjson.loads(e.answer_body or b"")
    except orjson.JSONDecodeError:
        said = None
    if isinstance(said, dict):
        for key in ("detail", "ExceptionMessage", "Message"):
            if isinstance(said.get(key), str):
                return str(said[key])
    return e.reason or _text(e.answer_body or b"")


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST]
