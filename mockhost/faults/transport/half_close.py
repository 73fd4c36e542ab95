"""The server ends its half of the connection after the answer, or in the middle of one, and goes on listening.

Nobody says `Connection: close`: a client that keeps the connection for its next request finds out too late.
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameters, Seen
from mockhost.faults.transport.cuts import AFTER_BYTES, AT_FRACTION, cut, one_place


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    return cut(draft, parameters, ending="half_close")


FAULT = Fault(
    name="half_close",
    group="transport",
    title="The server ends its half of the connection unannounced, and goes on listening",
    seen=Seen(
        wire="The whole answer without Connection: close, FIN, over TLS after close_notify; what the client "
        "still sends is taken and never answered",
        requests="200",
        curl="(0) 200",
        dotnet="Assumed: 200; a request that is sent on the same connection before the FIN was seen fails "
        'with HttpRequestException "An error occurred while sending the request."',
        gets="{status: 200, ends: {any_of: [fin, close_notify]}}",
    ),
    parameters={
        "after_bytes": AFTER_BYTES._replace(description=f"{AFTER_BYTES.description}; default: all of it"),
        "at_fraction": AT_FRACTION,
    },
    main="after_bytes",
    answer=_answer,
    closes=True,
    judge=one_place,
)
