"""`mockhost faults`: the catalogue of faults, and one of them in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli import completing
from mockhost.cli.terminal import Terminal, stderr, stdout, wrapped

if TYPE_CHECKING:
    from mockhost.faults.declare import Fault

_WIDTH = 80


@click.command("faults")
@click.argument("name", required=False, shell_complete=completing.faults)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
def command(name: str | None, form: str) -> None:
    """List the faults, or show one: its parameters, what is on the wire, what clients report.

    A fault is used in a rule of a scenario, or with 'mockhost control rules add'. With --format json: a list of
    objects with name, group and title; of one fault, an object with everything about it.

    \b
    mockhost faults
    mockhost faults truncated_body
    """
    from mockhost.faults import everything, find

    terminal = stdout()
    if name is not None:
        fault = find(name)
        terminal.json(_as_json(fault)) if form == "json" else _show(fault, terminal)
        return
    usable, problems = everything()
    for problem in problems:
        stderr().error(str(problem))
    if form == "json":
        known = usable.values()
        terminal.json([{"name": each.name, "group": each.group, "title": each.title} for each in known])
    else:
        _list(usable, terminal)


def _list(usable: Mapping[str, Fault], terminal: Terminal) -> None:
    from mockhost.faults import describe

    width = max(map(len, usable))
    lines: list[str] = []
    for group, title in describe.TITLES.items():
        members = [each for each in usable.values() if each.group == group]
        if members:
            lines += [*([""] if lines else []), terminal.styled(title, "bold")]
        for each in members:
            first, *rest = wrapped(each.title, _WIDTH - width - 4)
            lines += [f"  {each.name.ljust(width)}  {first}", *(" " * (width + 4) + line for line in rest)]
    lines += ["", "'mockhost faults NAME' shows one in full."]
    terminal.lines(lines)


def _show(fault: Fault, terminal: Terminal) -> None:
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
    seen = fault.seen
    rows = [
        ("on the wire", seen.wire),
        ("requests", seen.requests),
        ("curl", seen.curl),
        (".NET", seen.dotnet),
        ("in gets", seen.gets),
        ("a write", describe.write(fault)),
        ("the connection", describe.connection(fault)),
    ]
    if aliases := [alias for alias, name in ALIASES.items() if name == fault.name]:
        rows.append(("also called", ", ".join(aliases)))
    for label, text in rows:
        if not text:
            continue  # a fault of another package need not say what clients report
        first, *rest = wrapped(text, _WIDTH - 18)
        lines += [f"  {label.ljust(14)}  {first}", *(" " * 18 + line for line in rest)]
    if fault.group != ELSEWHERE:
        lines += ["", f"Try it: mockhost serve faults/{fault.name}"]
    terminal.lines(lines)


def _as_json(fault: Fault) -> dict[str, Any]:
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
