"""The command line: arguments in, exit code out. `README.md` beside this file says what the room may do.

`program` is what the command `mockhost` and `python -m mockhost` call. A verb's module is imported when the verb is
asked for, so that `mockhost serve` pays for nothing that only another verb needs.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the enums of `signal` take some milliseconds to import
import os
import sys
from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def program() -> NoReturn:
    """Run this process's command line and end the process with its exit code.

    Until the verb's module is imported there is nothing to tidy up, so signals end the process as they end any other.
    """
    if os.getpid() == 1:  # the first process of a container: the system ignores signals without a handler
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(128 + number))
        signal.signal(signal.SIGTERM, lambda number, frame: os._exit(128 + number))
    elif signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    code = main(owns_process=True)
    # Not by way of the interpreter's end, which waits for threads and frees every object one by one.
    os._exit(code)


def main(arguments: Sequence[str] | None = None, *, owns_process: bool = False) -> int:
    """Run a command line (`sys.argv`, unless given) and return its exit code.

    0 fine; 1 the thing checked is not fine; 2 wrong usage or a missing file; 4 could not run.
    owns_process: whether the process is there for this command line only, so that a signal may end it.
    """
    try:
        _fill_closed_streams()
        from mockhost.cli import outcome, signals
        from mockhost.cli.verbs import mockhost

        outcome.prepare()
        signals.owns_process = owns_process
        mockhost.main(args=None if arguments is None else list(arguments), prog_name="mockhost")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:  # before there was anybody to take it
        return 130
    return 0


def _fill_closed_streams() -> None:
    """Have standard streams that were closed (`serve >&-`) lead nowhere, before a socket gets their number."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for the process's life
