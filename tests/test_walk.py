"""The page that follows a request through the code, compared with a traced find."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explanation" / "how-a-request-lives.md"


def named_files() -> list[str]:
    """The files that the page's lists name, in order."""
    items = re.findall(r"^- (`[^`]+\.py`.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    return [file for item in items for file in re.findall(r"`([a-z0-9_/]+\.py)`", item)]


def test_the_page_names_the_files_of_a_find_in_order() -> None:
    """A file that a request enters and the page leaves out is a way that nobody wrote down.

    In a process of its own: what other tests have parsed is not parsed again.
    """
    command = [sys.executable, "-m", "bench.walk", "--files"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)
    assert named_files() == json.loads(done.stdout)
