"""Puts files of the repository into the pages that show them: below each `<!-- file: PATH -->` in docs/.

With `PATH#NAME` it is one function of a Python file, or one table of a TOML file.

python tools/shown_files.py            writes the pages
python tools/shown_files.py --check    exit code 1 if a page shows a file otherwise than it is
"""

from __future__ import annotations

import ast
import re
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tools import generated  # noqa: E402 - a tool runs from a checkout, without installation

SHOWN = re.compile(r"(<!-- file: (\S+) -->\n```\w+\n)(?:.*?\n)??(```\n)", re.DOTALL)


def pages() -> list[Path]:
    """The pages that show files."""
    return [page for page in sorted(DOCS.rglob("*.md")) if SHOWN.search(page.read_text("utf-8"))]


def filled(page: Path) -> str:
    """The page with each file as it is now, without the line that is for editors."""
    return SHOWN.sub(lambda found: found[1] + _text(found[2]) + found[3], page.read_text("utf-8"))


def _text(name: str) -> str:
    path, _, part = name.partition("#")
    text = (ROOT / path).read_text("utf-8")
    if path.endswith(".py") and part:
        (node,) = (node for node in ast.parse(text).body if getattr(node, "name", None) == part)
        assert isinstance(node, ast.FunctionDef)
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        return "\n".join(text.splitlines()[first - 1 : node.end_lineno]) + "\n"
    if part:
        table = text[text.index(f"\n[{part}]\n") + 1 :]
        return table.partition("\n\n[")[0].rstrip() + "\n"
    return re.sub(r"\A# yaml-language-server: .*\n", "", text)


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check compare them; the exit code."""
    return generated.run(
        __file__, arguments, *(generated.File(page, partial(filled, page)) for page in pages())
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
