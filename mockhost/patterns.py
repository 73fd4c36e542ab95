"""Regular expressions that users write: what `matches` takes, and how long one may take.

A pattern means what it means to Python's `re`, which also says whether it is one. It is searched for by the package
`regex`, which can stop at a time limit and lets other threads run; `re` can do neither, so that one
`^(a+)+$` would freeze the process. `regex` is imported when the first pattern is searched for (20 ms).

Where the two read a pattern differently it is written so that `regex` reads what `re` does: a set within a set
(`[[:alpha:]]`), braces that count nothing (`a{e}`), and what `\\w`, `\\s` and `\\b` take for a letter or a blank.
What remains different: `\\W` and `\\S` inside brackets for some combining marks, and the Turkish i under `(?i)`.
"""

from __future__ import annotations

import functools
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from mockhost.clock import processor_seconds
from mockhost.errors import UsageError

if TYPE_CHECKING:
    import regex

Search: TypeAlias = "Callable[[str, str], bool]"
"""Says whether a pattern occurs in a text. Raises UsageError; TooSlow where it takes too long to tell."""

ONE: Final = 0.1
"""Seconds of processor time that one search may take."""
ALL: Final = 0.5
"""Seconds of processor time for all searches of one exchange, or of one question about the journal."""
LENGTH: Final = 4_096
"""Characters of the longest pattern."""
SIZE: Final = 10_000
"""How large a pattern may become: `regex` writes a group out as often as it has to occur, nested ones as a product."""
RANGES: Final = 4_000_000
"""Characters that all ranges of a pattern's sets may span: `re` looks at each of them under `(?i)`."""
_COUNT: Final = 1_000_000
_RUN: Final = 100
"""So many characters in a row are looked for at once: to prepare that, `regex` takes the cube of their number."""


class TooSlow(UsageError):
    """A search took longer than it may: whether the pattern occurs in the text is not known."""


class NotYet(Exception):
    """A search that is not to be made now: its result is not known yet."""


class Searches:
    """The searches of one exchange, or of one question: each is made once, and together they have a time limit.

    Call it as Search. Not thread-safe.
    """

    __slots__ = ("_found", "_left", "only_known")

    def __init__(self, seconds: float = ALL) -> None:
        self._left = seconds
        self.only_known = False
        """whether to raise NotYet instead of searching: while a lock is held that others wait for"""
        self._found: dict[tuple[str, str], bool | TooSlow] = {}

    def __call__(self, pattern: str, text: str) -> bool:
        found = self._found.get((pattern, text))
        if found is None:
            if self.only_known:
                raise NotYet
            found = self._found[pattern, text] = self._search(pattern, text)
        if isinstance(found, TooSlow):
            raise found
        return found

    def _search(self, pattern: str, text: str) -> bool | TooSlow:
        if self._left <= 0:
            return TooSlow(
                f"the pattern {shown(pattern)} was not looked for: the patterns before it used up their time",
                hint=_HINT,
            )
        begun = processor_seconds()
        try:
            return search(pattern, text)
        except TooSlow as error:
            return error
        finally:
            self._left -= processor_seconds() - begun


_HINT: Final = "a repeat within a repeat such as (a+)+ can take very long; write it without one"


def search(pattern: str, text: str) -> bool:
    """Whether a pattern occurs in a text. Raises UsageError for an invalid one, and TooSlow."""
    found = _compiled(pattern)
    try:
        return found.search(text, timeout=ONE, concurrent=True) is not None
    except TimeoutError:
        pass
    except MemoryError:
        raise TooSlow(f"the pattern {shown(pattern)} takes too much memory", hint=_HINT) from None
    raise TooSlow(
        f"the pattern {shown(pattern)} took more than {ONE * 1000:g} ms on a text of {len(text):,} characters",
        hint=_HINT,
    )


def first(pattern: str, text: str) -> dict[str, str] | None:
    """The groups of the first occurrence, by name and by number; None if there is none. Raises as `search` does."""
    return next((_groups(found) for found in _occurrences(pattern, text)), None)


def replaced(pattern: str, replacement: Callable[[Mapping[str, str]], str], text: str) -> str:
    """The text with each occurrence replaced by what its groups give. Raises as `search` does."""
    return _spliced(
        text, [(*found.span(), replacement(_groups(found))) for found in _occurrences(pattern, text)]
    )


def replaced_group(pattern: str, group: str, replacement: str, text: str) -> str:
    """The text with what a named group matches in each occurrence replaced. Raises as `search` does."""
    found = _occurrences(pattern, text)
    if group not in _compiled(pattern).groupindex:
        raise UsageError(f"the pattern {shown(pattern)} has no group {group!r}")
    return _spliced(text, [(*each.span(group), replacement) for each in found if each.span(group)[0] >= 0])


