"""`mockhost export-config`: the connectors of a scenario as a Configuration.xml."""

from __future__ import annotations

from pathlib import Path

import click

from mockhost.cli import completing
from mockhost.cli.options import Setting
from mockhost.cli.saving import save, try_out
from mockhost.cli.terminal import stderr, stdout
from mockhost.errors import UsageError


@click.command("export-config")
@click.argument("scenario", shell_complete=completing.scenarios)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="The file to write, such as Configuration.xml. Default: print it.")  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65_535), default=8585, help="The port in it. [default: 8585]")
@click.option("--set", "sets", multiple=True, type=Setting(), metavar="PATH=VALUE",
              help="Write it with this value set; repeatable.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def command(scenario: str, out: Path | None, port: int, sets: tuple[str, ...], force: bool) -> None:
    """Write a scenario's connectors as the Configuration.xml that the wizard exports.

    Secrets and data are not in it, as in a real export; what else has no place in it is listed.

    \b
    mockhost export-config basics/healthy --out Configuration.xml
    mockhost import-config Configuration.xml --out again.yaml
    """
    from mockhost.clock import wall_now
    from mockhost.scenario import loader
    from mockhost.windows import configuration

    if out:
        try_out(out, overwrite=force)
    loaded = loader.load(scenario, sets=sets)
    connectors = [each for name, each in loaded.connectors.items() if name not in loaded.providers]
    if not connectors:
        raise UsageError(
            f"{scenario} has no connector of the ECMA host", hint="a connector of kind scim has no file"
        )
    text = configuration.write(connectors, wall_now(), port=port)
    terminal = stderr() if out is None else stdout()
    if out is None:
        stdout().line(text.rstrip("\n"))
    else:
        save(out, text, overwrite=force)
        terminal.line(f"{out} was written: {', '.join(each.name for each in connectors)}.")
    terminal.line("Not in it:")
    terminal.lines([f"  {each.name}: {'; '.join(configuration.not_written(each))}" for each in connectors])
    if loaded.providers:
        terminal.line(f"  connectors of kind scim: {', '.join(loaded.providers)}")
