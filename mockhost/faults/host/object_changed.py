"""Somebody changed an object in the connected system itself, behind the host's back.

The host learns of it with the next import (Microsoft Learn, On-premises application provisioning architecture: the
cache and Autosync).
"""

from __future__ import annotations

from collections.abc import Mapping

from mockhost.faults.contract import Context, Fault, Parameter, Parameters, Seen
from mockhost.faults.host import subject


def _host(parameters: Parameters, context: Context) -> None:
    connector = subject.connector_of(parameters, context)
    if connector is None:
        return
    where, given = parameters["where"], parameters["set"]
    if not isinstance(where, Mapping):
        named = subject.named_object(connector, context)
        if named is None:
            return
        where = {connector.object_type.anchor: named[connector.object_type.anchor]}
    if where and next(connector.system.objects(where), None) is None:
        return  # it was changed already, or there is none
    change = {"delete": where} if parameters["gone"] else {"update": {"where": where, "set": given}}
    context.operator.change({connector.name: change})


def _judge(parameters: Parameters) -> str | None:
    if (parameters["set"] is None) is not parameters["gone"]:
        return "it needs either 'set', the columns' new values, or 'gone: true'"
    if parameters["where"] == {}:
        return "'where' names no column, which would be every object"
    return None


FAULT = Fault(
    name="object_changed",
    group="host",
    title="An object changed or vanished in the connected system itself, and the host still shows it as it "
    "was",
    seen=Seen(
        wire="200 with the values of before, until the next import; a write to an object that is gone is refused",
        requests="200 or 404; as any answer",
        curl="(0) the answer or (22) with --fail where a write is refused",
        dotnet=subject.throws("404 (Not Found)")
        + " where a write is refused; a query is answered like any other",
        gets='{status: 200, totalResults: 1, body: {"/Resources/0/id": ljacobson}}',
    ),
    parameters={
        "set": Parameter("map", "The columns' new values"),
        "where": Parameter(
            "map",
            "The columns' values by which it is found; default: the object that the request names by its id",
        ),
        "gone": Parameter("boolean", "true: it is deleted instead", False),
        "connector": subject.CONNECTOR,
    },
    main="set",
    host=_host,
    judge=_judge,
    example={"where": {"ContosoLogin": "ljacobson"}, "set": {"FirstName": "Elisa"}},
)
