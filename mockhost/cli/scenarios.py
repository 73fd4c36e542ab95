"""`mockhost scenarios`: the catalogue, and one scenario in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import shells
from mockhost.cli.terminal import Terminal, columns, stdout, wrapped
from mockhost.cli.verbs import Framed
from mockhost.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from mockhost.scenario.model import Scenario

_FOR_PROGRAMS = ("name", "title", "cause", "client_should", "reproduces", "tags", "problems")
"""The keys of an entry with --format json; `problems` only where the file has any."""

_FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]"
)


@click.group("scenarios", cls=Framed, invoke_without_command=True)
@click.option("--text", metavar="TEXT", help="Those that know this text: an error message, or words of it.")
@click.option(
    "--tag", "tags", multiple=True, metavar="TAG", help="Those with this tag; repeatable, all needed."
)
@click.option(
    "--cause",
    "causes",
    multiple=True,
    metavar="CAUSE",
    help="Those with this cause; repeatable, any will do.",
)
@click.option("--shelf", metavar="SHELF", help="Those of one shelf: basics, documented, …")
@_FORMAT
@click.pass_context
def command(
    ctx: click.Context,
    text: str | None,
    tags: tuple[str, ...],
    causes: tuple[str, ...],
    shelf: str | None,
    form: str,
) -> None:
    """List the scenarios, or find one by the text of an error.

    They are those that ship with mockhost and those in the folders of MOCKHOST_SCENARIOS. With --format json:
    a list of objects with name, title, cause, client_should, reproduces and tags.

    \b
    mockhost scenarios
    mockhost scenarios --text "Invalid LDAP style of object's DN"
    mockhost scenarios --tag test-connection --format json
    mockhost scenarios show documented/secret_token_mismatch
    """
    if ctx.invoked_subcommand is not None:
        return
    from mockhost.scenario import catalogue

    found = catalogue.find(text, tags=tags, causes=causes, shelf=shelf)
    if form == "json":
        stdout().json([{key: entry[key] for key in _FOR_PROGRAMS if key in entry} for entry in found])
    elif found:
        _list(found)
    else:
        hint = _near(catalogue.entries(shelf), tags, causes)
        stdout().line(f"no scenario is like that{'; ' + hint if hint else ''}")


def _near(known: Sequence[dict[str, Any]], tags: Sequence[str], causes: Sequence[str]) -> str:
    """What may have been meant by a tag or a cause that nobody has."""
    hints = [did_you_mean(tag, {t for entry in known for t in entry["tags"]}) for tag in tags]
    hints += [did_you_mean(cause, {e["cause"] for e in known if e["cause"]}) for cause in causes]
    return next((hint for hint in hints if hint.startswith("did")), "")


def _list(found: Sequence[dict[str, Any]]) -> None:
    terminal = stdout()
    wide = max(len(entry["name"]) for entry in found)
    for entry in found:
        name, title = entry["name"], entry["title"] or "(no title)"
        if "problems" in entry:
            title = terminal.styled(f"can't be used; see mockhost validate {name}", "red")
        cause = terminal.styled(f"  [{entry['cause']}]", "dim") if entry["cause"] else ""
        terminal.line(f"{terminal.styled(name.ljust(wide), 'bold')}  {title}{cause}")


@command.command("show")
@click.argument("name")
@_FORMAT
@click.option("--source", is_flag=True, help="Print the file as it is instead.")
def show(name: str, form: str, source: bool) -> None:
    """Tell what a client sees, why, what cures it, and what is true then.

    \b
    mockhost scenarios show documented/secret_token_mismatch
    mockhost scenarios show basics/healthy --source > mine.yaml
    """
    from mockhost.scenario import loader, shelves

    if source:
        file = shelves.find(name).file
        try:
            stdout().line(file.read_text("utf-8").rstrip("\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} can't be read: {error}") from None
        return
    from mockhost.cli.hiding import hider

    scenario = loader.load(name)
    if form == "json":
        stdout().json(_as_json(scenario))
    else:
        terminal = stdout()
        hide = hider(scenario)
        terminal.lines([hide(line) for line in _in_words(scenario, terminal)])


def _as_json(scenario: Scenario) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "file": scenario.origin,
        "title": scenario.title,
        "why": scenario.why,
        "cause": scenario.cause,
        "client_should": scenario.client_should,
        "reproduces": list(scenario.reproduces),
        "sources": list(scenario.sources),
        "tags": list(scenario.tags),
        "extends": scenario.parent,
        "connectors": {
            name: {"kind": page.kind, "anchor": page.anchor} for name, page in scenario.connectors.items()
        },
        **{key: scenario.document.get(key, []) for key in ("expect", "cure", "cured")},
    }


def _in_words(scenario: Scenario, terminal: Terminal) -> list[str]:
    from mockhost.cli import cure

    width = min(terminal.width or 100, 110)
    lines = [terminal.styled(scenario.name, "bold"), *wrapped(scenario.title, width)]
    if scenario.why:
        lines += ["", *wrapped(scenario.why, width)]
    facts = [
        ("cause", scenario.cause or ""),
        ("a client should", (scenario.client_should or "").replace("_", " ")),
        ("reproduces", "; ".join(scenario.reproduces)),
        ("sources", "; ".join(scenario.sources)),
        ("tags", ", ".join(scenario.tags)),
        ("extends", scenario.parent or ""),
        ("connectors", ", ".join(f"{name} ({page.kind})" for name, page in scenario.connectors.items())),
        ("file", "" if scenario.origin is None else str(Path(scenario.origin))),
    ]
    lines += ["", *columns([row for row in facts if row[1]])]
    shell = shells.detect()
    for head, steps in (
        ("What a client sees", [cure.step_line(step) for step in scenario.expect]),
        ("What cures it", cure.lines(scenario.cure, shell)),
        ("What is true then", [cure.step_line(step) for step in scenario.cured]),
    ):
        if steps:
            lines += [
                "",
                terminal.styled(head, "bold"),
                *(f"  {i}. {step}" for i, step in enumerate(steps, 1)),
            ]
    return lines
