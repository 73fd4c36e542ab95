"""`mockhost control rules`: live rules, which go before those of the scenario's file."""

from __future__ import annotations

import json

import click

from mockhost.cli.control_target import FORMAT, Target, document, quoted
from mockhost.cli.terminal import columns, stdout
from mockhost.cli.validate import count
from mockhost.cli.verbs import Framed


@click.group("rules", cls=Framed)
def rules() -> None:
    """List, add or remove rules. The first that matches wins; live ones go before the scenario's, the newest first.

    \b
    mockhost control rules add '{"when": {"operation": "create_user"}, "reply": {"status": 503}}'
    mockhost control rules list
    mockhost control rules clear
    """


@rules.command("list")
@FORMAT
@click.pass_obj
def list_rules(target: Target, form: str) -> None:
    """List the rules in the order in which they are tried."""
    found = target.plane().get("/v1/rules").json["rules"]
    if form == "json":
        stdout().json(found)
        return
    rows = []
    for each in found:
        rest = {key: value for key, value in each.items() if key not in ("name", "live", "when")}
        when, does = (json.dumps(value, ensure_ascii=False) for value in (each.get("when", {}), rest))
        rows.append((each["name"], "live" if each["live"] else "file", when, does))
    stdout().lines(columns([("name", "", "when", "does"), *rows]) if rows else ["(no rules)"])


@rules.command("add")
@click.argument("rule")
@click.option("--name", metavar="NAME", help="Its name; a live rule of the same name is replaced.")
@click.pass_obj
def add(target: Target, rule: str, name: str | None) -> None:
    """Put RULE before all others.

    It is JSON or YAML as in a scenario file, or @FILE, or - for standard input.
    """
    said = document(rule, "a rule")
    if name is not None:
        said["name"] = name
    stdout().line(target.plane().change("POST", "/v1/rules", said)["name"])


@rules.command("remove")
@click.argument("name")
@click.pass_obj
def remove(target: Target, name: str) -> None:
    """Take the live rule NAME away."""
    target.plane().change("DELETE", f"/v1/rules/{quoted(name)}")
    stdout().line(f"rule {name} is gone")


@rules.command("clear")
@click.pass_obj
def clear(target: Target) -> None:
    """Take every live rule away."""
    done = target.plane().change("DELETE", "/v1/rules")
    stdout().line(f"{count(done['removed'], 'live rule')} removed")
