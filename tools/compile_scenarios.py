"""Compile the shipped scenarios into mockhost/scenario/shipped.json, or check that it is current.

    python tools/compile_scenarios.py [--check]

A start with a shipped scenario then needs neither YAML nor the schema. Exit code 1: a scenario has problems, or
(with --check) the file is not current.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from mockhost.errors import ScenarioError  # noqa: E402 - a tool runs from a checkout, without installation
from mockhost.scenario import compiling, shipped  # noqa: E402
from tools import generated  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it; the exit code."""
    parser = argparse.ArgumentParser(description="Compile the shipped scenarios.")
    parser.add_argument("--check", action="store_true", help="only say whether shipped.json is current")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            old = [] if compiling.is_current() else [shipped.CACHE_FILE]
            return generated.check("tools/compile_scenarios.py", old)
        changed = compiling.compile_shipped()
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{shipped.CACHE_FILE}: {'written' if changed else 'current already'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
