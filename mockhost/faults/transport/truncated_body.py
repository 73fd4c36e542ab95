"""Only a part of the body that was announced, then the end of the connection.

By default half of it. What a client makes of it depends on how the connection ends: over TLS an end without
close_notify could be an attacker's (RFC 8446 6.1, RFC 9112 9.8), and a reset may take with it what was not read yet.
"""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameters, Seen
from mockhost.faults.transport.cuts import AFTER_BYTES, AT_FRACTION, cut, how, one_place, uncut


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    if uncut(parameters):
        parameters = {**parameters, "at_fraction": 0.5}
    return cut(draft, parameters, ending=parameters["how"])


FAULT = Fault(
    name="truncated_body",
    group="transport",
    title="The body stops before its announced end",
    seen=Seen(
        wire="A whole head, half of the body that it announces, FIN, over TLS without close_notify",
        requests="ChunkedEncodingError: IncompleteRead or ChunkedEncodingError: Connection reset by peer",
        curl="(18) transfer closed with 200 bytes remaining to read or (56) Recv failure: Connection reset by peer",
        dotnet='HttpRequestException "Error while copying content to a stream." around HttpIOException "The '
        'response ended prematurely, with at least 200 additional bytes expected. (ResponseEnded)" (GitHub '
        "dotnet/runtime, System.Net.Http, Strings.resx)",
        gets="{status: 200, ends: fin}",
    ),
    parameters={
        "after_bytes": AFTER_BYTES,
        "at_fraction": AT_FRACTION._replace(
            description=f"{AT_FRACTION.description}; 0.5 if neither is given"
        ),
        "how": how("fin"),
    },
    main="after_bytes",
    answer=_answer,
    closes=True,
    judge=one_place,
    example={"at_fraction": 0.5, "how": "fin"},
)
