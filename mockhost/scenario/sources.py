"""Where a document came from, and what it may therefore name: files, parents and environment variables.

Every layer of a scenario has a `Source`, and every word of the format that names something asks it (`naming` lists
those words). Nothing else in this room opens a file that a document names.

- `Operator`: the command line, the environment, Python, a test. It may name anything.
- `Beside`: a file on disk. It may name any variable and any parent, and data files in its own folder or below.
- `Network`: whatever came over the control plane. It may name scenarios on the shelves, and what the operator opened.

A refusal for the network never depends on what is on the disk outside the opened folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from mockhost.errors import UsageError
from mockhost.scenario import shelves
from mockhost.scenario.shelves import Found


class DataProblem(Exception):
    """A data file that can't be used: the text of a problem, and a hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Source(Protocol):
    """Who wrote a document, as far as it decides what the document may name."""

    @property
    def is_trusted(self) -> bool:
        """Whether it is the operator's own word, or a file of the operator."""

    def locate(self, text: str) -> Path:
        """The data file that `text` names. Raises DataProblem."""

    def place(self, text: str) -> Path:
        """Where the file is, or would be, that `text` names. Raises DataProblem."""

    def find(self, text: str, env: Mapping[str, str]) -> tuple[Found, Source]:
        """The scenario that `text` names, and the source that its document has. Raises UsageError."""

    def may_read(self, variable: str) -> bool:
        """Whether it may name this environment variable."""


class Operator(NamedTuple):
    """The command line, the environment, Python: files are anywhere, and found from the working folder."""

    folder: Path = Path()

    @property
    def is_trusted(self) -> bool:
        return True

    def locate(self, text: str) -> Path:
        return _data_file(self.folder, text)

    def place(self, text: str) -> Path:
        return _whole(Path(), text)

    def find(self, text: str, env: Mapping[str, str]) -> tuple[Found, Source]:
        found = shelves.find(text, env)
        return found, Beside(found.file.absolute().parent)

    def may_read(self, variable: str) -> bool:
        return True


class Beside(NamedTuple):
    """A file on disk: its data files are in its folder or below."""

    folder: Path

    @property
    def is_trusted(self) -> bool:
        return True

    def locate(self, text: str) -> Path:
        return _data_file(self.folder, text, within=self.folder)

    def place(self, text: str) -> Path:
        return _whole(self.folder, text, within=self.folder)

    def find(self, text: str, env: Mapping[str, str]) -> tuple[Found, Source]:
        found = shelves.find(text, env, beside=self.folder)
        return found, Beside(found.file.absolute().parent)

    def may_read(self, variable: str) -> bool:
        return True


OPERATOR = Operator()


class Opened(NamedTuple):
    """What the operator opened to the network: folders, and environment variables by name."""

    folders: tuple[Path, ...] = ()
    variables: frozenset[str] = frozenset()

    @classmethod
    def of(cls, folders: Sequence[str | os.PathLike[str]], variables: Sequence[str]) -> Opened:
        """Raises UsageError for a folder that is not there and a name that no variable can have."""
        for folder in folders:
            if not Path(folder).is_dir():
                raise UsageError(
                    f"{os.fspath(folder)} is not a folder",
                    hint="--control-files takes a folder that exists",
                )
        for name in variables:
            if not name or "=" in name or "\0" in name:
                raise UsageError(
                    f"{name!r} is not the name of an environment variable",
                    hint="write the name only, like SQL_TOKEN",
                )
        return cls(tuple(Path(folder).resolve() for folder in folders), frozenset(variables))


NOTHING = Opened()


