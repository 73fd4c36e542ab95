"""Writes `shipped.json`: every shipped scenario merged and judged ahead (see `shipped`)."""

from __future__ import annotations

import json
import os
from pathlib import Path

from mockhost.scenario import loader, naming, shipped
from mockhost.scenario.gone import Removed
from mockhost.scenario.layers import owner
from mockhost.scenario.model import Scenario
from mockhost.scenario.paths import written
from mockhost.scenario.shelves import names, shipped_root
from mockhost.scenario.sources import Beside


def compile_shipped(target: Path | None = None) -> bool:
    """Compile every shipped scenario into `target` (default: where it is looked for); whether that changed it.

    Raises ScenarioError with the problems of the first scenario that has any. The environment doesn't count.
    """
    text = compiled_text()
    target = target or shipped.CACHE_FILE
    try:
        if target.read_text(encoding="utf-8") == text:
            return False
    except OSError:
        pass
    target.write_text(text, encoding="utf-8", newline="\n")
    return True


def is_current(target: Path | None = None) -> bool:
    """Whether `target` (default: where it is looked for) holds what compiling would write."""
    try:
        return (target or shipped.CACHE_FILE).read_text(encoding="utf-8") == compiled_text()
    except OSError:
        return False


def compiled_text() -> str:
    """What `shipped.json` has to hold: one line for each scenario."""
    lines = []
    for name in sorted(names(env={})):
        entry = _entry(loader.load(name, env={}, compiled=False))
        lines.append(f"{json.dumps(name)}: {json.dumps(entry._asdict(), ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _entry(scenario: Scenario) -> shipped.Entry:
    root = shipped_root()
    layers = scenario.trail.layers

    def relative(path: Path) -> str:
        return Path(os.path.relpath(path, root)).as_posix()

    chain = [relative(file) for layer in reversed(layers) for file in layer.files]
    files = [*chain, *(relative(file) for file in scenario.trail.data_files)]
    folders = {}
    for each in naming.mentions(scenario.document):
        if each.kind == naming.FILE:
            source = owner(layers, each.path).source(each.path)
            assert isinstance(source, Beside)  # shipped scenarios are files
            folders[written(each.path)] = relative(source.folder)
    sha256 = shipped.fingerprint(root, files)
    assert sha256 is not None  # they were all read a moment ago
    removed = Removed(layers, scenario.document).names
    return shipped.Entry(sha256, files, scenario.parent, folders, removed, scenario.document)
