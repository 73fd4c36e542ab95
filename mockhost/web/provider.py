"""What connectors of kind `scim` answer: the service provider of RFC 7643 and 7644 over HTTP.

Paths, verbs, headers, conditional requests and statuses are here; what a resource is and how it changes is in
`mockhost.connectors.provider`. One function an operation: (call, tenant) -> Answer; each may raise ScimError.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from mockhost.connectors.provider.config import TypeConfig
from mockhost.scim.errors import ScimError
from mockhost.scim.messages import list_response
from mockhost.scim.queries import Query
from mockhost.tenants import Tenant
from mockhost.web.answers import Answer, Steps, scim
from mockhost.web.operations import coding_of, document
from mockhost.web.routes import ROOT, Resource

if TYPE_CHECKING:
    from mockhost.connectors.provider.provider import Answer as Provided

_JSON_TYPES = frozenset({"application/scim+json", "application/json"})
_GET = ("GET", "HEAD")


class Call(NamedTuple):
    """A request as an operation sees it. `base` ends with `/scim` and follows the request's Host."""

    method: str
    operation: str
    resource: str
    """the path's first segment below /scim, folded: `users`; ROOT for /scim itself"""
    id: str | None
    asked: Callable[[], Query]
    """the query, parsed when first asked for; may raise ScimError"""
    headers: Mapping[str, str]
    """by lower-case name"""
    body: bytes
    base: str


# -- paths -----------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=64)
def table(types: tuple[TypeConfig, ...]) -> Mapping[str, Resource]:
    """The route table of a provider with these resource types (RFC 7644 3.2)."""
    found = {
        ROOT: Resource(dict.fromkeys(_GET, "list_resources")),
        "schemas": Resource(dict.fromkeys(_GET, "schemas"), dict.fromkeys(_GET, "schemas")),
        "serviceproviderconfig": Resource(dict.fromkeys(_GET, "service_provider_config")),
        "resourcetypes": Resource(
            dict.fromkeys(_GET, "resource_types"), dict.fromkeys(_GET, "resource_types")
        ),
        "bulk": Resource({"POST": "bulk"}),
        "me": Resource(dict.fromkeys((*_GET, "POST", "PUT", "PATCH", "DELETE"), "me")),
        ".search": Resource({"POST": "search"}),
    }
    for each in types:
        noun = each.name.lower() if each.name in ("User", "Group") else "resource"
        found[each.endpoint.strip("/").casefold()] = Resource(
            {**dict.fromkeys(_GET, f"list_{noun}s"), "POST": f"create_{noun}"},
            {
                **dict.fromkeys(_GET, f"get_{noun}"),
                "PUT": f"replace_{noun}",
                "PATCH": f"patch_{noun}",
                "DELETE": f"delete_{noun}",
            },
            "search",
        )
    return found


# -- operations ------------------------------------------------------------------------------------------------


def answered(call: Call, tenant: Tenant) -> Answer | Steps:
    """What the provider answers, or the steps that lead to it. Raises ScimError."""
    verb = call.operation.partition("_")[0]
    by_name = _BY_NAME.get(call.operation)
    return by_name(call, tenant) if by_name is not None else _BY_VERB[verb](call, tenant)


def _type(call: Call, tenant: Tenant) -> str:
    found = tenant.provider.type_at(call.resource)
    assert found is not None, call.resource
    return found


def _listed(call: Call, tenant: Tenant) -> Steps:
    wanted = None if call.resource == ROOT else _type(call, tenant)
    found = yield from tenant.provider.finding(wanted, call.asked(), base=call.base)
    return _sent(200, found, tenant)


def _searched(call: Call, tenant: Tenant) -> Steps:
    """`POST …/.search` (RFC 7644 3.4.3)."""
    query = tenant.provider.search_query(_body(call))
    wanted = None if call.resource == ".search" else _type(call, tenant)
    found = yield from tenant.provider.finding(wanted, query, base=call.base)
    return _sent(200, found, tenant)


def _got(call: Call, tenant: Tenant) -> Answer:
    return _get(call, tenant, _type(call, tenant), call.id or "")


def _get(call: Call, tenant: Tenant, kind: str, ident: str) -> Answer:
    found = tenant.provider.get(
        kind, ident, base=call.base, query=call.asked(), if_none_match=call.headers.get("if-none-match")
    )
    return _resource(found, tenant)


def _created(call: Call, tenant: Tenant) -> Answer:
    return _create(call, tenant, _type(call, tenant))


def _create(call: Call, tenant: Tenant, kind: str) -> Answer:
    body = _body(call)
    return _resource(tenant.provider.create(kind, body, base=call.base, query=call.asked()), tenant)


def _replaced(call: Call, tenant: Tenant) -> Answer:
    return _replace(call, tenant, _type(call, tenant), call.id or "")


