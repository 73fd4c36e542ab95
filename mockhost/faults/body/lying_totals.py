"""The numbers of a list are not those of the list: how many match, where the page begins, how many it has.

RFC 7644 3.4.2 says what they count. Counting the page instead of all that match (`total_results: returned`) is
what AzureAD/SCIMReferenceCode does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mockhost.faults.body.documents import SHOWN, Document, altered, key_of, listed
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen

_MEMBERS: Final = {
    "total_results": "totalResults",
    "start_index": "startIndex",
    "items_per_page": "itemsPerPage",
}
_FARTHEST: Final = 1 << 53
"""JSON's integers are exact up to here (RFC 8259 6)."""


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _FARTHEST


def _problem(said: object) -> bool:
    if isinstance(said, Mapping):
        return set(said) != {"add"} or not _whole(said["add"])
    return said not in (None, "returned") and not _whole(said)


def _judge(parameters: Parameters) -> str | None:
    for name, said in parameters.items():
        if _problem(said):
            return f"{name} is a whole number, {{add: a whole number}} or returned, not {said!r}"
    return None


def _said(said: object, true: object, returned: int) -> object:
    if isinstance(said, Mapping):
        add = said["add"]
        assert isinstance(add, int)
        return true + add if isinstance(true, int) and not isinstance(true, bool) else add
    return returned if said == "returned" else said


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    wanted = {name: said for name, said in parameters.items() if said is not None} or {
        "total_results": {"add": 1}
    }

    def lying(document: Document) -> Document:
        members = listed(document)
        totals = isinstance(document, dict) and key_of(document, "totalResults")
        if isinstance(document, dict) and (members is not None or totals):
            for name, said in wanted.items():
                key = key_of(document, _MEMBERS[name]) or _MEMBERS[name]
                document[key] = _said(said, document.get(key), len(members or ()))
        return document

    return altered(draft, lying)


_VALUE = "A whole number; {add: n} to the true one; or returned: the number of resources in this reply"

FAULT = Fault(
    name="lying_totals",
    group="body",
    title="The numbers of a list are not those of the list",
    seen=Seen(
        wire="totalResults, startIndex or itemsPerPage is another number",
        requests="200; response.json() gives another totalResults than there are Resources",
        curl=SHOWN,
        dotnet="Assumed: HttpClient reports 200; a client that pages asks for more and gets nothing, or "
        "stops too early. The provisioning service takes more than one for a duplicate (Microsoft Learn, "
        "provisioning logs, DuplicateTargetEntries)",
        gets="{status: 200, totalResults: 2, resources: 1}",
    ),
    parameters={
        "total_results": Parameter("value", f"{_VALUE}. If nothing at all is said, one more than is true"),
        "start_index": Parameter("value", _VALUE),
        "items_per_page": Parameter("value", _VALUE),
    },
    main="total_results",
    judge=_judge,
    answer=_answer,
    example={"total_results": {"add": 1}},
)
