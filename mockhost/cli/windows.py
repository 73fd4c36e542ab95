"""`mockhost windows`: commands on the Windows server around the host, one by one or at a prompt.

The prompt is that of labs, too, in a class or on a host of the learner's own.
"""

from __future__ import annotations

import contextlib
import importlib
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli.planes import Target, joined, which_host
from mockhost.cli.terminal import stdout
from mockhost.errors import MockhostError

if TYPE_CHECKING:
    from mockhost.client.control import ControlPlane

LEAVING = ("exit", "quit")

_MOST_WINDOWS = 20
_TITLE = "Windows PowerShell (mockhost). 'help' lists the commands, 'exit' ends."


@click.command(
    "windows",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@which_host
@click.option(
    "--elevated/--not-elevated",
    default=None,
    help="Run as an administrator; default: as the scenario says, which is not.",
)
@click.option("--json", "as_json", is_flag=True, help="The whole result as JSON.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def command(
    target: Target,
    elevated: bool | None,
    as_json: bool,
    command: tuple[str, ...],
) -> bool:
    """Run a command as on the Windows server around a running host.

    Without COMMAND it opens a prompt. Commands have the parameters of Windows PowerShell 5.1, in any case and
    shortened; pipelines, variables and expressions are not supported. Exit code 0, or 1 if the command fails.

    \b
    mockhost windows Get-Service
    mockhost windows --elevated Restart-Service "Microsoft ECMA2Host"
    mockhost windows sc.exe query "Microsoft ECMA2Host"
    mockhost windows Get-WinEvent -LogName System -MaxEvents 5
    mockhost windows TestECMA2HostConnection -ConnectorName SQL \\
      -SecretToken TOKEN -Server host.contoso.lab
    mockhost windows help
    """
    if command:
        from mockhost.windows import powershell

        line = command[0] if len(command) == 1 else powershell.join(command)
        if "-server" in line.casefold() and (fine := _elsewhere(line)) is not None:
            return fine
    window = Window(target, elevated, as_json=as_json)
    return not (window.run(line) if command else window.prompt())


def _elsewhere(line: str) -> bool | None:
    """Whether the connection test of a host elsewhere is fine, which no mock is asked for; None for other lines."""
    from mockhost.windows import scripts_commands
    from mockhost.windows.powershell import CommandFailed

    try:
        done = scripts_commands.elsewhere(line)
    except CommandFailed as failure:
        stdout().lines(failure.shown.split("\n"))
        return False
    if done is None:
        return None
    stdout().lines(done.text.removesuffix("\n").split("\n"))
    return not done.code


class Window:
    """Runs lines on the server, one after another."""

    def __init__(self, target: Target, elevated: bool | None, *, as_json: bool) -> None:
        self._plane = target.plane()
        self._elevated = elevated
        self._as_json = as_json
        self._session: dict[str, Any] = {}

    def run(self, line: str, given: str | None = None) -> int:
        """Run a line and show what comes of it; its exit code."""
        width = stdout().width
        session = self._session if width is None else {**self._session, "width": max(40, min(width, 1_000))}
        done = self._plane.call(
            "windows", command=line, elevated=self._elevated, session=session or None, input=given
        )
        self._session = done["session"]
        edit = done["edit"]
        if edit is not None and not self._as_json:
            return self._edit(edit["path"], edit["text"])
        if self._as_json:
            stdout().json({name: done[name] for name in ("exit", "output", "data")})
        elif done["output"]:
            stdout().lines(done["output"].removesuffix("\n").split("\n"))
        return int(done["exit"])

    def _edit(self, path: str, text: str) -> int:
        """Have the user edit a file of the server in the editor of this computer, and save it there."""
        new = edited(path, text)
        return int(new is None) if new in (None, text) else self.run(saving(path), new)

    def prompt(self) -> int:
        """Read lines until the end; the exit code of the last one."""
        from mockhost.windows import powershell

        if sys.stdin.isatty():
            stdout().line(_TITLE)
        self._session = self._plane.call("windows", command="")["session"]
        code = 0
        behind: list[tuple[dict[str, Any], bool | None]] = []
        """the windows from which others were opened as an administrator"""

        def handle(line: str) -> bool:
            nonlocal code
            if line.casefold() in LEAVING:
                if not behind:
                    return False
                self._session, self._elevated = behind.pop()
            elif powershell.opens_elevated(line) and len(behind) < _MOST_WINDOWS:
                behind.append((self._session, self._elevated))
                self._session, self._elevated = {"location": powershell.ELEVATED_HOME}, True
                stdout().line("(a window opens: Administrator: Windows PowerShell; 'exit' closes it)")
            else:
                code = self.run(line)
            return True

        at_prompt(self._shown, handle)
        return code

    def _shown(self) -> str:
        location = "C:\\" + str(self._session["location"]).replace("/", "\\")
        return f"PS {location}> "


def at_prompt(shown: Callable[[], str], handle: Callable[[str], bool]) -> None:
    """Read lines until their end, or until one for which `handle` says that it was the last.

    shown: the prompt, asked for before each line. Ctrl-C takes the line, not the prompt.
    """
    if sys.stdin.isatty():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with contextlib.suppress(ImportError):  # on Windows, where consoles edit lines themselves
            importlib.import_module("readline")
    goes_on = True
    while goes_on:
        try:
            line = _line(shown())
            if line is None:
                return
            if line.casefold() in ("cls", "clear", "clear-host"):
                click.clear()
            elif line:
                goes_on = handle(line)
        except KeyboardInterrupt:
            stdout().line()


def _line(shown: str) -> str | None:
    """The next line without blanks around it; None at the end."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        return line.strip() if line else None
    try:
        return input(stdout().shown(shown)).strip()
    except EOFError:
        stdout().line()
        return None


def edited(path: str, text: str) -> str | None:
    """A file's text after the user has edited it, which may be as it was; None where there is no terminal."""
    if not sys.stdin.isatty():
        stdout().line(
            f"{path} opens in an editor, which needs a terminal; notepad FILE /replace OLD NEW does not"
        )
        return None
    new = click.edit(text, extension=".xml" if path.endswith(".config") else ".txt")
    if new is None or new == text:
        stdout().line(f"{path} is as it was")
        return text
    return new


def saving(path: str) -> str:
    """The command that saves what was edited."""
    quoted = path.replace("'", "''")
    return f"notepad '{quoted}' /save"


# -- in a class -------------------------------------------------------------------------------------------------------


def say_in_class(line: str) -> None:
    """Type a line in the class that was joined, show what comes of it, and end with its exit code; else nothing."""
    where = _class()
    if where is not None:
        raise click.exceptions.Exit(_typed(where, line)["code"])


def prompt_in_class() -> None:
    """The server's prompt in the class that was joined, until `exit`; nothing without a class."""
    where = _class()
    if where is None:
        return
    shown = _typed(where, "brief")["prompt"]
    stdout().line()

    def handle(line: str) -> bool:
        nonlocal shown
        if line.casefold() in LEAVING and "system32" not in shown.casefold():
            return False
        try:
            shown = _typed(where, line)["prompt"]
        except MockhostError as error:
            stdout().line(str(error))
        return True

    at_prompt(lambda: shown, handle)
    raise click.exceptions.Exit(0)


def _class() -> ControlPlane | None:
    from mockhost.client.control import ControlPlane

    which = joined()
    return None if which is None else ControlPlane(*which)


def _typed(where: ControlPlane, line: str, given: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = where.call("lab_line", line=line, input=given)
    edit = answer["edit"]
    if edit is not None:
        new = edited(edit["path"], edit["text"])
        if new not in (None, edit["text"]):
            return _typed(where, saving(edit["path"]), new)
    if answer["text"]:
        stdout().lines(answer["text"].split("\n"))
    stdout().lines(answer["ticks"])
    return answer
