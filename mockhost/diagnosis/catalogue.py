"""The catalogue of error texts, and the search in it.

An entry joins a text to what it means: the scenarios that produce it, or a card with the heading of Microsoft's page
and the cure there. A text that several scenarios produce leads to all of them.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from mockhost.diagnosis import matching
from mockhost.diagnosis.matching import Known, Match, Seen

FOLDER = Path(__file__).parent
PAGE = 'Microsoft Learn, "Troubleshoot on-premises application provisioning", edition of April 2022'

_CLOSE = 0.93
"""A finding is dropped if its score is less than this part of the best one's."""


class Text(NamedTuple):
    """A text of the catalogue: who says it, and how that is known."""

    text: str
    by: str
    """body | answer (a body with status 200) | portal | alert | page | title, or a client: curl, requests, …"""
    evidence: str
    """played | documented | measured | assumed"""
    source: str = ""


class Card(NamedTuple):
    """A cause: a row of the troubleshooting page, or one from another source."""

    title: str
    heading: str
    cure: str
    line: int = 0
    """of the page, edition of April 2022; 0: it is not from there"""
    until: int = 0
    kind: str = ""
    covered: str = "none"
    """scenario | part | command | none"""
    scenarios: tuple[str, ...] = ()
    missing: str = ""
    """what a scenario that reproduces a part of it leaves out"""
    texts: tuple[str, ...] = ()
    texts_source: str = ""
    shows: str = ""
    """how a command imitates it that is not a scenario's"""
    command: str = ""
    """the command that shows it, where it is not `mockhost check SCENARIO`"""


class Entry(NamedTuple):
    """A text and what it leads to."""

    text: Text
    scenarios: tuple[str, ...]
    card: Card | None
    known: Known


class Finding(NamedTuple):
    """What a search found: a scenario, or a card for what no scenario reproduces."""

    scenario: str | None
    card: Card | None
    text: Text
    match: Match

    @property
    def score(self) -> float:
        """How well the text fits; 1 is the text itself, 0.75 and more: one is inside of the other."""
        return round(self.match.score, 2)


class Search(NamedTuple):
    """The findings, best first, and what came nearest where there are none."""

    findings: list[Finding]
    nearest: list[Finding]


@cache
def page() -> tuple[Card, ...]:
    """Every row of the troubleshooting page, in its order."""
    return tuple(_card(row, title=row["quote"]) for row in _toml("page.toml")["row"])


@cache
def cards() -> tuple[Card, ...]:
    """Cards from other sources."""
    return tuple(_card(row, title=row["title"]) for row in _toml("cards.toml")["card"])


@cache
def played() -> Mapping[str, Any]:
    """What each shipped scenario produces: {name: {"texts": [[by, text], …], "symptoms": […]}}."""
    document: Mapping[str, Any] = json.loads((FOLDER / "played.json").read_text(encoding="utf-8"))
    return document


def search(text: str, others: Iterable[tuple[str, Iterable[str]]] = ()) -> Search:
    """What the catalogue knows about a text. `others`: further scenarios by name, with texts of their own."""
    seen = Seen(text)
    best: dict[object, Finding] = {}
    near: dict[object, Finding] = {}
    for entry in (*entries(), *_own(others)):
        match = seen.match(entry.known)
        if match.score > 0:
            _keep(best if match.fits else near, entry, match)
    ranked = sorted(best.values(), key=_rank)
    if ranked:
        least = ranked[0].match.score * _CLOSE
        ranked = [finding for finding in ranked if finding.match.score >= least]
    return Search(ranked, [] if ranked else sorted(near.values(), key=_rank)[:3])


def by_words(scenario: str, title: str) -> Finding:
    """The finding of a scenario whose description has the words that were looked for."""
    return Finding(scenario, None, Text(title, "title", "played"), Match(0.5, True, 0.0, 1.0))


def _keep(found: dict[object, Finding], entry: Entry, match: Match) -> None:
    """Keep the best text of each scenario, or of a card that has none."""
    targets: Sequence[str | None] = entry.scenarios or (None,)
    for name in targets:
        key = name if name is not None else entry.card
        if key not in found or match.score > found[key].match.score:
            found[key] = Finding(name, entry.card, entry.text, match)


def _rank(finding: Finding) -> tuple[float, int, str]:
    name = finding.scenario or ""
    shelf = name.partition("/")[0]
    order = {"documented": 0, "": 1, "faults": 2}.get(shelf, 3)
    return -finding.match.score, order, name


# -- entries -----------------------------------------------------------------------------------------------------


@cache
def entries() -> tuple[Entry, ...]:
    """Every text of the catalogue, each once for who says it."""
    found: dict[tuple[str, str], tuple[Text, dict[str, None], Card | None]] = {}
    for text, scenarios, card in (*_of_scenarios(), *_of_clients(), *_of_cards()):
        key = (" ".join(text.text.split()), "" if card is None or scenarios else card.title)
        kept = found.setdefault(key, (text, {}, card))
        kept[1].update(dict.fromkeys(scenarios))
    return tuple(
        Entry(text, tuple(names), card, matching.known(text.text, answer=text.by == "answer"))
        for text, names, card in found.values()
    )


def _of_cards() -> Iterator[tuple[Text, tuple[str, ...], Card]]:
    for card in (*page(), *cards()):
        for text in card.texts:
            evidence = "assumed" if "assumed" in card.texts_source else "documented"
            source = card.texts_source or (PAGE if card.line else card.heading)
            yield (
                Text(text.strip(), "page" if card.line else "Microsoft", evidence, source),
                card.scenarios,
                card,
            )


def _of_scenarios() -> Iterator[tuple[Text, tuple[str, ...], None]]:
    for name, produced in played().items():
        for by, text in produced["texts"]:
            yield Text(text, by, "played"), (name,), None


def _of_clients() -> Iterator[tuple[Text, tuple[str, ...], None]]:
    """What clients report, for the scenarios that have the symptom."""
    data = _toml("clients.toml")
    by_symptom: dict[str, list[str]] = {}
    for name, produced in played().items():
        for symptom in produced["symptoms"]:
            by_symptom.setdefault(symptom, []).append(name)
    for symptom, scenarios in by_symptom.items():
        status = symptom.removeprefix("status:")
        row = data["symptom"].get("status" if status != symptom else symptom, {})
        for client, texts in row.items():
            if client == "title":
                continue
            source = data["sources"].get(client) or data["measured"].get(client, "")
            for text in texts:
                evidence = "assumed" if text.startswith("~") else "measured"
                filled = _filled(text.removeprefix("~"), status)
                yield Text(filled, client, evidence, source), tuple(scenarios), None


def _filled(text: str, status: str) -> str:
    if "{status}" not in text:
        return text
    reason = HTTPStatus(int(status)).phrase if status in {str(s.value) for s in HTTPStatus} else ""
    return text.replace("{status}", status).replace("{reason}", reason)


def _own(others: Iterable[tuple[str, Iterable[str]]]) -> Iterator[Entry]:
    for name, texts in others:
        for text in texts:
            yield Entry(Text(text, "scenario", "played"), (name,), None, matching.known(text))


def _card(row: Mapping[str, Any], *, title: str) -> Card:
    given = {key: value for key, value in row.items() if key in Card._fields and key != "title"}
    for key in ("scenarios", "texts"):
        given[key] = tuple(given.get(key, ()))
    if "line" not in row:
        given["covered"] = "scenario" if given["scenarios"] else "none"
    return Card(title=title, **given)


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))
