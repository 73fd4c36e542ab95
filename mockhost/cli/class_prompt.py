"""Lines of a lab that are typed in the class that this user has joined."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import joined, windows
from mockhost.cli.terminal import stdout
from mockhost.errors import MockhostError

if TYPE_CHECKING:
    from mockhost.client.control import ControlPlane


def say(line: str) -> None:
    """Type a line in the class, show what comes of it, and end with its exit code; nothing without a class."""
    where = joined.plane()
    if where is not None:
        raise click.exceptions.Exit(_typed(where, line)["code"])


def _typed(where: ControlPlane, line: str, given: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = where.call("lab_line", line=line, input=given)
    edit = answer["edit"]
    if edit is not None:
        new = windows.edited(edit["path"], edit["text"])
        if new not in (None, edit["text"]):
            return _typed(where, windows.saving(edit["path"]), new)
    if answer["text"]:
        stdout().lines(answer["text"].split("\n"))
    stdout().lines(answer["ticks"])
    return answer


def prompt() -> None:
    """The server's prompt in the class, until `exit`; nothing without a class."""
    where = joined.plane()
    if where is None:
        return
    terminal, is_terminal = stdout(), sys.stdin.isatty()
    shown = _typed(where, "brief")["prompt"]
    terminal.line()
    while True:
        try:
            line = input(terminal.shown(shown)) if is_terminal else sys.stdin.readline()
        except (EOFError, KeyboardInterrupt):
            break
        if not line and not is_terminal:
            break
        word = line.strip().casefold()
        if word in ("exit", "quit") and "system32" not in shown.casefold():
            break
        if word in ("cls", "clear", "clear-host"):
            click.clear()
        elif word:
            with contextlib.suppress(KeyboardInterrupt):
                try:
                    shown = _typed(where, line.strip())["prompt"]
                except MockhostError as error:
                    terminal.line(str(error))
    raise click.exceptions.Exit(0)
