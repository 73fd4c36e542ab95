"""A SQL database as SQLAlchemy Core reaches it: connections with time limits, transactions, what can be wrong with it.

Nothing of SQLAlchemy is imported until there is a connector whose system is `sql`. `sqlite://` is a database of the
mock's own: a file in a private folder, which goes with the process.
"""

from __future__ import annotations

import math
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mockhost.connectors.ecma.config import SqlConfig
from mockhost.connectors.systems.outside import Refusal, clean
from mockhost.connectors.systems.postgresql import give_up_after, read_as_written
from mockhost.connectors.systems.system import ReadError
from mockhost.errors import UsageError
from mockhost.temporary import PrivateFolder

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Executable

OWN: Final = "sqlite://"
"""The URL of a database of the mock's own."""
_FILE: Final = "mockhost.db"
MOST_COPIED: Final = 1024 * 1024 * 1024
"""Bytes of a SQLite file that a fork copies for itself."""
INSTALL: Final = "pip install 'mockhost[sql]'"
TROUBLES: Final = {
    "sqlite": ("none", "locked", "slow", "read_only", "connection_lost", "deadlock"),
    "postgresql": ("none", "locked", "slow", "read_only", "connection_lost", "deadlock"),
}
"""What can be wrong with a database, by SQLAlchemy's name of the dialect; with others: nothing."""


_EVENTS: Final[Mapping[str, str]] = {
    "23505": "duplicate",
    "23502": "null_value",
    **dict.fromkeys(("23001", "23503", "23514", "23P01", "428C9", "44000"), "bad_value"),
    **dict.fromkeys(("42501", "25006"), "permission"),
    "SQLITE_CONSTRAINT_UNIQUE": "duplicate",
    "SQLITE_CONSTRAINT_PRIMARYKEY": "duplicate",
    "SQLITE_CONSTRAINT_ROWID": "duplicate",
    "SQLITE_CONSTRAINT_NOTNULL": "null_value",
    **dict.fromkeys(
        (
            *("SQLITE_CONSTRAINT_CHECK", "SQLITE_CONSTRAINT_DATATYPE", "SQLITE_CONSTRAINT_FOREIGNKEY"),
            "SQLITE_MISMATCH",
        ),
        "bad_value",
    ),
    "SQLITE_READONLY": "permission",
    **dict.fromkeys(("1062", "1586"), "duplicate"),
    **dict.fromkeys(("1048", "1364"), "null_value"),
    **dict.fromkeys(
        (
            *("1216", "1217", "1264", "1265", "1292", "1366", "1406"),
            *("1451", "1452", "1906", "3105", "3819", "4025"),
        ),
        "bad_value",
    ),
    **dict.fromkeys(("1044", "1142", "1143", "1227", "1290", "1792", "1836"), "permission"),
}
"""The error of a database -> the event of `facts/kinds.json`.

Sources: PostgreSQL, Appendix A; SQLite, Result Codes; MySQL and MariaDB, Error Message References.
"""
_UNNAMED: Final = {3091: "SQLITE_CONSTRAINT_DATATYPE"}
_COLUMN: Final = re.compile(
    r"constraint failed: (?:[^.]+\.)?([^,.]+)$"
    r"|(?:Field|Column) '([^']+)' (?:doesn't have a default value|cannot be null)"
)
"""How SQLite and MySQL name a column: `UNIQUE constraint failed: Employees.Email`, `Column 'Email' cannot be null`."""
_KEY: Final = re.compile(r"Key \(\"?([^()\"]+)\"?\)=")
"""How PostgreSQL names it in the detail of an error."""


def missing_package() -> UsageError | None:
    """The error for a host on which SQLAlchemy is not installed, with the line to type; or None."""
    if find_spec("sqlalchemy") is not None:
        return None
    message = "a connected system in SQL needs the package sqlalchemy, which is not installed"
    return UsageError(message, hint=f"run: {INSTALL}")


