"""A host in another process, container or machine, behind the fixture: through its control plane.

It is a `MockHost` as far as the control API carries it. It can't be started or stopped from here, scenarios with data
files can't be sent to it, and of `runtime` there is what `MockHost` asks for; whatever is missing says so. Credentials
in its journal can be asked about with `verify`, which runs over there, and not with `journal.entries`.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast
from urllib.parse import quote, urlsplit

from mockhost.api import HostClock, Terms
from mockhost.cli.control_plane import ControlPlane
from mockhost.clock import parse_iso
from mockhost.errors import UsageError
from mockhost.journal import Connection, EventBus, Exchange, VerifyResult, verification
from mockhost.pytest_plugin import findings
from mockhost.pytest_plugin.judged import JudgedHost
from mockhost.rules.nearmiss import Miss, NearMiss
from mockhost.runtime import ClientTarget, Runtime
from mockhost.scenario.model import Scenario

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


class RemoteHost(JudgedHost):
    """A running host, by the URL of its control plane. Raises CannotRun, UsageError as the control plane says."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._plane = ControlPlane(url, token)
        self._plane.get("/v1/health")
        self._remote = RemoteRuntime(self._plane)
        self.runtime = cast("Runtime", self._remote)
        self.clock = HostClock(self.runtime)
        self.terms = Terms()
        self.control_token = token
        self.listener = self.control_listener = None
        self.passing = findings.Terms()
        self.gathered = []
        self.bugs = []

    def begin(self, scenario: Scenario, terms: Terms, passing: findings.Terms) -> None:
        """Begin again for a test."""
        self.terms, self.passing = terms, passing
        self.gathered = []
        self.scenario = scenario
        self._remote.use(scenario)

    @property
    def control_url(self) -> str:
        """The control plane's base."""
        return self._plane.url

    def state(self, connector: str | None = None) -> str:
        """The state that the host, or a connector with states of its own, is in."""
        states = self._plane.get("/v1/states").json
        return str(states["connectors"].get(connector, states["host"]))

    def start(self) -> NoReturn:
        """It can't be: the host belongs to whoever started it. Raises UsageError."""
        raise UsageError("a host behind --mockhost-url can't be started from here", hint="service('start')?")

    def stop(self) -> None:
        """It can't be either; this side lets go of it."""
        self._remote.close()

    def ready(self) -> NoReturn:
        """It has none that is known here. Raises UsageError."""
        raise UsageError("a host behind --mockhost-url has no ready file here")


