"""`mockhost control rules`: live rules, which go before those of the scenario's file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from mockhost.cli.control_target import FORMAT, Target, document
from mockhost.cli.terminal import columns, stdout
from mockhost.cli.validate import count
from mockhost.cli.verbs import Framed

_COUNTED = ("matched", "fired", "left")


@click.group("rules", cls=Framed)
def rules() -> None:
    """List, add or remove rules. The first that matches wins; live ones go before the scenario's, the newest first.

    \b
    mockhost control rules add '{"when": {"operation": "create_user"}, "fault": "connection_reset", "times": 2}'
    mockhost control rules list
    mockhost control rules clear
    """


@rules.command("list")
@click.option(
    "--connector",
    metavar="NAME",
    help="With the counts of this one, if it was created on demand and has its own.",
)
@FORMAT
@click.pass_obj
def list_rules(target: Target, connector: str | None, form: str) -> None:
    """List the rules in the order in which they are tried."""
    found = target.plane().call("list_rules", connector=connector)["rules"]
    if form == "json":
        stdout().json(found)
        return
    rows = []
    for each in found:
        rest = {key: value for key, value in each.items() if key not in (*_COUNTED, "name", "live", "when")}
        when, does = (json.dumps(value, ensure_ascii=False) for value in (each.get("when", {}), rest))
        fired = f"{each['fired']}/{each['matched']}"
        rows.append((each["name"], "live" if each["live"] else "file", fired, when, does))
    head = ("name", "", "fired/matched", "when", "does")
    stdout().lines(columns([head, *rows]) if rows else ["(no rules)"])


@rules.command("add")
@click.argument("rule")
@click.option("--name", metavar="NAME", help="Its name; a live rule of the same name is replaced.")
@click.pass_obj
def add(target: Target, rule: str, name: str | None) -> None:
    """Put RULE before all others.

    It is JSON or YAML as in a scenario file, or @FILE, or - for standard input.
    """
    from mockhost.scenario import standalone
    from mockhost.scenario.sources import OPERATOR, Beside

    said = document(rule, "a rule")
    if name is not None:
        said["name"] = name
    source = Beside(Path(rule[1:]).parent) if rule.startswith("@") else OPERATOR
    made = standalone.rule(said, os.environ, source)
    stdout().line(target.plane().call("add_rule", rule=made)["name"])


@rules.command("remove")
@click.argument("name")
@click.pass_obj
def remove(target: Target, name: str) -> None:
    """Take the live rule NAME away."""
    target.plane().call("remove_rule", name=name)
    stdout().line(f"rule {name} is gone")


@rules.command("clear")
@click.pass_obj
def clear(target: Target) -> None:
    """Take every live rule away."""
    done = target.plane().call("clear_rules")
    stdout().line(f"{count(done['removed'], 'live rule')} removed")


@click.group("states", cls=Framed)
def states() -> None:
    """Show the states of a scenario, or set one.

    \b
    mockhost control states list
    mockhost control states set Rotated --connector SQL
    """


@states.command("list")
@FORMAT
@click.pass_obj
def list_states(target: Target, form: str) -> None:
    """Show the state that the host is in, and those of connectors that have their own."""
    found = target.plane().call("get_states")
    if form == "json":
        stdout().json(found)
        return
    stdout().lines(columns([("host", found["host"]), *found["connectors"].items()]))


@states.command("set")
@click.argument("state")
@click.option(
    "--connector", metavar="NAME", help="The connector that has this state, unless it is the host's."
)
@click.pass_obj
def set_state(target: Target, state: str, connector: str | None) -> None:
    """Put the host, or a connector, into STATE; what the scenario says of entering it happens."""
    target.plane().call("set_state", state=state, connector=connector)
    stdout().line(f"the state is {state}")


@click.command("release")
@click.pass_obj
def release(target: Target) -> None:
    """Let every answer that hangs go on.

    \b
    mockhost control release
    """
    done = target.plane().call("release")
    stdout().line(f"{count(done['released'], 'answer')} released")
