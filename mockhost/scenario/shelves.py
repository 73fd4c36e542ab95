"""Where scenarios are found: the shelves that ship with mockhost, and the folders of MOCKHOST_SCENARIOS.

A bare name (`basics/healthy`) is looked up there; what looks like a file is one.
The documents of the shipped ones are parsed ahead, so that a start with one of them needs no YAML: `shipped.json` has
one line for each file, so that one can be read without the others. A line counts only while the file is still the same,
byte for byte. `python -m tools.docs shipped` writes it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from mockhost.errors import UsageError, did_you_mean
from mockhost.scenario.documents import Document

SUFFIXES = (".yaml", ".yml", ".json")
VARIABLE = "MOCKHOST_SCENARIOS"

LONGEST_NAME = 200
"""Characters of a scenario's name; a file system takes no longer ones."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_PACKAGE = Path(__file__).resolve().parent.parent


class Found(NamedTuple):
    """A scenario file, and its name on the shelf that it stands on, if it does."""

    file: Path
    name: str | None


def shipped_root() -> Path:
    """The folder of the shipped scenarios: in the installed package, or of the checkout."""
    inside = _PACKAGE / "scenarios"
    return inside if inside.is_dir() else _PACKAGE.parent / "scenarios"


def roots(env: Mapping[str, str] | None = None) -> list[Path]:
    """The folders that names are looked up in, in order."""
    extra = (os.environ if env is None else env).get(VARIABLE, "")
    return [shipped_root(), *(Path(part).absolute() for part in extra.split(os.pathsep) if part)]


def names(shelf: str | None = None, env: Mapping[str, str] | None = None) -> list[str]:
    """The names of all scenarios, or of those on one shelf, in order. Raises UsageError for an unknown shelf."""
    found = dict.fromkeys(name for root in roots(env) for name in _names_in(root))
    if shelf is None:
        return list(found)
    on_it = [name for name in found if name.startswith(f"{shelf}/")]
    if not on_it:
        raise UsageError(f"there is no shelf {shelf!r}", hint=did_you_mean(shelf, shelves(env)))
    return on_it


def shelves(env: Mapping[str, str] | None = None) -> list[str]:
    """The names of the shelves: basics, documented, and so on."""
    return list(dict.fromkeys(name.partition("/")[0] for name in names(env=env) if "/" in name))


def _names_in(root: Path) -> Iterator[str]:
    files: list[Path] = []
    for folder, _, entries in os.walk(root):
        if "lab.yaml" in entries:  # `mockhost lab list` lists those
            continue
        files.extend(Path(folder, entry) for entry in entries if entry.endswith(SUFFIXES))
    for file in sorted(files):
        name = file.relative_to(root).with_suffix("").as_posix()
        if _NAME.fullmatch(name) and (file.suffix != ".json" or is_scenario(file)):
            yield name


def is_scenario(file: Path) -> bool:
    """Whether a JSON file is a scenario rather than data beside one."""
    try:
        with file.open("rb") as opened:
            head = opened.read(65_536)
    except OSError:
        return False
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") and b'"format"' in head


def looks_like_file(text: str) -> bool:
    """Whether `text` names a file rather than a scenario on a shelf."""
    return (
        text.endswith(SUFFIXES) or text.startswith(("./", "../", ".\\", "..\\")) or Path(text).is_absolute()
    )


def text_of(scenario: object) -> str:
    """A scenario's name or path as text. Raises UsageError for what is neither."""
    found = os.fspath(scenario) if isinstance(scenario, (str, os.PathLike)) else None
    if not isinstance(found, str):
        raise UsageError(f"a scenario is a name, a path or a dict, not {scenario!r}")
    return found


def path_of(name: str, env: Mapping[str, str] | None = None) -> Path:
    """The file of a scenario on a shelf. Raises UsageError with near names."""
    file = on_shelf(name, env)
    if file is None:
        raise UsageError(f"there is no scenario {name!r}", hint=_file_meant(name) or near_names(name, env))
    return file


