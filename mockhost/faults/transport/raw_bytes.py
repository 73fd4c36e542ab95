"""Bytes of one's own in place of the whole answer, head included, then the end of the connection."""

from __future__ import annotations

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.faults.transport.cuts import how, planned


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    text, octets = parameters["text"], parameters["octets"]
    raw = octets if isinstance(octets, bytes) else str(text).encode()
    return planned(draft, raw=raw, ending=parameters["how"])


def _judge(parameters: Parameters) -> str | None:
    if (parameters["text"] is None) == (parameters["octets"] is None):
        return "give text or octets, one of the two"
    return None


FAULT = Fault(
    name="raw_bytes",
    group="transport",
    title="Bytes of one's own come in place of an answer",
    seen=Seen(
        wire="Exactly these bytes, FIN",
        requests="ConnectionError: BadStatusLine",
        curl="(1) Received HTTP/0.9 when not allowed",
        dotnet="HttpRequestException \"Received an invalid status line: 'SSH-2.0-OpenSSH_9.6'.\" (GitHub "
        "dotnet/runtime, System.Net.Http, Strings.resx)",
        gets="{ends: not_http}",
    ),
    parameters={
        "text": Parameter("text", "The bytes as text, sent in UTF-8; end lines with \\r\\n yourself"),
        "octets": Parameter("octets", "The bytes as pairs of hex digits"),
        "how": how("close_notify"),
    },
    main="text",
    answer=_answer,
    closes=True,
    judge=_judge,
    example={"text": "SSH-2.0-OpenSSH_9.6\r\n"},
)
