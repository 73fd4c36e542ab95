"""Text as the pages show it: JSON indented and in parts that can be coloured, and what a rule or setting says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_COLOURED: Final = 40_000
"""Characters of JSON that are coloured; more than that is shown plain."""
_PARTS = re.compile(
    r'"(?:[^"\\]|\\.)*"(?P<colon>:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b'
)


def pretty(text: str) -> str | None:
    """JSON indented; None for what is no JSON."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return json.dumps(document, indent=2, ensure_ascii=False)


def parts(text: str) -> Iterator[tuple[str, str]]:
    """Indented JSON in (class, text): names, strings, and other values, and what is between them."""
    if len(text) > _COLOURED:
        yield "", text
        return
    at = 0
    for found in _PARTS.finditer(text):
        if found.start() > at:
            yield "", text[at : found.start()]
        at = found.end()
        if found["colon"]:
            yield "key", found[0][:-1]
            at -= 1
        else:
            yield "text" if found[0][0] == '"' else "value", found[0]
    yield "", text[at:]


def words(operation: str) -> str:
    """An operation as it begins a sentence: `Find users`."""
    return operation.replace("_", " ").capitalize()


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as (dotted path, value)."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from flat(inner, f"{path}.{name}" if path else str(name))
    else:
        yield path, value


def plain(value: Any) -> str:
    """A value in a word or a line of JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def moment(iso: str | None) -> str:
    """`2026-01-01T00:03:00.000Z` as `2026-01-01 00:03:00`."""
    return "never" if iso is None else iso[:19].replace("T", " ")
