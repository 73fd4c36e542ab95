"""A host in another process, container or machine, behind the fixture: through its control plane.

It does whatever a host of this process does, with the files and variables of this side. Only its process belongs to
the one that started it, and its journal is a copy, taken when it is asked for.
"""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mockhost.client.control import ControlPlane
from mockhost.clock import fresh_key, parse_iso
from mockhost.errors import UsageError
from mockhost.journal import Connection, Exchange, Sink, verification
from mockhost.journal.secrets import is_secret
from mockhost.operations import find
from mockhost.pytest_plugin import findings
from mockhost.pytest_plugin.judged import Judged
from mockhost.rules.nearmiss import Miss, NearMiss
from mockhost.rules.reply import without_functions
from mockhost.running import ClientTarget, HostClock
from mockhost.scenario import standalone
from mockhost.scenario.loader import Terms
from mockhost.scenario.model import Scenario
from mockhost.temporary import PrivateFolder

_JSON = Mapping[str, Any]


def own_of(urls: Sequence[str], worker: Mapping[str, Any]) -> str:
    """The URL for this process; `worker` is what xdist says of it. Raises UsageError if workers had to share a host."""
    count = int(worker.get("workercount", 1))
    if len(urls) < count:
        raise UsageError(
            f"{count} workers can't share {len(urls)} host{'s' if len(urls) > 1 else ''}",
            hint="give --mockhost-url once for each worker, or run with -n 0",
        )
    name = str(worker.get("workerid", "gw0")).removeprefix("gw")
    return urls[int(name) % len(urls)] if name.isdecimal() else urls[0]


class RemoteHost(Judged):
    """A running host, by the URL of its control plane. Raises CannotRun, UsageError as the control plane says."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._plane = ControlPlane(url, token)
        self._plane.call("get_health")
        self._trusted = _Trusted()
        self._scenario: Scenario | None = None
        self._journal = RemoteJournal(self._plane)
        self.clock = HostClock(self, lambda: parse_iso(self.call("get_clock")["now"]))
        self.control_token = token
        self.terms = Terms()
        self.passing = findings.Terms()
        self.gathered = []
        self.bugs = []

    def begin(self, scenario: Scenario, terms: Terms, passing: findings.Terms) -> None:
        """Begin again for a test."""
        self.terms, self.passing = terms, passing
        self.gathered = []
        self.since, self.older, self.raised = 0, None, []
        self.begun(scenario)

    def begun(self, scenario: Scenario) -> None:
        """Begin again with a scenario, sent as one document."""
        self.call("use_scenario", **standalone.sent(scenario))
        self._scenario = scenario

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """Do an operation by its name, as a host of this process does."""
        result = self._plane.call(operation, **standalone.arguments(operation, arguments, os.environ))
        if find(operation).changes and self._trusted.handed_out:
            self.connectors()  # what clients trust may be another now
        return result

    def add_rule(self, rule: Mapping[str, Any]) -> str:
        """As MockHost does. Raises UsageError for a reply that a function computes: it can't be sent."""
        if without_functions(rule)[1]:
            raise UsageError(
                "a function can't compute a reply behind --mockhost-url",
                hint="write the reply as a map, or run the test with a host of this process",
            )
        return super().add_rule(rule)

    @property
    def scenario(self) -> Scenario:
        """The scenario as it was loaded, on this side. Raises UsageError if it was not loaded from here."""
        if self._scenario is None:
            raise UsageError(f"no scenario was sent to {self.control_url} yet", hint="use() sends one")
        return self._scenario

    # -- what its verbs stand on -------------------------------------------------------------------------------

    def connectors(self) -> dict[str, ClientTarget]:
        """The host's own truth, by connector."""
        return self._targets("connectors")

    def clients(self) -> dict[str, ClientTarget]:
        """The client's configuration, by connector."""
        return self._targets("clients")

    def _targets(self, which: str) -> dict[str, ClientTarget]:
        truth = self._plane.call("get_truth")
        ca_file = self._trusted.written(truth["ca"])
        # The file that the host names lies over there; here there is a copy.
        return {
            name: ClientTarget(name, **{**said, "ca_file": said["ca_file"] and ca_file})
            for name, said in truth[which].items()
        }

    @property
    def port(self) -> int:
        """The data plane's port, as its URLs have it."""
        parts = urlsplit(next(iter(self.connectors().values())).url)
        return parts.port or (80 if parts.scheme == "http" else 443)

    @property
    def control_url(self) -> str:
        """The control plane's base."""
        return self._plane.url

    def _facts(self) -> dict[str, Any]:
        truth, health = self._plane.call("get_truth"), self._plane.call("get_health")
        return {
            "pid": truth["pid"],
            "scenario": health["scenario"],
            "tls": truth["tls"],
            "listening": health["service"] == "running",
        }

    # -- its life ----------------------------------------------------------------------------------------------

    def start(self) -> RemoteHost:
        """It runs already, since the one that started it; if its service was stopped, it is started."""
        if self._plane.call("get_service")["effective"] == "stopped":
            self.service("start")
        return self

    def stop(self) -> None:
        """Stop its service, as far as a host can be stopped from here; the next test starts it again."""
        self.service("stop")

    def let_go(self) -> None:
        """This side is done with it: the copy of what clients must trust is removed."""
        self._trusted.remove()

    def __enter__(self) -> RemoteHost:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- what is inside ----------------------------------------------------------------------------------------

    @property
    def journal(self) -> RemoteJournal:  # type: ignore[override]  # what both have is the documented part
        """The journal over there."""
        return self._journal

    def near_miss(self, exchange: Exchange) -> NearMiss | None:
        """What the rules made of an exchange of the journal, and which came closest (`.text`); None without rules."""
        said = self.call("get_exchange", number=exchange.number).get("near_miss")
        if said is None:
            return None
        closest = None if said["closest"] is None else Miss(*(said["closest"][n] for n in Miss._fields))
        return NearMiss(tuple(said["considered"]), said["fired"], closest)


