"""What a fault on the host is about: the connector and the object that a request names."""

from __future__ import annotations

from typing import Annotated

from mockhost.connectors.ecma.config import OBJECT_DN
from mockhost.connectors.ecma.running import RunningConnector
from mockhost.connectors.tables import Value
from mockhost.faults.contract import Context
from mockhost.faults.declare import Duration

ConnectorName = Annotated[str | None, "The connector's name; default: the one that the request goes to"]
Lasts = Annotated[Duration | None, "How long it lasts, on the virtual clock"]


def connector_of(name: str | None, context: Context) -> RunningConnector | None:
    """The running connector that the fault is about; None for a request that goes to none.

    Raises UsageError if the parameter names one that is not there.
    """
    return context.connector if name is None else context.operator.host.connector(name)


def named_object(connector: RunningConnector, context: Context) -> dict[str, Value] | None:
    """What the cache holds of the object that the request names by its id, column by column; None without one."""
    asked = context.asked
    found = connector.space.get(asked.id) if asked.id and asked.connector == connector.name else None
    return None if found is None else connector.system.values(found[1])


def wanted_object(connector: RunningConnector, context: Context) -> dict[str, Value] | None:
    """An object like the one that the request wants to create or to find, column by column.

    None if it wants none by its anchor or name, or if the connected system has it.
    """
    asked, system = context.asked, connector.system
    if asked.operation not in ("create_user", "find_users") or asked.connector != connector.name:
        return None
    values: dict[str, Value] = {}
    for column in system.columns:
        value = asked.attribute(column.name)
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        if column.type == "string" and not column.generated and all(isinstance(item, str) for item in items):
            values[column.name] = items if column.multi_valued else items[0]
    names = [name for name in (connector.object_type.anchor, OBJECT_DN) if name in values]
    known = any(system.find(name, values[name]) for name in names)
    return {**made_up(connector, context), **values} if values and not known else None


def made_up(connector: RunningConnector, context: Context) -> dict[str, Value]:
    """A new object, column by column: the same each time for the same seed and rule."""
    name = "new-" + context.chance.digest(f"{context.name}\0object", 0, 4).hex()
    system, anchor = connector.system, connector.object_type.anchor
    values: dict[str, Value] = {}
    for column in system.columns:
        wanted = column.required or column.name in (anchor, "cn", "uid")
        if wanted and column.type == "string" and not column.generated and column.values is None:
            values[column.name] = (name,) if column.multi_valued else name
    if connector.object_type.dn_is_supplied:
        table = system.table_name
        values[OBJECT_DN] = f"CN={name},{table if '=' in table else system.kind.container}"
    return values
