"""What can happen to the folder of `--data`: each has a clear outcome, and no acknowledged write is lost silently."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.connectors import kept
from mockhost.connectors.kept import FILE, Kept
from mockhost.errors import CannotRun, UsageError
from mockhost.runtime.operations.connectors import reset_connector
from mockhost.scim.messages import CORE_USER

SCENARIO: dict[str, Any] = {
    "extends": "basics/healthy",
    "format": 1,
    "connectors": {"SCIM": {"kind": "scim", "secret_token": "x" * 12}},
}
BOTH: dict[str, Any] = {
    "SQL": {"insert": [{"ContosoLogin": "bob", "FirstName": "B", "LastName": "K"}]},
    "SCIM": {"insert": [{"userName": "bob"}]},
}


@contextlib.contextmanager
def mock(folder: Path) -> Iterator[MockHost]:
    """A host with a connector of each family, not listening."""
    host = MockHost(SCENARIO, control=False, data=folder)
    try:
        yield host
    finally:
        host.runtime.close()


def counts(host: MockHost) -> tuple[int, int]:
    return len(host.objects("SQL")), len(host.objects("SCIM"))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The folder of a host that has ended, with more than a page of changes."""
    with mock(tmp_path / "data") as host:
        host.change(BOTH)
        host.change({"SCIM": {"insert": [{"userName": f"u{n}"} for n in range(300)]}})
    return tmp_path / "data"


@pytest.mark.parametrize("name", [FILE, f"{FILE}-wal"])
@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_file_that_is_gone_takes_no_more_writes(tmp_path: Path, name: str, how: str) -> None:
    """SQLite would write on into a file that no path leads to any more. A reset is refused, too."""
    folder = tmp_path / "data"
    with mock(folder) as host:
        host.change(BOTH)
        before = counts(host)
        if how == "removed":
            shutil.rmtree(folder) if name == FILE else (folder / name).unlink()
        else:
            (folder / name).rename(folder / "other")
            shutil.copy(folder / "other", folder / name)
        for connector, change in {**BOTH, "SCIM": {"insert": [{"userName": "eve"}]}}.items():
            with pytest.raises(CannotRun, match=f"a change of {connector} can't be kept in .*data: "):
                host.change({connector: change})
        for again in (host.reset, lambda: host.reset_connector("SQL"), lambda: host.reset_connector("SCIM")):
            with pytest.raises(CannotRun, match=r"a reset.* can't be kept"):
                again()
        assert counts(host) == before


@pytest.mark.parametrize("size", [1, 100, 4096, 4096 * 3 + 5, -1])
def test_a_truncated_file_is_refused(written: Path, size: int) -> None:
    """It is not read in part, nor changed."""
    file = written / FILE
    octets = file.read_bytes()[:size]
    file.write_bytes(octets)
    with (
        pytest.raises(CannotRun, match=r"data.sqlite (is cut off|can't be used: .*); use another folder"),
        mock(written),
    ):
        pass
    assert file.read_bytes() == octets


@pytest.mark.parametrize("log", [False, True])
def test_an_empty_file_is_refused_and_left_alone(written: Path, log: bool) -> None:
    """It had something once: a new file is never empty, whenever its host is killed. SQLite would begin a new one."""
    (written / FILE).write_bytes(b"")
    if log:
        (written / f"{FILE}-wal").write_bytes(b"left")
    with pytest.raises(CannotRun, match=r"data.sqlite is empty: .*; remove it to begin with"), mock(written):
        pass
    assert (written / FILE).read_bytes() == b""
    assert (written / f"{FILE}-wal").exists() is log


