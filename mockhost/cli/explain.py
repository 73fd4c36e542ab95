"""`mockhost explain`: what a check, a scenario or its cause, a behaviour or a fault is; works offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockhost.cli.doctor import labelled, width_of
from mockhost.cli.terminal import Terminal, stdout, wrapped
from mockhost.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from mockhost.doctor.catalogue import Entry


@click.command("explain")
@click.argument("word", metavar="CODE|CAUSE|BEHAVIOUR|FAULT")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
@click.pass_context
def command(ctx: click.Context, word: str, form: str) -> None:
    """Explain a check of the doctor, the cause of a scenario, a behaviour or a fault.

    A check's code or name is tried first, then scenarios and causes, behaviours, and faults.

    \b
    mockhost explain EMH0305
    mockhost explain token-accepted
    mockhost explain debug_left_on
    mockhost explain patch_reply
    mockhost explain truncated_body
    """
    from mockhost.cli import behaviours, faults, scenarios
    from mockhost.connectors.ecma.behaviours import TABLE
    from mockhost.doctor import catalogue
    from mockhost.faults import FAULTS
    from mockhost.scenario import catalogue as known

    entry = catalogue.find(word)
    if entry is not None:
        stdout().json(_as_json(entry)) if form == "json" else stdout().lines(in_words(entry, stdout()))
        return
    wanted = word.strip().lower()
    named = {each["name"]: each for each in known.entries(None)}
    for name, each in named.items():
        if wanted in (name.lower(), name.partition("/")[2].lower(), str(each["cause"]).lower()):
            if wanted in FAULTS and name == f"faults/{wanted}":
                break  # the fault itself says more
            ctx.invoke(scenarios.show, name=name, form=form)
            return
    if wanted in TABLE:
        ctx.invoke(behaviours.command, name=wanted, form=form)
    elif wanted in FAULTS:
        ctx.invoke(faults.command, name=wanted, form=form)
    else:
        words = [*(e.code for e in catalogue.entries().values()), *(e.name for e in catalogue.entries().values()),
                 *(str(each["cause"]) for each in named.values() if each["cause"]), *TABLE, *FAULTS]  # fmt: skip
        hint = did_you_mean(word, dict.fromkeys(words)) or "'mockhost diagnose -' takes a whole error text"
        raise UsageError(f"nothing is called {word!r}", hint=hint)


def scenarios_of(code: str) -> list[str]:
    """The shipped scenarios on which the check fails or warns (`tools/doctor_matrix.py` played them)."""
    from mockhost.doctor import catalogue

    matrix = json.loads(Path(catalogue.FILE).with_name("matrix.json").read_text("utf-8"))
    return [name for name, codes in matrix.items() if code in codes]


def in_words(entry: Entry, terminal: Terminal) -> list[str]:
    """A check of the catalogue, for people."""
    width = width_of(terminal)
    lines = [f"{terminal.styled(entry.code, 'bold')}  {terminal.styled(entry.name, 'bold')}",
             *wrapped(entry.title, width, "  "), ""]  # fmt: skip
    lines += labelled("why", [entry.why], width)
    lines += labelled("fix", [f"{n}. {step}" for n, step in enumerate(entry.fix, 1)], width)
    for label, text in (("here", entry.here), ("page", entry.heading), ("needs", ", ".join(entry.needs))):
        lines += labelled(label, [text], width) if text else []
    tripped = scenarios_of(entry.code)
    if tripped:
        lines += labelled("try", [f"mockhost serve {name}" for name in tripped[:4]], width)
    return lines


def _as_json(entry: Entry) -> dict[str, object]:
    return {
        **entry._asdict(),
        "fix": list(entry.fix),
        "needs": list(entry.needs),
        "scenarios": scenarios_of(entry.code),
    }
