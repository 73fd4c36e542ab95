"""How a command ends: every error becomes one message on stderr and one of the documented exit codes.

What is raised on purpose says what was wrong and what to try. Anything else is a bug of ours, and then the message
is the line that a report needs; a traceback is never shown.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import click

from mockhost import __version__
from mockhost.cli.signals import Signalled
from mockhost.cli.terminal import stderr
from mockhost.errors import MockhostError, reason_of

FINE = 0
NOT_FINE = 1
USAGE = 2
COULD_NOT_RUN = 4
INTERRUPTED = 130
"""128 + SIGINT, as shells say of a command that Ctrl-C ended"""


class Failed(MockhostError):
    """The thing checked is not fine and all has been said: exit code 1, no further message."""

    exit_code = NOT_FINE


def prepare() -> None:
    """Have nothing reach the user as the interpreter would write it: odd characters, and bugs on other threads."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    threading.excepthook = lambda happened: _tell_bug(happened.exc_value)
    sys.unraisablehook = lambda happened: _tell_bug(happened.exc_value)


def _tell_bug(error: BaseException | None) -> None:
    if error is not None and not isinstance(
        error, (SystemExit, KeyboardInterrupt, Signalled, BrokenPipeError)
    ):
        stderr().error(bug(error))


class ReaderGone(Exception):
    """The reader of our output is gone, which is no error: `mockhost scenarios | head -1`."""


def code_of_result(result: object) -> int:
    """The exit code for what a verb returns: whether the thing checked is fine (False: it is not), or a code."""
    if isinstance(result, bool):
        return FINE if result else NOT_FINE
    return result if isinstance(result, int) else FINE


def code_of(error: BaseException) -> int:
    """Say what went wrong, once, on stderr; the exit code."""
    try:
        return _code_of(error)
    except BrokenPipeError:
        return _quiet_pipe()


def _code_of(error: BaseException) -> int:
    match error:
        case SystemExit():
            return error.code if isinstance(error.code, int) else FINE
        case Signalled():
            return 128 + error.number
        case Failed():
            if error.message:
                stderr().error(str(error))
            return error.exit_code
        case MockhostError():
            # A scenario's report has its own head and one line for each problem.
            stderr().error(str(error))
            return error.exit_code
        case click.exceptions.Exit():
            return error.exit_code
        case click.exceptions.Abort() | KeyboardInterrupt():
            return INTERRUPTED
        case click.ClickException():
            return _usage(error)
        case BrokenPipeError() | ReaderGone():
            return _quiet_pipe()
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            stderr().error(f"{where}{reason_of(error)}")
            missing = isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError))
            return USAGE if missing else COULD_NOT_RUN
        case MemoryError():
            stderr().error("there is not enough memory; fewer people or objects need less")
            return COULD_NOT_RUN
        case _:
            stderr().error(bug(error))
            return COULD_NOT_RUN


def _usage(error: click.ClickException) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # click 8.2 and later
        stderr().line(error.format_message())
        return USAGE
    context = error.ctx if isinstance(error, click.UsageError) else None
    message = error.format_message().rstrip(".")
    if context is not None:
        message += f"{' Try' if message.endswith('?') else '; try'} '{context.command_path} --help'"
    stderr().error(message)
    return USAGE


def bug(error: BaseException) -> str:
    """One line with what a report of a bug needs: what, where in our code, and which versions."""
    import platform
    import traceback

    package = Path(__file__).parent.parent
    where = "unknown place"
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename)
        if file.is_relative_to(package):
            where = f"{file.relative_to(package).as_posix()}:{frame.lineno}"
    from mockhost.journal.secrets import Finder

    text = Finder().sentence(" ".join(f"{type(error).__name__}: {error}".split()))
    versions = f"mockhost {__version__}, Python {platform.python_version()}, {platform.system()}"
    return (
        f"this is a bug in mockhost: {text} at {where} ({versions}); please report this line and the command"
    )


def said(error: BaseException) -> str:
    """An error as a message in the middle of a longer report."""
    if isinstance(error, MockhostError):
        return str(error)
    return f"{error}" if isinstance(error, OSError) else bug(error)


def flush() -> None:
    """Write out what is buffered, while a broken pipe can still be handled."""
    sys.stdout.flush()


def _quiet_pipe() -> int:
    """The reader went away: no message, and none from the interpreter's end either."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
    except (OSError, ValueError):
        pass
    return FINE
