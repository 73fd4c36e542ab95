"""Files that a command writes where its user says, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from mockhost.errors import CannotRun, UsageError, reason_of

_NO_ROOM_BESIDE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)
"""Why a file can be changed but not replaced: its folder is protected, or it is mounted into a container by itself."""


def try_out(path: Path, what: str = "", *, overwrite: bool = True) -> None:
    """Find out before long work that a file can be written; nothing is left there. Raises as `save` does.

    what: the file in words, such as "the report"; it begins the message. overwrite: whether it may be there already.
    """
    place = place_of(path)
    if not overwrite and place.is_file():
        raise UsageError(f"{path} is there already", hint="name another file, or overwrite it with --force")
    try:
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if is_replaced(place):
            descriptor, draft = _draft(place)
            os.close(descriptor)
            draft.unlink()
    except OSError as error:
        if not _may_write_into(place, error):
            raise _refused(path, what, error) from None


def save(
    path: Path,
    text: str,
    what: str = "",
    *,
    overwrite: bool = True,
    newline: str | None = None,
    private: bool = False,
) -> None:
    """Write a file, whole or not at all: another one in its place stays until the new one is complete.

    what, overwrite: as in `try_out`. newline: as in `open`. private: only its owner may read a new file, at any time,
    and also one that replaces another. Otherwise a file keeps its mode; a symbolic link stays a link, and what is no
    regular file, such as a pipe, is written into. Raises UsageError where a file is that may not be overwritten,
    CannotRun where none can be written.
    """
    try_out(path, what, overwrite=overwrite)
    place = place_of(path)
    try:
        if is_replaced(place):
            _replace(place, text, newline, private=private)
        else:
            _write(place, text, newline)
    except OSError as error:
        if not _may_write_into(place, error):
            raise _refused(path, what, error) from None
        try:
            if private:
                place.chmod(0o600)
            _write(place, text, newline)
        except OSError as second:
            raise _refused(path, what, second) from None


def place_of(path: Path) -> Path:
    """Where the file is that a symbolic link leads to; devices and open files (/dev/stdout) by their own name."""
    return path if path.absolute().parts[1:2] in (("dev",), ("proc",)) else Path(os.path.realpath(path))


def is_replaced(place: Path) -> bool:
    """Whether a new file takes the place of what is there."""
    return not place.exists() or (place.is_file() and place.parts[1:2] not in (("dev",), ("proc",)))


def _may_write_into(place: Path, error: OSError) -> bool:
    """Whether a file that can't be replaced can be written into."""
    return error.errno in _NO_ROOM_BESIDE and place.is_file() and os.access(place, os.W_OK)


def _draft(place: Path) -> tuple[int, Path]:
    """A new file in the same folder, open, that only its owner may read."""
    import tempfile

    descriptor, name = tempfile.mkstemp(prefix=f".{place.name[:40]}.", dir=place.parent)
    return descriptor, Path(name)


def _replace(place: Path, text: str, newline: str | None, *, private: bool) -> None:
    descriptor, draft = _draft(place)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline=newline) as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        if not private:  # which it is from its beginning
            draft.chmod(_mode(place))
        draft.replace(place)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def _mode(place: Path) -> int:
    """The mode of the file that is there, or the one that a new file gets."""
    try:
        return place.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask


def _write(place: Path, text: str, newline: str | None) -> None:
    with place.open("w", encoding="utf-8", errors="backslashreplace", newline=newline) as file:
        file.write(text)


def _refused(path: Path, what: str, error: OSError) -> CannotRun:
    named = f"{what} {path}" if what else str(path)
    hint = "name a path in a folder that exists and that you may write to"
    if error.errno == errno.ENOSPC:
        hint = "make room on the disk, or name a path on another one"
    elif error.errno == errno.EISDIR:
        hint = "name a file in it"
    return CannotRun(f"{named} can't be written: {reason_of(error)}", hint=hint)
