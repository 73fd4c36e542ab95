"""`mockhost control journal`, `connections`, `verify` and `check`: what was asked, answered, and still holds."""

from __future__ import annotations

import functools
import json
import re
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import shells
from mockhost.cli.asking import pairs, shows
from mockhost.cli.options import FORMAT, formats
from mockhost.cli.planes import Target
from mockhost.cli.terminal import Terminal, count, mark, stderr, stdout, tell
from mockhost.clock import local_time, parse_iso
from mockhost.paragraphs import columns

if TYPE_CHECKING:
    from mockhost.client.control import ControlPlane

    StatusesType = click.ParamType[tuple[int, ...]]
else:
    StatusesType = click.ParamType  # not generic before click 8.4


class Statuses(StatusesType):
    """Statuses and classes of them, with commas between: `404`, `4xx`, `401,5xx`."""

    name = "STATUS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        found: list[int] = []
        for part in str(value).split(","):
            word = part.strip().lower()
            if re.fullmatch(r"[1-5]xx", word):
                found += range(int(word[0]) * 100, int(word[0]) * 100 + 100)
            elif re.fullmatch(r"[1-9][0-9]{2}", word):
                found.append(int(word))
            else:
                self.fail(f"{part!r} is not a valid status; for example 404, 4xx, or 401,5xx", param, ctx)
        return tuple(found)


INTERVAL = 1.0
"""Seconds between two checks of `--watch`."""


@click.command("journal")
@formats(
    *("table", "json", "har", "curl", "step", "pytest"),
    help="table; json: a list; har: HAR 1.2; curl: lines for a shell, with $TOKEN for the secret; step: for a "
    "scenario; pytest: a test.",
)
@click.option(
    "--connector",
    multiple=True,
    metavar="NAME",
    shell_complete=shells.connectors,
    help="Only this connector's; repeatable, as those below.",
)
@click.option("--operation", multiple=True, metavar="NAME", help="Only this operation, such as create_user.")
@click.option(
    "--status",
    multiple=True,
    type=Statuses(),
    metavar="STATUS",
    help="Only answers with this status: 404, a class such as 4xx, or several: 401,5xx.",
)
@click.option("--since", type=click.IntRange(min=0), metavar="NUMBER", help="Only those after this number.")
@click.option("--last", type=click.IntRange(min=0), metavar="N", help="Only the latest N.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens from now on, until Ctrl-C.")
@click.option("--clear", is_flag=True, help="Forget what there is instead; numbers go on.")
@click.pass_obj
def journal(
    target: Target,
    /,
    form: str,
    since: int | None,
    last: int | None,
    follow: bool,
    clear: bool,
    status: tuple[tuple[int, ...], ...],
    **conditions: tuple[Any, ...],
) -> None:
    """Show what was asked and answered; secrets are not in it.

    \b
    mockhost control journal --connector SQL --status 401
    mockhost control journal --follow --status 4xx,5xx
    mockhost control journal --format har > journal.har
    """
    if follow and (clear or form not in ("table", "json")):
        raise click.UsageError(f"--follow does not go with {'--clear' if clear else f'--format {form}'}")
    plane, terminal = target.plane(), stdout()
    asked = {word: value or None for word, value in conditions.items()}
    asked["status"] = tuple(dict.fromkeys(number for some in status for number in some)) or None
    if follow:
        _follow(plane, terminal, form, since, last, asked)
        return
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
        **asked,
    )
    if form == "json":
        terminal.json(found["exchanges"])
    elif form == "har":
        terminal.json(found)
    elif found.strip():
        terminal.line(found.rstrip("\n"))


def _follow(
    plane: ControlPlane,
    terminal: Terminal,
    form: str,
    since: int | None,
    last: int | None,
    asked: dict[str, Any],
) -> None:
    """Write what there is and then what comes, one line each: the event stream says when, the journal what."""
    seen, epoch = since or 0, None
    for kind, data in plane.events():
        if kind == "exchange" and data["number"] <= seen and data.get("epoch", epoch) == epoch:
            continue
        found = plane.call("get_journal", format="json", since=seen, last=last, **asked)
        if epoch not in (None, found["epoch"]):  # a fresh start: numbers may begin again
            found = plane.call("get_journal", format="json", **asked)
        seen, epoch, last = found["last"], found["epoch"], None
        for each in found["exchanges"]:
            terminal.lines([json.dumps(each)] if form == "json" else _lines(each, terminal))
    stderr().line("the host has ended")


