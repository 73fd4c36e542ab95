"""Several resources where one is due: two for a find on a unique value, a list for a GET by id.

Microsoft Learn, "What are the Microsoft Entra provisioning logs?", error codes: DuplicateTargetEntries for more
than one match, SystemForCrossDomainIdentityManagementMultipleEntriesInResponse for several resources in one
answer.
"""

from __future__ import annotations

import copy
from typing import Any

from mockhost.faults.body.documents import (
    SHOWN,
    Document,
    altered,
    is_message,
    key_of,
    listed,
)
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.scim.messages import list_response


def _twin(resource: dict[str, Any], number: int, *, same: bool) -> dict[str, Any]:
    twin = copy.deepcopy(resource)
    key = key_of(twin, "id")
    if key is not None and not same:
        twin[key] = f"{twin[key]}-{number}"
    return twin


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    count, same, shape = parameters["count"], parameters["same_id"], parameters["of_one"]
    assert isinstance(count, int)

    def family(first: dict[str, Any]) -> list[Any]:
        return [first, *(_twin(first, number, same=bool(same)) for number in range(2, count + 1))]

    def several(document: Document) -> Document:
        members = listed(document)
        if members is None:
            if is_message(document):
                return document
            return family(document) if shape == "array" else list_response(family(document), count, 1)
        if members and len(members) < count and isinstance(members[0], dict):
            added = family(members[0])[len(members) - count :]
            members.extend(added)
            for name in ("totalResults", "itemsPerPage"):
                if isinstance(document, dict) and isinstance(document.get(name), int):
                    document[name] += len(added)
        return document

    return altered(draft, several) if 200 <= draft.status < 300 else draft


FAULT = Fault(
    name="several_resources",
    group="body",
    title="Several resources come where one is due",
    seen=Seen(
        wire="A list of two, in which totalResults is right: for a find one more, for one resource a list "
        "response",
        requests="200; response.json() gives two Resources",
        curl=SHOWN,
        dotnet="HttpClient reports 200; the provisioning logs have DuplicateTargetEntries for a find, and "
        "SystemForCrossDomainIdentityManagementMultipleEntriesInResponse for one resource (Microsoft Learn, "
        "provisioning logs, error codes)",
        gets="{status: 200, totalResults: 2, resources: 2}",
    ),
    parameters={
        "count": Parameter("integer", "How many there are at least", 2, minimum=2, maximum=1000),
        "same_id": Parameter(
            "boolean", "Whether they all have the id of the first; else it gets -2, -3, …", False
        ),
        "of_one": Parameter(
            "choice",
            "What an answer with one resource becomes: a list response or a plain array",
            "list_response",
            choices=("list_response", "array"),
        ),
    },
    main="count",
    answer=_answer,
)
