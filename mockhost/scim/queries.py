"""The query of a request: what is asked for, and what of it is shown (RFC 7644 3.4.2 and 3.9).

Microsoft's client encodes a query in a way of its own (AzureAD/SCIMReferenceCode, Query.cs and Filter.cs): `+`
for a blank, lower-case hex, and `%` and non-ASCII characters in a value as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

from mockhost.matching import ABSENT
from mockhost.scim.attributes import CORE_PREFIX, fold, member
from mockhost.scim.errors import ScimError, shown
from mockhost.scim.grammar import Filter, attr_path, parse

ALWAYS: Final = ("schemas", "id")
"""What a resource shows whatever is asked (RFC 7643 3 and 3.1)."""

_INTEGER = re.compile(r"[+-]?[0-9]+").fullmatch
_LARGEST: Final = 2**31 - 1
"""Larger numbers are taken for this one: no list is longer."""
_START: Final = ("start index", "The start index is a 1-based index.")
_COUNT: Final = ("count", "A non-negative number is expected.")
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Query:
    """A query, decoded. `count` is None when not given, `start_index` then 1."""

    __slots__ = (
        "_problem",
        "_wanted",
        "attributes",
        "count",
        "cursor",
        "excluded",
        "extra",
        "filter",
        "sort_by",
        "sort_order",
        "start_index",
    )

    def __init__(
        self,
        filter: str | None = None,
        start_index: int = 1,
        count: int | None = None,
        attributes: tuple[str, ...] = (),
        excluded: tuple[str, ...] = (),
        sort_by: str | None = None,
        sort_order: str | None = None,
        extra: Mapping[str, str] = _NONE,
        cursor: str | None = None,
    ) -> None:
        self.filter = filter
        self.start_index = start_index
        self.count = count
        self.attributes = attributes
        self.excluded = excluded
        self.sort_by = sort_by
        self.sort_order = sort_order
        self.extra = extra
        """keys that RFC 7644 doesn't know, such as `aadOptscim062020`, as they were written"""
        self.cursor = cursor
        """where a page begins (RFC 9865): "" for the first one, None for paging by index"""
        self._wanted: Filter | None = None
        self._problem: str | None = None

    def wanted(self) -> Filter | None:
        """The filter, parsed when it is first asked for, and once. Raises ScimError for one that can't be read."""
        if self._wanted is None and self.filter is not None:
            if self._problem is None:
                try:
                    self._wanted = parse(self.filter)
                except ScimError as error:
                    self._problem = error.detail
            if self._problem is not None:
                raise ScimError(400, "invalidFilter", self._problem)
        return self._wanted


def parse_query(raw: str) -> Query:
    """The query text of a request target (without `?`), still encoded, its bytes as latin-1 characters.

    Keys are known in any case; of one given twice the first counts. `startIndex` below 1 is 1 and `count` below
    0 is 0 (RFC 7644 3.4.2.4). Raises ScimError 400 `invalidValue` where one of them is no whole number.
    """
    known_ones: dict[str, str] = {}
    extra: dict[str, str] = {}
    for pair in raw.split("&") if raw else ():
        key, _, value = pair.partition("=")
        known = _KNOWN.get(key) or _KNOWN.get((key := _decoded(key)).lower())
        if known is not None:
            known_ones.setdefault(known, _decoded(value))
        elif key:
            extra.setdefault(key, _decoded(value))
    query = Query(known_ones.get("filter"), extra=extra)
    if len(known_ones) > ("filter" in known_ones):
        start = _whole_number(known_ones.get("startIndex"), *_START)
        count = _whole_number(known_ones.get("count"), *_COUNT)
        query.start_index = 1 if start is None else max(1, start)
        query.count = None if count is None else max(0, count)
        query.attributes = _names(known_ones.get("attributes", ""))
        query.excluded = _names(known_ones.get("excludedAttributes", ""))
        query.sort_by = known_ones.get("sortBy") or None
        query.sort_order = known_ones.get("sortOrder") or None
    if extra:
        query.cursor = next((extra[name] for name in extra if name.lower() == "cursor"), None)
    return query


