"""The connected system changed, and the cache does not know.

Every query is answered from the cache (Microsoft Learn, On-premises application provisioning architecture, ECMA
Connector Host architecture), so the host goes on as before until it imports again.
"""

from __future__ import annotations

from collections.abc import Mapping

from mockhost.connectors.ecma.connector import Connector
from mockhost.faults.contract import Context, Fault, Parameter, Parameters, Seen
from mockhost.faults.host import subject

_CHANGES = ("insert", "update", "delete")


def _host(parameters: Parameters, context: Context) -> None:
    connector = subject.connector_of(parameters, context)
    if connector is None:
        return
    space, memory = connector.space, context.memory
    if (memory.get("space"), memory.get("imports")) == (space, space.imports_done):
        return  # it is stale already
    change = parameters["change"]
    if not isinstance(change, Mapping):
        change = _of_the_request(connector, context)
    context.operator.change({connector.name: change})
    memory.update(space=space, imports=space.imports_done)


def _of_the_request(connector: Connector, context: Context) -> Mapping[str, object]:
    """The change that the request runs into."""
    named = subject.named_object(connector, context)
    if named is not None:
        anchor = connector.object_type.anchor
        return {"delete": {anchor: named[anchor]}}
    return {"insert": subject.wanted_object(connector, context) or subject.made_up(connector, context)}


def _judge(parameters: Parameters) -> str | None:
    change = parameters["change"]
    wrong = [word for word in change if word not in _CHANGES] if isinstance(change, Mapping) else []
    return f"a change has insert, update and delete, not {wrong[0]!r}" if wrong else None


FAULT = Fault(
    name="cache_stale",
    group="host",
    title="The connected system changed and the cache does not know, until the next import",
    seen=Seen(
        wire="200 with what the cache holds: an object that is gone, or none where there is one; a write "
        "meets the connected system's refusal, such as 409",
        requests="200 or 409; as any answer",
        curl="(0) the answer or (22) with --fail where a write is refused",
        dotnet=subject.throws("409 (Conflict)")
        + " where a write is refused; a query is answered like any other",
        gets="{status: 409, scimType: uniqueness}",
    ),
    parameters={
        "change": Parameter(
            "map",
            "`insert`, `update` and `delete`, as in the step `change`; default: the object that the request names "
            "by its id was deleted, the one that it wants to find or to create was added, or else an object "
            "of no interest",
        ),
        "connector": subject.CONNECTOR,
    },
    main="change",
    host=_host,
    judge=_judge,
    example={"change": {"insert": {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}}},
)
