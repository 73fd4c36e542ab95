"""A running host, wherever it runs: its everyday verbs, on one method that does any operation of the table."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mockhost.clock import iso, monotonic
from mockhost.durations import parse_duration
from mockhost.errors import UsageError, VerificationError, did_you_mean

if TYPE_CHECKING:
    import requests

_LOOK_AGAIN = 0.05
"""So many seconds pass at most before `wait_for` looks again: a host in another process does not tell this one."""


class ClientTarget(NamedTuple):
    """How a client reaches a connector: as it is configured, or as the host really is. Its repr hides the token."""

    connector: str
    url: str
    secret_token: str
    ca_file: str | None
    trusted: bool
    """whether the client is configured to trust the mock's CA"""
    kind: str = ""
    """the connector's kind, which decides how attributes are named on the wire"""

    def __repr__(self) -> str:
        return f"<ClientTarget {self.connector} at {self.url}, secret_token of {len(self.secret_token)} characters>"


class Command(NamedTuple):
    """What came of a command on the Windows server."""

    exit: int
    """0, or the code with which it failed"""
    output: str
    """what the window showed"""
    data: Any
    """the same as plain data, where there is some"""
    session: Mapping[str, Any]
    """for the next command"""


class Checked(NamedTuple):
    """What `check` has found."""

    scenario: str
    ok: bool
    """whether `expect`, `cure`, `cured` and `wrong_cure`, played one after another, get what they say"""
    cured: bool
    """whether nothing is wrong as it is now: all of `cured` holds, and nothing of `wrong_cure`"""
    holds: tuple[str, ...]
    """those of `expect` and `cured` that hold as it is now; and `wrong_cure`, if something of it does"""
    text: str
    """for people: every step, and what differs"""
    sections: list[dict[str, Any]]
    """expect, cured and wrong_cure: `name`, `holds`, and `steps`, each with `ok`, `text` and `problems`"""


def _variable(connector: str, taken: Mapping[str, str]) -> str:
    """The prefix of a connector's variables: its name in capitals, with a number if another one has that."""
    key = first = re.sub(r"[^A-Z0-9]", "_", connector.upper())
    number = 1
    while f"MOCKHOST_{key}_URL" in taken or key == "CONTROL":  # which is the control plane
        number += 1
        key = f"{first}_{number}"
    return key


