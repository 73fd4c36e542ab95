"""The service's account may no longer load the connector's DLL from its cache folder.

The text is published for Generic SQL (Microsoft Learn, Troubleshoot on-premises application provisioning, Common
errors): `Could not load file or assembly … Access is denied.` What a client is told is assumed, and a behaviour.
"""

from __future__ import annotations

from functools import partial

from mockhost.faults.contract import Context, Fault, Operator, Parameters, Seen
from mockhost.faults.host import subject


def _host(parameters: Parameters, context: Context) -> None:
    connector = subject.connector_of(parameters, context)
    if connector is None or connector.config.dll == "access_denied":
        return
    path, operator = f"connectors.{connector.name}.dll", context.operator
    operator.set(path, "access_denied")  # a folder's rights outlive a restart
    connector.deny_dll()
    seconds = subject.lasts(parameters)
    if seconds is not None:
        again = f"{connector.name}: the DLL can be loaded"
        operator.host.clock.schedule(
            context.now + seconds, partial(_allow, connector.name, path, operator), again
        )


def _allow(name: str, path: str, operator: Operator) -> None:
    operator.set(path, "loadable")
    running = operator.host.connectors.get(name)
    if running is not None:
        running.allow_dll()


FAULT = Fault(
    name="dll_not_loadable",
    group="host",
    title="The connector's DLL can't be loaded: access to its cache folder is denied",
    seen=Seen(
        wire='500 with Web API\'s {"Message": "An error has occurred."}; a client on the same machine '
        "also gets the exception's text",
        requests="500; as any answer",
        curl="(0) the answer or (22) with --fail",
        dotnet=subject.throws("500 (Internal Server Error)"),
        gets="{status: 500, text: {contains: Access is denied.}}",
    ),
    parameters={
        "for": subject.duration("until it is set to loadable, and the service restarted"),
        "connector": subject.CONNECTOR,
    },
    main="for",
    host=_host,
)
