"""Every error that mockhost raises on purpose, in five families under one base.

| family           | whose fault             | result                                               |
|------------------|-------------------------|------------------------------------------------------|
| `ProtocolAnswer` | the client's, or none    | an answer on the wire                              |
| `ScenarioError`  | a scenario's author     | a report of all problems; exit code 1                |
| `UsageError`     | the operator            | one message; exit code 2                             |
| `CannotRun`      | the machine             | one message; exit code 4                             |
| `VerificationError` | none                 | a failed assertion over the journal; exit code 1     |

Anything else that escapes is a bug of ours: it is journalled as one and never shown as a traceback.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from typing import NamedTuple, NoReturn, Protocol


class MockhostError(Exception):
    """Base of all errors of this package; never raised itself.

    `message` says what was wrong and where, `hint` what to try (may be empty).
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class ProtocolAnswer(MockhostError):
    """An answer for the client, not a failure of the mock. The protocol rooms derive from it."""


class Problem(NamedTuple):
    """One thing that is wrong with a scenario file. Lines and columns count from 1; 0 means unknown."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        text = f"{where}: {self.path}: {self.message}"
        return f"{text}; {self.hint}" if self.hint else text


class ScenarioError(MockhostError):
    """A scenario, or another file that is written like one, that can't be used. Carries all of its problems."""

    def __init__(self, problems: Iterable[Problem], what: str = "the scenario") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n".join([f"{head} in {what}:", *map(str, self.problems)]))


class UsageError(MockhostError):
    """Something named does not exist or does not fit: a file, a connector, an option's value."""

    exit_code = 2


class Report(Protocol):
    """Takes what is wrong with parts of a document, by their paths, so that all of it is known at once."""

    def add(self, path: tuple[str | int, ...], message: str, hint: str = "", *, key: bool = False) -> None:
        """Report a problem of the value at `path` (with `key`: of its key)."""

    def spoilt(self, path: tuple[str | int, ...]) -> bool:
        """Whether something was reported of the value at `path`, or of one in it."""


class _Refuse:
    def add(
        self, path: tuple[str | int, ...], message: str, hint: str = "", *, key: bool = False
    ) -> NoReturn:
        raise UsageError(message, hint=hint)

    def spoilt(self, path: tuple[str | int, ...]) -> bool:
        return False


REFUSE: Report = _Refuse()
"""Raises a UsageError for the first problem."""


class CannotRun(MockhostError):
    """The machine does not allow it: a port in use, no right to write, a missing interface."""

    exit_code = 4


class NotInstalled(CannotRun):
    """A program that the machine lacks."""


class VerificationError(MockhostError, AssertionError):
    """An assertion over the journal that does not hold; the message is the readable report."""


MOST_COMPARED = 500
"""How many names are compared with a misspelt one; among more, only one in another case is found."""
MOST_LOOKED_AT = 5_000
"""How many names are looked at for one in another case: a document can have as many misspelt ones."""
LONGEST_COMPARED = 100
"""Characters of a name that is compared; the work grows with the square of its length."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint such as `did you mean 'anchor'?`, or the list of what is known when nothing is near and it is short.

    Bounded, because names and lists can come from a stranger's document.
    """
    names = list(known)
    if len(names) > MOST_LOOKED_AT:
        return ""
    wanted = name.casefold()
    near = []
    if wanted in map(str.casefold, names):  # rarely so, and much quicker than a comparison of each
        near = [other for other in names if other.casefold() == wanted]
    if not near and len(names) <= MOST_COMPARED and len(name) <= LONGEST_COMPARED:
        near = _near(name, names)
    if near:
        return f"did you mean {min(near)!r}?"
    if names and len(names) <= 12:
        return "known: " + ", ".join(sorted(names))
    return ""


def _near(name: str, names: list[str]) -> list[str]:
    """The nearest of the names: a few letters off, or with a whole word in common."""
    alike = sorted(names)
    if len(name) <= 4:  # where any two letters in common are half of the name
        alike = [
            other
            for other in alike
            if other[:1].lower() == name[:1].lower() and abs(len(other) - len(name)) < 2
        ]
    near = difflib.get_close_matches(name, alike, n=1, cutoff=0.65)
    return near or [other for other in sorted(names) if _is_part(name, other) or _is_part(other, name)][:1]


def _is_part(short: str, long: str) -> bool:
    """Whether a name of three letters or more is the first or the last word of another."""
    return len(short) > 2 and (long.startswith(f"{short}_") or long.endswith(f"_{short}"))


def reason_of(error: BaseException) -> str:
    """Why a file, folder or address can't be used, without the number and the name that Python puts around it."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not {error.encoding.upper()}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def place_of(error: BaseException) -> str:
    """Where an error was raised, such as `space.py:12`, for a report of a bug."""
    place, trace = "unknown", error.__traceback__
    while trace is not None:
        place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
