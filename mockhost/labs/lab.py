"""Labs on disk: where they are found, and what a folder says, or everything that is wrong in it."""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from mockhost.errors import CannotRun, Problem, ScenarioError, UsageError, did_you_mean, reason_of
from mockhost.scenario import loader, parsing, schema, shape, shelves, variables
from mockhost.scenario.layers import FileLayer, Findings, shown_name
from mockhost.scenario.model import Scenario, Step
from mockhost.scenario.parsing import plain
from mockhost.scenario.sources import Beside

VARIABLE: Final = "MOCKHOST_LABS"
FILE: Final = "lab.yaml"
"""What makes a folder a lab."""
_SCENARIO: Final = "scenario.yaml"
_LONGEST: Final = 65_536
"""Bytes of a text file of a lab."""
_WORDS: Final = ("amber", "birch", "canoe", "delta", "ember", "fjord", "grove", "harbour", "islet", "juniper",
                 "kestrel", "lagoon", "meadow", "nectar", "orchid", "pebble")  # fmt: skip


class Answer(NamedTuple):
    """A question, and the texts that answer it."""

    ask: str
    right: tuple[str, ...]
    see: str = ""
    """a command that shows the answer"""

    def takes(self, text: str) -> bool:
        """Whether a learner's text is right; case and blanks do not count."""
        return _folded(text) in map(_folded, self.right)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


class Lab(NamedTuple):
    """One lab, as the folder says it."""

    id: str
    """the folder's name"""
    folder: Path
    title: str
    track: str
    level: int
    minutes: int
    victory: str
    learnt: str
    commands: tuple[str, ...]
    hints: tuple[str, ...]
    hintchecks: tuple[Step, ...]
    failchecks: tuple[Step, ...]
    answers: Mapping[str, Answer]
    vary: Mapping[str, Any]

    def scenario(self, learner: str) -> Scenario:
        """The scenario as a learner gets it, with values of their own. Raises ScenarioError.

        What hintchecks and failchecks look at are the last steps of its `wrong_cure`; `expect` is not played, because
        the checks that fail are the symptom, and waiting for a connection to end would take seconds.
        """
        made: dict[str, Any] = {"seed": int(_digest(learner, self.id)[:6], 16)}
        if self.vary:
            made["vars"] = {
                name: _value(said, _digest(learner, self.id, name)) for name, said in self.vary.items()
            }
        scenario = loader.load(self.folder / _SCENARIO, overrides=made)
        said = scenario.document.get("wrong_cure")
        own = said if isinstance(said, list) else []
        steps = [*own, *self.hintchecks, *self.failchecks]
        try:
            return loader.with_overrides(scenario, {"expect": [], "wrong_cure": steps})
        except ScenarioError as error:
            problems = [self._in_lab(problem, len(own)) for problem in error.problems]
            raise ScenarioError(problems, shown_name(self.folder / FILE)) from None

    def _in_lab(self, problem: Problem, own: int) -> Problem:
        """A problem of a step that lab.yaml has, with its path there. own: how many steps the scenario has."""
        match = re.match(r"\$\.wrong_cure\[(\d+)\](.*)", problem.path)
        if match is None or (number := int(match[1]) - own) < 0:
            return problem
        more = number - len(self.hintchecks)
        place = f"hintchecks[{number}]" if more < 0 else f"failchecks[{more}]"
        return problem._replace(file=shown_name(self.folder / FILE), path=f"$.{place}{match[2]}")

    def cheats(self, scenario: Scenario) -> tuple[Step, ...]:
        """The steps of `wrong_cure` that the lab's own scenario has: what must not be so for the lab to be solved."""
        return scenario.wrong_cure[: len(scenario.wrong_cure) - len(self.hintchecks) - len(self.failchecks)]

    def text(self, name: str) -> str:
        """One of its files, such as brief.md. Raises UsageError."""
        reason = f"it is longer than {_LONGEST:,} bytes"
        try:
            if not stat.S_ISREG((self.folder / name).stat().st_mode):
                raise OSError(errno.EINVAL, "it is not a file")  # a pipe would be waited for without an end
            with (self.folder / name).open("rb") as file:
                data = file.read(_LONGEST + 1)
            if len(data) <= _LONGEST:
                return data.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = reason_of(error)
        raise UsageError(f"{shown_name(self.folder / name)} cannot be read: {reason}")

    def solutions(self) -> dict[str, list[Line]]:
        """The lines of solution.txt, and of each wrong-*.txt: what cheats try."""
        names = ["solution.txt", *sorted(file.name for file in self.folder.glob("wrong-*.txt"))]
        return {name: lines_of(self.text(name)) for name in names}


class Line(NamedTuple):
    """A line of a solution."""

    text: str
    fails: bool
    """whether the comment above it begins with `# Fails`: it shows the symptom"""


def lines_of(text: str) -> list[Line]:
    """The lines that are played: no comments, no blank ones."""
    found, fails = [], False
    for line in text.splitlines():
        if line.startswith("#"):
            fails = line.startswith("# Fails")
        elif line.strip():
            found.append(Line(line.strip(), fails))
            fails = False
    return found


