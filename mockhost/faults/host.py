"""Faults of the host itself: it gets into a state, and then answers the request, and those after it, in that state."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Final, Literal

from mockhost.connectors.ecma.running import RunningConnector
from mockhost.faults.contract import Context, Operator
from mockhost.faults.declare import Duration, on_host
from mockhost.faults.subject import (
    ConnectorName,
    Lasts,
    connector_of,
    made_up,
    named_object,
    wanted_object,
)


@on_host(main="for")
def importing(
    context: Context,
    for_: Annotated[Duration, "How long the import takes, on the virtual clock"] = 180.0,
    connector: ConnectorName = None,
) -> None:
    """The first full import runs, as after a start of the service: the cache is empty and clients have to wait.

    The text is published (Microsoft Learn, Troubleshoot on-premises application provisioning, edition of April 2025,
    Troubleshoot test connection issues); the status is assumed, and a behaviour.
    """
    if (its := connector_of(connector, context)) is not None:
        its.space.import_first(for_)


_CHANGES: Final = ("insert", "update", "delete")


def _change_problem(change: Mapping[str, object] | None, **_: object) -> str | None:
    wrong = [word for word in change or () if word not in _CHANGES]
    return f"a change has insert, update and delete, not {wrong[0]!r}" if wrong else None


@on_host(main="change", check=_change_problem)
def cache_stale(
    context: Context,
    change: Annotated[
        Mapping[str, object] | None,
        "`insert`, `update` and `delete`, as in the step `change`; default: the object that the request names "
        "by its id was deleted, the one that it wants to find or to create was added, or else an object "
        "of no interest",
    ] = None,
    connector: ConnectorName = None,
) -> None:
    """The connected system changed and the cache does not know, until the next import.

    Every query is answered from the cache (Microsoft Learn, On-premises application provisioning architecture, ECMA
    Connector Host architecture), so the host goes on as before until it imports again.
    """
    its, memory = connector_of(connector, context), context.memory
    if its is None or (memory.get("space"), memory.get("imports")) == (its.space, its.space.imports_done):
        return  # it is stale already
    context.operator.change({its.name: _change_of_request(its, context) if change is None else change})
    memory.update(space=its.space, imports=its.space.imports_done)


def _change_of_request(connector: RunningConnector, context: Context) -> Mapping[str, object]:
    """The change that the request runs into."""
    named = named_object(connector, context)
    if named is not None:
        anchor = connector.object_type.anchor
        return {"delete": {anchor: named[anchor]}}
    return {"insert": wanted_object(connector, context) or made_up(connector, context)}


@on_host(main="for")
def cache_frozen(
    context: Context,
    for_: Annotated[
        Lasts,
        "How long it lasts, on the virtual clock; default: until the service is restarted; what was missed "
        "comes with the next import",
    ] = None,
    connector: ConnectorName = None,
) -> None:
    """The cache no longer follows what is imported and written, until the service is restarted.

    Assumed: nothing is published of a host in this state. That a restart helps is (Microsoft Learn, Troubleshoot
    on-premises application provisioning, edition of April 2025: restart the service), since it imports again.
    """
    if (its := connector_of(connector, context)) is not None:
        its.space.freeze(for_)


@on_host(main="connector")
def cache_emptied(context: Context, connector: ConnectorName = None) -> None:
    """The cache is empty until the next import, whatever the connected system holds.

    The client then creates users who are there already (Microsoft Learn, On-premises application provisioning
    architecture: matching against the cache). The test script prints `False` for such a cache (Microsoft Learn,
    Configuring Microsoft Entra ID to provision users into LDAP directories).
    """
    if (its := connector_of(connector, context)) is not None:
        its.space.empty()


_NOTHING: Final[Mapping[str, object]] = {}


@on_host(main="anchor")
def duplicate_anchors(
    context: Context,
    anchor: Annotated[
        object, "Whose; default: the object that the request names by its id, or else the first there is"
    ] = None,
    set_: Annotated[
        Mapping[str, object] | None, "In which columns the second object differs; default: in none"
    ] = None,
    import_: Annotated[bool, "Whether the host imports at once, as autosync would"] = True,
    connector: ConnectorName = None,
) -> None:
    """Two objects of the connected system have one anchor, and the host imports only one of them.

    Anchors are to be unique (Microsoft Learn, On-premises application provisioning architecture, About anchor
    attributes and distinguished names); what an import makes of two is not
    published, and the behaviour `duplicate_anchor_import`.
    """
    its = connector_of(connector, context)
    if its is None:
        return
    system, name = its.system, its.object_type.anchor
    if anchor is None:
        anchor = (named_object(its, context) or next(system.objects(), {})).get(name)
    twins = list(system.objects({name: anchor})) if anchor is not None else []
    if len(twins) != 1:
        return  # there is none to have a twin, or it has one already
    generated = {column.name for column in system.columns if column.generated and column.name != name}
    twin = {key: value for key, value in twins[0].items() if key not in generated}
    context.operator.change({its.name: {"insert": {**twin, **(set_ or _NOTHING), name: twins[0][name]}}})
    if import_:
        its.space.synchronise()


def _object_problem(set_: object, where: Mapping[str, object] | None, gone: bool, **_: object) -> str | None:
    if (set_ is None) is not gone:
        return "it needs either 'set', the columns' new values, or 'gone: true'"
    return "'where' names no column, which would be every object" if where == {} else None


@on_host(main="set", check=_object_problem)
def object_changed(
    context: Context,
    set_: Annotated[Mapping[str, object] | None, "The columns' new values"] = None,
    where: Annotated[
        Mapping[str, object] | None,
        "The columns' values by which it is found; default: the object that the request names by its id",
    ] = None,
    gone: Annotated[bool, "true: it is deleted instead"] = False,
    connector: ConnectorName = None,
) -> None:
    """An object changed or vanished in the connected system itself, and the host still shows it as it was.

    The host learns of it with the next import (Microsoft Learn, On-premises application provisioning architecture: the
    cache and Autosync).
    """
    its = connector_of(connector, context)
    if its is None:
        return
    if where is None:
        named = named_object(its, context)
        if named is None:
            return
        where = {its.object_type.anchor: named[its.object_type.anchor]}
    if next(its.system.objects(where), None) is None:
        return  # it was changed already, or there is none
    change = {"delete": where} if gone else {"update": {"where": where, "set": set_}}
    context.operator.change({its.name: change})


@on_host(main="to")
def debug_switched(
    context: Context,
    to: Annotated[bool, "The new value"] = True,
    effective: Annotated[
        Literal["at_once", "at_restart"],
        "at_once: as if the service had restarted with it; at_restart: it is only written into the exe.config",
    ] = "at_once",
    for_: Annotated[
        Lasts,
        "How long it lasts, on the virtual clock; default: until it is set back, and the service restarted",
    ] = None,
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
def token_rotated(
    context: Context,
    token: Annotated[str | None, "The new secret token; default: one that is drawn from the seed"] = None,
    connector: ConnectorName = None,
) -> None:
    """The connector's secret token was changed, and the client still has the old one.

    The secret token of the portal has to be the one of the connector (Microsoft Learn, Troubleshoot on-premises
    application provisioning, Troubleshoot test connection issues, step 4); the 401 is inferred from ASP.NET Web API.
    """
    its = connector_of(connector, context)
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
    reason: Annotated[str, "Why, in the words that the status shows"] = "failed-connection",
    for_: Annotated[
        Lasts, "How long it lasts, on the virtual clock; default: until the service is restarted"
    ] = None,
    connector: ConnectorName = None,
) -> None:
    """Imports end without doing anything, so that the cache grows old, until the service is restarted.

    Scheduled ones and those that are asked for. `failed-connection` is a result of an import run in Microsoft's
    synchronisation engines (Microsoft Learn, Microsoft Identity Manager, Management agent error codes). Assumed: that
    the cache stays as it is, and that a restart helps.
    """
    if (its := connector_of(connector, context)) is not None:
        its.space.fail_imports(reason, seconds=for_)


@on_host(main="for")
def dll_not_loadable(
    context: Context,
    for_: Annotated[
        Lasts,
        "How long it lasts, on the virtual clock; default: until it is set to loadable, and the service restarted",
    ] = None,
    connector: ConnectorName = None,
) -> None:
    """The connector's DLL can't be loaded: access to its cache folder is denied.

    The text is published for Generic SQL (Microsoft Learn, Troubleshoot on-premises application provisioning, Common
    errors): `Could not load file or assembly … Access is denied.` What a client is told is assumed, and a behaviour.
    """
    its = connector_of(connector, context)
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
