"""`mockhost control call`: any operation of the control API by its name."""

from __future__ import annotations

import os

import click

from mockhost.cli import completing
from mockhost.cli.control_target import Target, pairs
from mockhost.cli.terminal import columns, stdout
from mockhost.errors import UsageError


@click.command("call")
@click.argument("operation", required=False, shell_complete=completing.operations)
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]…")
@click.pass_obj
def call(target: Target, operation: str | None, arguments: tuple[str, ...]) -> None:
    """Do OPERATION and print its result, as JSON; without one, list them.

    Arguments are KEY=VALUE words (dots nest), or one JSON document, @FILE, or - for standard input.

    \b
    mockhost control call
    mockhost control call get_clock
    mockhost control call get_objects name=SQL count=2
    """
    from mockhost import operations
    from mockhost.scenario import standalone

    terminal = stdout()
    if operation is None:
        rows = [(each.name, " ".join(each.arguments), each.summary) for each in operations.TABLE]
        terminal.lines(columns([("operation", "arguments", ""), *rows]))
        return
    row = operations.find(operation)
    if row.answer.kind == operations.EVENTS:
        raise UsageError(f"{operation} goes on and on", hint=f"curl -N {target.plane().url}{row.path}")
    given = pairs(arguments, "the arguments") if arguments else {}
    if row.whole and row.whole not in given:
        # Keys of the document itself, beside what is in the path.
        outside = {
            name: given.pop(name) for name in (*row.in_path, *(q.name for q in row.query)) if name in given
        }
        given = {**outside, row.whole: given}
    result = target.plane().call(operation, **standalone.arguments(operation, given, os.environ))
    if isinstance(result, str):
        terminal.line(result.rstrip("\n"))
    else:
        terminal.json(result)
