"""A connected system that is a table of a SQL database.

Exports are INSERT, UPDATE and DELETE in transactions of their own; what the database refuses is told in its driver's
words, or in those that are published for the connector (`facts/kinds.json`), with the driver's own in the journal.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import itertools
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mockhost.connectors.ecma.config import (
    INPUT,
    INTEGERS,
    OBJECT_DN,
    Column,
    ConnectorConfig,
    Parameter,
    Procedure,
    SqlConfig,
    name_parts,
)
from mockhost.connectors.ecma.kinds import CODES, ExportError
from mockhost.connectors.systems import procedures
from mockhost.connectors.systems.database import OWN, Database, Writer, missing_package, read_url
from mockhost.connectors.systems.described import Wanted
from mockhost.connectors.systems.memory import start_records
from mockhost.connectors.systems.outside import OutsideSystem, Sharing
from mockhost.connectors.systems.system import NotThere, ReadError
from mockhost.connectors.tables import Base, Record, Table, Value
from mockhost.errors import UsageError, did_you_mean
from mockhost.slices import Pause, no_pause, paced

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, ColumnElement, Connection, Select
    from sqlalchemy import Table as SqlTable
    from sqlalchemy.engine import Inspector

SLICE: Final = 1_000
"""Rows that are read, or written at the start, at a time."""


class SqlSystem(OutsideSystem):
    """One table behind one connector."""

    own_word = "database's"

    def _connect(self, page: ConnectorConfig) -> None:
        outside = page.system.outside
        assert isinstance(outside, SqlConfig)
        if (problem := missing_package()) is not None:
            raise problem
        self.sql = outside
        source = read_url(outside.url) if self.copied and outside.url != OWN else None
        self.database = Database(outside, source)

    @property
    def may_write(self) -> bool:
        return not self.copied or self.database.is_own

    def _map(self, page: ConnectorConfig) -> None:
        self.sees_deletes = self.sql.deleted is not None
        self.table = _table(page, self.columns, self.sql)
        self.database.quoted = self.database.engine.dialect.identifier_preparer.format_table(self.table)
        self._held = [(at, column) for at, column in enumerate(self.columns) if column.name in self.table.c]
        self._codecs = [_CODECS[column.type] for column in self.columns]

    # -- its life -----------------------------------------------------------------------------------------

    def separate(self) -> None:
        self.copied, quoted = True, self.database.quoted
        self.database = Database(self.sql, self.database.url)
        self.database.quoted = quoted

    def close(self) -> None:
        self.database.close()

    def _make(self) -> None:
        """Make the table, and put the scenario's objects there. Raises ReadError, UsageError."""
        from sqlalchemy.exc import OperationalError, SQLAlchemyError

        try:
            with self.database.engine.begin() as connection:
                self.table.drop(connection, checkfirst=True)
                self.table.create(connection)
                rows = (
                    self._row(record)
                    for record in start_records(self.page, self.columns, self.forms, self.chance)
                )
                self._count = 0
                while some := list(itertools.islice(rows, SLICE)):
                    connection.execute(self.table.insert(), some)
                    self._count += len(some)
        except OperationalError as error:
            raise self._unread(error) from None
        except (SQLAlchemyError, ValueError, OverflowError) as error:
            words = self.database.refusal(error).words
            raise UsageError(f"{self.name}: the table {self.sql.table} can't be made: {words}") from None

    def prepare(self) -> None:
        super().prepare()
        if not self.page.imports.profiles:  # no import will count them
            with suppress(ReadError):
                self._read_count()

    def _read_count(self) -> None:
        from sqlalchemy import func, select

        with self._importing() as connection:
            count = select(func.count()).select_from(self.table).where(*self._living())
            self._count = int(connection.execute(count).scalar() or 0)

    # -- rows and records ---------------------------------------------------------------------------------

    def _row(self, record: Record) -> dict[str, Any]:
        return {column.name: self._codecs[at].write(record[at]) for at, column in self._held}

    def _record(self, row: Sequence[Any]) -> Record:
        values: list[Value] = [None] * len(self.columns)
        for (at, _), value in zip(self._held, row, strict=True):
            values[at] = None if value is None else self._codecs[at].read(value)
        return tuple(values)

    def _select(self) -> Select[Any]:
        from sqlalchemy import select

        return select(*(self.table.c[column.name] for _, column in self._held)).where(*self._living())

    def _living(self) -> list[ColumnElement[bool]]:
        """The condition for rows that are not deleted softly."""
        from sqlalchemy import false, or_

        if self.sql.deleted is None:
            return []
        column = self.table.c[self.sql.deleted]
        return [or_(column.is_(None), column == false())]

    def _ordered(self, query: Select[Any]) -> Select[Any]:
        return query.order_by(self.table.c[self.page.anchor_column])

    def _is(self, at: int, value: Value) -> ColumnElement[bool]:
        from sqlalchemy import or_

        column, codec = self.table.c[self.columns[at].name], self._codecs[at]
        if value is None:
            return column.is_(None)
        held = [codec.write(value)]
        if self.database.dialect == "sqlite" and self.sql.rows == "keep":
            held += [each for each in _also_read_as(value) if each not in held and codec.read(each) == value]
        return or_(*(column == _untyped(each) for each in held))

    # -- what an import reads -----------------------------------------------------------------------------

    def snapshot(self, pause: Pause = no_pause, known: Sequence[Record] = ()) -> Table:
        """All rows; they are read in slices, so that nothing is in memory twice. Raises ReadError."""
        share = Sharing(self.columns, known).of
        with self._importing() as connection:
            self._look_at_watermark(connection)
            rows = paced(self._streamed(connection, self._ordered(self._select())), SLICE, pause)
            records = [share(self._record(row)) for row in rows]
        self._count = len(records)
        return Table(Base(records, forms=self.forms))

    def _streamed(self, connection: Connection, query: Select[Any]) -> Iterator[Sequence[Any]]:
        return iter(connection.execution_options(yield_per=SLICE).execute(query))

    @contextmanager
    def _importing(self) -> Iterator[Connection]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            self._fill_to_read()
            with self.database.reading() as connection:
                if self.config.trouble == "connection_lost":
                    self.database.lose(connection)
                    connection.exec_driver_sql("SELECT 1")
                yield connection
        except (SQLAlchemyError, *_UNREADABLE) as error:
            raise self._unread(error) from None

    def _unread(self, error: Exception) -> ReadError:
        refusal = self.database.refusal(error)
        return ReadError(f"{self.name}: the table {self.table_name} can't be read: {refusal.words}")

    def _look_at_watermark(self, connection: Connection) -> None:
        from sqlalchemy import func, select

        if self.sql.watermark is not None:
            self._seen = connection.execute(select(func.max(self.table.c[self.sql.watermark]))).scalar()

    def changes(self, since: object) -> list[Value] | None:
        """The anchors of the rows whose watermark is not before `since`. Raises ReadError."""
        from sqlalchemy import select

        if self.sql.watermark is None:
            return None
        anchor, column = self.table.c[self.page.anchor_column], self.table.c[self.sql.watermark]
        read = self._codecs[self.anchor_position].read
        with self._importing() as connection:
            self._look_at_watermark(connection)
            query = select(anchor).where(anchor.is_not(None))
            if since is not None:
                query = query.where(column >= _untyped(since))
            return [read(value) for (value,) in self._streamed(connection, query)]

    def find(self, column: str, value: object) -> list[Record]:
        """The rows in which a column equals a value, as the database compares. Raises ReadError."""
        wanted: Any = value
        with self._importing() as connection:
            query = self._ordered(self._select().where(self._is(self.position[column], wanted)))
            return [self._record(row) for row in connection.execute(query)]

    def objects(self, where: Mapping[str, object] | None = None) -> Iterator[dict[str, Value]]:
        """The rows as they are now. Raises UsageError."""
        query = self._ordered(self._select().where(*self._conditions(self.wanted(where or {}))))
        try:
            with self._importing() as connection:
                found = [self._record(row) for row in self._streamed(connection, query)]
        except ReadError as error:
            raise UsageError(error.message) from None
        return map(self.values, found)

    def _conditions(self, wanted: Wanted) -> list[ColumnElement[bool]]:
        self._check_held(self.columns[at].name for at, _ in wanted)
        return [self._is(at, value) for at, value in wanted]

    def _check_held(self, names: Iterator[str]) -> None:
        for name in names:
            if name not in self.table.c:
                raise UsageError(f"{self.name}: the table {self.table_name} has no column {name!r}")

    # -- what a connector exports -------------------------------------------------------------------------

    def transaction(self) -> AbstractContextManager[None]:
        return self.database.trial()

    @contextmanager
    def _exporting(self, operation: str, values: Mapping[str, Value]) -> Iterator[Writer]:
        from sqlalchemy.exc import SQLAlchemyError

        self.check_right(operation)
        try:
            self._fill_to_read()
            with self.database.writing(self.config.trouble) as writer:
                yield writer
            if not self.database.on_trial:
                self._count_on(_MORE[operation])
        except ReadError as error:
            raise ExportError(CODES["other"], error.message, "other") from None
        except SQLAlchemyError as error:
            raise self._refused(self.database.refusal(error), values) from None
        except (ValueError, OverflowError) as error:  # a value that is no date, for one
            raise ExportError(CODES["bad_value"], self.database.clean(str(error)), "bad_value") from None

    def add(self, values: dict[str, Value]) -> Record:
        """Insert a row. Raises ExportError."""
        self._give_guids(values)
        with self._exporting("add", values) as writer:
            if self.sql.procedures is not None:
                return self._added_by(self.sql.procedures.add, writer, values)
            row = {name: v for name, v in self._row(self.record(values)).items() if v is not None}
            statement = self.table.insert().values(row)
            if self.database.engine.dialect.insert_returning:  # with what the database itself has put there
                held = [self.table.c[column.name] for _, column in self._held]
                rows = writer.write(statement.returning(*held)).rows
                return self._record(rows[0]) if rows else self._put_elsewhere(writer, values)
            writer.write(statement)
            return self._first(writer, self._is(self.anchor_position, values[self.page.anchor_column]))

    def _put_elsewhere(self, writer: Writer, values: Mapping[str, Value]) -> Record:
        """The row that a trigger inserted in place of the statement. Raises ExportError if there is none."""
        anchor = values.get(self.page.anchor_column)
        found = None if anchor is None else self._as_it_is(writer, anchor)
        if found is None:
            words = f"the table {self.table_name} took no row: a trigger or a rule left it out"
            raise ExportError(CODES["other"], words, "other")
        return found

    # The same by procedures

    def native(self, operation: str) -> str | None:
        """The call of a procedure, for the journal."""
        if self.sql.procedures is None or operation not in _MORE:
            return None
        procedure = self._procedure(operation)
        return f"CALL {procedure.name}({', '.join(each.name for each in self._parameters(procedure))})"

    def _procedure(self, operation: str) -> Procedure:
        assert self.sql.procedures is not None
        add, update, delete = self.sql.procedures
        return {"add": add, "modify": update, "delete": delete}[operation]

    def _parameters(self, procedure: Procedure) -> Sequence[Parameter]:
        if procedure.parameters is not None:
            return procedure.parameters
        assert self.sql.procedures is not None
        names = [column.name for _, column in self._held]
        if procedure is self.sql.procedures.delete:
            names = [self.page.anchor_column]
        return [Parameter(name, INPUT, name) for name in names]

    def _call(self, procedure: Procedure, writer: Writer, record: Record) -> dict[str, Value]:
        """Call a procedure with the values of a record; the values that it gives."""
        given = procedures.call(writer.connection, procedure, self._parameters(procedure), self._row(record))
        if writer.after_write is not None:
            writer.after_write()
        codecs = {column.name: self._codecs[at] for at, column in self._held}
        return {name: None if value is None else codecs[name].read(value) for name, value in given.items()}

    def _added_by(self, procedure: Procedure, writer: Writer, values: Mapping[str, Value]) -> Record:
        """The new row as it is in the table; what was given and returned, where the procedure put it elsewhere."""
        values = {**values, **self._call(procedure, writer, self.record(values))}
        return self._as_it_is(writer, values[self.page.anchor_column]) or self.record(values)

    def _as_it_is(self, writer: Writer, anchor: Value) -> Record | None:
        where = [self._is(self.anchor_position, anchor), *self._living()]
        found = writer.connection.execute(self._ordered(self._select().where(*where))).first()
        return None if found is None else self._record(found)

    def _modified_by(
        self, procedure: Procedure, writer: Writer, anchor: Value, changed: Mapping[str, Value]
    ) -> Record:
        before = self._as_it_is(writer, anchor)
        if before is None:
            raise self.kind.missing_object(str(anchor), self.table_name)
        record = self.record({**self.values(before), **changed})
        self._call(procedure, writer, record)
        return self._as_it_is(writer, anchor) or record

    def _first(self, writer: Writer, where: ColumnElement[bool]) -> Record:
        found = writer.connection.execute(self._ordered(self._select().where(where))).first()
        if found is None:
            raise self.kind.missing_object("", self.table_name)
        return self._record(found)

    def modify(self, anchor: Value, changed: Mapping[str, Value]) -> Record:
        """Update the rows with this anchor. Raises ExportError."""
        with self._exporting("modify", changed) as writer:
            if self.sql.procedures is not None:
                return self._modified_by(self.sql.procedures.update, writer, anchor, changed)
            new = {
                column.name: self._codecs[at].write(changed[column.name])
                for at, column in self._held
                if column.name in changed
            }
            where = [self._is(self.anchor_position, anchor), *self._living()]
            if not writer.write(self.table.update().where(*where).values(new)).changed:
                raise self.kind.missing_object(str(anchor), self.table_name)
            return self._as_it_is(writer, anchor) or self._first(writer, where[0])

    def remove(self, anchor: Value) -> None:
        """Delete the rows with this anchor, or set their column for it. Raises ExportError."""
        with self._exporting("delete", {}) as writer:
            if self.sql.procedures is not None:
                self._call(self.sql.procedures.delete, writer, self.record({self.page.anchor_column: anchor}))
                return
            where = [self._is(self.anchor_position, anchor), *self._living()]
            statement: Any = self.table.delete().where(*where)
            if self.sql.deleted is not None:
                statement = self.table.update().where(*where).values({self.sql.deleted: True})
            if not writer.write(statement).changed:
                raise self.kind.missing_object(str(anchor), self.table_name)

    def change(self, changes: Mapping[str, object]) -> int:
        """Insert, update and delete in one transaction; how many rows. Raises UsageError."""
        from sqlalchemy.exc import SQLAlchemyError

        inserts, updates, deletes = self.read_changes(changes)
        self._check_held(name for each in inserts for name in each)
        self._check_held(name for _, new in updates for name in new)
        count = len(inserts)
        try:
            self._fill()
            with self.database.writing() as writer:
                for values in inserts:
                    self._give_guids(values)
                    row = self._row(self.record(values))
                    writer.write(self.table.insert().values({k: v for k, v in row.items() if v is not None}))
                for wanted, new in updates:
                    row = {
                        name: self._codecs[self.position[name]].write(value) for name, value in new.items()
                    }
                    count += writer.write(
                        self.table.update().where(*self._conditions(wanted)).values(row)
                    ).changed
                gone = 0
                for wanted in deletes:
                    gone += writer.write(self.table.delete().where(*self._conditions(wanted))).changed
            self._count_on(len(inserts) - gone)
        except ReadError as error:
            raise UsageError(error.message) from None
        except SQLAlchemyError as error:
            raise UsageError(f"{self.name}: {self.database.refusal(error).words}") from None
        except (ValueError, OverflowError) as error:
            raise UsageError(f"{self.name}: {self.database.clean(str(error))}") from None
        return count + gone


