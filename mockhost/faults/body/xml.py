"""XML where JSON is due.

ASP.NET Web API, on which hosts of this kind are likely built, answers in XML to whoever prefers it (Microsoft
Learn, Content Negotiation in ASP.NET Web API), and SCIM 1.1 had an XML form. The elements are named after the
members; what is under a schema's URN has the last part of the URN for its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from mockhost.faults.body.documents import NO_JSON, SHOWN, UNREADABLE, read, settled, with_body
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _name(key: str) -> str:
    name = _NOT_IN_NAMES.sub("_", key.rpartition(":")[2])
    return name if name[:1].isalpha() or name[:1] == "_" else f"_{name}"


def _element(name: str, value: object) -> Iterator[str]:
    if isinstance(value, list):
        for member in value:
            yield from _element(name, member)
    elif value is None:
        yield f"<{name}/>"
    elif isinstance(value, dict):
        yield f"<{name}>"
        for key, member in value.items():
            yield from _element(_name(key), member)
        yield f"</{name}>"
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        yield f"<{name}>{escape(_NOT_IN_XML.sub('?', text), quote=False)}</{name}>"


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    draft = settled(draft)
    if (document := read(draft)) is None:
        return draft
    inside = {"Resource": document} if isinstance(document, list) else document
    try:
        text = "".join(_element(str(parameters["root"]), inside))
    except RecursionError:
        return draft
    body = f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode("utf-8", "replace")
    draft = with_body(draft, body)
    if parameters["keep_content_type"]:
        return draft
    return draft.with_header("Content-Type", "application/xml; charset=utf-8")


def _judge(parameters: Parameters) -> str | None:
    root = str(parameters["root"])
    return None if root and _name(root) == root else f"root is the name of an element, not {root!r}"


FAULT = Fault(
    name="xml",
    group="body",
    title="The answer is XML",
    seen=Seen(
        wire="The same content as XML, under Content-Type: application/xml; charset=utf-8",
        requests=NO_JSON,
        curl=SHOWN,
        dotnet=UNREADABLE,
        gets="{status: 200, headers: {Content-Type: {starts_with: application/xml}}, text: {starts_with: "
        '"<?xml"}}',
    ),
    parameters={
        "root": Parameter("text", "The name of the outermost element", "Response"),
        "keep_content_type": Parameter("boolean", "Whether the header still says what it said", False),
    },
    answer=_answer,
    judge=_judge,
)
