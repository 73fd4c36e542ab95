"""`mockhost portal`: the application in the Entra admin centre: credentials, agents, attributes, and the job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mockhost.cli import outcome
from mockhost.cli.provisioning import FILE, HAR, STATE, coloured, opened, title_of, width_of
from mockhost.cli.terminal import stdout
from mockhost.cli.verbs import Framed

FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]"
)


@click.group("portal", cls=Framed)
def command() -> None:
    """Do what an administrator does in the portal with the application of a provisioning.yaml.

    What FILE says is what is entered; cycles and on-demand provisioning use what was saved.

    \b
    mockhost portal test provisioning.yaml
    mockhost portal save provisioning.yaml
    mockhost portal agent stop agent-1 provisioning.yaml
    """


def _do(step: object, file: Path, state: Path | None, har: Path | None = None) -> dict[str, Any]:
    """The result of a step."""
    with opened(file, state=state, har=har) as app:
        return app.perform(step)


def _tell(verb: str, found: dict[str, Any]) -> None:
    """Print the result of a step."""
    from mockhost.entra import rendering

    terminal = stdout()
    terminal.lines(coloured(rendering.lines(verb, found, width_of(terminal)), terminal))


@command.command("show")
@FILE
@STATE
@FORMAT
def show(file: Path, state: Path | None, form: str) -> None:
    """Show credentials, agents, the job, and its quarantine."""
    found = _do("show", file, state)
    stdout().json(found) if form == "json" else _tell("show", found)


@command.command("test")
@FILE
@STATE
@HAR
def test(file: Path, state: Path | None, har: Path | None) -> None:
    """Test connection with what is entered. Exit code 0 if the portal would be content, 1 if not."""
    from mockhost.entra import rendering

    found, terminal = _do("test_connection", file, state, har), stdout()
    terminal.lines(coloured(rendering.verdict_page(found, width_of(terminal), title_of), terminal))
    raise click.exceptions.Exit(outcome.FINE if found["ok"] else outcome.NOT_FINE)


@command.command("save")
@FILE
@STATE
@HAR
def save(file: Path, state: Path | None, har: Path | None) -> None:
    """Save what is entered, and refresh the target attribute list. Exit code 1 if the portal does not save it."""
    found = _do("save", file, state, har)
    _tell("save", found)
    raise click.exceptions.Exit(outcome.NOT_FINE if found["error"] else outcome.FINE)


@command.command("attributes")
@FILE
@STATE
@HAR
@click.option("--refresh", is_flag=True, help="Ask for /Schemas first, as refreshing the page does.")
@FORMAT
def attributes(file: Path, state: Path | None, har: Path | None, refresh: bool, form: str) -> None:
    """Show the target attribute list, as it was when it was last refreshed."""
    found = _do({"attributes": "refresh" if refresh else "shown"}, file, state, har)
    stdout().json(found["attributes"]) if form == "json" else _tell("attributes", found)


@command.command("agent")
@click.argument("action", metavar="ACTION")
@click.argument("name", metavar="NAME")
@FILE
@STATE
@click.option(
    "--set", "sets", multiple=True, metavar="KEY=VALUE", help="With the action machine; repeatable."
)
def agent(action: str, name: str, file: Path, state: Path | None, sets: tuple[str, ...]) -> None:
    """Install, register, assign, unassign, start, stop, restart, reboot, wedge or remove an agent.

    The agent that there is at first is agent-1. After assign it takes 15 virtual minutes until it is usable;
    restart is the shortcut. `machine` changes what it finds on its machine: proxy=none|configured|missing,
    execution_policy=RemoteSigned|Undefined|Unrestricted, may_log_on=true|false. Exit code 1 if it fails as documented.

    \b
    mockhost portal agent stop agent-1 provisioning.yaml
    mockhost portal agent machine agent-1 provisioning.yaml --set proxy=missing
    """
    from mockhost.entra import rendering

    found = _do(rendering.of_words(["agent", action, name, *sets]), file, state)
    _tell("agent", found)
    raise click.exceptions.Exit(outcome.NOT_FINE if found["error"] else outcome.FINE)


@command.command("start")
@FILE
@STATE
def start(file: Path, state: Path | None) -> None:
    """Start provisioning: resume a paused job. This also clears a quarantine."""
    _do("start", file, state)


@command.command("stop")
@FILE
@STATE
def stop(file: Path, state: Path | None) -> None:
    """Stop provisioning: pause the job."""
    _do("stop", file, state)


@command.command("restart")
@FILE
@STATE
@click.option(
    "--reset-scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="Full, Escrows, QuarantineState, Watermark, ForceDeletes or None; repeatable. [default: Full]",
)
def restart(file: Path, state: Path | None, scopes: tuple[str, ...]) -> None:
    """Restart provisioning: the next cycle is an initial one where the watermark is reset."""
    _do({"restart": list(scopes)}, file, state)


@command.command("allow-deletes")
@FILE
@STATE
def allow_deletes(file: Path, state: Path | None) -> None:
    """Allow what the accidental deletions threshold held back; the next cycle does it."""
    _do("allow_deletes", file, state)


@command.command("advance")
@click.argument("time", metavar="TIME")
@FILE
@STATE
def advance(time: str, file: Path, state: Path | None) -> None:
    """Let virtual time pass, such as 20m: until an agent is ready, or a retry is due."""
    from mockhost.clock import iso
    from mockhost.durations import parse_duration

    with opened(file, state=state) as app, app.job(entered=True):
        app.clock.advance(max(0.0, parse_duration(time)))
        stdout().line(iso(app.clock.now()))
