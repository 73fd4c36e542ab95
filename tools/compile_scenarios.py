"""Compile the shipped scenarios into mockhost/scenario/shipped.json, or check that it is current.

    python tools/compile_scenarios.py [--check]

A start with a shipped scenario then needs neither YAML nor the schema. Exit code 1: a scenario has problems, or
(with --check) the file is not current.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from mockhost.errors import ScenarioError
from mockhost.scenario import compiling, shipped


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it; the exit code."""
    parser = argparse.ArgumentParser(description="Compile the shipped scenarios.")
    parser.add_argument("--check", action="store_true", help="only say whether shipped.json is current")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            if compiling.is_current():
                return 0
            print(
                f"{shipped.CACHE_FILE} is not current; run: python tools/compile_scenarios.py",
                file=sys.stderr,
            )
            return 1
        changed = compiling.compile_shipped()
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{shipped.CACHE_FILE}: {'written' if changed else 'current already'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
