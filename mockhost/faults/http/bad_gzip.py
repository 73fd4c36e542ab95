"""`Content-Encoding: gzip` over what is no gzip: plain JSON, or gzip that was damaged or cut short.

RFC 9110 8.4.1.3. Clients decode whether or not they asked for it; proxies that forget one of header and body
make this.
"""

from __future__ import annotations

import zlib

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen

_HEAD = 10
"""Bytes of gzip's own header (RFC 1952 2.3)."""
_RESERVED = 0x07
"""A deflate block of the type that does not exist (RFC 1951 3.2.3)."""


def _gzip(body: bytes) -> bytes:
    """The body compressed, without a time in it: the same bytes each time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    body, how = draft.whole_body(), parameters["how"]
    draft = draft._replace(body=body)
    if not body:
        return draft
    if how == "damaged":
        packed = _gzip(body)
        body = packed[:_HEAD] + bytes((_RESERVED,)) + packed[_HEAD + 1 :]
    elif how == "truncated":
        packed = _gzip(body)
        body = packed[: max(_HEAD, len(packed) // 2)]
    draft = draft._replace(body=body).with_header("Content-Length", None)
    return draft.with_header("Content-Encoding", "gzip")


FAULT = Fault(
    name="bad_gzip",
    group="http",
    title="The header says gzip, and the body is none",
    seen=Seen(
        wire="Content-Encoding: gzip, and the plain JSON",
        requests="ContentDecodingError: Received response with content-encoding: gzip, but failed to decode "
        "it.",
        curl="(0) the body as it came; (61) with --compressed",
        dotnet="Assumed: with HttpClientHandler.AutomaticDecompression InvalidDataException from GZipStream; "
        "without it 200 and the body as it came",
        gets="{status: 200, headers: {Content-Encoding: gzip}}",
    ),
    parameters={
        "how": Parameter(
            "choice",
            "plain: the body as it was; damaged: gzip with a wrong byte; truncated: half of the gzip",
            "plain",
            choices=("plain", "damaged", "truncated"),
        )
    },
    main="how",
    answer=_answer,
)
