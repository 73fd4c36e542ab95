"""`mockhost control journal`, `verify` and `connections`: what was asked, answered, and carried it."""

from __future__ import annotations

from typing import Any

import click

from mockhost.cli import outcome
from mockhost.cli.control_target import FORMAT, Target, pairs
from mockhost.cli.terminal import columns, stdout
from mockhost.cli.validate import count


@click.command("journal")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "har", "curl"]),
    default="table",
    help="table; json: a list; har: HAR 1.2; curl: lines for a shell, with $TOKEN for the secret. [default: table]",
)
@click.option(
    "--connector", multiple=True, metavar="NAME", help="Only this connector's; repeatable, as those below."
)
@click.option("--operation", multiple=True, metavar="NAME", help="Only this operation, such as create_user.")
@click.option("--status", multiple=True, type=int, metavar="STATUS", help="Only answers with this status.")
@click.option("--since", type=click.IntRange(min=0), metavar="NUMBER", help="Only those after this number.")
@click.option("--last", type=click.IntRange(min=0), metavar="N", help="Only the latest N.")
@click.option("--clear", is_flag=True, help="Forget what there is instead; numbers go on.")
@click.pass_obj
def journal(
    target: Target,
    /,
    form: str,
    since: int | None,
    last: int | None,
    clear: bool,
    **conditions: tuple[Any, ...],
) -> None:
    """Show what was asked and answered; secrets are not in it.

    \b
    mockhost control journal --connector SQL --status 401
    mockhost control journal --format har > journal.har
    """
    plane, terminal = target.plane(), stdout()
    if clear:
        done = plane.call("clear_journal")
        terminal.line(f"{count(done['removed'], 'exchange')} forgotten")
        return
    found = plane.call(
        "get_journal",
        format=form,
        since=since,
        last=last,
        width=None if form != "table" or terminal.width is None else max(terminal.width, 40),
        **{word: value or None for word, value in conditions.items()},
    )
    if form == "json":
        terminal.json(found["exchanges"])
    elif form == "har":
        terminal.json(found)
    elif found.strip():
        terminal.line(found.rstrip("\n"))


@click.command("verify")
@click.argument("conditions", nargs=-1, required=True, metavar="CONDITIONS…")
@FORMAT
@click.pass_obj
def verify(target: Target, conditions: tuple[str, ...], form: str) -> None:
    """Assert over the journal; exit code 0 if it holds, 1 with a report if not.

    CONDITIONS are KEY=VALUE words (dots nest), or one JSON document, @FILE, or - for standard input.

    \b
    mockhost control verify operation=create_user connector=SQL count.exactly=1
    mockhost control verify '{"operation": "delete_user", "count": {"never": true}}'
    """
    found = target.plane().call("verify", spec=pairs(conditions, "the assertion"))
    if form == "json":
        stdout().json(found)
    else:
        stdout().line(found["text"] or ("it holds" if found["ok"] else "it does not hold"))
    raise click.exceptions.Exit(outcome.FINE if found["ok"] else outcome.NOT_FINE)


@click.command("connections")
@FORMAT
@click.pass_obj
def connections(target: Target, form: str) -> None:
    """Show what carried the exchanges, or failed in its handshake."""
    found = target.plane().call("list_connections")["connections"]
    if form == "json":
        stdout().json(found)
        return
    rows = [
        (
            str(each["number"]),
            each["peer"],
            each["tls"] or "-",
            str(each["exchanges"]),
            each["closed_by"] or "open",
            each["error"] or "",
        )
        for each in found
    ]
    head = ("#", "from", "TLS", "exchanges", "closed by", "what went wrong")
    stdout().lines(columns([head, *rows]) if rows else ["(no connections)"])
