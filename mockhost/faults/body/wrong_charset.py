"""Bytes in one encoding under a header that names another.

RFC 8259 8.1: JSON between systems MUST be UTF-8. In `latin-1` and `windows-1252` only letters beyond ASCII are
wrong.
"""

from __future__ import annotations

import re

from mockhost.faults.body.documents import NO_JSON, SHOWN, UNREADABLE, settled, with_body
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen

_CHARSET = re.compile(r";\s*charset\s*=\s*(?:\"[^\"]*\"|[^;\s]*)", re.IGNORECASE)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,40}")


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    draft = settled(draft)
    body = draft.whole_body()
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return draft
    if not text:
        return draft
    kind = _CHARSET.sub("", draft.header("Content-Type") or "application/scim+json").strip()
    draft = with_body(draft, text.encode(str(parameters["actually"]), "replace"))
    return draft.with_header("Content-Type", f"{kind}; charset={parameters['says']}")


def _judge(parameters: Parameters) -> str | None:
    if _TOKEN.fullmatch(str(parameters["says"])):
        return None
    return f"says is the name of a charset, not {parameters['says']!r}"


FAULT = Fault(
    name="wrong_charset",
    group="body",
    title="The body is not in the encoding that the header says",
    seen=Seen(
        wire="Content-Type says charset=utf-8, the bytes are UTF-16",
        requests=NO_JSON,
        curl=SHOWN,
        dotnet=UNREADABLE,
        gets="{status: 200, headers: {Content-Type: {contains: charset=utf-8}}, text: {not: {contains: "
        "schemas}}}",
    ),
    parameters={
        "actually": Parameter(
            "choice",
            "The encoding of the bytes; utf-16 begins with a byte order mark. What it has no sign for "
            "becomes `?`",
            "utf-16",
            choices=("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "windows-1252"),
        ),
        "says": Parameter("text", "The charset that the Content-Type names", "utf-8"),
    },
    main="actually",
    judge=_judge,
    answer=_answer,
)
