"""The release path: a tag is the version and a heading of the changelog, or it is refused with every reason."""

from __future__ import annotations

from pathlib import Path

import pytest

import mockhost
from tools import release

ROOT = Path(__file__).parent.parent
GOOD = """\
# Changelog

## [Unreleased]

## [1.2.3] - 2026-03-02

### Added

- A thing.

## [1.2.2] - 2026-03-01

- Old.
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that can release 1.2.3."""
    write(tmp_path, "CHANGELOG.md", GOOD)
    write(tmp_path, "mockhost/__init__.py", '"""Words."""\n\n__version__ = "1.2.3"\n')
    write(tmp_path, "docker/Dockerfile", "FROM x\nARG VERSION=1.2.3\n")
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf-8")


def test_a_good_tag_is_released_with_its_notes(checkout: Path) -> None:
    notes = checkout / "notes.md"
    assert release.main(["v1.2.3", "--notes", str(notes)], checkout) == 0
    assert notes.read_text("utf-8") == "### Added\n\n- A thing.\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("mockhost/__init__.py", "1.2.3", "1.2.4", "the version is '1.2.4', the tag says '1.2.3'"),
        ("mockhost/__init__.py", "__version__", "version", "mockhost/__init__.py: the version is missing"),
        ("docker/Dockerfile", "1.2.3", "1.2.2", "docker/Dockerfile: the version is '1.2.2'"),
        ("CHANGELOG.md", "## [1.2.3]", "## 1.2.3", "expected one heading '## [1.2.3] - YYYY-MM-DD', found 0"),
        ("CHANGELOG.md", "[1.2.2]", "[1.2.3]", "found 2"),
        ("CHANGELOG.md", " - 2026-03-02", "", "has the date ''; expected YYYY-MM-DD"),
        ("CHANGELOG.md", "2026-03-02", "2026-13-02", "has the date '2026-13-02'"),
        ("CHANGELOG.md", "## [1.2.3]", "## [1.3.0] - 2026-04-01\n\n- New.\n\n## [1.2.3]", "1.2.3 is below 1.3.0"),
        ("CHANGELOG.md", "### Added\n\n- A thing.\n", "", "the section of 1.2.3 is empty"),
        ("CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n- Forgotten.\n", "[Unreleased] is not empty"),
    ],
)  # fmt: skip
def test_each_thing_that_does_not_fit_is_a_reason(
    checkout: Path, file: str, old: str, new: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(checkout, file, (checkout / file).read_text("utf-8").replace(old, new))
    assert release.main(["v1.2.3", "--notes", str(checkout / "notes.md")], checkout) == 1
    assert reason in capsys.readouterr().err
    assert not (checkout / "notes.md").exists()


def test_all_reasons_are_named_at_once(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["v2.0.0"], checkout) == 1
    assert len(capsys.readouterr().err.splitlines()) == 3


@pytest.mark.parametrize("tag", ["1.2.3", "v1.2", "v1.2.3-rc1", "v1.2.3 ", "latest"])
def test_a_tag_that_is_no_version_is_refused(
    checkout: Path, tag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert release.main([tag], checkout) == 1
    assert "expected v and a version" in capsys.readouterr().err


def test_the_built_files_are_of_the_version(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dist = checkout / "dist"
    write(dist, "mockhost-1.2.3-py3-none-any.whl", "")
    write(dist, "mockhost-1.2.2.tar.gz", "")
    assert release.main(["v1.2.3", "--dist", str(dist)], checkout) == 1
    assert capsys.readouterr().err.splitlines() == [
        "v1.2.3 cannot be released: dist: mockhost-1.2.3.tar.gz is missing",
        "v1.2.3 cannot be released: dist: mockhost-1.2.2.tar.gz does not belong to 1.2.3",
    ]
    (dist / "mockhost-1.2.2.tar.gz").rename(dist / "mockhost-1.2.3.tar.gz")
    assert release.main(["v1.2.3", "--dist", str(dist)], checkout) == 0


def test_wrong_usage_has_an_exit_code_of_its_own(checkout: Path) -> None:
    assert release.main([], checkout) == 2


def test_only_the_changelog_is_missing_for_the_version_that_is_here() -> None:
    """Every place that has the version agrees with the package."""
    reasons = list(release.problems(f"v{mockhost.__version__}", ROOT))
    assert [each for each in reasons if not each.startswith("CHANGELOG.md")] == []