def filled(text: str, scenario: Scenario) -> str:
    """A text of a lab in which `${name}` stands for a variable of its scenario."""
    return variables.text(
        text, variables.values(scenario.document, scenario.trail.env, scenario.trail.layers)
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def _value(said: Any, digest: str) -> str:
    """The value of a variable for a learner."""
    number = int(digest[:12], 16)
    if said == "token":
        words = [_WORDS[(number >> shift) % len(_WORDS)] for shift in (0, 4, 8)]
        return "-".join([*words, str(100 + (number >> 12) % 900)])
    return str(said[number % len(said)])


# -- finding and reading -----------------------------------------------------------------------------------------


def roots(env: Mapping[str, str] | None = None) -> list[Path]:
    """The folders that labs are looked for in: the shipped one, then those of MOCKHOST_LABS."""
    extra = (os.environ if env is None else env).get(VARIABLE, "")
    shipped = shelves.shipped_root() / "labs"
    return [shipped, *(Path(part).absolute() for part in extra.split(os.pathsep) if part)]


def folders(env: Mapping[str, str] | None = None) -> list[Path]:
    """The folders of all labs, in order. Raises UsageError for a folder of MOCKHOST_LABS that is not there."""
    found: dict[str, Path] = {}
    for root in roots(env):
        if not root.is_dir():
            raise UsageError(f"there is no folder {root}", hint=f"it is named in {VARIABLE}")
        for folder in [root, *sorted(root.iterdir())]:
            if (folder / FILE).is_file():
                found.setdefault(folder.name, folder)
    return list(found.values())


def find(name: str, env: Mapping[str, str] | None = None) -> Lab:
    """A lab by its id, by the beginning of one such as L01, or by its folder. Raises UsageError, ScenarioError."""
    if os.sep in name or "/" in name or name in (".", ".."):
        return read(Path(name))
    known = {folder.name.casefold(): folder for folder in folders(env)}
    said = name.casefold()
    fits = [folder for each, folder in known.items() if each == said or each.startswith(f"{said}-")]
    if len(fits) != 1:
        hint = did_you_mean(name, [folder.name for folder in known.values()])
        raise UsageError(f"there is no lab {name!r}", hint=hint or "'mockhost lab list' lists them")
    return read(fits[0])


@functools.cache
def _schema() -> Mapping[str, Any]:
    """The JSON Schema of lab.yaml, in which a step is what it is in a scenario."""
    own = json.loads(Path(__file__).with_name("schema.json").read_text("utf-8"))
    own.pop("$schema")
    return {**own, "$defs": schema.root()["$defs"]}


def read(folder: Path) -> Lab:
    """What lab.yaml in a folder says. Raises UsageError if it is not there, ScenarioError with all mistakes."""
    file = folder / FILE
    shown = shown_name(file)
    for each in (file, folder / _SCENARIO):
        if each.exists() and not each.is_file():
            raise UsageError(f"{shown_name(each)} cannot be read: it is not a file")
    try:
        reading = parsing.read(file, shown, written_by="mockhost lab init FOLDER")
    except OSError as error:
        hint = "'mockhost lab init FOLDER' writes a lab"
        raise UsageError(f"{shown} cannot be read: {reason_of(error)}", hint=hint) from None
    value = None if reading.root is None else plain(reading.root)
    problems: list[Problem] = list(reading.problems)
    if reading.root is not None:
        document = value if isinstance(value, dict) else {}
        layer = FileLayer(file, document, Beside(folder), root=reading.root, spoilt=reading.spoilt)
        findings = Findings([layer])
        findings.add_elsewhere(reading.problems)
        if isinstance(value, dict):
            shape.judge(document, findings, _schema())
            _check_notes(document, findings)
        else:
            findings.add((), "expected a map", "'mockhost lab init FOLDER' writes a lab to start from")
        problems = list(findings.problems)
    if problems or not isinstance(value, dict):
        raise ScenarioError(sorted(problems, key=lambda each: (each.line, each.column)), shown)
    return _made(folder, value)


def _check_notes(document: Mapping[str, Any], findings: Findings) -> None:
    """Report hintchecks and failchecks without the words that a learner reads."""
    for key in ("hintchecks", "failchecks"):
        said = document.get(key)
        for index, step in enumerate(said if isinstance(said, list) else ()):
            if isinstance(step, Mapping) and not step.get("note"):
                findings.add((key, index), "the step has no note", "write what the learner reads if it holds")


def _made(folder: Path, said: Mapping[str, Any]) -> Lab:
    answers = {
        key: Answer(each["ask"], tuple(each["is"]), each.get("see", ""))
        for key, each in said.get("answers", {}).items()
    }
    texts = {key: " ".join(str(said[key]).split()) for key in ("title", "track", "victory", "learnt")}
    return Lab(
        folder.absolute().name,
        folder,
        level=said["level"],
        minutes=said["minutes"],
        commands=tuple(said.get("commands", ())),
        hints=tuple(" ".join(each.split()) for each in said["hints"]),
        hintchecks=tuple(said.get("hintchecks", ())),
        failchecks=tuple(said.get("failchecks", ())),
        answers=answers,
        vary=said.get("vary", {}),
        **texts,
    )


def write_starter(folder: Path) -> Iterator[Path]:
    """Write the lab that `mockhost lab init` begins with, small and sound, into a folder that is empty or not there.

    Raises UsageError, CannotRun.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder} is not an empty folder", hint="name one that is not there yet")
        folder.mkdir(parents=True, exist_ok=True)
        for each in sorted(Path(__file__).with_name("starter_lab").iterdir()):
            (folder / each.name).write_bytes(each.read_bytes())
            yield folder / each.name
    except OSError as error:
        raise CannotRun(f"{folder} cannot be written: {reason_of(error)}") from None
