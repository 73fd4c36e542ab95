"""One learner in one lab: what is typed, on a running host, and how far they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mockhost.entra import rendering
from mockhost.errors import MockhostError, UsageError, did_you_mean
from mockhost.expect.sending import request_of
from mockhost.labs.lab import Lab, filled
from mockhost.paragraphs import wrapped
from mockhost.scenario.model import Scenario
from mockhost.windows import powershell
from mockhost.windows.scripts_commands import PORT

if TYPE_CHECKING:
    from mockhost.client.control import Control

WIDTH: Final = 78
HOME: Final = "Users/student"
_MOST_WINDOWS: Final = 20
_HEAD: Final = re.compile(r"^[^\n]*\n[ -]*--[ -]*\n", re.MULTILINE)
"""The head of a table: names, and dashes below them."""
_DIFFERS: Final = re.compile(r"(.*?): expected (.*), got (.*)", re.DOTALL)
HELP: Final = tuple(
    f"{head:<12}{names}"
    for head, names in (
        ("this lab", "hint, check, brief, answer, why, solution, reset, next, exit"),
        ("the portal", "portal; 'portal help' lists what it does"),
    )
)
"""Lines of `help` in a lab, beside the server's own."""
PROMPTS: Final = ("PS> ", "portal> ", "wizard> ", "answer> ")
"""How a line of a solution begins."""


def _with_port(text: str) -> str:
    """A text with the port of the learner's server in the place of the free one that a host or its fork has."""
    return re.sub(r"localhost:[1-6]\d{4}", f"localhost:{PORT}", text)


def _phrase(step: Mapping[str, object], subject: str, expected: str) -> str:
    """What was expected, in words for people: of a command's text and exit code, else as the comparison says it."""
    gets = step.get("gets")
    text = gets.get("text") if isinstance(gets, Mapping) and subject == "text" else None
    if isinstance(text, Mapping) and "contains" in text:
        return f"{text['contains']!r} in what it shows"
    if isinstance(text, Mapping) and isinstance(text.get("not"), Mapping) and "contains" in text["not"]:
        return f"no {text['not']['contains']!r} in what it shows"
    if subject == "exit":
        return "that it succeeds" if expected == "0" else f"that it fails ({expected})"
    return f"{subject} {expected}"


class Said(NamedTuple):
    """What came of a line."""

    text: str = ""
    code: int = 0
    edit: Mapping[str, str] | None = None
    """a file that is to be edited: path and text"""


class Tick(NamedTuple):
    """One thing that has to be so, and whether it is."""

    label: str
    done: bool
    expected: str = ""
    seen: str = ""
    see: str = ""
    """a command that shows it"""


class State(NamedTuple):
    """How far a learner is."""

    ticks: tuple[Tick, ...]
    cheats: tuple[Tick, ...]
    """what must not be so, and is"""
    hints: tuple[str, ...]
    """for the wrong states that are there"""
    broken: str
    """why only a reset helps; '' if that is not so"""

    @property
    def solved(self) -> bool:
        return all(tick.done for tick in self.ticks) and not self.cheats and not self.broken


