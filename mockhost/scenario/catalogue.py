"""The catalogue of scenarios: what there is, and what fits a tag, a cause or the text of an error.

A file that can't be used is listed, too, with what is wrong with it in the place of its title: a broken file of
one's own must not make all the others disappear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mockhost.errors import MockhostError, ScenarioError
from mockhost.scenario import loader, shipped
from mockhost.scenario.shelves import names, path_of, roots, shelves, shipped_root

__all__ = ["KEYS", "entries", "find", "likeness", "names", "path_of", "roots", "shelves", "shipped_root"]

KEYS = ("name", "title", "cause", "client_should", "reproduces", "tags", "why", "parent")
"""The keys of an entry, in order; after them `problems`, their number, where the file has any."""

_WORD = re.compile(r"[^\W_]+")
_RUN = 5
"""How many words in a row that both have make a scenario worth showing."""
_SNIPPET = 10
"""From how many characters on several words of a scenario count as found inside of what somebody looks for."""
_ENOUGH = 0.7
"""Which part of the words that somebody looks for a scenario must hold, where no text matches whole."""

_Document = Mapping[str, Any]


def entries(shelf: str | None = None, env: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """All scenarios, or those of a shelf, as plain JSON: the keys of KEYS; cause, client_should, parent may be None.

    Raises UsageError for an unknown shelf.
    """
    return [_entry(name, document, parent) for name, document, parent in _documents(shelf, env)]


def find(
    text: str | None = None,
    *,
    tags: Iterable[str] = (),
    causes: Iterable[str] = (),
    shelf: str | None = None,
    env: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The entries with all of the tags, one of the causes and the text; the best match for the text first.

    text: words, or an error message as it was seen; `likeness` says what fits. Case counts for causes only.
    """
    tags, causes = {tag.casefold() for tag in tags}, set(causes)
    found: list[tuple[float, dict[str, Any]]] = []
    for name, document, parent in _documents(shelf, env):
        said = {str(tag).casefold() for tag in _list(document.get("tags"))}
        if tags <= said and (not causes or document.get("cause") in causes):
            score = 1.0 if text is None else likeness(text, _lookable(name, document))
            if score > 0:
                found.append((score, _entry(name, document, parent)))
    return [entry for _, entry in sorted(found, key=lambda pair: -pair[0])]


def _documents(
    shelf: str | None, env: Mapping[str, str] | None
) -> Iterator[tuple[str, _Document, str | None]]:
    for name in names(shelf, env):
        file = path_of(name, env)
        compiled = shipped.current(name, file)
        if compiled is not None:
            yield name, compiled.document, compiled.parent
            continue
        try:
            scenario = loader.load(name, env=env)
        except ScenarioError as error:
            count = len(error.problems)
            title = f"({count} problem{'s' if count != 1 else ''}: {error.problems[0]})"
            yield name, {"title": title, "problems": count}, None
        except MockhostError as error:
            yield name, {"title": f"({error.message})", "problems": 1}, None
        else:
            yield name, scenario.document, scenario.parent


def _entry(name: str, document: _Document, parent: str | None) -> dict[str, Any]:
    said = {**document, "name": name, "parent": parent}
    empty = {"title": "", "why": "", "reproduces": [], "tags": []}
    entry = {key: said.get(key, empty.get(key)) for key in KEYS}
    return {**entry, "problems": said["problems"]} if "problems" in said else entry


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


# -- looking for a text --------------------------------------------------------------------------------------


def _lookable(name: str, document: _Document) -> Iterator[str]:
    """Everything of a scenario that somebody could look for."""
    said: list[object] = [name]
    said += [document.get(key) for key in ("title", "why", "cause", "reproduces", "sources", "tags")]
    for step in (*_list(document.get("expect")), *_list(document.get("cured"))):
        said += [step.get(key) for key in ("gets", "note")]
    return _strings(said)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def likeness(wanted: str, texts: Iterable[str]) -> float:
    """How well texts fit what somebody looks for, whatever its case; 0 if they don't.

    3: it is in one of them; 2: one of them is in it; 1: they share a run of words; below 1: most of its words.

    An error that is pasted whole has names and ids of its own in it, so it need not fit to the letter.
    """
    wanted = " ".join(wanted.casefold().split())
    texts = [" ".join(text.casefold().split()) for text in texts]
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
