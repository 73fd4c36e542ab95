"""A list response without `Resources`, whatever its totals say.

RFC 7644 3.4.2: it is required if totalResults is not zero; many servers leave it out when it is zero, which is
allowed.
"""

from __future__ import annotations

from mockhost.faults.body.documents import SHOWN, Document, altered, key_of
from mockhost.faults.contract import Context, Draft, Fault, Parameters, Seen


def _without(document: Document) -> Document:
    if isinstance(document, dict) and (key := key_of(document, "Resources")) is not None:
        del document[key]
    return document


def _answer(draft: Draft, _: Parameters, __: Context) -> Draft:
    return altered(draft, _without)


FAULT = Fault(
    name="missing_resources",
    group="body",
    title="A list has totals and no resources",
    seen=Seen(
        wire="A list response without the member Resources",
        requests="200; response.json() gives a document without Resources",
        curl=SHOWN,
        dotnet="Assumed: HttpClient reports 200; the list deserializes with Resources null, and whoever "
        "walks through it gets a NullReferenceException",
        gets="{status: 200, totalResults: 1, resources: {absent: true}}",
    ),
    answer=_answer,
)
