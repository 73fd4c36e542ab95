"""`MockHost`: a running mock in this process, for tests and for the command line alike.

    from mockhost import MockHost

    with MockHost("documented/secret_token_mismatch") as host:
        answer = host.session("SQL").get(host.url("SQL") + "/Users", params={"filter": 'PLACEHOLDER eq "x"'})
        assert answer.status_code == 401

`url`, `token` and `session` are what the *client* was told, mistakes included; `truth` is the host's own.
"""

from __future__ import annotations

import functools
import os
import pathlib
import re
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from mockhost.clock import fresh_secret, iso
from mockhost.ecma.config import TlsConfig
from mockhost.errors import (
    CannotRun,
    MockhostError,
    ScenarioError,
    UsageError,
    VerificationError,
    did_you_mean,
)
from mockhost.journal import Connection as ConnectionRecord
from mockhost.journal import Exchange, Journal
from mockhost.runtime import Admission, ClientTarget, Cut, Runtime
from mockhost.scenario import loader
from mockhost.scenario.model import Scenario
from mockhost.server.listener import Limits, Listener
from mockhost.server.transport import TlsOffer
from mockhost.tls import Authority, Certificates
from mockhost.web.data import create_data_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    import requests

    from mockhost.expect.check import Report
    from mockhost.rules.nearmiss import NearMiss
    from mockhost.server.observer import Connection
    from mockhost.windows.httpapi import Refusal

LOOPBACK = ("127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")


class Terms(NamedTuple):
    """What a host lays over every scenario that it is given: see `MockHost`."""

    tls: bool | None = None
    seed: int | None = None
    sets: tuple[str, ...] = ()
    clock: str = "frozen"

    def load(
        self,
        scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario,
        overrides: Mapping[str, Any],
    ) -> Scenario:
        """Load a scenario with these terms laid over it. Raises ScenarioError, UsageError."""
        if isinstance(scenario, Scenario):
            loaded = scenario
            if overrides or self.sets:
                loaded = loader.with_overrides(loaded, overrides, sets=self.sets)
        elif isinstance(scenario, Mapping):
            loaded = loader.load_document(scenario, sets=self.sets, overrides=overrides)
        else:
            loaded = loader.load(os.fspath(scenario), sets=self.sets, overrides=overrides or None)
        forced: dict[str, Any] = {} if self.seed is None else {"seed": self.seed}
        if self.tls is False:
            forced["host"] = {"tls": "plain_http"}
        elif self.tls and loaded.host.tls.mode == "plain_http":
            forced["host"] = {"tls": {"mode": "certificate"}}
        written = loaded.document.get("clock")
        if not (isinstance(written, Mapping) and ("mode" in written or "speed" in written)):
            forced["clock"] = {"mode": self.clock}
        return loader.with_overrides(loaded, forced) if forced else loaded


