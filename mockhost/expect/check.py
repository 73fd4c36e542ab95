"""Plays a whole scenario: its symptom, its cure, and what is true afterwards; or its proof."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mockhost.client.observation import TIMEOUT
from mockhost.errors import UsageError
from mockhost.expect.sending import Step
from mockhost.expect.steps import Alternative, Driver, Player, StepResult

if TYPE_CHECKING:
    from mockhost.running import ClientTarget, RunningHost


class HostDriver:
    """The verbs of steps, done to a running host."""

    def __init__(self, host: RunningHost) -> None:
        self._host = host

    def advance(self, seconds: float) -> None:
        """Raises UsageError if the timeline has something on the way that can't happen."""
        problems = self._host.call("advance_clock", by=seconds)["problems"]
        if problems:
            raise UsageError(f"what the timeline has on the way can't happen: {'; '.join(problems)}")

    def service(self, action: str) -> None:
        self._host.service(action)

    def set(self, path: str, value: object) -> None:
        self._host.set(path, value)

    def change(self, changes: Mapping[str, object]) -> None:
        self._host.change(changes)

    def import_now(self, connector: str, profile: str) -> None:
        self._host.import_now(connector, profile)

    def verify(self, spec: Mapping[str, object]) -> tuple[bool, str]:
        result = self._host.call("verify", spec=spec)
        return result["ok"], result["text"]

    def windows(
        self, command: str, elevated: bool | None, session: Mapping[str, object]
    ) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._host.call(
            "windows", command=command, elevated=elevated, session=dict(session)
        )
        return found

    def portal(self, step: object, timeout: float) -> Mapping[str, Any]:
        """Do a step of a scenario's `entra`; its result."""
        found: Mapping[str, Any] = self._host.call("portal", step=step, timeout=timeout)["result"]
        return found

    def hide(self, text: str) -> str:
        return str(self._host.journal.sink.known(text))

    def near_miss(self) -> str:
        last = next(reversed(self._host.journal.entries()), None)
        found = None if last is None else self._host.near_miss(last)
        return "" if found is None else str(found.text)

    def targets(self) -> Mapping[str, ClientTarget]:
        return self._host.clients()

    def truth(self) -> Mapping[str, ClientTarget]:
        return self._host.connectors()


class Proof(NamedTuple):
    """The outcome: whether it holds, and why, for people."""

    holds: bool
    text: str
    differing: tuple[StepResult, ...] = ()
    """the steps that failed on a compared value, as they should"""


def proof(results: Iterable[StepResult]) -> Proof:
    """Judge the `expect` steps of a scenario as they went against its healthy counterpart.

    Steps that pass wherever they are played prove nothing, so at least one must fail there on a compared value. A step
    that can't even be carried out there (a connector that the counterpart has not) proves nothing either.
    """
    played = list(results)
    broken = [(number, result) for number, result in enumerate(played, 1) if result.error is not None]
    if broken:
        lines = [f"step {number} could not be carried out there: {result.error}" for number, result in broken]
        return Proof(False, "\n".join(["the proof is broken:", *lines]))
    differing = tuple(result for result in played if result.problems)
    if not differing:
        what = "no step does" if played else "there is no step that could"
        return Proof(False, f"{what} fail against the healthy counterpart, so the symptom tells nothing")
    lines = [f"{result.text}; {'; '.join(result.problems)}" for result in differing]
    return Proof(True, "\n".join(["the healthy counterpart differs:", *lines]), differing)


CURED: tuple[Step, ...] = ({"send": "test_connection", "gets": {"status": 200}},)
"""What holds after a cure, and on a host that nothing is wrong with, unless the scenario says otherwise."""


class Playable(Protocol):
    """What is played of a scenario."""

    @property
    def name(self) -> str: ...
    @property
    def connectors(self) -> Mapping[str, object]: ...
    @property
    def client(self) -> Mapping[str, object]: ...
    @property
    def expect(self) -> Sequence[Step]: ...
    @property
    def cure(self) -> Sequence[Step]: ...
    @property
    def cured(self) -> Sequence[Step]: ...
    @property
    def wrong_cure(self) -> Sequence[Step]: ...


class Section(NamedTuple):
    """expect, cure, cured or wrong_cure, and how its steps went."""

    name: str
    results: tuple[StepResult, ...]

    @property
    def ok(self) -> bool:
        """Whether every step could be carried out and got what it says; of wrong_cure, whether none did."""
        return all(result.ok for result in self.results)


