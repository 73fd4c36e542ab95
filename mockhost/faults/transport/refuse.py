"""The port is closed for a while, as while a service restarts.

As a rule for requests it acts when a request fires it: the port closes, which cuts every connection, that of the
request as well, and opens again by the virtual clock. As a rule for connections it resets the one that was
accepted, which is the most that can be done to a connection that there is already.
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Fault, Parameter, Parameters, Seen
from mockhost.faults.plan import ConnectionPlan


def _host(parameters: Parameters, context: Context) -> None:
    lasts = parameters["for"]
    assert isinstance(lasts, float)
    context.operator.refuse(lasts)


def _connection(_: Parameters) -> ConnectionPlan:
    return ConnectionPlan("reset", after="accept")


FAULT = Fault(
    name="refuse",
    group="transport",
    title="The port is closed for a while",
    seen=Seen(
        wire="The connection is reset; as long as the port is closed, every new one is refused by RST to "
        "its SYN. In a rule whose `when` asks for nothing of a request, the connection that was just accepted is reset "
        "and the port closes, before there is a request; in every other rule both happen when a request fires it",
        requests="ConnectionError: Connection refused or ConnectionError: Connection reset by peer",
        curl="(7) Failed to connect or (56) Connection reset by peer or (35) Connection reset by peer",
        dotnet='HttpRequestException "No connection could be made because the target machine actively '
        'refused it. (localhost:8585)" (the text of WSAECONNREFUSED, 10061)',
        gets="{ends: refused}",
    ),
    parameters={"for": Parameter("duration", "How long, on the virtual clock", "30s")},
    main="for",
    host=_host,
    connection=_connection,
    closes=True,
)
