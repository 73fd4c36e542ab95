"""A database of which nothing but SQLAlchemy knows: the same contract, and its own words."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.connectors.ecma.config import SqlConfig
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.systems import sql
from mockhost.scim.errors import ScimError
from tests.connectors.ecma.conftest import URN, make_host, page_on, user
from tests.servers import MariaDb, mariadb

pytestmark = pytest.mark.slow
BOB = {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDb]:
    """One server for the module."""
    pytest.importorskip("pymysql")
    with mariadb() as made:
        yield made


@pytest.fixture
def page(server: MariaDb) -> dict[str, Any]:
    """A table that is the database's own, with two rows."""
    server.run(
        "DROP TABLE IF EXISTS staff",
        """CREATE TABLE staff (ContosoLogin varchar(50) PRIMARY KEY, FirstName varchar(20) NOT NULL,
           LastName varchar(50), Number int AUTO_INCREMENT UNIQUE, Active boolean DEFAULT true, Photo blob, Hired date,
           Pay decimal(9,2), Kind enum('a', 'b'), UpdatedAt timestamp(6) DEFAULT now(6) ON UPDATE now(6), Gone boolean,
           Loud varchar(50) AS (upper(FirstName)), CONSTRAINT no_tables CHECK (LastName <> 'Tables'))""",
        """INSERT INTO staff (ContosoLogin, FirstName, LastName) VALUES ('lisa', 'Lisa', 'J'), ('david', 'D', 'M')""",
    )
    return page_on(server.url, timeout="1s")


@pytest.fixture
def host(page: dict[str, Any]) -> Iterator[Host]:
    """A host on the table, started."""
    page["system"]["sql"] |= {"watermark": "UpdatedAt", "deleted": "Gone"}
    made = make_host(connectors={"LDAP": None, "SQL": page})
    yield made
    made.close()


def test_columns_are_discovered(server: MariaDb, page: dict[str, Any]) -> None:
    """Types, keys, and what may be empty."""
    found = sql.discover(SqlConfig(url=server.url, table="staff"))
    types = {name: column.type for name, column in found.items()}
    assert types["Number"] == "integer"
    assert types["Active"] == types["Gone"] == "boolean"
    assert types["Photo"] == "binary"
    assert types["Pay"] == types["Hired"] == types["Kind"] == "string"
    assert [name for name, column in found.items() if column.required] == ["ContosoLogin", "FirstName"]
    assert {name for name, column in found.items() if column.unique} == {"ContosoLogin", "Number"}


def test_exports_and_imports(server: MariaDb, host: Host) -> None:
    """Every type comes and goes; delta imports follow the watermark, soft deletes included."""
    connector = host.connector("SQL")
    made = connector.create(
        user(**BOB, Active=False, Photo="AP8=", Hired="2026-01-02", Pay="12.50", Kind="b", Number=77)
    )
    assert made.record is not None
    row = "SELECT Active, Photo, Pay, Kind, Loud FROM staff WHERE ContosoLogin = 'bob'"
    assert [str(each) for each in server.run(row)[0]] == ["0", r"b'\x00\xff'", "12.50", "b", "BOB"]
    connector.patch("bob", {"Operations": [{"op": "replace", "path": f"{URN}:FirstName", "value": "é😀"}]})
    connector.delete("lisa")
    server.run("INSERT INTO staff (ContosoLogin, FirstName) VALUES ('new', 'N')")
    connector.space.begin_import("delta")
    assert sorted(str(record[0]) for record in connector.space.snapshot()) == ["bob", "david", "new"]
    held = {each["ContosoLogin"]: each for each in connector.system.objects({})}
    assert set(held) == {"bob", "david", "new"}
    assert [held["bob"][name] for name in ("FirstName", "Active", "Photo", "Number")] == [
        "é😀",
        False,
        "AP8=",
        77,
    ]
    assert server.run("SELECT Gone FROM staff WHERE ContosoLogin = 'lisa'") == [(1,)]
    assert host.state_of("SQL")["import_problem"] is None