_MORE: Final = {"add": 1, "modify": 0, "delete": -1}


# -- types ------------------------------------------------------------------------------------------------


class Codec(NamedTuple):
    """How the values of a column come out of the database, and go in."""

    read: Callable[[Any], Value]
    write: Callable[[Any], Any]


_OCTETS: Final = (bytes, bytearray, memoryview)


def _text(value: object) -> str:
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return _hours(value)
    return _base64(value) if isinstance(value, _OCTETS) else str(value)


def _hours(value: datetime.timedelta) -> str:
    """A TIME of MySQL as it takes it back; it may have more hours than a day."""
    seconds = abs(value) // datetime.timedelta(seconds=1)
    rest = f".{abs(value).microseconds:06}" if value.microseconds else ""
    sign = "-" if value < datetime.timedelta() else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{rest}"


def _integer(value: object) -> str | int:
    if isinstance(value, _OCTETS):  # a BIT of MySQL
        return int.from_bytes(value)
    return value if type(value) is int and value in INTEGERS else _text(value)


def _boolean(value: object) -> str | bool:
    if isinstance(value, _OCTETS):
        return any(value)
    return bool(value) if isinstance(value, int) else _text(value)


def _base64(value: object) -> str:
    octets = value if isinstance(value, _OCTETS) else str(value).encode()
    return base64.b64encode(octets).decode()


