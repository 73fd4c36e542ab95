"""Which files a scenario was read from, and whether one of them has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockhost.scenario.model import Scenario

INTERVAL = 0.5
"""Seconds between two looks."""

_Mark = tuple[int, int, int] | None


class Watch:
    """Remembers how files looked. Asking is the only way to learn of a change: there is no thread behind it."""

    def __init__(self, files: Iterable[Path] = ()) -> None:
        self._marks: dict[Path, _Mark] = {}
        self.follow(files)

    def follow(self, files: Iterable[Path]) -> None:
        """Watch these files and no others: new ones as they are now, the others as they were last seen."""
        self._marks = {file: self._marks[file] if file in self._marks else _mark(file) for file in files}

    def changed(self) -> list[Path]:
        """The files that look different from the last time; each change is told once.

        A file that is gone tells nothing until it is back: editors replace files, and a reader must not come between.
        """
        found = []
        for file, before in self._marks.items():
            now = _mark(file)
            if now is not None and now != before:
                self._marks[file] = now
                found.append(file)
        return found


def _mark(file: Path) -> _Mark:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def files_of(scenario: Scenario) -> list[Path]:
    """Every file that a scenario was made of: its own, its parents', and the data files that they name."""
    from mockhost.errors import UsageError
    from mockhost.scenario import shelves, shipped
    from mockhost.scenario.data import DataProblem, locate
    from mockhost.scenario.layers import CompiledLayer, FileLayer, owner

    layers = scenario.trail.layers
    found = [] if scenario.origin is None else [Path(scenario.origin)]
    found += [layer.file for layer in layers if isinstance(layer, FileLayer)]
    if any(isinstance(layer, CompiledLayer) for layer in layers):
        # The eldest of what was read is a shipped scenario, put together ahead.
        for name in (scenario.name, *(str(layer.document.get("extends")) for layer in layers)):
            entry = shipped.entry(name)
            found += [] if entry is None else [shelves.shipped_root() / file for file in entry.files]
    for path, text in _data_files(scenario.document, ()):
        try:
            found.append(locate(owner(layers, path).folder(path), text))
        except (DataProblem, UsageError):
            continue
    return list(dict.fromkeys(file.resolve() for file in found))


def _data_files(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The values of `objects_file` and `body_file`, wherever they stand."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in ("objects_file", "body_file") and isinstance(inner, str):
                yield (*path, key), inner
            else:
                yield from _data_files(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _data_files(inner, (*path, index))