class RunningHost(Protocol):
    """A host as who operates it sees it: a `MockHost` of this process, or one behind a control plane.

    A host brings what has no body here; the other methods are everyday names for operations, on `call`.
    """

    control_token: str | None = None
    clock: HostClock

    def call(self, operation: str, /, **arguments: Any) -> Any:
        """Do an operation by its name, such as `call("get_clock")`; its result as plain data.

        The operations and their arguments are those of the control API. Raises UsageError, ScenarioError, CannotRun.
        """
        ...

    def start(self) -> Any:
        """Bind the ports, start the service, answer."""
        ...

    def stop(self) -> None:
        """Close the ports; whatever hangs is cut."""
        ...

    def load(self, scenario: Any, **overrides: Any) -> Any:
        """Load a scenario with what this host was made with laid over it."""
        ...

    def use(self, scenario: Any, **overrides: Any) -> None:
        """Begin again with another scenario, on the same ports."""
        ...

    @property
    def scenario(self) -> Any:
        """The scenario as it was loaded."""
        ...

    def connectors(self) -> Mapping[str, ClientTarget]:
        """The host's own truth, by connector."""
        ...

    def clients(self) -> Mapping[str, ClientTarget]:
        """The client's configuration, by connector."""
        ...

    @property
    def port(self) -> int:
        """The data plane's port."""
        ...

    @property
    def control_url(self) -> str:
        """The control plane's base, e.g. `http://127.0.0.1:8586`."""
        ...

    @property
    def journal(self) -> Any:
        """The record of exchanges and connections."""
        ...

    def near_miss(self, exchange: Any) -> Any:
        """What the rules made of an exchange of the journal."""
        ...

    def _facts(self) -> dict[str, Any]:
        """Of the ready file: pid, scenario, tls and listening."""
        ...

    @property
    def _controlled(self) -> bool:
        """Whether there is a control plane."""
        return True

    # -- what happens to it --------------------------------------------------------------------------------

    def windows(
        self,
        command: str,
        *,
        elevated: bool | None = None,
        session: Mapping[str, Any] | None = None,
        input: str | None = None,
    ) -> Command:
        """Run a command on the Windows server around the host, such as `Get-Service`.

        elevated: whether as an administrator; default: as the scenario's machine says. session: that of the command
        before, whose folder and modules it goes on with. What fails there is in the result.
        """
        done = self.call("windows", command=command, elevated=elevated, session=session, input=input)
        return Command(done["exit"], done["output"], done["data"], done["session"])

    def portal(self, step: str | Mapping[str, Any], *, timeout: float | None = None) -> dict[str, Any]:
        """Do a step in the portal of the scenario's application in Entra, such as `test_connection`; its result.

        `step` is as a scenario has it under `entra`, e.g. `{"on_demand": "ann@contoso.example"}`. timeout: seconds that
        each answer of the host may take. Raises UsageError for a step that is wrong; what fails is in the result.
        """
        found: dict[str, Any] = self.call("portal", step=step, timeout=timeout)["result"]
        return found

    def reset(self) -> None:
        """Back to the scenario as loaded, in a new epoch, on the same ports."""
        self.call("reset")

    def reset_connector(self, name: str) -> None:
        """Put one connector back to the objects and states it began with; its exchanges leave the journal.

        The host, its clock and its rules stay; a connector that was created on demand begins with rule counters of its
        own. Raises UsageError.
        """
        self.call("reset_connector", name=name)

    def service(self, action: str) -> None:
        """`start`, `stop` or `restart` the service. While it is stopped its port refuses connections."""
        self.call("control_service", action=action)

    def set(self, path: str, value: object) -> str:
        """Set a value of the scenario by its dotted path; whether that counts `now` or `at restart`."""
        return str(self.call("set_host", set={path: value})["set"][0]["applied"])

    def change(self, changes: Mapping[str, object]) -> int:
        """Change connected systems behind the host's back, all or none; how many objects it touched.

        `changes` is as in a scenario's step, e.g. `{"SQL": {"insert": [{"ContosoLogin": "bob", ...}]}}`.
        """
        return int(self.call("change", changes=changes)["objects"])

    def import_now(self, connector: str | None = None, profile: str = "full") -> None:
        """Begin an import run, `full` or `delta`; it takes as long as the scenario says, on the virtual clock."""
        self.call("import_now", name=self.truth(connector).connector, profile=profile)

    # -- rules -------------------------------------------------------------------------------------------------

    def fail_next(
        self,
        operation: str | Sequence[str] | None = None,
        *,
        fault: str | Mapping[str, Any] | Sequence[Any] | None = None,
        reply: Mapping[str, Any] | Callable[[Any], object] | None = None,
        delay: str | Mapping[str, Any] | None = None,
        write: str | None = None,
        times: int | None = 1,
        connector: str | None = None,
        name: str | None = None,
        optional: bool = False,
        **when: Any,
    ) -> str:
        """Have the next `times` requests of an operation go wrong (None: every one), and the ones after that go well.

        `fault`, `reply`, `delay` and `write` are as in a rule, `when` holds more of its conditions, e.g.
        `fail_next("create_user", fault="connection_reset", write="not_applied", attributes={"ContosoLogin": "bob"})`.
        `optional`: whether a test in pytest may end before it fired.
        A function as `reply` computes it from the request; see `add_rule`.
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
            "optional": optional or None,
        }
        if fault is None and reply is None and delay is None:
            rule["fault"] = {"http_error": 503}
        return self.add_rule({word: value for word, value in rule.items() if value not in (None, {})})

    def add_rule(self, rule: Mapping[str, Any]) -> str:
        """Put a rule, as a scenario's `rules` have them, before all others; its name. Raises UsageError.

        On a host of this process `reply` may be a function. It gets the request, read-only (`operation`, `id`,
        `headers`, `body`, `json`, `attribute(name)`, `match`, ...), and returns a map as a literal reply is (`status`,
        `headers`, `body`), a tuple of these three, or 'normal'. It is called while no lock is held, before the write of
        `write: applied`. If it raises, the answer is 500, and the test in pytest fails with its traceback.
        """
        return str(self.call("add_rule", rule=rule)["name"])

    def remove_rule(self, name: str) -> None:
        """Take away a rule that was added. Raises UsageError if there is none of this name."""
        self.call("remove_rule", name=name)

    def clear_rules(self) -> None:
        """Take away every rule that was added."""
        self.call("clear_rules")

    @property
    def rules(self) -> list[dict[str, object]]:
        """The rules in the order in which they are tried; how often each `matched`, `fired`, and may yet (`left`)."""
        found: list[dict[str, object]] = self.call("list_rules")["rules"]
        return found

    def state(self, connector: str | None = None) -> str:
        """The state that the host, or a connector with states of its own, is in."""
        if connector is not None:
            self.truth(connector)
        states = self.call("get_states")
        return str(states["connectors"].get(connector, states["host"]))

    def set_state(self, name: str, connector: str | None = None) -> None:
        """Put the host, or a connector that has this state, into a state. Raises UsageError."""
        self.call("set_state", state=name, connector=connector)

    def release(self) -> int:
        """Let every answer that hangs go on; how many there were."""
        return int(self.call("release")["released"])

    # -- how clients get here ----------------------------------------------------------------------------------

    def told(self, connector: str | None = None) -> ClientTarget:
        """The client's configuration for a connector (the first one, if not named)."""
        return _pick(self.clients(), connector)

    def truth(self, connector: str | None = None) -> ClientTarget:
        """The host's own truth of a connector: its real URL and secret token."""
        return _pick(self.connectors(), connector)

    def url(self, connector: str | None = None) -> str:
        """The tenant URL in the client's configuration, without a trailing slash."""
        return self.told(connector).url

    def token(self, connector: str | None = None) -> str:
        """The secret token in the client's configuration."""
        return self.told(connector).secret_token

    def headers(self, connector: str | None = None) -> dict[str, str]:
        """The headers that let a client in: `Authorization`."""
        return {"Authorization": f"Bearer {self.token(connector)}"}

    @property
    def ca_file(self) -> str | None:
        """A PEM file with what a client must trust; None while the port speaks plain HTTP."""
        return next((target.ca_file for target in self.connectors().values()), None)

    def ssl_context(self) -> ssl.SSLContext:
        """A client's context that trusts the host's certificate and verifies its name."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # not every build of Python sets it
        return context

    def client_certificate(self) -> tuple[str, str]:
        """A certificate, and its key, that the host takes from clients where it demands one: (PEM, PEM)."""
        made = self.call("get_client_certificate")
        return made["certificate"], made["key"]

    def session(self, connector: str | None = None) -> requests.Session:
        """A `requests.Session` with the token and the trust of the client's configuration."""
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
        clients = self.clients()
        for name, told in clients.items():
            key = _variable(name, variables)
            variables[f"MOCKHOST_{key}_URL"] = told.url
            variables[f"MOCKHOST_{key}_TOKEN"] = told.secret_token
        if self._controlled:
            variables["MOCKHOST_CONTROL_URL"] = self.control_url
            if self.control_token:
                variables["MOCKHOST_CONTROL_TOKEN"] = self.control_token
        trusted = self.ca_file
        if trusted and any(told.trusted for told in clients.values()):
            for key in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"):
                variables[key] = trusted
        if trusted:
            variables["MOCKHOST_CA_FILE"] = trusted
        return variables

    def ready(self) -> dict[str, Any]:
        """The document of `--ready-file`: where everything is, and the client's configuration."""
        control: dict[str, Any] = {"url": None, "token": None}
        if self._controlled:
            control = {"url": self.control_url, "token": self.control_token}
        return {
            **self._facts(),
            "ca_file": self.ca_file,
            "control": control,
            "connectors": {name: _shape(each) for name, each in self.connectors().items()},
            "clients": {name: _shape(each) for name, each in self.clients().items()},
        }

    # -- what is inside ----------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """What is configured beside what is effective, and the state of each connector, the clock and the rest."""
        scenario = self.call("get_scenario")
        return {
            "scenario": scenario["name"],
            "title": scenario["title"],
            "epoch": self.call("get_health")["epoch"],
            **self.call("get_host"),
            **self.call("list_connectors"),
            "states": self.call("get_states"),
            "clock": self.call("get_clock"),
        }

    def objects(self, connector: str | None = None, **match: object) -> list[dict[str, object]]:
        """The objects of the connected system, optionally only those whose columns equal `match`.

        Raises UsageError for a column that the system does not have.
        """
        name = self.truth(connector).connector
        found = self._objects(name)
        for column in match:
            if not any(column in values for values in found):
                self._check_column(name, column, found)
        return [values for values in found if all(values.get(k) == v for k, v in match.items())]

    def _objects(self, connector: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = self.call("get_objects", name=connector)["objects"]
        return found

    def _check_column(self, connector: str, column: str, found: Sequence[Mapping[str, object]]) -> None:
        """Raise UsageError for a column that no object can have; with a schema's attributes, for a near one."""
        system = self.call("get_connector", name=connector)["configured"].get("system") or {}
        known = [each["name"] for each in system.get("columns") or ()]
        hint = did_you_mean(column, known or {name: None for values in found for name in values})
        if column != "-dn-" and (column not in known if known else hint.startswith("did you mean")):
            raise UsageError(f"the connected system has no column {column!r}", hint=hint)

    def cache(self, connector: str | None = None) -> list[dict[str, object]]:
        """The resources of the connector space."""
        found: list[dict[str, object]] = self.call("get_cache", name=self.truth(connector).connector)[
            "objects"
        ]
        return found

    def verify(self, **spec: object) -> None:
        """Assert over the journal, e.g. `verify(operation="patch_user", count={"exactly": 1})`.

        Raises VerificationError (an AssertionError) with the journal as a table.
        """
        result = self.call("verify", spec=spec)
        if not result["ok"]:
            raise VerificationError(result["text"])

    def check(self) -> Checked:
        """Play the scenario's steps on forks of this host: which of its sections hold, and whether it is cured.

        Nothing of that happens to the host itself: no counter, user, clock or journal of it changes.
        """
        found = self.call("check", whole=True)
        whole, now = found["whole"], found["text"].partition("\n")[0]
        text = f"{whole['text']}\nas it is now, {now}"
        return Checked(
            found["scenario"], whole["ok"], found["cured"], tuple(found["holds"]), text, found["sections"]
        )

    def wait_for(
        self,
        operation: str | Sequence[str] | None = None,
        count: int = 1,
        timeout: str | float = 10.0,
        **conditions: Any,
    ) -> list[Any]:
        """Wait until the journal has `count` exchanges with an operation and these conditions, as `verify` takes them.

        For clients that work in the background. A request counts as soon as it is decided on: its answer may be on its
        way, or hang. `timeout` is in seconds of real time, or a duration such as `"500ms"`. Returns the exchanges.
        Raises VerificationError as `verify` does if the time is over, UsageError for a name that does not exist.
        """
        __tracebackhide__ = True
        spec = {**conditions, "count": {"at_least": count}}
        if operation is not None:
            spec["operation"] = operation
        seconds = _seconds("timeout", timeout)
        until = monotonic() + seconds
        heard = threading.Event()
        stop_listening = self._listen(heard.set)
        try:
            while not (result := self.call("verify", spec=spec))["ok"] and (left := until - monotonic()) > 0:
                heard.wait(min(left, _LOOK_AGAIN))
                heard.clear()
        finally:
            stop_listening()
        if not result["ok"]:
            try:
                self.verify(**spec)  # it may have come just now
            except VerificationError as error:
                raise VerificationError(f"timed out after {seconds:g} s: {error}") from None
            result = self.call("verify", spec=spec)
        entries = self.journal.entries()
        return [exchange for exchange in entries if exchange.number in result["matched"]]

    def _listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have `wake` called at each exchange, where a host can tell at once; how to stop that."""
        return lambda: None


class HostClock:
    """The virtual clock as a test holds it."""

    def __init__(self, host: RunningHost, now: Callable[[], float]) -> None:
        self._host = host
        self._now = now

    def now(self) -> float:
        """Virtual seconds since 1970."""
        return self._now()

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
        parts = (
            (1.0, "by", by),
            (1.0, "seconds", seconds),
            (60.0, "minutes", minutes),
            (3600.0, "hours", hours),
            (86_400.0, "days", days),
        )
        self._host.call("advance_clock", by=sum(unit * _seconds(word, much) for unit, word, much in parts))


def _seconds(word: str, length: object) -> float:
    """A length of time that a caller gives, in seconds or as a duration. Raises UsageError."""
    if isinstance(length, str):
        return parse_duration(length)
    if isinstance(length, bool) or not isinstance(length, (int, float)):
        hint = "for a timedelta write .total_seconds()" if hasattr(length, "total_seconds") else ""
        raise UsageError(
            f"{word} is a number of seconds or a duration such as '4m', not {length!r}", hint=hint
        )
    return length


def _pick(targets: Mapping[str, ClientTarget], connector: str | None) -> ClientTarget:
    name = connector if connector is not None else next(iter(targets), None)
    if not isinstance(name, str) or name not in targets:
        raise UsageError(f"there is no connector {name!r}", hint=did_you_mean(str(name), targets))
    return targets[name]


def _shape(target: ClientTarget) -> dict[str, Any]:
    return {"url": target.url, "secret_token": target.secret_token}
