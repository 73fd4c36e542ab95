"""The verbs of `mockhost`, imported one by one when they are asked for, and the frame that every one runs in."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from mockhost import __version__
from mockhost.cli import outcome, signals
from mockhost.errors import did_you_mean

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

VERBS: Mapping[str, str] = {
    "serve": "serve:command",
    "run": "run:command",
    "proxy": "proxy:command",
    "record": "proxy:record",
    "import": "proxy:importing",
    "compare": "endpoints:compare",
    "test-connection": "endpoints:test_connection",
    "doctor": "doctor:command",
    "explain": "catalogue:explain",
    "diagnose": "diagnose:command",
    "calibrate": "endpoints:calibrate",
    "provision": "provision:command",
    "portal": "provision:portal",
    "scenarios": "scenarios:command",
    "faults": "catalogue:faults",
    "behaviours": "catalogue:behaviours",
    "init": "files:init",
    "import-config": "files:import_config",
    "export-config": "files:export_config",
    "validate": "validate:command",
    "check": "check:command",
    "schema": "validate:schema",
    "control": "control:command",
    "windows": "windows:command",
    "lab": "lab:command",
    "class": "classes:command",
    "health": "health:command",
    "version": "version:command",
}
"""Where each verb is: a module of this package, and the name of the command in it."""


_SENTENCE = 500
"""Characters that no first sentence of a verb has."""


class Framed(click.Group):
    """A group that turns every error into one message and an exit code, here and in tests alike."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        try:
            code = outcome.code_of_result(super().main(args, *rest, **extra))
            outcome.flush()
        except BaseException as error:
            code = outcome.code_of(error)
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # click would make it an exit code of its own.
            raise outcome.ReaderGone from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs with their whole first sentence, over two lines where one is too narrow; click cuts it off."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [
            (name, verb.get_short_help_str(_SENTENCE)) for name, verb in found if verb and not verb.hidden
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            hint = self.hint(ctx, args[0])
            raise click.UsageError(f"no such verb: {args[0]!r}" + (f"; {hint}" if hint else ""), ctx)
        return super().resolve_command(ctx, args)

    def hint(self, ctx: click.Context, word: str) -> str:
        """What may have been meant by a verb that is not there."""
        return did_you_mean(word, self.list_commands(ctx))


class Verbs(Framed):
    """The outermost group: its verbs in the order of `VERBS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def hint(self, ctx: click.Context, word: str) -> str:
        """A verb of `control` is named with it."""
        control = self.get_command(ctx, "control")
        if isinstance(control, click.Group) and word in control.commands:
            return f"it is under control: mockhost control {word}"
        return super().hint(ctx, word)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module, _, name = VERBS.get(cmd_name, "").partition(":")
        if not module:
            return None
        command = getattr(importlib.import_module(f"mockhost.cli.{module}"), name)
        signals.raise_them()
        assert isinstance(command, click.Command)
        return command


@click.group(cls=Verbs, context_settings=SETTINGS)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def mockhost() -> None:
    """Microsoft's ECMA Connector Host without Windows: healthy, or broken on command, the same way each time.

    \b
    Start the healthy host:             mockhost serve
    Start one with a documented error:  mockhost serve documented/cache_stale
    Find a scenario by its error text:  mockhost scenarios --text importing
    Test a program against a host:      mockhost run basics/healthy -- pytest
    Learn to repair one:                mockhost lab

    Exit codes, whatever the format: 0 fine; 1 the thing checked is not fine; 2 wrong usage or a missing
    file; 4 could not run (a port in use, no host to talk to).
    """