def _occurrences(pattern: str, text: str) -> list[regex.Match[str]]:
    try:
        return list(_compiled(pattern).finditer(text, timeout=ONE, concurrent=True))
    except (TimeoutError, MemoryError):
        raise TooSlow(f"the pattern {shown(pattern)} takes too long on this text", hint=_HINT) from None


def _groups(found: regex.Match[str]) -> dict[str, str]:
    numbered = {str(index): text or "" for index, text in enumerate([found[0], *found.groups()])}
    return {**numbered, **{name: text or "" for name, text in found.groupdict().items()}}


def _spliced(text: str, parts: Iterable[tuple[int, int, str]]) -> str:
    pieces, at = [], 0
    for begin, end, instead in parts:
        pieces += [text[at:begin], instead]
        at = end
    return "".join([*pieces, text[at:]])


def shown(pattern: str) -> str:
    """A pattern as a message quotes it: the beginning of a long one."""
    return repr(pattern) if len(pattern) <= 100 else f"{pattern[:100]!r}…"


@functools.lru_cache(maxsize=512)
def _compiled(pattern: str) -> regex.Pattern[str]:
    import regex

    text = translated(pattern)
    try:
        return regex.compile(text, regex.V0, cache_pattern=False)
    except (regex.error, ValueError, OverflowError, RecursionError, MemoryError):
        raise UsageError(f"{shown(pattern)} is too large for a regular expression", hint=_SHORTER) from None


_SHORTER: Final = "write it shorter, with fewer repeats within repeats"


def check(pattern: str) -> None:
    """Raises UsageError for what is no regular expression, or one that is too large. Does not import `regex`."""
    translated(pattern)


@functools.lru_cache(maxsize=512)
def translated(pattern: str) -> str:
    """The pattern as `regex` has to read it to find what `re` would. Raises UsageError."""
    if len(pattern) > LENGTH:
        raise UsageError(
            f"a regular expression has at most {LENGTH:,} characters, this one has {len(pattern):,}",
            hint=_SHORTER,
        )
    reader = _Reader(pattern)
    try:
        text = reader.read()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UsageError(f"{shown(pattern)} is not a valid regular expression: {what}") from None
    return text


_LETTERS: Final = r"\p{L}\p{N}_"
_NOT_EMPTY: Final = "" if sys.version_info >= (3, 14) else r"(?!\A\Z)"
"""Before Python 3.14 `\\B` never holds in an empty text."""
_OUTSIDE: Final = {
    "w": f"[{_LETTERS}]",
    "W": f"[^{_LETTERS}]",
    "s": r"[\s\x1c-\x1f]",
    "S": r"[^\s\x1c-\x1f]",
    "b": f"(?:(?<=[{_LETTERS}])(?![{_LETTERS}])|(?<![{_LETTERS}])(?=[{_LETTERS}]))",
    "B": _NOT_EMPTY + f"(?:(?<=[{_LETTERS}])(?=[{_LETTERS}])|(?<![{_LETTERS}])(?![{_LETTERS}]))",
}
_INSIDE: Final = {"w": _LETTERS, "s": r"\s\x1c-\x1f"}
_ASCII: Final = re.compile(r"\(\?[a-zA-Z]*a")
_FLAGS: Final = re.compile(r"\(\?([aiLmsux]*)(?:-([imsx]+))?([:)])")
_COUNTS: Final = re.compile(r"\{(?:([0-9]+)(?:,[0-9]*)?|,[0-9]*)\}")
_GROUP: Final = re.compile(r"\(\?(?:[:=!>]|<[=!]|P<\w*>|P=\w*|\(\w*\))")
_ESCAPE: Final = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|[0-7]{1,3}|[1-9][0-9]?|.)", re.DOTALL
)
_TOO_LARGE: Final = "it is too large: its repeats within repeats come to more than {} parts"


