"""A chunked answer in which something else stands where the size of a chunk is due (RFC 9112 7.1)."""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.faults.transport.cuts import AFTER_BYTES, how, planned


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    garbage = str(parameters["garbage"]).encode()
    return planned(
        draft,
        bad_chunk=garbage,
        after_bytes=parameters["after_bytes"],
        after_fraction=None,
        ending=parameters["how"],
    )


FAULT = Fault(
    name="malformed_chunk",
    group="transport",
    title="A chunk of the body has no size that can be read",
    seen=Seen(
        wire="Transfer-Encoding: chunked, a chunk with the first bytes of the body, garbage in place of the "
        "next chunk's size, FIN",
        requests="ChunkedEncodingError: InvalidChunkLength",
        curl="(56) missing hexadecimal sequence in chunked-encoding",
        dotnet='HttpRequestException "Error while copying content to a stream." around HttpIOException '
        "\"Received chunk header length could not be parsed: 'no size'.\" (GitHub dotnet/runtime, "
        "System.Net.Http, Strings.resx)",
        gets="{status: 200, ends: {any_of: [fin, close_notify]}}",
    ),
    parameters={
        "after_bytes": AFTER_BYTES._replace(default=16),
        "garbage": Parameter("text", "What stands in place of the size", "no size\r\n"),
        "how": how("close_notify"),
    },
    main="garbage",
    answer=_answer,
    closes=True,
)
