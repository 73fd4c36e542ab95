"""Every text that a shipped scenario produces finds that scenario; texts of other products find nothing."""

from __future__ import annotations

import html
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mockhost.diagnosis import catalogue
from mockhost.diagnosis.matching import normalize
from mockhost.scenario import shelves

PRODUCED = [(name, by, text) for name, found in catalogue.played().items() for by, text in found["texts"]]
FOREIGN = (Path(__file__).parent / "foreign.txt").read_text(encoding="utf-8").splitlines()
SEEN = json.loads((Path(__file__).parent / "seen.json").read_text(encoding="utf-8"))


def first(text: str) -> set[str | None]:
    """The scenarios with the best score, or the titles of the cards."""
    found = catalogue.search(text).findings
    return {each.scenario for each in found if each.score == found[0].score}


def as_a_log_line(text: str) -> str:
    """With a prefix and a suffix, typographic quotes, other case and other spaces."""
    other = text.replace("'", "’").replace('"', "”").replace(" ", "\u00a0").swapcase()
    return f"2026-11-28T21:31:07.123Z ERROR [worker-7] sync failed: {other} (after 3 attempts)"


def as_json(text: str) -> str:
    """Escaped in a JSON document, with other GUIDs, ports and users."""
    other = text.replace("00000000-0000-0000-0000-000000000000", "8b514472-c18a-4641-9a44-732c296534e8")
    other = other.replace(":8585", ":31337").replace("username@domain.com", "lisa@fabrikam.example")
    return json.dumps({"level": "error", "msg": other})


def as_html(text: str) -> str:
    """Escaped in HTML, with line breaks between the words."""
    return f"<p>{html.escape(text)}</p>".replace(" ", "\r\n ")


@pytest.mark.parametrize(
    "mangled",
    [str, as_a_log_line, *(pytest.param(each, marks=pytest.mark.slow) for each in (as_json, as_html))],
)
def test_what_a_scenario_produces_finds_it(mangled: object) -> None:
    """First, or tied with the others that produce the same text."""
    assert callable(mangled)
    missed = []
    for name, by, text in PRODUCED:
        if not normalize(text).words:
            continue
        if name not in first(mangled(text)):
            missed.append((name, by, text[:100], sorted(map(str, first(mangled(text))))[:3]))
    assert not missed


def test_a_text_that_was_cut_off_still_finds_it() -> None:
    """The longer texts, without their last third, in the middle of a word."""
    missed = []
    for name, by, text in PRODUCED:
        if len(normalize(text).words) < 6 or by == "answer":
            continue
        cut = text[: len(text) * 2 // 3]
        if name not in {each.scenario for each in catalogue.search(cut).findings}:
            missed.append((name, by, cut))
    assert not missed


def test_every_shipped_scenario_was_played() -> None:
    assert list(catalogue.played()) == shelves.names(env={})


@pytest.mark.parametrize("text", FOREIGN)
def test_texts_of_other_products_find_nothing(text: str) -> None:
    found = catalogue.search(text).findings
    assert not found, [(each.score, each.scenario or each.card, each.text) for each in found]


@pytest.mark.parametrize(("text", "names"), SEEN.items())
def test_what_clients_and_pages_say_finds_the_scenario(text: str, names: list[str]) -> None:
    """A name ending with a full stop is the title of a card."""
    found = catalogue.search(text).findings
    titles = {each.scenario or (each.card.title if each.card else "") for each in found}
    assert set(names) <= titles
    assert not {name for name in titles if name.startswith("documented/")} - set(names)


def test_every_error_text_of_the_page_finds_its_row() -> None:
    for card in (*catalogue.page(), *catalogue.cards()):
        for text in card.texts:
            found = catalogue.search(text).findings
            assert found, text
            assert found[0].match.score == 1.0
            names = {each.scenario for each in found}
            assert set(card.scenarios) <= names if card.scenarios else card in {each.card for each in found}


def test_the_best_comes_first_and_scores_mean_something() -> None:
    """1 for the text itself; at least 0.75 where it is inside of another; nothing for nothing."""
    itself = catalogue.search(
        "The ECMA host is currently importing data from the target application"
    ).findings
    inside = catalogue.search(
        "portal: the ECMA host is currently importing data from the target application!"
    ).findings
    assert itself[0].score == 1.0
    assert 0.75 <= inside[0].score < 1.0
    scores = [each.score for each in catalogue.search("connection reset by peer").findings]
    assert scores == sorted(scores, reverse=True)
    assert catalogue.search("").findings == []
    assert catalogue.search(" \n\t'\"").findings == []


def test_a_host_starts_without_the_catalogue() -> None:
    """Only the commands that explain errors pay for it."""
    script = (
        "import sys, mockhost.cli.serve; from mockhost import MockHost\n"
        "with MockHost('basics/healthy', control=False): pass\n"
        "print([name for name in sys.modules if name.startswith('mockhost.diagnosis')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_the_nearest_is_told_where_nothing_fits() -> None:
    found = catalogue.search("Could not load file or assembly 'Foo.Bar'")
    assert not found.findings
    assert found.nearest


@pytest.mark.parametrize("text", ["a" * 200_000, "\\" * 50_000, "C:\\" * 30_000, "'x' " * 40_000, "&amp;" * 40_000,
                                  "invalid resource " * 5_000, "\ud800 broken", "\x00\x1b[31m", "/a" * 60_000,
                                  "a.b" * 30_000, "%41" * 40_000, "x@" * 40_000, "[0:" * 40_000])  # fmt: skip
def test_any_text_can_be_searched_for(text: str) -> None:
    """Long ones, broken ones, and those that make patterns slow."""
    catalogue.search(text)
