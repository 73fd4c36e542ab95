"""Finding: which resources a query is about, in which order, on which page, and what of them is shown.

Sources: RFC 7644 3.4.2 (filter, sorting, paging), RFC 9865 (paging by cursor).
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

import orjson

from mockhost.clock import VirtualClock
from mockhost.connectors.provider.blueprint import Blueprint
from mockhost.connectors.provider.resources import Resources, Window, wants
from mockhost.connectors.provider.resourcetypes import Document, ResourceType
from mockhost.connectors.provider.store import Handle, Shelf, seq_of
from mockhost.scim import grammar
from mockhost.scim.attributes import fold
from mockhost.scim.errors import ScimError, shown
from mockhost.scim.filters import Budget, instant, paths, predicate
from mockhost.scim.grammar import And, AttrPath, Compare, Filter, Group, Not, Or, attr_path
from mockhost.scim.messages import LIST_RESPONSE
from mockhost.scim.queries import Query
from mockhost.slices import SLICE, Steps, rest

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


# -- pages ---------------------------------------------------------------------------------------------------


_SLICE: Final = 200
"""Resources that are looked at from one pause to the next."""


def _present(found: list[tuple[Shelf, Handle]]) -> list[tuple[Shelf, Handle]]:
    """Those that are still there, as they are now."""
    return [(shelf, now) for shelf, handle in found if (now := shelf.current(handle)) is not None]


def _by_key(item: tuple[SortKey, object]) -> SortKey:
    return item[0]


class Finder:
    """Finds what a provider holds."""

    __slots__ = ("_clock", "_config", "_held", "_rules")

    def __init__(self, held: Resources, blueprint: Blueprint, clock: VirtualClock) -> None:
        self._held = held
        self._config = blueprint.config
        self._rules = blueprint.rules
        self._clock = clock

    def find(self, type_: str | None, shelves: list[Shelf], query: Query, base: str) -> Steps[Document]:
        """A ListResponse of what `shelves` hold; `type_` is the name of the one type that is asked, if any.

        What no index tells is looked through in slices, between which others may have the lock: each resource is
        judged once, by what it is then. Raises ScimError 400 `tooMany` among others.
        """
        config = self._config
        size = config.page_size if query.count is None else query.count
        size = min(size, config.max_results)
        if query.cursor is not None:
            return (yield from self._page_by_cursor(type_, shelves, query, size, base))
        start = query.start_index - 1
        total, page = yield from self._page(shelves, query, start, size, base)
        resources = self.shown(page, query, base)
        return {
            "schemas": [LIST_RESPONSE],
            "totalResults": total,
            "itemsPerPage": len(resources),
            "startIndex": query.start_index,
            "Resources": resources,
        }

    def _page(
        self, shelves: list[Shelf], query: Query, start: int, size: int, base: str
    ) -> Steps[tuple[int, list[tuple[Shelf, Handle]]]]:
        if query.filter is None and query.sort_by is None and len(shelves) == 1:
            shelf = shelves[0]
            return len(shelf), [(shelf, handle) for handle in shelf.page(start, size)]
        found = yield from self._all(shelves, query, base)
        return len(found), _present(found[start : start + size])

    def _all(self, shelves: list[Shelf], query: Query, base: str) -> Steps[list[tuple[Shelf, Handle]]]:
        """Everything that fits, in order."""
        found: list[tuple[Shelf, Handle]] = []
        filter_ = self._filter(shelves, query)
        for shelf in shelves:
            if filter_ is None:
                found.extend((shelf, handle) for handle in shelf.snapshot())
            else:
                fitting = yield from self._fitting(shelf, filter_, base)
                found.extend((shelf, handle) for handle in fitting)
        return found if query.sort_by is None else (yield from self._sorted(shelves, found, query, base))

    def _filter(self, shelves: list[Shelf], query: Query) -> Filter | None:
        if query.filter is None:
            return None
        return read_filter(
            query.filter,
            tuple(shelf.type for shelf in shelves),
            lenient=self._rules.filter_grammar == "accept",
            refuse_unknown=self._rules.filter_attributes == "refuse",
        )

    def _fitting(self, shelf: Shelf, filter_: Filter, base: str) -> Steps[list[Handle]]:
        """The resources of one type that a filter fits: from an index where one can tell."""
        asked = lookups(filter_, shelf.type)
        smallest: list[Handle] | None = None
        exact = asked.exact
        for name, key in asked.keys:
            candidates = self._candidates(shelf, name, key)
            if candidates is None:
                exact = False
            elif smallest is None:
                smallest = candidates
            else:
                others = set(map(seq_of, candidates))
                smallest = [handle for handle in smallest if seq_of(handle) in others]
        if exact and smallest is not None:
            return smallest
        fits = predicate(filter_, shelf.type.getter, case_exact=shelf.type.case_exact)
        view = self._view(shelf, {fold(path.name) for path in paths(filter_)}, base)
        number = len(shelf) if smallest is None else len(smallest)
        budget = Budget(filter_, number)
        handles = iter(smallest) if smallest is not None else shelf.snapshot()
        get = [getter for path in paths(filter_) if (getter := shelf.type.getter(path)) is not None]
        size = max(1, min(_SLICE, SLICE // budget.each))
        found: list[Handle] = []
        while some := list(itertools.islice(handles, size)):
            for each in some:
                handle = shelf.current(each)
                if handle is None:
                    continue
                document = view(handle)
                for getter in get:
                    budget.look_at(getter(document))
                if fits(document):
                    found.append(handle)
            if len(some) == size:
                yield rest
        return found

    def _view(self, shelf: Shelf, names: set[str], base: str) -> Callable[[Handle], Document]:
        """Resources as far as attributes of these names (folded) need to be worked out."""
        if names.isdisjoint(("id", "meta", "members", "groups", *shelf.type.linked)):
            return shelf.document
        members, groups = "members" in names, "groups" in names
        return lambda handle: self._held.render(shelf, handle, base, members=members, groups=groups)

    def _candidates(self, shelf: Shelf, name: str, key: object) -> list[Handle] | None:
        """Who an index says has a value; None when it can't tell for this type."""
        if name in shelf.type.indexed:
            return shelf.find(name, key)
        if not isinstance(key, str):
            return None
        if name == "id":
            handle = shelf.get(key)
            return [] if handle is None else [handle]
        if name == "members.value" and shelf.type.holds_members:
            idents: Iterable[str] = self._held.memberships.direct(key)
        elif name == "groups.value" and shelf.type.holds_groups:
            idents = self._held.memberships.within(key)
        else:
            return None
        found = [handle for ident in idents if (handle := shelf.get(ident)) is not None]
        found.sort(key=seq_of)
        return found

    def _sorted(
        self, shelves: list[Shelf], found: list[tuple[Shelf, Handle]], query: Query, base: str
    ) -> Steps[list[tuple[Shelf, Handle]]]:
        path = attr_path(query.sort_by or "")
        if path is None or all(shelf.type.getter(path) is None for shelf in shelves):
            if self._rules.filter_attributes == "refuse":
                raise ScimError(
                    400, "invalidPath", f"There is no attribute {shown(query.sort_by)} to sort by."
                )
            return found
        views = {shelf.type.name: self._view(shelf, {fold(path.name)}, base) for shelf in shelves}

        keyed: list[tuple[SortKey, tuple[Shelf, Handle]]] = []
        for begin in range(0, len(found), _SLICE):
            for shelf, handle in _present(found[begin : begin + _SLICE]):
                document = views[shelf.type.name](handle)
                keyed.append((order_of(document, shelf.type, path), (shelf, handle)))
            if len(found) > _SLICE:
                yield rest
        keyed.sort(key=_by_key, reverse=fold(query.sort_order or "") == "descending")
        return [item for _, item in keyed]

    # -- pages by cursor (RFC 9865) --------------------------------------------------------------------------

    def _page_by_cursor(
        self, type_: str | None, shelves: list[Shelf], query: Query, size: int, base: str
    ) -> Steps[Document]:
        if query.count is not None and not 1 <= query.count <= self._config.max_results:
            detail = f"With a cursor, count is 1 to {self._config.max_results}, not {query.count}."
            raise ScimError(400, "invalidCount", detail)
        whose, now = query_print(type_, query), self._clock.now()
        at = -1
        if query.cursor:
            at = read_cursor(query.cursor, whose, now, self._config.cursor_timeout)
        found = yield from self._all(shelves, query, base)
        if query.sort_by is None and len(shelves) == 1:
            # After whom it was: no one is left out or seen twice when others are added or removed.
            begin = next((i for i, (_, handle) in enumerate(found) if seq_of(handle) > at), len(found))
            page = found[begin : begin + size]
            after = seq_of(page[-1][1]) if page else at
        else:
            begin = at + 1
            page = found[begin : begin + size]
            after = at + len(page)
        resources = self.shown(_present(page), query, base)
        answer: Document = {
            "schemas": [LIST_RESPONSE],
            "totalResults": len(found),
            "itemsPerPage": len(resources),
            "Resources": resources,
        }
        if begin > 0:
            before = begin - size - 1
            by_seq = query.sort_by is None and len(shelves) == 1
            at = -1 if before < 0 else seq_of(found[before][1]) if by_seq else before
            answer["previousCursor"] = write_cursor(Cursor(at, whose, now))
        if begin + len(page) < len(found):
            answer["nextCursor"] = write_cursor(Cursor(after, whose, now))
        return answer

    # -- showing ---------------------------------------------------------------------------------------------

    def shown(self, page: list[tuple[Shelf, Handle]], query: Query, base: str) -> list[Document]:
        """Resources as the query wants them."""
        if not page:
            return []
        members, groups = wants("members", query), wants("groups", query)
        windows: dict[str, Window] = {}
        shown = []
        for shelf, handle in page:
            window = windows.get(shelf.type.name)
            if window is None:
                window = windows[shelf.type.name] = Window(shelf.type, query)
            shown.append(window.show(self._held.render(shelf, handle, base, members=members, groups=groups)))
        return shown
