"""`python -m bench [ROW …]`: measure the rows and print them as one table."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from bench import load
from bench.results import Result, document, table
from bench.rows import ROWS, Bench, Row
from bench.servers import CannotStart


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="names of rows (default: all); see --list")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    parser.add_argument(
        "--quick", action="store_true", help="short rounds and small crowds: does it run at all?"
    )
    parser.add_argument(
        "--full", action="store_true", help="1,000,000 requests in the memory row instead of 200,000"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures to FILE too, as JSON")
    options = parser.parse_args()
    if unknown := set(options.rows) - {row.name for row in ROWS}:
        parser.error(
            f"no such row: {', '.join(sorted(unknown))}; rows: {', '.join(row.name for row in ROWS)}"
        )
    return options


def machine() -> dict[str, object]:
    """What ran where: figures of two machines, or of a checkout and a wheel, are not to be compared."""
    try:
        package = distribution("mockhost")
        editable = '"editable": true' in (package.read_text("direct_url.json") or "")
        version = f"{package.version} ({'checkout' if editable else 'wheel'})"
    except PackageNotFoundError:
        version = "not installed"
    return {
        "mockhost": version,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load": load.generator(),
    }


def measured(row: Row, bench: Bench) -> list[Result]:
    """The row's results; a row that can't be measured is a line that says so, and the others go on."""
    print(f"measuring {row.name} …", file=sys.stderr, flush=True)
    try:
        return row.measure(bench)
    except (CannotStart, OSError, subprocess.SubprocessError, LookupError, ValueError) as error:
        return [
            Result(
                row.name, "could not be measured", "", failed=True, note=f"{type(error).__name__}: {error}"
            )
        ]


def main() -> int:
    options = arguments()
    if options.list:
        print(*(row.name for row in ROWS), sep="\n")
        return 0
    about = machine()
    print("; ".join(f"{name} {value}" for name, value in about.items()), file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="mockhost-bench-") as work:
        bench = Bench(Path(work), quick=options.quick, full=options.full)
        chosen = [row for row in ROWS if not options.rows or row.name in options.rows]
        results = [result for row in chosen for result in measured(row, bench)]
    print(
        "; ".join(f"{name} {value}" for name, value in about.items()) + ("; QUICK" if options.quick else "")
    )
    print(table(results))
    if options.json:
        options.json.write_text(document(about, results) + "\n", "utf-8")
    return 1 if any(result.failed for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
