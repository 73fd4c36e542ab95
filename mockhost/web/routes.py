"""The data plane's one route table: from method and target to an operation, and whether it was routed.

Flask's own router redirects `//`, is case-sensitive, sees `%2F` decoded and answers HEAD and OPTIONS by itself; the
stack that we imitate does none of this. So the app has one catch-all view, and this table says what is where.
Paths are those of AzureAD/SCIMReferenceCode (`scim/Users`, `scim/Schemas`, …) and of the troubleshooting page
(`scim/cache`); that segments are found in any case is ASP.NET Web API's routing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes


class Resource(NamedTuple):
    """The operations on a path segment: on the collection itself, and on what is below it."""

    collection: Mapping[str, str]
    item: Mapping[str, str] | None = None
    search: str | None = None


TABLE: Mapping[str, Resource] = {
    "users": Resource(
        {"GET": "list_users", "POST": "create_user"},
        {"GET": "get_user", "PUT": "replace_user", "PATCH": "patch_user", "DELETE": "delete_user"},
        "search",
    ),
    "groups": Resource(
        {"GET": "list_groups", "POST": "create_group"},
        {"GET": "get_group", "PUT": "replace_group", "PATCH": "patch_group", "DELETE": "delete_group"},
        "search",
    ),
    "schemas": Resource({"GET": "schemas"}, {"GET": "schemas"}),
    "cache": Resource({"GET": "cache"}),
    "serviceproviderconfig": Resource({"GET": "service_provider_config"}),
    "resourcetypes": Resource({"GET": "resource_types"}, {"GET": "resource_types"}),
    "bulk": Resource({"POST": "bulk"}),
    "me": Resource(dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), "me")),
    ".search": Resource({"POST": "search"}),
}
FOUND_BY_FILTER = {f"list_{noun}": f"find_{noun}" for noun in ("users", "groups", "resources")}
_FILTER = re.compile(r"(?:^|&)filter(?:[=&]|$)", re.IGNORECASE).search
PREFIX = "ecma2host_"
ROOT = "/"
"""the resource of a request for `/scim` itself"""


class Route(NamedTuple):
    """Where a request leads. `verdict`: ok, not_found or method_not_allowed; `allow`: what the path allows."""

    verdict: str
    operation: str
    connector: str | None
    resource: str
    id: str | None
    path: str
    query: str
    allow: tuple[str, ...] = ()


def connector_named(path: str) -> str:
    """The connector that a path names, whether or not there is one; empty if it names none."""
    first = decode(path.lstrip("/").partition("/")[0])
    return first[len(PREFIX) :] if first[: len(PREFIX)].casefold() == PREFIX else ""


def split_target(target: str) -> tuple[str, str]:
    """Path and query of a request target; of an absolute one too (RFC 9112 3.2.2)."""
    if not target.startswith("/"):
        _, separator, rest = target.partition("://")
        slash = rest.find("/") if separator else -1
        target = rest[slash:] if slash >= 0 else "/" + target
    path, _, query = target.partition("?")
    return path, query


def decode(segment: str) -> str:
    """A path segment as text: percent-escapes and raw bytes are UTF-8, or Latin-1 where they are not."""
    if "%" not in segment and segment.isascii():
        return segment
    raw = unquote_to_bytes(segment.encode("latin-1", "replace"))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def route(
    method: str,
    target: str,
    connectors: Container[str],
    behaviours: Mapping[str, object],
    table_of: Callable[[str], Mapping[str, Resource]] = lambda name: TABLE,
) -> Route:
    """Find the operation of a request. `connectors` has the names of those that are served, `table_of` gives what is
    below the /scim of one."""
    path, query = split_target(target)
    segments = path.split("/")[1:]
    if "" in segments[:-1] and behaviours["double_slash"] == "accept":
        segments = [*filter(None, segments[:-1]), segments[-1]]
    if len(segments) > 1 and segments[-1] == "" and behaviours["trailing_slash"] == "accept":
        segments.pop()
    first = decode(segments[0])
    prefix, name = first[: len(PREFIX)], first[len(PREFIX) :]
    right_prefix = prefix == PREFIX or (
        prefix.casefold() == PREFIX and behaviours["prefix_case"] == "insensitive"
    )
    connector = name if right_prefix and name in connectors else None
    rest = segments[1:]
    if not rest or decode(rest[0]).casefold() != "scim" or "" in rest:
        return Route("not_found", "unknown", connector, "", None, path, query)
    table = TABLE if connector is None else table_of(connector)
    return _below_scim(method, rest[1:], connector, path, query, table)


def _below_scim(
    method: str, rest: list[str], connector: str | None, path: str, query: str, table: Mapping[str, Resource]
) -> Route:
    segment = decode(rest[0]).casefold() if rest else ROOT
    resource = table.get(segment)
    if resource is None or len(rest) > 2:
        return Route("not_found", "unknown", connector, segment, None, path, query)
    ident = decode(rest[1]) if len(rest) == 2 else None
    methods: Mapping[str, str] | None = resource.collection
    if ident is not None:
        methods = resource.item
        # With other verbs it is a user of that id to the ECMA host, and to nobody else.
        if resource.search and ident.casefold() == ".search" and (method == "POST" or table is not TABLE):
            methods, ident = {"POST": resource.search}, None
    if methods is None:
        return Route("not_found", "unknown", connector, segment, ident, path, query)
    operation = methods.get(method)
    if operation is None:
        verdict = "not_found" if connector is None else "method_not_allowed"
        return Route(verdict, "unknown", connector, segment, ident, path, query, tuple(methods))
    if operation in FOUND_BY_FILTER and _has_filter(query):
        operation = FOUND_BY_FILTER[operation]
    verdict = "not_found" if connector is None else "ok"
    return Route(verdict, operation, connector, segment, ident, path, query, tuple(methods))


def _has_filter(query: str) -> bool:
    if _FILTER(query):
        return True
    # A key may be written with escapes, too; a value full of them is no reason to look.
    return "%" in query and any(
        "%" in (key := pair.partition("=")[0]) and decode(key).casefold() == "filter"
        for pair in query.split("&")
    )
