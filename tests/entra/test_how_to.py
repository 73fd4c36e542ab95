"""The how-to's commands print what the page shows: its file, its cycle, its log, its quarantine."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from mockhost import MockHost
from mockhost.cli.verbs import mockhost

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "provision-users.md"


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in the order of the page."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[tuple[list[str], str]]:
    """The commands of a console block with a pattern of what each prints, where … stands for any text."""
    found = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, printed = part.partition("\n")
        pattern = ".*".join(re.escape(piece.rstrip()) for piece in printed.strip("\n").split("…"))
        found.append((shlex.split(line)[1:], pattern))
    return found


def test_the_page_shows_what_the_commands_print(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provisioning.yaml of the page, with the URL and the certificate of a mock of this test."""
    monkeypatch.chdir(tmp_path)
    cycles, quarantine = (commands(block) for block in blocks("console")[:2])
    with MockHost("basics/healthy", control=False) as host:
        said = blocks("yaml")[0].replace("https://localhost:8585/ecma2host_SQL/scim", host.url("SQL"))
        Path("provisioning.yaml").write_text(said.replace("trust.pem", str(host.ca_file)), "utf-8")
        for words, pattern in cycles:
            check(words, pattern)
        host.service("stop")
        for words, pattern in quarantine:
            check(words, pattern)


def check(words: list[str], pattern: str) -> None:
    output = CliRunner().invoke(mockhost, words, catch_exceptions=False).output
    assert re.search(pattern, output, re.DOTALL), f"{words}: {output}"
