"""`schemas` is missing, in the message, the resources or both.

RFC 7643 3: every representation of a resource, and RFC 7644 3.1: every message, MUST have it.
"""

from __future__ import annotations

from mockhost.faults.body.documents import (
    SHOWN,
    Document,
    altered,
    holders,
    is_message,
    key_of,
    resources,
)
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    def without(document: Document) -> Document:
        where = parameters["where"]
        chosen = holders(document)
        if where == "message":
            chosen = [document] if is_message(document) else []
        elif where == "resources":
            chosen = resources(document)
        for holder in chosen:
            if (key := key_of(holder, "schemas")) is not None:
                del holder[key]
        return document

    return altered(draft, without)


FAULT = Fault(
    name="missing_schemas",
    group="body",
    title="The answer does not say which schemas it follows",
    seen=Seen(
        wire="JSON without the member schemas",
        requests="200; response.json() gives a document without schemas",
        curl=SHOWN,
        dotnet="Assumed: HttpClient reports 200; a client that picks the type by schemas, as "
        "AzureAD/SCIMReferenceCode does, can't deserialize the resource, and the portal says so",
        gets="{status: 200, body: {/schemas: {absent: true}}}",
    ),
    parameters={
        "where": Parameter(
            "choice",
            "message: the list response or error itself; resources: each resource in it, or the one that it "
            "is; everywhere: both",
            "everywhere",
            choices=("everywhere", "message", "resources"),
        )
    },
    main="where",
    answer=_answer,
)
