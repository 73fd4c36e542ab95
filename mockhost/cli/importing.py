"""`mockhost import`: what other programs recorded, as a scenario."""

from __future__ import annotations

from pathlib import Path

import click

from mockhost.cli.options import option
from mockhost.cli.record import write, writing
from mockhost.cli.saving import try_out
from mockhost.cli.terminal import stderr


@click.group("import")
def command() -> None:
    """Make a scenario from what another program recorded."""


@command.command("har")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
@option(
    "--base",
    metavar="URL",
    help="The URL that stands for /scim. [default: what stands before /Users, /Groups, /Schemas, …]",
)
@writing
def har(file: Path, base: str | None, out: Path, scrub: str | None) -> None:
    """Make a scenario from a HAR file, as `mockhost record` makes one.

    \b
    mockhost import har traffic.har --out recorded.yaml
    """
    from mockhost.record.recorded import read_har

    try_out(out)
    found, left_out = read_har(file, base)
    stderr().lines(left_out[:20] + ([f"… and {len(left_out) - 20} more"] if len(left_out) > 20 else []))
    write(found, out, f"Imported from {file.name}", scrub)
