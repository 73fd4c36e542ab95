"""Random bytes in place of the answer, head included, then the end. The same bytes each time for the same seed."""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.faults.transport.cuts import how, planned


def _answer(draft: Draft, parameters: Parameters, context: Context) -> Draft:
    count = parameters["count"]
    assert isinstance(count, int)
    return planned(draft, raw=context.octets(count, "random_data"), ending=parameters["how"])


FAULT = Fault(
    name="random_data",
    group="transport",
    title="Random bytes come in place of an answer",
    seen=Seen(
        wire="256 random bytes, FIN",
        requests="ConnectionError: BadStatusLine",
        curl="(1) Received HTTP/0.9 when not allowed",
        dotnet="HttpRequestException \"Received an invalid status line: '…'.\" (GitHub dotnet/runtime, "
        "System.Net.Http, Strings.resx)",
        gets="{ends: not_http}",
    ),
    parameters={
        "count": Parameter("integer", "How many bytes", 256, minimum=1, maximum=1 << 20),
        "how": how("close_notify"),
    },
    main="count",
    answer=_answer,
    closes=True,
)
