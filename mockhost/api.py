"""`MockHost`: a running mock in this process, for tests and for the command line alike.

    from mockhost import MockHost

    with MockHost("documented/secret_token_mismatch") as host:
        answer = host.session("SQL").get(host.url("SQL") + "/Users", params={"filter": 'PLACEHOLDER eq "x"'})
        assert answer.status_code == 401

`url`, `token` and `session` are the *client's* configuration, mistakes included; `truth` is the host's own.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import pathlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mockhost import tokens
from mockhost.clock import fresh_secret
from mockhost.errors import (
    CannotRun,
    MockhostError,
    ScenarioError,
    UsageError,
    VerificationError,
    place_of,
)
from mockhost.journal import Connection as ConnectionRecord
from mockhost.journal import Exchange, Journal
from mockhost.public_url import check_name, in_url
from mockhost.public_url import parse as parse_public_url
from mockhost.running import HostClock, RunningHost
from mockhost.runtime import Admission, Cut, Runtime, targets
from mockhost.scenario.loader import Terms, listed
from mockhost.scenario.model import Scenario
from mockhost.scenario.sources import NETWORK, OPERATOR, Opened, Source
from mockhost.server.listener import Limits, Listener
from mockhost.server.transport import TlsOffer
from mockhost.tls.authority import Authority
from mockhost.tls.config import TlsConfig
from mockhost.tls.serving import Certificates
from mockhost.web.connections import meet
from mockhost.web.data import DataPlane, begin
from mockhost.web.handling import connector_named

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from mockhost.connectors.kept import Kept
    from mockhost.operations.row import Role
    from mockhost.rules.nearmiss import NearMiss
    from mockhost.running import ClientTarget
    from mockhost.runtime.operations import Operated
    from mockhost.server.httpsys import Refusal
    from mockhost.server.service import Connection
    from mockhost.web.app import DataApp
    from mockhost.windows.drive import Drive

LOOPBACK = ("127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")
CONTROL_SEND = 10.0
"""Seconds that a client of the control plane may take nothing of its answer, such as an event stream."""
_FINISH = 1.0
"""Seconds that answers of the control plane have to end in when the host stops."""


class MockHost(RunningHost):
    """A host with a scenario, its data plane and its control plane. Use it as a context manager.

    scenario: a shipped name, a path, a dict in the scenario format, or a loaded Scenario.
    overrides: the scenario's own keys, e.g. `connectors={"SQL": {"system": {"people": 50}}}` or
    `host={"debug": True}`, merged as `extends` merges.
    listen: the address or addresses of the data plane; by default 127.0.0.1 and ::1.
    public_name: what clients call it, in URLs. control_host: `::` is every address, of IPv4 too.
    public_url: where clients reach the data plane through a proxy or a mapped port, e.g.
    `https://scim.contoso.example`: the base of URLs and of `Location`; its host name is in the certificate.
    port, control_port: 0 takes any free port. seed, sets (`PATH=VALUE`) change the scenario, and so do tls=False (plain
    HTTP) and tls=True (TLS where the scenario has plain HTTP).
    clock: what a scenario that does not say gets: `frozen` (default) or `wall`.
    data: a folder in which the objects of connectors are kept: what is changed in them is there in the next host.
    drive: a folder that is drive C: of the Windows server around the host; an edit counts when the service next starts.
    control_files, control_env: folders and environment variables that documents may name which come over the control
    plane; by default none.
    blind: hide the scenario from everyone without the control plane's token; these are learners, who need
    `learner_token` where the control plane is on a wider address than loopback.
    Raises ScenarioError, UsageError, CannotRun.
    """

    _source: Source = OPERATOR
    """whose the arguments of its methods are, which decides what they may name"""

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
        control_files: Sequence[str | os.PathLike[str]] = (),
        control_env: Sequence[str] = (),
        blind: bool = False,
        learner_token: str | None = None,
        tls: bool | None = None,
        tls_names: Sequence[str] = (),
        public_name: str | None = None,
        public_url: str | None = None,
        seed: int | None = None,
        sets: Sequence[str] = (),
        state_dir: str | os.PathLike[str] | None = None,
        drive: str | os.PathLike[str] | None = None,
        data: str | os.PathLike[str] | None = None,
        clock: str = "frozen",
        **overrides: Any,
    ) -> None:
        _check_kinds(
            control=control,
            control_host=control_host,
            control_token=control_token,
            blind=blind,
            learner_token=learner_token,
            public_name=public_name,
            public_url=public_url,
            state_dir=state_dir,
            drive=drive,
            data=data,
        )
        public = None if public_url is None else parse_public_url(public_url)
        if public is not None and public_name and in_url(public_name.lower()) != public.url_host:
            raise UsageError(
                f"the public URL {public} and the public name {public_name} are two names for one host",
                hint="leave public_name out; more names for the certificate go in tls_names",
            )
        if public_name is not None:
            check_name(public_name)
        self.terms = Terms.of(tls, seed, sets, clock, public)
        opened = Opened.of(
            listed("control_files", control_files, "folders", (str, os.PathLike)),
            listed("control_env", control_env, "names"),
        )
        self.tls_names = listed("tls_names", tls_names, "names")
        loaded = self.load(scenario, **overrides)
        state = None if state_dir is None else pathlib.Path(state_dir).absolute()
        names = dict.fromkeys([*self.tls_names, *([public.host] if public is not None else [])])
        certificates = Certificates(Authority(state), extra_names=tuple(names))
        kept = _kept(data)
        try:
            self.runtime = Runtime(loaded, certificates, opened, _drive(drive), kept)
        except BaseException:
            if kept is not None:
                kept.close()
            raise
        self.runtime.public_url = public
        self._hosts = _hosts(listen)
        self._port = port
        self._public_name = public_name
        self._with_control = control
        self._control_address = (control_host, control_port)
        needs_token = control_host not in (*LOOPBACK, "localhost")
        if control_token is not None:
            check_token(control_token)
        self.blind = blind
        self.control_token = control_token or (fresh_secret() if needs_token or blind else None)
        if learner_token is not None:
            check_token(learner_token)
        self.learner_token = learner_token or (fresh_secret() if needs_token and blind else None)
        self.runtime.keep_secret(*filter(None, (self.control_token, self.learner_token)))
        self.listener: Listener | None = None
        self.control_listener: Listener | None = None
        self._control_port = 0
        """the control plane's port, also when it is closed again"""
        self._runs = False
        self.clock = HostClock(self, lambda: self.runtime.clock.now())

    def load(
        self, scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario, **overrides: Any
    ) -> Scenario:
        """Load a scenario with what this host was made with (seed, sets, TLS, clock) laid over it."""
        return self.terms.load(scenario, overrides)

    @property
    def scenario(self) -> Scenario:
        """The scenario as it was loaded."""
        return self.runtime.state.loaded

    # -- life --------------------------------------------------------------------------------------------------

    def start(self) -> MockHost:
        """Bind the ports, start the service, answer; a host that runs already goes on. Raises CannotRun if a port is
        in use."""
        if self._runs:
            return self
        runtime = self.runtime
        observer = _Observer(runtime)
        self.listener = Listener(
            self._data_app(),
            hosts=self._hosts,
            port=self._port,
            tls=self._offer,
            heads=runtime.heads,
            observer=observer,
            plan=lambda connection: meet(runtime, connection.epoch_token),
            upload=lambda environ: begin(runtime, environ),
            limits=Limits(long_segments=lambda path: runtime.state.served.is_standard(connector_named(path))),
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
        self._runs = True
        runtime.listener = self.listener
        runtime.start_ticking()
        if runtime.state.accepting:
            self.listener.open()
        return self

    @contextlib.contextmanager
    def _forked(self) -> Iterator[MockHost]:
        """A host in the same state on a loopback port of its own: what happens to it stays in it."""
        twin = copy.copy(self)
        vars(twin).pop("app", None)
        twin.runtime = self.runtime.fork()
        twin.runtime.public_url = None  # which leads to this host, or to whatever stands before it
        twin.clock = HostClock(twin, lambda: twin.runtime.clock.now())
        twin._source = NETWORK  # the author of the steps that are played on it
        twin._hosts, twin._port, twin._public_name, twin._with_control = LOOPBACK, 0, None, False
        twin.listener = twin.control_listener = None
        twin._runs = False
        try:
            MockHost.start(twin)
            yield twin
        finally:
            MockHost.stop(twin)

    @functools.cached_property
    def app(self) -> DataApp:
        """The data plane as a Flask application; blueprints registered before `start` are served beside the host."""
        from mockhost.web.app import DataApp

        return DataApp(self.runtime)

    def _data_app(self) -> WSGIApplication:
        made: WSGIApplication | None = vars(self).get("app")
        return made or DataPlane(self.runtime)

    def _start_control(self) -> None:
        host, port = self._control_address
        self.control_listener = Listener(
            _ControlPlane(lambda: self._control_app(host)),
            hosts=LOOPBACK if host in ("127.0.0.1", "localhost") else EVERYWHERE if host == "::" else (host,),
            port=port,
            tls=None,
            limits=Limits(lengths_required=False, send=CONTROL_SEND),
            name="control",
        )
        self._control_port = self.control_listener.bind()
        public = self.terms.public_url
        if public is not None and public.is_loopback and public.port == self.control_listener.port:
            raise UsageError(
                f"the public URL {public} is the control plane of this host",
                hint=f"clients reach the data plane, at port {self.port}",
            )
        self.control_listener.open()

    def _control_app(self, bound_host: str) -> WSGIApplication:
        from mockhost.control.app import OWNER, Console, caller, create_control_app

        def console() -> Console:
            from mockhost.console.app import Console

            return Console()

        def role(who: str) -> Role:
            return "operator" if who == OWNER else "learner"

        return create_control_app(
            lambda asked: self._operated(self.runtime.network)._replace(role=role(caller(asked))),
            token=self.control_token,
            bound_host=bound_host,
            names=self.tls_names,
            others={self.learner_token: "learner"} if self.learner_token else {},
            stranger="learner" if self.blind else OWNER,
            lets_in=self.blind and self.learner_token is None,
            console=console,
        )

    def _offer(self, config: TlsConfig | None) -> TlsOffer:
        certificates = self.runtime.certificates
        return TlsOffer(*(certificates.offer() if config is None else certificates.offer_for(config)))

    def stop(self) -> None:
        """Close both planes; whatever hangs is cut, and answers of the control plane end first. May be called twice."""
        self._runs = False
        if self.listener is not None:
            self.listener.end()  # first: no client is to be told what fails because the host ends
        self.runtime.close()
        if self.listener is not None:
            self.listener.shutdown()
        if self.control_listener is not None:
            self.control_listener.shutdown(finish=_FINISH)
        self.runtime.certificates.close()

    def __enter__(self) -> MockHost:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def use(self, scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario, **overrides: Any) -> None:
        """Begin again with another scenario, on the same ports."""
        self.runtime.use(self.load(scenario, **overrides))

    # -- what its verbs stand on -------------------------------------------------------------------------------

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """Do an operation by its name, such as `call("get_clock")`; its result as plain data.

        The operations and their arguments are those of the control API. Raises UsageError, ScenarioError, CannotRun.
        """
        from mockhost.operations import find
        from mockhost.operations.row import Media
        from mockhost.runtime.operations import perform

        result = perform(self._operated(self._source), find(operation), arguments)
        return result.data.decode() if isinstance(result, Media) else result

    def _operated(self, source: Source) -> Operated:
        from mockhost.runtime.operations import Operated

        return Operated(self.runtime, self.terms.load, source=source, fork=self._forked)

    def connectors(self) -> Mapping[str, ClientTarget]:
        """The host's own truth, by connector."""
        return targets.truth(self.runtime)

    def clients(self) -> Mapping[str, ClientTarget]:
        """The client's configuration, by connector."""
        return targets.told(self.runtime)

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
            # The public URL leads to the data plane only.
            shown = self._public_name or "127.0.0.1"
            if self.terms.public_url is not None and self.tls_names:
                shown = in_url(self.tls_names[0])
        return f"http://{shown}:{self._control_port}"

    @property
    def _controlled(self) -> bool:
        return self.control_listener is not None

    def _facts(self) -> dict[str, Any]:
        scenario = self.runtime.scenario
        return {
            "pid": os.getpid(),
            "scenario": scenario.name,
            "tls": scenario.host.tls.mode != "plain_http",
            "listening": self.runtime.host.running,
        }

    def ready(self) -> dict[str, Any]:
        """The document of `--ready-file`; that of a blind host is a learner's."""
        document = super().ready()
        if self.blind:
            document |= {"scenario": "", "connectors": {}}
            document["control"]["token"] = self.learner_token
        return document

    # -- what is inside ----------------------------------------------------------------------------------------

    @property
    def journal(self) -> Journal:
        """The bounded, redacted record of exchanges and connections."""
        return self.runtime.journal

    def _objects(self, connector: str) -> list[dict[str, object]]:
        from mockhost.runtime.operations.connectors import objects

        return objects(self.runtime, connector)  # with passwords, which the operation does not show

    def cache(self, connector: str | None = None) -> list[dict[str, object]]:
        """The resources of the connector space."""
        from mockhost.runtime.operations.connectors import cache

        return cache(self.runtime, self.truth(connector).connector)

    def _listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        return self.runtime.events.call(lambda kind, data: wake())

    def near_miss(self, exchange: Exchange) -> NearMiss | None:
        """What the rules made of an exchange of the journal, and which came closest (`.text`); None without rules."""
        from mockhost.rules.nearmiss import near_miss

        return near_miss(exchange, self.journal.sink)


class _ControlPlane:
    """The control plane's application, built when it is first asked: many a host is never operated."""

    def __init__(self, make: Callable[[], WSGIApplication]) -> None:
        self._make = functools.cache(make)
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            app = self._make()
        return app(environ, start_response)


class _Observer:
    """Writes what happens to connections into the journal, and publishes it."""

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
                    bug=f"{type(error).__name__}: {error} ({place_of(error)})",
                )
            )


