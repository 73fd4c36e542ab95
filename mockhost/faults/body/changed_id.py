"""Another `id` than the one under which the object is found.

RFC 7643 3.1: an id is stable and never reassigned. A client that keeps this one gets 404 for its next request.
"""

from __future__ import annotations

from typing import Any

from mockhost.faults.body.documents import SHOWN, altered_resources, key_of
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen


def _guid(octets: bytes) -> str:
    """Octets as a version 4 GUID (RFC 9562 5.4)."""
    raw = bytearray(octets)
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _answer(draft: Draft, parameters: Parameters, context: Context) -> Draft:
    to = parameters["to"]

    def other(resource: dict[str, Any], position: int) -> None:
        if (key := key_of(resource, "id")) is None:
            return
        given = resource[key]
        text = given if isinstance(given, str) else str(given)
        if to == "guid":
            resource[key] = _guid(context.octets(16, f"id {position}"))
        elif to == "other_case":
            resource[key] = text.swapcase()
        elif to == "trailing_blank":
            resource[key] = f"{text} "
        else:
            resource[key] = str(parameters["value"] or f"{text}-{context.ordinal}")

    return altered_resources(draft, other)


FAULT = Fault(
    name="changed_id",
    group="body",
    title="Resources have another id than they should",
    seen=Seen(
        wire="The member id is another one, meta.location stays",
        requests="200; response.json() gives another id",
        curl=SHOWN,
        dotnet="Assumed: HttpClient reports 200 or 201; the next request for the id gets 404, and the "
        "service logs InvalidAnchor (Microsoft Learn, provisioning logs)",
        gets='{status: 200, body: {/Resources/0/id: {matches: "^[0-9a-f]{8}-"}}}',
    ),
    parameters={
        "to": Parameter(
            "choice",
            "guid: a GUID, another one each time; other_case: upper and lower case swapped; trailing_blank: "
            "with a blank at the end; value: the text in `value`, or the id with a number that grows each "
            "time",
            "guid",
            choices=("guid", "other_case", "trailing_blank", "value"),
        ),
        "value": Parameter("text", "The id to give, with `to: value`"),
    },
    main="to",
    answer=_answer,
)
