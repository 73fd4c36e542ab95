"""A table of a SQL database as the connected system. Every statement is real; the database is SQLite."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.connectors.ecma.config import SqlConfig
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.systems import database, sql
from mockhost.connectors.systems.database import OWN
from mockhost.connectors.systems.sql import SqlSystem
from mockhost.errors import ScenarioError, UsageError
from mockhost.scim.errors import ScimError
from tests.connectors.ecma.conftest import URN, make_host, user

BOB = {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}
TABLE = """
CREATE TABLE Employees (
  ContosoLogin VARCHAR(50) PRIMARY KEY, FirstName TEXT NOT NULL, LastName TEXT, Number INTEGER UNIQUE,
  Active BOOLEAN DEFAULT 1, Photo BLOB, Hired DATE, UpdatedAt INTEGER DEFAULT 1, Gone BOOLEAN,
  CHECK (LastName <> 'Tables')
);
INSERT INTO Employees (ContosoLogin, FirstName, LastName, Number, Photo, Hired)
  VALUES ('lisa', 'Lisa', 'Jacobson', 1, x'ff00', '2020-02-29'), ('david', 'David', 'Martin', 2, NULL, NULL);
"""


class Hr:
    """A database file that is somebody's own, and hosts in front of it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._hosts: list[Host] = []
        with self.open() as connection:
            connection.executescript(TABLE)

    def open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file)

    def rows(self, what: str = "ContosoLogin") -> list[Any]:
        """What stands in the table, as another program sees it."""
        connection = self.open()
        try:
            return connection.execute(f"SELECT {what} FROM Employees ORDER BY ContosoLogin").fetchall()
        finally:
            connection.close()

    def run(self, statement: str) -> None:
        connection = self.open()
        connection.execute(statement)
        connection.commit()
        connection.close()

    def page(self, *, system: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """The SQL connector in front of the table, its columns read from it."""
        where = {"url": f"sqlite:///{self.file}", "table": "Employees", **more}
        empty = {"columns": None, "objects": None, "table": None}
        return {
            "selected_attributes": None,
            "deprovisioning": {"disable": "none"},
            "system": {**empty, "sql": where, **(system or {})},
        }

    def host(self, connector: dict[str, Any] | None = None, **more: Any) -> Host:
        """A host on the table, started."""
        made = make_host(connectors={"LDAP": None, "SQL": {**self.page(**more), **(connector or {})}})
        self._hosts.append(made)
        return made

    def close(self) -> None:
        for host in self._hosts:
            host.close()


@pytest.fixture
def hr(tmp_path: Path) -> Iterator[Hr]:
    """The database, and the end of all hosts on it."""
    made = Hr(tmp_path / "hr.db")
    yield made
    made.close()


def cached(host: Host) -> list[object]:
    """The logins in the cache."""
    connector = host.connector("SQL")
    return [connector.system.values(record)["ContosoLogin"] for record in connector.space.snapshot()]


# -- what the wizard finds ----------------------------------------------------------------------------------


def test_columns_types_keys_and_what_may_be_empty_are_discovered(hr: Hr) -> None:
    """And the column of soft deletes is not shown."""
    columns = sql.discover(SqlConfig(f"sqlite:///{hr.file}", "Employees", deleted="Gone"))
    assert {name: column.type for name, column in columns.items()} == {
        **{"ContosoLogin": "string", "FirstName": "string", "LastName": "string", "Number": "integer"},
        **{"Active": "boolean", "Photo": "binary", "Hired": "string", "UpdatedAt": "integer"},
    }
    assert [name for name, column in columns.items() if column.unique] == ["ContosoLogin", "Number"]
    assert [name for name, column in columns.items() if column.required] == ["ContosoLogin", "FirstName"]


def test_the_settings_of_a_host_show_what_was_discovered(hr: Hr) -> None:
    """As the wizard's pages do; no URL is among it."""
    settings: Any = hr.host().settings(effective=True)
    shown = settings["connectors"]["SQL"]["system"]
    assert (shown["kind"], shown["table"]) == ("sql", "Employees")
    assert {"name": "FirstName", "type": "string", "required": True, "unique": False} in shown["columns"]
    assert str(hr.file) not in str(settings)


def test_values_of_every_type_come_and_go(hr: Hr) -> None:
    """Bytes are base64 texts, dates are texts; what is not given is the database's default."""
    connector = hr.host().connector("SQL")
    [lisa] = connector.system.objects({"ContosoLogin": "lisa"})
    assert lisa == {
        **{"ContosoLogin": "lisa", "FirstName": "Lisa", "LastName": "Jacobson", "Number": 1, "Active": True},
        **{"Photo": "/wA=", "Hired": "2020-02-29", "UpdatedAt": 1},
    }
    connector.create(user(**BOB, Number=3, Photo="AQI=", Hired="2026-01-01"))
    assert hr.rows("Number, Active, Photo, Hired")[0] == (3, 1, b"\x01\x02", "2026-01-01")


def test_values_that_are_not_of_their_columns_type_are_texts(hr: Hr) -> None:
    """SQLite holds any value in any column; an import reads them all."""
    odd = "Number = 'x', Active = 'maybe', Photo = 'AB', UpdatedAt = 1.5, LastName = x'ff'"
    hr.run(f"UPDATE Employees SET {odd} WHERE ContosoLogin = 'lisa'")
    connector = hr.host().connector("SQL")
    [lisa] = connector.system.objects({"ContosoLogin": "lisa"})
    assert lisa == lisa | {
        "Number": "x",
        "Active": "maybe",
        "Photo": "QUI=",
        "UpdatedAt": "1.5",
        "LastName": "/w==",
    }
    assert len(cached(hr.host())) == 2
    change = {"op": "replace", "path": f"{URN}:FirstName", "value": "L"}
    connector.patch("lisa", {"Operations": [change]})  # they are not in the way of another attribute
    assert hr.rows("FirstName, Number, Active, typeof(LastName)")[1] == ("L", "x", "maybe", "blob")
    change = {"op": "replace", "path": f"{URN}:Number", "value": "y"}
    with pytest.raises(ScimError, match="Number takes a whole number"):
        connector.patch("lisa", {"Operations": [change]})


def test_an_import_ends_whatever_is_raised(hr: Hr, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that can't be read is a failed import; so is a mistake of ours, which is raised as well."""
    host = hr.host()
    space = host.connector("SQL").space

    def raises(error: Exception) -> Any:
        def read(*_: object) -> Any:
            raise error

        return read

    monkeypatch.setattr(host.system("SQL"), "_record", raises(ValueError("no such date")))
    space.begin_import("full")
    assert (space.importing, cached(host)) == (False, ["david", "lisa"])
    assert space.problem == "SQL: the table Employees can't be read: no such date"
    monkeypatch.setattr(host.system("SQL"), "_record", raises(AttributeError("a mistake")))
    with pytest.raises(AttributeError):
        space.begin_import("full")
    assert (space.importing, len(space)) == (False, 2)
    assert space.problem == "the import ended with an internal error: AttributeError: a mistake"


def test_a_row_that_a_trigger_leaves_out_is_refused(hr: Hr) -> None:
    """One that it puts there itself is taken."""
    hr.run(
        """CREATE TRIGGER skips BEFORE INSERT ON Employees WHEN NEW.LastName <> 'By trigger' BEGIN
           INSERT INTO Employees (ContosoLogin, FirstName, LastName) SELECT NEW.ContosoLogin, 'F', 'By trigger'
             WHERE NEW.FirstName = 'Moved';
           SELECT RAISE(IGNORE); END"""
    )
    host = hr.host()
    with pytest.raises(ScimError, match="Employees took no row: a trigger or a rule left it out") as caught:
        host.connector("SQL").create(user(**BOB))
    assert caught.value.status == 500
    host.connector("SQL").create(user(**{**BOB, "FirstName": "Moved"}))
    assert hr.rows("ContosoLogin, LastName")[0] == ("bob", "By trigger")
    assert sorted(map(str, cached(host))) == ["bob", "david", "lisa"]


def test_the_database_gives_a_new_row_its_key(hr: Hr) -> None:
    """The anchor is known once the row is inserted, and is the id."""
    hr.run("CREATE TABLE Numbered (Id INTEGER PRIMARY KEY, Name TEXT)")
    connector = hr.host({"anchor": "Id"}, table="Numbered").connector("SQL")
    assert [connector.create(user(Name=name)).id for name in ("a", "b")] == ["1", "2"]


# -- what is exported ---------------------------------------------------------------------------------------


def test_exports_are_committed_before_the_answer(hr: Hr) -> None:
    """Another program sees them."""
    connector = hr.host().connector("SQL")
    connector.create(user(**BOB))
    assert hr.rows() == [("bob",), ("david",), ("lisa",)]
    connector.patch("bob", {"Operations": [{"op": "replace", "path": f"{URN}:LastName", "value": "Kent"}]})
    assert hr.rows("LastName")[0] == ("Kent",)
    connector.delete("bob")
    assert hr.rows() == [("david",), ("lisa",)]


@pytest.mark.parametrize(
    ("values", "status", "words", "driver"),
    [
        ({"ContosoLogin": "eve", "FirstName": None}, 400, "Cannot insert the value NULL into column 'FirstName'",
         "SQLITE_CONSTRAINT_NOTNULL: NOT NULL constraint failed: Employees.FirstName"),
        ({"ContosoLogin": "eve", "Number": 1}, 409, "DuplicateAnchor. UNIQUE constraint failed: Employees.Number",
         "SQLITE_CONSTRAINT_UNIQUE: UNIQUE constraint failed: Employees.Number"),
        ({"ContosoLogin": "eve", "LastName": "Tables"}, 400, "CHECK constraint failed",
         "SQLITE_CONSTRAINT_CHECK: CHECK constraint failed: LastName <> 'Tables'"),
    ],
)  # fmt: skip
def test_what_the_database_refuses_is_told_and_not_mirrored(
    hr: Hr, values: dict[str, object], status: int, words: str, driver: str
) -> None:
    """In the published words where there are any, else in the driver's; the journal has the driver's."""
    host = hr.host()
    with pytest.raises(ScimError, match=r".") as caught:
        host.connector("SQL").create(user(**{"FirstName": "Eve", **values}))
    assert caught.value.status == status
    assert words in caught.value.detail
    assert caught.value.native == (driver,)
    assert cached(host) == ["david", "lisa"]
    assert hr.rows() == [("david",), ("lisa",)]


@pytest.mark.parametrize(
    ("statement", "event"),
    [
        ("INSERT INTO Strict VALUES ('a', 'x')", "bad_value"),
        ("INSERT INTO Strict VALUES ('a', zeroblob(2000000000))", "bad_value"),
        ("INSERT INTO Strict (rowid, k) VALUES (1, 'a'), (1, 'b')", "duplicate"),
        ("INSERT INTO Nothing VALUES (1)", None),
    ],
)
def test_what_sqlite_raises_is_an_event_of_the_connector(hr: Hr, statement: str, event: str | None) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    hr.run("CREATE TABLE Strict (k TEXT, n INTEGER) STRICT")
    made = database.Database(SqlConfig(f"sqlite:///{hr.file}", "Strict"))
    with pytest.raises(SQLAlchemyError) as caught, made.writing() as writer:
        writer.connection.exec_driver_sql(statement)
    assert made.refusal(caught.value).event == event
    made.close()


def test_a_wait_for_a_connection_ends_in_words(hr: Hr) -> None:
    """They are the mock's own, without SQLAlchemy's names and links."""
    from sqlalchemy.exc import SQLAlchemyError

    made = database.Database(SqlConfig(f"sqlite:///{hr.file}", "Employees", timeout=0.01))
    with contextlib.ExitStack() as held:
        for _ in range(15):  # as many as SQLAlchemy's pool has
            held.enter_context(made.reading())
        with pytest.raises(SQLAlchemyError) as caught:
            held.enter_context(made.reading())
    assert made.refusal(caught.value).words == "all connections to the database were in use for 0.01 s"
    made.close()


def test_a_row_that_is_gone_is_missing(hr: Hr) -> None:
    """The cache still has it."""
    connector = hr.host().connector("SQL")
    hr.run("DELETE FROM Employees")
    with pytest.raises(ScimError, match="MissingObject"):
        connector.delete("lisa")
    change = {"Operations": [{"op": "replace", "path": f"{URN}:LastName", "value": "Kent"}]}
    with pytest.raises(ScimError, match="MissingObject"):
        connector.patch("lisa", change)


def test_a_soft_delete_sets_a_column(hr: Hr) -> None:
    """Imports leave the row out, and the database refuses the anchor to a new one."""
    host = hr.host(deleted="Gone")
    host.connector("SQL").delete("lisa")
    assert hr.rows("ContosoLogin, Gone") == [("david", None), ("lisa", 1)]
    host.restart()
    assert cached(host) == ["david"]
    assert len(host.system("SQL")) == 1
    with pytest.raises(ScimError, match="UNIQUE"):
        host.connector("SQL").create(user(**{**BOB, "ContosoLogin": "lisa"}))


# -- what is imported ---------------------------------------------------------------------------------------


class _Says(Exception):
    """What a driver raises."""

    def __init__(self, *args: object, **attributes: object) -> None:
        super().__init__(*args)
        vars(self).update(attributes)


@pytest.mark.parametrize(
    ("raised", "event", "code", "words"),
    [
        (_Says(1062, "Duplicate entry 'a' for key 'b'"), "duplicate", "1062", "Duplicate entry"),
        (_Says(1048, "Column 'Email' cannot be null"), "null_value", "1048", "Column 'Email'"),
        (_Says({"C": "22001", "M": "value too long", "R": "varchar"}), "bad_value", "22001", "value too long"),
        (_Says("told", pgcode="23505"), "duplicate", "23505", "told"),
        (_Says(2013, "Lost connection"), None, "2013", "Lost connection"),
        (_Says(), None, "_Says", ""),
    ],
)  # fmt: skip
def test_drivers_tell_their_errors_in_several_ways(
    raised: Exception, event: str | None, code: str, words: str
) -> None:
    """PyMySQL by number and text, pg8000 by the fields of PostgreSQL's message, psycopg2 by an attribute."""
    made = database.Database(SqlConfig("sqlite://", "t"))
    found = made.refusal(raised)
    made.close()
    assert (found.event, found.code) == (event, code)
    assert found.words.startswith(words)
    assert found.column == ("Email" if "Email" in words else "")


DELTA = {"import": {"profiles": ["full", "delta"]}}


def test_a_delta_import_reads_from_the_watermark_on(hr: Hr) -> None:
    """A change that does not move the watermark is not seen, and a deleted row is not missed."""
    host = hr.host(DELTA, watermark="UpdatedAt")
    hr.run("UPDATE Employees SET FirstName = 'L', UpdatedAt = 2 WHERE ContosoLogin = 'lisa'")
    hr.run("UPDATE Employees SET FirstName = 'D', UpdatedAt = 0 WHERE ContosoLogin = 'david'")
    hr.run("INSERT INTO Employees (ContosoLogin, FirstName, UpdatedAt) VALUES ('bob', 'Bob', 3)")
    space = host.connector("SQL").space
    space.begin_import("delta")
    names = {record[0]: record[1] for record in space.snapshot()}
    assert names == {"lisa": "L", "david": "David", "bob": "Bob"}
    hr.run("DELETE FROM Employees WHERE ContosoLogin = 'bob'")
    space.begin_import("delta")
    assert "bob" in cached(host)
    space.begin_import("full")
    assert "bob" not in cached(host)


def test_a_delta_import_sees_soft_deletes(hr: Hr) -> None:
    """The row is still there to be read."""
    host = hr.host(DELTA, watermark="UpdatedAt", deleted="Gone")
    hr.run("UPDATE Employees SET Gone = 1, UpdatedAt = 2 WHERE ContosoLogin = 'lisa'")
    host.connector("SQL").space.begin_import("delta")
    assert cached(host) == ["david"]


def test_an_import_reads_in_slices(hr: Hr, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than fit into one are all there."""
    monkeypatch.setattr(sql, "SLICE", 7)
    with hr.open() as connection:
        rows = [(f"user{n:03d}", "U") for n in range(100)]
        connection.executemany("INSERT INTO Employees (ContosoLogin, FirstName) VALUES (?, ?)", rows)
    assert len(cached(hr.host())) == 102


def test_an_import_that_fails_keeps_the_cache_and_says_why(hr: Hr) -> None:
    """And the service starts although the database can't be read."""
    host = hr.host()
    hr.run("ALTER TABLE Employees RENAME TO Former")
    host.connector("SQL").space.begin_import("full")
    assert cached(host) == ["david", "lisa"]
    assert "no such table" in str(host.state_of("SQL")["import_problem"])
    host.restart()
    assert cached(host) == []
    assert "no such table" in str(host.state_of("SQL")["import_problem"])


# -- reset --------------------------------------------------------------------------------------------------


def test_rows_of_the_databases_own_are_not_reset(hr: Hr) -> None:
    """A reset of the connector says so; one of the host leaves them alone, and imports again."""
    with MockHost("basics/healthy", control=False, connectors={"LDAP": None, "SQL": hr.page()}) as mock:
        mock.change({"SQL": {"insert": [BOB]}})
        with pytest.raises(UsageError, match="the database's own"):
            mock.reset_connector("SQL")
        mock.reset()
        assert len(mock.cache("SQL")) == 3
    assert len(hr.rows()) == 3


def test_rows_of_the_scenario_are_put_back(tmp_path: Path) -> None:
    """The table is made anew, whatever there was."""
    page = {"system": {"sql": {"url": f"sqlite:///{tmp_path}/lab.db", "rows": "replace"}}}
    with MockHost("basics/healthy", control=False, connectors={"SQL": page}) as mock:
        before = mock.objects("SQL")
        mock.change({"SQL": {"delete": [{"ContosoLogin": "ljacobson"}]}})
        mock.reset_connector("SQL")
        assert mock.objects("SQL") == before
        mock.change({"SQL": {"delete": [{"ContosoLogin": "ljacobson"}]}})
        mock.reset()
        assert mock.objects("SQL") == before


# -- behind a whole mock ------------------------------------------------------------------------------------


def test_finds_are_answered_while_an_export_waits() -> None:
    """The lock of the host is not held while a database is waited for."""
    connectors = {"SQL": {"system": {"trouble": "locked", "sql": {"timeout": "60s"}}}}
    with MockHost("basics/sql", control=False, host={"tls": "plain_http"}, connectors=connectors) as mock:
        system = mock.runtime.host.system("SQL")
        assert isinstance(system, SqlSystem)
        waits, go_on = threading.Event(), threading.Event()
        add = system.add

        def wait(values: Any) -> Any:
            waits.set()
            go_on.wait(60)
            system.configure(system.page._replace(system=system.page.system._replace(trouble="none")))
            return add(values)

        system.add = wait  # type: ignore[method-assign]
        answers: list[int] = []
        url = f"{mock.url('SQL')}/Users"
        body: Any = user(**BOB)
        client = threading.Thread(
            target=lambda: answers.append(mock.session("SQL").post(url, json=body).status_code)
        )
        client.start()
        assert waits.wait(60)
        assert mock.session("SQL").get(f"{url}/ljacobson").status_code == 200
        assert not answers
        go_on.set()
        client.join()
        assert answers == [201]


def test_a_write_that_is_not_to_happen_is_taken_back(hr: Hr) -> None:
    """A fault tries it out in a transaction."""
    rule = {"when": {"operation": "create_user"}, "fault": {"http_error": 503}, "times": 1}
    overrides: Any = {"host": {"tls": "plain_http"}, "rules": [rule]}
    with MockHost(
        "basics/healthy", control=False, connectors={"LDAP": None, "SQL": hr.page()}, **overrides
    ) as mock:
        body: Any = user(**BOB)

        def post() -> int:
            return mock.session("SQL").post(f"{mock.url('SQL')}/Users", json=body).status_code

        assert post() == 503
        assert len(hr.rows()) == 2
        assert post() == 201
        assert len(hr.rows()) == 3


def test_the_journal_has_the_drivers_words() -> None:
    """Whatever the client was told."""
    with MockHost("basics/sql", control=False, host={"tls": "plain_http"}) as mock:
        body: Any = user(ContosoLogin="bob", LastName="Kelly")
        mock.session("SQL").post(f"{mock.url('SQL')}/Users", json=body)
        [entry] = mock.journal
        assert entry.native == ("SQLITE_CONSTRAINT_NOTNULL: NOT NULL constraint failed: Employees.FirstName",)


def test_a_database_of_the_mocks_own_goes_with_it() -> None:
    """Its file is in a private folder."""
    host = make_host(connectors={"LDAP": None, "SQL": {"system": {"sql": {"url": OWN, "rows": "replace"}}}})
    system = host.system("SQL")
    assert isinstance(system, SqlSystem)
    file = Path(str(system.database.url.database))
    assert file.exists()
    host.close()
    assert not file.exists()


def test_a_table_that_is_not_there_is_a_problem_with_its_place(hr: Hr) -> None:
    """With near names."""
    with pytest.raises(ScenarioError, match=r"no table 'Employes'; did you mean 'Employees'"):
        hr.host(table="Employes")


@pytest.mark.parametrize("password", ["p@canary", "p@ca/nary", "p@ca?nary", "p@ca:1/nary", "@canary"])
def test_nothing_of_a_password_with_an_at_sign_is_shown(password: str) -> None:
    """What follows it would be taken for the server, whose name a driver's errors have."""
    with pytest.raises(UsageError, match=r"^(the URL has more than one @|not a URL)") as caught:
        database.read_url(f"postgresql+psycopg://hr:{password}@127.0.0.1/hr")
    assert "nary" not in f"{caught.value.message} {caught.value.hint}"
    assert database.read_url("postgresql+psycopg://hr:p%40x@127.0.0.1/hr").password == "p@x"


def test_passwords_of_a_query_are_secrets() -> None:
    url = "postgresql+psycopg://127.0.0.1/hr?user=hr&password=canary-1&sslpassword=canary-2"
    made = database.Database(SqlConfig(url, "staff"))
    assert made.clean("canary-1 and canary-2") == "*** and ***"
    made.close()


def test_a_dn_that_clients_send_is_unique() -> None:
    """In a table of the scenario's; one of the database's own has no DN, and none can be the anchor."""
    entry = {"cn": "bob", "-dn-": "cn=bob,ou=people,dc=lab"}
    system: Any = {"columns": {"objectClass": None, "cn": "string"}, "objects": None, "sql": {"url": OWN}}
    system["sql"]["rows"] = "replace"
    page: Any = {"anchor": "dn", "selected_attributes": None, "deprovisioning": {"disable": "none"}}
    host = make_host(connectors={"SQL": None, "LDAP": {**page, "system": system}})
    host.system("LDAP").change({"insert": [entry]})
    with pytest.raises(ScimError, match="UNIQUE constraint failed") as caught:
        host.connector("LDAP").create(user(**entry))
    assert caught.value.status == 409
    host.close()
    system["sql"] = {"url": OWN}
    with pytest.raises(
        ScenarioError, match=r"anchor: a table of the database's own has no DN; name a column"
    ):
        make_host(connectors={"SQL": None, "LDAP": {**page, "system": system}})


NAMES = [
    "my.table",
    "a.b.c",
    ".",
    "a b",
    "order",
    "é€",
    'a"b',
    '"',
    "it's",
    "a[b]",
    "a`b",
    "100",
    "a%b",
    "a:b",
    "x;--",
]
"""Names of tables. Those with a dot, and what stands in double quotes, are written in double quotes."""


@pytest.mark.parametrize("schema", ["", "main."])
@pytest.mark.parametrize("mode", ["discovered", "declared", "made"])
@pytest.mark.parametrize("name", NAMES)
def test_a_table_may_have_any_name(tmp_path: Path, name: str, mode: str, schema: str) -> None:
    """One that is there already, and one that is made."""
    file, quoted = tmp_path / "own.db", '"' + name.replace('"', '""') + '"'
    if mode != "made":
        connection = sqlite3.connect(file)
        connection.execute(f"CREATE TABLE {quoted} (k TEXT PRIMARY KEY)")
        connection.close()
    where = {"url": f"sqlite:///{file}", "table": schema + (quoted if "." in name else name)}
    system: dict[str, Any] = {"sql": where, **({} if mode == "discovered" else {"columns": {"k": "string"}})}
    if mode == "made":
        where["rows"] = "replace"
    page = {"kind": "generic_sql", "secret_token": "t", "anchor": "k", "selected_attributes": ["k"]}
    host = make_host(connectors={"LDAP": None, "SQL": None, "Own": {**page, "system": system}})
    try:
        connector = host.connector("Own")
        assert connector.create(user(k="bob")).native[0].startswith("INSERT INTO ")
        connector.space.begin_import("full")
        assert connector.get("bob")
        assert [each["k"] for each in connector.system.objects()] == ["bob"]
        connector.delete("bob")
    finally:
        host.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (".Employees", "a part of the name '.Employees' is empty; write NAME or SCHEMA.NAME"),
        ("main..Employees", "a part of the name 'main..Employees' is empty"),
        (
            "hr.Employees",
            "SQLite has no schema 'hr', which 'hr.Employees' names; if the table's own name has a dot",
        ),
        ("main.hr.Employees", "SQLite has no schema 'main.hr'"),
    ],
)
@pytest.mark.parametrize("columns", [None, {"ContosoLogin": "string"}])
def test_a_name_that_no_table_has_is_a_problem_at_its_key(
    hr: Hr, name: str, words: str, columns: object
) -> None:
    """Whether or not the columns are read from it."""
    with pytest.raises(ScenarioError) as caught:
        hr.host(table=name, system={"columns": columns})
    assert f"$.connectors.SQL.system.sql.table: {words}" in str(caught.value)
