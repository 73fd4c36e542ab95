"""A connector of the ECMA host: what it answers, and what the rest of the mock sees of it, whether or not it runs.

Its operations are functions (exchange, running connector) -> Answer, or the steps that lead to it where they take work
outside the lock. They may raise ScimError.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext

import orjson

from mockhost.clock import Chance
from mockhost.connectors.contract import (
    UNKNOWN,
    Answer,
    Connector,
    NotAllowed,
    Refused,
    Resource,
    Steps,
    coding_of,
    scim,
    token_problem,
)
from mockhost.connectors.ecma.answers import (
    DllNotLoadable,
    Importing,
    UnsupportedMedia,
    empty,
    not_allowed,
    refusal,
    status_of,
    web_api,
)
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.ecma.running import Outcome, RunningConnector
from mockhost.connectors.ecma.space import Found
from mockhost.errors import ProtocolAnswer, UsageError
from mockhost.exchange import Exchange, json_document
from mockhost.scim import filters, messages, queries
from mockhost.scim.errors import ScimError
from mockhost.scim.queries import Query
from mockhost.slices import Steps as Work

CACHE_CHUNK = 256
"""Objects per piece of a streamed `/cache`."""


# -- operations --


def ready(connector: RunningConnector) -> None:
    """Raise what a client is told while no answer can be given: DllNotLoadable or Importing."""
    if connector.config.dll == "access_denied":
        raise DllNotLoadable(connector.kind.dll_denied(connector.name))
    space = connector.space
    if space.importing and (space.imports_done == 0 or connector.behaviours["importing_scope"] == "every"):
        raise Importing


def find_users(call: Exchange, connector: RunningConnector, query: Query | None = None) -> Steps:
    """`GET /Users`: a page of what a filter finds in the connector space, or of all (RFC 7644 3.4.2)."""
    ready(connector)
    query = call.asked() if query is None else query
    behaviours = connector.behaviours
    try:
        wanted = query.wanted()
    except ScimError as error:
        raise _refused_filter(behaviours, "filter_invalid_status", error.detail) from None
    if wanted is not None and behaviours["filter_grammar"] == "entra" and not filters.is_simple(wanted):
        raise _refused_filter(behaviours, "filter_unsupported_status", "The filter is not supported.")
    size = behaviours["list_page_size"] if query.count is None else query.count
    limit = behaviours["list_page_max"]
    assert isinstance(size, int)
    assert isinstance(limit, int)
    found: object = connector.space.find(wanted, query.start_index, min(size, limit))
    if callable(found):
        found = yield found
    assert isinstance(found, Found)
    resources: list[dict[str, object]] = []
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


def _refused_filter(behaviours: Mapping[str, object], behaviour: str, detail: str) -> ScimError:
    status = status_of(behaviours, behaviour)
    return ScimError(status, "invalidFilter" if status == 400 else None, detail)


def search(call: Exchange, connector: RunningConnector) -> Steps:
    """`POST /.search` (RFC 7644 3.4.3): not known to the real host's library, served where a behaviour says so."""
    if connector.behaviours["search"] != "serve":
        return _by_status(call, connector, "search")
    body = _json(call)
    ready(connector)
    return (yield from find_users(call, connector, queries.read_search(body)))


def get_user(call: Exchange, connector: RunningConnector) -> Answer:
    """`GET /Users/{id}`."""
    ready(connector)
    query = call.asked()
    resource = connector.object_type.resource(connector.get(call.id or ""), call.base_url)
    return scim(200, queries.project(resource, query.attributes, query.excluded), connector.behaviours)


def create_user(call: Exchange, connector: RunningConnector) -> Steps:
    """`POST /Users`: 201 with `Location` and the id derived from the anchor."""
    body, query = _stated(call, connector)
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
    body, query = _stated(call, connector)
    outcome = yield from connector.replace_steps(call.id or "", body)
    return _changed(call, connector, query, outcome, "user")


def patch_user(call: Exchange, connector: RunningConnector) -> Steps:
    """`PATCH /Users/{id}` in any of the dialects that Entra has spoken."""
    body, query = _stated(call, connector)
    outcome = yield from connector.patch_steps(call.id or "", body)
    return _changed(call, connector, query, outcome, str(connector.behaviours["patch_reply"]))


