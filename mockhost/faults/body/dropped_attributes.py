"""Attributes that the object has are not in the answer.

A client that compares what it sent with what it reads back sends it again in each cycle.
"""

from __future__ import annotations

from typing import Any, Final

from mockhost.faults.body.documents import SHOWN, altered_resources, names_in, places
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.scim.attributes import fold

_KEPT: Final = frozenset({"schemas", "id", "meta"})


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    names = names_in(parameters)

    def without(resource: dict[str, Any], _: int) -> None:
        for name in names:
            for container, key in places(resource, name):
                container.pop(key, None)
        if not names:
            for key in [key for key in resource if fold(key) not in _KEPT]:
                del resource[key]

    return altered_resources(draft, without)


FAULT = Fault(
    name="dropped_attributes",
    group="body",
    title="Attributes are missing from the resources",
    seen=Seen(
        wire="Resources without some of their attributes",
        requests="200; response.json() gives resources without them",
        curl=SHOWN,
        dotnet="Assumed: HttpClient reports 200; the service takes them for empty and sends them again in "
        "each cycle",
        gets="{status: 200, body: "
        '{"/Resources/0/urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User": {absent: true}}}',
    ),
    parameters={
        "attributes": Parameter("texts", "Which attributes, by name; default: all but schemas, id and meta")
    },
    main="attributes",
    answer=_answer,
)
