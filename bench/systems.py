"""Connected systems outside of the process for the row `systems`: a database or a directory, each with a crowd.

The servers are started as the slow tests start them (`tests/servers.py`), so that nothing of the machine is touched.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench import scenarios
from bench.servers import URN, CannotStart, Server

BASE = "ou=people,dc=lab"


class Missing(Exception):
    """The system's server is not installed; the message says which."""


class Behind(NamedTuple):
    """A system that runs: where it is, and the connector that all kinds of systems can stand behind."""

    system: dict[str, Any]
    is_directory: bool = False

    def scenario(self, folder: Path, count: int, *, in_memory: bool = False) -> str:
        """Write a scenario of `count` people in it, or with the same connector in memory; the file's path."""
        system = {} if in_memory else self.system
        name = f"{'memory' if in_memory else 'outside'}-{'entries' if self.is_directory else 'rows'}-{count}.json"
        return scenarios.behind(folder / name, count, system, self.is_directory)

    def find(self, n: int) -> tuple[str, str]:
        """An attribute that is not the anchor, and what person `n` has there."""
        return ("mail" if self.is_directory else "Email"), f"user{n:07d}@contoso.com"

    def user(self, name: str) -> dict[str, object]:
        """Someone new, as Entra sends it."""
        entry = {"-dn-": f"cn={name},{BASE}", "objectClass": "inetOrgPerson", "cn": name, "sn": "New"}
        row = {"ContosoLogin": name, "EmployeeNumber": name, "FirstName": "Some", "LastName": "New"}
        mail = {"mail" if self.is_directory else "Email": f"{name}@contoso.com"}
        return {"schemas": [URN], URN: {**(entry if self.is_directory else row), **mail}}


@contextlib.contextmanager
def _sqlite() -> Iterator[Behind]:
    yield Behind({"sql": {"url": "sqlite://", "rows": "replace"}})


@contextlib.contextmanager
def _postgresql() -> Iterator[Behind]:
    from tests.servers import postgres

    with _installed(postgres()) as server:
        yield Behind({"sql": {"url": server.url, "rows": "replace"}})


@contextlib.contextmanager
def _openldap() -> Iterator[Behind]:
    from tests.servers import openldap

    with _installed(openldap()) as server:
        where = {"url": server.url, "user": "cn=admin,dc=lab", "password": server.password, "base": BASE}
        yield Behind({"ldap": {**where, "rows": "replace"}}, is_directory=True)


@contextlib.contextmanager
def _installed(opened: AbstractContextManager[Any]) -> Iterator[Any]:
    """The server; Missing where a test would be skipped."""
    import pytest

    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(opened)
        except pytest.skip.Exception as lacking:
            raise Missing(str(lacking)) from None
        yield server


SYSTEMS: dict[str, Callable[[], AbstractContextManager[Behind]]] = {
    "SQLite": _sqlite,
    "PostgreSQL": _postgresql,
    "OpenLDAP": _openldap,
}


def create(server: Server, behind: Behind, prefix: str, count: int) -> float:
    """Creates a second, one after the other over one kept connection."""
    parts = urlsplit(server.base)
    headers = {**server.headers, "Content-Type": "application/scim+json"}
    bodies = [json.dumps(behind.user(f"{prefix}{n:06d}")).encode() for n in range(count)]
    with contextlib.closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)) as kept:
        began = time.perf_counter()
        for body in bodies:
            kept.request("POST", parts.path + "/Users", body=body, headers=headers)
            answer = kept.getresponse()
            text = answer.read()
            if answer.status != 201:
                raise CannotStart(f"{server.name}: a create answered {answer.status}: {text[:200]!r}")
        return count / (time.perf_counter() - began)


def full_import(server: Server) -> float:
    """Seconds of a full import."""
    parts = urlsplit(server.control)
    with contextlib.closing(
        http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
    ) as asked:
        began = time.perf_counter()
        headers = {"Content-Type": "application/json"}
        asked.request("POST", "/v1/connectors/SQL/import", body=b"{}", headers=headers)
        answer = asked.getresponse()
        answer.read()
        if answer.status != 200:
            raise CannotStart(f"{server.name}: an import answered {answer.status}")
        return time.perf_counter() - began