class RemoteRuntime:
    """What `MockHost` asks of its runtime, asked of the control API."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._known: _JSON | None = None
        self._ca: Path | None = None
        self.journal = RemoteJournal(plane)
        self.events = EventBus()
        self.scenario: Scenario

    def use(self, scenario: Scenario) -> None:
        """Send a scenario, with the values that its variables have here. Raises UsageError if it has data files."""
        if scenario.trail.data_files:
            names = ", ".join(file.name for file in scenario.trail.data_files)
            raise UsageError(
                f"{scenario.name} has data files, which can't be sent to a host: {names}",
                hint="write the objects into the scenario",
            )
        document = scenario.document
        if scenario.secrets:
            document = {**document, "vars": _values(scenario)}
        self._plane.change("PUT", "/v1/scenario", {"scenario": document})
        self.scenario = scenario
        self._known = None

    def reset(self) -> None:
        """Back to the scenario as loaded, in a new epoch."""
        self._plane.change("POST", "/v1/reset")
        self._known = None

    def service(self, action: str) -> None:
        """`start`, `stop` or `restart`."""
        self._plane.change("POST", "/v1/service", {"action": action})

    def set(self, path: str, value: object) -> dict[str, object]:
        """Set a value of the scenario."""
        self._known = None
        done: dict[str, object] = self._plane.change("PATCH", "/v1/host", {"set": {path: value}})["set"][0]
        return done

    def change(self, changes: Mapping[str, object]) -> int:
        """Change connected systems, one after the other: where the second can't be, the first has been."""
        return sum(
            int(self._plane.change("POST", f"{_connector(name)}/change", change)["objects"])
            for name, change in changes.items()
        )

    def import_now(self, name: str, profile: str = "full") -> None:
        """Begin an import run."""
        self._plane.change("POST", f"{_connector(name)}/import", {"profile": profile})

    def advance(self, seconds: float) -> None:
        """Move the virtual clock on."""
        self._plane.change("POST", "/v1/clock/advance", {"by": seconds})
        self._known = None

    @property
    def clock(self) -> RemoteClock:
        """The virtual clock."""
        return RemoteClock(self._plane)

    def add_rule(self, document: Mapping[str, object]) -> str:
        """Put a rule before all others."""
        return str(self._plane.change("POST", "/v1/rules", dict(document))["name"])

    def remove_rule(self, name: str) -> bool:
        """Take a live rule away; False if there is none of this name."""
        if not any(rule["name"] == name and rule["live"] for rule in self.rule_documents()):
            return False
        self._plane.change("DELETE", f"/v1/rules/{quote(name, safe='')}")
        return True

    def rule_documents(self) -> list[dict[str, object]]:
        """The rules, with how often they matched and fired."""
        found: list[dict[str, object]] = self._plane.get("/v1/rules").json["rules"]
        return found

    def set_state(self, name: str, connector: str | None = None) -> None:
        """Put the host, or a connector, into a state."""
        where = {} if connector is None else {"connector": connector}
        self._plane.change("PUT", "/v1/states", {"state": name, **where})

    def release(self) -> int:
        """Let every answer that hangs go on."""
        return int(self._plane.change("POST", "/v1/release")["released"])

    def near_miss(self, exchange: Exchange) -> NearMiss | None:
        """What the rules made of an exchange."""
        said = self._plane.get(f"/v1/journal/{exchange.number}").json.get("near_miss")
        if said is None:
            return None
        closest = None if said["closest"] is None else Miss(*(said["closest"][n] for n in Miss._fields))
        return NearMiss(tuple(said["considered"]), said["fired"], closest)

    def objects(self, name: str) -> list[dict[str, object]]:
        """The objects of the connected system; passwords are not shown."""
        found: list[dict[str, object]] = self._plane.get(f"{_connector(name)}/objects").json["objects"]
        return found

    def cache(self, name: str) -> list[dict[str, object]]:
        """The resources of the connector space."""
        found: list[dict[str, object]] = self._plane.get(f"{_connector(name)}/cache").json["objects"]
        return found

    def verify(self, spec: Mapping[str, object]) -> VerifyResult:
        """Check an assertion over the journal."""
        return self.journal.verify(spec)

    def told(self) -> dict[str, ClientTarget]:
        """What the client was told, by connector."""
        return self._targets("clients")

    def truth(self) -> dict[str, ClientTarget]:
        """The host's own truth, by connector."""
        return self._targets("connectors")

    @property
    def address(self) -> tuple[str, int]:
        """The data plane's, as its URLs have it."""
        parts = urlsplit(next(iter(self.truth().values())).url)
        return parts.hostname or "", parts.port or 443

    def _targets(self, which: str) -> dict[str, ClientTarget]:
        if self._known is None:
            self._known = self._plane.get("/v1/truth").json
            self._write_ca(self._known["ca"])
        return {
            # Its file lies over there; here there is a copy.
            name: ClientTarget(
                connector=name,
                ca_file=None if said["ca_file"] is None else str(self._ca),
                **{word: said[word] for word in ClientTarget._fields if word in said and word != "ca_file"},
            )
            for name, said in self._known[which].items()
        }

    def _write_ca(self, text: str) -> None:
        if self._ca is None:
            self._ca = Path(tempfile.mkdtemp(prefix="mockhost-remote-"), "trust.pem")
        self._ca.write_text(text, "ascii")

    def close(self) -> None:
        """Remove the copy of what clients must trust."""
        if self._ca is not None:
            self._ca.unlink(missing_ok=True)
            self._ca.parent.rmdir()
            self._ca = None

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(
            f"a host behind --mockhost-url has no {name!r}: the control API does not carry it"
        )