class MockHost:
    """A host with a scenario, its data plane and its control plane. Use it as a context manager.

    scenario: a shipped name, a path, a dict in the scenario format, or a loaded Scenario.
    overrides: the scenario's own keys, e.g. `connectors={"SQL": {"system": {"people": 50}}}` or
    `host={"debug": True}`, merged as `extends` merges.
    listen: the address or addresses of the data plane; by default 127.0.0.1 and ::1.
    public_name: what clients call it, in URLs. control_host: `::` is every address, of IPv4 too.
    port, control_port: 0 takes any free port. seed, sets (`PATH=VALUE`) change the scenario, and so do tls=False (plain
    HTTP) and tls=True (TLS where the scenario has plain HTTP).
    clock: what a scenario that does not say gets: `frozen` (default) or `wall`.
    Raises ScenarioError, UsageError, CannotRun.
    """

    def __init__(
        self,
        scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario = "basics/healthy",
        *,
        listen: str | Sequence[str] | None = None,
        port: int = 0,
        control: bool = True,
        control_host: str = "127.0.0.1",
        control_port: int = 0,
        control_token: str | None = None,
        tls: bool | None = None,
        tls_names: Sequence[str] = (),
        public_name: str | None = None,
        seed: int | None = None,
        sets: Sequence[str] = (),
        state_dir: str | os.PathLike[str] | None = None,
        clock: str = "frozen",
        **overrides: Any,
    ) -> None:
        self.terms = Terms(tls, seed, tuple(sets), clock)
        self.scenario = self.load(scenario, **overrides)
        state = None if state_dir is None else pathlib.Path(state_dir).absolute()
        certificates = Certificates(Authority(state), extra_names=tuple(tls_names))
        self.runtime = Runtime(self.scenario, certificates)
        self._hosts = _hosts(listen)
        self._port = port
        self._public_name = public_name
        self._with_control = control
        self._control_address = (control_host, control_port)
        needs_token = control_host not in (*LOOPBACK, "localhost")
        self.control_token = control_token or (fresh_secret() if needs_token else None)
        self.tls_names = tuple(tls_names)
        self.listener: Listener | None = None
        self.control_listener: Listener | None = None
        self.clock = HostClock(self.runtime)

    def load(
        self, scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario, **overrides: Any
    ) -> Scenario:
        """Load a scenario with what this host was made with (seed, sets, TLS, clock) laid over it."""
        return self.terms.load(scenario, overrides)

    # -- life --------------------------------------------------------------------------------------------------

    def start(self) -> MockHost:
        """Bind the ports, start the service, answer. Raises CannotRun if a port is in use."""
        runtime = self.runtime
        observer = _Observer(runtime)
        self.listener = Listener(
            create_data_app(runtime),
            hosts=self._hosts,
            port=self._port,
            tls=self._offer,
            wire=lambda: str(runtime.host.behaviours["wire"]),
            now=lambda: runtime.clock.now(),
            observer=observer,
            plan=lambda connection: runtime.meet(connection.epoch_token),
            name="data",
        )
        try:
            port = self.listener.bind()
            runtime.address = (self._public_name or _public_name(self._hosts, self.tls_names), port)
            if self._with_control:
                self._start_control()
        except BaseException:
            self.stop()
            raise
        runtime.listener = self.listener
        runtime.start_ticking()
        if runtime.host.running:
            self.listener.open()
        return self

    def _start_control(self) -> None:
        host, port = self._control_address
        self.control_listener = Listener(
            _ControlPlane(lambda: self._control_app(host)),
            hosts=LOOPBACK if host in ("127.0.0.1", "localhost") else EVERYWHERE if host == "::" else (host,),
            port=port,
            tls=None,
            wire=lambda: "plain",
            limits=Limits(lengths_required=False),
            name="control",
        )
        self.control_listener.bind()
        self.control_listener.open()

    def _control_app(self, bound_host: str) -> WSGIApplication:
        from mockhost.web.control import create_control_app

        return create_control_app(
            self.runtime,
            token=self.control_token,
            bound_host=bound_host,
            names=self.tls_names,
            load=lambda scenario, overrides: self.load(scenario, **overrides),
        )

    def _offer(self, config: TlsConfig | None) -> TlsOffer:
        certificates = self.runtime.certificates
        return TlsOffer(*(certificates.offer() if config is None else certificates.offer_for(config)))

    def stop(self) -> None:
        """Close both planes; whatever hangs is cut. May be called twice."""
        self.runtime.close()
        for listener in (self.listener, self.control_listener):
            if listener is not None:
                listener.shutdown()
        self.runtime.certificates.close()

    def __enter__(self) -> MockHost:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def reset(self) -> None:
        """Back to the scenario as loaded, in a new epoch, on the same ports."""
        self.runtime.reset()

    def reset_connector(self, name: str) -> None:
        """Put one connector back to the objects and states it began with; its exchanges leave the journal.

        The host, its clock and its rules stay; a connector that sprang up on demand begins with rule counters of its
        own anew. Raises UsageError.
        """
        self.runtime.reset_connector(name)

    def use(self, scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario, **overrides: Any) -> None:
        """Begin again with another scenario, on the same ports."""
        self.scenario = self.load(scenario, **overrides)
        self.runtime.use(self.scenario)

    # -- what happens to it --------------------------------------------------------------------------------

    def service(self, action: str) -> None:
        """`start`, `stop` or `restart` the service. While it is stopped its port refuses connections."""
        self.runtime.service(action)

    def set(self, path: str, value: object) -> str:
        """Set a value of the scenario by its dotted path; whether that counts `now` or `at restart`."""
        return str(self.runtime.set(path, value)["applied"])

    def change(self, changes: Mapping[str, object]) -> int:
        """Change connected systems behind the host's back; how many objects it touched.

        `changes` is as in a scenario's step, e.g. `{"SQL": {"insert": [{"ContosoLogin": "bob", ...}]}}`.
        """
        return self.runtime.change(changes)

    def import_now(self, connector: str | None = None, profile: str = "full") -> None:
        """Begin an import run, `full` or `delta`; it takes as long as the scenario says, on the virtual clock."""
        self.runtime.import_now(self.truth(connector).connector, profile)

    # -- rules -------------------------------------------------------------------------------------------------

    def fail_next(
        self,
        operation: str | Sequence[str] | None = None,
        *,
        fault: str | Mapping[str, Any] | Sequence[Any] | None = None,
        reply: Mapping[str, Any] | None = None,
        delay: str | Mapping[str, Any] | None = None,
        write: str | None = None,
        times: int | None = 1,
        connector: str | None = None,
        name: str | None = None,
        **when: Any,
    ) -> str:
        """Have the next `times` requests of an operation go wrong (None: every one), and the ones after that go well.

        `fault`, `reply`, `delay` and `write` are as in a rule, `when` holds more of its conditions, e.g.
        `fail_next("create_user", fault="connection_reset", write="not_applied", attributes={"ContosoLogin": "bob"})`.
        Without fault, reply and delay the answer is 503. Faults on connections (`fault="tls_alert"`) take no operation.
        Returns the name of the rule, which comes before all others. Raises UsageError.
        """
        condition = {"operation": operation, "connector": connector, **when}
        rule = {
            "name": name,
            "when": {word: value for word, value in condition.items() if value is not None},
            "fault": fault,
            "reply": reply,
            "delay": delay,
            "write": write,
            "times": times,
        }
        if fault is None and reply is None and delay is None:
            rule["fault"] = {"http_error": 503}
        return self.add_rule({word: value for word, value in rule.items() if value not in (None, {})})

    def add_rule(self, rule: Mapping[str, Any]) -> str:
        """Put a rule, as a scenario's `rules` have them, before all others; its name. Raises UsageError."""
        return self.runtime.add_rule(rule)

    def remove_rule(self, name: str) -> None:
        """Take away a rule that was added. Raises UsageError if there is none of this name."""
        if not self.runtime.remove_rule(name):
            live = [rule["name"] for rule in self.rules if rule["live"]]
            raise UsageError(f"there is no live rule {name!r}", hint=did_you_mean(name, map(str, live)))

    @property
    def rules(self) -> list[dict[str, object]]:
        """The rules in the order in which they are tried; how often each `matched`, `fired`, and may yet (`left`)."""
        return self.runtime.rule_documents()

    def state(self, connector: str | None = None) -> str:
        """The state that the host, or a connector with states of its own, is in."""
        return self.runtime.states_of(connector).current(connector)[-1]

    def set_state(self, name: str, connector: str | None = None) -> None:
        """Put the host, or a connector that has this state, into a state. Raises UsageError."""
        self.runtime.set_state(name, connector)

    def release(self) -> int:
        """Let every answer that hangs go on; how many there were."""
        return self.runtime.release()

    def near_miss(self, exchange: Exchange) -> NearMiss | None:
        """What the rules made of an exchange of the journal, and which came closest (`.text`); None without rules."""
        return self.runtime.near_miss(exchange)

    # -- what the client was told ----------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The data plane's port."""
        return self.runtime.address[1]

    @property
    def control_url(self) -> str:
        """The control plane's base, e.g. `http://127.0.0.1:8586`."""
        if self.control_listener is None:
            raise UsageError("this host has no control plane", hint="make it with control=True and start it")
        host = self._control_address[0]
        shown = f"[{host}]" if ":" in host else host
        if host in EVERYWHERE:
            shown = self._public_name or "127.0.0.1"
        return f"http://{shown}:{self.control_listener.port}"

    def told(self, connector: str | None = None) -> ClientTarget:
        """What the client was told of a connector (the first one, if not named)."""
        return self._pick(self.runtime.told(), connector)

    def truth(self, connector: str | None = None) -> ClientTarget:
        """The host's own truth of a connector: its real URL and secret token."""
        return self._pick(self.runtime.truth(), connector)

    @staticmethod
    def _pick(targets: Mapping[str, ClientTarget], connector: str | None) -> ClientTarget:
        name = connector if connector is not None else next(iter(targets), None)
        if name is None or name not in targets:
            raise UsageError(f"there is no connector {name!r}", hint=did_you_mean(str(name), targets))
        return targets[name]

    def url(self, connector: str | None = None) -> str:
        """The tenant URL that the client was told, without a trailing slash."""
        return self.told(connector).url

    def token(self, connector: str | None = None) -> str:
        """The secret token that the client was told."""
        return self.told(connector).secret_token

    def headers(self, connector: str | None = None) -> dict[str, str]:
        """The headers that let a client in: `Authorization`."""
        return {"Authorization": f"Bearer {self.token(connector)}"}

    @property
    def ca_file(self) -> str | None:
        """A PEM file with what a client must trust; None while the port speaks plain HTTP."""
        return next((target.ca_file for target in self.runtime.truth().values()), None)

    def ssl_context(self) -> ssl.SSLContext:
        """A client's context that trusts the host's certificate and verifies its name."""
        return ssl.create_default_context(cafile=self.ca_file)

    def client_certificate(self) -> tuple[str, str]:
        """A certificate, and its key, that the host takes from clients where it demands one: (PEM, PEM)."""
        return self.runtime.certificates.client_certificate()

    def session(self, connector: str | None = None) -> requests.Session:
        """A `requests.Session` with the token and the trust that the client was told."""
        import requests

        told = self.told(connector)
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {told.secret_token}"
        session.headers["Content-Type"] = "application/scim+json; charset=utf-8"
        if told.ca_file:
            session.verify = told.ca_file
        return session

    def env(self) -> dict[str, str]:
        """Environment variables that tell another process, in any language, how to reach this host."""
        variables: dict[str, str] = {}
        for name, told in self.runtime.told().items():
            key = re.sub(r"[^A-Z0-9]", "_", name.upper())
            variables[f"MOCKHOST_{key}_URL"] = told.url
            variables[f"MOCKHOST_{key}_TOKEN"] = told.secret_token
        if self.control_listener is not None:
            variables["MOCKHOST_CONTROL_URL"] = self.control_url
            if self.control_token:
                variables["MOCKHOST_CONTROL_TOKEN"] = self.control_token
        trusted = self.ca_file
        if trusted and any(told.trusted for told in self.runtime.told().values()):
            for key in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"):
                variables[key] = trusted
        return variables

    def ready(self) -> dict[str, Any]:
        """The document of `--ready-file`: where everything is, and what the client was told."""
        control: dict[str, Any] = {"url": None, "token": None}
        if self.control_listener is not None:
            control = {"url": self.control_url, "token": self.control_token}
        return {
            "pid": os.getpid(),
            "scenario": self.runtime.scenario.name,
            "tls": self.runtime.scenario.host.tls.mode != "plain_http",
            "listening": self.runtime.host.running,
            "ca_file": self.ca_file,
            "control": control,
            "connectors": {n: _shape(t) for n, t in self.runtime.truth().items()},
            "clients": {n: _shape(t) for n, t in self.runtime.told().items()},
        }

    # -- what is inside ----------------------------------------------------------------------------------------

    @property
    def journal(self) -> Journal:
        """The bounded, redacted record of exchanges and connections."""
        return self.runtime.journal

    def objects(self, connector: str | None = None, **match: object) -> list[dict[str, object]]:
        """The objects of the connected system, optionally only those whose columns equal `match`."""
        name = self.truth(connector).connector
        found = self.runtime.objects(name)
        return [values for values in found if all(values.get(k) == v for k, v in match.items())]

    def cache(self, connector: str | None = None) -> list[dict[str, object]]:
        """The resources of the connector space."""
        return self.runtime.cache(self.truth(connector).connector)

    def verify(self, **spec: object) -> None:
        """Assert over the journal, e.g. `verify(operation="patch_user", count={"exactly": 1})`.

        Raises VerificationError (an AssertionError) with the journal as a table.
        """
        result = self.runtime.verify(spec)
        if not result.ok:
            raise VerificationError(result.text)

    def check(self) -> Report:
        """Play the scenario's expect, cure and cured steps against this host."""
        from mockhost.expect.check import check

        return check(self.runtime.scenario, RuntimeDriver(self))


