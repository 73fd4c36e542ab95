"""Scenario files for people to edit: a document as YAML in block style, quoted where needed, and the first file.

`starter.yaml` is what `mockhost init` writes: small, valid, and with a comment beside whatever one may want next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from mockhost.scenario import parsing

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


SCHEMA_NAME: Final = "mockhost.schema.json"


def starter(
    schema: str = SCHEMA_NAME, *, parent: str = "basics/healthy", connector: str = "SQL", file: str = "FILE"
) -> str:
    """The starter file as YAML.

    schema: where editors find the JSON Schema, a URL or a file. parent: what it extends; connector: one of the
    parent's. file: what its comments call it.
    """
    written = Path(__file__).with_name("starter.yaml").read_text("utf-8")
    for mark, text in (("schema", schema), ("parent", parent), ("connector", connector), ("file", file)):
        written = written.replace(f"<{mark}>", text)
    return written


def starter_json(schema: str = SCHEMA_NAME, *, parent: str = "basics/healthy", connector: str = "SQL") -> str:
    """The same as JSON, which has no room for comments."""
    root = parsing.parse(starter(parent=parent, connector=connector).encode(), "starter.yaml").root
    assert root is not None
    document = parsing.plain(root)
    assert isinstance(document, dict)
    return json.dumps({"$schema": schema, **document}, indent=2, ensure_ascii=False) + "\n"
