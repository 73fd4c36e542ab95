"""The cache no longer follows: imports run, writes succeed, and what the host answers stays as it was.

Assumed: nothing is published of a host in this state. That a restart helps is (Microsoft Learn, Troubleshoot
on-premises application provisioning, edition of April 2025: restart the service), since it imports anew.
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Fault, Parameters, Seen
from mockhost.faults.host import subject


def _host(parameters: Parameters, context: Context) -> None:
    connector = subject.connector_of(parameters, context)
    if connector is not None:
        connector.space.freeze(subject.lasts(parameters))


FAULT = Fault(
    name="cache_frozen",
    group="host",
    title="The cache no longer follows what is imported and written, until the service is restarted",
    seen=Seen(
        wire="201 for a create, and then 404 and empty lists for what was created; 204 for a delete, and "
        "then 200 for what is gone",
        requests="200 or 404; as any answer, with the values of before",
        curl="(0) the answer or (22) with --fail for a 404",
        dotnet=subject.throws("404 (Not Found)")
        + " for what was created; else the answers are like any other",
        gets="{status: 200, totalResults: 0}",
    ),
    parameters={
        "for": subject.duration("until the service is restarted; what was missed comes with the next import"),
        "connector": subject.CONNECTOR,
    },
    main="for",
    host=_host,
)
