"""Whether labs are sound: what a folder says, and, played, that a lab is red, is solved by its solution, and resets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mockhost.api import MockHost
from mockhost.errors import MockhostError
from mockhost.labs.lab import Lab, Line, filled
from mockhost.labs.session import PROMPTS, Session, State

_LEARNER = "lint"
_LINES, _WIDTH = 12, 78
"""Of a brief: it is read above a prompt of 24 lines and 80 columns."""


def problems(lab: Lab, *, play: bool) -> list[str]:
    """What is wrong with a lab, in words; played only if nothing else is wrong."""
    try:
        return list(_written(lab)) or (list(_played(lab)) if play else [])
    except MockhostError as error:
        return [str(error)]


def _written(lab: Lab) -> Iterator[str]:
    scenario = lab.scenario(_LEARNER)
    brief = lab.text("brief.md").strip().splitlines()
    if len(brief) > _LINES or any(len(line) > _WIDTH for line in brief):
        yield f"brief.md: at most {_LINES} lines of {_WIDTH} characters"
    if not lab.text("why.md").strip():
        yield "why.md is empty"
    for name, lines in lab.solutions().items():
        if not lines:
            yield f"{name} plays nothing"
        yield from (f"{name}: {line.text!r} begins with none of {', '.join(PROMPTS)}"
                    for line in lines if not line.text.startswith(PROMPTS))  # fmt: skip
    shown = [lab.title, lab.victory, lab.learnt, *lab.hints, *lab.commands, lab.text("brief.md")]
    typed = [line.text for lines in lab.solutions().values() for line in lines]
    asked = [text for each in lab.answers.values() for text in (each.ask, each.see, *each.right)]
    left = {
        name for text in (*shown, *typed, *asked) for name in re.findall(r"\$\{\w+\}", filled(text, scenario))
    }
    yield from (f"{name} is not a variable of the scenario" for name in sorted(left))
    if not all(text.isascii() for text in shown):
        yield "title, brief and hints are plain ASCII: not every terminal shows other characters"
    if not scenario.cured:
        yield "scenario.yaml: 'cured' has the lab's checks"
    for key, steps in (("cured", scenario.cured), ("wrong_cure", lab.cheats(scenario))):
        yield from (f"scenario.yaml: {key}[{index}] has no note, which learners read"
                    for index, step in enumerate(steps) if not step.get("note"))  # fmt: skip


def _played(lab: Lab) -> Iterator[str]:
    scenario = lab.scenario(_LEARNER)
    with MockHost(scenario, control=False) as host:
        session = Session(lab, scenario, host, {})
        if session.check().solved:
            yield "it is solved before anything is done"
            return
        caught: set[str] = set()
        for name, lines in lab.solutions().items():
            yield from _line_problems(session, name, lines)
            state = session.check()
            caught |= {tick.label for tick in state.cheats}
            if name == "solution.txt" and not state.solved:
                yield f"{name} does not solve it: {_why(state)}"
            elif name != "solution.txt" and state.solved:
                yield f"{name} solves it, and should not"
            session.reset()
            if state.solved and session.check().solved:
                yield f"after {name} and a reset it is still solved"
        known = {" ".join(str(step["note"]).split()) for step in lab.cheats(scenario)}
        yield from (f"no wrong-*.txt runs into: {label}" for label in sorted(known - caught))


def _line_problems(session: Session, name: str, lines: list[Line]) -> Iterator[str]:
    """Lines of the solution that fail and should not, or the other way round; what a cheat tries may fail."""
    for line in lines:
        said = session.play(line.text)
        if name != "solution.txt" or bool(said.code) == line.fails:
            continue
        if line.fails:
            yield f"{name}: {line.text!r} does not fail, as the comment above it says"
        else:
            hint = "if it should, begin the comment above it with '# Fails'"
            yield f"{name}: {line.text!r} fails: {' '.join(said.text.split())[:200]}; {hint}"


def _why(state: State) -> str:
    open_ = [
        f"{tick.label} ({tick.seen or 'not so'})" for tick in (*state.ticks, *state.cheats) if not tick.done
    ]
    return "; ".join([*open_, *([state.broken] if state.broken else [])])
