"""`mockhost control check`: whether what is wrong still is, and whether the cure holds."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import click

from mockhost.cli import outcome
from mockhost.cli.control_target import FORMAT, Target
from mockhost.cli.terminal import Terminal, stdout

INTERVAL = 1.0
"""Seconds between two checks of `--watch`."""


@click.command("check")
@click.option("--watch", is_flag=True, help="Check again and again, until the cure holds.")
@FORMAT
@click.pass_obj
def check(target: Target, watch: bool, form: str) -> None:
    """Check whether the scenario's symptom shows, and whether the cure holds.

    Its `expect`, `cured` and `wrong_cure` are played on a copy of the host as it is at the moment: no counter, user,
    clock or journal of it changes. Exit code 0 if all of `cured` holds and nothing of `wrong_cure`, 1 if not.

    \b
    mockhost control check
    mockhost control check --watch
    """
    plane, terminal = target.plane(), stdout()
    shown = None
    while True:
        found = plane.call("check")
        state = [(each["name"], [step["ok"] for step in each["steps"]]) for each in found["sections"]]
        if state != shown:
            if form == "json":
                terminal.json(found)
            else:
                terminal.lines(list(_lines(found, terminal)))
        shown = state
        if found["cured"] or not watch:
            break
        threading.Event().wait(INTERVAL)
    raise click.exceptions.Exit(outcome.FINE if found["cured"] else outcome.NOT_FINE)


def _lines(found: Mapping[str, Any], terminal: Terminal) -> Iterator[str]:
    text = found["text"].partition("\n")[0] or ("cured" if found["cured"] else "not cured")
    yield terminal.styled(text, "green" if found["cured"] else "yellow")
    for section in found["sections"]:
        yield f"{section['name']} {'holds' if section['holds'] else 'does not hold'}"
        for step in section["steps"]:
            mark = terminal.styled("✓", "green") if step["ok"] else terminal.styled("✗", "red")
            yield f"  {mark} {step['text']}"
            yield from (f"    {problem}" for problem in step["problems"] if problem not in step["text"])