def on_shelf(name: str, env: Mapping[str, str] | None = None) -> Path | None:
    """The file of a scenario on a shelf, or None."""
    if _NAME.fullmatch(name) and len(name) <= LONGEST_NAME:
        for root in roots(env):
            for suffix in SUFFIXES:
                file = root / (name + suffix)
                if file.is_file():
                    return file
    return None


def full_name(name: str, env: Mapping[str, str] | None = None) -> str:
    """The full name of a scenario that was given by its last part; any other name as it is.

    Raises UsageError if scenarios on several shelves have that last part.
    """
    if "/" in name or not _NAME.fullmatch(name) or on_shelf(name, env) is not None:
        return name
    same = [other for other in names(env=env) if other.rpartition("/")[2] == name]
    if len(same) > 1:
        raise UsageError(f"{name!r} is the name of {len(same)} scenarios", hint=f"write {' or '.join(same)}")
    return same[0] if same else name


def near_names(name: str, env: Mapping[str, str] | None) -> str:
    """A hint with the names on the shelves that are like `name`."""
    known = names(env=env)
    if len(name) > LONGEST_NAME:
        return "'mockhost scenarios' lists them"
    last = name.rpartition("/")[2].casefold()
    same = [other for other in known if other.rpartition("/")[2].casefold() == last]
    if same:
        return f"did you mean {same[0]!r}?"
    hint = did_you_mean(name, known)
    if hint.startswith("did"):
        return hint
    tails = {other.rpartition("/")[2]: other for other in known}
    near = did_you_mean(last, tails)
    if near.startswith("did"):
        tail = near.removeprefix("did you mean '").removesuffix("'?")
        return f"did you mean {tails[tail]!r}?"
    return hint or "'mockhost scenarios' lists them"


def _file_meant(name: str) -> str:
    """A hint if there is a file of this name in the working folder. Only the operator may be told so."""
    try:
        beside = next((suffix for suffix in SUFFIXES if Path(name + suffix).is_file()), None)
    except (OSError, ValueError):
        return ""
    return "" if beside is None else f"a file is written ./{name}{beside}"


def find(text: str, env: Mapping[str, str] | None = None, *, beside: Path | None = None) -> Found:
    """The file that a name or path means; relative paths count from the folder `beside`, or the working folder.

    Raises UsageError with near names if there is none.
    """
    if not looks_like_file(text):
        name = full_name(text, env)
        return Found(path_of(name, env), name)
    file = (beside or Path()) / text
    try:
        if not file.is_file():
            shown = text if text.isprintable() else ascii(text)
            problem, hint = _in_its_place(file)
            raise UsageError(f"{shown}: {problem}", hint=hint)
    except (OSError, ValueError):  # a name too long, or with a NUL in it
        raise UsageError(f"{text[:80]!a}: there can be no such file") from None
    return Found(file, shelf_name(file, env))


def _in_its_place(file: Path) -> tuple[str, str]:
    """What there is where a file should be, and what to do about it."""
    if file.is_dir():
        return "is a folder", "name a file in it"
    if file.exists():
        return (
            "is a pipe or a device, and not a file",
            "write what comes from it into a file, such as mine.yaml",
        )
    problem = "the symbolic link leads to no file" if file.is_symlink() else "there is no such file"
    return problem, _near_file(file)


def _near_file(file: Path) -> str:
    try:
        known = [p.name for p in file.parent.iterdir() if p.suffix in SUFFIXES]
    except OSError:
        return f"there is no folder {file.parent}"
    hint = did_you_mean(file.name, (name for name in known if name != file.name))
    return hint if hint.startswith("did") else ""


def shelf_name(file: Path, env: Mapping[str, str] | None = None) -> str | None:
    """The name under which a file is found on a shelf, or None."""
    whole = file.resolve()
    for root in roots(env):
        if whole.is_relative_to(root.resolve()):
            name = whole.relative_to(root.resolve()).with_suffix("").as_posix()
            return name if _NAME.fullmatch(name) else None
    return None


# -- parsed ahead --------------------------------------------------------------------------------------------


PARSED_FILE = Path(__file__).with_name("shipped.json")


def parsed_ahead(file: Path) -> Document | None:
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