def read_url(text: str) -> URL:
    """A URL of SQLAlchemy. Raises UsageError, whose message shows nothing of it."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        url = make_url(text)
        dialect = url.get_dialect()
        if dialect.is_async:
            raise UsageError(f"the driver {url.drivername} is asynchronous", hint=_DRIVERS)
        dialect.import_dbapi()
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        message = f"the driver of the URL needs the package {name}, which is not installed"
        raise UsageError(message, hint=f"run: pip install {name}") from None
    except (SQLAlchemyError, ValueError):
        raise UsageError("not a URL of SQLAlchemy", hint=_DRIVERS) from None
    # What follows the first would be taken for the server.
    if url.get_backend_name() != "sqlite" and text.count("@") > 1:
        hint = "in the user and the password, write @ as %40 and % as %25"
        raise UsageError("the URL has more than one @", hint=hint)
    return url


def copied_sqlite(source: URL, target: Path, timeout: float) -> bool:
    """Copy a SQLite database into a new file, as it is at one moment; False for one that can't be copied."""
    file = Path(source.database or "")
    if "uri" not in source.query and not (file.is_file() and file.stat().st_size <= MOST_COPIED):
        return False
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    engine = create_engine(source, connect_args={"timeout": timeout})
    try:
        with closing(engine.raw_connection()) as pooled, closing(sqlite3.connect(target)) as copy:
            driver: Any = pooled.driver_connection
            driver.backup(copy)
    except (
        SQLAlchemyError,
        sqlite3.Error,
        OSError,
        AttributeError,
        TypeError,
    ):  # two of them: another driver
        return False
    finally:
        engine.dispose()
    return True


def _existing(url: URL) -> URL:
    """A SQLite file that is opened only where there is one: SQLite makes an empty one otherwise."""
    if url.query:
        return url
    return url.set(database=Path(str(url.database)).absolute().as_uri(), query={"mode": "rw", "uri": "true"})


_DRIVERS: Final = "write sqlite:///hr.db or postgresql+psycopg://user:password@server/database"


