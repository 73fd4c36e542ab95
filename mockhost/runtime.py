"""One running mock, without sockets: the host, its clock, rules and journal, and the operations on all of them.

This is the only module that knows all the rooms below the speakers. Everything that changes state happens under
`lock`; whoever holds it longest is a query over all objects. A reset opens a new *epoch*: what still hangs on a
connection of an older one may answer nothing and write nothing.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Mapping
from pathlib import PurePath
from typing import NamedTuple, Protocol

from mockhost.clock import VirtualClock, fresh_key, iso
from mockhost.ecma.host import Host
from mockhost.errors import MockhostError, UsageError
from mockhost.journal import Connection, EventBus, Exchange, Journal, VerifyResult
from mockhost.rules import Rules
from mockhost.scenario import loader
from mockhost.scenario.model import SETTABLE, SETTABLE_HINT, Scenario
from mockhost.tls import Certificates

LAST_MOMENT = 253_402_300_799.0
"""9999-12-31T23:59:59Z, the last second that dates are written for."""
MOST_IMPORTS = 100_000
"""How many autosync runs one `advance` may stand for."""


class Cut(MockhostError):
    """The connection belongs to an epoch that is over: nothing may be answered on it."""


class Epoch:
    """The time between two resets."""

    __slots__ = ("cut", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.cut = threading.Event()


class ClientTarget(NamedTuple):
    """How a client reaches a connector: what it was told, or the host's own truth."""

    connector: str
    url: str
    secret_token: str
    ca_file: str | None
    trusted: bool
    """whether the client was told to trust the mock's CA"""


class Listener(Protocol):
    """What the runtime asks of the data plane's sockets."""

    def open(self) -> None: ...
    def close(self) -> None: ...
    def close_connections(self) -> None: ...
    def close_idle(self) -> None: ...


class Admission(NamedTuple):
    """What a connection carries: the epoch in which it was opened, and its place in the journal."""

    epoch: Epoch
    record: Connection


