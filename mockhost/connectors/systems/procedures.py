"""Exports by stored procedures, as the Generic SQL connector makes them with the export method Stored Procedure.

Source: Microsoft Learn, Generic SQL Connector technical reference, Export: three procedures, for objects that are
added, updated and deleted, with the attributes of the schema as parameters.
Assumed: an update is given every value of the object, the unchanged ones as they are in the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from mockhost.connectors.ecma.config import OUTPUT, Parameter, Procedure, name_parts

if TYPE_CHECKING:
    from sqlalchemy import Connection

DIALECTS: Final = ("postgresql",)
"""Databases whose procedures are called, by SQLAlchemy's name."""
_KIND: Final = "SELECT prokind FROM pg_proc WHERE oid = to_regproc(%s)"
"""`f` is a function, `p` a procedure (PostgreSQL, pg_proc)."""


def call(
    connection: Connection, procedure: Procedure, parameters: Sequence[Parameter], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Call a procedure or a function with values by column; what it gives, by column.

    Raises what SQLAlchemy raises.
    """
    from sqlalchemy import bindparam, text
    from sqlalchemy.types import NullType

    quote = connection.dialect.identifier_preparer.quote
    name = ".".join(quote(part) for part in name_parts(procedure.name))
    is_function = connection.exec_driver_sql(_KIND, (name,)).scalar() in ("f", b"f")
    given, bound = [], {}
    for number, parameter in enumerate(parameters):
        is_output = parameter.direction == OUTPUT
        if is_output and is_function:
            continue  # those of a function are in its result only
        given.append(f"{quote(parameter.name)} => :v{number}")
        bound[f"v{number}"] = None if is_output else values.get(parameter.column)
    # Without a type, a value goes to the driver as it is, and the database makes it what the parameter is.
    binds = [bindparam(each, type_=NullType()) for each in bound]
    how = "SELECT * FROM" if is_function else "CALL"
    result = connection.execute(text(f"{how} {name}({', '.join(given)})").bindparams(*binds), bound)
    row = result.mappings().first() if result.returns_rows else None
    outputs = [each for each in parameters if each.direction == OUTPUT]
    return {each.column: row[each.name] for each in outputs if row is not None and each.name in row}
