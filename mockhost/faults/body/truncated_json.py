"""JSON that ends in the middle, in an answer that is whole for HTTP: the length is that of what is there.

It is what a buffer that was too small, or a process that died behind a proxy, leaves. For an answer that is cut
short on the wire see `truncated_body`.
"""

from __future__ import annotations

from mockhost.faults.body.documents import NO_JSON, SHOWN, UNREADABLE, read, settled, with_body
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    draft = settled(draft)
    if read(draft) is None:
        return draft
    body = draft.whole_body().strip()
    after, fraction = parameters["after_bytes"], parameters["at_fraction"]
    if not isinstance(after, int):
        assert isinstance(fraction, float)
        after = int(len(body) * fraction)
    return with_body(draft, body[: min(after, len(body) - 1)])


FAULT = Fault(
    name="truncated_json",
    group="body",
    title="The answer's JSON ends in the middle, though nothing is wrong with the length",
    seen=Seen(
        wire="Content-Length is that of the part of the body that is there",
        requests=NO_JSON,
        curl=SHOWN,
        dotnet=UNREADABLE,
        gets='{status: 200, text: {not: {ends_with: "}"}}}',
    ),
    parameters={
        "at_fraction": Parameter("fraction", "How much of the body is there, from 0 to 1", 0.5),
        "after_bytes": Parameter(
            "integer", "Instead: how many bytes of the body are there, at most all but the last", minimum=0
        ),
    },
    main="at_fraction",
    answer=_answer,
)