def _lines(exchange: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """An exchange as a line, and another one for the rule that came closest."""
    status = exchange["status"]
    colour = "red" if status is None or status >= 500 else "yellow" if status >= 400 else "green"
    faults = f" ({', '.join(exchange['faults'])})" if exchange["faults"] else ""
    why = [
        *([exchange["reason"]] if exchange["reason"] else []),
        *([f"rule {exchange['rule']!r}{faults}"] if exchange["rule"] is not None else []),
    ]
    took = "-" if exchange["took_ms"] is None else f"{exchange['took_ms']:.1f}"
    line = (
        f"{exchange['number']:>4}  {local_time(parse_iso(exchange['at']))}  {exchange['connector'] or '-':5} "
        f"{exchange['operation']:12} {exchange['who'] or '-':10} "
        f"{terminal.styled('-' if status is None else str(status), colour)} {took:>6} ms  {'; '.join(why)}"
    )
    missed = exchange.get("near_miss")
    return [line.rstrip(), *([f"      {missed['text']}"] if missed and missed.get("text") else [])]


@click.command("verify")
@click.argument("conditions", nargs=-1, required=True, metavar="CONDITIONS…")
@FORMAT
@click.pass_obj
def verify(target: Target, conditions: tuple[str, ...], form: str) -> bool:
    """Assert over the journal; exit code 0 if it holds, 1 with a report if not.

    CONDITIONS are KEY=VALUE words (dots nest), or one JSON document, @FILE, or - for standard input.

    \b
    mockhost control verify operation=create_user connector=SQL count.exactly=1
    mockhost control verify \\
      '{"operation": "delete_user", "count": {"never": true}}'
    """
    found = target.plane().call("verify", spec=pairs(conditions, "the assertion"))
    text = found["text"] or ("it holds" if found["ok"] else "it does not hold")
    tell(form, found, lambda terminal: [text])
    return bool(found["ok"])


@click.command("connections")
@shows("list_connections", part="connections")
def connections(found: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """Show what carried the exchanges, or failed in its handshake."""
    rows = [
        (
            str(each["number"]),
            each["peer"],
            each["tls"] or "-",
            str(each["exchanges"]),
            each["closed_by"] or "open",
            each["error"] or "",
        )
        for each in found["connections"]
    ]
    head = ("#", "from", "TLS", "exchanges", "closed by", "what went wrong")
    return columns([head, *rows]) if rows else ["(no connections)"]


@click.command("check")
@click.option("--watch", is_flag=True, help="Check again and again, until the cure holds.")
@FORMAT
@click.pass_obj
def check(target: Target, watch: bool, form: str) -> bool:
    """Check whether the scenario's symptom shows, and whether the cure holds.

    Its `expect`, `cured` and `wrong_cure` are played on a copy of the host as it is at the moment: no counter, user,
    clock or journal of it changes. Exit code 0 if all of `cured` holds and nothing of `wrong_cure`, 1 if not.

    \b
    mockhost control check
    mockhost control check --watch
    """
    plane, before = target.plane(), None
    while True:
        found = plane.call("check")
        state = [(each["name"], [step["ok"] for step in each["steps"]]) for each in found["sections"]]
        if state != before:
            tell(form, found, functools.partial(_sections, found))
        before = state
        if found["cured"] or not watch:
            return bool(found["cured"])
        threading.Event().wait(INTERVAL)


def _sections(found: Mapping[str, Any], terminal: Terminal) -> Iterator[str]:
    text = found["text"].partition("\n")[0] or ("cured" if found["cured"] else "not cured")
    yield terminal.styled(text, "green" if found["cured"] else "yellow")
    holds = {section["name"]: section["holds"] for section in found["sections"]}
    # Where nothing is wrong on purpose, expect is what should be seen, and all that there is.
    is_symptom = "cured" in holds or found["cured"] != holds.get("expect", False)
    for section in found["sections"]:
        is_symptom_step = is_symptom and section["name"] == "expect"
        yield _head(section, is_symptom)
        for step in section["steps"]:
            sign = (
                ("holds   " if step["ok"] else "differs ") if is_symptom_step else mark(step["ok"], terminal)
            )
            yield f"  {sign} {step['text']}"
            yield from (f"    {problem}" for problem in step["problems"] if problem not in step["text"])


def _head(section: Mapping[str, Any], is_symptom: bool) -> str:
    name, holds = section["name"], section["holds"]
    if name == "wrong_cure":
        return f"{name}: {'this is no cure' if holds else 'none'}"
    if name == "expect" and is_symptom:
        return f"{name}: the symptom {'still shows' if holds else 'no longer shows'}"
    return f"{name}: {'holds' if holds else 'does not hold'}"


VERBS = (journal, connections, verify, check)
