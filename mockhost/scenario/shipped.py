"""The shipped scenarios as they were compiled: merged and judged ahead, so that a start needs no YAML.

`shipped.json` has one line for each scenario, so that one can be read without the others. An entry counts only
while the files that it was made of are still the same, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mockhost.scenario.layers import CompiledLayer, Layer
from mockhost.scenario.merge import Document
from mockhost.scenario.shelves import shipped_root

CACHE_FILE = Path(__file__).with_name("shipped.json")


class Entry(NamedTuple):
    """One compiled scenario. Files and folders are relative to the shipped scenarios."""

    sha256: str
    files: list[str]
    """its file, those of its parents, and the data files that they name"""
    parent: str | None
    folders: dict[str, str]
    """for each data file, by the path of the value that names it: the folder that it is looked up in"""
    removed: list[str]
    """connectors that its parents had and it doesn't"""
    document: Document


def entry(name: str) -> Entry | None:
    """What was compiled of a scenario, or None. Whether it still counts is another question."""
    try:
        text = CACHE_FILE.read_text(encoding="utf-8")
    except OSError:
        return None
    mark = f"\n{json.dumps(name)}: "
    start = text.find(mark)
    if start < 0:
        return None
    found: dict[str, Any] = json.JSONDecoder().raw_decode(text, start + len(mark))[0]
    return Entry(**found)


def fingerprint(root: Path, files: Iterable[str]) -> str | None:
    """The SHA-256 over files and their names, or None if one is missing."""
    digest = hashlib.sha256()
    for name in files:
        try:
            data = (root / name).read_bytes()
        except OSError:
            return None
        # a checkout may change line ends; that changes nothing in a scenario
        data = data.replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def current(name: str, file: Path) -> Entry | None:
    """The entry of a shipped scenario if `file` is its file and nothing has changed since, else None."""
    root = shipped_root()
    found = entry(name)
    if found is None or root / found.files[0] != file or fingerprint(root, found.files) != found.sha256:
        return None
    return found


def layer(found: Entry, read: Callable[[], Sequence[Layer]]) -> CompiledLayer:
    """The entry as a layer; `read` reads its files, once someone asks for places."""
    root = shipped_root()
    folders = {path: root / folder for path, folder in found.folders.items()}
    return CompiledLayer(
        found.document, tuple(root / file for file in found.files), folders, found.removed, read
    )
