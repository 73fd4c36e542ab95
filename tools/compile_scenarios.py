"""Parse the shipped scenarios ahead into mockhost/scenario/shipped.json, or check that it is current.

    python tools/compile_scenarios.py [--check]

A start with a shipped scenario then needs no YAML. Exit code 1: a scenario can't be read, or (with --check) the file is
not current.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from mockhost.errors import ScenarioError  # noqa: E402 - a tool runs from a checkout, without installation
from mockhost.scenario import shipped  # noqa: E402
from tools import generated  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it; the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return generated.run(__file__, given, generated.File(shipped.PARSED_FILE, shipped.text))
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
