"""The connection is accepted and nothing else ever happens on it: no handshake, no answer, no end."""

from __future__ import annotations

from mockhost.faults.contract import Fault, Parameters, Seen
from mockhost.faults.plan import ConnectionPlan


def _connection(_: Parameters) -> ConnectionPlan:
    return ConnectionPlan("silent")


FAULT = Fault(
    name="silent",
    group="transport",
    title="The connection is accepted and stays silent",
    seen=Seen(
        wire="TCP connects; not a byte comes, over TLS not even of the handshake, and no end",
        requests="ReadTimeout: Read timed out or ConnectTimeout: timed out",
        curl="(28) timed out",
        dotnet='TaskCanceledException "The request was canceled due to the configured HttpClient.Timeout of '
        '100 seconds elapsing." (GitHub dotnet/runtime, System.Net.Http, Strings.resx)',
        gets="{ends: {no_answer_within: 500ms}}",
    ),
    connection=_connection,
)
