"""Runs one command as on the server. A command is one function with the decorator `cmdlet` or `program`.

A cmdlet's parameters are those of its function: PowerShell binds them (`powershell.bind`). A program gets its words as
they are. Both return what the window shows, or a `Done` with data for programs beside it.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final, NamedTuple, TypeVar

from mockhost.errors import MockhostError, did_you_mean
from mockhost.windows import powershell
from mockhost.windows.config import FILES, below_c, windows_path
from mockhost.windows.drive import DiskFull, Entry, check_room
from mockhost.windows.machine import Machine
from mockhost.windows.powershell import CommandFailed, Parameter

_MODULES: Final = ("services", "files", "events", "wizard", "scripts")
_GROUPS: Final = ("services", "files", "events", "policies", "network", "installing", "wizard", "scripts")
"""Of commands, as `help` lists them."""
HOME: Final = "Users/Administrator"
LONGEST_INPUT: Final = 1024 * 1024


class Session(NamedTuple):
    """What a window keeps from one command to the next; a client that runs several passes it on."""

    location: str = HOME
    """the current folder, below C:"""
    modules: tuple[str, ...] = ()
    """the modules that were imported"""
    policy: str = "Undefined"
    """the execution policy of the scope Process"""
    width: int = 0
    """columns of the window; 0: unlimited"""

    @classmethod
    def parse(cls, said: Mapping[str, Any] | None) -> Session:
        """Of plain JSON. Raises UsageError for a folder that is no path on C:."""
        said = said or {}
        location, modules = said.get("location", HOME), said.get("modules", ())
        return cls(
            below_c(str(location)),
            tuple(map(str, modules))[:20],
            str(said.get("policy", "Undefined")),
            int(said.get("width", 0)),
        )


class Done(NamedTuple):
    """What a command did."""

    text: str = ""
    """what the window shows"""
    data: Any = None
    """the same as plain JSON, where there is some"""
    code: int = 0
    session: Session | None = None
    """for the next command, where it is another"""
    edit: Mapping[str, str] | None = None
    """a file that is to be edited: path and text; saving is another command"""


class Call(NamedTuple):
    """What a command's function is given beside its arguments."""

    machine: Machine
    session: Session
    elevated: bool
    input: str | None
    """the text that goes with the command, such as an edited file's"""

    def path(self, said: str) -> str:
        """A path as it is said, from the current folder, below C:. Raises CommandFailed."""
        plain = said.replace("\\", "/").strip("\"'")
        if plain[1:2] != ":" and not plain.startswith("/"):
            plain = f"{self.session.location}/{plain}"
        parts: list[str] = []
        for part in plain.removeprefix("c:").removeprefix("C:").split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part)
        try:
            return below_c("/".join(parts))
        except MockhostError as error:
            raise CommandFailed(str(error)) from None

    def entries(self, place: str) -> list[Entry] | None:
        """What is in a folder; None if there is none. The user's own, and that of the prompt, need no file in them."""
        found = self.machine.drive.entries(place)
        for there in (FILES["documents"], self.session.location):
            if not f"{there}/".casefold().startswith(f"{place}/".casefold().lstrip("/")):
                continue
            below = there[len(place) :].strip("/").partition("/")[0]
            found = found or []
            if below and below.casefold() not in {each.name.casefold() for each in found}:
                found = [*found, Entry(below, True, 0, self.machine.now)]
        return None if found is None else sorted(found, key=lambda each: each.name.casefold())

    def write(self, path: str, data: bytes) -> None:
        """Write a file on drive C:. Raises DiskFull, and CommandFailed where a folder is, or a file for a folder."""
        above = itertools.accumulate(path.split("/")[:-1], "{}/{}".format)
        if self.entries(path) is not None or any(self.machine.drive.read(each) is not None for each in above):
            raise CommandFailed(f"Access to the path '{windows_path(path)}' is denied.", 5)
        check_room(self.machine.drive, {path: len(data)})
        self.machine.drive.write(path, data, self.machine.now)


class Command(NamedTuple):
    """One command."""

    name: str
    function: Callable[..., Done | str]
    parameters: Sequence[Parameter] | None
    """None: a program, which reads its words itself"""
    help: str
    waits: bool
    """whether it asks the host over HTTP, lets time pass or reads long: then it takes the runtime's lock itself"""
    module: str
    group: str
    """under which `help` lists it; by default its Python module's"""


