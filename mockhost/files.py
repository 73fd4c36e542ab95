"""Files that a process keeps, such as keys and tokens: written whole or not at all, and no more readable than asked."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from mockhost.errors import CannotRun, reason_of


def write(path: Path, text: str, *, mode: int) -> None:
    """Replace a file in one step, at no moment readable more widely than `mode`. Raises CannotRun."""
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        _write_through(draft, path, text, mode)
    except OSError as problem:
        with contextlib.suppress(OSError):  # a disk that is full must not keep half a key
            draft.unlink(missing_ok=True)
        raise CannotRun(
            f"{path} can't be written: {reason_of(problem)}",
            hint="give a folder that you may write to, with room in it",
        ) from problem


def _write_through(draft: Path, path: Path, text: str, mode: int) -> None:
    """Write the draft to the disk, then put it in the place of the file."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    os.replace(draft, path)
