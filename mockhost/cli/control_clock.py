"""`mockhost control clock`: the virtual clock."""

from __future__ import annotations

import click

from mockhost.cli.control_target import FORMAT, Target
from mockhost.cli.terminal import stdout
from mockhost.cli.verbs import Framed


@click.group("clock", cls=Framed)
def clock() -> None:
    """Show the virtual clock, or move it on.

    \b
    mockhost control clock show
    mockhost control clock advance 731d
    """


@clock.command("show")
@FORMAT
@click.pass_obj
def show(target: Target, form: str) -> None:
    """Show what the clock reads and when something is due."""
    state = target.plane().call("get_clock")
    if form == "json":
        stdout().json(state)
        return
    due = f"; something is due at {state['next_due']}" if state["next_due"] else ""
    stdout().line(f"{state['now']} ({state['mode']}){due}")


@clock.command("advance")
@click.argument("duration")
@click.pass_obj
def advance(target: Target, duration: str) -> None:
    """Move the clock on by DURATION, such as 2s, 4m, 2h or 731d.

    Everything that is scheduled until then happens, in order. Certificates age with it.
    """
    from mockhost.durations import parse_duration

    parse_duration(duration)
    state = target.plane().call("advance_clock", by=duration)
    stdout().line(f"the clock reads {state['now']}")
