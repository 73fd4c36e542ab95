"""Private folders are gone with their process: at once where it ends by itself, later where it was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mockhost import MockHost, temporary

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
KILLED = (
    "import os\nfrom mockhost.temporary import PrivateFolder\nkept = PrivateFolder()\nos.kill(os.getpid(), 9)"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "_swept", False)
    return tmp_path


def killed(folder: Path) -> Path:
    """What a process that was killed left, some time ago."""
    before = set(folder.iterdir())
    subprocess.run([sys.executable, "-c", KILLED], env={**os.environ, "TMPDIR": str(folder)}, check=False)
    (left,) = set(folder.iterdir()) - before
    (left / "trust.pem").write_text("old")
    os.utime(left, (0, 0))
    return left


def test_what_a_killed_process_left_is_removed(folder: Path) -> None:
    left = killed(folder)
    with MockHost("basics/empty", control=False) as host:
        assert host.ca_file is not None
        assert not left.exists()
        assert Path(host.ca_file).exists()
    assert list(folder.iterdir()) == []


def test_a_folder_of_a_process_that_runs_stays(folder: Path) -> None:
    """The lock says so, not the number of a process, which a container counts on its own."""
    own = temporary.PrivateFolder()
    os.utime(own.path, (0, 0))
    temporary._swept = False
    temporary.PrivateFolder().remove()
    assert own.path.exists()
    own.remove()
    own.remove()
    assert not own.path.exists()


def test_a_young_folder_stays(folder: Path) -> None:
    """Its process may be about to lock it."""
    left = killed(folder)
    os.utime(left)
    temporary.PrivateFolder().remove()
    assert left.exists()


def test_links_files_and_folders_of_others_stay(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link is not followed, neither one in place of a folder nor one inside of it."""
    precious = folder / "precious"
    precious.mkdir()
    (precious / "data").write_text("here")
    os.utime(precious, (0, 0))
    (folder / "mockhost-kept-link").symlink_to(precious)
    os.utime(folder / "mockhost-kept-link", (0, 0), follow_symlinks=False)
    (folder / "mockhost-kept-file").write_text("")
    os.utime(folder / "mockhost-kept-file", (0, 0))
    left = killed(folder)
    (left / "inside").symlink_to(precious)
    os.utime(left, (0, 0))
    temporary.PrivateFolder().remove()
    assert not left.exists()
    others = killed(folder)
    monkeypatch.setattr(temporary, "_swept", False)
    monkeypatch.setattr(os, "getuid", lambda: 4_242)
    temporary.PrivateFolder().remove()
    assert others.exists()
    assert (precious / "data").read_text() == "here"
    assert (folder / "mockhost-kept-link").is_symlink()
    assert (folder / "mockhost-kept-file").exists()
