"""`null` where a list is due: `"Resources": null` of an empty list, `"emails": null` of a user without any.

RFC 7643 2.5: null and an empty array both mean unassigned; but RFC 7644 3.4.2 has `Resources` as an array, and
clients walk through it.
"""

from __future__ import annotations

from mockhost.faults.body.documents import SHOWN, Document, altered, holders, names_in, places
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    names = names_in(parameters)

    def nulled(document: Document) -> Document:
        # The innermost first: whose list is null has nothing to look for in it.
        for holder in reversed(holders(document)):
            for name in names:
                for container, key in places(holder, name):
                    if isinstance(container[key], list):
                        container[key] = None
        return document

    return altered(draft, nulled)


FAULT = Fault(
    name="null_list",
    group="body",
    title="There is null where a list is due",
    seen=Seen(
        wire='"Resources":null',
        requests='200; response.json()["Resources"] is None',
        curl=SHOWN,
        dotnet="Assumed: HttpClient reports 200; the list deserializes with Resources null, and whoever "
        "walks through it gets a NullReferenceException",
        gets="{status: 200, body: {/Resources: null}}",
    ),
    parameters={
        "attributes": Parameter(
            "texts",
            "Which lists, by name: Resources, or multi-valued attributes of the resources",
            ["Resources"],
        )
    },
    main="attributes",
    answer=_answer,
)
