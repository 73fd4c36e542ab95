"""A scenario after merging, as YAML, each value with the place where it is said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mockhost.cli.terminal import Terminal
from mockhost.scenario.layers import place
from mockhost.scenario.paths import Path, written

if TYPE_CHECKING:
    from mockhost.scenario.model import Scenario

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ./@-]*[A-Za-z0-9_]|[A-Za-z]")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def origins(scenario: Scenario) -> dict[str, str]:
    """The place of each scalar (and of each empty list or map) by its path: `{"$.title": "mine.yaml:3:8"}`."""
    return {written(path): where(scenario, path) for path, _ in _leaves(scenario.document, ())}


def where(scenario: Scenario, path: Path) -> str:
    """`mine.yaml:3:8`, or `--set seed` for what stands in no file; empty for what mockhost adds itself."""
    found = place(scenario.trail.layers, path)
    return f"{found.file}:{found.line}:{found.column}" if found.line else found.file


def _leaves(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    else:
        yield path, value


def lines(scenario: Scenario, terminal: Terminal) -> list[str]:
    """The document as block-style YAML that means the same, with the places as comments."""
    rows = list(_block(scenario.document, (), 0))
    wide = min(max((len(text) for text, _ in rows), default=0), 72)
    shown = [f"# {scenario.name}" + (f" ({scenario.origin})" if scenario.origin else "")]
    for text, path in rows:
        comment = "" if path is None else where(scenario, path)
        shown.append(f"{text.ljust(wide)}  {terminal.styled(f'# {comment}', 'dim')}" if comment else text)
    return shown


def _block(value: object, path: Path, depth: int) -> Iterator[tuple[str, Path | None]]:
    indent = "  " * depth
    if isinstance(value, Mapping):
        entries = [(f"{scalar(str(key))}:", key, inner) for key, inner in value.items()]
    else:
        assert isinstance(value, list)
        entries = [("-", index, inner) for index, inner in enumerate(value)]
    for head, part, inner in entries:
        below = (*path, part)
        if isinstance(inner, (Mapping, list)) and inner:
            yield f"{indent}{head}", None
            yield from _block(inner, below, depth + 1)
        else:
            yield f"{indent}{head} {scalar(inner)}", below


def scalar(value: object) -> str:
    """A scalar as YAML 1.2 that reads back as the same; JSON's way of writing it is one."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
