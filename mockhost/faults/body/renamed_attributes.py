"""Attributes come under another name than they are written by: `mail` for `emails`, `GivenName` for `FirstName`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockhost.faults.body.documents import SHOWN, altered_resources, places
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen


def renamed(container: dict[str, Any], old: str, new: str) -> None:
    """Call a member otherwise, in its place."""
    items = [
        (new if key == old else key, value) for key, value in container.items() if key != new or old == new
    ]
    container.clear()
    container.update(items)


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    names = parameters["names"]
    assert isinstance(names, Mapping)

    def rename(resource: dict[str, Any], _: int) -> None:
        for old, new in names.items():
            for container, key in places(resource, str(old)):
                renamed(container, key, str(new))

    return altered_resources(draft, rename)


def _judge(parameters: Parameters) -> str | None:
    names = parameters["names"]
    assert isinstance(names, Mapping)
    for old, new in names.items():
        if not isinstance(old, str) or not isinstance(new, str) or not new:
            return f"names maps names to names, not {old!r} to {new!r}"
    return None if names else "names says nothing; e.g. {FirstName: GivenName}"


FAULT = Fault(
    name="renamed_attributes",
    group="body",
    title="Attributes come under other names",
    seen=Seen(
        wire="Resources whose attributes have other names",
        requests="200; response.json() gives the values under other names",
        curl=SHOWN,
        dotnet="Assumed: HttpClient reports 200; deserializers ignore names that they don't know, so the "
        "service takes the attribute for empty and sends it again in each cycle",
        gets="{status: 200, body: "
        '{"/Resources/0/urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User/GivenName": Lisa}}',
    ),
    parameters={
        "names": Parameter(
            "map",
            "Old names, bare or with their URN, and the new name of each: {FirstName: GivenName}",
            required=True,
        )
    },
    main="names",
    answer=_answer,
    judge=_judge,
    example={"names": {"FirstName": "GivenName"}},
)