def read_search(body: object) -> Query:
    """The body of `POST /.search` (RFC 7644 3.4.3), names in any case.

    Lists of names may be arrays or, as in a query, text with commas; numbers may be text.
    Raises ScimError 400: invalidSyntax where it is no object, invalidFilter where the filter is no string,
    invalidValue where another member is of the wrong type.
    """
    if not isinstance(body, Mapping):
        problem = f"a search takes a JSON object, not {shown(body)}"
        raise ScimError(400, "invalidSyntax", f"The request is invalid: {problem}.")
    found = {name: member(body, name) for name in _PARAMETERS}
    text = found["filter"]
    if text is not None and not isinstance(text, str):
        raise ScimError(400, "invalidFilter", f"This filter is invalid: it is {shown(text)}, not a string.")
    start, count = _searched_number(found["startIndex"], *_START), _searched_number(found["count"], *_COUNT)
    return Query(
        filter=text,
        start_index=1 if start is None else max(1, start),
        count=None if count is None else max(0, count),
        attributes=_searched_names(found["attributes"], "attributes"),
        excluded=_searched_names(found["excludedAttributes"], "excludedAttributes"),
        sort_by=_searched_text(found["sortBy"], "sortBy") or None,
        sort_order=_searched_text(found["sortOrder"], "sortOrder") or None,
        cursor=cursor if isinstance(cursor := member(body, "cursor"), str) else None,
    )


def _searched_number(value: object, what: str, expected: str) -> int | None:
    if value is None or isinstance(value, str):
        return _whole_number(value, what, expected)
    # "a whole number with no fractional digits" (RFC 7643 2.3.4): a number beyond 64 bits is read as a float.
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise _no_number(value, what, expected)
    assert isinstance(value, (int, float))
    return int(max(-_LARGEST, min(value, _LARGEST)))


def _searched_text(value: object, name: str) -> str:
    if value is not None and not isinstance(value, str):
        raise ScimError(400, "invalidValue", f"{name} takes a string, not {shown(value)}.")
    return value or ""


def _searched_names(value: object, name: str) -> tuple[str, ...]:
    parts = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(found for part in parts for found in _names(_searched_text(part, name)))


_PARAMETERS = ("filter", "startIndex", "count", "attributes", "excludedAttributes", "sortBy", "sortOrder")
_KNOWN: Final = {key: name for name in _PARAMETERS for key in (name, name.lower())}


def _decoded(text: str) -> str:
    """Percent-decoded; a `%` that begins no escape is kept. UTF-8, or latin-1 where it isn't that."""
    text = text.replace("+", " ")
    if text.isascii() and "%" not in text:
        return text
    try:
        octets = unquote_to_bytes(text.encode("latin-1"))
    except UnicodeEncodeError:  # not from a wire: characters that were decoded before
        octets = unquote_to_bytes(text.encode("utf-8", "replace"))
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _whole_number(text: str | None, what: str, expected: str) -> int | None:
    text = (text or "").strip()
    if not text:
        return None
    if not _INTEGER(text):
        raise _no_number(text, what, expected)
    # No list is that long, and Python refuses to read numbers of thousands of digits.
    number = int(text[:20])
    return max(-_LARGEST, min(number, _LARGEST))


