"""Whether one of the files that a scenario was read from has changed since."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

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
        """The files that changed since the last call; each change is returned once.

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
