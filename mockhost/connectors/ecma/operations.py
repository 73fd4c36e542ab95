"""What each operation on a connector of the ECMA host does: ask the connector, and give the result as SCIM.

One function an operation, all of one shape: (call, connector) -> Answer, or the steps that lead to it
where they take work outside the lock. They may raise ScimError.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import orjson

from mockhost.connectors.bodies import coding_of, scim
from mockhost.connectors.contract import Answer, Resource, Steps
from mockhost.connectors.ecma.answers import empty, not_allowed, status_of, web_api, with_header
from mockhost.connectors.ecma.running import Outcome, RunningConnector
from mockhost.connectors.ecma.space import Found, Walk
from mockhost.exchange import Exchange, json_document
from mockhost.scim import filters, messages, queries
from mockhost.scim.errors import ScimError

CACHE_CHUNK = 256
"""Objects per piece of a streamed `/cache`."""


def find_users(call: Exchange, connector: RunningConnector) -> Answer | Steps:
    """`GET /Users?filter=`: a list response from the connector space (RFC 7644 3.4.2)."""
    connector.ready()
    query = call.asked()
    return _list(call, connector, query, _supported(call.wanted, connector.behaviours))


def _supported(
    read: Callable[[], filters.Filter | None], behaviours: Mapping[str, object]
) -> filters.Filter | None:
    try:
        found = read()
    except ScimError as error:
        status = status_of(behaviours, "filter_invalid_status")
        raise ScimError(status, error.scim_type if status == 400 else None, error.detail) from None
    if found is not None and behaviours["filter_grammar"] == "entra" and not filters.is_simple(found):
        status = status_of(behaviours, "filter_unsupported_status")
        raise ScimError(status, "invalidFilter" if status == 400 else None, "The filter is not supported.")
    return found


def _list(
    call: Exchange, connector: RunningConnector, query: queries.Query, wanted: filters.Filter | None
) -> Answer | Steps:
    behaviours = connector.behaviours
    size = behaviours["list_page_size"] if query.count is None else query.count
    limit = behaviours["list_page_max"]
    assert isinstance(size, int)
    assert isinstance(limit, int)
    found = connector.space.find(wanted, query.start_index, min(size, limit))
    if isinstance(found, Found):
        return _listed(call, connector, query, size, found)
    return _walked(call, connector, query, size, found)


def _walked(
    call: Exchange, connector: RunningConnector, query: queries.Query, size: int, walk: Walk
) -> Steps:
    found = yield walk
    assert isinstance(found, Found)
    return _listed(call, connector, query, size, found)


def _listed(
    call: Exchange, connector: RunningConnector, query: queries.Query, size: int, found: Found
) -> Answer:
    behaviours = connector.behaviours
    resources = []
    for record in found.records:
        resources.append(connector.object_type.resource(record, call.base_url))
    if query.attributes or query.excluded:
        resources = [queries.project(resource, query.attributes, query.excluded) for resource in resources]
    body = messages.list_response(resources, found.total, query.start_index)
    if not resources and behaviours["start_index_when_empty"] == "absent":
        body.pop("startIndex", None)
    if behaviours["items_per_page"] == "requested":
        body["itemsPerPage"] = size
    return scim(200, body, behaviours)


def list_users(call: Exchange, connector: RunningConnector) -> Answer | Steps:
    """`GET /Users` without a filter: a page of all users, where this generation lists at all."""
    connector.ready()
    query = call.asked()
    return _list(call, connector, query, None)


def search(call: Exchange, connector: RunningConnector) -> Answer | Steps:
    """`POST /.search` (RFC 7644 3.4.3): not known to the real host's library, served where a behaviour says so."""
    if connector.behaviours["search"] != "serve":
        return _by_status(call, connector, "search")
    body = _json(call)
    if isinstance(body, Answer):
        return body
    connector.ready()
    query = queries.read_search(body)
    text = query.filter
    wanted = _supported(lambda: None if text is None else filters.parse(text), connector.behaviours)
    return _list(call, connector, query, wanted)


def get_user(call: Exchange, connector: RunningConnector) -> Answer:
    """`GET /Users/{id}`."""
    connector.ready()
    query = call.asked()
    resource = connector.object_type.resource(connector.get(call.id or ""), call.base_url)
    return scim(200, queries.project(resource, query.attributes, query.excluded), connector.behaviours)