COMMANDS: dict[str, Command] = {}
"""By name in lower case."""
F = TypeVar("F", bound=Callable[..., Done | str])


def cmdlet(name: str, *, waits: bool = False, module: str = "", group: str = "") -> Callable[[F], F]:
    """Register a function as a cmdlet. module: must be imported in the session first."""
    return lambda function: _register(
        name, function, powershell.parameters_of(function), waits, module, group
    )


def program(name: str, *, waits: bool = False, group: str = "") -> Callable[[F], F]:
    """Register a function as a program: it is given the words."""
    return lambda function: _register(name, function, None, waits, "", group)


def _register(
    name: str, function: F, parameters: list[Parameter] | None, waits: bool, module: str, group: str
) -> F:
    text = inspect.cleandoc(function.__doc__ or "")
    group = group or function.__module__.rpartition(".")[2].removesuffix("_commands")
    COMMANDS[name.casefold()] = Command(name, function, parameters, text, waits, module, group)
    return function


def commands() -> list[Command]:
    """Every command, by name."""
    for name in _MODULES:
        importlib.import_module(f"mockhost.windows.{name}_commands")
    return sorted(COMMANDS.values(), key=lambda each: each.name.casefold())


def run(
    machine: Machine, line: str, *, elevated: bool = False, session: Session, given: str | None = None
) -> Done:
    """Run a line. What goes wrong is in the text and the code, as in a window."""
    call = Call(machine, session, elevated, given)
    try:
        words = powershell.split(line)
        if not words:
            return Done()
        if (alias := powershell.texts()["aliases"].get(words[0].text.casefold())) is not None:
            words[:1] = powershell.split(alias)
        command = _find(words[0].text, session)
        lock = nullcontext() if command.waits else machine.server.lock
        with lock:
            done = _called(command, call, words[1:])
    except CommandFailed as failure:
        shown = powershell.placed(failure.shown, line.strip())
        return Done(powershell.wrapped(shown, session.width), code=failure.code)
    except MockhostError as error:
        return Done(str(error), code=1)
    return Done(done) if isinstance(done, str) else done


def _called(command: Command, call: Call, words: list[powershell.Word]) -> Done | str:
    try:
        if command.parameters is None:
            return command.function(call, [word.text for word in words])
        return command.function(call, **powershell.bind(command.name, command.parameters, words))
    except DiskFull as full:
        if command.parameters is None:
            raise CommandFailed(str(full), 112) from None
        raise powershell.failed(command.name, "disk_full", why=full) from None


def _find(said: str, session: Session) -> Command:
    commands()
    name = said.replace("\\", "/").rpartition("/")[2]
    for ending in (".ps1", ".exe"):
        if name.casefold().endswith(ending) and name.casefold() not in COMMANDS:
            name = name[: -len(ending)]
    found = COMMANDS.get(name.casefold())
    if found is None:
        hint = did_you_mean(name, [each.name for each in COMMANDS.values()])
        shown = powershell.unknown(said).shown
        raise CommandFailed(
            f"{shown}\n\n(mockhost has the commands that 'help' lists{'; ' + hint if hint else ''})"
        )
    if found.module and found.module not in session.modules:
        raise powershell.unknown(said)
    return found


@cmdlet("help")
def show_help(call: Call, name: str = "") -> Done:
    """Lists the commands, or says what one does and takes."""
    found = commands()
    if name:
        command = _find(
            powershell.texts()["aliases"].get(name.casefold(), name).partition(" ")[0],
            call.session._replace(modules=tuple(each.module for each in found)),
        )
        syntax = (
            ""
            if command.parameters is None
            else f"\n    {powershell.syntax(command.name, command.parameters)}\n"
        )
        text = powershell.wrapped(f"{command.help}\n{syntax}", call.session.width)
        return Done(text, {"name": command.name, "does": command.help})
    lines = ["One command a line. 'help NAME' says what it does and takes.", ""]
    for group in _GROUPS:
        names = [each.name for each in found if each.group == group]
        lines += textwrap.wrap(
            ", ".join(names),
            78,
            initial_indent=f"{group:<12}",
            subsequent_indent=" " * 12,
            break_on_hyphens=False,
        )
    return Done(
        "\n".join(lines) + "\n", [{"name": each.name, "does": each.help.partition("\n")[0]} for each in found]
    )