class Database:
    """The connections to one database. Thread-safe.

    source: the database of which a fork of a mock wants a copy of its own; without one, it reads the database itself.
    inspects: whether it is for SQLAlchemy's inspector, not for rows.
    """

    def __init__(self, config: SqlConfig, source: URL | None = None, *, inspects: bool = False) -> None:
        self._inspects = inspects
        self.url = read_url(config.url)
        given = [self.url.password, *(self.url.query.get(each) for each in _SECRETS)]
        self.secrets = [str(each) for each in given if each]
        self.timeout = config.timeout
        self._folder = PrivateFolder() if config.url == OWN else None
        if self._folder is not None:
            self.url = self.url.set(database=str(self._folder.path / _FILE))
        self.dialect = self.url.get_backend_name()
        self._makes_file = self.dialect != "sqlite" or config.rows == "replace" or self.is_own
        if source is not None and self.dialect == "sqlite":
            self._copy(source)
        self._mine = threading.local()
        self._closed = False
        self.engine = self._engine()

    @property
    def is_own(self) -> bool:
        """Whether it is in a folder of the mock's own, and goes with it."""
        return self._folder is not None

    def check_file(self) -> None:
        """Raise UsageError where a SQLite file that has to be there is not."""
        if not self._makes_file and not Path(str(self.url.database)).exists():
            raise UsageError(f"there is no file {self.url.database}")

    def _copy(self, source: URL) -> None:
        """Go on with a copy of a SQLite database, if it can be read and is not too large."""
        folder = self._folder or PrivateFolder()
        if copied_sqlite(source, folder.path / _FILE, self.timeout):
            self._folder = folder
            name = str(folder.path / _FILE)
            self.url = source.set(database=f"file:{name}" if "uri" in source.query else name)
        elif self._folder is None:
            folder.remove()

    def _engine(self) -> Any:
        from sqlalchemy import create_engine, event

        limits: dict[str, object] = {}
        if self.dialect == "sqlite":
            limits = {"timeout": self.timeout, "check_same_thread": False}
        elif self.url.get_driver_name() in _TAKE_CONNECT_TIMEOUT:
            limits = {"connect_timeout": max(2, round(self.timeout))}
            if self.dialect == "postgresql":  # of a database in SQL_ASCII, text would be read as bytes
                limits["client_encoding"] = "utf8"
            if self.url.get_driver_name() == "pymysql":
                limits |= dict.fromkeys(("read_timeout", "write_timeout"), math.ceil(self.timeout + _SILENCE))
            limits = {name: limit for name, limit in limits.items() if name not in self.url.query}
        is_server = self.dialect != "sqlite"  # it may have been restarted since a connection was last used
        engine = create_engine(
            self.url if self._makes_file else _existing(self.url),
            connect_args=limits,
            pool_timeout=self.timeout,
            pool_pre_ping=is_server,
        )
        event.listen(engine, "connect", self._begin_session)
        if self.dialect == "sqlite":  # the driver's own transactions leave out reading and DDL
            event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        return engine

    def _begin_session(self, connection: Any, _: object) -> None:
        """Set what counts for a whole session: no statement takes longer than the time limit."""
        if self.dialect == "sqlite":
            connection.isolation_level = None
            if self._folder is not None:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=OFF")
        elif self.dialect == "postgresql":
            give_up_after(connection, self.timeout + _SILENCE)
            limit = round(self.timeout * 1000)
            with closing(connection.cursor()) as cursor:
                for name in ("statement_timeout", "lock_timeout"):
                    cursor.execute(f"SET {name} = {limit}")
                cursor.execute(f"SET idle_in_transaction_session_timeout = {_IDLE * limit}")
            connection.commit()
            if not self._inspects:
                read_as_written(connection)
        elif self.dialect in ("mysql", "mariadb"):
            limit = max(1, round(self.timeout))
            with closing(connection.cursor()) as cursor:
                for name, value in (
                    ("innodb_lock_wait_timeout", limit),
                    ("lock_wait_timeout", limit),
                    ("max_statement_time", limit),  # of MariaDB
                    ("max_execution_time", 1000 * limit),  # of MySQL, which limits SELECT only
                ):
                    with suppress(Exception):  # the other one does not know it
                        cursor.execute(f"SET SESSION {name} = {value}")

    def close(self) -> None:
        """Close every connection, those in use once they are not; a database of the mock's own goes.

        What is written until then is taken back.
        """
        self._closed = True
        self.engine.dispose()
        if self._folder is not None:
            self._folder.remove()

    # -- transactions -------------------------------------------------------------------------------------

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A connection of the pool; once that is gone, the connection ends with this."""
        with self.engine.connect() as connection:
            try:
                yield connection
            finally:
                if self._closed and not connection.invalidated:
                    connection.detach()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads; within a trial of this thread, the trial's."""
        trial = getattr(self._mine, "trial", None)
        if trial is not None:
            yield trial
        else:
            with self._connected() as connection:
                yield connection

    @contextmanager
    def writing(self, trouble: str = "none") -> Iterator[Writer]:
        """A transaction that is committed at the end, and taken back where something is raised.

        Within a trial of this thread it is a part of the trial's. Raises ReadError if the database was closed within:
        what it belongs to is over.
        """
        trial = getattr(self._mine, "trial", None)
        with ExitStack() as stack:
            if trial is not None:
                stack.enter_context(trial.begin_nested())
                connection = trial
            else:
                connection = stack.enter_context(self._connected())
                stack.enter_context(connection.begin())
            stack.enter_context(self._troubled(connection, trouble))
            yield Writer(
                connection, (lambda: self.lose(connection)) if trouble == "connection_lost" else None
            )
            if self._closed:
                raise ReadError("the host closed the database during the write")

    @property
    def on_trial(self) -> bool:
        """Whether what this thread writes is taken back."""
        return getattr(self._mine, "trial", None) is not None

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Take back, at the end, what this thread writes within."""
        if self.on_trial:
            yield
            return
        with self._connected() as connection:
            self._mine.trial = connection
            try:
                yield
            finally:
                self._mine.trial = None
                connection.rollback()

    # -- what can be wrong with it ------------------------------------------------------------------------

    @contextmanager
    def _troubled(self, connection: Connection, trouble: str) -> Iterator[None]:
        with ExitStack() as stack:
            if trouble in ("locked", "slow"):
                stack.enter_context(self._locked(self.timeout / 4 if trouble == "slow" else None))
            elif trouble == "read_only":
                stack.enter_context(self._read_only(connection))
            elif trouble == "deadlock":
                stack.enter_context(self._deadlock(connection))
            yield

    @contextmanager
    def _locked(self, seconds: float | None) -> Iterator[None]:
        """Another session has the table: until the end, or for so long."""
        from sqlalchemy import text

        other, ended = self.engine.connect(), threading.Event()
        other.execute(text(self._lock_statement()))

        def let_go() -> None:
            ended.wait(seconds)
            other.rollback()

        waiting = threading.Thread(target=let_go, daemon=True) if seconds is not None else None
        try:
            if waiting is not None:
                waiting.start()
            yield
        finally:
            ended.set()
            if waiting is not None:
                waiting.join()
            other.close()

    def _lock_statement(self) -> str:
        table = self.quoted
        if self.dialect == "sqlite":  # a write that changes nothing takes the database's lock
            return f"DELETE FROM {table} WHERE 1 = 0"
        return f"LOCK TABLE {table} IN EXCLUSIVE MODE"

    quoted: str = ""
    """the table as SQL names it"""

    @contextmanager
    def _read_only(self, connection: Connection) -> Iterator[None]:
        if self.dialect == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            yield
            return
        connection.exec_driver_sql("PRAGMA query_only=ON")
        try:
            yield
        finally:
            connection.exec_driver_sql("PRAGMA query_only=OFF")

    @contextmanager
    def _deadlock(self, connection: Connection) -> Iterator[None]:
        """This session and another each wait for the other.

        SQLite: both have read and want to write; the second is refused at once. PostgreSQL: two locks, taken crosswise;
        it ends the session that has waited for longer than its `deadlock_timeout`, which is this one.
        """
        from sqlalchemy import text

        if self.dialect == "sqlite":
            connection.execute(text("SELECT count(*) FROM sqlite_master"))
            with self.engine.begin() as other:
                other.execute(text("CREATE TABLE IF NOT EXISTS mockhost_other_session (n INTEGER)"))
                other.execute(text("INSERT INTO mockhost_other_session VALUES (1)"))
            yield
            return
        take, has_its_lock = text("SELECT pg_advisory_xact_lock(:n)"), threading.Event()

        def cross() -> None:
            with suppress(Exception), self.engine.begin() as other:
                other.execute(take, {"n": _LOCKS[1]})
                has_its_lock.set()
                threading.Event().wait(_HEAD_START)
                other.execute(take, {"n": _LOCKS[0]})
            has_its_lock.set()

        connection.execute(take, {"n": _LOCKS[0]})
        threading.Thread(target=cross, daemon=True).start()
        has_its_lock.wait()
        connection.execute(take, {"n": _LOCKS[1]})
        yield

    def lose(self, connection: Connection) -> None:
        """The connection breaks, as seen from here: the server ends it, or the file is closed."""
        from sqlalchemy import text

        if self.dialect == "postgresql":
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
            with self.engine.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            return
        raw: Any = connection.connection.driver_connection
        raw.close()

    # -- what a driver says -------------------------------------------------------------------------------

    def refusal(self, error: Exception) -> Refusal:
        """Read what was raised."""
        from sqlalchemy.exc import DataError, TimeoutError

        if isinstance(error, TimeoutError):  # of SQLAlchemy's pool, not of the database
            words = f"all connections to the database were in use for {self.timeout:g} s"
            return Refusal(None, words, "QueuePool")
        orig: Any = getattr(error, "orig", None) or error
        code, words = _said(orig)
        diag = getattr(orig, "diag", None)
        column = getattr(diag, "column_name", None) or ""
        found = _COLUMN.search(words) or _KEY.search(getattr(diag, "message_detail", None) or "")
        if not column and found is not None:
            column = found[found.lastindex or 0]
        event = _EVENTS.get(code) or _EVENTS.get("_".join(code.split("_")[:2]))
        if event is None and (isinstance(error, DataError) or (len(code) == 5 and code.startswith("22"))):
            event = "bad_value"  # class 22 of SQL, or the driver's own
        return Refusal(event, self.clean(words), code, column)

    def clean(self, words: str) -> str:
        """Words of a driver on one line, without the password."""
        return clean(words, self.secrets)


def _said(error: Any) -> tuple[str, str]:
    """A driver's code for an error, and its words."""
    match error.args:
        case (int(number), str(words)):  # MySQL's drivers
            return str(number), words.strip()
        case ({"C": str(code), "M": str(words)},):  # pg8000
            return code, words
    given = (getattr(error, name, None) for name in ("sqlstate", "pgcode", "sqlite_errorname"))
    code = str(next(filter(None, given), type(error).__name__))
    if code == "unknown":  # to Python's sqlite3
        code = _UNNAMED.get(error.sqlite_errorcode, code)
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    return code, str(primary or error).strip()


