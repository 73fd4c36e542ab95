"""The kinds of connected systems that the story is told to, each read natively as well as through the host."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from mockhost import MockHost
from tests.connectors.systems.story import BASE, CONTAINER, TABLE, Page
from tests.servers import openldap, postgres

Objects = list[dict[str, Any]]


class Backend(NamedTuple):
    """A system that is ready for the first host."""

    first: Mapping[str, Any]
    """what the connector's `system` has in the first host, which puts the scenario's objects there"""
    again: Mapping[str, Any]
    """the same in a later host, which finds what the first one left"""
    read: Callable[[MockHost, Page], Objects]
    """all objects, read without the host where that is possible"""
    data: Path | None = None
    """the folder of `--data`"""


@contextmanager
def memory() -> Iterator[Backend]:
    """A table in memory; it is kept in a folder for the host after this one."""
    with tempfile.TemporaryDirectory(prefix="mockhost-test-") as folder:
        yield Backend({}, {}, lambda host, page: host.objects(page.name), Path(folder))


@contextmanager
def sqlite() -> Iterator[Backend]:
    with tempfile.TemporaryDirectory(prefix="mockhost-test-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "hr.db"

        def read(host: MockHost, page: Page) -> Objects:
            with closing(sqlite3.connect(file)) as connection:
                connection.row_factory = sqlite3.Row
                rows = [dict(row) for row in connection.execute("SELECT * FROM Employees")]
            return [
                {k: bool(v) if k == "IsActive" and v is not None else v for k, v in row.items()}
                for row in rows
            ]

        yield _sql(f"sqlite:///{file}", read)


@contextmanager
def postgresql() -> Iterator[Backend]:
    with postgres() as server:

        def read(host: MockHost, page: Page) -> Objects:
            columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'Employees'"
            names = [name for (name,) in server.run(f"{columns} ORDER BY ordinal_position")]
            return [dict(zip(names, row, strict=True)) for row in server.run('SELECT * FROM "Employees"')]

        yield _sql(server.url, read)


def _sql(url: str, read: Callable[[MockHost, Page], Objects]) -> Backend:
    where = {"url": url, "table": "Employees"}
    return Backend(
        {"sql": {**where, "rows": "replace"}}, {"sql": {**where, "rows": "keep"}, "objects": None}, read
    )


@contextmanager
def slapd() -> Iterator[Backend]:
    with openldap() as server:

        def read(host: MockHost, page: Page) -> Objects:
            import ldap3

            connection = ldap3.Connection(
                ldap3.Server(server.url), "cn=admin,dc=lab", server.password, auto_bind=True
            )
            connection.search(BASE, "(objectClass=inetOrgPerson)", attributes=["*"])
            found = [
                {"-dn-": each["dn"], **{k: v[0].decode() for k, v in each["raw_attributes"].items()}}
                for each in connection.response
            ]
            connection.unbind()
            return found

        where = {"url": server.url, "user": "cn=admin,dc=lab", "password": server.password, "base": BASE}
        yield Backend(
            {"ldap": {**where, "rows": "replace"}}, {"ldap": {**where, "rows": "keep"}, "objects": None}, read
        )


MEMORY = "memory"
BACKENDS: dict[str, Callable[[], AbstractContextManager[Backend]]] = {
    MEMORY: memory,
    "SQLite": sqlite,
    "PostgreSQL": postgresql,
    "OpenLDAP": slapd,
}
SERVERS = frozenset({"PostgreSQL", "OpenLDAP"})
"""Those that need a program, so that their tests are slow."""
PAGES: dict[str, Page] = {"SQLite": TABLE, "PostgreSQL": TABLE, "OpenLDAP": CONTAINER}
"""The connector that is tried with each; memory has both."""
