"""The connection is reset: what a crashed service, a firewall or a load balancer does to one.

By default before the first byte of the answer; with a place, after so much of its body. It is a true RST, over TLS
as well, and comes after what was to be sent has left.
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameters, Seen
from mockhost.faults.transport.cuts import AFTER_BYTES, AT_FRACTION, cut, one_place, uncut


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    return cut(draft, parameters, ending="rst", head=not uncut(parameters))


FAULT = Fault(
    name="connection_reset",
    group="transport",
    title="The connection is reset instead of an answer, or in the middle of one",
    seen=Seen(
        wire="RST before any byte of the answer; with a place, after head and so much of the body",
        requests="ConnectionError: Connection reset by peer or ConnectionError: Remote end closed "
        "connection without response or ChunkedEncodingError: Connection reset by peer or "
        "ChunkedEncodingError: IncompleteRead",
        curl="(56) Recv failure: Connection reset by peer",
        dotnet='HttpRequestException "An error occurred while sending the request." around IOException '
        '"Unable to read data from the transport connection: An existing connection was forcibly closed by '
        'the remote host." (GitHub dotnet/runtime, System.Net.Http, Strings.resx)',
        gets="{ends: rst}",
    ),
    parameters={"after_bytes": AFTER_BYTES, "at_fraction": AT_FRACTION},
    main="after_bytes",
    answer=_answer,
    closes=True,
    judge=one_place,
)
