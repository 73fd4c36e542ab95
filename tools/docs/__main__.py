"""Write the generated files, or with --check name those that are not current.

python -m tools.docs [--check] [NAME …]

NAME is a module of this folder. Exit code 1: a file is not current, or cannot be made; 2: wrong usage.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from mockhost.errors import MockhostError, did_you_mean
from tools.docs import ROOT, File

NAMES = sorted(file.stem for file in Path(__file__).parent.glob("*.py") if not file.stem.startswith("_"))


def files(name: str) -> Sequence[File]:
    """The files of a generator."""
    found: Sequence[File] = importlib.import_module(f"tools.docs.{name}").FILES
    return found


def update(name: str, generated: Sequence[File], *, check: bool) -> int:
    """Write the files that are not current, or with `check` only name them; the exit code."""
    code = 0
    for file in generated:
        if file.is_current():
            continue
        path = (file.path.relative_to(ROOT) if file.path.is_relative_to(ROOT) else file.path).as_posix()
        if check:
            print(f"{path} is not current; run: python -m tools.docs {name}", file=sys.stderr)
            code = 1
        else:
            file.write()
            print(path)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the generators; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.docs", description="Write the generated pages and data files."
    )
    parser.add_argument("--check", action="store_true", help="only name the files that are not current")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)} (default: all)")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in NAMES:
            parser.error(f"there is no generator {name!r}; {did_you_mean(name, NAMES)}")
    try:
        return max(update(name, files(name), check=options.check) for name in options.names or NAMES)
    except MockhostError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
