"""Faults of the host itself: it gets into a state, and then answers the request, and those after it, in that state."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Final, Literal

from mockhost.connectors.ecma.config import OBJECT_DN
from mockhost.connectors.ecma.running import RunningConnector
from mockhost.connectors.tables import Value
from mockhost.faults.contract import Context, Operator
from mockhost.faults.declare import Duration, on_host
from mockhost.slices import Steps, performed

# -- what a fault is about: the connector and the object that a request names ------------------------------------

ConnectorName = Annotated[str | None, "The connector's name; default: the one that the request goes to"]
Lasts = Annotated[Duration | None, "How long it lasts, on the virtual clock"]


def _connector_of(name: str | None, context: Context) -> RunningConnector | None:
    """The running connector that the fault is about; None for a request that goes to none.

    Raises UsageError if the parameter names one that is not there.
    """
    return context.connector if name is None else context.operator.host.connector(name)


def _named_object(connector: RunningConnector, context: Context) -> dict[str, Value] | None:
    """What the cache holds of the object that the request names by its id, column by column; None without one."""
    asked = context.asked
    found = connector.space.get(asked.id) if asked.id and asked.connector == connector.name else None
    return None if found is None else connector.system.values(found[1])


def _wanted_object(connector: RunningConnector, context: Context) -> Steps[dict[str, Value] | None]:
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
    known = yield from performed(lambda: any(system.find(name, values[name]) for name in names))
    return {**_made_up(connector, context), **values} if values and not known else None


def _made_up(connector: RunningConnector, context: Context) -> dict[str, Value]:
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


# -- the faults --------------------------------------------------------------------------------------------------


@on_host(main="for")
def importing(context: Context, for_: Duration = 180.0, connector: ConnectorName = None) -> None:
    """The first full import runs, as after a start of the service: the cache is empty and clients have to wait.

    The text is published (Microsoft Learn, Troubleshoot on-premises application provisioning, edition of April 2025,
    Troubleshoot test connection issues); the status is assumed, and a behaviour.
    """
    if (its := _connector_of(connector, context)) is not None:
        its.space.import_first(for_)


_CHANGES: Final = ("insert", "update", "delete")


def _change_problem(change: Mapping[str, object] | None, **_: object) -> str | None:
    wrong = [word for word in change or () if word not in _CHANGES]
    return f"a change has insert, update and delete, not {wrong[0]!r}" if wrong else None


@on_host(main="change", check=_change_problem)
def cache_stale(
    context: Context,
    change: Mapping[str, object] | None = None,
    connector: ConnectorName = None,
) -> None:
    """The connected system changed and the cache does not know, until the next import.

    Every query is answered from the cache (Microsoft Learn, On-premises application provisioning architecture, ECMA
    Connector Host architecture), so the host goes on as before until it imports again.
    """
    its = _connector_of(connector, context)
    if its is not None and not _is_stale(its, context):
        its.perform(_made_stale(its, context, change))


def _is_stale(connector: RunningConnector, context: Context) -> bool:
    memory, space = context.memory, connector.space
    return (memory.get("space"), memory.get("imports")) == (space, space.imports_done)


def _made_stale(
    connector: RunningConnector, context: Context, change: Mapping[str, object] | None
) -> Steps[None]:
    if _is_stale(connector, context):
        return  # by another request, while this one waited
    if change is None:
        change = yield from _change_of_request(connector, context)
    context.operator.change({connector.name: change})
    context.memory.update(space=connector.space, imports=connector.space.imports_done)


def _change_of_request(connector: RunningConnector, context: Context) -> Steps[Mapping[str, object]]:
    """The change that the request runs into."""
    named = _named_object(connector, context)
    if named is not None:
        anchor = connector.object_type.anchor
        return {"delete": {anchor: named[anchor]}}
    return {"insert": (yield from _wanted_object(connector, context)) or _made_up(connector, context)}


@on_host(main="for")
def cache_frozen(context: Context, for_: Lasts = None, connector: ConnectorName = None) -> None:
    """The cache no longer follows what is imported and written, until the service is restarted.

    Assumed: nothing is published of a host in this state. That a restart helps is (Microsoft Learn, Troubleshoot
    on-premises application provisioning, edition of April 2025: restart the service), since it imports again.
    """
    if (its := _connector_of(connector, context)) is not None:
        its.space.freeze(for_)


@on_host(main="connector")
def cache_emptied(context: Context, connector: ConnectorName = None) -> None:
    """The cache is empty until the next import, whatever the connected system holds.

    The client then creates users who are there already (Microsoft Learn, On-premises application provisioning
    architecture: matching against the cache). The test script prints `False` for such a cache (Microsoft Learn,
    Configuring Microsoft Entra ID to provision users into LDAP directories).
    """
    if (its := _connector_of(connector, context)) is not None:
        its.space.empty()


_NOTHING: Final[Mapping[str, object]] = {}


@on_host(main="anchor")
def duplicate_anchors(
    context: Context,
    anchor: object = None,
    set_: Mapping[str, object] | None = None,
    import_: bool = True,
    connector: ConnectorName = None,
) -> None:
    """Two objects of the connected system have one anchor, and the host imports only one of them.

    Anchors are to be unique (Microsoft Learn, On-premises application provisioning architecture, About anchor
    attributes and distinguished names); what an import makes of two is not
    published, and the behaviour `duplicate_anchor_import`.
    """
    its = _connector_of(connector, context)
    if its is not None:
        its.perform(_duplicated(its, context, anchor, set_ or _NOTHING, is_imported=import_))


def _duplicated(
    connector: RunningConnector,
    context: Context,
    anchor: object,
    new: Mapping[str, object],
    *,
    is_imported: bool,
) -> Steps[None]:
    system, name = connector.system, connector.object_type.anchor
    if anchor is None:
        known = _named_object(connector, context)
        if known is None:
            known = yield from performed(lambda: next(system.objects(), {}))
        anchor = known.get(name)
    if anchor is None:
        return
    twins = yield from performed(lambda: [*system.objects({name: anchor})])
    if len(twins) != 1:
        return  # there is none to have a twin, or it has one already
    generated = {column.name for column in system.columns if column.generated and column.name != name}
    twin = {key: value for key, value in twins[0].items() if key not in generated}
    context.operator.change({connector.name: {"insert": {**twin, **new, name: twins[0][name]}}})
    if is_imported:
        connector.space.synchronise()


def _object_problem(set_: object, where: Mapping[str, object] | None, gone: bool, **_: object) -> str | None:
    if (set_ is None) is not gone:
        return "it needs either 'set', the columns' new values, or 'gone: true'"
    return "'where' names no column, which would be every object" if where == {} else None


@on_host(main="set", check=_object_problem)
def object_changed(
    context: Context,
    set_: Mapping[str, object] | None = None,
    where: Mapping[str, object] | None = None,
    gone: bool = False,
    connector: ConnectorName = None,
) -> None:
    """An object changed or vanished in the connected system itself, and the host still shows it as it was.

    The host learns of it with the next import (Microsoft Learn, On-premises application provisioning architecture: the
    cache and Autosync).
    """
    its = _connector_of(connector, context)
    if its is None:
        return
    if where is None:
        named = _named_object(its, context)
        if named is None:
            return
        where = {its.object_type.anchor: named[its.object_type.anchor]}
    change = {"delete": where} if gone else {"update": {"where": where, "set": set_}}
    its.perform(_changed(its, context, where, change))


def _changed(
    connector: RunningConnector,
    context: Context,
    where: Mapping[str, object],
    change: Mapping[str, object],
) -> Steps[None]:
    """Make a change, unless no object is as it says: it was changed already, or there is none."""
    if (yield from performed(lambda: any(True for _ in connector.system.objects(where)))):
        context.operator.change({connector.name: change})


@on_host(main="to")
def debug_switched(
    context: Context,
    to: bool = True,
    effective: Literal["at_once", "at_restart"] = "at_once",
    for_: Lasts = None,
) -> None:
    """Debug was switched on, so that no secret token is needed, or off.

    It is a setting of the service's exe.config. It disables authentication, and counts from the service's next start on
    (Microsoft Learn, Troubleshoot on-premises application provisioning, Query the ECMA Host Cache); a fault may also
    switch the running service.
    """
    host, at_once = context.operator.host, effective == "at_once"
    before, in_effect = host.config.debug, host.debug
    if before is to and (in_effect is to or not at_once):
        return
    switch = partial(_switch_debug, context.operator, at_once)
    switch(to, to)
    if for_ is not None:
        host.clock.schedule(context.now + for_, partial(switch, before, in_effect), "Debug as before")


def _switch_debug(operator: Operator, at_once: bool, configured: bool, effective: bool) -> None:
    operator.set("host.debug", configured)
    if at_once:
        operator.host.switch_debug(effective)


@on_host(main="token")
def token_rotated(context: Context, token: str | None = None, connector: ConnectorName = None) -> None:
    """The connector's secret token was changed, and the client still has the old one.

    The secret token of the portal has to be the one of the connector (Microsoft Learn, Troubleshoot on-premises
    application provisioning, Troubleshoot test connection issues, step 4); the 401 is inferred from ASP.NET Web API.
    """
    its = _connector_of(connector, context)
    if its is None:
        return
    new = token or context.chance.digest(f"{context.name}\0{its.name}\0token", 0, 12).hex()
    if its.config.secret_token == new:
        return
    # The client keeps what it was told; setting both makes either of them a secret that is never shown.
    context.operator.set(f"client.{its.name}.secret_token", its.config.secret_token)
    context.operator.set(f"connectors.{its.name}.secret_token", new)
    its.rotate_token(new)


@on_host(main="reason")
def autosync_fails(
    context: Context,
    reason: str = "failed-connection",
    for_: Lasts = None,
    connector: ConnectorName = None,
) -> None:
    """Imports end without doing anything, so that the cache grows old, until the service is restarted.

    Scheduled ones and those that are asked for. `failed-connection` is a result of an import run in Microsoft's
    synchronisation engines (Microsoft Learn, Microsoft Identity Manager, Management agent error codes). Assumed: that
    the cache stays as it is, and that a restart helps.
    """
    if (its := _connector_of(connector, context)) is not None:
        its.space.fail_imports(reason, seconds=for_)


@on_host(main="for")
def dll_not_loadable(context: Context, for_: Lasts = None, connector: ConnectorName = None) -> None:
    """The connector's DLL can't be loaded: access to its cache folder is denied.

    The text is published for Generic SQL (Microsoft Learn, Troubleshoot on-premises application provisioning, Common
    errors): `Could not load file or assembly … Access is denied.` What a client is told is assumed, and a behaviour.
    """
    its = _connector_of(connector, context)
    if its is None or its.config.dll == "access_denied":
        return
    path, operator = f"connectors.{its.name}.dll", context.operator
    operator.set(path, "access_denied")  # a folder's rights outlive a restart
    its.deny_dll()
    if for_ is not None:
        again = partial(_allow_dll, its.name, path, operator)
        operator.host.clock.schedule(context.now + for_, again, f"{its.name}: the DLL can be loaded")


def _allow_dll(name: str, path: str, operator: Operator) -> None:
    operator.set(path, "loadable")
    running = operator.host.connectors.get(name)
    if running is not None:
        running.allow_dll()
