"""The data plane's router: from method and target to an operation, and whether it was routed.

Flask's own router redirects `//`, is case-sensitive, sees `%2F` decoded and answers HEAD and OPTIONS by itself; the
stack that we imitate does none of this. Each connector says what is where below its `/scim`. That segments are found
in any case is ASP.NET Web API's routing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from mockhost.connectors.contract import ELSEWHERE, ROOT, UNKNOWN, Connector, Resource

FOUND_BY_FILTER = {f"list_{noun}": f"find_{noun}" for noun in ("users", "groups", "resources")}
_FILTER = re.compile(r"(?:^|&)filter(?:[=&]|$)", re.IGNORECASE).search
PREFIX = "ecma2host_"


class Route(NamedTuple):
    """Where a request leads. `verdict`: ok, not_found or method_not_allowed; `allow`: what the path allows."""

    verdict: str
    operation: str
    connector: str | None
    resource: str
    id: str | None
    allow: tuple[str, ...] = ()
    to: Connector | None = None
    """the connector itself"""


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


def route(
    method: str,
    target: str,
    find: Callable[[str], Connector | None],
    behaviours: Mapping[str, object],
    unknown: Mapping[str, Resource],
) -> Route:
    """Find the operation of a request. `target` is path and query, as the server gives it; `find` gives the connector
    of a name, `unknown` is what would be below the /scim of one that there is not."""
    path, _, query = target.partition("?")
    segments = path.removeprefix("/").split("/")
    if "" in segments[:-1] and behaviours["double_slash"] == "accept":
        segments = [*filter(None, segments[:-1]), segments[-1]]
    if len(segments) > 1 and segments[-1] == "" and behaviours["trailing_slash"] == "accept":
        segments.pop()
    if "%" in path or not path.isascii():
        segments = list(map(decode, segments))
    first, *rest = segments
    prefix, name = first[: len(PREFIX)], first[len(PREFIX) :]
    to = None
    if prefix == PREFIX or (prefix.casefold() == PREFIX and behaviours["prefix_case"] == "insensitive"):
        to = find(name)
    if not rest or rest[0].casefold() != "scim":
        return Route("not_found", UNKNOWN, None if to is None else name, "", None, (), to)
    takes_all = to is not None and ELSEWHERE in to.operations
    if "" in rest:
        verdict = "ok" if takes_all else "not_found"
        return Route(verdict, UNKNOWN, None if to is None else name, "", None, (), to)
    if to is None:
        return _below_scim(method, rest[1:], None, query, unknown)._replace(verdict="not_found")
    found = _below_scim(method, rest[1:], name, query, to.operations, to)
    return found._replace(verdict="ok") if takes_all else found


def _below_scim(
    method: str,
    rest: list[str],
    connector: str | None,
    query: str,
    table: Mapping[str, Resource],
    to: Connector | None = None,
) -> Route:
    segment = rest[0].casefold() if rest else ROOT
    resource = table.get(segment)
    if resource is None or len(rest) > 2:
        return Route("not_found", UNKNOWN, connector, segment, None, (), to)
    ident = rest[1] if len(rest) == 2 else None
    methods: Mapping[str, str] | None = resource.collection
    if ident is not None:
        methods = resource.item
        is_search = resource.search and ident.casefold() == ".search"
        if is_search and (method == "POST" or not resource.search_is_an_id):
            methods, ident = {"POST": str(resource.search)}, None
    if methods is None:
        return Route("not_found", UNKNOWN, connector, segment, ident, (), to)
    operation = methods.get(method)
    if operation is None:
        return Route("method_not_allowed", UNKNOWN, connector, segment, ident, tuple(methods), to)
    if operation in FOUND_BY_FILTER and (_FILTER(query) or ("%" in query and _escaped_filter(query))):
        operation = FOUND_BY_FILTER[operation]
    return Route("ok", operation, connector, segment, ident, tuple(methods), to)


def _escaped_filter(query: str) -> bool:
    """Whether a key written with escapes says filter; a value full of them is no reason to look."""
    return any(
        "%" in (key := pair.partition("=")[0]) and decode(key).casefold() == "filter"
        for pair in query.split("&")
    )
