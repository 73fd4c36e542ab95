"""The data plane's one route table: from method and target to an operation, and whether it was routed.

Flask's own router redirects `//`, is case-sensitive, sees `%2F` decoded and answers HEAD and OPTIONS by itself; the
stack that we imitate does none of this. So the app has one catch-all view, and this table says what is where.
Paths are those of AzureAD/SCIMReferenceCode (`scim/Users`, `scim/Schemas`, …) and of the troubleshooting page
(`scim/cache`); that segments are found in any case is ASP.NET Web API's routing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

from mockhost.exchange import split_target


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
    allow: tuple[str, ...] = ()


TableOf: TypeAlias = Callable[[str], "Mapping[str, Resource] | None"]
"""Told a connector's name: what is below its `/scim`, or None if there is no such connector."""


def connector_named(path: str) -> str:
    """The connector that a path names, whether or not there is one; empty if it names none."""
    first = decode(path.lstrip("/").partition("/")[0])
    return first[len(PREFIX) :] if first[: len(PREFIX)].casefold() == PREFIX else ""


def decode(segment: str) -> str:
    """A path segment as text: percent-escapes and raw bytes are UTF-8, or Latin-1 where they are not."""
    if "%" not in segment and segment.isascii():
        return segment
    raw = unquote_to_bytes(segment.encode("latin-1", "replace"))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def route(method: str, target: str, table_of: TableOf, behaviours: Mapping[str, object]) -> Route:
    """Find the operation of a request."""
    path, query = split_target(target)
    segments = path.split("/")[1:]
    if "" in segments[:-1] and behaviours["double_slash"] == "accept":
        segments = [*filter(None, segments[:-1]), segments[-1]]
    if len(segments) > 1 and segments[-1] == "" and behaviours["trailing_slash"] == "accept":
        segments.pop()
    if "%" in path or not path.isascii():
        segments = list(map(decode, segments))
    first, *rest = segments
    prefix, name = first[: len(PREFIX)], first[len(PREFIX) :]
    connector = table = None
    if prefix == PREFIX or (prefix.casefold() == PREFIX and behaviours["prefix_case"] == "insensitive"):
        table = table_of(name)
        connector = None if table is None else name
    if not rest or rest[0].casefold() != "scim" or "" in rest:
        return Route("not_found", "unknown", connector, "", None)
    return _below_scim(method, rest[1:], connector, query, TABLE if table is None else table)


def _below_scim(
    method: str, rest: list[str], connector: str | None, query: str, table: Mapping[str, Resource]
) -> Route:
    segment = rest[0].casefold() if rest else ROOT
    resource = table.get(segment)
    if resource is None or len(rest) > 2:
        return Route("not_found", "unknown", connector, segment, None)
    ident = rest[1] if len(rest) == 2 else None
    methods: Mapping[str, str] | None = resource.collection
    if ident is not None:
        methods = resource.item
        # With other verbs it is a user of that id to the ECMA host, and to nobody else.
        if resource.search and ident.casefold() == ".search" and (method == "POST" or table is not TABLE):
            methods, ident = {"POST": resource.search}, None
    if methods is None:
        return Route("not_found", "unknown", connector, segment, ident)
    operation = methods.get(method)
    if operation is None:
        verdict = "not_found" if connector is None else "method_not_allowed"
        return Route(verdict, "unknown", connector, segment, ident, tuple(methods))
    if operation in FOUND_BY_FILTER and (_FILTER(query) or ("%" in query and _escaped_filter(query))):
        operation = FOUND_BY_FILTER[operation]
    verdict = "not_found" if connector is None else "ok"
    return Route(verdict, operation, connector, segment, ident, tuple(methods))


def _escaped_filter(query: str) -> bool:
    """Whether a key written with escapes says filter; a value full of them is no reason to look."""
    return any(
        "%" in (key := pair.partition("=")[0]) and decode(key).casefold() == "filter"
        for pair in query.split("&")
    )
