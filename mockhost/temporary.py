"""Private folders in the temporary folder, and the end of those whose process was killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from mockhost.clock import wall_now

try:
    import fcntl
except ImportError:  # Windows, where folders of processes that were killed stay
    fcntl = None  # type: ignore[assignment]

PREFIX = "mockhost-kept-"
_YOUNG = 60.0
"""Seconds in which a folder is left alone: its process may not have locked it yet."""
_sweeping = threading.Lock()
_swept = False


class PrivateFolder:
    """A folder (mode 0700) until `remove()`. Raises OSError where none can be made.

    The process holds a lock on it. The system takes the lock away however the process ends, and the next process
    that makes a folder removes those without one.
    """

    def __init__(self) -> None:
        _sweep()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = _locked(self.path)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *error: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove the folder and what is in it. May be called twice."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            lock, self._lock = self._lock, None
            os.close(lock)


def _locked(folder: str | os.PathLike[str]) -> int | None:
    """An open descriptor of a folder of ours, which now has the lock on it; None if another has it."""
    try:
        descriptor = hold(folder)
    except BlockingIOError:
        return None
    if descriptor is not None and os.fstat(descriptor).st_uid != os.getuid():
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def holding(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Have the lock on a folder in the block; another thread or process that has it is waited for. Raises OSError."""
    descriptor = hold(folder, wait=True)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def hold(folder: str | os.PathLike[str], *, wait: bool = False) -> int | None:
    """Take the lock on a folder: an open descriptor, which has it until it is closed; None where there are no locks.

    Raises BlockingIOError where another process has it, unless it is waited for; OSError for a folder that can't be
    opened.
    """
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise
        return None
    return descriptor


def _sweep() -> None:
    """Remove what processes left behind that were killed: our own user's folders only. Once in a process."""
    global _swept
    with _sweeping:
        if _swept or fcntl is None:
            return
        _swept = True
        with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
            for entry in entries:
                if entry.name.startswith(PREFIX):
                    with contextlib.suppress(OSError):
                        _remove_if_left(entry)


def _remove_if_left(entry: os.DirEntry[str]) -> None:
    found = entry.stat(follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode) or wall_now() - found.st_mtime < _YOUNG:
        return
    lock = _locked(entry.path)
    if lock is not None:
        # rmtree follows no symbolic link, and no other user can rename a folder of ours in a sticky folder.
        shutil.rmtree(entry.path, ignore_errors=True)
        os.close(lock)