def _no_number(value: object, what: str, expected: str) -> ScimError:
    return ScimError(400, "invalidValue", f"This {what} value is invalid: {shown(value)}. {expected}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip())) if text else ()


def project(
    resource: Mapping[str, object],
    attributes: Iterable[str] = (),
    excluded: Iterable[str] = (),
    *,
    always: Iterable[str] = ALWAYS,
) -> dict[str, object]:
    """What a client sees of a wire-shaped resource that names `attributes`, or `excluded` ones (RFC 7644 3.9).

    Names are in any case, with or without their schema's URN, perhaps with a sub-attribute; a bare name also
    finds an attribute of an extension unless the core has one of that name. Names that the resource doesn't
    have are passed over. With both given, `attributes` chooses first.
    """
    return projection(attributes, excluded, always=always)(resource)


def projection(
    attributes: Iterable[str] = (), excluded: Iterable[str] = (), *, always: Iterable[str] = ALWAYS
) -> Callable[[Mapping[str, object]], dict[str, object]]:
    """`project` for many resources: the names are looked at only once."""
    kept = frozenset(map(fold, always))
    chosen, dropped = tuple(attributes), tuple(excluded)
    steps = [(_Names(names), narrow) for names, narrow in ((chosen, _only), (dropped, _all_but)) if names]

    def project_one(resource: Mapping[str, object]) -> dict[str, object]:
        found = dict(resource)
        for names, narrow in steps:
            found = _narrowed(found, names, narrow, kept)
        return found

    return project_one


_WHOLE: Final = ""
"""Among the sub-attributes that are named: the attribute itself."""
_Subs: TypeAlias = "set[str] | frozenset[str]"
_NO_SUBS: Final[_Subs] = frozenset()


class _Names:
    """The names of a query by what they name; all folded."""

    __slots__ = ("_bare", "_extensions", "_qualified")

    def __init__(self, names: Iterable[str]) -> None:
        self._bare: dict[str, set[str]] = {}
        self._qualified: dict[tuple[str, str], set[str]] = {}
        self._extensions: set[str] = set()
        for name in names:
            # Microsoft's Postman collection asks for `emails[type eq "work"]`: the brackets are passed over.
            text = name.partition("[")[0]
            path = attr_path(text)
            if path is None:
                continue
            sub = fold(path.sub) if path.sub else _WHOLE
            if path.urn is None:
                self._bare.setdefault(fold(path.name), set()).add(sub)
                continue
            urn = fold(path.urn)
            key = ("" if urn.startswith(CORE_PREFIX) else urn, fold(path.name))
            self._qualified.setdefault(key, set()).add(sub)
            self._extensions.add(fold(text))  # or the name is the URN of a whole extension

    def of(self, urn: str, name: str, *, shadowed: bool = False) -> _Subs:
        """Which sub-attributes of an attribute are named; `shadowed`: its bare name means a core attribute."""
        if urn in self._extensions:
            return {_WHOLE}
        qualified = self._qualified.get((urn, name), _NO_SUBS)
        return qualified if shadowed else qualified | self._bare.get(name, _NO_SUBS)


_Narrow: TypeAlias = Callable[[object, _Subs], object]


def _narrowed(
    resource: Mapping[str, object], names: _Names, narrow: _Narrow, kept: frozenset[str]
) -> dict[str, object]:
    core = {fold(key) for key in resource}
    found: dict[str, object] = {}
    for key, value in resource.items():
        name = fold(key)
        if name in kept:
            part = value
        elif ":" in key and isinstance(value, Mapping):
            parts = {
                inner: item
                if f"{name}:{fold(inner)}" in kept
                else narrow(item, names.of(name, fold(inner), shadowed=fold(inner) in core))
                for inner, item in value.items()
            }
            part = {inner: item for inner, item in parts.items() if item is not ABSENT} or ABSENT
        else:
            part = narrow(value, names.of("", name))
        if part is not ABSENT:
            found[key] = part
    return found


def _only(value: object, subs: _Subs) -> object:
    """The value, as far as it is named."""
    if not subs or _WHOLE in subs:
        return value if subs else ABSENT
    return _of_each(value, lambda name: name in subs)


def _all_but(value: object, subs: _Subs) -> object:
    """The value without what is named."""
    if not subs or _WHOLE in subs:
        return ABSENT if subs else value
    return _of_each(value, lambda name: name not in subs)


def _of_each(value: object, wanted: Callable[[str], bool]) -> object:
    """A complex value with the wanted sub-attributes, or several of them; ABSENT when nothing is left."""
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items() if wanted(fold(key))} or ABSENT
    if isinstance(value, (list, tuple)):
        parts = [_of_each(item, wanted) for item in value]
        return [part for part in parts if part is not ABSENT] or ABSENT
    return value if wanted("value") else ABSENT