def _octets(value: object) -> bytes | None:
    return None if value is None else base64.b64decode(str(value))


def _untyped(value: object) -> BindParameter[Any]:
    """A value without a type, for the database to make it what it is compared with: no GUID equals a VARCHAR."""
    from sqlalchemy import bindparam
    from sqlalchemy.types import NullType

    return bindparam(None, value, type_=NullType())


def _also_read_as(value: object) -> Iterator[Any]:
    """What else a column of SQLite, which holds any value, may have where `value` is read: numbers, texts, octets."""
    texts = [str(value)]
    with suppress(ValueError):
        yield (octets := base64.b64decode(texts[0]))
        texts.append(octets.decode())
    for text in texts:
        yield text
        with suppress(ValueError):
            yield float(text)
            if (number := int(text)) in INTEGERS:
                yield number


_UNREADABLE: Final = (ValueError, TypeError, OverflowError)
"""What drivers raise for a value that no type of Python's can hold."""
_PLAIN: Final = Codec(_text, lambda value: value)
_CODECS: Final[Mapping[str, Codec]] = {
    "string": _PLAIN,
    "reference": _PLAIN,
    "boolean": Codec(_boolean, lambda value: value),
    "integer": Codec(_integer, lambda value: value),
    "binary": Codec(_base64, _octets),
}
"""By ECMA type. A date, a number with a fraction or a GUID is shown as a text, and goes in as one.

So is what is not of its column's type: SQLite holds any value in any column.
"""


