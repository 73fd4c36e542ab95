"""`--data`: what was changed in connected systems is there in the next host."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mockhost import MockHost
from mockhost.connectors.kept import FILE, Kept
from mockhost.connectors.systems.octets import octets_of, record_of
from mockhost.connectors.tables import UNTOUCHED
from mockhost.errors import CannotRun, UsageError
from mockhost.scim.errors import ScimError
from tests.connectors.ecma.conftest import URN, user
from tests.connectors.killing import everybody, kill_while_writing

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


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_changed_is_there_and_found(tmp_path: Path, seed: int) -> None:
    """Random changes over several processes, also anchors that are empty or shared; each next one imports the same."""
    chance = random.Random(seed)
    people = {"SQL": {"system": {"people": {"count": 6}}}}
    for _ in range(8):
        with mock(tmp_path, connectors=people) as host:
            connector = host.runtime.host.connector("SQL")
            for _ in range(chance.randrange(1, 8)):
                logins_ = [str(each.get("ContosoLogin")) for each in host.objects("SQL")]
                one, new = chance.choice(logins_), f"u{chance.randrange(5)}"
                changes: list[dict[str, Any]] = [
                    {"insert": [{**BOB, "ContosoLogin": chance.choice([new, one])}]},
                    {"insert": [{"FirstName": new}]},
                    {"update": [{"where": {"ContosoLogin": one}, "set": {"LastName": new}}]},
                    {"update": [{"where": {"ContosoLogin": one}, "set": {"ContosoLogin": new}}]},
                    {"delete": [{"ContosoLogin": one}]},
                ]
                if chance.random() < 0.7:
                    host.change({"SQL": chance.choice(changes)})
                else:
                    with contextlib.suppress(ScimError):
                        connector.delete(one) if chance.random() < 0.5 else connector.create(user(**BOB))
            host.import_now("SQL")
            before = (host.objects("SQL"), host.cache("SQL"))
        with mock(tmp_path, connectors=people) as host:
            assert (host.objects("SQL"), host.cache("SQL")) == before
            system = host.runtime.host.system("SQL")
            for each in before[0]:
                for column, value in each.items():
                    assert each in [system.values(record) for record in system.find(column, value)]


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
    with mock(tmp_path, "basics/healthy") as host:
        host.runtime.host.connector("SQL").create(user(**BOB))
    with pytest.raises(UsageError, match="use another folder"), mock(tmp_path, seed=99):
        pass
    with (
        pytest.raises(UsageError, match="belongs to another scenario: one with a connector SQL"),
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
    store = kept.store("X", "")
    record = (None, True, 10**30, "half \ud800", ("a", "b"), b"\0\xff", -1, "é")
    store.write({"": {3: octets_of(record), 4: None, 9: octets_of(("plain", 1))}}, {"generated": 7})
    store.write({"": {9: UNTOUCHED}}, {"generated": 8})
    store = kept.store("X", "")
    found = store.rows("")
    assert {row: octets and record_of(octets) for row, octets in found.items()} == {3: record, 4: None}
    assert store.state == {"generated": 8}
    kept.close()


@pytest.mark.slow
def test_a_killed_host_loses_no_acknowledged_write(tmp_path: Path) -> None:
    def write(client: requests.Session, url: str, name: str) -> set[str]:
        body: Any = user(**{**BOB, "ContosoLogin": name})
        return {name} if client.post(f"{url}/Users", json=body, timeout=120).status_code == 201 else set()

    def read(client: requests.Session, url: str) -> set[str]:
        return {each["id"] for each in everybody(client, f"{url}/Users")}

    kill_while_writing(tmp_path, "basics/healthy", write, read)
