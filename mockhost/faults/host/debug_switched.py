"""Debug in the service's exe.config is another.

It disables authentication, and counts from the service's next start on (Microsoft Learn, Troubleshoot on-premises
application provisioning, Query the ECMA Host Cache); a fault may also switch the running service.
"""

from __future__ import annotations

from functools import partial

from mockhost.faults.contract import Context, Fault, Operator, Parameter, Parameters, Seen
from mockhost.faults.host import subject


def _host(parameters: Parameters, context: Context) -> None:
    host, to, at_once = context.operator.host, bool(parameters["to"]), parameters["effective"] == "at_once"
    configured, effective = host.config.debug, host.debug
    if configured is to and (effective is to or not at_once):
        return

    switch = partial(_switch, context.operator, at_once)
    switch(to, to)
    seconds = subject.lasts(parameters)
    if seconds is not None:
        host.clock.schedule(context.now + seconds, partial(switch, configured, effective), "Debug as before")


def _switch(operator: Operator, at_once: bool, configured: bool, effective: bool) -> None:
    operator.set("host.debug", configured)
    if at_once:
        operator.host.switch_debug(effective)


FAULT = Fault(
    name="debug_switched",
    group="host",
    title="Debug was switched on, so that nobody is asked for a secret token, or off",
    seen=Seen(
        wire="200 for any token and for none while Debug is on",
        requests="200; as any answer",
        curl="(0) the answer",
        dotnet="No exception: the answer is like any other",
        gets="{status: 200}",
    ),
    parameters={
        "to": Parameter("boolean", "The new value", True),
        "effective": Parameter(
            "choice",
            "at_once: as if the service had restarted with it; at_restart: it is only written into the exe.config",
            "at_once",
            choices=("at_once", "at_restart"),
        ),
        "for": subject.duration("until it is set back, and the service restarted"),
    },
    main="to",
    host=_host,
)