class _Reader:
    """Reads a pattern from left to right: writes it for `regex`, and adds up how large it becomes there."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._written: list[str] = []
        self._ascii = _ASCII.search(pattern) is not None
        self._verbose = [False]
        """of each group that is open: whether blanks and comments in it count for nothing"""
        self._run = 0
        self._ranges = 0
        self._sizes = [0]
        """of each group that is open: its parts so far"""
        self._last = 0
        """the parts of what a quantifier would repeat"""
        self._is_group = False
        """whether that is a group"""

    def read(self) -> str:
        """Raises ValueError for a pattern that becomes too large."""
        pattern, length = self._pattern, len(self._pattern)
        while self._at < length:
            character = pattern[self._at]
            if character == "\\":
                self._escape()
            elif character == "[":
                self._set()
            elif character == "(":
                self._open()
            elif character == ")":
                self._close()
            elif character in "*+?{":
                self._repeat(character)
            elif character == "#" and self._verbose[-1]:
                end = pattern.find("\n", self._at)
                self._copy(length if end < 0 else end + 1)
            elif character in "|^$" or (self._verbose[-1] and character in " \t\n\r\v\f"):
                self._copy(self._at + 1)
            elif self._verbose[-1] and character.isspace():  # what only `regex` passes over
                self._part(f"\\U{ord(character):08x}", self._at + 1)
            else:
                self._part(character, self._at + 1)
        return "".join(self._written)

    def _copy(self, end: int) -> None:
        self._written.append(self._pattern[self._at : end])
        self._at = end

    def _part(self, text: str, end: int) -> None:
        """One character, set or class."""
        self._run += 1
        if self._run % _RUN == 0:
            self._written.append("(?:|)")
        self._written.append(text)
        self._at = end
        self._add(1, is_group=False)

    def _add(self, size: int, *, is_group: bool) -> None:
        self._sizes[-1] += size
        self._last = size
        self._is_group = is_group
        if self._sizes[-1] > SIZE:
            raise ValueError(_TOO_LARGE.format(f"{SIZE:,}"))

    def _escape(self) -> None:
        found = _ESCAPE.match(self._pattern, self._at)
        if found is None:  # a backslash at the end: `re` will say so
            return self._copy(len(self._pattern))
        text = found[0]
        word = None if self._ascii else _OUTSIDE.get(text[1:])
        if text[1:] in ("b", "B", "A", "Z"):
            self._written.append(word or text)
            self._at = found.end()
        else:
            self._part(word or text, found.end())
        return None

    def _set(self) -> None:
        """A set in brackets, in which `regex` must not find another one."""
        pattern, at = self._pattern, self._at + 1
        written = ["["]
        if pattern[at : at + 1] == "^":
            written.append("^")
            at += 1
        first, before, ranging = True, "", False
        while at < len(pattern) and (first or pattern[at] != "]"):
            first = False
            text = pattern[at]
            found = _ESCAPE.match(pattern, at) if text == "\\" else None
            if found is not None:
                text = found[0]
            if ranging:
                self._span(before, text)
            ranging = text == "-" and before != ""
            before = before if ranging else text
            at += len(text)
            if text == "[":
                text = r"\["
            elif found is not None and not self._ascii:
                text = _INSIDE.get(text[1:], text)
            written.append(text)
        written.append("]")
        self._part("".join(written), at + 1)

    def _span(self, first: str, last: str) -> None:
        """Count the characters of a range."""
        low, high = _code(first), _code(last)
        self._ranges += max(0, high - low)
        if self._ranges > RANGES:
            raise ValueError("it is too large: the ranges in its sets span too many characters")

    def _open(self) -> None:
        if self._pattern.startswith("(?#", self._at):
            end = self._pattern.find(")", self._at)
            return self._copy(len(self._pattern) if end < 0 else end + 1)
        flags = _FLAGS.match(self._pattern, self._at)
        if flags is not None and flags[3] == ")":
            self._verbose[-1] = self._verbose[-1] or "x" in flags[1]
            return self._copy(flags.end())
        found = flags or _GROUP.match(self._pattern, self._at)
        if found is not None and found[0].startswith("(?P="):
            return self._part(found[0] + ")", found.end() + 1)
        verbose = self._verbose[-1]
        if flags is not None:
            verbose = (verbose or "x" in flags[1]) and "x" not in (flags[2] or "")
        self._verbose.append(verbose)
        self._sizes.append(0)
        if len(self._sizes) > 100:
            raise ValueError("it is nested too deeply")
        return self._copy(self._at + 1 if found is None else found.end())

    def _close(self) -> None:
        self._copy(self._at + 1)
        if len(self._sizes) > 1:
            self._verbose.pop()
            self._add(self._sizes.pop() + 1, is_group=True)

    def _repeat(self, character: str) -> None:
        found = _COUNTS.match(self._pattern, self._at) if character == "{" else None
        if character == "{" and (found is None or found[0] == "{,}"):
            # `re` takes other braces as they are, and `regex` may take them for a fuzzy match.
            return self._part(r"\{", self._at + 1) if found is None else self._everything(found)
        least = 1 if character == "+" else 0
        if found is not None:
            least = int((found[1] or "0")[:20])
        if least > _COUNT:
            raise ValueError(_TOO_LARGE.format(f"{_COUNT:,}"))
        if self._is_group and least:
            whole = self._last * (least + 1)
            self._sizes[-1] -= self._last
            self._add(whole, is_group=True)
        return self._copy(self._at + 1 if found is None else found.end())

    def _everything(self, found: re.Match[str]) -> None:
        """`{,}`, which is `*`."""
        self._written.append("*")
        self._at = found.end()


def _code(text: str) -> int:
    """The code of a character in a set, near enough: of one that is escaped by its number that number."""
    if len(text) == 1:
        return ord(text)
    digits = text[2:] if text[1] in "xuU" else ""
    return int(digits, 16) if digits else 0x3FF if text[1].isdigit() else ord(text[-1])