def _table(page: ConnectorConfig, columns: Sequence[Column], sql: SqlConfig) -> SqlTable:
    """The table for statements; where the rows are the scenario's, also for CREATE TABLE."""
    from sqlalchemy import CheckConstraint, MetaData, Table

    made = [_sql_column(column, page, sql) for column in columns if _is_held(column, page, sql)]
    names = {column.name for column in columns}
    more = [(sql.deleted, "boolean"), (sql.watermark, "string")]
    made += [
        _sql_column(Column(name, kind), page, sql)
        for name, kind in more
        if name is not None and name not in names
    ]
    given = {column.name: column.values for column in columns if column.values is not None}
    rules = [
        CheckConstraint(each.in_(given[each.name]), name=f"CK_{each.name}")
        for each in made
        if each.name in given
    ]
    *schema, name = name_parts(sql.table)
    return Table(
        name, MetaData(), *made, *(rules if sql.rows == "replace" else ()), schema=".".join(schema) or None
    )


def _is_held(column: Column, page: ConnectorConfig, sql: SqlConfig) -> bool:
    """Whether the table has a column: for the DN only if clients supply it, and the table is the scenario's."""
    return column.name != OBJECT_DN or (page.dn_is_supplied and sql.rows == "replace")


def _sql_column(column: Column, page: ConnectorConfig, sql: SqlConfig) -> Any:
    import sqlalchemy

    name, is_anchor = column.name, column.name == page.anchor_column
    if sql.rows == "keep":
        # Without a type, values go to the driver as they are, and the database makes them what its column holds.
        return sqlalchemy.Column(name, sqlalchemy.types.NullType())
    short = column.unique or is_anchor or name == OBJECT_DN
    types: dict[str, Any] = {
        "boolean": sqlalchemy.Boolean(),
        "integer": sqlalchemy.BigInteger(),
        "binary": sqlalchemy.LargeBinary(),
    }
    kind = types.get(column.type, sqlalchemy.String(255) if short else sqlalchemy.Text())
    nullable = not (column.required or is_anchor)
    unique = column.unique or name == OBJECT_DN
    return sqlalchemy.Column(name, kind, nullable=nullable, unique=unique or None)


