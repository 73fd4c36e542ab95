"""Every page works with what docs/how-to/install.md installs, and with what the page itself says to install."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.machine import copy_folder
from tests.test_docs import ROOT, RUNNABLE, name, play

pytestmark = pytest.mark.slow

PAGES = sorted({snippet.page for snippet in RUNNABLE})
EXAMPLES = ROOT / "tests" / "examples"
INSTALL = (ROOT / "docs" / "how-to" / "install.md").read_text("utf-8")
# The tutorial names these in its first lines; each file of examples imports nothing else.
SUITES = {
    "test_directory.py": ("pytest",),
    "test_first.py": ("pytest",),
    "test_recipes.py": ("pytest",),
    "test_overrides.py": ("pytest",),
    "test_with_unittest.py": ("pytest",),
    "test_shared_host.py": ("pytest",),
    "test_reply_function.py": ("pytest",),
    "test_scim2_client.py": ("pytest", "scim2-client[httpx2]"),
    "asyncio_suite.py": ("pytest", "pytest-asyncio"),
}
INSTALLED = re.findall(
    r'^\.venv/bin/python -m pip install -c constraints\.txt "?([^"\s]+)"?$', INSTALL, re.M
)[0]
Environment = Callable[..., Path]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """`environment("pytest")`: the Python of an environment with mockhost, as the page installs it, and pytest."""
    made: dict[tuple[str, ...], Path] = {}

    def make(*more: str) -> Path:
        if more not in made:
            folder = tmp_path_factory.mktemp("alone")
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
            command = [
                str(python),
                "-m",
                "pip",
                "-qq",
                "install",
                "-c",
                "constraints.txt",
                INSTALLED,
                *more,
            ]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            made[more] = python
        return made[more]

    return make


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_needs_only_what_it_says(page: Path, environment: Environment, tmp_path: Path) -> None:
    """Its marked snippets run away from the checkout, with no tool of the developers in reach."""
    extras = re.findall(r"^\$ pip install 'mockhost\[(\w+)\]'$", page.read_text("utf-8"), re.M)
    python = environment(*(f".[{extra}]" for extra in extras))
    skipped, played = [], 0
    for number, snippet in enumerate(each for each in RUNNABLE if each.page == page):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            play(snippet, folder, str(python))
            played += 1
        except pytest.skip.Exception as reason:
            skipped.append(f"line {snippet.line}: {reason}")
    if not played:
        pytest.skip("; ".join(skipped))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("copied", [False, True], ids=["there", "copied"])
def test_the_examples_need_only_what_their_page_says(
    suite: str, copied: bool, environment: Environment, tmp_path: Path
) -> None:
    """Run in their folder, or copied to another one: `pytest test_directory.py`, as the tutorial has it."""
    python = environment(*SUITES[suite])
    folder = EXAMPLES
    if copied:
        folder = tmp_path / "copied"
        copy_folder(EXAMPLES, folder, "pytest.ini")
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", suite]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=600, check=False, env=bare()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout.splitlines()[-1], done.stdout


def bare() -> dict[str, str]:
    """The environment without what this run of pytest has put there."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "PYTHON"))}


def test_every_example_is_run() -> None:
    """Those that begin with `test_` or hold a suite; `directory.py` is what they import."""
    assert {file.name for file in EXAMPLES.glob("*.py")} == SUITES.keys() | {"directory.py"}
