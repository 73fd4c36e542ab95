"""The catalogue: every scenario on the shelves in a few words, found by tag, cause or the text of an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mockhost.errors import ScenarioError, UsageError
from mockhost.scenario import loader, shelves

_WORD = re.compile(r"[^\W_]+")
_RUN = 5
"""How many words in a row that both have make a scenario worth showing."""
_SNIPPET = 10
"""From how many characters on several words of a scenario counts as found inside of what somebody looks for."""
_ENOUGH = 0.7
"""Which part of the words that somebody looks for a scenario must hold, where no text matches whole."""


class Entry(NamedTuple):
    """One scenario of the catalogue."""

    name: str
    title: str
    cause: str | None
    client_should: str | None
    reproduces: tuple[str, ...]
    tags: tuple[str, ...]
    texts: tuple[str, ...] = ()
    """everything of it that somebody could look for"""
    problems: int = 0
    """how many problems its file has; then the rest is empty"""

    def to_json(self) -> dict[str, object]:
        """For programs: name, title, cause, client_should, reproduces, tags; `problems` where there are any."""
        document: dict[str, object] = {
            "name": self.name,
            "title": self.title,
            "cause": self.cause,
            "client_should": self.client_should,
            "reproduces": list(self.reproduces),
            "tags": list(self.tags),
        }
        if self.problems:
            document["problems"] = self.problems
        return document


def entries(shelf: str | None = None) -> Iterator[Entry]:
    """Every scenario, or those of a shelf. Raises UsageError for an unknown shelf."""
    for name in shelves.names(shelf):
        try:
            scenario = loader.load(name)
        except ScenarioError as error:
            yield Entry(name, "", None, None, (), (), problems=len(error.problems))
            continue
        except UsageError:
            yield Entry(name, "", None, None, (), (), problems=1)
            continue
        said: list[object] = [name, scenario.title, scenario.why, scenario.cause, *scenario.reproduces]
        said += [*scenario.sources, *scenario.tags]
        said += [step.get(key) for step in (*scenario.expect, *scenario.cured) for key in ("gets", "note")]
        texts = tuple(_strings(said))
        yield Entry(
            name,
            scenario.title,
            scenario.cause,
            scenario.client_should,
            scenario.reproduces,
            scenario.tags,
            texts,
        )


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield " ".join(value.casefold().split())
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _strings(inner)


def chosen(
    all_of: Iterable[Entry], *, text: str | None = None, tags: Iterable[str] = (), causes: Iterable[str] = ()
) -> list[Entry]:
    """Those with all of the tags, one of the causes and the text; the best match for the text first."""
    tags, causes = list(tags), list(causes)
    found = [
        entry for entry in all_of if set(tags) <= set(entry.tags) and (not causes or entry.cause in causes)
    ]
    if text is None:
        return found
    scored = [(likeness(text, entry.texts), entry) for entry in found]
    return [entry for score, entry in sorted(scored, key=lambda pair: -pair[0]) if score > 0]


def likeness(wanted: str, texts: Iterable[str]) -> float:
    """How well texts (lower case) fit what somebody looks for.

    3: it is in one of them; 2: one of them is in it; 1: they share a run of words; below 1: most of its words.

    An error that is pasted whole has names and ids of its own in it, so it need not fit to the letter.
    """
    wanted = " ".join(wanted.casefold().split())
    texts = list(texts)
    if not wanted or any(wanted in text for text in texts):
        return 3.0
    inside = [len(text) for text in texts if len(text) >= _SNIPPET and " " in text and text in wanted]
    if inside:
        return 2.0 + min(max(inside) / 1_000, 0.9)
    sought, said = _WORD.findall(wanted), [_WORD.findall(text) for text in texts]
    runs = _runs(sought)
    shared = runs & {run for words in said for run in _runs(words)}
    if shared:
        return 1.0 + 0.9 * len(shared) / len(runs)
    words = {word for word in sought if len(word) > 2}
    held = words & {word for each in said for word in each}
    return len(held) / (len(words) + 1) if words and len(held) >= _ENOUGH * len(words) else 0.0


def _runs(words: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1)}
