"""Imports end without doing anything, scheduled ones and those that are asked for.

`failed-connection` is a result of an import run in Microsoft's synchronisation engines (Microsoft Learn, Microsoft
Identity Manager, Management agent error codes). Assumed: that the cache stays as it is, and that a restart helps.
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Fault, Parameter, Parameters, Seen
from mockhost.faults.host import subject


def _host(parameters: Parameters, context: Context) -> None:
    connector = subject.connector_of(parameters, context)
    if connector is not None:
        connector.space.fail_imports(str(parameters["reason"]), seconds=subject.lasts(parameters))


FAULT = Fault(
    name="autosync_fails",
    group="host",
    title="Imports end without doing anything, so that the cache grows old, until the service is restarted",
    seen=Seen(
        wire="200 with what the last import that worked has brought, and what was written through the host since",
        requests="200; as any answer",
        curl="(0) the answer",
        dotnet="No exception: the answer is like any other; the mock's status says why the import failed",
        gets="{status: 200, totalResults: 0}",
    ),
    parameters={
        "reason": Parameter("text", "Why, in the words that the status shows", "failed-connection"),
        "for": subject.duration("until the service is restarted"),
        "connector": subject.CONNECTOR,
    },
    main="reason",
    host=_host,
)