class Runtime:
    """One running mock. `address` gives the base of its URLs once a listener is bound."""

    def __init__(self, scenario: Scenario, certificates: Certificates) -> None:
        self.lock = threading.RLock()
        self.events = EventBus()
        self.certificates = certificates
        self.listener: Listener | None = None
        self.address: tuple[str, int] = ("localhost", 8585)
        self.journal = Journal(key=fresh_key())
        self.loaded = scenario
        self.scenario = scenario
        """the scenario with whatever was set since"""
        self.epoch = Epoch(0)
        self.clock: VirtualClock
        self.host: Host
        self.rules: Rules
        self._connections = 0
        self._ticker = _Ticker(self)
        self._begin(scenario)

    # -- epochs ----------------------------------------------------------------------------------------------

    def _begin(self, scenario: Scenario) -> None:
        """A fresh start with a scenario: the state in which it says the host is."""
        old = getattr(self, "clock", None)
        if old is not None:
            self.host.stop()
        self.loaded = self.scenario = scenario
        clock = scenario.clock
        self.clock = VirtualClock(clock.mode, speed=clock.speed, start=clock.start)
        self.host = Host(scenario.host, scenario.connectors, self.clock, scenario.seed)
        self.rules = Rules(scenario.rules)
        self.journal.secrets = _secrets(scenario)
        self.certificates.clock = self.clock
        self.certificates.configure(scenario.host.tls)
        start = self.clock.now()
        for entry in scenario.timeline:
            self._schedule(start, entry)
        if scenario.host.service == "running":
            self.host.start(first=True)

    def _schedule(self, start: float, entry: Mapping[str, object]) -> None:
        at = entry["at"]
        assert isinstance(at, (int, float))
        self.clock.schedule(start + at, lambda: self._happen(entry), "timeline")

    def _happen(self, entry: Mapping[str, object]) -> None:
        """An entry of the timeline comes true. One that can't by now is told of; the clock goes on."""
        try:
            self._make_happen(entry)
        except MockhostError as error:
            self._tell("timeline", {"after": entry["at"], "problem": str(error)})

    def _make_happen(self, entry: Mapping[str, object]) -> None:
        if isinstance(changes := entry.get("change"), Mapping):
            self.change(changes)
        if isinstance(paths := entry.get("set"), Mapping):
            for path, value in paths.items():
                self.set(str(path), value)
        if isinstance(action := entry.get("service"), str):
            self.service(action)
        if (wanted := entry.get("import")) is not None:
            name, profile = _import_of(wanted)
            self.import_now(name, profile)

    def reset(self) -> None:
        """Back to the scenario as loaded: stores, clock, rules, journal, TLS, service. Opens a new epoch."""
        self.use(self.loaded)

    def use(self, scenario: Scenario) -> None:
        """Drop everything and begin with another scenario, on the same ports."""
        with self.lock:
            self.epoch.cut.set()
            self.epoch = Epoch(self.epoch.number + 1)
            if self.listener is not None:
                self.listener.close_connections()
            self._begin(scenario)
            self.journal.clear(self.epoch.number)
            self._follow_service()
        self._ticker.wake()
        self._tell("reset", {"epoch": self.epoch.number, "scenario": scenario.name})

    def opened(self, number: int, peer: str) -> Admission:
        """A connection begins; what it is given lets its exchanges in until the next reset."""
        epoch = self.epoch
        record = Connection(number=number, at=self.clock.now(), peer=peer, epoch=epoch.number)
        self.journal.opened(record)
        return Admission(epoch, record)

    def admit(self, admission: Admission) -> None:
        """Let an exchange in; call it under the lock. Raises Cut if its connection is of an older epoch."""
        if admission.epoch is not self.epoch:
            raise Cut("the connection is of an older epoch")
        admission.record.exchanges += 1

    def record(self, exchange: Exchange) -> None:
        """Write an exchange into the journal and tell whoever listens; call it under the lock."""
        exchange.epoch = self.epoch.number
        self.journal.add(exchange)
        self.events.publish("exchange", exchange)

    # -- time ------------------------------------------------------------------------------------------------

    def start_ticking(self) -> None:
        """Have due jobs run by themselves while the clock runs by itself (`serve`)."""
        self._ticker.start()

    def close(self) -> None:
        """End the ticker and every event stream."""
        self.epoch.cut.set()
        self._ticker.stop()
        self.events.close()

    def advance(self, seconds: float) -> float:
        """Move the virtual clock on; returns its time. Certificates age with it."""
        if not 0 <= seconds < float("inf"):
            raise UsageError("a clock can be moved on only", hint="give a duration such as 4m")
        with self.lock:
            self._check_advance(seconds)
            self.clock.advance(seconds)
            if self.certificates.refresh() and self.listener is not None:
                self.listener.close_idle()
            moment = self.clock.now()
        self._ticker.wake()
        self._tell("clock", {"now": iso(moment), "advanced": seconds})
        return moment

    def _check_advance(self, seconds: float) -> None:
        """Refuse a jump in which so much happens that nobody would wait for it. Raises UsageError."""
        if self.clock.now() + seconds > LAST_MOMENT:
            raise UsageError("the virtual clock ends with the year 9999", hint="advance by less")
        intervals = (
            c.config.imports.every for c in self.host.connectors.values() if c.config.imports.profiles
        )
        imports = sum(seconds / every for every in intervals if every)
        if imports > MOST_IMPORTS:
            hint = "advance by less at a time, or set import.every to never"
            raise UsageError(f"about {imports:,.0f} imports would run in that time", hint=hint)

    # -- the service -----------------------------------------------------------------------------------------

    def service(self, action: str) -> None:
        """`start`, `stop` or `restart` Microsoft ECMA2Host. Raises UsageError for anything else."""
        if action not in ("start", "stop", "restart"):
            raise UsageError(f"no such action: {action!r}", hint="start, stop or restart")
        with self.lock:
            if action in ("stop", "restart"):
                self.host.stop()
                if self.listener is not None:
                    self.listener.close()
            if action in ("start", "restart"):
                self.host.start()
            self._follow_service()
        self._ticker.wake()
        self._tell("service", {"action": action, "service": "running" if self.host.running else "stopped"})

    def _follow_service(self) -> None:
        if self.listener is None:
            return
        if self.host.running:
            self.listener.open()
        else:
            self.listener.close()

    def import_now(self, name: str, profile: str = "full") -> None:
        """Begin an import run. Raises UsageError for an unknown connector or profile."""
        if profile not in ("full", "delta"):
            raise UsageError(f"no such run profile: {profile!r}", hint="full or delta")
        with self.lock:
            connector = self.host.connector(name)
            connector.space.begin_import(profile)
        self._ticker.wake()
        self._tell("import", {"connector": name, "profile": profile})

    def change(self, changes: Mapping[str, object]) -> int:
        """Change connected systems behind the host's back, all or none; how many objects it touched."""
        with self.lock:
            found = []
            for name, change in changes.items():
                system = self.host.system(name)
                if not isinstance(change, Mapping) or not change:
                    raise UsageError(f"{name}: a change is a map of insert, update and delete")
                system.read_changes(change)
                found.append((system, change))
            count = sum(system.change(change) for system, change in found)
        self._tell("change", {"connectors": list(changes), "objects": count})
        return count

    def set(self, path: str, value: object) -> dict[str, object]:
        """Set one value of the scenario by its path, live. Raises ScenarioError if the result is no scenario.

        Returns {path, applied}: `now`, or `at restart` for what the service reads when it starts. Raises UsageError
        for what counts only when a scenario begins.
        """
        path = path.removeprefix("$.")
        if path.partition(".")[0] not in SETTABLE:
            raise UsageError(f"{path} can't be set while the host runs", hint=SETTABLE_HINT)
        with self.lock:
            changed = loader.with_overrides(self.scenario, {path: value})
            before, self.scenario = self.scenario, changed
            later = self.host.configure(changed.host, changed.connectors)
            self.journal.secrets = list(dict.fromkeys([*self.journal.secrets, *_secrets(changed)]))
            if changed.rules != before.rules:
                self.rules.replace_file(changed.rules)
            if path in ("host", "host.tls") or path.startswith("host.tls."):
                self.certificates.configure(changed.host.tls)
                if self.listener is not None:
                    self.listener.close_idle()
            if (changed.host.service == "running") is not self.host.running and path in (
                "host",
                "host.service",
            ):
                self.service("start" if changed.host.service == "running" else "stop")
        applied = "at restart" if later else "now"
        self._tell("set", {"path": path, "applied": applied})
        return {"path": path, "applied": applied}

    # -- what people and tests look at -------------------------------------------------------------------------

    def status(self) -> dict[str, object]:
        """Configured beside effective, connectors, clock and certificate, as plain JSON."""
        with self.lock:
            return {
                "scenario": self.scenario.name,
                "title": self.scenario.title,
                "epoch": self.epoch.number,
                "service": {
                    "configured": self.scenario.host.service,
                    "effective": "running" if self.host.running else "stopped",
                },
                "restart_pending": self.host.pending(),
                "configured": self.host.settings(effective=False),
                "effective": self.host.settings(effective=True),
                "connectors": self.host.state(),
                "clock": self.clock_state(),
                "tls": self.certificates.describe(),
            }

    def clock_state(self) -> dict[str, object]:
        """The virtual clock: mode, speed, time, and when the next job is due."""
        due = self.clock.next_due()
        return {
            "mode": self.clock.mode,
            "speed": self.clock.speed,
            "now": iso(self.clock.now()),
            "next_due": None if due is None else iso(due),
        }

    def objects(self, name: str) -> list[dict[str, object]]:
        """The objects of the connected system behind a connector."""
        with self.lock:
            return [_plain(values) for values in self.host.system(name).objects()]

    def cache(self, name: str) -> list[dict[str, object]]:
        """The objects of the connector space, as `/cache` shows them."""
        with self.lock:
            connector = self.host.connector(name)
            base = self._base_url(name)
            return [connector.resource(record, base) for record in connector.space.snapshot()]

    def verify(self, spec: Mapping[str, object]) -> VerifyResult:
        """Check an assertion over the journal."""
        return self.journal.verify(spec)

    def add_rule(self, document: Mapping[str, object]) -> str:
        """Put a live rule before all others; its name. Raises UsageError if it is no rule."""
        loader.judge_rule(document)
        with self.lock:
            return self.rules.add(document)

    def remove_rule(self, name: str) -> bool:
        """Take a live rule away; False if there is none of this name."""
        with self.lock:
            return self.rules.remove(name)

    def clear_rules(self) -> None:
        """Take every live rule away."""
        with self.lock:
            self.rules.clear()

    # -- how clients get here -----------------------------------------------------------------------------------

    def _base_url(self, name: str) -> str:
        host, port = self.address
        scheme = "http" if self.scenario.host.tls.mode == "plain_http" else "https"
        return f"{scheme}://{host}:{port}/ecma2host_{name}/scim"

    def truth(self) -> dict[str, ClientTarget]:
        """The host's own truth, by connector."""
        encrypted = self.scenario.host.tls.mode != "plain_http"
        ca_file = str(self.certificates.bundle_file) if encrypted else None
        pages = self.scenario.connectors
        return {
            name: ClientTarget(name, self._base_url(name), page.secret_token, ca_file, True)
            for name, page in pages.items()
        }

    def told(self) -> dict[str, ClientTarget]:
        """What the client was told, by connector: the truth, except where the scenario says otherwise."""
        targets = self.truth()
        for name, told in self.scenario.client.items():
            target = targets.get(name) or ClientTarget(name, self._base_url(name), "", None, True)
            if (token := told.get("secret_token")) is not None:
                target = target._replace(secret_token=str(token))
            if (url := told.get("tenant_url")) is not None:
                target = target._replace(url=self._tenant_url(str(url), target.url))
            trusts = told.get("trusts")
            if isinstance(trusts, (list, tuple)) and "ca" not in trusts:
                target = target._replace(ca_file=None, trusted=False)
            targets[name] = target
        return targets

    def _tenant_url(self, told: str, truth: str) -> str:
        host, port = self.address
        url = told.replace("{truth}", truth).replace("{port}", str(port)).replace("{host}", host)
        if url.startswith("/"):
            return truth[: truth.index("/", len("https://"))] + url
        return url

    def _tell(self, kind: str, data: Mapping[str, object]) -> None:
        self.events.publish("state", {"what": kind, "at": iso(self.clock.now()), **data})


