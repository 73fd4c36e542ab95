"""The host answers as while its first full import runs.

The text is published (Microsoft Learn, Troubleshoot on-premises application provisioning, edition of April 2025,
Troubleshoot test connection issues); the status is assumed, and a behaviour.
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Fault, Parameter, Parameters, Seen
from mockhost.faults.host import subject


def _host(parameters: Parameters, context: Context) -> None:
    connector = subject.connector_of(parameters, context)
    if connector is not None:
        connector.space.import_first(subject.lasts(parameters) or 0.0)


FAULT = Fault(
    name="importing",
    group="host",
    title="The first full import runs, as after a start of the service: the cache is empty and clients have "
    "to wait",
    seen=Seen(
        wire='503 with Retry-After and a SCIM error whose detail is "The ECMA host is currently importing '
        'data from the target application", for every request that needs the cache, until the import has '
        "ended. /cache answers 200 with what the cache holds so far, which is nothing",
        requests="503; as any answer, the text in `detail`",
        curl="(0) the answer or (22) with --fail",
        dotnet=subject.throws("503 (Service Unavailable)") + "; the portal shows the text of the detail",
        gets="{status: 503, detail: {contains: currently importing}}",
    ),
    parameters={
        "for": Parameter("duration", "How long the import takes, on the virtual clock", "3m"),
        "connector": subject.CONNECTOR,
    },
    main="for",
    host=_host,
    example={"for": "3m"},
)
