"""`mockhost init`: a scenario file to start from."""

from __future__ import annotations

from pathlib import Path

import click

from mockhost.cli.saving import save, try_out
from mockhost.cli.terminal import stdout
from mockhost.errors import UsageError


@click.command("init")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--extends", "parent", default="basics/healthy", metavar="SCENARIO",
              help="What it extends. [default: basics/healthy]")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def command(file: Path, parent: str, force: bool) -> None:
    """Write a scenario file to start from.

    It is valid, and `mockhost check` passes on it.

    \b
    mockhost init mine.yaml
    mockhost serve ./mine.yaml --reload
    """
    if file.suffix not in (".yaml", ".yml", ".json"):
        raise UsageError(
            f"{file}: a scenario file ends in .yaml, .yml or .json", hint=f"such as {file.name}.yaml"
        )
    try_out(file, overwrite=force)
    shown = str(file) if file.is_absolute() or file.parts[0] in (".", "..") else f"./{file.as_posix()}"
    text = _starter(file, parent, shown)
    save(file, text, overwrite=force)
    stdout().lines(
        [f"{file} was written.", f"Next: mockhost check {shown}", f"      mockhost serve {shown} --reload"]
    )


def _starter(file: Path, parent: str, shown: str) -> str:
    """The file's text. Raises UsageError if there is no such parent, ScenarioError if it can't be used."""
    from mockhost.scenario import loader, writing
    from mockhost.scenario.schema import SCHEMA_FILE

    schema, connector = SCHEMA_FILE.as_posix(), next(iter(loader.load(parent).connectors), "SQL")
    if file.suffix == ".json":
        return writing.starter_json(schema, parent=parent, connector=connector)
    return writing.starter(schema, parent=parent, connector=connector, file=shown)
