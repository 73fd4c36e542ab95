"""The whole answer, head and body, comes at so many bytes a second; nothing of it is wrong."""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.faults.plan import Pace
from mockhost.faults.transport.cuts import planned

_STEPS = 20
"""How many times a second something is sent, where that is at least a byte."""


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    rate = parameters["bytes_per_second"]
    assert isinstance(rate, int)
    size = max(1, rate // _STEPS)
    pace = Pace(size, size / rate)
    return planned(draft, head_pace=pace, body_pace=pace)


FAULT = Fault(
    name="bandwidth",
    group="transport",
    title="The answer comes at few bytes a second",
    seen=Seen(
        wire="Head and body in small pieces, 1000 bytes a second; the connection stays open",
        requests="200",
        curl="(0) 200",
        dotnet="Assumed: 200, or TaskCanceledException where it takes longer than HttpClient.Timeout",
        gets="{status: 200, took: {at_least: 500ms}, ends: keep}",
    ),
    parameters={
        "bytes_per_second": Parameter(
            "integer", "Bytes a second on the wall, counted before TLS", 1000, minimum=1
        )
    },
    main="bytes_per_second",
    answer=_answer,
)
