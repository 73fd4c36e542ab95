"""The command line: arguments in, exit code out. `README.md` beside this file says what the room may do.

`main` is what the command `mockhost` and `python -m mockhost` call. A verb's module is imported when the verb is
asked for, so that `mockhost serve` pays for nothing that only another verb needs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (`sys.argv`, unless given) and return its exit code.

    0 fine; 1 the thing checked is not fine; 2 wrong usage or a missing file; 4 could not run.
    """
    try:
        _fill_closed_streams()
        from mockhost.cli import outcome
        from mockhost.cli.verbs import mockhost

        outcome.prepare()
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
