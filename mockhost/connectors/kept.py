"""What was changed in connectors that hold their objects in memory, kept in a folder, so that it outlives the process.

The objects of the start are the scenario's and are made again. A SQLite file (in WAL mode) has what was changed since:
for each connector a *store*, which is tables of octets by number, and a few values beside them. A change is in the file
before it is acknowledged, so a process that is killed loses nothing of it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

from mockhost.connectors.tables import UNTOUCHED, Untouched
from mockhost.errors import CannotRun, UsageError, reason_of

FILE: Final = "data.sqlite"
_PROGRAM: Final = 0x6D6F636B
"""SQLite's application_id of a file that is ours: `mock`."""
_VERSION: Final = 2
_NEW: Final = f"""
PRAGMA synchronous=OFF;
BEGIN;
CREATE TABLE stores
  (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, made_from TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE objects
  (store INTEGER NOT NULL, part TEXT NOT NULL, number INTEGER NOT NULL, octets BLOB,
   PRIMARY KEY (store, part, number)) WITHOUT ROWID;
PRAGMA application_id={_PROGRAM};
PRAGMA user_version={_VERSION};
COMMIT;
"""
_OTHER_FOLDER: Final = "use another folder, or remove it"

Held: TypeAlias = "bytes | Untouched | None"
"""What there is of an object: its octets, None where one of the start is gone, UNTOUCHED for one of which
nothing is kept: it is as at the start, or never was."""
Changes: TypeAlias = "Mapping[str, Mapping[int, Held]]"
"""Objects by part of a store and number."""
State: TypeAlias = "dict[str, float]"
"""What a store knows beside its objects: counters, the time of the start."""


class Kept:
    """The file. The runtime's lock guards it. Raises CannotRun where the folder can't be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / FILE
        self.stores: dict[str, Store] = {}
        """those that are in use, by the connector's name"""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._file.exists():
                self._make()
            size = self._file.stat().st_size
            if size == 0:
                message = f"{self._file} is empty: what it held is lost"
                raise CannotRun(message, hint="remove it to begin with the scenario's objects")
            if self._paths()[1].exists():
                size = 0  # some of the data is there
            self._connection = sqlite3.connect(
                self._file, timeout=0.2, isolation_level=None, check_same_thread=False
            )
        except (OSError, ValueError, sqlite3.Error) as error:  # a name with a NUL
            raise CannotRun(f"the data folder {str(folder)!r} can't be used: {reason_of(error)}") from None
        try:
            self._open(size)
            self._files = {path: path.stat().st_ino for path in self._paths()}
        except (OSError, sqlite3.Error) as error:
            self._connection.close()
            hint = "another host may use it" if "locked" in str(error) else _OTHER_FOLDER
            raise CannotRun(
                f"the data in {self._file} can't be used: {reason_of(error)}", hint=hint
            ) from None
        except CannotRun:
            self._connection.close()
            raise

    def _make(self) -> None:
        """Put a new file there, as a whole: one that is empty is what is left of another."""
        handle, name = tempfile.mkstemp(prefix=f"{FILE}-", dir=self.folder)  # readable only by its owner
        os.close(handle)
        try:
            with closing(sqlite3.connect(name, isolation_level=None)) as new:
                new.executescript(_NEW)
            with suppress(FileExistsError):  # another host was faster
                try:
                    os.link(name, self._file)
                except FileExistsError:
                    raise
                except OSError:  # a file system without links
                    os.rename(name, self._file)
        finally:
            Path(name).unlink(missing_ok=True)

    def _open(self, size: int) -> None:
        """size: that of the file, if all of the data is in it."""
        run = self._connection
        # Another process would write beside this one, and neither would see it.
        run.execute("PRAGMA locking_mode=EXCLUSIVE")
        [[program]], [[version]] = run.execute("PRAGMA application_id"), run.execute("PRAGMA user_version")
        [[page]] = run.execute("PRAGMA page_size")
        if size % page:  # SQLite takes a part of a page for a page
            raise CannotRun(f"{self._file} is cut off", hint=_OTHER_FOLDER)
        if (program, version) != (_PROGRAM, _VERSION):
            whose = "version of mockhost" if program == _PROGRAM else "program, or of an older mockhost"
            raise CannotRun(f"{self._file} is of another {whose}", hint="use another folder")
        run.execute("PRAGMA journal_mode=WAL")
        run.execute("PRAGMA synchronous=NORMAL")
        run.execute(f"PRAGMA user_version={_VERSION}")  # the first write takes the lock, and makes the log

    def _paths(self) -> tuple[Path, Path]:
        return self._file, self._file.with_name(f"{FILE}-wal")

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()

    def names(self) -> list[str]:
        """The connectors of which something is kept. Raises CannotRun."""
        with self.reading():
            return [name for [name] in self._connection.execute("SELECT name FROM stores ORDER BY id")]

    def check_names(self) -> None:
        """Raises UsageError if something is kept of a connector that there is not."""
        for name in self.names():
            if name not in self.stores:
                message = (
                    f"the data in {self.folder} belongs to another scenario: one with a connector {name}"
                )
                raise UsageError(message, hint=_OTHER_FOLDER)

    def store(self, name: str, made_from: str) -> Store:
        """What is kept of a connector.

        made_from: what tells its objects of the start from others. Raises UsageError if what is kept belongs to others,
        CannotRun if it can't be read.
        """
        with self.reading():
            row = self._connection.execute(
                "SELECT id, made_from, state FROM stores WHERE name = ?", (name,)
            ).fetchone()
            store = Store(self, name, made_from)
            if row is not None:
                store.id = int(row[0])
                store.state = {str(name): number + 0 for name, number in json.loads(row[2]).items()}
        if row is not None and row[1] != made_from:
            message = f"the data in {self.folder} belongs to other columns or objects of {name}"
            raise UsageError(message, hint=_OTHER_FOLDER)
        self.stores[name] = store
        return store

    def forget(self, name: str | None = None) -> None:
        """Forget everything, or all of one connector. Raises CannotRun, and forgets nothing then."""
        with self.writing("a reset") as run:
            if name is None:
                run.execute("DELETE FROM objects")
                run.execute("DELETE FROM stores")
            else:
                _forget(run, name)
        for each in list(self.stores) if name is None else [name]:
            self.stores.pop(each, None)

    @contextmanager
    def writing(self, what: str) -> Iterator[sqlite3.Connection]:
        """A transaction. Raises CannotRun, and nothing is written then."""
        run = self._connection
        try:
            for path, number in self._files.items():  # SQLite would write on into files that no path leads to
                if path.stat().st_ino != number:
                    raise FileNotFoundError(f"{path.name} is another file now")
            run.execute("BEGIN IMMEDIATE")
            yield run
            run.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            with suppress(sqlite3.Error):
                run.execute("ROLLBACK")
            raise CannotRun(f"{what} can't be kept in {self.folder}: {reason_of(error)}") from None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raises CannotRun for what can't be read: SQLite finds damage of its own pages, not of what we put there."""
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError, LookupError, AttributeError) as error:
            raise CannotRun(f"the data in {self.folder} can't be read: {error}", hint=_OTHER_FOLDER) from None

    def rows(self, store: int, part: str) -> dict[int, bytes | None]:
        """The objects of a part of a store by number, in order, None for one of the start that is gone."""
        query = "SELECT number, octets FROM objects WHERE store = ? AND part = ? ORDER BY number"
        with self.reading():
            return dict(self._connection.execute(query, (store, part)))


