"""The cache lost every object: nobody exists, until the next import.

The client then creates users who are there already (Microsoft Learn, On-premises application provisioning
architecture: matching against the cache). The test script prints `False` for such a cache (Microsoft Learn,
Configuring Microsoft Entra ID to provision users into LDAP directories).
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Fault, Parameters, Seen
from mockhost.faults.host import subject


def _host(parameters: Parameters, context: Context) -> None:
    connector = subject.connector_of(parameters, context)
    if connector is not None:
        connector.space.empty()


FAULT = Fault(
    name="cache_emptied",
    group="host",
    title="The cache is empty until the next import, whatever the connected system holds",
    seen=Seen(
        wire="200 with totalResults 0 for every find, [] for /cache, 404 for every id; a create is refused "
        "by the connected system, where that has the object",
        requests="200 or 404; as any answer",
        curl="(0) the answer or (22) with --fail for a 404",
        dotnet=subject.throws("404 (Not Found)") + " for an id; a find is answered like any other",
        gets="{status: 200, totalResults: 0}",
    ),
    parameters={"connector": subject.CONNECTOR},
    main="connector",
    host=_host,
)
