"""What the service keeps between cycles, and between commands, in one SQLite file: job, users, staged deletes, log.

Nothing in here is as large as the directory in memory: users and records are read one by one.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from mockhost.errors import CannotRun, UsageError, did_you_mean, reason_of

_VERSION = 1
_ANOTHER = "name another with --state"
_TABLES = """
CREATE TABLE job (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE users (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, digest BLOB, target TEXT NOT NULL DEFAULT '',
  scope INTEGER NOT NULL DEFAULT 0, active INTEGER NOT NULL DEFAULT 0, exported TEXT NOT NULL DEFAULT '',
  manager TEXT NOT NULL DEFAULT '', manager_sent TEXT NOT NULL DEFAULT '', deleted_at REAL,
  seen INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0, failed_at REAL, next_try REAL, error TEXT NOT NULL DEFAULT '',
  reference_failed INTEGER NOT NULL DEFAULT 0, worked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX users_failed ON users (next_try) WHERE next_try IS NOT NULL;
CREATE INDEX users_seen ON users (seen);
CREATE INDEX users_worked ON users (worked);
CREATE TABLE staged (id TEXT PRIMARY KEY, user TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE log (
  number INTEGER PRIMARY KEY, user TEXT NOT NULL, status TEXT NOT NULL, action TEXT NOT NULL, record BLOB NOT NULL
);
"""


class Known(NamedTuple):
    """A user as the service knows it."""

    id: str
    name: str
    digest: bytes | None = None
    """of the source as it was last worked on; None: never"""
    target: str = ""
    """the id in the target, '' where it is not linked"""
    scope: bool = False
    """whether it was in scope"""
    active: bool = False
    """whether the service left it enabled in the target"""
    exported: str = ""
    """the target attributes that had a value, as JSON"""
    manager: str = ""
    """the object ID of the manager in the source"""
    manager_sent: str = ""
    deleted_at: float | None = None
    """since when it is soft-deleted"""
    seen: int = 0
    """the number of the cycle that last read it"""
    failures: int = 0
    failed_at: float | None = None
    """when it failed first"""
    next_try: float | None = None
    error: str = ""
    reference_failed: bool = False
    """whether what failed is its reference"""
    worked: int = 0
    """the number of the cycle that last worked on it"""


_COLUMNS = ", ".join(Known._fields)
RESET_SCOPES = (
    "Full",
    "Escrows",
    "QuarantineState",
    "Watermark",
    "ForceDeletes",
    "ConnectorDataStore",
    "None",
)


class Store:
    """The state of one job. Changes are kept when `commit` is called; use it on one thread at a time."""

    def __init__(self, file: Path | None = None) -> None:
        """`file` None keeps the state in memory. Raises UsageError for a file that is not one of ours."""
        self.file = file
        try:
            if file is not None and not file.exists():
                os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))  # it may come to hold a secret token
            self._database = sqlite3.connect(
                ":memory:" if file is None else file, timeout=5, check_same_thread=False
            )
            self._database.isolation_level = None
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            self._database.execute("BEGIN IMMEDIATE")
            if version == 0 and not self._database.execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in _TABLES.split(";\n"):
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA user_version = {_VERSION}")
                self.commit()
            elif version != _VERSION:
                raise UsageError(f"{file} was not written by this version of mockhost", hint=_ANOTHER)
        except sqlite3.OperationalError as error:
            busy = "locked" in str(error)
            hint = "does another command work with it?" if busy else _ANOTHER
            raise CannotRun(
                f"{file} cannot be used to keep the state: {reason_of(error)}", hint=hint
            ) from None
        except (OSError, sqlite3.DatabaseError) as error:
            raise UsageError(
                f"{file} cannot be used to keep the state: {reason_of(error)}", hint=_ANOTHER
            ) from None

    def commit(self) -> None:
        """Keep what was changed, and go on."""
        self._database.execute("COMMIT")
        self._database.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        """Give up what was not kept, and close the file."""
        self._database.close()

    def fork(self) -> Store:
        """A copy in memory of what is kept."""
        copy = Store()
        self._database.execute("COMMIT")
        copy._database.execute("COMMIT")
        self._database.backup(copy._database)
        for each in (self, copy):
            each._database.execute("BEGIN IMMEDIATE")
        return copy

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- the job ---------------------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None) -> Any:
        """A value of the job's."""
        found = self._database.execute("SELECT value FROM job WHERE key = ?", (key,)).fetchone()
        return default if found is None else json.loads(found[0])

    def set(self, key: str, value: Any) -> None:
        """Set a value of the job's: JSON data."""
        self._database.execute("INSERT OR REPLACE INTO job VALUES (?, ?)", (key, json.dumps(value)))

    def start(self) -> None:
        """Resume a paused job; this clears a quarantine (ECMA2HostTools)."""
        self.set("quarantine", None)
        self._run_at_once()

    def stop(self) -> None:
        """Pause the job after the cycle that runs."""
        self.set("status", "Paused")

    def restart(self, scopes: Iterable[str]) -> None:
        """Restart the job: the next cycle is an initial one where the watermark goes. Raises UsageError.

        Source: Microsoft Graph v1.0, synchronizationJob: restart (resetScope; spellings from ECMA2HostTools 1.2.0).
        """
        wanted = {scope.lower() for scope in scopes} or {"full"}
        for scope in wanted - {known.lower() for known in RESET_SCOPES}:
            raise UsageError(f"{scope!r} is not a resetScope", hint=did_you_mean(scope, RESET_SCOPES))
        if "connectordatastore" in wanted:
            text = "ConnectorDataStore is not to be reset without guidance of Microsoft support"
            raise UsageError(text, hint="Full resets the rest")
        full = "full" in wanted
        if full or "escrows" in wanted:
            self.change("next_try = NULL, failures = 0, failed_at = NULL, error = '', digest = NULL")
        if full or "quarantinestate" in wanted:
            self.set("quarantine", None)
        if full or "watermark" in wanted:
            self.set("watermark", None)
        if full:  # links are made again
            self.change("target = '', manager_sent = '', exported = '', active = 0, digest = NULL")
        if full or "forcedeletes" in wanted:
            self.set("allow_deletes", not full)
        self._run_at_once()

    def allow_deletes(self) -> None:
        """Allow what the accidental deletions threshold held back; the next cycle does it, and is due at once."""
        self.set("allow_deletes", True)
        self.set("next_run", None)

    def _run_at_once(self) -> None:
        self.set("status", "Active")
        self.set("next_run", None)

    # -- users -----------------------------------------------------------------------------------------------

    def user(self, ident: str) -> Known | None:
        """A user by its object ID."""
        found = self._database.execute(f"SELECT {_COLUMNS} FROM users WHERE id = ?", (ident,)).fetchone()
        return None if found is None else Known(*found)

    def put(self, user: Known) -> None:
        """Add a user, or put it in the place of what was known of it."""
        marks = ", ".join("?" * len(user))
        self._database.execute(f"INSERT OR REPLACE INTO users ({_COLUMNS}) VALUES ({marks})", user)

    def see(self, ident: str, cycle: int) -> None:
        """Note that a user is still in the source."""
        self._database.execute("UPDATE users SET seen = ? WHERE id = ?", (cycle, ident))

    def forget(self, ident: str) -> None:
        self._database.execute("DELETE FROM users WHERE id = ?", (ident,))

    def select(self, condition: str, *values: object) -> Iterator[Known]:
        """Users in the order of their ids. They may be changed during the iteration."""
        last = ""
        while True:
            rows = self._database.execute(
                f"SELECT {_COLUMNS} FROM users WHERE ({condition}) AND id > ? ORDER BY id LIMIT 500",
                (*values, last),
            ).fetchall()
            for row in rows:
                yield Known(*row)
            if len(rows) < 500:
                return
            last = rows[-1][0]

    def count(self, condition: str, *values: object) -> int:
        found = self._database.execute(f"SELECT COUNT(*) FROM users WHERE {condition}", values).fetchone()
        return int(found[0])

    def change(self, assignments: str) -> None:
        """Change a column of all users: `next_try = NULL, failures = 0`."""
        self._database.execute(f"UPDATE users SET {assignments}")

    # -- deletes that are held back --------------------------------------------------------------------------

    def stage(self, ident: str, user: Mapping[str, Any]) -> None:
        """Note a user that is to be disabled or deleted at the end of the cycle."""
        self._database.execute("INSERT OR REPLACE INTO staged VALUES (?, ?)", (ident, json.dumps(user)))

    def staged(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Those that were noted."""
        last = ""
        query = "SELECT id, user FROM staged WHERE id > ? ORDER BY id LIMIT 500"
        while rows := self._database.execute(query, (last,)).fetchall():
            for ident, text in rows:
                yield ident, json.loads(text)
            last = rows[-1][0]

    def staged_count(self) -> int:
        return int(self._database.execute("SELECT COUNT(*) FROM staged").fetchone()[0])

    def unstage(self) -> None:
        self._database.execute("DELETE FROM staged")

    # -- the log ---------------------------------------------------------------------------------------------

    def log(self, user: str, status: str, action: str, record: Mapping[str, Any]) -> None:
        """Add a record."""
        packed = zlib.compress(json.dumps(record, ensure_ascii=False).encode(), 1)
        self._database.execute(
            "INSERT INTO log (user, status, action, record) VALUES (?, ?, ?, ?)",
            (user, status, action, packed),
        )

    def trim(self, limit: int) -> None:
        """Forget the oldest records beyond the limit."""
        self._database.execute("DELETE FROM log WHERE number <= (SELECT MAX(number) FROM log) - ?", (limit,))

    def records(
        self, *, user: str = "", status: str = "", action: str = "", last: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Records, oldest first, of a user (a part of its name), a status and an action.

        last: only so many of the newest.
        """
        conditions = "(? = '' OR instr(lower(user), ?)) AND (? = '' OR status = ?) AND (? = '' OR action = ?)"
        query = f"SELECT record FROM log WHERE {conditions}"
        values = (user, user.lower(), status, status, action, action)
        order = "ORDER BY number"
        if last is not None:
            newest = query.replace("SELECT record", "SELECT number, record", 1)
            query = f"SELECT record FROM ({newest} ORDER BY number DESC LIMIT {last:d})"
        for (packed,) in self._database.execute(f"{query} {order}", values):
            with suppress(zlib.error):
                yield json.loads(zlib.decompress(packed))
