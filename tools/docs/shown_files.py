"""Puts files of the repository into the pages that show them: below each `<!-- file: PATH -->` in docs/.

With `PATH#NAME` it is one function of a Python file, or one table of a TOML file.
"""

from __future__ import annotations

import ast
import re
from functools import partial
from pathlib import Path

from tools.docs import ROOT, File

DOCS = ROOT / "docs"
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


FILES = tuple(File(page, partial(filled, page)) for page in pages())
