"""A byte order mark before the JSON.

RFC 8259 8.1: implementations MUST NOT add one to JSON that they send; parsers MAY ignore it. What .NET makes of
it depends on what reads it: GitHub dotnet/runtime#37327 (text and bytes are refused), dotnet/corefx#38418 (a
stream's mark is skipped).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from mockhost.faults.body.documents import SHOWN, with_body
from mockhost.faults.contract import Context, Draft, Fault, Parameters, Seen

_MARK = b"\xef\xbb\xbf"


def _marked(body: Iterator[bytes]) -> Iterator[bytes]:
    first = next(body, b"")
    return chain((_MARK + first,) if first else (), body)


def _answer(draft: Draft, _: Parameters, __: Context) -> Draft:
    if isinstance(draft.body, bytes):
        return with_body(draft, _MARK + draft.body) if draft.body else draft
    return draft._replace(body=_marked(iter(draft.body))).with_header("Content-Length", None)


FAULT = Fault(
    name="byte_order_mark",
    group="body",
    title="A byte order mark stands before the JSON",
    seen=Seen(
        wire="The body begins with EF BB BF",
        requests="200; response.json() raises JSONDecodeError",
        curl=SHOWN,
        dotnet="HttpClient reports 200; JsonSerializer skips the mark when it reads a stream (GitHub "
        "dotnet/corefx#38418) and raises JsonException \"'0xEF' is an invalid start of a value\" for a text "
        "or bytes (GitHub dotnet/runtime#37327)",
        gets='{status: 200, text: {starts_with: "\\uFEFF"}}',
    ),
    answer=_answer,
)