# -- the wizard's look at a table --------------------------------------------------------------------------


def discover(sql: SqlConfig) -> dict[str, Column]:
    """The columns of a table by name, as the wizard finds them: types, keys, and what may be empty.

    Raises UsageError for a database that can't be reached, and for a table or a column that it does not have.
    """
    from sqlalchemy import inspect
    from sqlalchemy.exc import NoSuchTableError, SAWarning, SQLAlchemyError

    if (problem := missing_package()) is not None:
        raise problem
    database = Database(sql, inspects=True)
    try:
        database.check_file()
        inspector = inspect(database.engine)
        with warnings.catch_warnings():  # of a type that SQLAlchemy does not know
            warnings.simplefilter("ignore", SAWarning)
            columns = _reflected(inspector, sql)
    except NoSuchTableError:  # in another case, for one
        raise _no_table(inspector, sql) from None
    except SQLAlchemyError as error:
        raise UsageError(f"the database can't be read: {database.refusal(error).words}") from None
    finally:
        database.close()
    for key, wanted in (("watermark", sql.watermark), ("deleted", sql.deleted)):
        if wanted is not None and wanted not in columns:
            message = f"the table {sql.table} has no column {wanted!r}"
            raise NotThere(key, message, hint=did_you_mean(wanted, columns))
    if sql.deleted is not None:
        _check_marker(columns.pop(sql.deleted).type, sql.deleted, database.dialect)
    return {name: found.column for name, found in columns.items()}


