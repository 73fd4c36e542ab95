"""The connector's secret token is another from now on, and the client was not told.

The secret token of the portal has to be the one of the connector (Microsoft Learn, Troubleshoot on-premises
application provisioning, Troubleshoot test connection issues, step 4); the 401 is inferred from ASP.NET Web API.
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Fault, Parameter, Parameters, Seen
from mockhost.faults.host import subject


def _host(parameters: Parameters, context: Context) -> None:
    connector = subject.connector_of(parameters, context)
    if connector is None:
        return
    drawn = context.chance.digest(f"{context.name}\0{connector.name}\0token", 0, 12).hex()
    token = str(parameters["token"] or drawn)
    if connector.config.secret_token == token:
        return
    # The client keeps what it was told; setting both makes either of them a secret that is never shown.
    context.operator.set(f"client.{connector.name}.secret_token", connector.config.secret_token)
    context.operator.set(f"connectors.{connector.name}.secret_token", token)
    connector.rotate_token(token)


FAULT = Fault(
    name="token_rotated",
    group="host",
    title="The connector's secret token was changed, and the client still has the old one",
    seen=Seen(
        wire="401 with WWW-Authenticate: Bearer for the old token",
        requests="401; as any answer",
        curl="(0) the answer or (22) with --fail",
        dotnet=subject.throws("401 (Unauthorized)") + "; the portal shows invalid credentials",
        gets="{status: 401}",
    ),
    parameters={
        "token": Parameter("text", "The new secret token; default: one that is drawn from the seed"),
        "connector": subject.CONNECTOR,
    },
    main="token",
    host=_host,
)
