"""Status line and headers come a byte at a time, the body then at once; nothing of it is wrong.

A client's read time-out begins anew with each byte: this shows whether it also limits the whole.
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.faults.plan import Pace
from mockhost.faults.transport.cuts import planned


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    size, pause = parameters["size"], parameters["pause"]
    assert isinstance(size, int)
    assert isinstance(pause, float)
    return planned(draft, head_pace=Pace(size, pause))


FAULT = Fault(
    name="slow_status_line",
    group="transport",
    title="Status line and headers come a byte at a time",
    seen=Seen(
        wire="A byte of the head every 5 ms, then the body at once; the connection stays open",
        requests="200",
        curl="(0) 200",
        dotnet="Assumed: 200, or TaskCanceledException where it takes longer than HttpClient.Timeout",
        gets="{status: 200, took: {at_least: 500ms}, ends: keep}",
    ),
    parameters={
        "size": Parameter("integer", "How many bytes at a time", 1, minimum=1),
        "pause": Parameter("duration", "How long between two of them, on the wall", "5ms"),
    },
    main="pause",
    answer=_answer,
)
