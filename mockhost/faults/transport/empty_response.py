"""The connection ends without a byte of an answer: what a service does that stops while a request is in it."""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.faults.transport.cuts import HOW, planned


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    return planned(draft, head=False, ending=parameters["how"])


FAULT = Fault(
    name="empty_response",
    group="transport",
    title="The connection is closed without an answer",
    seen=Seen(
        wire="FIN before any byte of the answer, over TLS after close_notify",
        requests="ConnectionError: Remote end closed connection without response",
        curl="(52) Empty reply from server",
        dotnet='HttpRequestException "An error occurred while sending the request." around HttpIOException '
        '"The response ended prematurely. (ResponseEnded)" (GitHub dotnet/runtime, System.Net.Http, '
        "Strings.resx)",
        gets="{ends: {any_of: [fin, close_notify]}}",
    ),
    parameters={
        "how": Parameter("choice", HOW.rpartition(";")[0], "close_notify", choices=("fin", "close_notify"))
    },
    main="how",
    answer=_answer,
    closes=True,
)
