"""Writes docs/reference/scenarios.md: every scenario that ships with mockhost, from its file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from mockhost.cli import telling
from mockhost.scenario import loader, shelves
from mockhost.scenario.model import Scenario
from tools.docs import ROOT, File, anchor

PAGE = ROOT / "docs" / "reference" / "scenarios.md"
HEAD = """\
# Shipped scenarios

<!-- Written by python -m tools.docs scenarios from the files in scenarios/; don't edit. -->

`mockhost serve NAME` runs one, `mockhost check NAME` plays what a client sees, the cure and what holds afterwards.
`mockhost scenarios --text "…"` finds one by its error text, `mockhost scenarios show NAME` prints the same information.
Names, connectors, secret tokens and anchors of shipped scenarios are stable; tests may rely on them.

*Reproduces* gives the heading of Microsoft's page [Troubleshoot on-premises application provisioning](https://learn.microsoft.com/entra/identity/app-provisioning/on-premises-ecma-troubleshoot).
"""
ENV = {"MOCKHOST_SCENARIOS": ""}
"""No folders of the user who writes the page."""
DEFAULT = ({"send": "test_connection", "gets": {"status": 200}},)
"""What holds after a cure where a scenario does not say."""
SHELVES = {
    "basics": "Healthy hosts, to develop against and to extend.",
    "documented": "What Microsoft's troubleshooting page describes, each by its cause.",
    "systems": "What goes wrong in a real connected system; needs `mockhost[sql]`, or `mockhost[ldap]` and slapd.",
    "faults": "One for each [fault](../faults.md), with what a client sees of it and what cures it.",
}


def page() -> str:
    """The whole page, ending with a newline."""
    scenarios = [loader.load(name) for name in shelves.names(env=ENV)]
    parts = [HEAD]
    for shelf, found in groupby(scenarios, key=lambda scenario: scenario.name.partition("/")[0]):
        parts.append(on_shelf(shelf, list(found)))
    return "\n".join(parts)


def on_shelf(shelf: str, scenarios: Sequence[Scenario]) -> str:
    """A shelf: a table to find one, then each in full."""
    lines = [f"## {shelf}", "", SHELVES.get(shelf, ""), "", "| name | title | cause |", "|---|---|---|"]
    for scenario in scenarios:
        name = scenario.name
        cause = f"`{scenario.cause}`" if scenario.cause else ""
        lines.append(f"| [`{name}`](#{anchor(name)}) | {cell(scenario.title)} | {cause} |")
    return "\n".join([*lines, "", *map(in_full, scenarios)])


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def in_full(scenario: Scenario) -> str:
    """One scenario."""
    lines = [f"### {scenario.name}", "", f"**{scenario.title}.**", *sentences(scenario.why), ""]
    lines += [*facts(scenario), ""]
    shown = (
        ("What a client sees", [code(telling.step_line(step)) for step in scenario.expect]),
        ("The cure", list(cure_lines(scenario))),
        ("What is true then", [code(telling.step_line(step)) for step in scenario.cured or DEFAULT]),
        ("What must not be true then", [code(telling.step_line(step)) for step in scenario.wrong_cure]),
    )
    for head, found in shown if scenario.cure else shown[:1]:
        if found:
            lines += [f"{head}:", "", *(f"{i}. {line}" for i, line in enumerate(found, 1)), ""]
    return "\n".join(lines)


def sentences(text: str) -> list[str]:
    """One sentence a line."""
    return re.sub(r"(?<=[.?!]) (?=[A-Z])", "\n", " ".join(text.split())).split("\n")


def facts(scenario: Scenario) -> Iterator[str]:
    """What is known about it in a word each."""
    connectors = (
        f"`{name}` ({page.kind}, anchor `{page.anchor}`, secret token `{page.secret_token}`)"
        for name, page in scenario.connectors.items()
    )
    rows = (
        ("Reproduces", "; ".join(scenario.reproduces)),
        ("Sources", "; ".join(own_sources(scenario))),
        ("Cause", f"`{scenario.cause}`" if scenario.cause else ""),
        ("A client should", (scenario.client_should or "").replace("_", " ")),
        ("Connectors", "" if scenario.cause else ", ".join(connectors)),
        (
            "Extends",
            f"[`{scenario.parent}`](#{anchor(scenario.parent)})" if scenario.parent else "",
        ),
        ("Tags", ", ".join(scenario.tags)),
    )
    return (f"- {name}: {text}" for name, text in rows if text)


def own_sources(scenario: Scenario) -> tuple[str, ...]:
    """The sources of a scenario, without those that it only inherits."""
    inherited = loader.load(scenario.parent).sources if scenario.parent else ()
    return () if scenario.sources == inherited else scenario.sources


def cure_lines(scenario: Scenario) -> Iterator[str]:
    """The cure, a line for each step: its note, and the command that carries it out."""
    for step in scenario.cure:
        found = telling.lines([step], "sh")
        commands = [code(line) for line in found if line.startswith(("mockhost ", "the client: "))]
        notes = [line for line in found if not line.startswith(("mockhost ", "the client: "))]
        yield ": ".join([*notes, *commands])


def code(text: str) -> str:
    """Text in backticks, more of them where it has some itself."""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence}{text}{fence}"


FILES = (File(PAGE, page),)