class _Reflected(NamedTuple):
    column: Column
    type: Any
    """that of SQLAlchemy"""


def _reflected(inspector: Inspector, sql: SqlConfig) -> dict[str, _Reflected]:
    """The columns of a table by name. Raises what SQLAlchemy raises, and NotThere."""
    *schema, name = name_parts(sql.table)
    place: Any = {"schema": ".".join(schema) or None}
    if not _has_schema(inspector, schema):
        raise _no_table(inspector, sql)
    if name not in _tables(inspector, **place) and not inspector.has_table(name, **place):
        raise _no_table(inspector, sql)
    keys = inspector.get_pk_constraint(name, **place)["constrained_columns"]
    unique: list[Sequence[str | None]] = [keys]
    unique += [each["column_names"] for each in inspector.get_unique_constraints(name, **place)]
    unique += [each["column_names"] for each in inspector.get_indexes(name, **place) if each["unique"]]
    alone = {each[0] for each in unique if len(each) == 1 and each[0] is not None}
    dialect = inspector.dialect.name
    return {
        str(each["name"]): _Reflected(_discovered(each, keys, alone, dialect), each["type"])
        for each in inspector.get_columns(name, **place)
    }


def _tables(inspector: Inspector, schema: str | None) -> list[str]:
    """The tables and views; a materialized view is none of them."""
    return [*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)]


def _no_table(inspector: Inspector, sql: SqlConfig) -> NotThere:
    *schema, name = name_parts(sql.table)
    known = _tables(inspector, ".".join(schema) or None) if _has_schema(inspector, schema) else []
    hint = did_you_mean(name, known)
    if schema and sql.table in _tables(inspector, None):
        hint = f"""the dot is taken for the end of a schema's name: write '"{sql.table}"'"""
    return NotThere("table", f"the database has no table {sql.table!r}", hint=hint)


def _has_schema(inspector: Inspector, schema: Sequence[str]) -> bool:
    """Whether a table's schema is there; one with a database before it, as in SQL Server, is not looked for."""
    return len(schema) != 1 or schema[0].casefold() in map(str.casefold, inspector.get_schema_names())


_NO_MARKERS: Final = (str, bytes, datetime.date, datetime.datetime, datetime.time)
_NUMBERS: Final = (int, float, decimal.Decimal)


def _check_marker(kind: Any, name: str, dialect: str) -> None:
    """Raise NotThere for a column that can't mark deleted rows; PostgreSQL compares no number with a boolean."""
    if _python_type(kind) in (_NO_MARKERS + _NUMBERS if dialect == "postgresql" else _NO_MARKERS):
        raise NotThere(
            "deleted",
            f"'deleted' needs a boolean column, and {name} is {kind}",
            hint="name another column, or leave 'deleted' out",
        )


def _python_type(kind: Any) -> type | None:
    """The type of values; None for a type that SQLAlchemy does not know."""
    try:
        found: type = kind.python_type
    except NotImplementedError:
        return None
    return found


def _discovered(each: Any, keys: Sequence[str], alone: Collection[str | None], dialect: str) -> Column:
    name = str(each["name"])
    kind = _ecma_type(each["type"], dialect)
    counts = each.get("autoincrement", "auto")
    by_itself = bool(each.get("default") or each.get("identity") or each.get("computed") or counts is True)
    # An INTEGER PRIMARY KEY of SQLite, a serial of PostgreSQL, AUTO_INCREMENT of MySQL.
    by_itself = by_itself or (list(keys) == [name] and kind == "integer" and counts is not False)
    return Column(
        name,
        kind,
        required=(name in keys or not each.get("nullable", True)) and not by_itself,
        unique=name in alone,
        generated="system" if by_itself and name in alone else None,
    )


def _ecma_type(kind: Any, dialect: str) -> str:
    if getattr(kind, "display_width", None) == 1:  # TINYINT(1), which MySQL makes of BOOLEAN
        return "boolean"
    if dialect in ("mysql", "mariadb") and kind.__visit_name__ == "BIT":
        return "boolean" if kind.length in (None, 1) else "integer"
    return _ECMA_TYPES.get(_python_type(kind) or str, "string")


_ECMA_TYPES: Final[Mapping[type, str]] = {bool: "boolean", int: "integer", bytes: "binary"}
