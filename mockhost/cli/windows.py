"""`mockhost windows`: commands on the Windows server around the host, one by one or at a prompt."""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Any

import click

from mockhost.cli import outcome
from mockhost.cli.control_target import Target, which_host
from mockhost.cli.terminal import stdout

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
) -> None:
    """Run a command as on the Windows server around a running host.

    Without COMMAND it opens a prompt. Commands have the parameters of Windows PowerShell 5.1, in any case and
    shortened; pipelines, variables and expressions are not supported. Exit code 0, or 1 if the command fails.

    \b
    mockhost windows Get-Service
    mockhost windows --elevated Restart-Service "Microsoft ECMA2Host"
    mockhost windows sc.exe query "Microsoft ECMA2Host"
    mockhost windows Get-WinEvent -LogName System -MaxEvents 5
    mockhost windows TestECMA2HostConnection -ConnectorName SQL -SecretToken TOKEN -Server host.contoso.lab
    mockhost windows help
    """
    if command:
        from mockhost.windows import powershell

        line = command[0] if len(command) == 1 else powershell.join(command)
        if "-server" in line.casefold() and (code := _elsewhere(line)) is not None:
            raise click.exceptions.Exit(code)
    window = Window(target, elevated, as_json=as_json)
    if command:
        code = window.run(line)
        raise click.exceptions.Exit(outcome.NOT_FINE if code else outcome.FINE)
    window.prompt()


def _elsewhere(line: str) -> int | None:
    """The connection test of a host elsewhere, which no mock is asked for; None if the line is not that."""
    from mockhost.windows import scripts_commands
    from mockhost.windows.powershell import CommandFailed

    try:
        done = scripts_commands.elsewhere(line)
    except CommandFailed as failure:
        stdout().lines(failure.shown.split("\n"))
        return outcome.NOT_FINE
    if done is None:
        return None
    stdout().lines(done.text.removesuffix("\n").split("\n"))
    return outcome.NOT_FINE if done.code else outcome.FINE


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

    def prompt(self) -> None:
        """Read lines until the end."""
        from mockhost.windows import powershell

        is_terminal = sys.stdin.isatty()
        if is_terminal:
            with contextlib.suppress(ImportError):  # on Windows, where consoles edit lines themselves
                importlib.import_module("readline")
            stdout().line(_TITLE)
        self._session = self._plane.call("windows", command="")["session"]
        code = 0
        behind: list[tuple[dict[str, Any], bool | None]] = []
        """the windows from which others were opened as an administrator"""
        while True:
            try:
                line = self._line(is_terminal)
                if line is None or (line.casefold() in ("exit", "quit") and not behind):
                    break
                if line.casefold() in ("exit", "quit"):
                    self._session, self._elevated = behind.pop()
                elif powershell.opens_elevated(line) and len(behind) < _MOST_WINDOWS:
                    behind.append((self._session, self._elevated))
                    self._session, self._elevated = {"location": powershell.ELEVATED_HOME}, True
                    stdout().line("(a window opens: Administrator: Windows PowerShell; 'exit' closes it)")
                elif line.casefold() in ("cls", "clear"):
                    click.clear()
                elif line:
                    code = self.run(line)
            except KeyboardInterrupt:
                stdout().line()
        raise click.exceptions.Exit(outcome.NOT_FINE if code else outcome.FINE)

    def _line(self, is_terminal: bool) -> str | None:
        """The next line without blanks around it; None at the end."""
        if not is_terminal:
            line = sys.stdin.readline()
            return line.strip() if line else None
        location = "C:\\" + str(self._session["location"]).replace("/", "\\")
        try:
            return input(f"PS {stdout().shown(location)}> ").strip()
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
