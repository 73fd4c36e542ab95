"""The ready file, the watch over files, and the JUnit report."""

from __future__ import annotations

import json
import os
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockhost.cli import junit, planes
from mockhost.cli.planes import ReadyFile
from mockhost.cli.serve import Watch
from mockhost.errors import CannotRun, UsageError

DOCUMENT = {"pid": 1, "control": {"url": "http://127.0.0.1:1", "token": None}}


def test_only_its_owner_may_read_the_ready_file(tmp_path: Path) -> None:
    """It holds secret tokens. The mode does not depend on the umask."""
    file = tmp_path / "ready.json"
    before = os.umask(0)
    try:
        ReadyFile(file).write(DOCUMENT)
    finally:
        os.umask(before)
    assert json.loads(file.read_text("utf-8")) == DOCUMENT
    assert [each.name for each in tmp_path.iterdir()] == ["ready.json"]
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_ready_file_that_others_may_read_is_replaced_not_filled(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    file.write_text("old", "utf-8")
    file.chmod(0o644)
    ReadyFile(file).write(DOCUMENT)
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_ready_file_is_removed_once_and_only_if_it_is_ours(tmp_path: Path) -> None:
    """Two hosts that were given one path: the first to end leaves the other's file alone."""
    file = tmp_path / "ready.json"
    first, second = ReadyFile(file), ReadyFile(file)
    first.write(DOCUMENT)
    second.write({**DOCUMENT, "pid": 2})
    first.remove()
    assert file.is_file()
    second.remove()
    second.remove()
    assert not file.exists()


def test_a_ready_file_below_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotRun, match=r"can't be written.*folder that exists"):
        ReadyFile(tmp_path / "file" / "ready.json").write(DOCUMENT)


def test_a_ready_file_in_a_missing_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=r"can't be written.*folder that exists"):
        ReadyFile(tmp_path / "no" / "ready.json").write(DOCUMENT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no ready file"),
        ("{", "not a mockhost ready file"),
        ("[]", "not a mockhost ready file"),
    ],
)
def test_what_is_no_ready_file_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "ready.json"
    if text is not None:
        file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=message):
        planes.read(file)


def test_a_change_is_told_once(tmp_path: Path) -> None:
    file, other = tmp_path / "a.yaml", tmp_path / "b.yaml"
    file.write_text("1", "utf-8")
    other.write_text("1", "utf-8")
    watch = Watch([file, other])
    assert watch.changed() == []
    file.write_text("22", "utf-8")
    assert watch.changed() == [file]
    assert watch.changed() == []


def test_a_file_that_is_replaced_is_told_when_it_is_back(tmp_path: Path) -> None:
    """Editors remove and write anew; what is not there can't be read."""
    file = tmp_path / "a.yaml"
    file.write_text("1", "utf-8")
    watch = Watch([file])
    file.unlink()
    assert watch.changed() == []
    file.write_text("2", "utf-8")
    assert watch.changed() == [file]


def test_a_file_that_was_missing_from_the_start_is_told_when_it_comes(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    watch = Watch([file])
    file.write_text("1", "utf-8")
    assert watch.changed() == [file]


@given(st.text(), st.text())
def test_any_text_makes_a_report_that_can_be_read(name: str, failure: str) -> None:
    """Output of other programs holds what XML can't: it is replaced, the rest stays."""
    cases = [junit.Case("suite", name, 0.5, failure), junit.Case("suite", "fine", 0.25)]
    root = ET.fromstring(junit.report("title", cases).encode("utf-8"))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "1", "0")
    suite = root.find("testsuite")
    assert suite is not None
    assert [case.find("failure") is not None for case in suite.iter("testcase")] == [True, False]


def test_a_report_that_cant_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="can't be written"):
        junit.write(tmp_path / "no" / "report.xml", "t", [])
