"""SCIM servers that know nothing of mockhost, provisioned to; docs/other-scim-servers.md has what came of it.

python -m tests.entra.test_other_servers writes the page; it needs pip, npm and node.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.doctor.test_others import answers, free_port
from tests.entra.story import CHAPTERS, tell

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "other-scim-servers.md"
SCIMMY = ("scimmy@1.3.5", "scimmy-routers@1.3.2", "express@5.3.0")
FLAG = "?aadOptscim062020"
HEAD = """\
# Other SCIM servers, provisioned

<!-- Written by python -m tests.entra.test_other_servers, which provisions to them; don't edit. -->

Two servers that know nothing of mockhost, as the target of the provisioning service with its default mappings: three
users are created, changed, disabled, enabled, given a manager and deleted. Each cell has the records of the log.

What the runs show:

- scimmy-routers refuses `"active": "False"`, the text that Entra sends to disable a user unless the tenant URL has
  the flag `aadOptscim062020`. With the flag, users are disabled and enabled.
- Both refuse a manager whose value is the ID alone, which is the form in a capture of Entra's requests
  (Captain-P-Goldfish/SCIM-SDK#686). RFC 7643 has a complex attribute there, so the servers are within the standard.
- Everything else works on both, letters beyond ASCII included.

"""


@contextmanager
def scim2_server(folder: Path) -> Iterator[str]:
    """The scim2-server of this environment; its tenant URL."""
    port = free_port()
    program = Path(sys.executable).with_name("scim2-server")
    with _running([str(program), "--port", str(port)], f"http://localhost:{port}", folder):
        yield f"http://localhost:{port}/v2"


@contextmanager
def scimmy_routers(folder: Path) -> Iterator[str]:
    """scimmy and scimmy-routers with users in memory, with the enterprise extension; its tenant URL."""
    shutil.copy(Path(__file__).parent / "servers" / "scimmy.mjs", folder)
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", *SCIMMY]
    if not (folder / "node_modules").exists() and subprocess.run(npm, cwd=folder, check=False).returncode:
        pytest.skip("npm cannot install scimmy-routers here")
    port = free_port()
    with _running(["node", "scimmy.mjs", str(port)], f"http://localhost:{port}", folder):
        yield f"http://localhost:{port}/scim"


@contextmanager
def _running(command: list[str], url: str, folder: Path) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        answers(url)
        yield
    finally:
        process.terminate()
        process.wait(30)


SERVERS = {
    "scim2-server 0.8.3 (PyPI)": scim2_server,
    "scimmy-routers 1.3.2 (npm)": scimmy_routers,
}


def rows(title: str, folder: Path) -> list[str]:
    """A server's part of the page: chapter by chapter, with both dialects of patches."""
    told = []
    for flag in ("", FLAG):
        with SERVERS[title](folder) as url:
            told.append(tell(url + flag))
    lines = [
        f"## {title}",
        "",
        "| chapter | today's patches | with `aadOptscim062020` |",
        "| --- | --- | --- |",
    ]
    for chapter in CHAPTERS:
        cells = (each[chapter].split("\n")[0].replace("|", "\\|").replace("<", "\\<") for each in told)
        lines.append(f"| {chapter} | {' | '.join(cells)} |")
    return lines


@pytest.mark.slow
@pytest.mark.parametrize("title", SERVERS)
def test_the_page_says_what_comes_of_it(title: str, tmp_path: Path) -> None:
    """Played again."""
    if "npm" in title and not (shutil.which("npm") and shutil.which("node")):
        pytest.skip("needs npm and node")
    found = rows(title, tmp_path)
    page = PAGE.read_text("utf-8").splitlines()
    assert [line for line in found if line not in page] == []


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        parts = ["\n".join(rows(title, Path(made))) for title in SERVERS]
    PAGE.write_text(HEAD + "\n\n".join(parts) + "\n", "utf-8")
