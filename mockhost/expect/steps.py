"""Plays a scenario's steps as the client that the scenario tells of, and compares what it gets.

A step that sends uses a real socket and the client's configuration: tenant URL, secret token, trusted certificates.
The other verbs operate the host through a driver, so that the same steps play against a host in this process,
one behind a control plane, or, as far as they only send, a real one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

from mockhost import actions
from mockhost.actions import VERBS, Checked, Verify, Windows
from mockhost.client.observation import TIMEOUT, Observation, exchange
from mockhost.client.printing import cut
from mockhost.entra.portal import PortalVerdict, judge
from mockhost.errors import MockhostError, UsageError, did_you_mean
from mockhost.expect import comparison
from mockhost.expect.sending import Step, headers_of, mapping, request_of
from mockhost.matching import ABSENT
from mockhost.running import ClientTarget

_REFERENCE = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")
LONGEST = 60.0
"""Seconds that a confined player waits for one exchange at most."""
_WATCH_KEPT, _WATCH_CLOSED = 0.2, 2.0
"""Seconds that a connection is watched for staying open, and for the end that a step expects."""
_AFTER_AN_ANSWER = ("fin", "rst", "close_notify", "alert")
"""Ends that can still come once a whole answer is there; who expects another one need not wait for it."""


_MOST_SHOWN = 400
"""Characters of what differs."""


class Driver(Checked, Protocol):
    """Operates the host that the steps are played against. May raise any MockhostError."""

    def portal(self, step: object, timeout: float) -> Mapping[str, Any]:
        """Do a step in the portal of the host's application in Entra; its result."""

    def hide(self, text: str) -> str:
        """A text without the secrets that the host knows."""

    def near_miss(self) -> str:
        """Which rule came closest to the last exchange without firing, and why it did not; empty if none did."""

    def targets(self) -> Mapping[str, ClientTarget]:
        """The client's configuration, by connector."""

    def truth(self) -> Mapping[str, ClientTarget]:
        """The host's own truth, by connector."""


class ClientConfig(NamedTuple):
    """A `ClientTarget` with a step's own `as` laid over it, which may have no secret token."""

    connector: str
    url: str
    secret_token: str | None
    ca_file: str | None
    trusted: bool
    kind: str


class Alternative(NamedTuple):
    """How an exchange would have been answered if an assumption about the real host were another one."""

    assumption: str
    actual: Shown | None = None
    """the host's answer; None: the body of any answer may be another one"""
    other: Shown | None = None
    """its answer then"""

    def seen(self, what: Observation) -> Observation | None:
        """What a client would have seen instead; None if it did not see the host's answer but a rule's."""
        if self.actual is None or self.other is None:
            return what._replace(body=b"")
        status, headers, body = self.actual
        if what.status != status or not what.body.startswith(body):
            return None
        gone = {name.lower() for name, _ in headers}
        kept = [pair for pair in what.headers if pair[0].lower() not in gone]
        return what._replace(status=self.other[0], headers=(*kept, *self.other[1]), body=self.other[2])


Shown: TypeAlias = "tuple[int, tuple[tuple[str, str], ...], bytes]"
"""Status, headers and body of an answer."""


class StepResult(NamedTuple):
    """The outcome of one step."""

    step: Step
    ok: bool
    problems: tuple[str, ...]
    """each a compared value that differs"""
    error: str | None
    """why the step could not be carried out: nothing was compared then"""
    observation: Observation | None
    verdict: PortalVerdict | None
    """the portal's, for a test connection"""
    text: str
    """one line for people: what was done and what came of it"""
    kind: str = ""
    """the kind of the connector that was asked, such as generic_sql or scim"""
    assumed: tuple[str, ...] = ()
    """the behaviours, by name, whose assumed value decides whether the step gets what it says"""
    near_miss: str = ""
    """for a step that did not get what it says: the rule that came closest, and which of its conditions failed"""


def play(
    steps: Iterable[Step],
    *,
    targets: Mapping[str, ClientTarget],
    driver: Driver | None = None,
    default_connector: str,
    timeout: float = TIMEOUT,
) -> list[StepResult]:
    """Play steps in their order; a step that fails does not keep the next from being played.

    `targets`: the client's configuration, by connector; read again from the driver after each step that may
    change it. `default_connector` is meant where a step names none. `timeout` (seconds on the wall) is for
    each exchange that does not say how long it takes. Without a driver, steps that operate the host are
    errors.
    """
    player = Player(targets, driver, default_connector, timeout)
    return [player.play(step) for step in steps]


