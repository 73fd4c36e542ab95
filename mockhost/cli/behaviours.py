"""`mockhost behaviours`: what has not been published about the real host, what mockhost does, and how sure that is."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import completing
from mockhost.cli.terminal import Terminal, stdout, wrapped

if TYPE_CHECKING:
    from mockhost.connectors.ecma.behaviours import Behaviour

_WIDTH = 80


@click.command("behaviours")
@click.argument("name", required=False, shell_complete=completing.behaviours)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
def command(name: str | None, form: str) -> None:
    """List the behaviours that can be set, or show one: the real host, mockhost, values, evidence, source.

    A behaviour is set under 'behaviours' of the host or of a connector. Evidence is documented, inferred or assumed.

    \b
    mockhost behaviours
    mockhost behaviours patch_reply
    mockhost serve --set host.behaviours.patch_reply=no_content
    """
    from mockhost.connectors.ecma import behaviours
    from mockhost.errors import UsageError, did_you_mean

    terminal = stdout()
    if name is None:
        terminal.json([_as_json(row) for row in behaviours.TABLE.values()]) if form == "json" else _list(
            terminal
        )
        return
    row = behaviours.TABLE.get(name)
    if row is None:
        hint = did_you_mean(name, behaviours.TABLE) or "'mockhost behaviours' lists them"
        raise UsageError(f"there is no behaviour {name!r}", hint=hint)
    terminal.json(_as_json(row)) if form == "json" else _show(row, terminal)


def _list(terminal: Terminal) -> None:
    from mockhost.connectors.ecma import behaviours

    rows = list(behaviours.TABLE.values())
    width = max(len(row.name) for row in rows)
    lines: list[str] = []
    for subject, group in groupby(rows, key=lambda row: row.subject):
        lines += [*([""] if lines else []), terminal.styled(subject, "bold")]
        for row in group:
            first, *rest = wrapped(row.title.replace("`", ""), _WIDTH - width - 4)
            lines += [f"  {row.name.ljust(width)}  {first}", *(" " * (width + 4) + line for line in rest)]
    lines += ["", "'mockhost behaviours NAME' shows one with its values, evidence and source."]
    terminal.lines(lines)


def _show(row: Behaviour, terminal: Terminal) -> None:
    points = f" ({', '.join(row.ids)})" if row.ids else ""
    lines = [terminal.styled(row.name, "bold"), *wrapped(row.title + points, _WIDTH, "  "), ""]
    facts = [("real host", row.real), ("mockhost", row.mock), ("values", row.allowed())]
    facts.append(("default", _plain(row.default)))
    if row.preview_2020 is not None:
        facts.append(("preview-2020", _plain(row.preview_2020)))
    where = "host" if row.host_wide else "host, or one connector"
    facts += [("set under", f"behaviours of the {where}"), ("evidence", row.evidence), ("source", row.source)]
    for label, text in facts:
        first, *rest = wrapped(text.replace("`", ""), _WIDTH - 16)
        lines += [f"  {label.ljust(12)}  {first}", *(" " * 16 + line for line in rest)]
    terminal.lines(lines)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_json(row: Behaviour) -> dict[str, Any]:
    return {**row._asdict(), "ids": list(row.ids)}
