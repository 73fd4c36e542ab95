r"""Drive C: of the server: files in memory, or in a folder where any editor changes them; and those it begins with.

Paths are relative to C:\, with `/`, in any case: `program files/x` is `Program Files/x`. A folder is only ever used
below its own root: what leads out of it, such as a symbolic link, is refused.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from mockhost import exe_config, nesting
from mockhost.connectors.ecma.config import HostConfig
from mockhost.errors import CannotRun, UsageError, reason_of
from mockhost.windows import configuration, powershell
from mockhost.windows.config import FILES, LONGEST_FILE, MachineConfig

MARKER: Final = ".mockhost-drive.json"
MOST_FILES: Final = 2_000
MOST_BYTES: Final = 64 * 1024 * 1024
"""What drive C: holds: commands write no more, over the network neither."""
FULL: Final = "There is not enough space on the disk."
"""The text of Win32 error 112, ERROR_DISK_FULL (Microsoft Learn, "System Error Codes (0-499)")."""


class DiskFull(CannotRun):
    """A command would write more than drive C: holds."""

    def __init__(self) -> None:
        limits = f"{MOST_BYTES >> 20} MiB and {MOST_FILES:,} files"
        super().__init__(f"{FULL} (Of mockhost: drive C: holds {limits}; Remove-Item makes room.)")


class Entry(NamedTuple):
    """What a folder shows of a file or a folder."""

    name: str
    is_folder: bool
    size: int
    modified: float | None
    """seconds since 1970; None: unknown"""


class Drive(Protocol):
    """Where the files are. Raises UsageError for what can't be read, CannotRun for what can't be written."""

    def read(self, path: str) -> bytes | None:
        """A file; None if there is none."""

    def write(self, path: str, data: bytes, at: float) -> None: ...

    def remove(self, path: str) -> int:
        """Remove a file, or a folder with all that is in it; how many files there were."""

    def files(self, path: str = "") -> Iterator[str]:
        """Every file below a folder, or the file itself."""

    def used(self) -> tuple[int, int]:
        """How many files there are, and how many bytes they have; where there are too many, at least."""

    def entries(self, path: str) -> list[Entry] | None:
        """What is in a folder, by name; None if there is no such folder."""

    def begin(self, files: Mapping[str, bytes], scenario: str, at: float, *, again: bool) -> None:
        """Put the files of a scenario there. again: also over what is there for the same scenario."""


def check_room(drive: Drive, sizes: Mapping[str, int]) -> None:
    """Raise DiskFull if files have no room: their bytes by their paths. Files that do not grow always have room."""
    files, used = drive.used()
    known = [len(data) for path in sizes if (data := drive.read(path)) is not None]
    grows = sum(sizes.values()) - sum(known)
    new = len(sizes) - len(known)
    if (new and files + new > MOST_FILES) or (grows > 0 and used + grows > MOST_BYTES):
        raise DiskFull


class MemoryDrive:
    """Files in this process."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[str, bytes, float]] = {}
        """(path as it was written, content, when it was written) by path in lower case"""

    def read(self, path: str) -> bytes | None:
        found = self._files.get(path.casefold())
        return None if found is None else found[1]

    def write(self, path: str, data: bytes, at: float) -> None:
        key = path.casefold()
        known = self._files.get(key)
        self._files[key] = (path if known is None else known[0], data, at)

    def remove(self, path: str) -> int:
        gone = [each.casefold() for each in self.files(path)]
        for key in gone:
            del self._files[key]
        return len(gone)

    def files(self, path: str = "") -> Iterator[str]:
        key = path.casefold()
        return (
            name for known, (name, _, _) in sorted(self._files.items())
            if not key or known == key or known.startswith(f"{key}/")
        )  # fmt: skip

    def used(self) -> tuple[int, int]:
        return len(self._files), sum(len(data) for _, data, _ in self._files.values())

    def entries(self, path: str) -> list[Entry] | None:
        below = [name for name in self.files(path) if name.casefold() != path.casefold()]
        found: dict[str, Entry] = {}
        for name in below:
            first, slash, _ = name[len(path) :].lstrip("/").partition("/")
            _, data, at = self._files[name.casefold()]
            found.setdefault(first.casefold(), Entry(first, bool(slash), 0 if slash else len(data), at))
        return [found[key] for key in sorted(found)] if found or not path else None

    def begin(self, files: Mapping[str, bytes], scenario: str, at: float, *, again: bool) -> None:
        self._files.clear()
        for path, data in files.items():
            self.write(path, data, at)


