"""A real PostgreSQL as the connected system: the same contract, its own words, and what can be wrong with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.connectors.ecma.config import SqlConfig
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.systems import sql
from mockhost.errors import ScenarioError
from mockhost.scim.errors import ScimError
from tests.connectors.ecma.conftest import URN, make_host, page_on, user
from tests.servers import Postgres, postgres

pytestmark = pytest.mark.slow
BOB = {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One server for the module."""
    with postgres() as made:
        yield made


@pytest.fixture
def page(server: Postgres) -> dict[str, Any]:
    """A table that is the database's own, with two rows."""
    server.run(
        "DROP TABLE IF EXISTS staff",
        """CREATE TABLE staff ("ContosoLogin" varchar(50) PRIMARY KEY, "FirstName" text NOT NULL, "LastName" text,
           "Number" serial UNIQUE, "Active" boolean DEFAULT true, "Photo" bytea, "Hired" date, "Pay" numeric(9,2),
           "Key" uuid DEFAULT gen_random_uuid(), "UpdatedAt" timestamptz DEFAULT now(), "Gone" boolean,
           CONSTRAINT no_tables CHECK ("LastName" <> 'Tables'))""",
        """INSERT INTO staff ("ContosoLogin", "FirstName", "LastName")
           VALUES ('lisa', 'Lisa', 'J'), ('david', 'D', 'M')""",
    )
    return page_on(server.url, timeout="2s")


@pytest.fixture
def host(page: dict[str, Any]) -> Iterator[Host]:
    """A host on the table, started."""
    page["system"]["sql"] |= {"watermark": "UpdatedAt", "deleted": "Gone"}
    made = make_host(connectors={"LDAP": None, "SQL": page})
    yield made
    made.close()


def test_columns_are_discovered(server: Postgres, page: dict[str, Any]) -> None:
    """Types, keys, and what may be empty."""
    columns = sql.discover(SqlConfig(server.url, "staff"))
    assert {name: c.type for name, c in columns.items() if c.type != "string"} == {
        **{"Number": "integer", "Active": "boolean", "Photo": "binary", "Gone": "boolean"}
    }
    assert [name for name, c in columns.items() if c.required] == ["ContosoLogin", "FirstName"]
    assert [name for name, c in columns.items() if c.unique] == ["ContosoLogin", "Number"]


def test_a_database_without_an_encoding_is_read_as_utf8(server: Postgres) -> None:
    """SQL_ASCII: what initdb makes where no locale is set."""
    import psycopg

    server.run(
        "DROP DATABASE IF EXISTS plain",
        "CREATE DATABASE plain TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'",
    )
    url = f"{server.url.rpartition('/')[0]}/plain"
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SET client_encoding = 'UTF8'")
        connection.execute("CREATE TABLE staff (login varchar(50) PRIMARY KEY)")
        connection.execute("INSERT INTO staff VALUES ('josé')")
    host = make_host(connectors={"LDAP": None, "SQL": page_on(url) | {"anchor": "login"}})
    try:
        assert [each["login"] for each in host.connector("SQL").system.objects()] == ["josé"]
    finally:
        host.close()


def test_exports_and_imports(server: Postgres, host: Host) -> None:
    """Every type comes and goes; delta imports follow the watermark, soft deletes included."""
    connector = host.connector("SQL")
    made = connector.create(user(**BOB, Photo="AQI=", Hired="2026-01-01", Pay="12.50"))
    assert made.record is not None
    values = connector.system.values(made.record)
    assert {name: values[name] for name in ("Number", "Active", "Photo", "Hired", "Pay")} == {
        **{"Number": 3, "Active": True, "Photo": "AQI=", "Hired": "2026-01-01", "Pay": "12.50"}
    }
    change = {"op": "replace", "path": f"{URN}:Hired", "value": "2026-02-03"}
    connector.patch("bob", {"Operations": [change]})
    assert server.run("""SELECT "Hired"::text FROM staff WHERE "ContosoLogin" = 'bob'""") == [("2026-02-03",)]
    server.run("""UPDATE staff SET "FirstName" = 'L', "UpdatedAt" = now() WHERE "ContosoLogin" = 'lisa'""")
    server.run("""UPDATE staff SET "Gone" = true, "UpdatedAt" = now() WHERE "ContosoLogin" = 'david'""")
    connector.space.begin_import("delta")
    assert sorted(r[:2] for r in connector.space.snapshot()) == [("bob", "Bob"), ("lisa", "L")]
    connector.delete("bob")
    assert server.run("""SELECT "Gone" FROM staff WHERE "ContosoLogin" = 'bob'""") == [(True,)]


