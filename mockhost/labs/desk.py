"""A student's place in a class: their host, the lab that is on it, and what they type."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from mockhost.api import MockHost
from mockhost.clock import monotonic, wall_now
from mockhost.errors import MockhostError
from mockhost.labs import progress, texts
from mockhost.labs.lab import Lab
from mockhost.labs.session import Session, State
from mockhost.runtime.operations import NoSuch, NotNow

STUCK: Final = 8 * 60.0
"""Seconds without a further tick after which a student is shown as stuck."""
_PATIENCE: Final = 20.0
"""Seconds that a line waits for the one before it."""
_AT_ONCE: Final = 2
"""Lines of a student that are under way or wait; a further one is refused."""
_BETWEEN: Final = 5.0
"""Seconds between two checks that no line asks for."""
_NOTES: Final = 20
"""Hints of the teacher that are kept."""
_OBJECTS: Final = 10_000
"""Objects of a host that are too many: hosts of a class share their memory."""
_PLAIN: Final = texts.Uncoloured()


class Answer(NamedTuple):
    """What came of a line."""

    text: str
    code: int
    edit: Mapping[str, str] | None
    prompt: str
    ticks: list[str]
    solved: bool


class Desk:
    """One student's place. What is kept of it is in `kept`, which the class writes to its file."""

    def __init__(self, kept: dict[str, Any], labs: tuple[Lab, ...], host: Callable[[Any], MockHost]) -> None:
        """kept: name, code, learner, lab and labs. host: makes a host of a scenario."""
        self.kept = kept
        self.labs = labs
        self._lock = threading.Lock()
        self._lines = threading.BoundedSemaphore(_AT_ONCE)
        self._stale = True
        self._checked_at = 0.0
        self.state = State((), (), (), "")
        self.moved_at = wall_now()
        """when a tick was last gained, or the lab began"""
        lab = next((each for each in labs if each.id == kept["lab"]), labs[0])
        self.host = host(lab.scenario(kept["learner"]))
        self.session = self._sit(lab, begins=progress.of(kept, lab.id)["state"] == "open")

    @property
    def name(self) -> str:
        return str(self.kept["name"])

    @property
    def entry(self) -> dict[str, Any]:
        """How far the student is in the lab that is on the host."""
        return progress.of(self.kept, self.session.lab.id)

    def start(self) -> None:
        """Start the host; whatever happens on it makes the last check stale."""
        self.host.start()
        self.host.runtime.events.call(lambda kind, data: setattr(self, "_stale", True))

    # -- what the teacher does --------------------------------------------------------------------------------

    def use(self, lab: Lab) -> None:
        """Begin a lab."""
        with self._alone():
            scenario = lab.scenario(self.kept["learner"])
            self.host.use(scenario)
            self.session = self._sit(lab, begins=True)

    def reset(self) -> None:
        """Back to the beginning of the lab."""
        with self._alone():
            self._reset()

    def solve(self) -> None:
        """Play the solution."""
        with self._alone():
            for line in self.session.lab.solutions()["solution.txt"]:
                self.session.play(line.text)
            self._mark("seen")
            self._check()

    def note(self, text: str) -> None:
        """Keep a hint of the teacher."""
        self.kept["notes"] = [*self.kept.get("notes", ()), text][-_NOTES:]

    def hold_down(self) -> None:
        """Reset a host that has more objects than are good for the others."""
        states = self.host.call("list_connectors")["connectors"].values()
        if max((max(each["objects"], each["cached"]) for each in states), default=0) > _OBJECTS:
            self.reset()
            self.note(f"Your host had more than {_OBJECTS:,} objects, so the lab was reset.")

    def row(self) -> dict[str, Any]:
        """What the teacher sees. It waits for nothing."""
        lab, entry, now = self.session.lab, self.entry, wall_now()
        is_open = entry["state"] in ("open", "started")
        return {
            "name": self.name,
            "lab": texts.name(lab),
            "state": entry["state"],
            "done": sum(tick.done for tick in self.state.ticks),
            "of": len(self.state.ticks),
            "minutes": max(0, round((entry.get("solved", now) - entry.get("started", now)) / 60)),
            "hints": texts.hints_taken(entry),
            "stuck": bool(is_open and now - self.moved_at >= STUCK),
            "labs": {texts.name(each): progress.of(self.kept, each.id)["state"] for each in self.labs},
        }

    # -- what the student does --------------------------------------------------------------------------------

    def line(self, line: str, given: str | None = None) -> Answer:
        """What comes of a line. Raises NotNow."""
        if not self._lines.acquire(blocking=False):
            raise NotNow("two lines are under way already", hint="wait for their answers")
        try:
            return self._answer(line, given)
        finally:
            self._lines.release()

    def _answer(self, line: str, given: str | None) -> Answer:
        with self._alone():
            word = line.strip().casefold()
            try:
                text, code, edit = self._said(word, line.strip(), given)
            except MockhostError as error:
                text, code, edit = str(error), 1, None
            shown = edit is None and word not in texts.QUIET
            before = texts.ticks(self.state, _PLAIN)
            if shown:
                self._check()
            new = [each for each in texts.ticks(self.state, _PLAIN) if each not in before]
            text = "\n".join([text.removesuffix("\n"), *self._congratulations()]).removesuffix("\n")
            return Answer(text, code, edit, self.session.prompt, new, self.state.solved)

    def shown(self) -> dict[str, Any]:
        """The lab for the student's page: what the brief says, ticks with evidence, hints that were given."""
        if self._stale and monotonic() - self._checked_at > _BETWEEN and self._lock.acquire(timeout=0):
            try:
                self._check()
            finally:
                self._lock.release()
        session, state, entry = self.session, self.state, self.entry
        lab = session.lab
        return {
            "student": self.name,
            "lab": {"id": texts.name(lab), "title": lab.title, "track": lab.track, "minutes": lab.minutes,
                    "brief": session.filled(lab.text("brief.md")).strip(), "victory": session.filled(lab.victory),
                    "commands": [session.filled(each) for each in lab.commands],
                    "questions": [{"key": key, "ask": session.filled(each.ask), "given": session.answers.get(key, "")}
                                  for key, each in lab.answers.items()]},
            "labs": [{"id": texts.name(each), "title": each.title, "minutes": each.minutes,
                      "state": progress.of(self.kept, each.id)["state"]} for each in self.labs],
            "ticks": [tick._asdict() for tick in state.ticks],
            "cheats": [tick.label for tick in state.cheats],
            "broken": state.broken,
            "solved": state.solved,
            "learnt": session.filled(lab.learnt) if state.solved else "",
            "hints": [*entry.get("said", ()), *(session.filled(each) for each in lab.hints[: entry["hints"]])],
            "of": len(lab.hints),
            "notes": list(self.kept.get("notes", ())),
            "prompt": session.prompt,
        }  # fmt: skip

    # -- inside ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One line after another. Raises NotNow."""
        if not self._lock.acquire(timeout=_PATIENCE):
            raise NotNow("the line before this one takes long", hint="try again")
        try:
            yield
        finally:
            self._lock.release()

    def _sit(self, lab: Lab, *, begins: bool) -> Session:
        self.kept["lab"] = lab.id
        entry = progress.of(self.kept, lab.id)
        if begins:
            entry |= {"started": wall_now(), "answers": {}, "said": []}
            entry["state"] = "started" if entry["state"] == "open" else entry["state"]
        self.moved_at, self._stale, self.state = wall_now(), True, State((), (), (), "")
        return Session(lab, self.host.scenario, self.host, entry["answers"])

    def _said(self, word: str, line: str, given: str | None) -> tuple[str, int, Mapping[str, str] | None]:
        session = self.session
        if word in texts.WORDS:
            lines = texts.of_word(word, session, self.entry, self._check, _PLAIN)
            if word == "reset":
                self._check()
            return "\n".join(lines), int(word == "check" and not self.state.solved), None
        if word == "next" or word.startswith("next "):
            return self._next(word.removeprefix("next").strip()), 0, None
        if word in ("exit", "quit"):
            return ("" if session.leave() else "This is the last window."), 0, None
        said = session.run(line, given)
        return said.text, said.code, said.edit

    def _next(self, wanted: str) -> str:
        """Begin the lab that is named, or the next one that is not solved."""
        lab = self._after() if not wanted else find(self.labs, wanted)
        if lab is None:
            return "That was the last lab. Well done."
        self.host.use(lab.scenario(self.kept["learner"]))
        self.session = self._sit(lab, begins=True)
        return "\n".join(texts.brief(self.session, _PLAIN))

    def _after(self) -> Lab | None:
        place = [lab.id for lab in self.labs].index(self.session.lab.id) + 1
        order = [*self.labs[place:], *self.labs[: place - 1]]
        return next((lab for lab in order if progress.of(self.kept, lab.id)["state"] != "solved"), None)

    def _reset(self) -> None:
        self._said("reset", "reset", None)

    def _mark(self, state: str) -> None:
        if self.entry["state"] != "solved":
            self.entry["state"] = state

    def _check(self) -> State:
        """Look how far the student is. The steps are played on a fork, so nothing of the host changes."""
        self._stale = False
        before = sum(tick.done for tick in self.state.ticks)
        self.state = self.session.check()
        self._checked_at = monotonic()
        if sum(tick.done for tick in self.state.ticks) > before:
            self.moved_at = wall_now()
        return self.state

    def _congratulations(self) -> list[str]:
        return texts.congratulations(self.session, self.entry, self.state, self._after, _PLAIN)


def find(labs: tuple[Lab, ...], name: str) -> Lab:
    """One of these labs, by its id or the beginning of one such as L01. Raises NoSuch."""
    said = name.casefold()
    for lab in labs:
        if lab.id.casefold() == said or lab.id.casefold().startswith(f"{said}-"):
            return lab
    raise NoSuch(f"the class has no lab {name!r}", hint=", ".join(texts.name(lab) for lab in labs))
