"""What is written to people: colours where they are wanted, plain characters where others can't be shown.

Colours: none where NO_COLOR is set (no-color.org), always where FORCE_COLOR is, else where a terminal listens
that is not dumb. Characters outside the stream's encoding fall back to ASCII, never to an error.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_PLAINER = str.maketrans(
    {
        "·": "-",
        "…": "...",
        "→": "->",
        "✓": "+",
        "✗": "x",
        "—": "-",
        "–": "-",
        "“": '"',
        "”": '"',
        "’": "'",
        "×": "x",
    }
)
_FANCY = "·…→✓✗"
_STYLE = re.compile(r"\033\[[0-9;]*m")
_CONTROL_OR_STYLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile(rf"(?!{_STYLE.pattern}){_CONTROL_OR_STYLE.pattern}")


class Terminal:
    """One stream and how it wants to be written to. `width` is None if it has no width."""

    def __init__(
        self, stream: TextIO, *, colour: bool = False, fancy: bool = True, width: int | None = None
    ) -> None:
        self.stream = stream
        self.colour = colour
        self.fancy = fancy
        self.width = width

    def styled(self, text: str, *styles: str) -> str:
        """The text in a style (bold, dim, red, green, yellow, cyan), where the stream shows styles."""
        if not self.colour or not styles or not text:
            return text
        return f"\033[{';'.join(_CODES[style] for style in styles)}m{text}\033[0m"

    def line(self, text: str = "") -> None:
        """Write a line at once, in one piece, so that lines of several threads don't mix."""
        self.stream.write(self.shown(text) + "\n")
        self.stream.flush()

    def lines(self, texts: Sequence[str]) -> None:
        """Write several lines in one piece."""
        if texts:
            self.line("\n".join(texts))

    def error(self, text: str) -> None:
        """Write a message that begins with the program's name."""
        self.line(f"{self.styled('mockhost:', 'red')} {text}")

    def json(self, document: object) -> None:
        """Write JSON for programs, and for people who look on; characters that can't be shown are escaped."""
        text = json.dumps(document, indent=2, ensure_ascii=False)
        if self._can_show(text):
            self.line(_CONTROL_OR_STYLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
        else:
            self.line(json.dumps(document, indent=2))

    def shown(self, text: str) -> str:
        """The text in characters that the stream can take, none of which controls a terminal except our own styles."""
        if not text.isprintable():
            text = (_CONTROL if self.colour else _CONTROL_OR_STYLE).sub(_escaped, text)
        if text.isascii() or (self.fancy and self._can_show(text)):
            return text
        text = text if self.fancy else text.translate(_PLAINER)
        encoding = self.stream.encoding or "ascii"
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def _can_show(self, text: str) -> bool:
        try:
            text.encode(self.stream.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
        return True


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def of(stream: TextIO, env: Mapping[str, str] | None = None) -> Terminal:
    """The terminal behind a stream, as the environment and the stream itself describe it."""
    variables = os.environ if env is None else env
    interactive = _is_terminal(stream)
    plain = Terminal(stream)
    return Terminal(
        stream,
        colour=_wants_colour(variables, interactive),
        fancy=plain._can_show(_FANCY),
        width=_width(variables, interactive),
    )


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _wants_colour(env: Mapping[str, str], interactive: bool) -> bool:
    if env.get("NO_COLOR"):
        return False
    if env.get("FORCE_COLOR") or env.get("CLICOLOR_FORCE", "0") != "0":
        return True
    if not interactive or env.get("TERM") == "dumb":
        return False
    # The old Windows console shows escape sequences as they are; terminals that understand them say who they are.
    return os.name != "nt" or bool({"WT_SESSION", "TERM", "ANSICON", "ConEmuANSI"} & env.keys())


def _width(env: Mapping[str, str], interactive: bool) -> int | None:
    if env.get("COLUMNS", "").isdecimal() and int(env["COLUMNS"]) > 0:
        return int(env["COLUMNS"])
    if not interactive:
        return None
    import shutil

    return shutil.get_terminal_size((100, 24)).columns


def stdout() -> Terminal:
    """Standard output as it is now (tests and callers replace it)."""
    return of(sys.stdout)


def stderr() -> Terminal:
    """Standard error as it is now."""
    return of(sys.stderr)


def tell(form: str, document: object, in_words: Callable[[Terminal], Iterable[str]]) -> None:
    """Print a result: the document with `--format json`, else the lines that `in_words` makes for the terminal."""
    terminal = stdout()
    if form == "json":
        terminal.json(document)
    else:
        terminal.lines(list(in_words(terminal)))


def mark(fine: bool, terminal: Terminal, *styles: str) -> str:
    """A tick or a cross."""
    return terminal.styled("✓", "green", *styles) if fine else terminal.styled("✗", "red", *styles)


def width_of(terminal: Terminal) -> int:
    """Columns of a page: those of the terminal, at most 110; 100 where it has none."""
    return min(terminal.width or 100, 110)


def count(number: int, noun: str) -> str:
    """`1 problem`, `2 problems`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def coloured(lines: Iterable[str], terminal: Terminal) -> list[str]:
    """Lines that begin with a mark, as those of `entra.rendering`, with it in colour."""
    return [
        mark(line[0] == "✓", terminal, "bold") + line[1:] if line[:1] in ("✓", "✗") else line
        for line in lines
    ]
