"""`--data`: what was changed in connected systems is there in the next host."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mockhost import MockHost
from mockhost.connectors.systems.kept import FILE, Kept
from mockhost.errors import CannotRun, UsageError
from mockhost.scim.errors import ScimError
from tests.connectors.ecma.conftest import URN, user

BOB = {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}


@contextlib.contextmanager
def mock(folder: Path, scenario: str = "basics/healthy", **more: Any) -> Iterator[MockHost]:
    """A host that keeps its data, not listening: another process, as far as the data is concerned."""
    host = MockHost(scenario, control=False, data=folder, **more)
    try:
        if not host.runtime.host.running:
            host.runtime.state.begin()
        yield host
    finally:
        host.runtime.close()


def logins(host: MockHost) -> list[str]:
    return [str(each["ContosoLogin"]) for each in host.objects("SQL")]


def test_changes_of_every_kind_are_there_in_the_next_host(tmp_path: Path) -> None:
    """Exports and changes behind the host's back, of objects of the start and of new ones."""
    with mock(tmp_path) as host:
        connector = host.runtime.host.connector("SQL")
        connector.create(user(**BOB))
        connector.create(user(**{**BOB, "ContosoLogin": "eve"}))
        connector.delete("eve")
        connector.delete("ljacobson")
        connector.patch(
            "dmartin", {"Operations": [{"op": "replace", "path": f"{URN}:LastName", "value": "M"}]}
        )
        host.change(
            {"SQL": {"insert": [{**BOB, "ContosoLogin": "carol"}], "delete": [{"ContosoLogin": "jgarcia"}]}}
        )
        before = host.objects("SQL")
    with mock(tmp_path) as host:
        assert host.objects("SQL") == before
        assert logins(host) == ["dmartin", "awhite", "moconnor", "bob", "carol"]
        assert host.objects("SQL")[0]["LastName"] == "M"
        assert len(host.cache("SQL")) == 5


def test_generated_values_go_on_where_they_stopped(tmp_path: Path) -> None:
    with mock(tmp_path) as host:
        first = host.runtime.host.connector("SQL").create(user(**BOB)).record
    with mock(tmp_path) as host:
        second = host.runtime.host.connector("SQL").create(user(**{**BOB, "ContosoLogin": "eve"})).record
    assert first is not None
    assert second is not None
    assert first[4] != second[4]


def test_a_write_that_is_taken_back_is_not_kept(tmp_path: Path) -> None:
    with mock(tmp_path) as host:
        connector = host.runtime.host.connector("SQL")
        with connector.trial():
            connector.create(user(**BOB))
        with pytest.raises(ScimError):
            connector.create(user(ContosoLogin="eve"))
        with host.runtime.fork().lock:
            host.runtime.fork().host.connector("SQL").create(user(**{**BOB, "ContosoLogin": "fay"}))
    with mock(tmp_path) as host:
        assert len(logins(host)) == 5


def test_a_reset_empties_it(tmp_path: Path) -> None:
    """Of the host, of one connector, and with other objects."""
    for again in (
        lambda host: host.reset(),
        lambda host: host.reset_connector("SQL"),
    ):
        with mock(tmp_path) as host:
            host.runtime.host.connector("SQL").create(user(**BOB))
            again(host)
        with mock(tmp_path) as host:
            assert len(logins(host)) == 5


def test_other_columns_keep_the_objects(tmp_path: Path) -> None:
    """Changed while the host runs; the next host has them with the same columns only."""
    with mock(tmp_path) as host:
        host.runtime.host.connector("SQL").create(user(**BOB))
        host.service("stop")
        host.set("connectors.SQL.system.columns.Shoe", "string")
        host.service("start")
        assert len(logins(host)) == 6
    with pytest.raises(UsageError, match="belongs to other columns or objects of SQL"), mock(tmp_path):
        pass
    with mock(tmp_path, connectors={"SQL": {"system": {"columns": {"Shoe": "string"}}}}) as host:
        assert len(logins(host)) == 6


