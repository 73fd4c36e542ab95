"""Checks that a tag can be released: it is the package's version, and CHANGELOG.md has a heading for it.

python tools/release.py v0.1.0                    exit code 1 and the reasons, if not
python tools/release.py v0.1.0 --notes FILE       also writes the changelog's section for it to FILE
python tools/release.py v0.1.0 --dist dist        also checks that the built files are of that version

To release: set `__version__` in mockhost/__init__.py, rename [Unreleased] in CHANGELOG.md to the version with the date,
add a new empty [Unreleased] above it, run `make docs`, commit, and push the tag. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TAG = re.compile(r"v(\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)")
HEADING = re.compile(r"^## \[([^\]]+)\](?: - (\S+))?\s*$", re.MULTILINE)
PLACES = {
    "mockhost/__init__.py": r'^__version__ = "([^"]+)"$',
    "docker/Dockerfile": r"^ARG VERSION=(\S+)$",
}
"""Where the version is written, and how."""


class Section(NamedTuple):
    """A version of the changelog: its date as written (empty if there is none) and its text."""

    version: str
    date: str
    text: str


def sections(changelog: str) -> list[Section]:
    """The versions of a changelog, in its order; `Unreleased` is one of them."""
    found = list(HEADING.finditer(changelog))
    ends = [each.start() for each in found[1:]] + [len(changelog)]
    return [
        Section(each[1], each[2] or "", changelog[each.end() : end].strip())
        for each, end in zip(found, ends, strict=True)
    ]


def problems(tag: str, root: Path) -> Iterator[str]:
    """Why a tag cannot be released, all reasons at once."""
    named = TAG.fullmatch(tag)
    if named is None:
        yield f"tag {tag!r}: expected v and a version, such as v0.1.0 or v0.2.0rc1"
        return
    version = named[1]
    for place, pattern in PLACES.items():
        written = re.search(pattern, (root / place).read_text("utf-8"), re.MULTILINE)
        if written is None or written[1] != version:
            value = repr(written[1]) if written else "missing"
            yield f"{place}: the version is {value}, the tag says {version!r}"
    yield from problems_of_changelog(version, sections((root / "CHANGELOG.md").read_text("utf-8")))


def problems_of_changelog(version: str, known: list[Section]) -> Iterator[str]:
    released = [each for each in known if each.version != "Unreleased"]
    own = [each for each in released if each.version == version]
    if len(own) != 1:
        yield f"CHANGELOG.md: expected one heading '## [{version}] - YYYY-MM-DD', found {len(own)}"
        return
    if released[0].version != version:
        yield f"CHANGELOG.md: {version} is below {released[0].version}; the newest version comes first"
    try:
        datetime.date.fromisoformat(own[0].date)
    except ValueError:
        yield f"CHANGELOG.md: {version} has the date {own[0].date!r}; expected YYYY-MM-DD"
    if not own[0].text:
        yield f"CHANGELOG.md: the section of {version} is empty"
    if any(each.text for each in known if each.version == "Unreleased"):
        yield f"CHANGELOG.md: [Unreleased] is not empty; move its lines to {version}"


def problems_of_files(version: str, dist: Path) -> Iterator[str]:
    """What is wrong with the built files: exactly one wheel and one source archive of the version."""
    expected = {f"mockhost-{version}-py3-none-any.whl", f"mockhost-{version}.tar.gz"}
    found = {each.name for each in dist.iterdir()} if dist.is_dir() else set()
    yield from (f"{dist.name}: {name} is missing" for name in sorted(expected - found))
    yield from (f"{dist.name}: {name} does not belong to {version}" for name in sorted(found - expected))


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Check a tag and print what is wrong; the exit code: 0, 1, or 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="tools/release.py", description="Check that a tag can be released.")
    parser.add_argument("tag", help="such as v0.1.0")
    parser.add_argument("--notes", type=Path, metavar="FILE", help="write the changelog's section there")
    parser.add_argument("--dist", type=Path, metavar="DIR", help="check the built files there, too")
    try:
        given = parser.parse_args(arguments)
    except SystemExit as end:
        return 2 if end.code else 0
    found = list(problems(given.tag, root))
    version = given.tag.removeprefix("v")
    if given.dist is not None:
        found += problems_of_files(version, given.dist)
    for each in found:
        print(f"{given.tag} cannot be released: {each}", file=sys.stderr)
    if found:
        return 1
    if given.notes is not None:
        text = next(
            each.text
            for each in sections((root / "CHANGELOG.md").read_text("utf-8"))
            if each.version == version
        )
        given.notes.write_text(text + "\n", "utf-8")
    print(f"{given.tag} can be released")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
