"""Each point of the page on security names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "explanation" / "security.md"
POINTS = re.findall(r"(?m)^- .*$", PAGE.read_text("utf-8"))


def named(point: str) -> list[str]:
    """The tests of a point: `path::name`, in a comment at its end."""
    comment = re.search(r"<!-- (.*) -->$", point)
    return comment[1].split() if comment else []


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point[2:50])
def test_a_point_has_tests(point: str) -> None:
    assert named(point), "end it with <!-- path::test -->"
    for test in named(point):
        path, _, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in names, f"there is no {test}"
        assert name.startswith("test_")


def test_everything_below_a_heading_is_a_point() -> None:
    """A sentence between the points would have no test."""
    _, *sections = PAGE.read_text("utf-8").split("\n## ")
    for section in sections:
        loose = [line for line in section.splitlines()[1:] if line and not line.startswith("- ")]
        assert loose == []
