"""Finding resources: filters, candidates from an index, order, pages by index and by cursor.

Sources: RFC 7644 3.4.2 (filter, sorting, paging), RFC 9865 (cursors).
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

import orjson

from mockhost.connectors.provider.resourcetypes import ResourceType
from mockhost.scim import grammar
from mockhost.scim.attributes import fold
from mockhost.scim.errors import ScimError, shown
from mockhost.scim.filters import instant
from mockhost.scim.grammar import And, AttrPath, Compare, Filter, Group, Not, Or
from mockhost.scim.queries import Query

Key: TypeAlias = "tuple[str, object]"
"""An index and what to look up in it."""


def read_filter(text: str, types: tuple[ResourceType, ...], *, lenient: bool, refuse_unknown: bool) -> Filter:
    """The filter of a request. Raises ScimError 400 invalidFilter."""
    found = grammar.parse(text, lenient=lenient, bare_words=lenient)
    if refuse_unknown:
        for path in _all_paths(found):
            if all(type_.place(path) is None and type_.getter(path) is None for type_ in types):
                raise ScimError(
                    400, "invalidFilter", f"This filter is invalid: there is no attribute {path}."
                )
    return found


def _all_paths(filter_: Filter) -> Iterator[AttrPath]:
    if isinstance(filter_, (And, Or)):
        yield from _all_paths(filter_.left)
        yield from _all_paths(filter_.right)
    elif isinstance(filter_, Not):
        yield from _all_paths(filter_.filter)
    elif isinstance(filter_, Group):
        yield filter_.path
        for inner in _all_paths(filter_.filter):
            yield AttrPath(filter_.path.urn, filter_.path.name, inner.name)
    else:
        yield filter_.path


class Lookups(NamedTuple):
    """What indexes can tell about a filter: each look-up gives all who fit, and perhaps others."""

    keys: tuple[Key, ...]
    exact: bool
    """whether those whom all of the look-ups give are just those who fit"""


_NONE: Final = Lookups((), False)


def lookups(filter_: Filter, type_: ResourceType) -> Lookups:
    """Which indexes to ask."""
    if isinstance(filter_, And):
        left, right = lookups(filter_.left, type_), lookups(filter_.right, type_)
        return Lookups(left.keys + right.keys, left.exact and right.exact)
    if isinstance(filter_, Compare):
        found = _key(filter_.path, filter_, type_)
        return _NONE if found is None else Lookups((found,), True)
    if not isinstance(filter_, Group) or filter_.path.sub is not None:
        return _NONE
    keys: list[Key] = []
    for inner in _conjuncts(filter_.filter):
        if isinstance(inner, Compare) and inner.path.urn is None and inner.path.sub is None:
            found = _key(AttrPath(filter_.path.urn, filter_.path.name, inner.path.name), inner, type_)
            if found is not None:
                keys.append(found)
    # One comparison with one value is the same within brackets as without.
    return Lookups(tuple(keys), bool(keys) and isinstance(filter_.filter, Compare))


def _conjuncts(filter_: Filter) -> Iterator[Filter]:
    if isinstance(filter_, And):
        yield from _conjuncts(filter_.left)
        yield from _conjuncts(filter_.right)
    else:
        yield filter_


def _key(path: AttrPath, filter_: Compare, type_: ResourceType) -> Key | None:
    value = filter_.value
    if filter_.op != "eq" or not isinstance(value, str):
        return None
    name = type_.index_of(path)
    if name is None or (name not in type_.indexed and name not in ("id", "members.value", "groups.value")):
        return None
    if name not in type_.indexed:
        return name, value
    place = type_.indexed[name]
    if place.last.type not in ("string", "reference") or instant(value) is not None:
        return None  # what is equal in more than one spelling is in no index
    return name, value if place.last.case_exact else fold(value)


# -- order -----------------------------------------------------------------------------------------------------------


class SortKey(NamedTuple):
    """The order of one resource among others: those without a value are last (RFC 7644 3.4.2.3)."""

    missing: bool
    kind: int
    value: object


def order_of(resource: Mapping[str, object], type_: ResourceType, path: AttrPath) -> SortKey:
    """By what a resource is sorted: of several values the primary one, or else the first."""
    getter = type_.getter(AttrPath(path.urn, path.name))
    value = None if getter is None else getter(resource)
    if isinstance(value, (list, tuple)):
        primary = (item for item in value if isinstance(item, Mapping) and item.get("primary") is True)
        value = next(primary, value[0] if value else None)
    if isinstance(value, Mapping):
        place = type_.place(path)
        value = value.get(place.sub.name if place is not None and place.sub is not None else "value")
    if value is None or isinstance(value, (list, tuple, Mapping)):
        return SortKey(True, 0, 0)
    if isinstance(value, str):
        moment = instant(value)
        if moment is not None:
            return SortKey(False, 1, moment.total_seconds())
        return SortKey(False, 2, value if type_.case_exact(path) else fold(value))
    return SortKey(False, 0, value)


# -- cursors ---------------------------------------------------------------------------------------------------------


class Cursor(NamedTuple):
    """Where a page begins: after how many, or after whose sequence, of which query, and since when it is good."""

    at: int
    query: str
    issued: float


@functools.lru_cache(256)
def fingerprint(*parts: object) -> str:
    """What a query asks for, so that a cursor is used with no other."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "replace"), digest_size=6).hexdigest()


def query_print(type_: str | None, query: Query) -> str:
    return fingerprint(type_, query.filter, query.sort_by, query.sort_order)


def write_cursor(cursor: Cursor) -> str:
    """Of characters that need no escape in a URL (RFC 9865 2)."""
    return base64.urlsafe_b64encode(orjson.dumps(list(cursor))).decode().rstrip("=")


def read_cursor(text: str, query: str, now: float, timeout: float) -> int:
    """Where the page of a cursor begins. Raises ScimError 400 invalidCursor or expiredCursor (RFC 9865 2.1)."""
    try:
        parts = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
        at, whose, issued = parts
    except (binascii.Error, ValueError, TypeError):
        raise _invalid(text) from None
    if not (isinstance(at, int) and at >= -1 and isinstance(issued, (int, float))) or whose != query:
        raise _invalid(text)
    if now - issued > timeout:
        raise ScimError(400, "expiredCursor", "The cursor has expired: begin again without one.")
    return at


def _invalid(text: str) -> ScimError:
    detail = f"The cursor {shown(text)} is none of this query: repeat the query that it came from."
    return ScimError(400, "invalidCursor", detail)
