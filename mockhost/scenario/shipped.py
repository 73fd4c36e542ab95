"""The documents of the shipped scenarios, parsed ahead: a start with one of them needs no YAML.

`shipped.json` has one line for each file, so that one can be read without the others. A line counts only while the file
is still the same, byte for byte. `python -m tools.docs shipped` writes it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mockhost.scenario.merge import Document
from mockhost.scenario.shelves import names, path_of, shipped_root

PARSED_FILE = Path(__file__).with_name("shipped.json")


def document(file: Path) -> Document | None:
    """The document of a shipped file, or None if it is not shipped or not what it was."""
    root = shipped_root()
    if not file.is_relative_to(root):
        return None
    start = f'"{file.relative_to(root).as_posix()}": '.encode()
    try:
        with PARSED_FILE.open("rb") as lines:
            line = next((line for line in lines if line.startswith(start)), None)
        if line is None:
            return None
        sha256, parsed = json.loads(line[len(start) :].rstrip(b",\n"))
        found: Document | None = parsed if sha256 == fingerprint(file) else None
    except OSError:
        return None
    return found


def fingerprint(file: Path) -> str:
    """The SHA-256 of a file, whatever line ends a checkout gave it."""
    return hashlib.sha256(file.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def text() -> str:
    """What `shipped.json` has to hold. Raises ScenarioError with the problems of the first file that has any."""
    from mockhost.errors import ScenarioError
    from mockhost.scenario import parsing
    from mockhost.scenario.nodes import plain

    lines = []
    for name in sorted(names(env={})):
        file = path_of(name, {})
        reading = parsing.read(file, str(file))
        if reading.problems or reading.root is None:
            raise ScenarioError(reading.problems)
        entry = json.dumps([fingerprint(file), plain(reading.root)], ensure_ascii=False)
        lines.append(f"{json.dumps(file.relative_to(shipped_root()).as_posix())}: {entry}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