class FolderDrive:
    """Files in a folder of this computer."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._laid_out: Mapping[str, bytes] = {}
        self._added: set[str] = set()
        """what commands wrote beside what a scenario has"""

    def read(self, path: str) -> bytes | None:
        place = self._place(path)
        try:
            if not place.is_file():
                return None
            with place.open("rb") as stream:
                data = stream.read(LONGEST_FILE + 1)
        except OSError as error:
            raise UsageError(f"{path} can't be read: {reason_of(error)}") from None
        if len(data) > LONGEST_FILE:
            raise UsageError(f"{path} is larger than {LONGEST_FILE // 1024 // 1024} MiB")
        return data

    def write(self, path: str, data: bytes, at: float) -> None:
        place = self._place(path)
        self._added.add(path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            draft = place.with_name(f".{place.name}.draft")
            draft.write_bytes(data)
            os.replace(draft, place)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskFull from None
            raise CannotRun(f"{place} can't be written: {reason_of(error)}") from None

    def remove(self, path: str) -> int:
        gone = list(self.files(path))
        try:
            for each in gone:
                self._place(each).unlink(missing_ok=True)
            place = self._place(path)
            for folder in (
                sorted((f for f in place.rglob("*") if f.is_dir()), reverse=True) if place.is_dir() else ()
            ):
                folder.rmdir()
            if place.is_dir() and path:
                place.rmdir()
        except OSError as error:
            raise CannotRun(f"{path} can't be removed: {reason_of(error)}") from None
        return len(gone)

    def files(self, path: str = "") -> Iterator[str]:
        place = self._place(path)
        if place.is_file():
            return iter([self._name(place)])
        found = [each for each in sorted(place.rglob("*")) if each.is_file()] if place.is_dir() else []
        return (
            self._name(each)
            for each in found[: MOST_FILES + 1]
            if self._is_inside(each) and self._is_shown(each)
        )

    def used(self) -> tuple[int, int]:
        count = size = 0
        for folder, _, names in os.walk(self.root):
            for name in names:
                count += 1
                with contextlib.suppress(OSError):
                    size += os.lstat(os.path.join(folder, name)).st_size
            if count > MOST_FILES:
                break
        return count, size

    def entries(self, path: str) -> list[Entry] | None:
        place = self._place(path)
        if not place.is_dir():
            return None
        shown = (each for each in place.iterdir() if self._is_inside(each) and self._is_shown(each))
        return [
            Entry(each.name, each.is_dir(), 0 if each.is_dir() else each.stat().st_size, each.stat().st_mtime)
            for each in sorted(shown, key=lambda each: each.name.casefold())
        ]

    def begin(self, files: Mapping[str, bytes], scenario: str, at: float, *, again: bool) -> None:
        """Raises UsageError for a folder with files that are not ours."""
        marker = self.root / MARKER
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            known = nesting.parse(marker.read_bytes())["scenario"] if marker.is_file() else None
            is_empty = not any(self.root.iterdir())
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise UsageError(
                f"{self.root} can't be a drive: {reason_of(error)}", hint="give an empty folder"
            ) from None
        if known is None and not is_empty:
            raise UsageError(
                f"{self.root} has other files in it, and no drive of mockhost",
                hint="give an empty folder, or one that does not exist",
            )
        for path in {*self._added} - {*files}:
            self._place(path).unlink(missing_ok=True)
        self._added.clear()
        if again or known != scenario:
            for path in {*self._laid_out} - {*files}:
                self._place(path).unlink(missing_ok=True)
            for path, data in files.items():
                self.write(path, data, at)
            self._added.clear()
            try:
                marker.write_text(json.dumps({"scenario": scenario}) + "\n", "utf-8")
            except OSError as error:
                raise CannotRun(f"{marker} can't be written: {reason_of(error)}") from None
        self._laid_out = files

    def _is_shown(self, place: Path) -> bool:
        return place.name != MARKER and not place.name.endswith(".draft")

    def _is_inside(self, place: Path) -> bool:
        root = os.path.realpath(self.root)
        return os.path.commonpath([root, os.path.realpath(place)]) == root

    def _name(self, place: Path) -> str:
        return place.relative_to(self.root).as_posix()

    def _place(self, path: str) -> Path:
        """Where a path is in the folder, names compared without their case. Raises UsageError outside of it."""
        place = self.root
        for part in path.split("/") if path else ():
            if part in ("..", MARKER):
                raise UsageError(f"{path!r} is not a path on drive C:")
            exact = place / part
            if not exact.exists() and place.is_dir():
                alike = (each for each in place.iterdir() if each.name.casefold() == part.casefold())
                exact = next(alike, exact)
            place = exact
        if not self._is_inside(place):
            raise UsageError(f"{path!r} leads out of the folder of drive C:")
        return place


def in_memory(drive: Drive, at: float) -> MemoryDrive:
    """A copy in memory: what a fork of the host has."""
    copy = MemoryDrive()
    for path in drive.files():
        data = drive.read(path)
        if data is not None:
            copy.write(path, data, at)
    return copy


def first_files(config: MachineConfig, scenario: Any, host: HostConfig, at: float) -> dict[str, bytes]:
    """Every file by its path below C:, with what the scenario says instead or beside."""
    texts, service = powershell.texts(), exe_config.default(exe_config.SERVICE)
    if host.debug:
        service = exe_config.set_debug(service, True)
    for source, level in config.trace.items():
        service = exe_config.set_switch(service, level, source)
    found: dict[str, bytes] = {
        exe_config.SERVICE: service,
        exe_config.WIZARD: exe_config.default(exe_config.WIZARD),
        configuration.PATH: configuration.of(scenario, at),
        exe_config.AGENT: exe_config.default(exe_config.AGENT),
        FILES["trace"]: b"",
        f"{FILES['agent_tools']}/AADCloudSyncTools.psm1": texts["files"]["module"].encode(),
    }
    for name, page in scenario.connectors.items():
        if page.kind == "generic_sql":
            found[f"{name}.dsn"] = texts["files"]["dsn"].encode()
    for name, what in texts["scripts"].items():
        found[f"{config.scripts}/{name}"] = texts["files"]["script"].format(what=what).encode()
    if "folder" in config.leftovers or config.service("host").state == "absent":
        # what an uninstallation that failed leaves behind, or none of it
        found = {path: data for path, data in found.items() if not path.startswith(FILES["root"])}
        if "folder" in config.leftovers:
            found[exe_config.SERVICE] = service
    for path, text in config.files.items():
        key = next((known for known in found if known.casefold() == path.casefold()), path)
        found[key] = text.encode()
    return found
