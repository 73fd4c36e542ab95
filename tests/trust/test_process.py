"""What a process refuses at its start, and what it leaves behind where writing fails."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mockhost import MockHost
from mockhost.cli.planes import ReadyFile
from mockhost.errors import CannotRun, UsageError
from mockhost.files import write
from mockhost.server.http11 import Head, HeadReader


@pytest.mark.parametrize(
    "token", ["", " ", "\t", "two words", "line\nbreak", "null\0", "\u00a0", "\udcff", "a\x7f"]
)
def test_a_token_that_no_client_can_send_is_refused(token: str) -> None:
    """It would lock everybody out."""
    with pytest.raises(UsageError, match="the control plane's token"):
        MockHost("basics/empty", control_token=token)


def _full(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_old_key_and_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written is on the disk before it takes the old one's place."""
    write(tmp_path / "key.pem", "old", mode=0o600)
    monkeypatch.setattr("os.fsync", _full)
    with pytest.raises(CannotRun, match=r"key\.pem can't be written: No space left"):
        write(tmp_path / "key.pem", "new", mode=0o600)
    with pytest.raises(CannotRun, match="can't be written: No space left"):
        ReadyFile(tmp_path / "ready.json").write({"pid": 1})
    assert [file.name for file in tmp_path.iterdir()] == ["key.pem"]
    assert (tmp_path / "key.pem").read_text() == "old"


@pytest.mark.parametrize(
    ("version", "answered"),
    [
        ("1.0", "1.0"),
        ("1.1", "1.1"),
        ("1.2", "1.1"),
        ("1.9", "1.1"),
        ("2.0", None),
        ("0.9", None),
        ("3.1", None),
    ],
)
def test_any_minor_version_of_http_1_is_answered_as_1_1(version: str, answered: str | None) -> None:
    """RFC 9110 2.5: only another major version is one that is not supported."""
    head = HeadReader().parse(f"GET / HTTP/{version}\r\nHost: a".encode())
    assert (head.version if isinstance(head, Head) else head) == (answered or "version")


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell closes the streams")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_bug(closed: str) -> None:
    """`mockhost serve >&-` is how a service manager may start it."""
    command = f'"$0" -m mockhost scenarios show basics/empty {closed}'
    done = subprocess.run(["sh", "-c", command, sys.executable], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own without room, which only root can make."""
    folder = tmp_path / "full"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(folder)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs root and mount")
    try:
        with contextlib.suppress(OSError), (folder / "fill").open("wb") as file:
            file.write(b"\0" * 16_384)
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("serve", "--port", "0", "--control-port", "0", "--state", "."),
        ("serve", "--port", "0", "--control-port", "0", "--ready-file", "ready.json"),
        ("run", "--junit", "report.xml", "basics/empty", "--", "true"),
        ("init", "mine.yaml"),
    ],
    ids=["state", "ready file", "report", "init"],
)
def test_a_full_disk_is_one_sentence_and_exit_code_4(full_disk: Path, words: tuple[str, ...]) -> None:
    """And no file has half of anything in it."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    command = [sys.executable, "-m", "mockhost", *words]
    done = subprocess.run(command, cwd=full_disk, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1].startswith("mockhost: ")
    assert "can't be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert [file.name for file in full_disk.iterdir() if file.stat().st_size] == ["fill"]