class Report(NamedTuple):
    """How a scenario's steps went."""

    scenario: str
    sections: tuple[Section, ...]

    @property
    def ok(self) -> bool:
        """Whether every step could be carried out and got what it says."""
        return all(section.ok for section in self.sections)

    @property
    def text(self) -> str:
        """All steps, a line each, with what differs below."""
        lines = [f"{self.scenario}: {'as it says' if self.ok else 'not as it says'}"]
        for section in self.sections:
            lines.append(f"  {section.name}")
            for result in section.results:
                lines.append(f"    {'ok  ' if result.ok else 'FAIL'} {result.text}")
                lines += [f"         {problem}" for problem in result.problems if problem not in result.text]
                lines += [f"         {result.near_miss}"] if result.near_miss else []
        return "\n".join(lines)


def default_connector(scenario: Playable) -> str:
    """The connector of a step that names none: the first one in `client`, else the first."""
    return next(iter([*scenario.client, *scenario.connectors]), "")


def check(
    scenario: Playable,
    driver: Driver,
    *,
    timeout: float = TIMEOUT,
    alternatives: Callable[[], Iterable[Alternative]] = tuple,
    confined: bool = False,
) -> Report:
    """Play expect, cure, cured and wrong_cure, in this order, against the fresh host behind `driver`.

    `alternatives` tells how the last exchange could have been answered, for what a step's result rests on.
    """
    connector = default_connector(scenario)
    player = Player(driver.targets(), driver, connector, timeout, alternatives, confined=confined)
    sections = [_played(name, steps, player) for name, steps in parts_of(scenario).items()]
    return Report(scenario.name, tuple(section for section in sections if section.results))


def parts_of(scenario: Playable) -> dict[str, Sequence[Step]]:
    """The lists of steps of a scenario, in the order in which they are played."""
    uncured = scenario.expect and not scenario.cure
    return {
        "expect": scenario.expect,
        "cure": scenario.cure,
        "cured": scenario.cured or (() if uncured else CURED),
        "wrong_cure": scenario.wrong_cure,
    }


def hold(
    scenario: Playable, fork: Callable[[], AbstractContextManager[Driver]], *, timeout: float = TIMEOUT
) -> Report:
    """Play what can hold of a running host as it is: expect, cured and wrong_cure, each against a fork of its own."""
    sections = []
    for name, steps in parts_of(scenario).items():
        if steps and name != "cure":
            with fork() as driver:
                connector = default_connector(scenario)
                player = Player(driver.targets(), driver, connector, timeout, confined=True)
                sections.append(_played(name, steps, player))
    return Report(scenario.name, tuple(sections))


def _played(name: str, steps: Sequence[Step], player: Player) -> Section:
    results = tuple(player.play(step) for step in steps)
    return Section(name, tuple(map(_inverted, results)) if name == "wrong_cure" else results)


def _inverted(result: StepResult) -> StepResult:
    """The result of a step that must not hold; one that could not be carried out is no proof of that."""
    if result.error is not None:
        return result
    if result.ok:
        return result._replace(ok=False, problems=("it holds: this is no cure",))
    return result._replace(ok=True, problems=())


def prove(
    scenario: Playable,
    healthy: Driver,
    *,
    timeout: float = TIMEOUT,
) -> Proof:
    """Play the symptom of `scenario` against the fresh host, and as the client, of its healthy counterpart.

    How long an answer took proves nothing, because a busy machine makes a healthy host slow, too: `took` is
    not compared here, and an answer that must not come is waited for as long as any other.
    """
    connector = default_connector(scenario)
    player = Player(healthy.targets(), healthy, connector, timeout, is_counterpart=True)
    found = proof([player.play(_untimed(step, timeout)) for step in scenario.expect])
    if not found.holds and any("took" in _gets(step) for step in scenario.expect):
        hint = "how long an answer takes proves nothing; a step such as 'verify: {rule: NAME}' does"
        return found._replace(text=f"{found.text}; {hint}")
    return found


def _gets(step: Step) -> Mapping[str, object]:
    gets = step.get("gets")
    return gets if isinstance(gets, Mapping) else {}


def _untimed(step: Step, timeout: float) -> Step:
    left = {key: value for key, value in _gets(step).items() if key != "took"}
    ends = left.get("ends")
    if isinstance(ends, Mapping) and "no_answer_within" in ends:
        left["ends"] = {**ends, "no_answer_within": timeout}
    return {**step, "gets": left} if "gets" in step else step