def test_a_new_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that ends while it makes one leaves nothing that the next one would refuse; so on any file system."""

    def unable(*names: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(kept, "_NEW", "no SQL")
    with pytest.raises(CannotRun, match="can't be used"), mock(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    monkeypatch.setattr(os, "link", unable)
    with mock(tmp_path):
        assert {each.name for each in tmp_path.iterdir()} == {FILE, f"{FILE}-wal"}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE objects SET octets = x'ffff' WHERE store = {sql}",
        "UPDATE objects SET octets = '[1, 2]' WHERE store = {sql}",
        "UPDATE objects SET octets = x'ffff' WHERE store <> {sql}",
        "UPDATE objects SET octets = '[1, 2]' WHERE store <> {sql}",
        "UPDATE stores SET state = '['",
        "UPDATE stores SET state = '5'",
        """UPDATE stores SET state = '{{"generated": []}}'""",
        "DROP TABLE objects",
    ],
)
def test_what_sqlite_takes_for_sound_is_refused_where_it_can_not_be_read(written: Path, damage: str) -> None:
    """As damage, never as a bug of the mock."""
    with contextlib.closing(sqlite3.connect(written / FILE)) as connection:
        [number] = connection.execute("SELECT id FROM stores WHERE name = 'SQL'").fetchone()
        connection.execute(damage.format(sql=number))
        connection.commit()
    with pytest.raises(CannotRun, match=r"can't be read: .*; use another folder"), mock(written) as host:
        host.objects("SCIM")


@pytest.mark.parametrize("name", ["a\0b", "\ud800\0", "file/below"])
def test_a_folder_that_can_not_be_is_refused_in_words(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotRun, match=r"^the data folder '.*' can't be used: .+") as caught:
        Kept(tmp_path / name)
    assert caught.value.message.isprintable()


def test_a_file_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / FILE
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE stores (id INTEGER)")
        other.commit()
    octets = file.read_bytes()
    with pytest.raises(CannotRun, match="is of another program, or of an older mockhost; use another folder"):
        Kept(tmp_path)
    assert file.read_bytes() == octets
    assert [each.name for each in tmp_path.iterdir()] == [FILE]


def test_a_file_of_another_version_is_refused(written: Path) -> None:
    with contextlib.closing(sqlite3.connect(written / FILE)) as other:
        other.execute("PRAGMA user_version=99")
    with pytest.raises(CannotRun, match="is of another version of mockhost"), mock(written):
        pass


def test_two_hosts_on_one_folder(written: Path) -> None:
    """The second one is refused; the first goes on, and the data is whole."""
    with mock(written) as host:
        for _ in range(3):
            with pytest.raises(CannotRun, match="another host may use it"), mock(written):
                pass
        host.change({"SCIM": {"insert": [{"userName": "eve"}]}})
        before = counts(host)
    with mock(written) as host:
        assert counts(host) == before


def test_a_fork_that_outlives_a_reset_writes_nothing(written: Path) -> None:
    """It has what it was made from, in both families, and the original's file stays as the original has it."""
    with mock(written) as host:
        before, twin = counts(host), host.runtime.fork()
        host.reset()
        twin.change(BOTH)
        twin.state.served.reset("SCIM")
        twin.state.served.reset("SQL")
        twin.close()
        host.change({"SCIM": {"insert": [{"userName": "eve"}]}})
        after = counts(host)
        assert before != after
    with mock(written) as host:
        assert counts(host) == after


def test_another_scenario_is_refused_and_the_data_stays(written: Path) -> None:
    with pytest.raises(UsageError, match="another scenario: one with a connector SCIM"):
        MockHost("basics/healthy", control=False, data=written)
    with mock(written) as host:
        assert counts(host)[1] == 301


def test_a_reset_of_a_connector_that_waited_for_one_of_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is about the connector that there is then: the one before writes nothing any more."""
    insert = {"SQL": {"insert": [{"ContosoLogin": "bob", "FirstName": "B", "LastName": "K"}]}}
    with mock(tmp_path) as host:
        host.change(insert)
        runtime, began = host.runtime, threading.Event()
        waited = runtime.waited

        def waiting() -> Any:
            began.set()
            return waited()

        with runtime.lock:
            monkeypatch.setattr(runtime, "waited", waiting)
            thread = threading.Thread(target=reset_connector, args=(host,), kwargs={"name": "SQL"})
            thread.start()
            assert began.wait(60)
            host.reset()
        thread.join()
        assert not host.objects("SQL", ContosoLogin="bob")
        assert host.change(insert) == 1


def test_resets_while_clients_write(tmp_path: Path) -> None:
    """Four clients and resets of all kinds: what is there at the end is there in the next host."""
    problems: list[BaseException] = []

    def run(work: Callable[[MockHost, int], object], host: MockHost) -> None:
        try:
            for n in range(25):
                work(host, n)
        except BaseException as error:
            problems.append(error)

    def writes(name: str) -> Callable[[MockHost, int], object]:
        def write(host: MockHost, n: int) -> object:
            user = {"schemas": [CORE_USER], "userName": f"{name}{n}"}
            with host.runtime.lock:  # as a request has it
                provider: Any = host.runtime.state.served.find("SCIM")
                provider.provider.create("User", user, base="")
            login = {"ContosoLogin": f"{name}{n}", "FirstName": "B", "LastName": "K"}
            return host.change({"SQL": {"insert": [login]}})

        return write

    works = [
        *(writes(name) for name in "abcd"),
        lambda host, n: host.reset() if n % 8 == 0 else None,
        lambda host, n: host.reset_connector("SCIM" if n % 2 else "SQL") if n % 3 == 0 else None,
    ]
    with mock(tmp_path) as host:
        threads = [threading.Thread(target=run, args=(work, host)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        before = (host.objects("SQL"), host.objects("SCIM"))
    assert problems == []
    with mock(tmp_path) as host:
        assert (host.objects("SQL"), host.objects("SCIM")) == before