def create_user(call: Exchange, connector: RunningConnector) -> Steps:
    """`POST /Users`: 201 with `Location` and the id derived from the anchor."""
    body = _json(call)
    if isinstance(body, Answer):
        return body
    connector.ready()
    query = call.asked()  # before anything is written: an invalid query must not be found afterwards
    outcome = yield from connector.create_steps(body)
    assert outcome.record is not None
    resource = connector.object_type.resource(outcome.record, call.base_url)
    resource = queries.project(resource, query.attributes, query.excluded)
    headers: tuple[tuple[str, str], ...] = ()
    if connector.behaviours["location_header"] == "absolute":
        headers = (("Location", f"{call.base_url}/Users/{messages.quote_id(outcome.id)}"),)
    return scim(201, resource, connector.behaviours, headers, outcome.native)


def replace_user(call: Exchange, connector: RunningConnector) -> Steps:
    """`PUT /Users/{id}` (Entra never sends it)."""
    if connector.behaviours["put"] != "accept":
        return not_allowed(call, ("GET", "PATCH", "DELETE"), connector.behaviours)
    body = _json(call)
    if isinstance(body, Answer):
        return body
    connector.ready()
    query = call.asked()
    outcome = yield from connector.replace_steps(call.id or "", body)
    return _changed(call, connector, query, outcome, "user")


def patch_user(call: Exchange, connector: RunningConnector) -> Steps:
    """`PATCH /Users/{id}` in any of the dialects that Entra has spoken."""
    body = _json(call)
    if isinstance(body, Answer):
        return body
    connector.ready()
    query = call.asked()
    outcome = yield from connector.patch_steps(call.id or "", body)
    return _changed(call, connector, query, outcome, str(connector.behaviours["patch_reply"]))


def _changed(
    call: Exchange, connector: RunningConnector, query: queries.Query, outcome: Outcome, reply: str
) -> Answer:
    if outcome.record is None or reply == "no_content":
        return Answer(204, native=outcome.native)
    if reply == "empty":
        return Answer(200, native=outcome.native)
    resource = connector.object_type.resource(outcome.record, call.base_url)
    shown = queries.project(resource, query.attributes, query.excluded)
    return scim(200, shown, connector.behaviours, native=outcome.native)


def delete_user(call: Exchange, connector: RunningConnector) -> Steps:
    """`DELETE /Users/{id}`: the delete flow."""
    connector.ready()
    outcome = yield from connector.delete_steps(call.id or "")
    return Answer(204, native=outcome.native)


def schemas(call: Exchange, connector: RunningConnector) -> Answer:
    """`GET /schemas`: the attributes chosen on the Select Attributes page."""
    resource = messages.schema_resource(
        messages.ECMA_USER,
        "User",
        connector.object_type.schema_attributes(),
        location=f"{call.base_url}/Schemas",
    )
    if call.id is None:
        return scim(200, messages.list_response([resource], 1, 1), connector.behaviours)
    if call.id.casefold() == messages.ECMA_USER.casefold():
        return scim(200, resource, connector.behaviours)
    raise ScimError(404, None, f"Resource {call.id} not found.")


def cache(call: Exchange, connector: RunningConnector) -> Answer:
    """`GET /cache`: every object of the connector space, as it is at the moment at which the answer begins."""
    if not connector.service.debug and connector.behaviours["cache_access"] == "debug":
        status = status_of(connector.behaviours, "cache_closed_status")
        reason = "the cache is closed: it opens with Debug set to true and a restart of the service"
        if status == 401:
            message = "Authorization has been denied for this request."
            return web_api(401, message, call.header("accept"))._replace(reason=reason)
        return empty(status, reason)
    resources = (
        connector.object_type.resource(record, call.base_url) for record in connector.space.snapshot()
    )
    as_list = connector.behaviours["cache_body"] == "list_response"
    total = len(connector.space)
    headers = (("Content-Type", str(connector.behaviours["scim_content_type"])),)
    if total <= CACHE_CHUNK:
        held = list(resources)
        return Answer(200, headers, orjson.dumps(messages.list_response(held, total, 1) if as_list else held))
    return Answer(200, headers, _stream(resources, total if as_list else None))


def _stream(resources: Iterator[dict[str, object]], total: int | None) -> Iterator[bytes]:
    """A JSON array in pieces, or a list response around it."""
    start = b"["
    if total is not None:
        head = orjson.dumps(messages.list_response([], total, 1))
        start = head[: -len(b"]}")]
        start = start.replace(b'"itemsPerPage":0', b'"itemsPerPage":%d' % total)
    while piece := list(itertools.islice(resources, CACHE_CHUNK)):
        yield start + orjson.dumps(piece)[1:-1]
        start = b","
    yield b"]" if total is None else b"]}"


def service_provider_config(call: Exchange, connector: RunningConnector) -> Answer:
    """`GET /ServiceProviderConfig`: the library's defaults."""
    if connector.behaviours["service_provider_config"] != "serve":
        return _by_status(call, connector, "service_provider_config")
    location = f"{call.base_url}/ServiceProviderConfig"
    return scim(200, messages.service_provider_config(location=location), connector.behaviours)


