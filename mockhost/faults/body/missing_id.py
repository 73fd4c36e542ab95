"""Resources without an `id`.

RFC 7643 3.1: every resource MUST have one. Microsoft Learn, "Tutorial: Develop and plan provisioning for a SCIM
endpoint in Microsoft Entra ID", asks for it as well: the service keeps it and uses it in all later requests.
"""

from __future__ import annotations

from typing import Any

from mockhost.faults.body.documents import SHOWN, altered_resources, key_of
from mockhost.faults.contract import Context, Draft, Fault, Parameters, Seen


def _without(resource: dict[str, Any], _: int) -> None:
    if (key := key_of(resource, "id")) is not None:
        del resource[key]


def _answer(draft: Draft, _: Parameters, __: Context) -> Draft:
    return altered_resources(draft, _without)


FAULT = Fault(
    name="missing_id",
    group="body",
    title="Resources have no id",
    seen=Seen(
        wire="Resources without the member id",
        requests="200; response.json() gives a resource without id",
        curl=SHOWN,
        dotnet="Assumed: HttpClient reports 200 or 201; the service can't keep an id for later requests and "
        "logs ServiceIncompatible",
        gets="{status: 200, body: {/Resources/0/id: {absent: true}}}",
    ),
    answer=_answer,
)
