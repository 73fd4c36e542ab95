"""The catalogue of scenarios: what there is, and what fits a text, a tag or a cause.

A file that can't be used is listed, too, with what is wrong with it in the place of its title: a broken file of
one's own must not make all the others disappear.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mockhost.errors import MockhostError, ScenarioError
from mockhost.scenario import loader, shipped
from mockhost.scenario.shelves import names, path_of, roots, shelves, shipped_root

__all__ = ["entries", "find", "names", "path_of", "roots", "shelves", "shipped_root"]

KEYS = ("name", "title", "cause", "client_should", "reproduces", "tags", "why", "parent")
"""The keys of an entry, in order."""

_QUOTED_LENGTH = 12
"""How long a text of `expect` must be to be looked for inside a longer error message."""


def entries(shelf: str | None = None, env: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """All scenarios, or those of a shelf, as plain JSON: the keys of KEYS; cause, client_should, parent may be None."""
    return [_entry(name, document, parent) for name, document, parent in _documents(shelf, env)]


def find(
    text: str | None = None,
    *,
    tag: str | None = None,
    cause: str | None = None,
    shelf: str | None = None,
    env: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The entries that fit all that is given.

    text: words, or an error message as it was seen: it is looked for in name, title, why, reproduces and the texts
    of `expect`, and those are looked for in it. Case never counts.
    """
    return [
        _entry(name, document, parent)
        for name, document, parent in _documents(shelf, env)
        if (text is None or _fits(text, name, document))
        and (tag is None or tag.casefold() in [str(t).casefold() for t in _list(document.get("tags"))])
        and (cause is None or cause == document.get("cause"))
    ]


_Document = Mapping[str, Any]


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
            yield name, {"title": title}, None
        except MockhostError as error:
            yield name, {"title": f"({error.message})"}, None
        else:
            yield name, scenario.document, scenario.parent


def _entry(name: str, document: _Document, parent: str | None) -> dict[str, Any]:
    said = {**document, "name": name, "parent": parent}
    empty = {"title": "", "why": "", "reproduces": [], "tags": []}
    return {key: said.get(key, empty.get(key)) for key in KEYS}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _fits(text: str, name: str, document: _Document) -> bool:
    wanted = " ".join(text.casefold().split())
    expected = [" ".join(t.casefold().split()) for step in _list(document.get("expect")) for t in _seen(step)]
    said = [name, *_texts([document.get(key) for key in ("title", "why", "reproduces")])]
    places = [*(" ".join(t.casefold().split()) for t in said), *expected]
    if any(wanted in place for place in places):
        return True
    if any(len(t) >= _QUOTED_LENGTH and t in wanted for t in expected):
        return True
    whole = "\n".join(places)
    words = wanted.split()
    return len(words) > 1 and all(word in whole for word in words)


def _seen(step: object) -> Iterator[str]:
    """The texts that a client sees in a step."""
    return _texts(step.get("gets")) if isinstance(step, Mapping) else iter(())
