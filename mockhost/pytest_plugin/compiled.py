"""Scenarios, compiled once in a process: by what names them, what is laid over them, and what their files contain."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mockhost.scenario import shelves
from mockhost.scenario.loader import Terms
from mockhost.scenario.model import Scenario

Named = str | os.PathLike[str] | Mapping[str, Any] | Scenario
"""What a scenario can be given as."""

LIMIT = 1_024
"""How many are kept; the one that was made first goes first."""


class _Compiled(NamedTuple):
    scenario: Scenario
    files: tuple[Path, ...]
    contents: bytes
    environment: tuple[tuple[str, str | None], ...]
    """the variables that its `vars` read, and what they were"""


_KEPT: dict[str, _Compiled] = {}
_CHANGING = threading.Lock()


def load(scenario: Named, overrides: Mapping[str, Any], terms: Terms) -> Scenario:
    """The scenario under these terms; a file that has changed is read again. Raises ScenarioError, UsageError."""
    key = _key(scenario, overrides, terms)
    if key is None:
        return terms.load(scenario, overrides)
    kept = _KEPT.get(key)
    if kept is not None and _contents(kept.files) == kept.contents and _is_current(kept.environment):
        return kept.scenario
    with _CHANGING:
        _KEPT.pop(key, None)
    made = terms.load(scenario, overrides)
    contents = _contents(made.files)
    if contents is not None:
        with _CHANGING:
            while len(_KEPT) >= LIMIT:
                del _KEPT[next(iter(_KEPT))]
            _KEPT[key] = _Compiled(made, made.files, contents, _environment(made.document))
    return made


def _key(scenario: Named, overrides: Mapping[str, Any], terms: Terms) -> str | None:
    """What tells two requests apart; None for what has no text, which is then loaded and judged each time."""
    said: object
    if isinstance(scenario, Scenario):
        return None
    if isinstance(scenario, Mapping):
        said = {"document": scenario, "folder": os.getcwd()}
    else:
        text = shelves.text_of(scenario)
        said = os.path.abspath(text) if shelves.looks_like_file(text) else [text, os.getenv(shelves.VARIABLE)]
    try:
        return json.dumps([said, overrides, terms], allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None


def _contents(files: Iterable[Path]) -> bytes | None:
    """A fingerprint of the content of the files, or None if one can't be read."""
    digest = hashlib.sha256()
    try:
        for file in files:
            data = file.read_bytes()
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
    except OSError:
        return None
    return digest.digest()


def _environment(document: Mapping[str, object]) -> tuple[tuple[str, str | None], ...]:
    declared = document.get("vars")
    said = declared.values() if isinstance(declared, Mapping) else ()
    names = [each["env"] for each in said if isinstance(each, Mapping) and isinstance(each.get("env"), str)]
    return tuple((name, os.environ.get(name)) for name in names)


def _is_current(environment: tuple[tuple[str, str | None], ...]) -> bool:
    return all(os.environ.get(name) == value for name, value in environment)
