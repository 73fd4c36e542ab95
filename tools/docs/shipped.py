"""Writes mockhost/scenario/shipped.json: the shipped scenarios as JSON, so that a start needs no YAML."""

from __future__ import annotations

import json

from mockhost.errors import ScenarioError
from mockhost.scenario import parsing, shelves
from tools.docs import File


def text() -> str:
    """What the file has to hold. Raises ScenarioError with the problems of the first scenario that has any."""
    root, lines = shelves.shipped_root(), []
    for name in sorted(shelves.names(env={})):
        file = shelves.path_of(name, {})
        reading = parsing.read(file, str(file))
        if reading.problems or reading.root is None:
            raise ScenarioError(reading.problems)
        entry = json.dumps([shelves.fingerprint(file), parsing.plain(reading.root)], ensure_ascii=False)
        lines.append(f"{json.dumps(file.relative_to(root).as_posix())}: {entry}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


FILES = (File(shelves.PARSED_FILE, text),)