def test_a_materialized_view_is_a_table_to_read(server: Postgres, page: dict[str, Any]) -> None:
    """Its rows are imported; an export is refused in PostgreSQL's words."""
    server.run('CREATE MATERIALIZED VIEW names AS SELECT "ContosoLogin", "FirstName" FROM staff')
    page["system"]["sql"]["table"] = "names"
    host = make_host(connectors={"LDAP": None, "SQL": page})
    try:
        assert len(host.connector("SQL").space) == 2
        with pytest.raises(ScimError, match="cannot change materialized view"):
            host.connector("SQL").create(user(ContosoLogin="bob", FirstName="Bob"))
    finally:
        host.close()
        server.run("DROP MATERIALIZED VIEW names")


@pytest.mark.parametrize("name", ["my.table", "a b", "order", "é€", 'a"b', "a%b", "a:b"])
def test_a_table_may_have_any_name(server: Postgres, page: dict[str, Any], name: str) -> None:
    """One with a dot is written in double quotes; without them, the error says so."""
    quoted = '"' + name.replace('"', '""') + '"'
    server.run(f"DROP TABLE IF EXISTS {quoted}", f"CREATE TABLE {quoted} AS SELECT * FROM staff")
    page["system"]["sql"]["table"] = name
    if "." in name:
        with pytest.raises(
            ScenarioError, match=r"sql.table: the database has no table 'my.table'.*'\"my.table\"'"
        ):
            make_host(connectors={"LDAP": None, "SQL": page})
        page["system"]["sql"]["table"] = f"public.{quoted}"
    host = make_host(connectors={"LDAP": None, "SQL": page})
    try:
        connector = host.connector("SQL")
        connector.create(user(ContosoLogin="bob", FirstName="Bob"))
        connector.delete("lisa")
        assert len(list(connector.system.objects())) == 2
    finally:
        host.close()


