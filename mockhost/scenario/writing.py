"""A document as the YAML of a scenario file, for people to edit: block style, and quotes where they are needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_./$-]*(?: [A-Za-z0-9_./-]+)*")
"""Texts that need no quotes, unless they are one of these words."""
_WORDS: Final = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def text(document: Mapping[str, object], comments: Sequence[str] = ()) -> str:
    """The file: comments, a line each, then the document of maps, lists, texts, numbers, true and false."""
    head = [f"# {_shown(comment)}".rstrip() for comment in comments]
    return "\n".join([*head, *([""] if head else []), *_block(document, ""), ""])


def _block(value: Mapping[str, object] | Sequence[object], indent: str) -> Iterator[str]:
    items = value.items() if isinstance(value, Mapping) else [(None, item) for item in value]
    for key, item in items:
        start = f"{indent}- " if key is None else f"{indent}{scalar(key)}:"
        if not isinstance(item, (Mapping, list, tuple)):
            yield f"{start}{'' if key is None else ' '}{scalar(item)}"
        elif not item:
            yield f"{start} {'{}' if isinstance(item, Mapping) else '[]'}"
        elif key is None:
            first, *rest = _block(item, f"{indent}  ")
            yield from (f"{start}{first.lstrip()}", *rest)
        else:
            yield start
            yield from _block(item, f"{indent}  ")


def scalar(value: object) -> str:
    """One value: a text as it is where YAML reads it as a text, else in double quotes."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS and len(value) < 200:
        return value
    return _shown(json.dumps(value, ensure_ascii=False))


def _shown(text: str) -> str:
    """Without characters that YAML, or a terminal, does not take as they are."""
    return "".join(c if c.isprintable() else _escaped(ord(c)) for c in text)


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