class Session:
    """A lab on its host. Answers are kept by the caller."""

    def __init__(
        self, lab: Lab, scenario: Scenario, host: Control, answers: MutableMapping[str, str]
    ) -> None:
        """scenario: as the learner gets it, from `Lab.scenario`."""
        self.lab = lab
        self.host = host
        self.answers = answers
        self._scenario = scenario
        self._windows: list[dict[str, Any]] = [{"location": HOME}]
        """open windows, the last one in front; those after the first are an administrator's"""

    def filled(self, text: str) -> str:
        """A text of the lab with this learner's values."""
        return filled(text, self._scenario)

    @property
    def reproduces(self) -> tuple[str, ...]:
        """The headings of the page that the lab is about."""
        return self._scenario.reproduces

    @property
    def prompt(self) -> str:
        """The prompt of the window in front."""
        location = str(self._windows[-1]["location"]).replace("/", "\\")
        return f"PS C:\\{location}> "

    @property
    def is_elevated(self) -> bool:
        """Whether the window in front was opened as an administrator."""
        return len(self._windows) > 1

    def leave(self) -> bool:
        """Close the window in front; whether it was another one than the first."""
        return bool(self.is_elevated and self._windows.pop())

    # -- what is typed -------------------------------------------------------------------------------------------

    def run(self, line: str, given: str | None = None) -> Said:
        """Run a line of the server's prompt, `portal …` or `answer …`. What goes wrong is in the text and the code."""
        try:
            word, _, rest = line.strip().partition(" ")
            if word.casefold() == "portal":
                return self._portal(rest)
            if word.casefold() == "answer":
                return self._answer(rest)
            if powershell.opens_elevated(line) and len(self._windows) < _MOST_WINDOWS:
                self._windows.append({"location": powershell.ELEVATED_HOME})
                return Said("(a window opens: Administrator: Windows PowerShell; 'exit' closes it)\n")
            done = self.host.call(
                "windows",
                command=line,
                elevated=self.is_elevated or None,
                session=self._windows[-1],
                input=given,
            )
        except MockhostError as error:
            return Said(f"{error}\n", 1)
        self._windows[-1] = done["session"]
        if line.strip().casefold() == "help":
            done["output"] += "\n".join(["", *HELP, ""])
        return Said(_with_port(done["output"]), done["exit"], done["edit"])

    def _portal(self, line: str) -> Said:
        """What the portal shows. The most likely cause, which it knows, stays hidden."""
        if line.strip().casefold() in ("", "help"):
            shown = [
                row
                for name, does in rendering.HELP
                for row in (f"portal {name}", *wrapped(does, WIDTH, " " * 8))
            ]
            return Said("\n".join([*shown, ""]))
        # A check on a fork, which has another port, reads what is entered here, too.
        done = self.host.call("portal", line=line.replace(f":{PORT}/", ":{port}/"))
        verb, result = done["step"], done["result"]
        if "portal" in result:
            shown = [short for each in result["portal"].splitlines() for short in wrapped(each, WIDTH)]
        else:  # the portal knows nothing of the server
            shown = rendering.lines(verb, {**result, **({"machine": None} if verb == "show" else {})}, WIDTH)
        text = _with_port("\n".join(shown)).replace(", wedged", "")  # which no portal shows
        return Said(f"{text}\n" if text else "", 0 if rendering.went_well(verb, result) else 1)

    def _answer(self, words: str) -> Said:
        key, _, text = words.strip().partition(" ")
        answers = self.lab.answers
        if not answers:
            raise UsageError("this lab asks for no answers", hint="'check' says what is left to do")
        if key not in answers or not text.strip():
            hint = did_you_mean(key, answers) if key and key not in answers and len(answers) > 1 else ""
            raise UsageError(f"usage: answer {'|'.join(answers)} VALUE", hint=hint)
        self.answers[key] = text.strip()
        if self._is_right(key):
            return Said(f"{key}: right\n")
        see = answers[key].see
        return Said(f"{key}: not right{f'; look at: {self.filled(see)}' if see else ''}\n", 1)

    def _is_right(self, key: str) -> bool:
        answer = self.lab.answers[key]
        right = tuple(self.filled(each) for each in answer.right)
        return key in self.answers and answer._replace(right=right).takes(self.answers[key])

    def play(self, line: str) -> Said:
        """Play a line of a solution, which says where it is typed. Raises UsageError for one that does not."""
        line = self.filled(line)
        for prompt in PROMPTS:
            if line.startswith(prompt):
                typed = line.removeprefix(prompt)
                if prompt == "PS> " and typed.casefold() == "exit":
                    self.leave()
                    return Said()
                return self.run(typed if prompt == "PS> " else f"{prompt[:-2]} {typed}")
        raise UsageError(
            f"{line!r} does not say where it is typed", hint="begin it with PS>, portal>, wizard> or answer>"
        )

    def reset(self) -> None:
        """Back to how the lab begins."""
        self.host.call("reset")
        self.answers.clear()
        self._windows = [{"location": HOME}]

    # -- how far it is -------------------------------------------------------------------------------------------

    def check(self) -> State:
        """Play the scenario's steps on a fork of the host, and look at the answers."""
        found = self.host.call("check")
        results = {section["name"]: section["steps"] for section in found["sections"]}
        ticks = [*map(self._tick, self._scenario.cured, results["cured"]), *self._asked()]
        wrong = list(zip(self._scenario.wrong_cure, results.get("wrong_cure", ()), strict=True))
        first = len(self.lab.cheats(self._scenario))
        fails = first + len(self.lab.hintchecks)

        def holding(part: list[tuple[dict[str, object], Any]]) -> Iterator[str]:
            return (
                self.filled(" ".join(str(step["note"]).split())) for step, result in part if not result["ok"]
            )

        cheats = tuple(
            self._tick(step, {**result, "problems": ()})._replace(
                expected="that this is not so", seen="it is"
            )
            for step, result in wrong[:first]
            if not result["ok"]
        )
        return State(
            tuple(ticks),
            cheats,
            tuple(holding(wrong[first:fails])),
            next(holding(wrong[fails:]), ""),
        )

    def _tick(self, step: Mapping[str, object], result: Mapping[str, Any]) -> Tick:
        label = " ".join(str(step.get("note") or result["text"]).split())
        problem = next(iter(result["problems"]), "")
        match = _DIFFERS.fullmatch(problem)
        expected, seen = (_phrase(step, match[1], match[2]), match[3]) if match else ("", problem)
        if match and match[1] == "exit":
            seen = "it succeeds" if seen == "0" else f"it fails ({seen})"
        if "no answer came" in " ".join(result["problems"]):
            seen = result["problems"][-1].partition("no answer came: ")[2] or seen
        if step.get("entra") == "test_connection" and problem:
            code = re.search(r", code (\w+)", result["text"])
            expected, seen = "no error", f"error code {code[1]}" if code else "an error"
        return Tick(label, result["ok"], expected, self._as_seen(seen), self._command(step))

    def _as_seen(self, text: str) -> str:
        """What was seen, on one line, with the port that the learner's server has."""
        if text[:1] in ("'", '"'):
            text = text.strip(text[0]).replace("\\r", "").replace("\\n", "\n").replace("\\\\", "\\")
            text = _HEAD.sub("", text)
        return " ".join(_with_port(text).split())

    def _asked(self) -> Iterator[Tick]:
        for key, answer in self.lab.answers.items():
            given = self.answers.get(key)
            seen = "no answer yet" if given is None else f"your answer: {given}"
            see = f"answer {key} VALUE" if not answer.see else self.filled(answer.see)
            yield Tick(
                f"The question '{key}' is answered", self._is_right(key), self.filled(answer.ask), seen, see
            )

    def _command(self, step: Mapping[str, object]) -> str:
        """What a learner types to see what a step looks at."""
        command = step.get("windows")
        if command is not None:
            return str(command["run"] if isinstance(command, Mapping) else command)
        if step.get("send") == "test_connection":
            other = step.get("as")
            token = other.get("secret_token") if isinstance(other, Mapping) else None
            if token is None:
                return "portal test-connection"
            return f"TestECMA2HostConnection -ConnectorName {self._connector(step)} -SecretToken {token}"
        if "entra" in step:
            words = rendering.words(step["entra"])
            return f"portal {' '.join(words)}" if words else ""
        if step.get("send") in ("find", "list", "get", "schemas", "cache"):
            target = request_of(step, f"https://localhost:8585/ecma2host_{self._connector(step)}/scim").target
            given = step.get("as")
            token = given.get("secret_token", "TOKEN") if isinstance(given, Mapping) else "TOKEN"
            headers = "" if token is None else f" -Headers 'Authorization: Bearer {token}'"
            return f"Invoke-WebRequest 'https://localhost:8585{target}'{headers}"
        return ""

    def _connector(self, step: Mapping[str, object]) -> str:
        """The connector that a step asks."""
        return str(step.get("connector") or next(iter([*self._scenario.client, *self._scenario.connectors])))