def _replace(call: Call, tenant: Tenant, kind: str, ident: str) -> Answer:
    body, query = _body(call), call.asked()
    found = tenant.provider.replace(
        kind, ident, body, base=call.base, query=query, if_match=call.headers.get("if-match")
    )
    return _resource(found, tenant)


def _patched(call: Call, tenant: Tenant) -> Answer:
    return _patch(call, tenant, _type(call, tenant), call.id or "")


def _patch(call: Call, tenant: Tenant, kind: str, ident: str) -> Answer:
    body, query = _body(call), call.asked()
    found = tenant.provider.patch(
        kind, ident, body, base=call.base, query=query, if_match=call.headers.get("if-match")
    )
    return _resource(found, tenant)


def _deleted(call: Call, tenant: Tenant) -> Answer:
    return _delete(call, tenant, _type(call, tenant), call.id or "")


def _delete(call: Call, tenant: Tenant, kind: str, ident: str) -> Answer:
    tenant.provider.delete(kind, ident, if_match=call.headers.get("if-match"))
    return Answer(204)


def _me(call: Call, tenant: Tenant) -> Answer:
    """`/Me` (RFC 7644 3.11): the user who asks, answered directly, with the permanent place in `Location`."""
    if call.method == "POST":
        if tenant.provider.config.me is None:
            tenant.provider.me()  # raises that it is not supported
        return _create(call, tenant, "User")
    kind, ident = tenant.provider.me()
    by_method = {"GET": _get, "HEAD": _get, "PUT": _replace, "PATCH": _patch, "DELETE": _delete}
    return by_method[call.method](call, tenant, kind, ident)


def _bulk(call: Call, tenant: Tenant) -> Answer:
    """`POST /Bulk` (RFC 7644 3.7)."""
    limit = tenant.provider.config.bulk_payload
    if len(call.body) > limit:
        raise ScimError(413, None, f"The size of the bulk operation exceeds the maxPayloadSize ({limit}).")
    return _sent(200, tenant.provider.bulk(_body(call), base=call.base), tenant)


def _schemas(call: Call, tenant: Tenant) -> Answer:
    provider = tenant.provider
    provider.refuse_filter(call.asked())
    if call.id is not None:
        return _sent(200, provider.schema(call.id, base=call.base), tenant)
    return _sent(200, _list(provider.schemas(base=call.base)), tenant)


def _resource_types(call: Call, tenant: Tenant) -> Answer:
    provider = tenant.provider
    provider.refuse_filter(call.asked())
    if call.id is not None:
        return _sent(200, provider.resource_type(call.id, base=call.base), tenant)
    return _sent(200, _list(provider.resource_types(base=call.base)), tenant)


def _service_provider_config(call: Call, tenant: Tenant) -> Answer:
    tenant.provider.refuse_filter(call.asked())
    return _sent(200, tenant.provider.service_provider_config(base=call.base), tenant)


_BY_NAME: Mapping[str, Callable[[Call, Tenant], Answer | Steps]] = {
    "schemas": _schemas,
    "resource_types": _resource_types,
    "service_provider_config": _service_provider_config,
    "search": _searched,
    "bulk": _bulk,
    "me": _me,
}
_BY_VERB: Mapping[str, Callable[[Call, Tenant], Answer | Steps]] = {
    "find": _listed,
    "list": _listed,
    "get": _got,
    "create": _created,
    "replace": _replaced,
    "patch": _patched,
    "delete": _deleted,
}


# -- messages --------------------------------------------------------------------------------------------------


def _list(resources: list[Any]) -> dict[str, Any]:
    """All of a discovery endpoint (RFC 7644 4)."""
    return list_response(resources, len(resources), 1)


def _sent(status: int, found: object, tenant: Tenant) -> Answer:
    return scim(status, found, tenant.behaviours)


def _resource(found: Provided, tenant: Tenant) -> Answer:
    """One resource with its version (RFC 7644 3.14) and place."""
    headers: list[tuple[str, str]] = [("ETag", found.version)] if found.version else []
    if found.location and found.status != 304:
        headers.append(("Location", found.location))
    if found.resource is None:
        return Answer(found.status, tuple(headers))
    answer = scim(found.status, found.resource, tenant.behaviours)
    return answer._replace(headers=(*answer.headers, *headers))


def _body(call: Call) -> object:
    """The request's JSON. Raises ScimError: 415 for another media type or coding, 400 for what is no JSON object."""
    if coding := coding_of(call.headers):
        raise ScimError(415, None, f"The content coding '{coding}' is not supported; send the body as it is.")
    given = call.headers.get("content-type")
    media = (given or "").partition(";")[0].strip().lower()
    if given is not None and media not in _JSON_TYPES and not media.endswith("+json"):
        raise ScimError(415, None, f"The media type '{media}' is not supported; send application/scim+json.")
    try:
        return document(call.body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise ScimError(400, "invalidSyntax", f"The body is no JSON ({where}).") from None