class Store:
    """What is kept of one connector: objects as octets, by a part of it and a number."""

    __slots__ = ("_kept", "_made_from", "_name", "id", "state")

    def __init__(self, kept: Kept, name: str, made_from: str) -> None:
        self._kept = kept
        self._name = name
        self._made_from = made_from
        self.id = 0
        """its number in the file; 0: it is not there before the first write"""
        self.state: State = {}

    def reading(self) -> AbstractContextManager[None]:
        """Raises CannotRun for what is read within and can't be."""
        return self._kept.reading()

    def rows(self, part: str) -> dict[int, bytes | None]:
        """The changed objects of a part by number, in order; None: one of the start is gone. Raises CannotRun."""
        return self._kept.rows(self.id, part)

    def write(self, changes: Changes, state: State) -> None:
        """Keep what there is of objects now, by part and number. Raises CannotRun, and keeps nothing then."""
        number = self.id
        with self._kept.writing(f"a change of {self._name}") as run:
            if not number:
                number = _begin(run, self._name, self._made_from, state)
            elif state != self.state:
                run.execute("UPDATE stores SET state = ? WHERE id = ?", (json.dumps(state), number))
            _put(run, number, changes)
        self.id, self.state = number, state

    def begin_again(self, made_from: str, changes: Changes, state: State) -> None:
        """Forget all, and keep this. The objects of the start are other ones from now on.

        Raises CannotRun, and changes nothing then.
        """
        with self._kept.writing(f"a reset of {self._name}") as run:
            _forget(run, self._name)
            number = _begin(run, self._name, made_from, state)
            _put(run, number, changes)
        self._made_from, self.id, self.state = made_from, number, state


def _forget(run: sqlite3.Connection, name: str) -> None:
    """Delete all of a connector."""
    run.execute("DELETE FROM objects WHERE store = (SELECT id FROM stores WHERE name = ?)", (name,))
    run.execute("DELETE FROM stores WHERE name = ?", (name,))


def _begin(run: sqlite3.Connection, name: str, made_from: str, state: State) -> int:
    values = (name, made_from, json.dumps(state))
    number = run.execute("INSERT INTO stores (name, made_from, state) VALUES (?, ?, ?)", values).lastrowid
    assert number is not None
    return number


def _put(run: sqlite3.Connection, store: int, changes: Changes) -> None:
    for part, objects in changes.items():
        run.executemany(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)",
            ((store, part, n, held) for n, held in objects.items() if held is not UNTOUCHED),
        )
        run.executemany(
            "DELETE FROM objects WHERE store = ? AND part = ? AND number = ?",
            ((store, part, n) for n, held in objects.items() if held is UNTOUCHED),
        )