class _Ticker:
    """Runs due jobs while the virtual clock runs by itself."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._wake = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="mockhost-clock", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._ended = True
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def _run(self) -> None:
        while not self._ended:
            with self._runtime.lock:
                self._run_due()
                due = self._runtime.clock.next_due()
                wait = None if due is None else self._runtime.clock.wall_seconds_until(due)
            self._wake.wait(60.0 if wait is None else min(wait + 0.001, 60.0))
            self._wake.clear()

    def _run_due(self) -> None:
        try:
            self._runtime.clock.run_due()
        except Exception as error:
            # One job with a mistake of ours in it must not be the end of all others.
            frames = traceback.extract_tb(error.__traceback__)
            place = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}"
            self._runtime.events.publish("bug", {"error": f"{type(error).__name__}: {error}", "place": place})


def _secrets(scenario: Scenario) -> list[str]:
    """What must not be shown: the connectors' tokens, those that clients were told, and what the environment said."""
    tokens = [page.secret_token for page in scenario.connectors.values()]
    told = [str(client["secret_token"]) for client in scenario.client.values() if client.get("secret_token")]
    return [*tokens, *told, *scenario.secrets]


def _import_of(value: object) -> tuple[str, str]:
    if isinstance(value, Mapping):
        return str(value.get("connector")), str(value.get("profile", "full"))
    return str(value), "full"


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
