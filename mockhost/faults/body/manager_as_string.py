"""`manager` as a plain string, where RFC 7643 4.3 has a complex attribute: `{"value": "26118915", "$ref": …}`.

GitHub Budibase/budibase#15369 is a server that did so: users with a manager failed with
SystemForCrossDomainIdentityManagementServiceIncompatible, "We are not able to deserialize the resource received from
your SCIM endpoint"; an Auth0 support article tells the same.
"""

from __future__ import annotations

from typing import Any

from mockhost.faults.body.documents import SHOWN, altered_resources, key_of, names_in, places
from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen
from mockhost.scim.messages import ENTERPRISE_USER


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    names, value = names_in(parameters), parameters["value"]

    def plain(resource: dict[str, Any], _: int) -> None:
        for name in names:
            for container, key in places(resource, name):
                container[key] = _plain(container[key], value)
        if value is not None and not any(places(resource, name) for name in names):
            _appoint(resource, names[0] if names else "manager", value)

    return altered_resources(draft, plain)


def _plain(given: object, value: object) -> object:
    """The id alone of a reference; a list's members each."""
    if isinstance(given, list):
        return [_plain(member, value) for member in given]
    if isinstance(given, dict):
        key = key_of(given, "value")
        return value if value is not None else given if key is None else given[key]
    return given if value is None else value


def _appoint(resource: dict[str, Any], name: str, value: object) -> None:
    """Give a user the manager that it has not, where RFC 7643 4.3 has it."""
    key = key_of(resource, ENTERPRISE_USER) or ENTERPRISE_USER
    part = resource.setdefault(key, {})
    if isinstance(part, dict):
        part[name] = value
    schemas = resource.get("schemas")
    if isinstance(schemas, list) and ENTERPRISE_USER not in schemas:
        schemas.append(ENTERPRISE_USER)


FAULT = Fault(
    name="manager_as_string",
    group="body",
    title="The manager is a plain string",
    seen=Seen(
        wire='"manager":"26118915" instead of "manager":{"value":"26118915"}',
        requests="200; response.json() gives a str where a dict is due",
        curl=SHOWN,
        dotnet="HttpClient reports 200; the service can't deserialize the whole user and logs "
        "SystemForCrossDomainIdentityManagementServiceIncompatible (GitHub Budibase/budibase#15369)",
        gets="{status: 200, body: "
        '{"/Resources/0/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager": "26118915"}}',
    ),
    parameters={
        "attributes": Parameter(
            "texts", "Which references become the string in their `value`, by name", ["manager"]
        ),
        "value": Parameter(
            "text",
            "The string to give instead; also to users without a manager, under the Enterprise User "
            "extension",
        ),
    },
    main="value",
    answer=_answer,
    example={"value": "26118915"},
)