def resource_types(call: Exchange, connector: RunningConnector) -> Answer:
    """`GET /ResourceTypes`: one, User."""
    if connector.behaviours["resource_types"] != "serve":
        return _by_status(call, connector, "resource_types")
    user = messages.resource_type_user(call.base_url)
    if call.id is None:
        return scim(200, messages.list_response([user], 1, 1), connector.behaviours)
    if call.id.casefold() == "user":
        return scim(200, user, connector.behaviours)
    raise ScimError(404, None, f"Resource {call.id} not found.")


def groups(call: Exchange, connector: RunningConnector) -> Answer:
    """Anything on `/Groups`: on-premises ECMA provisioning has no groups."""
    answer = connector.behaviours["groups_answer"]
    if answer == "empty_list" and call.operation in ("list_groups", "find_groups"):
        query = call.asked()
        return scim(200, messages.list_response([], 0, query.start_index), connector.behaviours)
    return _by_status(call, connector, "groups_status")


def bulk(call: Exchange, connector: RunningConnector) -> Answer:
    """`POST /Bulk`."""
    return _by_status(call, connector, "bulk_status")


def me(call: Exchange, connector: RunningConnector) -> Answer:
    """Anything on `/Me`."""
    return _by_status(call, connector, "me_status")


def _by_status(call: Exchange, connector: RunningConnector, behaviour: str) -> Answer:
    status = status_of(connector.behaviours, behaviour)
    if status == 404:
        return empty(404, f"{call.operation} is not served (behaviour {behaviour})")
    if status == 501:
        return empty(501, f"{call.operation} is not supported (behaviour {behaviour})")
    raise ScimError(status, None, f"This method is not supported: {call.method}.")


def _json(call: Exchange) -> object:
    """The request's JSON document; an Answer where the media type is refused. Raises ScimError 400."""
    media = (call.header("content-type") or "").partition(";")[0].strip().lower()
    if media not in ("application/scim+json", "application/json", "text/json", "application/jwt"):
        if not media:
            message = (
                "The request contains an entity body but no Content-Type header. The inferred media type "
                "'application/octet-stream' is not supported for this resource."
            )
        else:
            message = f"The request entity's media type '{media}' is not supported for this resource."
        return web_api(415, message, call.header("accept"))
    if coding := coding_of(call.header("content-encoding")):
        message = f"The request entity's content encoding '{coding}' is not supported."
        return with_header(web_api(415, message, call.header("accept")), "Accept-Encoding", "identity")
    try:
        return json_document(call.body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise ScimError(
            400, "invalidSyntax", f"The request is invalid: the body is no JSON ({where})."
        ) from None


OPERATIONS: Mapping[str, Callable[[Exchange, RunningConnector], Answer | Steps]] = {
    "find_users": find_users,
    "list_users": list_users,
    "get_user": get_user,
    "create_user": create_user,
    "replace_user": replace_user,
    "patch_user": patch_user,
    "delete_user": delete_user,
    **dict.fromkeys(
        (
            "find_groups",
            "list_groups",
            "get_group",
            "create_group",
            "replace_group",
            "patch_group",
            "delete_group",
        ),
        groups,
    ),
    "schemas": schemas,
    "cache": cache,
    "service_provider_config": service_provider_config,
    "resource_types": resource_types,
    "search": search,
    "bulk": bulk,
    "me": me,
}
"""Every operation by name."""

TABLE: Mapping[str, Resource] = {
    "users": Resource(
        {"GET": "list_users", "POST": "create_user"},
        {"GET": "get_user", "PUT": "replace_user", "PATCH": "patch_user", "DELETE": "delete_user"},
        "search",
        search_is_an_id=True,
    ),
    "groups": Resource(
        {"GET": "list_groups", "POST": "create_group"},
        {"GET": "get_group", "PUT": "replace_group", "PATCH": "patch_group", "DELETE": "delete_group"},
        "search",
        search_is_an_id=True,
    ),
    "schemas": Resource({"GET": "schemas"}, {"GET": "schemas"}),
    "cache": Resource({"GET": "cache"}),
    "serviceproviderconfig": Resource({"GET": "service_provider_config"}),
    "resourcetypes": Resource({"GET": "resource_types"}, {"GET": "resource_types"}),
    "bulk": Resource({"POST": "bulk"}),
    "me": Resource(dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), "me")),
    ".search": Resource({"POST": "search"}),
}
"""What is served below `/scim`. Paths are those of AzureAD/SCIMReferenceCode (`scim/Users`, `scim/Schemas`, …) and of
the troubleshooting page (`scim/cache`)."""