class _ControlPlane:
    """The control plane's application, built when it is first asked: many a host is never operated."""

    def __init__(self, make: Callable[[], WSGIApplication]) -> None:
        self._make = functools.cache(make)
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            app = self._make()
        return app(environ, start_response)


class HostClock:
    """The virtual clock as a test holds it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def now(self) -> float:
        """Virtual seconds since 1970."""
        return self._runtime.clock.now()

    def iso(self) -> str:
        """The virtual time as `2026-01-01T00:00:00.000Z`."""
        return iso(self.now())

    def advance(
        self,
        by: str | float = 0.0,
        *,
        seconds: float = 0.0,
        minutes: float = 0.0,
        hours: float = 0.0,
        days: float = 0.0,
    ) -> None:
        """Move the clock on, e.g. `advance(minutes=5)` or `advance("4m")`; due jobs run in time order."""
        from mockhost.scenario.model import parse_duration

        more = parse_duration(by) if isinstance(by, str) else by
        self._runtime.advance(more + seconds + 60.0 * minutes + 3600.0 * hours + 86_400.0 * days)


class RuntimeDriver:
    """Lets `expect` operate a host of this process."""

    def __init__(self, host: MockHost) -> None:
        self._host = host
        self._runtime = host.runtime

    def advance(self, seconds: float) -> None:
        """Raises UsageError if the timeline has something on the way that can't happen."""
        problems: list[str] = []

        def hear(kind: str, data: object) -> None:
            if kind == "state" and isinstance(data, Mapping) and data.get("what") == "timeline":
                problems.append(str(data.get("problem")))

        listen_no_more = self._runtime.events.call(hear)
        try:
            self._runtime.advance(seconds)
        finally:
            listen_no_more()
        if problems:
            raise UsageError(f"what the timeline has on the way can't happen: {'; '.join(problems)}")

    def service(self, action: str) -> None:
        self._runtime.service(action)

    def set(self, path: str, value: object) -> None:
        self._runtime.set(path, value)

    def change(self, changes: Mapping[str, object]) -> None:
        self._runtime.change(changes)

    def import_now(self, connector: str, profile: str) -> None:
        self._runtime.import_now(connector, profile)

    def verify(self, spec: Mapping[str, object]) -> tuple[bool, str]:
        result = self._runtime.verify(spec)
        return result.ok, result.text

    def targets(self) -> Mapping[str, ClientTarget]:
        return self._runtime.told()

    def truth(self) -> Mapping[str, ClientTarget]:
        return self._runtime.truth()


