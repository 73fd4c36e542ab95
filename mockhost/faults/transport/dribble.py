"""The body comes a few bytes at a time, with a pause after each; nothing of it is wrong."""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.faults.plan import Pace
from mockhost.faults.transport.cuts import planned


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    size, pause = parameters["size"], parameters["pause"]
    assert isinstance(size, int)
    assert isinstance(pause, float)
    return planned(draft, body_pace=Pace(size, pause))


FAULT = Fault(
    name="dribble",
    group="transport",
    title="The body comes a few bytes at a time",
    seen=Seen(
        wire="The head at once, then 16 bytes of the body every 50 ms; the connection stays open",
        requests="200",
        curl="(0) 200",
        dotnet="Assumed: 200, or TaskCanceledException where it takes longer than HttpClient.Timeout",
        gets="{status: 200, took: {at_least: 500ms}, ends: keep}",
    ),
    parameters={
        "size": Parameter("integer", "How many bytes at a time", 16, minimum=1),
        "pause": Parameter("duration", "How long between two of them, on the wall", "50ms"),
    },
    main="pause",
    answer=_answer,
)