class Player:
    """One client's life: what a step captured, later ones may use. See `play`."""

    def __init__(
        self,
        targets: Mapping[str, ClientTarget],
        driver: Driver | None,
        default_connector: str,
        timeout: float = TIMEOUT,
        alternatives: Callable[[], Iterable[Alternative]] = tuple,
        *,
        confined: bool = False,
        is_counterpart: bool = False,
    ) -> None:
        """confined: nothing is sent but to the host itself, and nothing waits for long: others wrote the steps.

        is_counterpart: this is not the host that the steps were written for, so an assertion about what only that one
        has does not hold, instead of being a mistake.
        """
        self._confined = confined
        self._is_counterpart = is_counterpart
        self._targets = targets
        self._driver = driver
        self._connector = default_connector
        self._timeout = timeout
        self._alternatives = alternatives
        self._captured: dict[str, object] = {}
        self._session: Mapping[str, object] = {}
        """of the window in which commands are run on the server"""

    def play(self, step: Step) -> StepResult:
        """Carry one step out and compare."""
        try:
            filled = self._filled(step)
            assert isinstance(filled, dict)
            if "send" in filled:
                return self._send(step, filled)
            if "entra" in filled:
                return self._enterprise(step, filled)
            return self._operate(step, filled)
        except MockhostError as problem:
            return StepResult(step, False, (), str(problem), None, None, f"{_title(step)}: {problem}")

    # -- what was captured -------------------------------------------------------------------------------------

    def _filled(self, value: object) -> object:
        """`value` with every `{{name}}` replaced by what was captured under that name."""
        if isinstance(value, str):
            if whole := _REFERENCE.fullmatch(value):
                return self._value(whole[1])
            return _REFERENCE.sub(lambda match: str(self._value(match[1])), value)
        if isinstance(value, Mapping):
            return {key: self._filled(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._filled(item) for item in value]
        return value

    def _value(self, name: str) -> object:
        if name not in self._captured:
            raise UsageError(f"nothing was captured as {name!r}", hint=did_you_mean(name, self._captured))
        return self._captured[name]

    def _capture(self, step: Step, seen: Observation) -> list[str]:
        """Keep what the step captures; a problem for each value that is not there."""
        missing = []
        for name, path in mapping(step, "capture").items():
            value = comparison.at(seen, str(path))
            if value is ABSENT:
                missing.append(f"capture {name}: expected a value at {path!r}, got nothing")
            else:
                self._captured[str(name)] = value
        return missing

    # -- verbs -------------------------------------------------------------------------------------------------

    def _operate(self, step: Step, filled: Mapping[str, object]) -> StepResult:
        action = actions.of_step(filled)
        assert action is not None
        if self._driver is None:
            raise UsageError(
                f"{_verb(step)!r} can't be done to this host", hint="only 'send' needs no control of the host"
            )
        if isinstance(action, Windows):
            return self._command(step, filled, action, self._driver)
        try:
            found = action.perform(self._driver)
        except UsageError as error:
            if not isinstance(action, Verify) or not self._is_counterpart:
                raise
            found = str(error)
        self._targets = self._driver.targets()
        problems = (found,) if found else ()
        text = f"{_title(step)}: {found}" if found else _title(step)
        return StepResult(step, not problems, problems, None, None, None, text)

    def _shown(self, problems: Iterable[str]) -> tuple[str, ...]:
        """What differs, with no more of what came than people read."""
        hide = str if self._driver is None else self._driver.hide
        return tuple(cut(problem, _MOST_SHOWN, hide) for problem in problems)

    def _command(
        self, step: Step, filled: Mapping[str, object], action: Windows, driver: Driver
    ) -> StepResult:
        seen = action.perform(driver, self._session)
        self._session, self._targets = seen["session"], driver.targets()
        problems = self._shown(comparison.of_command(mapping(filled, "gets"), seen))
        if not filled.get("gets") and seen["exit"]:
            problems = self._shown([f"exit: {seen['exit']}: {' '.join(str(seen['output']).split())}"])
        said = f" exit {seen['exit']}" if seen["exit"] else " done"
        text = f"windows {action.line}:{said}"
        return StepResult(step, not problems, problems, None, None, None, text)

    def _enterprise(self, step: Step, filled: Mapping[str, object]) -> StepResult:
        """Do something in the portal of the host's application in Entra."""
        if self._driver is None:
            raise UsageError(
                "'entra' can't be done to this host", hint="only 'send' needs no control of the host"
            )
        came = self._driver.portal(filled["entra"], self._timeout)
        problems = self._shown(comparison.said(mapping(filled, "says"), came))
        text = f"{_title(step)}: {_short(came)}"
        return StepResult(step, not problems, problems, None, None, None, text)

    def _send(self, step: Step, filled: Mapping[str, object]) -> StepResult:
        told = self._told(filled)
        request = request_of(filled, told.url, told.kind)
        gets = mapping(filled, "gets")
        timeout, linger = _patience(gets, self._timeout)
        if self._confined:
            self._check_confined(told.url, timeout)
        seen = exchange(
            told.url,
            request.method,
            request.target,
            headers_of(request, told.secret_token, mapping(filled, "headers")),
            request.body,
            ca_file=told.ca_file,
            timeout=timeout,
            trusts=("ca",) if told.trusted else (),
            linger=linger,
        )
        verdict = judge(seen) if filled["send"] == "test_connection" else None
        problems = self._shown([*comparison.problems(gets, seen, verdict), *self._capture(filled, seen)])
        text = f"{_title(step)} to {told.connector}: {seen.describe()}"
        assumed = self._assumed(gets, seen, is_test=verdict is not None)
        missed = self._driver.near_miss() if problems and self._driver is not None else ""
        return StepResult(step, not problems, problems, None, seen, verdict, text, told.kind, assumed, missed)

    def _assumed(self, gets: Mapping[str, object], seen: Observation, *, is_test: bool) -> tuple[str, ...]:
        """The assumptions by which it is decided whether `seen` is what the step gets."""

        def found(what: Observation) -> list[str]:
            return comparison.problems(gets, what, judge(what) if is_test else None)

        names = set()
        for each in self._alternatives():
            other = each.seen(seen)
            if other is not None and found(other) != found(seen):
                names.add(each.assumption)
        return tuple(sorted(names))

    def _check_confined(self, url: str, timeout: float) -> None:
        """Raise UsageError for an address that is not the host's, and for a step that takes too long."""
        own = self._driver.truth() if self._driver else self._targets
        if _authority(url) not in {_authority(target.url) for target in own.values()}:
            raise UsageError(
                f"the step would ask {url}, which is not the host's", hint="mockhost check asks it"
            )
        if timeout > LONGEST:
            raise UsageError(
                f"the step may take {timeout:g} s, and here at most {LONGEST:g} s are waited for"
            )

    def _told(self, step: Step) -> ClientConfig:
        """The client's configuration for this step."""
        name = str(step.get("connector", self._connector))
        if name not in self._targets:
            raise UsageError(f"there is no connector {name!r}", hint=did_you_mean(name, self._targets))
        target = self._targets[name]
        told = ClientConfig(name, *target[1:])
        overrides = mapping(step, "as")
        if "secret_token" in overrides:
            token = overrides["secret_token"]
            told = told._replace(secret_token=None if token is None else str(token))
        if "tenant_url" in overrides:
            told = told._replace(url=self._tenant_url(name, str(overrides["tenant_url"])))
        if "trusts" in overrides:
            trusts = overrides["trusts"]
            trusted = isinstance(trusts, (list, tuple)) and "ca" in trusts
            told = told._replace(trusted=trusted, ca_file=told.ca_file or self._truth(name).ca_file)
        return told

    def _truth(self, name: str) -> ClientTarget:
        return (self._driver.truth() if self._driver else self._targets).get(name) or self._targets[name]

    def _tenant_url(self, name: str, written: str) -> str:
        """A step's tenant URL: {truth}, {host} and {port} are the host's own, and a path alone is on that host."""
        if "{" not in written and not written.startswith("/"):
            return written
        truth = self._truth(name).url
        scheme, _, rest = truth.partition("://")
        authority = rest.partition("/")[0]
        host, _, port = authority.rpartition(":")
        url = written.replace("{truth}", truth).replace("{host}", host).replace("{port}", port)
        return f"{scheme}://{authority}{url}" if url.startswith("/") else url


def _authority(url: str) -> str:
    """Host and port of a URL, as they are written."""
    return url.partition("://")[2].partition("/")[0]


def _verb(step: Step) -> str:
    return next((verb for verb in VERBS if verb in step), "nothing")


_WHOLE = ("verdict", "execution", "record", "records", "attributes")
"""What is in a result a second time, in full."""


def _short(came: Mapping[str, object]) -> str:
    """The result of a step, in a line."""
    kept = [
        (key, value) for key, value in came.items() if key not in _WHOLE and value not in ({}, [], "", None)
    ]
    shown = " ".join(", ".join(f"{key} {_plain(value)}" for key, value in kept).split())
    return shown if len(shown) <= 300 else f"{shown[:299]}…"


def _plain(value: object) -> str:
    """A value of a result as YAML has it, without quotes; fractions of a number in short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return f"({', '.join(f'{key} {_plain(each)}' for key, each in value.items())})"
    return f"[{', '.join(map(_plain, value))}]" if isinstance(value, (list, tuple)) else str(value)


def _title(step: Step) -> str:
    """What a step does, in a word or two."""
    verb = _verb(step)
    value = step.get(verb)
    if verb == "entra":
        return f"entra {next(iter(value)) if isinstance(value, Mapping) else value}"
    if verb == "send" or not isinstance(value, (str, int, float)):
        return str(value) if verb == "send" else verb
    return f"{verb} {value:g} s" if isinstance(value, float) else f"{verb} {value}"


# -- reading steps -------------------------------------------------------------------------------------------


def _seconds(value: object, key: str) -> float:
    """A duration as a loaded scenario has it: a number of seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(f"{key!r} is a number of seconds, not {value!r}")
    return float(value)


def _patience(gets: Mapping[str, object], timeout: float) -> tuple[float, float]:
    """How long to wait for the answer, and how long to watch the connection after it; in seconds."""
    took, ends = gets.get("took"), gets.get("ends")
    if isinstance(ends, Mapping) and "no_answer_within" in ends:
        return _seconds(ends["no_answer_within"], "no_answer_within"), 0.0
    for bound in took.values() if isinstance(took, Mapping) else ():
        timeout = max(timeout, 2 * _seconds(bound, "took") + TIMEOUT)
    return timeout, _WATCH_KEPT if ends == "keep" else _WATCH_CLOSED if ends in _AFTER_AN_ANSWER else 0.0