class _Trusted:
    """The copy of what clients must trust, always under the same name; threads may ask for it at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder: PrivateFolder | None = None
        self._file: Path | None = None
        self._text = ""

    @property
    def handed_out(self) -> bool:
        return self._file is not None

    def written(self, text: str) -> str:
        """The file's path, with this in it; a reader at the same time gets the old text."""
        with self._lock:
            if self._file is None:
                self._folder = PrivateFolder()
                self._file = self._folder.path / "trust.pem"
            if text != self._text:
                fresh = self._file.with_suffix(".new")
                fresh.write_text(text, "ascii")
                fresh.replace(self._file)
                self._text = text
            return str(self._file)

    def remove(self) -> None:
        with self._lock:
            if self._folder is not None:
                self._folder.remove()
            self._folder, self._file, self._text = None, None, ""


class RemoteSink(Sink):
    """Shows what comes from over there, where the credentials are."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(fresh_key())

    def credential(self, value: str) -> str:
        """As it came."""
        return value if "tok…(len " in value else super().credential(value)

    def expected(self, name: str, value: object) -> object:
        """As it is. Raises UsageError for a credential that is written out: only over there they can be compared."""
        if is_secret(name) and isinstance(value, str) and "tok…(len " not in value:
            raise UsageError(
                "the journal of a host behind --mockhost-url can't be asked for credentials from here",
                hint="verify(header={'Authorization': ...}) runs over there",
            )
        return value


class RemoteJournal:
    """The journal over there: exchanges and connections are copies, taken when they are asked for."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self.sink: Sink = RemoteSink()
        """what comes from over there has no known secrets in it"""

    def entries(self, *, since: int = 0, **conditions: object) -> list[Exchange]:
        """The exchanges after number `since` for which every condition holds. Raises UsageError."""
        said = self._plane.call("get_journal", since=since)["exchanges"]
        if conditions:
            # Compared over there: only the host knows how it wrote a credential.
            holding = set(self.verify({**conditions, "since": since}).matched)
            said = [each for each in said if each["number"] in holding]
        return [_exchange(each) for each in said]

    def get(self, number: int) -> Exchange | None:
        """The exchange of this number, or None."""
        return next((each for each in self.entries(since=number - 1) if each.number == number), None)

    @property
    def connections(self) -> list[Connection]:
        """The connections, oldest first."""
        return [_connection(each) for each in self._plane.call("list_connections")["connections"]]

    @property
    def last(self) -> int:
        """The number of the latest exchange: a mark for `since`."""
        return int(self._plane.call("get_journal", last=0)["last"])

    @property
    def dropped(self) -> int:
        """How many exchanges are gone for want of room."""
        return int(self._plane.call("get_journal", last=0)["dropped"])

    def verify(self, spec: Mapping[str, object]) -> verification.VerifyResult:
        """Whether an assertion holds."""
        said = self._plane.call("verify", spec=dict(spec))
        return verification.VerifyResult(said["ok"], said["text"], tuple(said["matched"]))

    def __len__(self) -> int:
        return len(self.entries())

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.entries())


def _bytes(said: _JSON | None) -> bytes:
    if said is None:
        return b""
    return base64.b64decode(said["base64"]) if "base64" in said else str(said.get("text", "")).encode()


def _exchange(said: _JSON) -> Exchange:
    request, answer = said["request"], said["answer"]
    exchange = Exchange(
        at=parse_iso(said["at"]),
        method=said["method"],
        target=said["target"].encode().decode("latin-1"),
        headers=tuple((name, value) for name, value in request["headers"]),
        body=_bytes(request["body"]),
        answer_headers=tuple((name, value) for name, value in answer["headers"]),
        answer_body=None
        if answer["body"] is None and answer["streamed"] is not None
        else _bytes(answer["body"]),
        streamed=answer["streamed"],
        native=tuple(said["native"]),
        took=_seconds(said["took_ms"]),
        delay=_seconds(said["delay_ms"]),
        faults=tuple(said["faults"]),
        **{word: said[word] for word in _SAME},
    )
    exchange.body_length = (request["body"] or {}).get("length", 0)
    exchange.answer_length = (answer["body"] or {}).get("length", answer["streamed"])
    return exchange


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1_000


_SAME = (
    *("number", "epoch", "connection", "connector", "operation", "probe", "verdict", "status"),
    *("rule", "reason", "bug", "who", "id"),
)


def _connection(said: _JSON) -> Connection:
    connection = Connection(
        number=said["number"],
        at=parse_iso(said["at"]),
        peer=said["peer"],
        epoch=said["epoch"],
        tls=said["tls"],
    )
    connection.error, connection.exchanges = said["error"], said["exchanges"]
    connection.rule, connection.closed_by = said["rule"], said["closed_by"]
    connection.closed_at = None if said["closed_at"] is None else parse_iso(said["closed_at"])
    return connection