def _record(connection: Connection) -> ConnectionRecord:
    admission = connection.epoch_token
    assert isinstance(admission, Admission)
    return admission.record


def _pieces(head: bytes) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Method, target and headers of a head, as far as they can be separated."""
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


_NONE = type(None)
_FOLDER: tuple[tuple[type, ...], str] = ((str, os.PathLike, _NONE), "a folder")
_TOKEN: tuple[tuple[type, ...], str] = ((str, _NONE), "a text")
_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    **{"control": ((bool,), "True or False"), "blind": ((bool,), "True or False")},
    "control_host": ((str,), "an address, such as 127.0.0.1"),
    **{"control_token": _TOKEN, "learner_token": _TOKEN},
    "public_name": ((str, _NONE), "a host name"),
    "public_url": ((str, _NONE), "a URL, such as https://scim.contoso.example"),
    **{"state_dir": _FOLDER, "drive": _FOLDER, "data": _FOLDER},
}
"""Arguments of MockHost: what they may be, and that in words."""


def _check_kinds(**given: object) -> None:
    """Raise UsageError for an argument of another kind; a token is not shown."""
    for name, value in given.items():
        kinds, words = _KINDS[name]
        if not isinstance(value, kinds) or (kinds == _FOLDER[0] and "\0" in str(value)):
            shown = f"of type {type(value).__name__}" if name.endswith("token") else repr(value)
            raise UsageError(f"{name} is {words}, not {shown}")


def check_token(token: str) -> None:
    """Raise UsageError for a token of the control plane that no client could send in a header."""
    if what := tokens.problem(token):
        hint = "take visible ASCII characters without blanks, or leave it out"
        raise UsageError(f"the control plane's token {what}", hint=hint)


def _drive(folder: str | os.PathLike[str] | None) -> Drive | None:
    if folder is None:
        return None
    from mockhost.windows.drive import FolderDrive

    return FolderDrive(pathlib.Path(folder))


def _kept(folder: str | os.PathLike[str] | None) -> Kept | None:
    if folder is None:
        return None
    from mockhost.connectors.kept import Kept

    return Kept(pathlib.Path(folder))


def _hosts(listen: str | Sequence[str] | None) -> tuple[str, ...]:
    if listen is None or listen == "localhost":
        return LOOPBACK
    return (listen,) if isinstance(listen, str) else listed("listen", listen, "addresses")


def _public_name(hosts: Sequence[str], names: Sequence[str]) -> str:
    if names and not set(hosts) <= set(LOOPBACK):
        return names[0]
    return "localhost"


__all__ = ["CannotRun", "MockHost", "MockhostError", "ScenarioError", "UsageError", "VerificationError"]