_TAKE_CONNECT_TIMEOUT: Final = ("psycopg", "psycopg2", "pymysql", "mysqldb", "mariadbconnector")
"""Drivers with a parameter `connect_timeout`."""
_SECRETS: Final = ("password", "sslpassword")
"""Parts of a URL's query that are secrets."""

_LOCKS: Final = (8_585_001, 8_585_002)
_IDLE: Final = 3
"""Time limits after which a session in a transaction that does nothing is ended; another that holds a lock is one."""
_SILENCE: Final = 2.0
"""Seconds that a server has, after its time limit, to send something before it is given up."""
_HEAD_START: Final = 0.3
"""Seconds by which this session waits first; PostgreSQL looks for deadlocks after one second."""


class Written(NamedTuple):
    """What a statement gave: the rows that it returned, and how many it changed."""

    rows: Sequence[Sequence[Any]]
    changed: int


class Writer(NamedTuple):
    """A transaction that writes."""

    connection: Connection
    after_write: Callable[[], None] | None

    def write(self, statement: Executable) -> Written:
        """Execute a statement that changes rows."""
        result: Any = self.connection.execute(statement)
        rows = result.all() if result.returns_rows else []
        written = Written(rows, result.rowcount)
        if self.after_write is not None:
            self.after_write()
        return written
