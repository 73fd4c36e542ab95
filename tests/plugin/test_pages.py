"""The pages about pytest: every snippet is a piece of a file in tests/examples."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "tutorial" / "test-a-client.md",
    ROOT / "docs" / "how-to" / "pytest.md",
    ROOT / "docs" / "how-to" / "pytest-recipes.md",
]
BLOCK = re.compile(
    r"(?:^<!-- (?P<file>\S+\.py) -->\n)?^```python\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
SNIPPETS = [(page, found) for page in PAGES for found in BLOCK.finditer(page.read_text("utf-8"))]
EXAMPLES = sorted((ROOT / "tests" / "examples").glob("*.py"))


@pytest.mark.parametrize(("page", "found"), SNIPPETS, ids=lambda value: getattr(value, "stem", ""))
def test_every_snippet_is_a_piece_of_an_example(page: Path, found: re.Match[str]) -> None:
    """What a page shows is what the tests run."""
    before = page.read_text("utf-8")[: found.start()]
    if before.endswith("<!-- run -->\n"):
        return  # test_docs runs it by itself
    assert found["file"], f"{page}: a snippet without its file: {found['text'][:80]}"
    assert found["text"] in (ROOT / found["file"]).read_text("utf-8")


def test_every_example_is_on_a_page() -> None:
    """An example that nobody is led to helps nobody."""
    text = "".join(page.read_text("utf-8") for page in PAGES)
    assert [example.name for example in EXAMPLES if f"tests/examples/{example.name}" not in text] == []


def test_the_coroutines_of_the_pages_run(pytester: pytest.Pytester) -> None:
    """They need pytest-asyncio, which the other tests here do without."""
    pytest.importorskip("pytest_asyncio")
    shutil.copy(ROOT / "tests" / "examples" / "asyncio_suite.py", pytester.path / "test_it.py")
    pytester.makeini(
        "[pytest]\naddopts = -p no:cacheprovider -W error\nasyncio_default_fixture_loop_scope = function\n"
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