def test_what_can_not_be_kept_is_refused_before_it_begins(tmp_path: Path) -> None:
    with mock(tmp_path), pytest.raises(CannotRun, match="another host may use it"), mock(tmp_path):
        pass
    with mock(tmp_path, "basics/healthy"):
        pass
    with pytest.raises(UsageError, match="use another folder"), mock(tmp_path, seed=99):
        pass
    with (
        pytest.raises(UsageError, match="is of kind scim, whose resources are not kept"),
        mock(tmp_path, "basics/scim"),
    ):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotRun, match="can't be used"):
        Kept(tmp_path / "file")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / FILE).write_bytes(b"not a database" * 100)
    with pytest.raises(CannotRun, match="not a database"):
        Kept(tmp_path / "broken")


def test_a_change_that_can_not_be_written_is_not_made(tmp_path: Path) -> None:
    """The client is told, and memory and file go on together."""
    with mock(tmp_path) as host:
        assert host.runtime.kept is not None
        connector = host.runtime.host.connector("SQL")
        connector.create(user(**BOB))
        host.runtime.kept._connection.execute("PRAGMA query_only=ON")
        for write in (
            lambda: connector.create(user(**{**BOB, "ContosoLogin": "eve"})),
            lambda: connector.delete("bob"),
            lambda: connector.delete("ljacobson"),
        ):
            with pytest.raises(ScimError, match="can't be kept in"):
                write()
        with pytest.raises(CannotRun, match="can't be kept"):
            host.change({"SQL": {"delete": [{"ContosoLogin": "ljacobson"}]}})
        assert len(logins(host)) == 6
        host.runtime.kept._connection.execute("PRAGMA query_only=OFF")
        connector.delete("ljacobson")
    with mock(tmp_path) as host:
        assert len(logins(host)) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_the_file_is_private(tmp_path: Path) -> None:
    with mock(tmp_path / "data"):
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600


def test_odd_values_come_back_as_they_were(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.load("X", "")
    record = (None, True, 10**30, "half \ud800", ("a", "b"), b"\0\xff", -1, "é")
    kept.write("X", {3: record, 4: None, 9: ("plain", 1)}, [], 7)
    kept.write("X", {}, [9], 8)
    rows, generated = kept.load("X", "")
    assert (list(rows), generated) == ([(3, record), (4, None)], 8)
    kept.close()


@pytest.mark.slow
def test_a_killed_host_loses_no_acknowledged_write(tmp_path: Path) -> None:
    """Killed in the middle of writes by four clients, five times; what one said is there, the next one has."""
    acknowledged: set[str] = set()
    for turn in range(5):
        ready = tmp_path / f"ready{turn}.json"
        command = [
            sys.executable,
            "-m",
            "mockhost",
            "serve",
            "basics/healthy",
            "--data",
            str(tmp_path / "data"),
        ]
        command += ["--port", "0", "--control-port", "0", "--no-tls", "--ready-file", str(ready), "--quiet"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                for _ in range(600):
                    if ready.exists() or process.poll() is not None:
                        break
                    threading.Event().wait(0.05)
                target = json.loads(ready.read_text())["connectors"]["SQL"]
                lost = acknowledged - held(target)
                assert not lost
                names = [f"t{turn}c{n}" for n in range(4)]
                clients = [
                    threading.Thread(target=write, args=(target, name, acknowledged)) for name in names
                ]
                for client in clients:
                    client.start()
                threading.Event().wait(0.5 + turn / 7)
            finally:
                process.kill()
            for client in clients:
                client.join()
    assert len(acknowledged) > 50
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / FILE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def write(target: dict[str, Any], name: str, acknowledged: set[str]) -> None:
    """Create users until the host is gone."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {target['secret_token']}"
    for n in range(100_000):
        login = f"{name}n{n}"
        body: Any = user(**{**BOB, "ContosoLogin": login})
        try:
            answer = session.post(f"{target['url']}/Users", json=body, timeout=20)
        except requests.RequestException:
            break
        if answer.status_code == 201:
            acknowledged.add(login)
    session.close()


def held(target: dict[str, Any]) -> set[str]:
    """The ids of all users."""
    headers = {"Authorization": f"Bearer {target['secret_token']}"}
    found: set[str] = set()
    while True:
        url = f"{target['url']}/Users?startIndex={len(found) + 1}&count=500"
        page = requests.get(url, headers=headers, timeout=60).json()["Resources"]
        found |= {each["id"] for each in page}
        if not page:
            return found
