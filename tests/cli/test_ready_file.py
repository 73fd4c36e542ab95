"""Whose ready file may be replaced."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mockhost.api import MockHost
from mockhost.cli import planes
from mockhost.cli.planes import ReadyFile
from mockhost.errors import CannotRun
from tests.cli.conftest import Invoke

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes, modes and /dev/fd like these")


@pytest.fixture
def process() -> Iterator[int]:
    """Another process that runs."""
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield other.pid
    other.communicate()


def written(path: Path, pid: object, url: str | None) -> Path:
    path.write_text(json.dumps({"pid": pid, "control": {"url": url, "token": None}}), "utf-8")
    return path


def test_the_file_of_a_host_that_runs_is_not_overwritten(
    invoke: Invoke, tmp_path: Path, process: int
) -> None:
    with MockHost("basics/healthy") as host:
        file = written(tmp_path / "ready.json", process, host.control_url)
        before = file.read_bytes()
        refused = invoke("serve", "--port", "0", "--control-port", "0", "--ready-file", str(file))
        assert refused.exit_code == 4
        for part in (str(file), f"(process {process})", "--ready-file", f"kill {process}"):
            assert part in refused.stderr
        assert file.read_bytes() == before


def test_a_host_that_does_not_answer_is_still_there(
    tmp_path: Path, process: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be suspended, or busy with a million people."""
    monkeypatch.setattr(planes, "_ANSWERS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        file = written(tmp_path / "ready.json", process, f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(CannotRun, match="is running"):
            ReadyFile(file).clear()


def test_a_number_that_another_program_has_by_now_holds_nobody_up(tmp_path: Path, process: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    file = written(tmp_path / "ready.json", process, f"http://127.0.0.1:{port}")
    ReadyFile(file).clear()
    assert not file.exists()


@pytest.mark.parametrize("pid", [os.getpid(), 0, -1, 2**80], ids=["own", "none", "negative", "too large"])
def test_what_a_killed_host_left_is_replaced(tmp_path: Path, pid: int) -> None:
    """Also in a container, where the next one often has the same number."""
    with MockHost("basics/healthy") as host:
        file = written(tmp_path / "ready.json", pid, host.control_url)
        ReadyFile(file).clear()
        assert not file.exists()


def test_a_file_of_something_else_is_left_alone_until_it_is_written(tmp_path: Path) -> None:
    for text in ("", "[]", '{"pid": "x", "control": {}}', '{"control": {}}'):
        (tmp_path / "ready.json").write_text(text, "utf-8")
        ReadyFile(tmp_path / "ready.json").clear()
        assert (tmp_path / "ready.json").read_text("utf-8") == text


def test_what_is_not_a_file_is_not_replaced(tmp_path: Path) -> None:
    """Root could replace a device, such as /dev/null."""
    where = tmp_path / "ready.json"
    where.mkdir()
    with pytest.raises(CannotRun, match="it exists, and is not a file"):
        ReadyFile(where).write({"pid": 1})
    if hasattr(os, "mkfifo"):
        where.rmdir()
        os.mkfifo(where)
        with pytest.raises(CannotRun, match="it exists, and is not a file"):
            ReadyFile(where).write({"pid": 1})
        assert where.is_fifo()


@posix
def test_a_pipe_is_refused_before_the_host_starts(tmp_path: Path, invoke: Invoke) -> None:
    """Reading it would wait for whoever writes into it."""
    os.mkfifo(tmp_path / "pipe")
    refused = invoke("serve", "--port", "0", "--control-port", "0", "--ready-file", str(tmp_path / "pipe"))
    assert refused.exit_code == 4
    assert "it exists, and is not a file" in refused.stderr
    ReadyFile(tmp_path / "pipe").remove()


@posix
def test_a_symbolic_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    """As the other files that a command writes."""
    link, target = tmp_path / "link.json", tmp_path / "target.json"
    link.symlink_to(target)
    file = ReadyFile(link)
    file.write({"control": {}})
    assert target.stat().st_mode & 0o777 == 0o600
    file.remove()
    assert link.is_symlink()
    assert not target.exists()


@posix
def test_open_files_of_a_process_are_refused(tmp_path: Path) -> None:
    """Such as /dev/stdout when it goes to a file: it is a link, which must not be replaced."""
    with (tmp_path / "out").open("w") as out:
        file = ReadyFile(Path(f"/dev/fd/{out.fileno()}"))
        for use in (file.clear, lambda: file.write({"control": {}})):
            with pytest.raises(CannotRun, match="is not a file"):
                use()
