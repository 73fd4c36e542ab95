"""JSON with an error in it, of a kind that real servers make.

Sources: RFC 8259 (what JSON is); GitHub grokability/snipe-it#14138 (what the portal says of a body that it
can't read).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import orjson

from mockhost.faults.body.documents import NO_JSON, SHOWN, UNREADABLE, Document, read, settled, with_body
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen

_NAME = re.compile(r'"([A-Za-z_][A-Za-z0-9_]*)":')


def _unclosed(text: str, _: Document) -> str:
    return text[:-1]


def _trailing_comma(text: str, _: Document) -> str:
    return f"{text[:-1]},{text[-1]}"


def _unquoted_names(text: str, _: Document) -> str:
    return _NAME.sub(r"\1:", text)


def _python(_: str, document: Document) -> str:
    return repr(document)


def _twice(text: str, _: Document) -> str:
    return text + text


def _comment(text: str, _: Document) -> str:
    return f"// generated\n{text}"


_WAYS: Final[dict[str, Callable[[str, Document], str]]] = {
    "unclosed": _unclosed,
    "trailing_comma": _trailing_comma,
    "unquoted_names": _unquoted_names,
    "python": _python,
    "twice": _twice,
    "comment": _comment,
}


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    draft = settled(draft)
    if (document := read(draft)) is None:
        return draft
    text = draft.whole_body().decode().strip()
    try:
        wrong = _WAYS[str(parameters["how"])](text, document).encode()
    except RecursionError:
        wrong = text[:-1].encode()
    try:
        orjson.loads(wrong)
    except orjson.JSONDecodeError:
        return with_body(draft, wrong)
    return with_body(draft, text[:-1].encode())  # an empty document has no name to spoil


FAULT = Fault(
    name="malformed_json",
    group="body",
    title="The answer's JSON has an error in it",
    seen=Seen(
        wire="Status, headers and length are right; the body is no JSON",
        requests=NO_JSON,
        curl=SHOWN,
        dotnet=UNREADABLE,
        gets='{status: 200, text: {not: {ends_with: "}"}}}',
    ),
    parameters={
        "how": Parameter(
            "choice",
            "unclosed: the last bracket is missing; trailing_comma: one before the last bracket; "
            "unquoted_names: as in JavaScript; python: as Python prints it, with single quotes and True; "
            "twice: the document follows itself; comment: a line of comment before it",
            "unclosed",
            choices=tuple(_WAYS),
        )
    },
    main="how",
    answer=_answer,
)
