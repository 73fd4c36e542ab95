"""`mockhost schema`: the JSON Schema of scenario files."""

from __future__ import annotations

import click

from mockhost.cli.terminal import stdout


@click.command("schema")
def command() -> None:
    """Print the JSON Schema (2020-12) of scenario files.

    \b
    mockhost schema > scenario.schema.json
    and as a scenario's first line:  # yaml-language-server: $schema=scenario.schema.json
    """
    from mockhost.scenario import schema

    stdout().line(schema.text().rstrip("\n"))
