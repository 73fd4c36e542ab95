"""What was changed in connected systems in memory, kept in a folder, so that it is there after the process.

The objects of the start are the scenario's and are made again; a SQLite file (in WAL mode) has what was changed since,
row by row. A change is in the file before it is acknowledged, so a process that is killed loses nothing of it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from mockhost.connectors.tables import Record
from mockhost.errors import CannotRun, UsageError

FILE: Final = "data.sqlite"
_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS systems (name TEXT PRIMARY KEY, made_from TEXT NOT NULL, generated INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS objects
  (system TEXT NOT NULL, row INTEGER NOT NULL, record BLOB, PRIMARY KEY (system, row)) WITHOUT ROWID;
"""


class Kept:
    """The file. The runtime's lock guards it. Raises CannotRun where the folder can't be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = folder / FILE
            file.touch(mode=0o600)
            self._connection = sqlite3.connect(
                file, timeout=0.2, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise CannotRun(f"the data folder {folder} can't be used: {error}") from None
        try:
            # Another process would write beside this one, and neither would see it.
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            [version] = self._connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                message = f"{file} is of another version of mockhost"
                raise CannotRun(message, hint="use another folder, or remove the file")
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version={_VERSION}; COMMIT;"
            )
        except sqlite3.Error as error:
            self._connection.close()
            hint = "another host may use it" if "locked" in str(error) else ""
            raise CannotRun(f"the data in {file} can't be used: {error}", hint=hint) from None
        except CannotRun:
            self._connection.close()
            raise

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()

    def load(self, system: str, made_from: str) -> tuple[Iterator[tuple[int, Record | None]], int]:
        """The changed rows of a system in order, None for one that is gone, and how many values were generated.

        made_from: what tells its objects of the start from others. Raises UsageError if the rows belong to others.
        """
        try:
            found = self._connection.execute(
                "SELECT made_from, generated FROM systems WHERE name = ?", (system,)
            ).fetchone()
        except sqlite3.Error as error:
            raise self._unreadable(error) from None
        if found is None:
            self.clear(system, made_from)
            return iter(()), 0
        if found[0] != made_from:
            message = f"the data in {self.folder} belongs to other columns or objects of {system}"
            raise UsageError(message, hint="use another folder, or remove it")
        return self._rows(system), int(found[1])

    def _rows(self, system: str) -> Iterator[tuple[int, Record | None]]:
        query = "SELECT row, record FROM objects WHERE system = ? ORDER BY row"
        try:
            for row, octets in self._connection.execute(query, (system,)):
                yield row, _record(octets)
        except (sqlite3.Error, ValueError) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> CannotRun:
        return CannotRun(
            f"the data in {self.folder} can't be read: {error}", hint="use another folder, or remove it"
        )

    def write(
        self, system: str, changed: Mapping[int, Record | None], untouched: Iterable[int], generated: int
    ) -> None:
        """Keep rows, and forget those that are as at the start. Raises CannotRun, and keeps nothing then."""
        run = self._connection
        try:
            run.execute("BEGIN IMMEDIATE")
            run.executemany(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?)",
                ((system, row, _octets(record)) for row, record in changed.items()),
            )
            run.executemany(
                "DELETE FROM objects WHERE system = ? AND row = ?", ((system, row) for row in untouched)
            )
            run.execute("UPDATE systems SET generated = ? WHERE name = ?", (generated, system))
            run.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                run.execute("ROLLBACK")
            raise CannotRun(f"a change of {system} can't be kept in {self.folder}: {error}") from None

    def row(self, system: str, row: int) -> tuple[bool, Record | None]:
        """Whether a row is kept, and what of it."""
        found = self._connection.execute(
            "SELECT record FROM objects WHERE system = ? AND row = ?", (system, row)
        ).fetchone()
        return (False, None) if found is None else (True, _record(found[0]))

    def clear(self, system: str, made_from: str) -> None:
        """Forget all rows of a system, whose objects of the start are these from now on."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("DELETE FROM objects WHERE system = ?", (system,))
        self._connection.execute("INSERT OR REPLACE INTO systems VALUES (?, ?, 0)", (system, made_from))
        self._connection.execute("COMMIT")

    def clear_all(self) -> None:
        """Forget everything."""
        self._connection.executescript("BEGIN IMMEDIATE; DELETE FROM objects; DELETE FROM systems; COMMIT;")


def _octets(record: Record | None) -> bytes | None:
    if record is None:
        return None
    try:
        return orjson.dumps(record)
    except TypeError:  # numbers of more than 64 bits, halves of surrogate pairs
        return b"!" + json.dumps(record, default=lambda value: {"hex": value.hex()}).encode()


def _record(octets: bytes | None) -> Record | None:
    if octets is None:
        return None
    if octets.find(b"[", 1) < 0 and b"{" not in octets and octets[:1] != b"!":  # by far the most
        return tuple(orjson.loads(octets))
    values = json.loads(octets[1:]) if octets.startswith(b"!") else orjson.loads(octets)
    return tuple(
        tuple(value)
        if isinstance(value, list)
        else bytes.fromhex(value["hex"])
        if isinstance(value, dict)
        else value
        for value in values
    )
