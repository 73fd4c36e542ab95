"""Two objects of the connected system have one anchor.

Anchors are to be unique (Microsoft Learn, On-premises application provisioning architecture, About anchor attributes
and distinguished names); what an import makes of two is not published, and the behaviour `duplicate_anchor_import`.
"""

from __future__ import annotations

from collections.abc import Mapping

from mockhost.faults.contract import Context, Fault, Parameter, Parameters, Seen
from mockhost.faults.host import subject


def _host(parameters: Parameters, context: Context) -> None:
    connector = subject.connector_of(parameters, context)
    if connector is None:
        return
    system, name = connector.system, connector.object_type.anchor
    anchor = parameters["anchor"]
    if anchor is None:
        named = subject.named_object(connector, context) or next(system.objects(), {})
        anchor = named.get(name)
    twins = list(system.objects({name: anchor})) if anchor is not None else []
    if len(twins) != 1:
        return  # there is none to have a twin, or it has one already
    generated = {column.name for column in system.columns if column.generated and column.name != name}
    twin: dict[str, object] = {key: value for key, value in twins[0].items() if key not in generated}
    given = parameters["set"]
    twin.update(given if isinstance(given, Mapping) else {})
    context.operator.change({connector.name: {"insert": {**twin, name: twins[0][name]}}})
    if parameters["import"]:
        connector.space.synchronise()


FAULT = Fault(
    name="duplicate_anchors",
    group="host",
    title="Two objects of the connected system have one anchor, and the host imports only one of them",
    seen=Seen(
        wire="200 with one object, whichever the import kept; a write changes or deletes both",
        requests="200; as any answer",
        curl="(0) the answer",
        dotnet="No exception: the answer is like any other",
        gets='{status: 200, totalResults: 1, body: {"/Resources/0/id": ljacobson}}',
    ),
    parameters={
        "anchor": Parameter(
            "value",
            "Whose; default: the object that the request names by its id, or else the first there is",
        ),
        "set": Parameter("map", "In which columns the second object differs; default: in none"),
        "import": Parameter("boolean", "Whether the host imports at once, as autosync would", True),
        "connector": subject.CONNECTOR,
    },
    main="anchor",
    host=_host,
    example={"anchor": "ljacobson", "set": {"FirstName": "Elisa"}},
)
