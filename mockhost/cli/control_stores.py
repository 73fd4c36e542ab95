"""`mockhost control import`, `change`, `objects` and `cache`: connected systems and the host's copies of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from mockhost.cli import completing
from mockhost.cli.control_target import FORMAT, Target, document, shown
from mockhost.cli.terminal import columns, stdout
from mockhost.cli.validate import count

_COUNT = click.option("--count", "number", type=click.IntRange(min=0), metavar="N", help="Only the first N.")


@click.command("import")
@click.argument("connector", shell_complete=completing.connectors)
@click.option("--profile", type=click.Choice(["full", "delta"]), default="full", help="[default: full]")
@click.pass_obj
def import_now(target: Target, connector: str, profile: str) -> None:
    """Begin an import run of CONNECTOR; how long it takes is virtual time.

    \b
    mockhost control import SQL
    mockhost control import LDAP --profile delta
    """
    done = target.plane().call("import_now", name=connector, profile=profile)
    state = done["state"]
    if state["import_problem"]:
        stdout().line(f"{connector}: the {profile} import failed: {state['import_problem']}")
    elif state["importing"]:
        stdout().line(f"{connector}: the {profile} import runs; mockhost control clock advance ends it")
    else:
        stdout().line(f"{connector}: the {profile} import is done, {state['cached']} in the cache")


@click.command("change")
@click.argument("changes")
@click.pass_obj
def change(target: Target, changes: str) -> None:
    """Change connected systems behind the host's back.

    CHANGES is JSON or YAML by connector (insert, update, delete), or @FILE, or - for standard input.

    \b
    mockhost control change '{"SQL": {"insert": [{"ContosoLogin": "bob", "FirstName": "Bob"}]}}'
    mockhost control change '{"SQL": {"delete": [{"ContosoLogin": "bob"}]}}'
    mockhost control change @changes.yaml
    """
    done = target.plane().call("change", changes=document(changes, "a change"))
    for name, touched in done["connectors"].items():
        stdout().line(f"{name}: {count(touched, 'object')} changed")


@click.command("objects")
@click.argument("connector", shell_complete=completing.connectors)
@_COUNT
@FORMAT
@click.pass_obj
def objects(target: Target, connector: str, number: int | None, form: str) -> None:
    """Show the objects of the system behind CONNECTOR."""
    _show(target, connector, "get_objects", number, form)


@click.command("cache")
@click.argument("connector", shell_complete=completing.connectors)
@_COUNT
@FORMAT
@click.pass_obj
def cache(target: Target, connector: str, number: int | None, form: str) -> None:
    """Show the connector space of CONNECTOR: the host's copy."""
    _show(target, connector, "get_cache", number, form)


def _show(target: Target, connector: str, operation: str, number: int | None, form: str) -> None:
    page = target.plane().call(operation, name=connector, count=number)
    terminal = stdout()
    if form == "json":
        terminal.json(page["objects"])
        return
    found = [_bare(each) for each in page["objects"]]
    if found:
        names = list(dict.fromkeys(name for each in found for name in each))
        terminal.lines(columns([names, *([shown(each.get(name, "")) for name in names] for each in found)]))
    left = page["total"] - len(found)
    terminal.line(count(page["total"], "object") + (f", {left} not shown" if left else ""))


def _bare(values: Mapping[str, Any]) -> dict[str, Any]:
    """A resource as a row: what the extension says, under its bare names; nothing about the protocol."""
    row: dict[str, Any] = {}
    for name, value in values.items():
        if name.lower().startswith("urn:") and isinstance(value, Mapping):
            row.update(value)
        elif name not in ("schemas", "meta"):
            row[name] = ", ".join(map(str, value)) if _is_list(value) else value
    return row


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
