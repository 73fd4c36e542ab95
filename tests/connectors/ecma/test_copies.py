"""A fork of a mock whose connected system is outside of the process: it changes and closes only what is its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.connectors.proxy.connector import ProxyConnector
from mockhost.connectors.systems import database
from mockhost.connectors.systems.ldap import LdapSystem
from mockhost.connectors.systems.sql import SqlSystem
from mockhost.connectors.systems.system import System
from mockhost.errors import CannotRun, UsageError
from mockhost.runtime import Runtime
from mockhost.scim.errors import ScimError
from tests.connectors.ecma import test_ldap, test_sql
from tests.connectors.ecma.conftest import user
from tests.connectors.ecma.test_sql import Hr
from tests.servers import openldap, postgres

BOB = test_sql.BOB
hr = test_sql.hr
STEPS: dict[str, Any] = {
    "format": 1,
    "expect": [
        {"send": "create", "attributes": {**BOB}, "gets": {"status": 201}},
        {"change": {"SQL": {"delete": [{"ContosoLogin": "lisa"}]}}},
        {"import": "SQL"},
        {"send": "get", "id": "lisa", "gets": {"status": 404}},
    ],
}


@contextmanager
def on(page: dict[str, Any], name: str = "SQL", **more: Any) -> Iterator[MockHost]:
    """A host with one connector."""
    other = {"SQL": "LDAP", "LDAP": "SQL"}[name]
    with MockHost(
        "basics/healthy", control=False, tls=False, connectors={other: None, name: page}, **more
    ) as made:
        yield made


@contextmanager
def forked(mock: MockHost) -> Iterator[Runtime]:
    twin = mock.runtime.fork()
    try:
        yield twin
    finally:
        twin.close()


def sql_of(runtime: Runtime) -> SqlSystem:
    system = runtime.host.system("SQL")
    assert isinstance(system, SqlSystem)
    return system


def logins(system: System) -> set[object]:
    return {each["ContosoLogin"] for each in system.objects()}


# -- SQL ----------------------------------------------------------------------------------------------------


def test_what_a_fork_writes_is_in_a_copy_of_the_file(hr: Hr) -> None:
    """It begins with the rows as they are, and refuses what the file would refuse; the file stays as it is."""
    with on(hr.page()) as mock:
        hr.run("UPDATE Employees SET LastName = 'Kent' WHERE ContosoLogin = 'lisa'")
        with forked(mock) as twin:
            connector = twin.host.connector("SQL")
            connector.create(user(**BOB))
            assert [each["LastName"] for each in sql_of(twin).objects({"ContosoLogin": "lisa"})] == ["Kent"]
            with pytest.raises(ScimError, match=r"UNIQUE constraint failed: Employees\.Number"):
                connector.create(user(**{**BOB, "ContosoLogin": "eve", "Number": 1}))
            twin.change({"SQL": {"delete": [{}]}})
            assert logins(sql_of(twin)) == set()
        assert logins(sql_of(mock.runtime)) == {"lisa", "david"}
        assert hr.rows() == [("david",), ("lisa",)]


@pytest.mark.parametrize("own", [True, False], ids=["own", "file"])
def test_a_setting_of_a_fork_closes_nothing_of_the_original(hr: Hr, own: bool) -> None:
    """Another time limit opens the fork's connection again; at its end its folder goes, and no other."""
    page = {"system": {"sql": {"url": "sqlite://", "rows": "replace"}}} if own else hr.page()
    with on(page) as mock:
        system = sql_of(mock.runtime)
        pool, before, file = (
            system.database.engine.pool,
            logins(system),
            Path(system.database.url.database or ""),
        )
        with forked(mock) as twin:
            mine = [Path(sql_of(twin).database.url.database or "")]
            twin.set("connectors.SQL.system.sql.timeout", "3s")
            twin.service("restart")
            mine.append(Path(sql_of(twin).database.url.database or ""))
            twin.host.connector("SQL").create(user(**BOB))
            assert [each.exists() for each in mine] == [False, True]
        assert not mine[1].exists()
        assert file.exists()
        assert system.database.engine.pool is pool
        assert logins(system) == before


def test_a_check_can_be_repeated(hr: Hr) -> None:
    """Its steps create, delete and import, each time on a copy of its own."""
    with on(hr.page(), **STEPS) as mock:
        for _ in range(2):
            found = mock.check()
            assert "expect" in found.holds, found.text
        assert hr.rows() == [("david",), ("lisa",)]


