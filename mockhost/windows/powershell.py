"""Command lines as Windows PowerShell 5.1 reads them: words, parameters and errors. One command, no expressions.

Sources: Microsoft Learn, about_Parsing, about_Parameters, about_Quoting_Rules; the form of errors is that of 5.1
(general knowledge, not compared with a real one).
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from mockhost import facts

ELEVATED_HOME: Final = "Windows/system32"
"""Where a window begins that is opened as an administrator, below C:."""
LONGEST: Final = 8_191
"""Characters of a command line."""
_REFUSED: Final = {
    "|": "a pipeline", ";": "a second command", "$": "a variable", "(": "an expression", ")": "an expression",
    "{": "a script block", "}": "a script block", ">": "a redirection", "<": "a redirection", "&": "an operator",
    "@": "an array or a hash table",
}  # fmt: skip


_QUOTES: Final = dict.fromkeys(range(0x2018, 0x201C), "'") | dict.fromkeys(range(0x201C, 0x201F), '"')
"""Quotation marks of pages and word processors, which count as plain ones, as their dashes do before a parameter."""


class CommandFailed(Exception):
    """A command ends with an error. `shown` is what the window shows, `code` its exit code."""

    def __init__(self, shown: str, code: int = 1) -> None:
        super().__init__(shown)
        self.shown = shown
        self.code = code


class Word(NamedTuple):
    """A word of a line. quoted: whether it was in quotes, so that it is no parameter's name."""

    text: str
    quoted: bool = False
    joined: bool = False
    """whether a comma before it makes it an element of one array with the word before"""


def split(line: str) -> list[Word]:
    """The words of a line. Raises CommandFailed for what is more than one command."""
    if len(line) > LONGEST:
        raise CommandFailed(f"the line is longer than {LONGEST} characters")
    line = line.translate(_QUOTES)
    words: list[Word] = []
    text, quoted, started, joined = "", False, False, False
    place = 1 if line.lstrip().startswith("&") else 0  # the call operator: & '.\a script.ps1'
    line = line.lstrip()
    while place < len(line):
        char = line[place]
        place += 1
        if char in "'\"":
            end, piece = _quoted(line, place, char)
            text, quoted, started, place = text + piece, True, True, end
        elif char == "`" and place < len(line):
            text, started, place = text + line[place], True, place + 1
        elif char.isspace() or char == ",":
            if started:
                words.append(Word(text, quoted, joined))
                text, quoted, started, joined = "", False, False, False
            if char == ",":
                joined = True
        elif char in _REFUSED and not (char in "(){}@<>" and started):
            raise CommandFailed(
                f"{char!r} begins {_REFUSED[char]}, and there is none here: one command a line, with its"
                " parameters; 'help' lists the commands"
            )
        else:
            text, started = text + char, True
    if started:
        words.append(Word(text, quoted, joined))
    return words


def _quoted(line: str, place: int, quote: str) -> tuple[int, str]:
    """The text of a quotation that begins at `place`, and where it has ended."""
    text = ""
    while place < len(line):
        char = line[place]
        if char == quote:
            if line[place + 1 : place + 2] != quote:
                return place + 1, text
            place += 1
        elif quote == '"' and char == "`" and place + 1 < len(line):
            place += 1
            char = line[place]
        elif quote == '"' and char == "$" and re.match(r"\$[\w({]", line[place:]):
            raise CommandFailed(
                "'$' begins a variable, and there are none here; put the text into single quotes"
            )
        text += char
        place += 1
    raise CommandFailed(f"The string is missing the terminator: {quote}.")


def opens_elevated(line: str) -> bool:
    """Whether a line opens another window as an administrator, which is for what keeps the windows."""
    form = r"start-process\s+(powershell|pwsh)(\.exe)?\s+-verb\s+runas"
    return re.fullmatch(form, line.strip(), re.IGNORECASE) is not None


def join(words: Sequence[str]) -> str:
    """Words of a shell's command line as one line here."""
    return " ".join(
        word if re.fullmatch(r"[\w.:\\/*=+%-]+", word) else "'" + word.replace("'", "''") + "'"
        for word in words
    )


class Parameter(NamedTuple):
    """A parameter of a command."""

    name: str
    """as PowerShell shows it, such as MaxEvents"""
    argument: str
    """of the function"""
    kind: str
    """str | int | bool (a switch) | list"""
    positional: bool
    mandatory: bool


_SPELLED: Final = {"filter_xpath": "FilterXPath", "object_type_path": "ObjectTypePath"}
_KINDS: Final = {"str": "str", "int": "int", "bool": "bool", "list[str]": "list"}


def parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    """The parameters of a command: its function's, but for the first; those before `*` have a position."""
    found = []
    for argument, each in list(inspect.signature(function).parameters.items())[1:]:
        kind = _KINDS[str(each.annotation).removesuffix(" | None")]
        name = _SPELLED.get(argument) or "".join(part.capitalize() for part in argument.split("_"))
        positional = each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        found.append(Parameter(name, argument, kind, positional, each.default is inspect.Parameter.empty))
    return found


