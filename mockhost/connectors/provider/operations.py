"""What each operation on a connector of kind `scim` does: the service provider of RFC 7643 and 7644 over HTTP.

Paths, verbs, headers, conditional requests and statuses are here; what a resource is and how it changes is in
`provider.py`. One function an operation: (call, provider) -> Answer; each may raise ScimError.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from mockhost.connectors.contract import ROOT, Answer, Resource, Steps, coding_of, scim
from mockhost.connectors.provider.config import TypeConfig
from mockhost.connectors.provider.provider import Outcome, Provider
from mockhost.exchange import Exchange, json_document
from mockhost.scim.errors import ScimError
from mockhost.scim.messages import list_response

BEHAVIOURS: Mapping[str, object] = MappingProxyType(
    {
        "scim_content_type": "application/scim+json; charset=utf-8",
        "error_status_type": "string",
        "unauthorized_challenge": "Bearer",
    }
)
"""What the ECMA host leaves to behaviours, as a SCIM service provider has it."""
_JSON_TYPES = frozenset({"application/scim+json", "application/json"})
_GET = ("GET", "HEAD")


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


def answer(operation: str, call: Exchange, provider: Provider) -> Answer | Steps:
    """What the provider answers, or the steps that lead to it. Raises ScimError."""
    by_name = _BY_NAME.get(operation)
    if by_name is not None:
        return by_name(call, provider)
    verb = operation.partition("_")[0]
    kind = ROOT if call.resource == ROOT else _type(call, provider)
    if verb in ("find", "list"):
        return _list(call, provider, None if kind == ROOT else kind)
    if verb == "create":
        return _create(call, provider, kind)
    return _BY_VERB[verb](call, provider, kind, call.id or "")


def _type(call: Exchange, provider: Provider) -> str:
    found = provider.type_at(call.resource)
    assert found is not None, call.resource
    return found


def _list(call: Exchange, provider: Provider, kind: str | None) -> Steps:
    found = yield from provider.finding(kind, call.asked(), base=call.base_url)
    return scim(200, found, BEHAVIOURS)


def _search(call: Exchange, provider: Provider) -> Steps:
    """`POST …/.search` (RFC 7644 3.4.3)."""
    query = provider.search_query(_body(call))
    kind = None if call.resource == ".search" else _type(call, provider)
    found = yield from provider.finding(kind, query, base=call.base_url)
    return scim(200, found, BEHAVIOURS)


def _create(call: Exchange, provider: Provider, kind: str) -> Answer:
    body = _body(call)
    return _resource(provider.create(kind, body, base=call.base_url, query=call.asked()))


def _get(call: Exchange, provider: Provider, kind: str, ident: str) -> Answer:
    base, query, version = call.base_url, call.asked(), call.header("if-none-match")
    return _resource(provider.get(kind, ident, base=base, query=query, if_none_match=version))


def _replace(call: Exchange, provider: Provider, kind: str, ident: str) -> Answer:
    body, base, query, version = _body(call), call.base_url, call.asked(), call.header("if-match")
    return _resource(provider.replace(kind, ident, body, base=base, query=query, if_match=version))


def _patch(call: Exchange, provider: Provider, kind: str, ident: str) -> Answer:
    body, base, query, version = _body(call), call.base_url, call.asked(), call.header("if-match")
    return _resource(provider.patch(kind, ident, body, base=base, query=query, if_match=version))


def _delete(call: Exchange, provider: Provider, kind: str, ident: str) -> Answer:
    provider.delete(kind, ident, if_match=call.header("if-match"))
    return Answer(204)


def _me(call: Exchange, provider: Provider) -> Answer:
    """`/Me` (RFC 7644 3.11): the user who asks, answered directly, with the permanent place in `Location`."""
    if call.method == "POST":
        if provider.config.me is None:
            provider.me()  # raises that it is not supported
        return _create(call, provider, "User")
    kind, ident = provider.me()
    by_method = {"PUT": _replace, "PATCH": _patch, "DELETE": _delete}
    return by_method.get(call.method, _get)(call, provider, kind, ident)


def _bulk(call: Exchange, provider: Provider) -> Answer:
    """`POST /Bulk` (RFC 7644 3.7)."""
    limit = provider.config.bulk_payload
    if len(call.body) > limit:
        raise ScimError(413, None, f"The size of the bulk operation exceeds the maxPayloadSize ({limit}).")
    return scim(200, provider.bulk(_body(call), base=call.base_url), BEHAVIOURS)


def _schemas(call: Exchange, provider: Provider) -> Answer:
    provider.refuse_filter(call.asked())
    if call.id is not None:
        return scim(200, provider.schema(call.id, base=call.base_url), BEHAVIOURS)
    return _all(provider.schemas(base=call.base_url))


def _resource_types(call: Exchange, provider: Provider) -> Answer:
    provider.refuse_filter(call.asked())
    if call.id is not None:
        return scim(200, provider.resource_type(call.id, base=call.base_url), BEHAVIOURS)
    return _all(provider.resource_types(base=call.base_url))


def _service_provider_config(call: Exchange, provider: Provider) -> Answer:
    provider.refuse_filter(call.asked())
    return scim(200, provider.service_provider_config(base=call.base_url), BEHAVIOURS)


_BY_NAME: Mapping[str, Callable[[Exchange, Provider], Answer | Steps]] = {
    "schemas": _schemas,
    "resource_types": _resource_types,
    "service_provider_config": _service_provider_config,
    "search": _search,
    "bulk": _bulk,
    "me": _me,
}
_BY_VERB: Mapping[str, Callable[[Exchange, Provider, str, str], Answer]] = {
    "get": _get,
    "replace": _replace,
    "patch": _patch,
    "delete": _delete,
}


# -- messages --------------------------------------------------------------------------------------------------


def _all(resources: list[Any]) -> Answer:
    """All of a discovery endpoint (RFC 7644 4)."""
    return scim(200, list_response(resources, len(resources), 1), BEHAVIOURS)


def _resource(found: Outcome) -> Answer:
    """One resource with its version (RFC 7644 3.14) and place."""
    headers: list[tuple[str, str]] = [("ETag", found.version)] if found.version else []
    if found.location and found.status != 304:
        headers.append(("Location", found.location))
    if found.resource is None:
        return Answer(found.status, tuple(headers))
    return scim(found.status, found.resource, BEHAVIOURS, tuple(headers))


def _body(call: Exchange) -> object:
    """The request's JSON. Raises ScimError: 415 for another media type or coding, 400 for what is not a JSON object."""
    if coding := coding_of(call.header("content-encoding")):
        raise ScimError(415, None, f"The content coding '{coding}' is not supported; send the body as it is.")
    given = call.header("content-type")
    media = (given or "").partition(";")[0].strip().lower()
    if given is not None and media not in _JSON_TYPES and not media.endswith("+json"):
        raise ScimError(415, None, f"The media type '{media}' is not supported; send application/scim+json.")
    try:
        return json_document(call.body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise ScimError(400, "invalidSyntax", f"The body is not JSON ({where}).") from None
