"""Whether a scenario's symptom tells it from a healthy host.

Steps that pass wherever they are played prove nothing. So the `expect` steps of a scenario are played once
more against the host and client of its healthy counterpart, where at least one must fail on a compared value.
A step that can't even be carried out there (a connector that the counterpart has not) proves nothing either.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mockhost.expect.steps import StepResult


class Proof(NamedTuple):
    """The outcome: whether it holds, and why, for people."""

    holds: bool
    text: str
    differing: tuple[StepResult, ...] = ()
    """the steps that failed on a compared value, as they should"""


def proof(results: Iterable[StepResult]) -> Proof:
    """Judge the `expect` steps of a scenario as they went against its healthy counterpart."""
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
