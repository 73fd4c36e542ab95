"""`mockhost schema`: the JSON Schema of scenario files."""

from __future__ import annotations

import click

from mockhost.cli.terminal import stderr, stdout


@click.command("schema")
def command() -> None:
    """Print the JSON Schema (2020-12) of scenario files, with the faults of other packages.

    \b
    mockhost schema > scenario.schema.json
    and as a scenario's first line:  # yaml-language-server: $schema=scenario.schema.json
    """
    from mockhost.faults import installed
    from mockhost.scenario import schema

    stdout().line((_with_installed(schema.text()) if installed() else schema.text()).rstrip("\n"))


def _with_installed(text: str) -> str:
    """The schema, in which an editor also offers the faults that other packages bring."""
    import json

    from mockhost.faults import ELSEWHERE, describe, everything

    document = json.loads(text)
    names, parameters = (document["$defs"][name] for name in ("fault_name", "fault_parameters"))
    usable, problems = everything()
    for problem in problems:
        stderr().error(str(problem))
    for name, fault in usable.items():
        if fault.group == ELSEWHERE:
            names["anyOf"].append(describe.offered(name, fault))
            parameters["properties"][name] = describe.completion(fault)
    return json.dumps(document, indent=2, ensure_ascii=False)
