"""`mockhost portal`: the application in the Entra admin centre: credentials, agents, attributes, and the job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from mockhost.cli import outcome
from mockhost.cli.provision import verdict_lines
from mockhost.cli.provisioning import FILE, HAR, STATE, Opened, opened
from mockhost.cli.terminal import columns, stdout
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


@command.command("show")
@FILE
@STATE
@FORMAT
def show(file: Path, state: Path | None, form: str) -> None:
    """Show credentials, agents, the job, and its quarantine."""
    from mockhost.clock import iso
    from mockhost.entra import application

    with opened(file, state=state, entered=True) as job:
        now, after = job.service.clock.now(), job.config.settings.agent_ready_after
        saved = application.saved(job.store, os.environ)
        document: dict[str, Any] = {
            "app": job.config.app,
            "entered": job.config.entered.tenant_url,
            "saved": None if saved is None else saved.tenant_url,
            "saved_is_entered": saved == job.config.entered,
            "clock": iso(now),
            "agents": {each.name: each.describe(now, after) for each in job.service.agents}
            if job.config.through_agent
            else {},
            "machine": None if job.service.machine is None else job.service.machine._asdict(),
            "status": job.store.get("status", "Active"),
            "next_run": _time(job.store.get("next_run")),
            "last": job.store.get("last"),
            "quarantine": job.store.get("quarantine"),
            "mails": job.store.get("mails", []),
        }
    terminal = stdout()
    if form == "json":
        terminal.json(document)
        return
    rows = [(key, _cell(value)) for key, value in document.items() if value not in (None, [], {})]
    terminal.lines(columns(rows))


def _time(moment: float | None) -> str | None:
    from mockhost.clock import iso

    return None if moment is None else iso(moment)


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_cell(item)}" for key, item in value.items() if item is not None)
    return ", ".join(map(_cell, value)) if isinstance(value, list) else str(value)


@command.command("test")
@FILE
@STATE
@HAR
def test(file: Path, state: Path | None, har: Path | None) -> None:
    """Test connection with what is entered. Exit code 0 if the portal would be content, 1 if not."""
    terminal = stdout()
    with opened(file, state=state, har=har, entered=True) as job:
        verdict = job.service.probe()
        if verdict.ok:
            job.store.set("now", job.service.clock.now())
            job.store.commit()
    mark = terminal.styled("✓", "green", "bold") if verdict.ok else terminal.styled("✗", "red", "bold")
    terminal.lines([f"{mark} Testing connection to {job.config.app}", *verdict_lines(verdict, terminal)])
    raise click.exceptions.Exit(outcome.FINE if verdict.ok else outcome.NOT_FINE)


@command.command("save")
@FILE
@STATE
@HAR
def save(file: Path, state: Path | None, har: Path | None) -> None:
    """Save what is entered, and refresh the target attribute list."""
    from mockhost.entra import application

    with opened(file, state=state, har=har, entered=True) as job:
        application.save(job.config, job.store)
        _refresh(job)
        job.store.commit()


def _refresh(job: Opened) -> None:
    from mockhost.entra import application

    before = len(application.target_attributes(job.store))
    seen = application.discover(job.service)
    now = len(application.target_attributes(job.store))
    if seen is None or seen.status != 200:
        why = "no agent relays the request" if seen is None else seen.describe()
        stdout().line(f"saved; the target attribute list stays as it was: /Schemas: {why}")
    else:
        stdout().line(f"saved; {now} target attributes, {now - before} of them new")


@command.command("attributes")
@FILE
@STATE
@HAR
@click.option("--refresh", is_flag=True, help="Ask for /Schemas first, as refreshing the page does.")
@FORMAT
def attributes(file: Path, state: Path | None, har: Path | None, refresh: bool, form: str) -> None:
    """Show the target attribute list, as it was when it was last refreshed."""
    from mockhost.entra import application

    with opened(file, state=state, har=har, entered=True) as job:
        if refresh:
            application.discover(job.service)
            job.store.commit()
        found = application.shown_attributes(job.config, job.store)
    terminal = stdout()
    if form == "json":
        terminal.json([each._asdict() for each in found])
        return
    rows = [
        (each.name, each.type, "primary key" if each.primary_key else "", "required" if each.required else "")
        for each in found
    ]
    terminal.lines(
        columns(rows) if rows else ["the target attribute list is empty; is the host on? then use --refresh"]
    )


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
    execution_policy=RemoteSigned|Undefined|Unrestricted, may_log_on=true|false.

    \b
    mockhost portal agent stop agent-1 provisioning.yaml
    mockhost portal agent machine agent-1 provisioning.yaml --set proxy=missing
    """
    from mockhost.entra import agent as agents
    from mockhost.entra import application
    from mockhost.errors import UsageError

    with opened(file, state=state, entered=True) as job:
        if action == "machine":
            if job.service.machine is not None:
                raise UsageError(
                    "the agents' machine is the one of the mock",
                    hint="change it there, or leave 'control' out",
                )
            changed = job.service.agents
            for each in sets:
                key, _, value = each.partition("=")
                changed = agents.change_machine(changed, name, key, value)
            job.store.set("agents", [list(each) for each in changed])
        else:
            application.change_agents(job.store, job.service, action, name)
        job.store.commit()
        now, after = job.service.clock.now(), job.config.settings.agent_ready_after
        stdout().lines(columns([(each.name, each.describe(now, after)) for each in job.service.agents]))


@command.command("start")
@FILE
@STATE
def start(file: Path, state: Path | None) -> None:
    """Start provisioning: resume a paused job. This also clears a quarantine."""
    from mockhost.entra import application

    with opened(file, state=state, entered=True) as job:
        application.start(job.store)
        job.store.commit()


@command.command("stop")
@FILE
@STATE
def stop(file: Path, state: Path | None) -> None:
    """Stop provisioning: pause the job."""
    from mockhost.entra import application

    with opened(file, state=state, entered=True) as job:
        application.stop(job.store)
        job.store.commit()


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
    from mockhost.entra import application

    with opened(file, state=state, entered=True) as job:
        application.restart(job.store, scopes)
        job.store.commit()


@command.command("allow-deletes")
@FILE
@STATE
def allow_deletes(file: Path, state: Path | None) -> None:
    """Allow what the accidental deletions threshold held back; the next cycle does it."""
    with opened(file, state=state, entered=True) as job:
        job.store.set("allow_deletes", True)
        job.store.set("next_run", None)
        job.store.commit()


@command.command("advance")
@click.argument("time", metavar="TIME")
@FILE
@STATE
def advance(time: str, file: Path, state: Path | None) -> None:
    """Let virtual time pass, such as 20m: until an agent is ready, or a retry is due."""
    from mockhost.clock import iso
    from mockhost.durations import parse_duration

    with opened(file, state=state, entered=True) as job:
        job.service.clock.advance(max(0.0, parse_duration(time)))
        job.store.set("now", job.service.clock.now())
        job.store.commit()
        stdout().line(iso(job.service.clock.now()))
