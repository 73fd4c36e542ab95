"""`mockhost init`: a scenario file to start from."""

from __future__ import annotations

from pathlib import Path

import click

from mockhost.cli.terminal import stdout
from mockhost.errors import CannotRun, UsageError

STARTER = """\
# yaml-language-server: $schema={schema}
# A scenario of mockhost: `mockhost serve ./{file}` runs it, `mockhost check ./{file}` proves it.
format: 1
extends: {parent}         # its connectors, data and settings; what stands below is laid over them
title: The first full import is still running
why: >
  What is wrong here, and why it looks the way it does.
tags: [mine]
cause: import_running           # one stable word, for programs
client_should: wait             # fix_configuration | wait | retry | report | nothing

connectors:
  {connector}:
    import: {{full_takes: 3m}}    # on the virtual clock: `mockhost control clock advance 4m` ends it

# What the client was told, where that is not the truth:
# client:
#   {connector}: {{secret_token: the-old-one}}

expect:                         # the symptom, as a client sees it
  - {{send: test_connection, gets: {{status: 503, detail: {{contains: currently importing}}}}}}
cure:                           # what to do about it
  - {{advance: 4m, note: wait}}
cured:                          # what is true then
  - {{send: test_connection, gets: {{status: 200, totalResults: 0}}}}
"""

BARE = """\
{{
  "$schema": {schema},
  "format": 1,
  "extends": {parent},
  "title": "The first full import is still running",
  "tags": ["mine"],
  "cause": "import_running",
  "client_should": "wait",
  "connectors": {{{connector}: {{"import": {{"full_takes": "3m"}}}}}},
  "expect": [{{"send": "test_connection", "gets": {{"status": 503}}}}],
  "cure": [{{"advance": "4m"}}],
  "cured": [{{"send": "test_connection", "gets": {{"status": 200, "totalResults": 0}}}}]
}}
"""


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
    if file.exists() and not force:
        raise UsageError(f"{file} is there already", hint="name another file, or overwrite it with --force")
    text = starter(file, parent)
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        why = f"{file} can't be written: {error.strerror or error}"
        raise CannotRun(why, hint="name a path in a folder that exists and that you may write to") from None
    shown = file if file.is_absolute() or file.parts[0] in (".", "..") else f"./{file.as_posix()}"
    stdout().lines(
        [f"{file} was written.", f"Next: mockhost check {shown}", f"      mockhost serve {shown} --reload"]
    )


def starter(file: Path, parent: str) -> str:
    """The file's text. Raises UsageError if there is no such parent, ScenarioError if it can't be used."""
    import json

    from mockhost.scenario import loader
    from mockhost.scenario.schema import SCHEMA_FILE

    connectors = list(loader.load(parent).connectors)
    words = {
        "schema": SCHEMA_FILE.as_posix(),
        "parent": parent,
        "connector": connectors[0] if connectors else "SQL",
    }
    if file.suffix == ".json":
        return BARE.format(**{name: json.dumps(word) for name, word in words.items()})
    return STARTER.format(file=file.name, **words)
