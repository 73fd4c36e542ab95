"""`mockhost behaviours`, `faults` and `explain`: what there is to set, to break and to look up; all work offline."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import shells
from mockhost.cli.doctor import labelled
from mockhost.cli.doctor import width_of as report_width
from mockhost.cli.options import FORMAT
from mockhost.cli.terminal import Terminal, stderr, tell
from mockhost.errors import UsageError, did_you_mean
from mockhost.paragraphs import hanging, wrapped

if TYPE_CHECKING:
    from mockhost.connectors.ecma.behaviours import Behaviour
    from mockhost.doctor.examine import Entry
    from mockhost.faults.declare import Fault

_WIDTH = 80


def _listed(rows: Iterable[tuple[str, str, str]], width: int, last: str, terminal: Terminal) -> Iterator[str]:
    """Rows of (group, name, title) below the heads of their groups, and what shows one in full."""
    for number, (group, members) in enumerate(groupby(rows, key=lambda row: row[0])):
        yield from ([""] if number else [])
        yield terminal.styled(group, "bold")
        for _, name, title in members:
            yield from hanging(f"  {name.ljust(width)}  ", title, _WIDTH)
    yield from ("", last)


def _labelled(rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """Texts behind their labels; a row without a text is left out."""
    for label, text in rows:
        if text:
            yield from hanging(f"  {label.ljust(width)}  ", text, _WIDTH)


# -- behaviours ----------------------------------------------------------------------------------------------------


@click.command("behaviours")
@click.argument("name", required=False, shell_complete=shells.behaviours)
@FORMAT
def behaviours(name: str | None, form: str) -> None:
    """List the behaviours that can be set, or show one: the real host, mockhost, values, evidence, source.

    A behaviour is set under 'behaviours' of the host or of a connector. Evidence is documented, inferred or assumed.

    \b
    mockhost behaviours
    mockhost behaviours patch_reply
    mockhost serve --set host.behaviours.patch_reply=no_content
    """
    from mockhost.connectors.ecma.behaviours import TABLE

    if name is None:
        rows = [(row.subject, row.name, row.title.replace("`", "")) for row in TABLE.values()]
        last = "'mockhost behaviours NAME' shows one with its values, evidence and source."
        width = max(map(len, TABLE))
        tell(
            form,
            [_behaviour_json(row) for row in TABLE.values()],
            lambda terminal: _listed(rows, width, last, terminal),
        )
        return
    row = TABLE.get(name)
    if row is None:
        hint = did_you_mean(name, TABLE) or "'mockhost behaviours' lists them"
        raise UsageError(f"there is no behaviour {name!r}", hint=hint)
    tell(form, _behaviour_json(row), lambda terminal: _behaviour(row, terminal))


def _behaviour(row: Behaviour, terminal: Terminal) -> list[str]:
    points = f" ({', '.join(row.ids)})" if row.ids else ""
    where = "host" if row.host_wide else "host, or one connector"
    facts = [
        ("real host", row.real),
        ("mockhost", row.mock),
        ("values", row.allowed()),
        ("default", _plain(row.default)),
        ("preview-2020", "" if row.preview_2020 is None else _plain(row.preview_2020)),
        ("set under", f"behaviours of the {where}"),
        ("evidence", row.evidence),
        ("source", row.source),
    ]
    head = [terminal.styled(row.name, "bold"), *wrapped(row.title + points, _WIDTH, "  "), ""]
    return [*head, *_labelled([(label, text.replace("`", "")) for label, text in facts], 12)]


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _behaviour_json(row: Behaviour) -> dict[str, Any]:
    return {**row._asdict(), "ids": list(row.ids)}


# -- faults --------------------------------------------------------------------------------------------------------


@click.command("faults")
@click.argument("name", required=False, shell_complete=shells.faults)
@FORMAT
def faults(name: str | None, form: str) -> None:
    """List the faults, or show one: its parameters, what is on the wire, what clients report.

    A fault is used in a rule of a scenario, or with 'mockhost control rules add'. With --format json: a list of
    objects with name, group and title; of one fault, an object with everything about it.

    \b
    mockhost faults
    mockhost faults truncated_body
    """
    from mockhost.faults import describe, everything, find

    if name is not None:
        fault = find(name)
        tell(form, _fault_json(fault), lambda terminal: _fault(fault, terminal))
        return
    usable, problems = everything()
    for problem in problems:
        stderr().error(str(problem))
    known = usable.values()
    rows = [(title, each.name, each.title) for group, title in describe.TITLES.items() for each in known
            if each.group == group]  # fmt: skip
    tell(
        form,
        [{"name": each.name, "group": each.group, "title": each.title} for each in known],
        lambda terminal: _listed(
            rows, max(map(len, usable)), "'mockhost faults NAME' shows one in full.", terminal
        ),
    )


def _fault(fault: Fault, terminal: Terminal) -> list[str]:
    from mockhost.faults import ALIASES, ELSEWHERE, describe

    lines = [terminal.styled(fault.name, "bold"), *wrapped(describe.sentence(fault.title), _WIDTH, "  "), ""]
    lines += [f"  fault: {describe.example(fault)}", ""]
    for name, each in fault.parameters.items():
        default = "needed" if each.required else f"default: {describe.flow(each.default)}"
        takes = describe.kind(each) + ("" if each.default is None and not each.required else f"; {default}")
        mark = " (the one that a bare value sets)" if name == fault.main and len(fault.parameters) > 1 else ""
        lines += [f"  {terminal.styled(name, 'bold')}{mark}"]
        lines += [
            *wrapped(takes, _WIDTH, "    "),
            *wrapped(describe.sentence(fault.descriptions[name]), _WIDTH, "    "),
        ]
    lines += [""] if fault.parameters else []
    aliases = [alias for alias, name in ALIASES.items() if name == fault.name]
    rows = describe.seen(fault) | {"also called": ", ".join(aliases)}
    lines += _labelled(rows.items(), 14)  # a fault of another package need not say what clients report
    return lines if fault.group == ELSEWHERE else [*lines, "", f"Try it: mockhost serve faults/{fault.name}"]


def _fault_json(fault: Fault) -> dict[str, Any]:
    from mockhost.faults import describe

    return {
        "name": fault.name,
        "group": fault.group,
        "title": fault.title,
        "example": describe.example(fault),
        "parameters": {
            name: {**each._asdict(), "description": fault.descriptions[name]}
            for name, each in fault.parameters.items()
        },
        "main": fault.main,
        "seen": fault.seen._asdict(),
        "write": describe.write(fault),
        "connection": describe.connection(fault),
    }


# -- explain -------------------------------------------------------------------------------------------------------


@click.command("explain")
@click.argument("word", metavar="CODE|CAUSE|BEHAVIOUR|FAULT")
@FORMAT
@click.pass_context
def explain(ctx: click.Context, word: str, form: str) -> None:
    """Explain a check of the doctor, the cause of a scenario, a behaviour or a fault.

    A check's code or name is tried first, then scenarios and causes, behaviours, and faults.

    \b
    mockhost explain EMH0305
    mockhost explain token-accepted
    mockhost explain debug_left_on
    mockhost explain patch_reply
    mockhost explain truncated_body
    """
    from mockhost.cli import scenarios
    from mockhost.connectors.ecma.behaviours import TABLE
    from mockhost.doctor import examine
    from mockhost.faults import FAULTS
    from mockhost.scenario import catalogue as known

    entry = examine.find(word)
    if entry is not None:
        tell(form, _entry_json(entry), lambda terminal: _entry(entry, terminal))
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
        ctx.invoke(behaviours, name=wanted, form=form)
    elif wanted in FAULTS:
        ctx.invoke(faults, name=wanted, form=form)
    else:
        words = [*(e.code for e in examine.entries().values()), *(e.name for e in examine.entries().values()),
                 *(str(each["cause"]) for each in named.values() if each["cause"]), *TABLE, *FAULTS]  # fmt: skip
        hint = did_you_mean(word, dict.fromkeys(words)) or "'mockhost diagnose -' takes a whole error text"
        raise UsageError(f"nothing is called {word!r}", hint=hint)


def scenarios_of(code: str) -> list[str]:
    """The shipped scenarios on which the check fails or warns (`tools/doctor_matrix.py` played them)."""
    from mockhost.doctor import examine

    matrix = json.loads(Path(examine.FILE).with_name("matrix.json").read_text("utf-8"))
    return [name for name, codes in matrix.items() if code in codes]


def _entry(entry: Entry, terminal: Terminal) -> list[str]:
    """A check of the catalogue, for people."""
    width = report_width(terminal)
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


def _entry_json(entry: Entry) -> dict[str, object]:
    return {
        **entry._asdict(),
        "fix": list(entry.fix),
        "needs": list(entry.needs),
        "scenarios": scenarios_of(entry.code),
    }