class Network(NamedTuple):
    """What came over the control plane. `folder`: where its file is, if it was read from an opened folder."""

    opened: Opened = NOTHING
    folder: Path | None = None

    @property
    def is_trusted(self) -> bool:
        return False

    def locate(self, text: str) -> Path:
        """A file in an opened folder; a document that was read from one names files in its own folder or below."""
        roots = self.opened.folders if self.folder is None else (self.folder,)
        file = self._file([(root, root) for root in roots], text)
        if file is None:
            raise DataProblem(*self._refusal("file", text, "write its content into the document"))
        return file

    def place(self, text: str) -> Path:
        """Nothing: what is not there yet is not named from the network."""
        raise DataProblem(*OUTSIDE)

    def find(self, text: str, env: Mapping[str, str]) -> tuple[Found, Source]:
        """A scenario on a shelf, or a file in an opened folder."""
        is_file = shelves.looks_like_file(text)
        if not is_file:
            name = shelves.full_name(text, env)
            if (on_shelf := shelves.on_shelf(name, env)) is not None:
                return Found(on_shelf, name), Beside(on_shelf.parent)
        roots = self.opened.folders
        beside = [] if self.folder is None else [(self.folder, root) for root in roots]
        for name in [text] if is_file else [text + suffix for suffix in shelves.SUFFIXES]:
            file = self._file([*beside, *((root, root) for root in roots)], name)
            if file is not None:
                return Found(file, None), self._replace(folder=file.parent)
        if not is_file:
            raise UsageError(f"there is no scenario {_quoted(text)}", hint=shelves.near_names(text, env))
        refusal = self._refusal(
            "scenario file", text, "send the document itself, as 'mockhost control use' does"
        )
        raise UsageError(refusal[0], hint=refusal[1])

    def may_read(self, variable: str) -> bool:
        return variable in self.opened.variables

    def _file(self, places: Sequence[tuple[Path, Path]], text: str) -> Path | None:
        """The file that `text` means, by places: from which folder, and which one it must be in.

        None is the answer for a file that is elsewhere and for one that is not there.
        """
        for folder, root in places if is_plain(text) else ():
            # First as it is written, so that nothing outside is looked at; then past symbolic links.
            whole = Path(os.path.normpath(folder / text))
            if not whole.is_relative_to(root):
                continue
            try:
                real = whole.resolve()
                if real.is_relative_to(root) and real.is_file():
                    return real
            except (OSError, RuntimeError):
                continue
        return None

    def _refusal(self, what: str, text: str, instead: str) -> tuple[str, str]:
        if not self.opened.folders:
            return (
                f"a document from the network can't name a {what}: {_quoted(text)}",
                f"{instead}, or start the host with --control-files DIR",
            )
        return (
            f"there is no {what} {_quoted(text)} in the folders opened with --control-files",
            f"{instead}, or name a file in an opened folder",
        )


def _quoted(text: str) -> str:
    shown = ascii(text)
    return shown if len(shown) <= 300 else shown[:297] + "..."


OUTSIDE = (
    "a document from the network can't name a database or a directory",
    "start the host with a scenario file that does",
)
"""The refusal of a connected system outside of the process: the text of a problem, and a hint."""
NETWORK = Network()
"""The network, to which nothing is open."""

_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def is_plain(text: str) -> bool:
    """Whether a file's name means the same on every system: no drive, share, stream, device, `~` or URL."""
    if not text or not text.isprintable() or "\\" in text or ":" in text or text.startswith(("~", "//")):
        return False
    parts = [part for part in text.split("/") if part not in ("", ".", "..")]
    return bool(parts) and not any(part[-1] in ". " or _DEVICE.fullmatch(part) for part in parts)


def _data_file(folder: Path, text: str, *, within: Path | None = None) -> Path:
    """The file that `text` names from a folder, below `within` if that is given. Raises DataProblem."""
    whole = _whole(folder, text, within=within)
    try:
        if not whole.is_file():
            hint = "it is looked for beside the file that names it" if within is not None else ""
            raise DataProblem(f"there is no file {text}", hint)
    except (OSError, RuntimeError) as error:
        raise DataProblem(f"{text} can't be a file ({type(error).__name__})") from None
    return whole


def _whole(folder: Path, text: str, *, within: Path | None = None) -> Path:
    """The path that `text` means from a folder, below `within` if that is given. Raises DataProblem."""
    if "\0" in text:
        raise DataProblem("a file's name can't have a NUL in it")
    try:
        whole = (folder / text).resolve()
        if within is not None and not whole.is_relative_to(within.resolve()):
            raise DataProblem(
                f"{text} is not in the folder of the file that names it", "put the one beside the other"
            )
    except (OSError, RuntimeError) as error:
        raise DataProblem(f"{text} can't be a file ({type(error).__name__})") from None
    return whole