def test_what_it_writes_in_a_form_of_its_own_comes_and_goes(server: MariaDb) -> None:
    """Bits are a boolean or a number, and a time has more hours than a day. No warning of a type is shown."""
    server.run(
        "DROP TABLE IF EXISTS odd",
        """CREATE TABLE odd (id int PRIMARY KEY, flag bit, bits bit(9), worked time(1), place point,
           gone bit(1) NOT NULL DEFAULT 0)""",
        "INSERT INTO odd (id, flag, bits, worked) VALUES (1, b'1', b'100000001', '-30:00:05.5')",
    )
    page = page_on(server.url) | {"anchor": "id"}
    page["system"]["sql"] |= {"table": "odd", "deleted": "gone"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        host = make_host(connectors={"LDAP": None, "SQL": page})
    try:
        connector = host.connector("SQL")
        [found] = connector.system.objects()
        assert found == {"id": 1, "flag": True, "bits": 257, "worked": "-30:00:05.500000"}
        connector.create(user(id=2, flag=False, bits=511, worked=found["worked"]))
        connector.delete("1")
        [found] = connector.system.objects()
        assert found == {"id": 2, "flag": False, "bits": 511, "worked": "-30:00:05.500000"}
    finally:
        host.close()


@pytest.mark.parametrize(
    ("values", "status", "words", "driver"),
    [
        ({"FirstName": None}, 400, "Cannot insert the value NULL into column 'FirstName'", "1364: Field"),
        ({"ContosoLogin": "lisa2", "Number": 1}, 409, "Duplicate entry '1' for key", "1062: Duplicate entry"),
        ({"LastName": "Tables"}, 400, "`no_tables` failed", "4025: CONSTRAINT"),
        ({"FirstName": "x" * 21}, 400, "Data too long for column 'FirstName'", "1406: Data too long"),
        ({"Hired": "2026-02-30"}, 400, "Incorrect date value", "1292: Incorrect date"),
        ({"Kind": "c"}, 400, "Data truncated for column 'Kind'", "1265: Data truncated"),
        ({"Pay": "1e99"}, 400, "Out of range value for column 'Pay'", "1264: Out of range"),
        ({"Loud": "BOB"}, 400, "generated column 'Loud'", "1906: The value specified"),
    ],
)  # fmt: skip
def test_it_refuses_in_its_own_words(
    host: Host, values: dict[str, object], status: int, words: str, driver: str
) -> None:
    """As the other databases do, by the numbers of its errors."""
    with pytest.raises(ScimError, match=r".") as caught:
        host.connector("SQL").create(user(**{**BOB, **values}))
    assert caught.value.status == status
    assert words in caught.value.detail
    assert caught.value.native[0].startswith(driver)


def test_a_lock_of_somebody_else_ends_the_export_in_time(server: MariaDb, host: Host) -> None:
    """And the next one succeeds."""
    import pymysql

    connector, change = host.connector("SQL"), {"op": "replace", "path": f"{URN}:LastName", "value": "K"}
    given: dict[str, Any] = {"user": "hr", "password": "canary-of-a-password", "database": "hr"}
    other = pymysql.connect(host="127.0.0.1", port=server.port, **given)
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT * FROM staff WHERE ContosoLogin = 'lisa' FOR UPDATE")
        with pytest.raises(ScimError, match=r"max_statement_time exceeded|Lock wait timeout exceeded"):
            connector.patch("lisa", {"Operations": [change]})
        other.rollback()
    finally:
        other.close()
    connector.patch("lisa", {"Operations": [change]})
    assert server.run("SELECT LastName FROM staff WHERE ContosoLogin = 'lisa'") == [("K",)]


def test_the_table_of_a_scenario_is_made_in_it(server: MariaDb) -> None:
    """With `rows: replace`, which a reset does again."""
    system = {"sql": {"url": server.url, "rows": "replace", "timeout": "5s"}}
    connectors: Any = {"SQL": {"system": system}}
    body: Any = user(**BOB)
    with MockHost("basics/sql", tls=False, control=False, connectors=connectors) as mock:
        before = len(server.run("SELECT * FROM Employees"))
        answer = mock.session("SQL").post(f"{mock.url('SQL')}/Users", json=body, timeout=60)
        assert answer.status_code == 201
        assert len(server.run("SELECT * FROM Employees")) == before + 1
        mock.reset()
        assert len(server.run("SELECT * FROM Employees")) == before


def test_its_password_is_in_no_message(server: MariaDb) -> None:
    """Nor is a traceback, for a server that is not there or does not know the user."""
    from mockhost.errors import UsageError

    for url in (server.url.replace("hr:", "nobody:"), server.url.replace(str(server.port), "1")):
        with pytest.raises(
            UsageError, match=r"the database can't be read: (Access denied|Can't connect)"
        ) as caught:
            sql.discover(SqlConfig(url=url, table="staff"))
        assert "canary" not in str(caught.value)