def _connector(name: str) -> str:
    return f"/v1/connectors/{quote(name, safe='')}"


class RemoteClock(NamedTuple):
    """The virtual clock over there."""

    plane: ControlPlane

    def now(self) -> float:
        """Virtual seconds since 1970."""
        return parse_iso(self.plane.get("/v1/clock").json["now"])


class RemoteJournal:
    """The journal over there: exchanges and connections are copies, taken when they are asked for."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def entries(self, *, since: int = 0, **conditions: object) -> list[Exchange]:
        """The exchanges after number `since` for which every condition holds. Raises UsageError for credentials."""
        wanted = verification.compile_conditions(conditions, self.credential)
        said = self._plane.get("/v1/journal", {"since": since}).json["exchanges"]
        return verification.select(wanted, [_exchange(each) for each in said])

    def get(self, number: int) -> Exchange | None:
        """The exchange of this number, or None."""
        return next((each for each in self.entries() if each.number == number), None)

    @property
    def connections(self) -> list[Connection]:
        """The connections, oldest first."""
        return [_connection(each) for each in self._plane.get("/v1/connections").json["connections"]]

    @property
    def last(self) -> int:
        """The number of the latest exchange: a mark for `since`."""
        return int(self._plane.get("/v1/journal", {"last": 0}).json["last"])

    @property
    def dropped(self) -> int:
        """How many exchanges are gone for want of room."""
        return int(self._plane.get("/v1/journal", {"last": 0}).json["dropped"])

    def credential(self, token: str) -> str:
        """Only over there it is known how it is written. Raises UsageError."""
        raise UsageError(
            "the journal of a host behind --mockhost-url can't be asked for credentials from here",
            hint="verify(header={'Authorization': ...}) runs over there",
        )

    def is_free_of_secrets(self, data: bytes) -> bool:
        """It is: what comes from over there has none in it."""
        return True

    def scrub(self, text: str) -> str:
        """As it is: what comes from over there has no secrets in it."""
        return text

    def verify(self, spec: Mapping[str, object]) -> VerifyResult:
        """Whether an assertion holds."""
        said = self._plane.change("POST", "/v1/verify", dict(spec))
        return VerifyResult(said["ok"], said["text"], tuple(said["matched"]))

    def __len__(self) -> int:
        return len(self.entries())

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.entries())


def _values(scenario: Scenario) -> dict[str, object]:
    """The variables with the values that they have here: the environment over there is another one."""
    declared = scenario.document["vars"]
    assert isinstance(declared, Mapping)
    return {
        name: os.environ.get(str(said.get("env")), said.get("default")) if isinstance(said, Mapping) else said
        for name, said in declared.items()
    }


def _bytes(said: _JSON | None) -> bytes:
    if said is None:
        return b""
    return base64.b64decode(said["base64"]) if "base64" in said else str(said.get("text", "")).encode()


def _exchange(said: _JSON) -> Exchange:
    request, answer = said["request"], said["answer"]
    took = said["took_ms"]
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
        took=None if took is None else took / 1_000,
        faults=tuple(said.get("faults", ())),
        **{word: said[word] for word in _SAME},
    )
    exchange.body_length = (request["body"] or {}).get("length", 0)
    exchange.answer_length = (answer["body"] or {}).get("length", answer["streamed"])
    return exchange


_SAME = (
    *("number", "epoch", "connection", "connector", "operation", "probe", "verdict", "status"),
    *("rule", "reason", "bug", "who"),
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
    connection.rule = said.get("rule")
    connection.closed_by = said["closed_by"]
    return connection
