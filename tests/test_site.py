"""The site: its navigation has every page, links lead through it, and broken ones are found (`make site`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import site

ROOT = Path(__file__).parent.parent


def entries(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for each in nav.values():
            yield from entries(each)
    elif isinstance(nav, list):
        for each in nav:
            yield from entries(each)


def test_every_page_is_in_the_navigation_once() -> None:
    known = {site.staged(page.relative_to(ROOT).as_posix()) for page in (ROOT / "docs").rglob("*.md")}
    found = list(entries(site.navigation()))
    assert sorted(found) == sorted(set(found))
    assert known <= set(found)
    assert all((ROOT / source).is_file() for source in (*site.START, *site.PROJECT))


@pytest.mark.parametrize(
    ("source", "link", "expected"),
    [
        ("docs/index.md", "how-to/ci.md", "how-to/ci.md"),
        ("docs/how-to/ci.md", "../index.md#reference", "../contents.md#reference"),
        ("docs/how-to/docker.md", "../../docker/README.md#a", "../project/docker/readme.md#a"),
        ("docs/how-to/docker.md", "../../docker/compose.yaml", "../source/docker/compose.yaml.md"),
        ("README.md", "docs/how-to/ci.md", "how-to/ci.md"),
        ("README.md", "docs/assets/terminal.svg", "assets/terminal.svg"),
        ("CONTRIBUTING.md", "README.md", "../index.md"),
        ("docs/index.md", "https://learn.microsoft.com/", "https://learn.microsoft.com/"),
        ("docs/index.md", "#reference", "#reference"),
        ("docs/index.md", "absent.md", "absent.md"),
    ],
)
def test_links_lead_through_the_site(source: str, link: str, expected: str) -> None:
    assert site.rewritten(source, f"see [it]({link}).\n")[0] == f"see [it]({expected}).\n"


def test_snippets_stay_as_they_are_and_comments_go() -> None:
    text = "<!-- run -->\n```yaml\n# [a](b.md) <!-- c -->\n```\nend <!-- d -->\n"
    assert site.rewritten("docs/index.md", text)[0] == "```yaml\n# [a](b.md) <!-- c -->\n```\nend"


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """To a page, to an anchor, to a picture; links to other hosts are not followed."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "index.html").write_text(
        '<h1 id="here">x</h1><a href="#here">1</a><a href="folder/page.html#there">2</a><img src="no.svg">'
        '<a href="#nowhere">3</a><a href="folder/absent.html">4</a><a href="https://learn.microsoft.com/">5</a>'
        '<a href="folder/page.html#gone">6</a>',
        "utf-8",
    )
    (tmp_path / "folder" / "page.html").write_text(
        '<p id="there"><a href="../index.html#here">1</a>', "utf-8"
    )
    assert site.broken_links(tmp_path) == [
        "index.html: no.svg",
        "index.html: #nowhere",
        "index.html: folder/absent.html",
        "index.html: folder/page.html#gone",
    ]


def test_the_requirements_of_the_site_are_exact() -> None:
    lines = (ROOT / "tools" / "site_requirements.txt").read_text("utf-8").splitlines()
    rows = [line for line in lines if not line.startswith("#")]
    assert [row for row in rows if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9.]+", row)] == []
    assert any(row.startswith("zensical==") for row in rows)