@pytest.fixture
def too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is copied."""
    monkeypatch.setattr(database, "MOST_COPIED", 0)


REFUSED = "SQL: a copy of the host reads the database's data, and does not write it"


def assert_reads_only(mock: MockHost) -> None:
    """A fork of the host reads the rows of Employees, or staff, and writes none."""
    with forked(mock) as twin:
        connector = twin.host.connector("SQL")
        twin.import_now("SQL")
        assert len(connector.space) == 2
        with pytest.raises(ScimError, match=REFUSED):
            connector.create(user(**BOB))
        with pytest.raises(ScimError, match=REFUSED):
            connector.delete("lisa")
        with pytest.raises(UsageError, match=f"{REFUSED}; run 'mockhost check SCENARIO'"):
            twin.change({"SQL": {"delete": [{}]}})
        twin.reset()
        assert len(sql_of(twin)) == 2
        twin.set("connectors.SQL.system.sql.timeout", "3s")
        twin.service("restart")
        with pytest.raises(ScimError, match=REFUSED):
            twin.host.connector("SQL").create(user(**BOB))
    assert logins(sql_of(mock.runtime)) == {"lisa", "david"}


def test_a_database_that_can_not_be_copied_is_read_only_to_a_fork(hr: Hr, too_large: None) -> None:
    """Exports and changes say so, also after a setting or a reset opened it again."""
    with on(hr.page()) as mock:
        assert_reads_only(mock)


def test_a_fork_does_not_make_the_table_of_a_scenario(hr: Hr, too_large: None) -> None:
    """`rows: replace` is the original's to do."""
    page = {"system": {"sql": {"url": f"sqlite:///{hr.file}", "rows": "replace"}}}
    with on(page) as mock:
        mock.change({"SQL": {"insert": [BOB]}})
        with forked(mock) as twin:
            with pytest.raises(UsageError, match="a copy of the host reads"):
                twin.host.reset("SQL")
            twin.reset()
        assert "bob" in logins(sql_of(mock.runtime))


@pytest.mark.slow
def test_a_server_is_read_only_to_a_fork() -> None:
    """PostgreSQL is not copied; the original's connections stay open."""
    with postgres() as server:
        server.run(
            'CREATE TABLE staff ("ContosoLogin" varchar(50) PRIMARY KEY, "FirstName" text, "LastName" text)',
            "INSERT INTO staff VALUES ('lisa', 'Lisa', 'J'), ('david', 'D', 'M')",
        )
        where = {
            "columns": None,
            "objects": None,
            "table": None,
            "sql": {"url": server.url, "table": "staff"},
        }
        page = {"selected_attributes": None, "deprovisioning": {"disable": "none"}, "system": where}
        with on(page) as mock:
            pool = sql_of(mock.runtime).database.engine.pool
            assert_reads_only(mock)
            assert sql_of(mock.runtime).database.engine.pool is pool
            mock.runtime.host.connector("SQL").create(user(**BOB))
        assert server.run("SELECT count(*) FROM staff") == [(3,)]


# -- LDAP ---------------------------------------------------------------------------------------------------


def ldap_of(runtime: Runtime) -> LdapSystem:
    system = runtime.host.system("LDAP")
    assert isinstance(system, LdapSystem)
    return system


def entries(runtime: Runtime) -> dict[object, object]:
    """The names below the base, each with what the directory itself keeps of it."""
    names = ["entryUUID", "modifyTimestamp"]
    with ldap_of(runtime).directory.session() as session:
        found = list(session.search(test_ldap.BASE, "(objectClass=*)", names))
    return {each.dn: sorted(map(str, each.attributes.items())) for each in found}


@pytest.mark.slow
def test_a_fork_has_a_copy_of_a_directory_of_the_mocks_own() -> None:
    """With the same entries to the letter; a setting and the end of the fork end only its own servers."""
    page = test_ldap.own()["LDAP"]
    page["system"]["objects"] = [{**test_ldap.BOB, "sn": "Kelly", "cn": "bob"}]
    with on(page, "LDAP") as mock:
        before = entries(mock.runtime)
        assert len(before) == 2
        with forked(mock) as twin:
            assert entries(twin) == before
            twin.change({"LDAP": {"delete": [{"cn": "bob"}]}})
            assert len(entries(twin)) == 1
            twin.set("connectors.LDAP.system.ldap.timeout", "3s")
            twin.service("restart")
            assert len(entries(twin)) == 2
        assert entries(mock.runtime) == before


@pytest.mark.slow
def test_one_directory_too_many_leaves_the_original_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fork says so."""
    monkeypatch.setattr("mockhost.connectors.systems.slapd.MOST", 1)
    with on(test_ldap.own()["LDAP"], "LDAP") as mock:
        with pytest.raises(CannotRun, match="there are 1 directories"):
            mock.runtime.fork()
        assert entries(mock.runtime)


@pytest.mark.slow
def test_a_directory_with_a_url_is_read_only_to_a_fork() -> None:
    """It can't be copied."""
    with openldap() as server:
        server.add(test_ldap.BASE, objectClass="organizationalUnit", ou="people")
        server.person("lisa")
        with on(test_ldap.there(server)["LDAP"], "LDAP") as mock, forked(mock) as twin:
            connector = twin.host.connector("LDAP")
            assert len(connector.space) == 1
            with pytest.raises(ScimError, match="a copy of the host reads the directory's data"):
                connector.create(user(**test_ldap.BOB))
            with pytest.raises(UsageError, match="a copy of the host reads the directory's data"):
                twin.change({"LDAP": {"delete": [{"cn": "lisa"}]}})
            assert len(ldap_of(mock.runtime).snapshot()) == 1


# -- proxies ------------------------------------------------------------------------------------------------


def test_a_fork_of_a_proxy_has_connections_of_its_own() -> None:
    """A setting of the fork closes those of the original no more."""
    page = {"kind": "proxy", "target": "http://127.0.0.1:9/scim"}
    document: Any = {"format": 1, "connectors": {"P": page}}
    with MockHost(document, control=False, tls=False) as mock:
        original = mock.runtime.state.served.find("P")
        assert isinstance(original, ProxyConnector)
        with forked(mock) as twin:
            twin.set("connectors.P.target", "http://127.0.0.1:9/other")
        assert not original._target._closed