ODD = {
    "json": ('{"a": [1, true, null]}', '{"b":1}'),
    "jsonb": ('{"a": [1, true, null]}', '{"b": 1}'),
    "integer[]": ("{1,2,NULL}", "{3}"),
    "text[]": ('{"a,b",c}', "{é}"),
    "interval": ("1 day -03:00:00", "2 years"),
    "int4range": ("[1,5)", "empty"),
    "int4multirange": ("{[1,2),[5,6)}", "{}"),
    "tstzrange": ('["2020-01-01 00:00:00+00",)', "empty"),
    "timestamptz": ("infinity", "2026-01-02T03:04:05+00:00"),
    "date": ("0044-03-15 BC", "2026-01-02"),
    "numeric": ("12.50", "NaN"),
    "inet": ("10.0.0.1/8", "::1"),
    "bit(3)": ("101", "000"),
    "point": ("(1,2)", "(3,4)"),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_ecma_has_no_type_for_is_a_text_as_postgresql_writes_it(
    server: Postgres, page: dict[str, Any], kind: str
) -> None:
    """And goes back as one."""
    there, new = ODD[kind]
    server.run(
        f"ALTER TABLE staff ADD odd {kind}",
        "ALTER ROLE hr SET TimeZone = 'UTC'",
        f"UPDATE staff SET odd = '{there}'",
    )
    host = make_host(connectors={"LDAP": None, "SQL": page})
    try:
        connector = host.connector("SQL")
        assert [each["odd"] for each in connector.system.objects({})] == [there, there]
        assert host.state_of("SQL")["import_problem"] is None
        connector.create(user(**BOB, odd=there))
        connector.patch("lisa", {"Operations": [{"op": "replace", "path": f"{URN}:odd", "value": new}]})
        held = {each["ContosoLogin"]: each["odd"] for each in connector.system.objects({})}
        assert held == {"bob": there, "lisa": new, "david": there}
    finally:
        host.close()


@pytest.mark.parametrize(
    ("values", "status", "words", "driver"),
    [
        ({"FirstName": None}, 400, "Cannot insert the value NULL into column 'FirstName'", "23502: null value in"),
        ({"ContosoLogin": "lisa2", "Number": "1"}, 409, "duplicate key value violates unique", "23505: duplicate"),
        ({"LastName": "Tables"}, 400, "violates check constraint", "23514: new row"),
        ({"Hired": "2026-02-30"}, 400, "out of range", "22008: date/time field value out of range"),
        ({"Key": "not a key"}, 400, "invalid input syntax for type uuid", "22P02: invalid input syntax"),
        ({"Pay": "1e99"}, 400, "numeric field overflow", "22003: numeric field overflow"),
        ({"LastName": "a\0b"}, 400, "cannot contain NUL", "DataError: PostgreSQL text fields"),
    ],
)  # fmt: skip
def test_it_refuses_in_its_own_words(
    host: Host, values: dict[str, object], status: int, words: str, driver: str
) -> None:
    """And says nothing of the other values of the row."""
    with pytest.raises(ScimError, match=r".") as caught:
        host.connector("SQL").create(user(**{**BOB, "Photo": "Y2FuYXJ5", **values}))
    assert caught.value.status == status
    assert words in caught.value.detail
    assert caught.value.native[0].startswith(driver)
    assert "63616e617279" not in str(caught.value.native)


def test_it_refuses_a_value_for_a_column_that_it_computes(server: Postgres, page: dict[str, Any]) -> None:
    """Of the two kinds: a generated column, and an identity that is always generated."""
    server.run(
        """ALTER TABLE staff ADD loud text GENERATED ALWAYS AS (upper("FirstName")) STORED""",
        "ALTER TABLE staff ADD counted integer GENERATED ALWAYS AS IDENTITY",
    )
    host = make_host(connectors={"LDAP": None, "SQL": page})
    try:
        for name, value in (("loud", "BOB"), ("counted", 5)):
            with pytest.raises(ScimError, match="cannot insert a non-DEFAULT value") as caught:
                host.connector("SQL").create(user(**BOB, **{name: value}))
            assert caught.value.status == 400
    finally:
        host.close()


TROUBLES = {
    "locked": (500, "canceling statement due to"),
    "read_only": (403, "cannot execute INSERT in a read-only transaction"),
    "connection_lost": (500, "terminating connection due to administrator command"),
    "deadlock": (500, "deadlock detected"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_wrong_with_it_passes(server: Postgres, page: dict[str, Any], trouble: str) -> None:
    """The export fails in the server's words, nothing is written, and the next one succeeds."""
    status, words = TROUBLES[trouble]
    page["system"]["trouble"] = trouble
    connectors: Any = {"LDAP": None, "SQL": page}
    with MockHost("basics/healthy", control=False, host={"tls": "plain_http"}, connectors=connectors) as mock:
        body: Any = user(**BOB)
        url = f"{mock.url('SQL')}/Users"
        answer = mock.session("SQL").post(url, json=body)
        assert answer.status_code == status, answer.text
        assert words in answer.json()["detail"]
        count = """SELECT count(*) FROM staff WHERE "ContosoLogin" = 'bob'"""
        assert server.run(count) == [(0,)]
        mock.set("connectors.SQL.system.trouble", "none")
        assert mock.session("SQL").post(url, json=body).status_code == 201
        assert server.run(count) == [(1,)]


PROCEDURES = """
DROP TABLE IF EXISTS calls;
CREATE TABLE calls (what text, login text, hired date);
CREATE OR REPLACE PROCEDURE add_user(p_login text, p_first text, p_hired date, INOUT p_number integer) AS $$
BEGIN
  IF p_first = 'Eve' THEN RAISE EXCEPTION 'no more people called %', p_first; END IF;
  INSERT INTO staff ("ContosoLogin", "FirstName", "Hired") VALUES (p_login, p_first, p_hired)
    RETURNING "Number" INTO p_number;
  INSERT INTO calls VALUES ('add', p_login, p_hired);
END $$ LANGUAGE plpgsql;
CREATE OR REPLACE FUNCTION "UpdateUser"(p_login text, p_first text, p_last text) RETURNS void AS $$
BEGIN
  UPDATE staff SET "FirstName" = p_first, "LastName" = p_last WHERE "ContosoLogin" = p_login;
  INSERT INTO calls VALUES ('update', p_login, NULL);
END $$ LANGUAGE plpgsql;
CREATE OR REPLACE PROCEDURE delete_user("ContosoLogin" text) AS $$
  UPDATE staff SET "Gone" = true WHERE staff."ContosoLogin" = delete_user."ContosoLogin";
$$ LANGUAGE sql
"""
CALLED = {
    "add": {
        "name": "public.add_user",
        "parameters": [
            "p_login:INPUT:@ContosoLogin", "p_first:INPUT:@FirstName", "p_hired:INPUT:@Hired",
            "p_number:OUTPUT:@Number",
        ],
    },
    "update": {
        "name": "UpdateUser",
        "parameters": ["p_login:INPUT:@ContosoLogin", "p_first:INPUT:@FirstName", "p_last:INPUT:@LastName"],
    },
    "delete": {"name": "delete_user"},
}  # fmt: skip


@pytest.fixture
def called(server: Postgres, page: dict[str, Any]) -> dict[str, Any]:
    """The page with procedures for its exports."""
    server.run(PROCEDURES)
    page["system"]["sql"] |= {"procedures": CALLED, "deleted": "Gone"}
    return page


def test_exports_call_procedures(server: Postgres, called: dict[str, Any]) -> None:
    """And nothing else: what they do with the rows is theirs. The journal has the calls."""
    host = make_host(connectors={"LDAP": None, "SQL": called})
    connector = host.connector("SQL")
    made = connector.create(user(**BOB, Hired="2026-01-01"))
    assert made.record is not None
    values = connector.system.values(made.record)
    assert (values["Number"], values.get("LastName"), values["Hired"]) == (3, None, "2026-01-01")
    assert made.native == ("CALL public.add_user(p_login, p_first, p_hired, p_number)",)
    change = {"op": "replace", "path": f"{URN}:LastName", "value": "Kent"}
    done = connector.patch("bob", {"Operations": [change]})
    assert done.native == ("CALL UpdateUser(p_login, p_first, p_last)",)
    names = """SELECT "FirstName", "LastName" FROM staff WHERE "ContosoLogin" = 'bob'"""
    assert server.run(names) == [("Bob", "Kent")]
    assert connector.delete("bob").native == ("CALL delete_user(ContosoLogin)",)
    assert connector.space.get("bob") is None
    assert server.run("SELECT what, login, hired::text FROM calls") == [
        ("add", "bob", "2026-01-01"), ("update", "bob", None),
    ]  # fmt: skip
    assert server.run("""SELECT "Gone" FROM staff WHERE "ContosoLogin" = 'bob'""") == [(True,)]
    assert len(connector.system) == 2
    host.close()


@pytest.mark.parametrize(
    ("values", "status", "words", "driver"),
    [
        ({"FirstName": "Eve"}, 500, "ExportErrorCustomContinueRun. no more people called Eve", "P0001: no more"),
        ({"ContosoLogin": "lisa2", "FirstName": None}, 400, "Cannot insert the value NULL", "23502: null value"),
        ({"Hired": "never"}, 400, "invalid input syntax for type date", "22007: invalid input"),
    ],
)  # fmt: skip
def test_what_a_procedure_raises_is_a_result_of_the_export(
    server: Postgres, called: dict[str, Any], values: dict[str, object], status: int, words: str, driver: str
) -> None:
    """As what a statement raises; nothing is written or mirrored."""
    host = make_host(connectors={"LDAP": None, "SQL": called})
    with pytest.raises(ScimError, match=r".") as caught:
        host.connector("SQL").create(user(**{**BOB, **values}))
    assert (caught.value.status, words in caught.value.detail) == (status, True), caught.value.detail
    assert caught.value.native[0].startswith(driver)
    assert server.run("SELECT count(*) FROM staff") == [(2,)]
    assert len(host.connector("SQL").space) == 2
    host.close()


def test_a_procedure_that_is_not_there_is_told(server: Postgres, called: dict[str, Any]) -> None:
    """In the database's words, at the first export."""
    called["system"]["sql"]["procedures"] = {**CALLED, "delete": {"name": "remove_user"}}
    host = make_host(connectors={"LDAP": None, "SQL": called})
    with pytest.raises(ScimError, match=r"procedure remove_user.* does not exist"):
        host.connector("SQL").delete("lisa")
    host.close()


def test_a_procedure_on_trial_is_taken_back(server: Postgres, called: dict[str, Any]) -> None:
    """All that it did, in other tables, too."""
    rule = {"when": {"operation": "create_user"}, "fault": {"http_error": 503}, "times": 1}
    overrides: Any = {"host": {"tls": "plain_http"}, "rules": [rule]}
    connectors: Any = {"LDAP": None, "SQL": called}
    with MockHost("basics/healthy", control=False, connectors=connectors, **overrides) as mock:
        body: Any = user(**BOB)
        url = f"{mock.url('SQL')}/Users"
        assert mock.session("SQL").post(url, json=body).status_code == 503
        assert server.run("SELECT count(*) FROM calls") == [(0,)]
        assert mock.session("SQL").post(url, json=body).status_code == 201
        assert server.run("SELECT count(*) FROM calls") == [(1,)]


def test_the_database_gives_up_what_takes_too_long(server: Postgres, page: dict[str, Any]) -> None:
    """The time limits are the session's own, so that nothing goes on there."""
    page["system"]["sql"]["timeout"] = "700ms"
    host = make_host(connectors={"LDAP": None, "SQL": page})
    system = host.system("SQL")
    assert isinstance(system, sql.SqlSystem)
    with system.database.reading() as connection:
        limits = {"statement_timeout": "700ms", "lock_timeout": "700ms"}
        limits["idle_in_transaction_session_timeout"] = "2100ms"
        for name, limit in limits.items():
            assert connection.exec_driver_sql(f"SHOW {name}").scalar() == limit
    host.close()


def test_a_server_that_was_restarted_between_requests_is_connected_to_again(
    server: Postgres, host: Host
) -> None:
    """No export and no import fails for a connection that ended while nobody used it."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'hr'"
    assert server.run(end)
    connector = host.connector("SQL")
    connector.create(user(**BOB))
    assert server.run(end)
    connector.space.begin_import("delta")
    assert host.state_of("SQL")["import_problem"] is None


def test_a_server_that_hangs_is_given_up(server: Postgres, page: dict[str, Any]) -> None:
    """It can't keep its own time limit; the export is made on a new connection."""
    page["system"]["sql"]["timeout"] = "100ms"
    host = make_host(connectors={"LDAP": None, "SQL": page})
    others = (
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    connected = [pid for (pid,) in server.run(others)]
    try:
        for pid in connected:
            os.kill(pid, signal.SIGSTOP)
        change = {"op": "replace", "path": f"{URN}:LastName", "value": "K"}
        host.connector("SQL").patch("lisa", {"Operations": [change]})
    finally:
        for pid in connected:
            os.kill(pid, signal.SIGCONT)
        host.close()
    assert connected
    assert server.run("""SELECT "LastName" FROM staff WHERE "ContosoLogin" = 'lisa'""") == [("K",)]


@pytest.mark.parametrize("kind", ["integer", "text", "timestamptz", "char(1)"])
def test_a_column_that_can_not_mark_deleted_rows_is_refused(
    server: Postgres, page: dict[str, Any], kind: str
) -> None:
    """PostgreSQL compares none of them with a boolean, so that no import would succeed."""
    server.run(f'ALTER TABLE staff ADD COLUMN "Left" {kind}')
    page["system"]["sql"]["deleted"] = "Left"
    with pytest.raises(ScenarioError, match="'deleted' needs a boolean column, and Left is"):
        make_host(connectors={"LDAP": None, "SQL": page})


KEYS = {
    "integer": (7, 8),
    "boolean": (True, False),
    "float8": ("1.5", "0.1"),
    "char(4)": ("a   ", "b   "),
    "uuid": ("6f9619ff-8b86-d011-b42d-00c04fc964ff", "6f9619ff-8b86-d011-b42d-00c04fc964fe"),
    "date": ("2020-01-02", "2020-01-03"),
    "timestamptz": ("2020-01-02T03:04:05+00:00", "2020-01-02T03:04:06+00:00"),
    "numeric(9,2)": ("1.50", "2.50"),
    "bytea": ("AQ==", "AAE="),
    "inet": ("10.0.0.1", "10.0.0.2"),
    "varchar(50)": ("a", "b"),
}
"""A type of keys, the key of a row that is there, and that of a new one."""


@pytest.mark.parametrize("kind", KEYS)
def test_an_anchor_of_any_type_is_found(server: Postgres, kind: str) -> None:
    """By exports, by a delta import whose watermark has the type, and by `objects`."""
    held, new = KEYS[kind]
    literal = "'\\x01'" if kind == "bytea" else f"'{held}'"
    server.run(
        "DROP TABLE IF EXISTS keyed",
        f"CREATE TABLE keyed (id {kind} PRIMARY KEY, name text)",
        f"INSERT INTO keyed VALUES ({literal}, 'first')",
    )
    page = page_on(server.url) | {"anchor": "id"}
    page["system"]["sql"] |= {"table": "keyed"} | (
        {} if kind in ("bytea", "uuid", "boolean") else {"watermark": "id"}
    )
    host = make_host(connectors={"LDAP": None, "SQL": page})
    try:
        connector = host.connector("SQL")
        connector.create(user(id=new, name="second"))
        change = {"op": "replace", "path": f"{URN}:name", "value": "changed"}
        for anchor in (held, new):
            connector.patch(str(anchor), {"Operations": [change]})
        assert [each["name"] for each in connector.system.objects({"id": new})] == ["changed"]
        connector.space.begin_import("delta")
        assert sorted(str(each[0]) for each in connector.space.snapshot()) == sorted(map(str, KEYS[kind]))
        connector.delete(str(new))
    finally:
        host.close()
    assert server.run("SELECT name FROM keyed") == [("changed",)]


def test_a_server_that_is_down_stops_nothing(page: dict[str, Any]) -> None:
    """With columns in the scenario the service starts; import and export say why they fail."""
    with postgres() as gone:
        url = gone.url
    system = {
        "columns": {"ContosoLogin": "string", "FirstName": "string"},
        "sql": {**page["system"]["sql"], "url": url},
    }
    host = make_host(connectors={"LDAP": None, "SQL": {**page, "system": {**page["system"], **system}}})
    assert "refused" in str(host.state_of("SQL")["import_problem"])
    with pytest.raises(ScimError, match="refused") as caught:
        host.connector("SQL").create(user(ContosoLogin="bob", FirstName="Bob"))
    assert caught.value.status == 500
    assert "canary" not in caught.value.detail
    host.close()
