"""Writes docs/explanation/backends.md: what differs between memory, SQLite, PostgreSQL and OpenLDAP."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from tools.docs import ROOT, File, table

PAGE = ROOT / "docs" / "explanation" / "backends.md"
DIFFERENCES = ROOT / "tests" / "connectors" / "systems" / "differences.toml"
REAL = ("SQLite", "PostgreSQL", "OpenLDAP")
TEXT = """\
# Memory, SQLite, PostgreSQL, OpenLDAP

<!-- Written by python -m tools.docs backends from tests/connectors/systems/differences.toml; don't edit. -->

The system behind a connector is a table in memory, unless the scenario names [a database](../how-to/sql.md) or \
[a directory](../how-to/ldap.md).
This page lists what a client, the cache or the provisioning service then sees differently.
Everything else that the tests compare is the same.

## What is compared

One company is provisioned with Entra's [initial and incremental cycles](../how-to/provision-users.md): twenty \
people are matched or created, then some change, are disabled, fall out of scope, are deleted and restored, are \
hired and dismissed behind the host's back, and get another name.
In between there are imports, a restart of the service, and another host that goes on with what the first one left.

After each chapter four things are compared, value by value: the exchanges on the wire, the objects of the \
system (read with SQL or LDAP, not through the host), the cache, and the provisioning log.
The SQL connector of `basics/healthy` is tried with SQLite and PostgreSQL, an LDAP connector with OpenLDAP, each \
beside the same connector with its objects in memory.

## What differs

{differences}
## Scenarios

The scenarios in `basics`, `documented` and `faults` give the same results, expect, cure and cured, when the SQL \
connector's objects are rows of SQLite or PostgreSQL, and when the LDAP connector's objects are entries of \
OpenLDAP.
These do not:

{scenarios}
`basics/million` is left out.
"""


def differences(rows: list[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        shown = row.get("shown", {})
        groups: dict[str, list[str]] = {}
        for name in REAL:
            if name in row:
                groups.setdefault(shown.get(name, _words(row[name])), []).append(name)
        there = "; ".join(f"{', '.join(names)}: {words}" for words, names in groups.items())
        yield row["title"], shown.get("memory", _words(row["memory"])), there, row["why"]


def _words(text: str) -> str:
    plain = text.replace('"', "")
    return f"`{plain}`"


def page() -> str:
    """The whole page."""
    listed = tomllib.loads(DIFFERENCES.read_text("utf-8"))
    head = ("what happens", "in memory", "elsewhere", "why")
    found = ((f"`{row['name']}`", ", ".join(row["on"]), row["why"]) for row in listed["scenarios"])
    return TEXT.format(
        differences=table(head, differences(listed["differences"])),
        scenarios=table(("scenario", "with", "why"), found),
    )


FILES = [File(PAGE, page)]