class _Observer:
    """Writes what happens to connections into the journal, and tells whoever listens."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def opened(self, connection: Connection) -> Admission:
        return self._runtime.opened(connection.number, connection.peer[0])

    def handshake(self, connection: Connection, error: str | None) -> None:
        record = _record(connection)
        record.tls = connection.tls
        if error is not None:
            record.error = error
            self._runtime.events.publish("connection", record)

    def refused(self, connection: Connection, refusal: Refusal, head: bytes, answer: bytes) -> None:
        runtime = self._runtime
        method, target, headers = _pieces(head)
        page, _, body = answer.partition(b"\r\n\r\n")
        with runtime.lock:
            if connection.epoch_token.epoch is not runtime.epoch:
                return
            runtime.record(
                Exchange(
                    at=runtime.clock.now(),
                    method=method,
                    target=target,
                    headers=headers,
                    connection=connection.number,
                    scheme="https" if connection.tls else "http",
                    verdict="refused",
                    status=refusal.status,
                    answer_headers=_pieces(page)[2],
                    answer_body=body,
                    reason=f"http.sys: {refusal.heading} ({refusal.httperr})",
                )
            )

    def closed(self, connection: Connection, by: str) -> None:
        record = _record(connection)
        record.closed_by = by
        record.closed_at = self._runtime.clock.now()

    def bug(self, connection: Connection, error: BaseException) -> None:
        if isinstance(error, Cut):
            return
        runtime, head = self._runtime, connection.answering
        with runtime.lock:
            runtime.record(
                Exchange(
                    at=runtime.clock.now(),
                    method="" if head is None else head.method,
                    target="" if head is None else head.target,
                    headers=() if head is None else head.headers,
                    connection=connection.number,
                    scheme="https" if connection.tls else "http",
                    bug=f"{type(error).__name__}: {error} ({_where(error)})",
                )
            )


def _record(connection: Connection) -> ConnectionRecord:
    admission = connection.epoch_token
    assert isinstance(admission, Admission)
    return admission.record


def _pieces(head: bytes) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Method, target and headers of a head, as far as they can be told apart."""
    first, *rest = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    lines: list[str] = []
    for line in rest:
        if line[:1] in (" ", "\t") and lines:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    parts = (line.partition(":") for line in lines)
    headers = tuple((name.strip(), value.strip()) for name, _, value in parts if name.strip())
    return words[0], words[1] if len(words) > 1 else "", headers


def _where(error: BaseException) -> str:
    """The innermost place of our own code, for a report of a bug."""
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{os.path.basename(code.co_filename)}:{trace.tb_lineno} in {code.co_name}"
        trace = trace.tb_next
    return place


def _hosts(listen: str | Sequence[str] | None) -> tuple[str, ...]:
    if listen is None or listen == "localhost":
        return LOOPBACK
    return (listen,) if isinstance(listen, str) else tuple(listen)


def _public_name(hosts: Sequence[str], names: Sequence[str]) -> str:
    if names and not set(hosts) <= set(LOOPBACK):
        return names[0]
    return "localhost"


def _shape(target: ClientTarget) -> dict[str, Any]:
    return {"url": target.url, "secret_token": target.secret_token}


__all__ = ["CannotRun", "MockHost", "MockhostError", "ScenarioError", "UsageError", "VerificationError"]
