"""Files that commands write where their user says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from mockhost.cli.saving import save, try_out
from mockhost.errors import CannotRun, UsageError
from mockhost.record.recorded import Recorded

Invoke = Callable[..., Result]


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full in the middle leaves the old file, no draft, and a hint."""
    file = tmp_path / "a.yaml"
    save(file, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotRun, match=r"the report .*a.yaml can't be written: No space.*make room"):
        save(file, "new", "the report")
    assert file.read_text("utf-8") == "old"
    assert os.listdir(tmp_path) == ["a.yaml"]


def test_mode_link_and_lines_stay(tmp_path: Path) -> None:
    """A file keeps its mode, and a symbolic link leads to the new text."""
    file, link = tmp_path / "a.csv", tmp_path / "link"
    file.write_text("old", "utf-8")
    file.chmod(0o640)
    link.symlink_to(file)
    save(link, "a\r\nb \ud800", newline="")
    assert link.is_symlink()
    assert file.read_bytes() == b"a\r\nb \\ud800"
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_new_file_is_as_readable_as_others(tmp_path: Path) -> None:
    """Its mode is the one that the user's mask gives."""
    (tmp_path / "other").touch()
    save(tmp_path / "mine", "")
    assert (tmp_path / "mine").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes in folders")
def test_what_is_no_file_is_written_into(tmp_path: Path) -> None:
    """A pipe stays a pipe."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        save(pipe, "text")
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize("action", [try_out, lambda path, **rest: save(path, "x", **rest)])
def test_what_cant_be_written_is_refused_before_and_after(tmp_path: Path, action: Any) -> None:
    """A folder that is missing, a folder, and a file that is there already; trying leaves nothing."""
    (tmp_path / "here").write_text("mine", "utf-8")
    with pytest.raises(CannotRun, match=r"no/x can't be written: No such file.*folder that exists"):
        action(tmp_path / "no" / "x")
    with pytest.raises(CannotRun, match="it is a folder; name a file in it"):
        action(tmp_path)
    with pytest.raises(UsageError, match=r"here is there already; .*--force"):
        action(tmp_path / "here", overwrite=False)
    assert os.listdir(tmp_path) == ["here"]
    assert (tmp_path / "here").read_text("utf-8") == "mine"


def test_commands_find_out_before_their_work(invoke: Invoke, tmp_path: Path) -> None:
    """Of a long run or recording, nothing is lost because the file can't be written."""
    missing = str(tmp_path / "no" / "x.yaml")
    for words in (
        ("record", "http://127.0.0.1:9/scim", "--out", missing),
        ("calibrate", "https://127.0.0.1:9/scim", "--secret-token", "t", "--out", missing),
        ("run", "--junit", missing, "--", "sh", "-c", "touch ran"),
        ("export-config", "basics/healthy", "--out", missing),
        ("import", "har", __file__, "--out", missing),
    ):
        result = invoke(*words)
        assert result.exit_code == 4, words
        assert "x.yaml can't be written: No such file" in result.stderr, words
        assert result.stdout == "", words


def test_as_many_exchanges_as_fit_are_written(tmp_path: Path, capsys: Any) -> None:
    """A scenario file may have 1 MiB: the first ones that fit, and the report says how many are left out."""
    from mockhost.cli.proxy import write
    from mockhost.record.recorded import LARGEST
    from mockhost.scenario import loader

    def exchange(number: int, size: int) -> Recorded:
        return Recorded("GET", f"/Users/{number}", "", b"", 200, (), b"x" * size)

    many = [exchange(0, LARGEST), *(exchange(number, 4_000) for number in range(1, 401))]
    write(many, tmp_path / "r.yaml", "Recorded", None)
    said = capsys.readouterr().err
    size = (tmp_path / "r.yaml").stat().st_size
    assert LARGEST - 5_000 < size <= LARGEST
    count = len(loader.load(str(tmp_path / "r.yaml")).rules) - 1
    assert f"{count} exchanges as {count} rules" in said
    assert f"{401 - count} exchanges are left out" in said