def _changed(
    call: Exchange, connector: RunningConnector, query: Query, outcome: Outcome, reply: str
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
    ready(connector)
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


def _stated(call: Exchange, connector: RunningConnector) -> tuple[object, Query]:
    """The document and the query of a write: an invalid one must not be found after something was written."""
    body = _json(call)
    ready(connector)
    return body, call.asked()


def _json(call: Exchange) -> object:
    """The request's JSON document. Raises UnsupportedMedia, ScimError 400."""
    media = (call.header("content-type") or "").partition(";")[0].strip().lower()
    if media not in ("application/scim+json", "application/json", "text/json", "application/jwt"):
        if not media:
            message = (
                "The request contains an entity body but no Content-Type header. The inferred media type "
                "'application/octet-stream' is not supported for this resource."
            )
        else:
            message = f"The request entity's media type '{media}' is not supported for this resource."
        raise UnsupportedMedia(message)
    if coding := coding_of(call.header("content-encoding")):
        message = f"The request entity's content encoding '{coding}' is not supported."
        raise UnsupportedMedia(message, coding=True)
    try:
        return json_document(call.body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise ScimError(
            400, "invalidSyntax", f"The request is invalid: the body is not JSON ({where})."
        ) from None


OPERATIONS: Mapping[str, Callable[[Exchange, RunningConnector], Answer | Steps]] = {
    "find_users": find_users,
    "list_users": find_users,
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


# -- the connector --


class EcmaConnector:
    """One of the host's connectors by its name."""

    standard = False
    operations: Mapping[str, Resource] = TABLE

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self.name = name

    @property
    def kind(self) -> str:
        return self._host.configured[self.name].kind

    @property
    def running(self) -> bool:
        return self.name in self._host.connectors

    @property
    def secret_token(self) -> str:
        return self._host.connectors[self.name].config.secret_token

    @property
    def behaviours(self) -> Mapping[str, object]:
        running = self._host.connectors.get(self.name)
        return self._host.behaviours if running is None else running.behaviours

    @property
    def identifier(self) -> str:
        running = self._host.connectors.get(self.name)
        page = self._host.configured[self.name] if running is None else running.config
        return page.anchor_column

    # -- requests -----------------------------------------------------------------------------------------

    def admit(self, call: Exchange) -> Refused | None:
        running = self._host.connectors[self.name]
        behaviours, allowed = running.behaviours, call.operation != UNKNOWN
        if call.operation == "list_users" and behaviours["filterless_list"] == 405:
            allowed = False
        if allowed or not behaviours["method_not_allowed_before_auth"]:
            problem = token_problem(call, self.name, running.config.secret_token)
            if problem is not None and not self._is_open(call.operation, behaviours):
                return problem
        return None if allowed else NotAllowed()

    def _is_open(self, operation: str, behaviours: Mapping[str, object]) -> bool:
        """Whether no token is asked for: with Debug, or at an endpoint that does not want one."""
        if self._host.debug:
            return True
        if operation == "schemas":
            return behaviours["schemas_access"] == "open"
        return operation == "cache" and behaviours["cache_access"] == "debug"  # it closes by itself

    def answer(self, operation: str, call: Exchange) -> Answer | Steps:
        return OPERATIONS[operation](call, self._host.connectors[self.name])

    def refuse(self, problem: ProtocolAnswer, call: Exchange) -> Answer:
        return refusal(problem, self.behaviours, call)

    def matches(self, call: Exchange) -> Work[int]:
        found: object = self._host.connectors[self.name].space.find(call.asked().wanted(), 1, 0)
        if callable(found):
            found = yield found
        assert isinstance(found, Found)
        return found.total

    @property
    def outside(self) -> object:
        system = self._host.system(self.name)
        return system if system.waits else None

    def tried(self, steps: Steps) -> Steps:
        return self._host.connectors[self.name].tried(steps)

    def trial(self) -> AbstractContextManager[None]:
        running = self._host.connectors.get(self.name)
        return nullcontext() if running is None else running.trial()

    def on_demand(self, name: str, chance: Chance) -> Connector:
        raise UsageError(f"connector {self.name} of kind {self.kind} can't be created on demand")

    # -- for people who operate the mock ------------------------------------------------------------------

    def check_change(self, change: Mapping[str, object]) -> None:
        self._host.system(self.name).check_change(change)

    def change(self, change: Mapping[str, object]) -> int:
        return self._host.system(self.name).change(change)

    def objects(self) -> Iterator[dict[str, object]]:
        system = self._host.system(self.name)
        if system.waits:
            return map(_plain, system.objects())
        records = system.snapshot().records()
        return (_plain(system.values(record)) for _, record in records)

    def cached(self, base_url: str) -> Iterator[dict[str, object]]:
        connector = self._host.connector(self.name)
        return (connector.object_type.resource(record, base_url) for record in connector.space.snapshot())

    def copies(self) -> Iterator[dict[str, object]]:
        system, space = self._host.system(self.name), self._host.connector(self.name).space
        return (_plain(system.values(record)) for record in space.snapshot())

    def import_now(self, profile: str) -> None:
        self._host.connector(self.name).space.begin_import(profile)

    def settings(self, *, effective: bool) -> dict[str, object]:
        return self._host.page_settings(self.name, effective=effective)

    def state(self) -> dict[str, object]:
        return self._host.state_of(self.name)

    def reset(self) -> None:
        self._host.reset(self.name)


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
