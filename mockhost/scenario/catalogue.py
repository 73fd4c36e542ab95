"""The catalogue of scenarios: what there is, and what fits a tag, a cause or a word.

A file that can't be used is listed, too, with what is wrong with it in the place of its title: a broken file of
one's own must not make all the others disappear.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from mockhost.errors import MockhostError, ScenarioError
from mockhost.scenario import loader
from mockhost.scenario.layers import FileLayer, merge_all
from mockhost.scenario.loader import Chain
from mockhost.scenario.shelves import names, path_of, roots, shelves, shipped_root
from mockhost.scenario.sources import OPERATOR

__all__ = [
    "KEYS",
    "entries",
    "find",
    "names",
    "path_of",
    "roots",
    "shelves",
    "shipped_root",
    "texts",
    "title_of",
]

KEYS = ("name", "title", "cause", "client_should", "reproduces", "tags", "why", "parent")
"""The keys of an entry, in order; after them `problems`, their number, where the file has any."""

_Document = Mapping[str, Any]


def entries(shelf: str | None = None, env: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """All scenarios, or those of a shelf, as plain JSON: the keys of KEYS; cause, client_should, parent may be None.

    Raises UsageError for an unknown shelf.
    """
    return [_entry(name, document, parent) for name, document, parent in _documents(names(shelf, env), env)]


def title_of(name: str | None) -> str:
    """The title of the scenario of this full name; '' if there is none."""
    entry = next((each for each in entries() if each["name"] == name), None)
    return str(entry["title"]) if entry else ""


def find(
    words: Iterable[str] = (),
    *,
    tags: Iterable[str] = (),
    causes: Iterable[str] = (),
    shelf: str | None = None,
    env: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The entries with all of the words and tags and one of the causes. Case counts for causes only.

    A word is looked for in what a scenario says about itself; it can be a part of one.
    Raises UsageError for an unknown shelf.
    """
    tags, causes = {tag.casefold() for tag in tags}, set(causes)
    words = [word.casefold() for word in words]
    found: list[dict[str, Any]] = []
    for name, document, parent in _documents(names(shelf, env), env):
        has = {str(tag).casefold() for tag in _list(document.get("tags"))}
        if tags <= has and (not causes or document.get("cause") in causes):
            about = "\n".join(_about(name, document)).casefold() if words else ""
            if all(word in about for word in words):
                found.append(_entry(name, document, parent))
    return found


def texts(
    of: Collection[str] | None = None, env: Mapping[str, str] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """(name, texts) of scenarios that don't ship with mockhost: what they say about themselves and expect to see.

    `of`: the names to look at; None: all.
    """
    root = shipped_root()
    own = [name for name in names(env=env) if not path_of(name, env).is_relative_to(root)]
    for name, document, _ in _documents((name for name in own if of is None or name in of), env):
        steps = [step for key in ("expect", "cured", "wrong_cure") for step in _list(document.get(key))]
        compared = [step.get(key) for step in steps for key in ("gets", "note")]
        yield name, [text for text in _strings([document.get("title"), compared]) if " " in text]


def _documents(
    of: Iterable[str], env: Mapping[str, str] | None
) -> Iterator[tuple[str, _Document, str | None]]:
    for name in of:
        try:
            chain = Chain(os.environ if env is None else env)
            chain.read_file(*OPERATOR.find(name, chain.env))
            if all(isinstance(layer, FileLayer) and layer.is_parsed_ahead for layer in chain.layers):
                yield name, merge_all(chain.layers), chain.parent  # which the tests have validated
                continue
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


def _about(name: str, document: _Document) -> Iterator[str]:
    """What a scenario says about itself."""
    return _strings([name, *(document.get(key) for key in ("title", "why", "cause", "reproduces", "tags"))])


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