def bind(command: str, parameters: Sequence[Parameter], words: Sequence[Word]) -> dict[str, Any]:
    """The arguments of a command's function. Raises CommandFailed in PowerShell's words."""
    given: dict[str, Any] = {}
    loose: list[Word] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        match = (
            None
            if word.quoted
            else re.fullmatch(r"[-\u2013-\u2015]([A-Za-z?]\w*)(?::(.*))?", word.text, re.DOTALL)
        )
        if match is None:
            loose.append(word)
            continue
        found = _named(command, parameters, match[1])
        if found.argument in given:
            raise failed(command, "ParameterAlreadyBound", name=found.name)
        if found.kind == "bool":
            text = (match[2] or "$true").lstrip("$").lower()
            given[found.argument] = text not in ("false", "0")
            continue
        values = [match[2]] if match[2] else []
        while rest and (not values or rest[0].joined):
            values.append(rest.pop(0).text)
        if not values:
            raise failed(command, "MissingArgument", name=found.name)
        given[found.argument] = _value(command, found, values)
    _place(command, parameters, loose, given)
    absent = [each.name for each in parameters if each.mandatory and each.argument not in given]
    if absent:
        raise failed(command, "MissingMandatoryParameter", names=" ".join(absent))
    return given


def _place(command: str, parameters: Sequence[Parameter], loose: list[Word], given: dict[str, Any]) -> None:
    """Give words without a name to the positional parameters that are left."""
    places = [each for each in parameters if each.positional and each.argument not in given]
    while loose:
        values = [loose.pop(0).text]
        while loose and loose[0].joined:
            values.append(loose.pop(0).text)
        if not places:
            raise failed(command, "PositionalParameterNotFound", value=values[0])
        found = places.pop(0)
        given[found.argument] = _value(command, found, values)


def _named(command: str, parameters: Sequence[Parameter], said: str) -> Parameter:
    exact = [each for each in parameters if each.name.casefold() == said.casefold()]
    found = exact or [each for each in parameters if each.name.casefold().startswith(said.casefold())]
    if len(found) == 1:
        return found[0]
    if not found:
        raise failed(command, "NamedParameterNotFound", name=said)
    names = " ".join(f"-{each.name}" for each in found)
    raise failed(command, "AmbiguousParameter", name=said, names=names)


def _value(command: str, parameter: Parameter, values: list[str]) -> object:
    if parameter.kind == "list":
        return values
    if len(values) > 1:
        raise failed(command, "CannotConvertArgument", name=parameter.name)
    if parameter.kind != "int":
        return values[0]
    try:
        return int(values[0])
    except ValueError:
        name = parameter.name
        raise failed(command, "CannotConvertArgumentNoMessage", name=name, value=values[0]) from None


def syntax(command: str, parameters: Sequence[Parameter]) -> str:
    """How a command is written, as `Get-Command -Syntax` has it: optional parts in brackets."""
    kinds = {"str": " <string>", "int": " <int>", "list": " <string[]>", "bool": ""}
    parts = [command]
    for each in parameters:
        name = f"[-{each.name}]" if each.positional and each.kind != "bool" else f"-{each.name}"
        part = name + kinds[each.kind]
        parts.append(part if each.mandatory else f"[{part}]")
    return " ".join(parts)


def wrapped(text: str, width: int) -> str:
    """A text with lines of at most so many characters, broken between words; 0: as it is."""
    if not width:
        return text
    lines = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()))
        lines += textwrap.wrap(
            line, width, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=len(line) > width
        ) or [""]
    return "\n".join(lines)


def texts() -> Mapping[str, Mapping[str, Any]]:
    """The parts of `texts.toml`."""
    return facts.beside(__file__, "texts.toml")


def shown(name: str, /, **values: object) -> str:
    """A text that a program shows."""
    return str(texts()["shown"][name]).format_map(values)


def failed(command: str, error: str, /, **values: object) -> CommandFailed:
    """An error of a cmdlet as the window shows it. error: a row of `texts.toml`."""
    row = texts()["errors"][error]
    values["command"] = command
    return CommandFailed(
        f"{command} : {row['text'].format_map(values)}\n"
        f"    + CategoryInfo          : {row['category']}: (:) [{command}]\n"
        f"    + FullyQualifiedErrorId : {row.get('id', error).format_map(values)}"
    )


def placed(shown: str, line: str) -> str:
    """An error of a cmdlet with the place in the command line to which it belongs, as 5.1 shows it."""
    mark = "\n    + CategoryInfo"
    return shown.replace(mark, f"\nAt line:1 char:1\n+ {line}\n+ {'~' * len(line)}{mark}", 1)


def unknown(command: str) -> CommandFailed:
    """The error for a command that does not exist."""
    return CommandFailed(shown("unknown_command", command=command))


def table(columns: Mapping[str, int], rows: Sequence[Sequence[str]], *, blank: bool = True) -> str:
    """Rows as Format-Table has them: columns with their widths (negative: right-aligned); cells are cut with '...'."""

    def cell(text: str, width: int) -> str:
        size = abs(width)
        text = text if len(text) <= size else text[: max(0, size - 3)] + "..."
        return text.rjust(size) if width < 0 else text.ljust(size)

    lines = [" ".join(cell(name, width) for name, width in columns.items()).rstrip()]
    lines.append(" ".join(cell("-" * len(name), width) for name, width in columns.items()).rstrip())
    lines += [
        " ".join(cell(text, width) for text, width in zip(row, columns.values(), strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(["", *lines, "", ""] if blank else lines) + "\n"
