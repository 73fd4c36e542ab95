"""The names of attributes come in another case: `totalresults`, `resources`, `firstName`.

RFC 7643 2.1: attribute names are case-insensitive, so a client should not mind, and many do. PascalCase is what
.NET's serializers write unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mockhost.faults.body.documents import (
    SHOWN,
    Document,
    altered,
    holders,
    names_in,
    places,
)
from mockhost.faults.body.renamed_attributes import renamed
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen

_CASES: Final[dict[str, Callable[[str], str]]] = {
    "lower": str.lower,
    "upper": str.upper,
    "camel": lambda name: name[:1].lower() + name[1:],
    "pascal": lambda name: name[:1].upper() + name[1:],
    "swapped": str.swapcase,
}


def _everywhere(value: Any, case: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {
            key if key.lower().startswith("urn:") else case(key): _everywhere(part, case)
            for key, part in value.items()
        }
    return [_everywhere(part, case) for part in value] if isinstance(value, list) else value


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    case, names = _CASES[str(parameters["to"])], names_in(parameters)

    def recased(document: Document) -> Document:
        if not names:
            return _everywhere(document, case)
        for holder in holders(document):
            for name in names:
                for container, key in places(holder, name):
                    renamed(container, key, case(key))
        return document

    return altered(draft, recased)


FAULT = Fault(
    name="recased_attributes",
    group="body",
    title="The names of attributes come in another case",
    seen=Seen(
        wire="totalresults, resources, firstname; URNs stay as they are",
        requests="200; response.json() gives the values under names in another case",
        curl=SHOWN,
        dotnet="HttpClient reports 200; System.Text.Json matches names by case unless "
        "PropertyNameCaseInsensitive is set, and leaves what it doesn't find empty; Newtonsoft.Json takes "
        "any case (Microsoft Learn, Migrate from Newtonsoft.Json to System.Text.Json, Case-insensitive "
        "deserialization)",
        gets="{status: 200, totalResults: {absent: true}, body: {/totalresults: 1}}",
    ),
    parameters={
        "to": Parameter(
            "choice",
            "`camel` and `pascal` change the first letter, `lower` and `upper` all",
            "lower",
            choices=tuple(_CASES),
        ),
        "attributes": Parameter(
            "texts", "Which, by name; default: all, those of the message too, but for URNs"
        ),
    },
    main="to",
    answer=_answer,
)
