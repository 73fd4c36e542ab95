"""Writes docs/reference/labs.md: the labs by track, and the lab for each heading of Microsoft's page."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from mockhost.labs import lab as labs
from tools.docs import ROOT, File, table

PAGE = ROOT / "docs" / "reference" / "labs.md"
HEADINGS = ROOT / "mockhost" / "diagnosis" / "page.toml"


def covered() -> dict[str, list[str]]:
    """The labs of each heading of the page; a step of a heading counts for the heading, except for the test's steps."""
    rows = tomllib.loads(HEADINGS.read_text("utf-8"))["row"]
    found: dict[str, list[str]] = {_whole(row["heading"]): [] for row in rows}
    for lab in map(labs.read, labs.folders({})):
        for heading in dict.fromkeys(map(_whole, lab.scenario("").reproduces)):
            found.setdefault(heading, []).append(lab.id.partition("-")[0])
    return found


def _whole(heading: str) -> str:
    return heading if "test connection" in heading else heading.partition(", step ")[0]


def page() -> str:
    """The page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    known = [labs.read(folder) for folder in labs.folders({})]
    yield "# Labs"
    yield ""
    yield "<!-- Written by python -m tools.docs labs; don't edit. -->"
    yield ""
    hours = round(sum(lab.minutes for lab in known) / 60)
    yield f"{len(known)} labs, together about {hours} hours, each on a host of your own: `mockhost lab start L01`."
    yield "See [your first lab](../tutorial/first-lab.md), and [write a lab](../how-to/write-a-lab.md) for your own."
    for track in dict.fromkeys(lab.track for lab in known):
        yield from ("", f"## {track}", "")
        rows = [
            (
                lab.id.partition("-")[0],
                lab.title,
                "*" * lab.level,
                str(lab.minutes),
                labs.filled(lab.victory, lab.scenario("")),
            )
            for lab in known
            if lab.track == track
        ]
        yield table(("lab", "title", "level", "minutes", "solved when"), rows).rstrip()
    yield from ("", "## By the page's headings", "")
    yield 'Each heading of Microsoft\'s page "Troubleshoot on-premises application provisioning", and the labs for it.'
    yield ""
    yield table(
        ("heading", "labs"), [(heading, ", ".join(ids)) for heading, ids in covered().items()]
    ).rstrip()


FILES = (File(PAGE, page),)
