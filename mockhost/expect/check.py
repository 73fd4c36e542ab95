"""Plays a whole scenario: its symptom, its cure, and what is true afterwards; or its proof."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from mockhost.client.observation import TIMEOUT
from mockhost.expect.proof import Proof, proof
from mockhost.expect.sending import Step
from mockhost.expect.steps import Alternative, Driver, Player, StepResult

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
