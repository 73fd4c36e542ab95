"""What a filter means: whether a resource, or any object, fits it (RFC 7644 3.4.2.2 with its Tables 3 and 4).

`parse` and the nodes come from the grammar; `predicate` makes a function of a tree, once for any number of
objects. There is no schema here: what a value is says how it compares.

- Strings ignore case unless the attribute is `caseExact`; two that are both date-times compare as instants.
- A boolean equals `true` or `false` and also the strings "True" and "False", which the provisioning service
  sends (Microsoft Learn, Known issues and resolutions with SCIM 2.0 protocol compliance, heading "Flags to
  alter the SCIM behavior").
- A number compares with a number, and with a string that is one; a string attribute never equals a number.
- Bytes equal the base64 text of a filter.
- What can't be compared is different: `ne` holds, nothing else does.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import operator
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, TypeVar

from mockhost.scim.attributes import fold, member, read, sub_value
from mockhost.scim.errors import ScimError
from mockhost.scim.grammar import (
    ORDER,
    And,
    AttrPath,
    Compare,
    Filter,
    Group,
    Not,
    Or,
    Present,
    Value,
)

T = TypeVar("T")
Fits: TypeAlias = Callable[[object], bool]

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_NUMERIC = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch
_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII | re.IGNORECASE
).fullmatch
_TRUTH: Final = {"true": True, "false": False}

_TEXT_OPERATORS: Final[dict[str, Callable[[str, str], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "co": operator.contains,
    "sw": str.startswith,
    "ew": str.endswith,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_ORDERED: Final[dict[str, Callable[..., bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
CaseExact: TypeAlias = Callable[[AttrPath], bool]
"""Whether an attribute's strings are compared with their case."""


def matches(filter_: Filter, resource: Mapping[str, object], *, case_exact: CaseExact | None = None) -> bool:
    """Whether a wire-shaped resource fits. A name that it doesn't have counts as unassigned.

    Raises ScimError 400 `invalidFilter` for a comparison that can't be made (a boolean put in order).
    """
    return predicate(filter_, _wire_getter, case_exact=case_exact)(resource)


def _wire_getter(path: AttrPath) -> Callable[[Mapping[str, object]], object]:
    return lambda resource: read(resource, path)


def predicate(
    filter_: Filter,
    resolve: Callable[[AttrPath], Callable[[T], object] | None],
    *,
    case_exact: CaseExact | None = None,
) -> Callable[[T], bool]:
    """The filter as a function over whatever objects the getters of `resolve` understand.

    A getter gives the value of its attribute: one value, a list or tuple of values, or None when unassigned.
    Of an attribute that doesn't exist (`resolve` gives None) nothing holds, not even `ne`; `not (…)` negates
    that as usual. A multi-valued attribute fits when any of its values does. Elements of a complex attribute
    compare by their `value`. The function raises ScimError 400 `invalidFilter` as `matches` does.
    """
    if isinstance(filter_, Compare):
        return _comparison(filter_, resolve, case_exact)
    if isinstance(filter_, Present):
        return _presence(filter_, resolve)
    if isinstance(filter_, Group):
        return _group(filter_, resolve, case_exact)
    if isinstance(filter_, Not):
        inner = predicate(filter_.filter, resolve, case_exact=case_exact)
        return lambda obj: not inner(obj)
    left = predicate(filter_.left, resolve, case_exact=case_exact)
    right = predicate(filter_.right, resolve, case_exact=case_exact)
    if isinstance(filter_, And):
        return lambda obj: left(obj) and right(obj)
    return lambda obj: left(obj) or right(obj)


def _nothing(obj: object) -> bool:
    return False


_Resolve: TypeAlias = Callable[[AttrPath], "Callable[[T], object] | None"]


def _comparison(filter_: Compare, resolve: _Resolve[T], case_exact: CaseExact | None) -> Callable[[T], bool]:
    exact = case_exact is not None and case_exact(filter_.path)
    fits = comparison(filter_.op, filter_.value, case_exact=exact)
    getter = resolve(filter_.path)
    if getter is None:
        return _nothing
    get = getter  # a closure can't see that the variable is no longer None

    def check(obj: T) -> bool:
        value = get(obj)
        if isinstance(value, (str, int)):  # by far the most, and the quickest to tell
            return fits(value)
        if isinstance(value, (list, tuple)):
            return any(map(fits, map(_comparable, value))) if value else fits(None)
        return fits(_comparable(value))

    return check


_OPAQUE: Final = object()


def _comparable(value: object) -> object:
    """A complex value compares by its `value` (RFC 7643 2.4); without one, with nothing if anything is assigned."""
    if not isinstance(value, Mapping):
        return value
    found = member(value, "value")
    return _OPAQUE if found is None and is_present(value) else found


def _presence(filter_: Present, resolve: _Resolve[T]) -> Callable[[T], bool]:
    getter = resolve(filter_.path)
    if getter is None:
        return _nothing
    get = getter
    return lambda obj: is_present(get(obj))


def is_present(value: object) -> bool:
    """What `pr` asks: "a non-empty or non-null value, or a non-empty node for complex attributes"."""
    if isinstance(value, Mapping):
        return any(map(is_present, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(is_present, value))
    return value is not None and value != ""


def _group(filter_: Group, resolve: _Resolve[T], case_exact: CaseExact | None) -> Callable[[T], bool]:
    getter = resolve(filter_.path)
    if getter is None:
        return _nothing
    get = getter
    inner = element_predicate(filter_, case_exact=case_exact)

    def check(obj: T) -> bool:
        value = get(obj)
        if isinstance(value, (list, tuple)):
            return any(map(inner, value))
        return value is not None and inner(value)

    return check


def element_predicate(group: Group, *, case_exact: CaseExact | None = None) -> Callable[[object], bool]:
    """The filter in the brackets, over one value of the attribute before them."""
    urn, name = group.path.urn, group.path.name

    def exact(path: AttrPath) -> bool:
        return case_exact is not None and case_exact(AttrPath(urn, name, path.name))

    return predicate(group.filter, _element_getter, case_exact=exact)


def _element_getter(path: AttrPath) -> Callable[[object], object] | None:
    if path.urn is not None or path.sub is not None:
        return None  # inside brackets there are only the names of sub-attributes
    return lambda element: sub_value(element, path.name)


def equalities(filter_: Filter) -> list[tuple[AttrPath, str | int | float | bool]]:
    """The `eq` comparisons that must all hold: at the top level and under `and`.

    For looking up in an index: a string attribute (not `caseExact`) that fits has the same `fold` as the
    value. So `eq null` is left out, and date-times, which are equal in more than one spelling.
    """
    if isinstance(filter_, And):
        return equalities(filter_.left) + equalities(filter_.right)
    if not isinstance(filter_, Compare) or filter_.op != "eq" or filter_.value is None:
        return []
    if isinstance(filter_.value, str) and instant(filter_.value) is not None:
        return []
    return [(filter_.path, filter_.value)]


MOST_COMPARISONS: Final = 5_000_000
"""A search that may take more is refused: that is some five seconds of processor time."""


def comparisons(filter_: Filter) -> int:
    """How many comparisons it can take to see whether a resource fits."""
    if isinstance(filter_, (And, Or)):
        return comparisons(filter_.left) + comparisons(filter_.right)
    return comparisons(filter_.filter) if isinstance(filter_, (Not, Group)) else 1


class Budget:
    """The comparisons that one search may take: one for each value, more for long texts. The same for every machine."""

    __slots__ = ("_each", "_left", "_number")

    def __init__(self, filter_: Filter, number: int) -> None:
        """`number`: how many resources there are. Raises ScimError 400 `tooMany` if they are too many by far."""
        self._each = comparisons(filter_)
        self._number = number
        self._left = MOST_COMPARISONS - self._each * number
        if self._left < 0:
            raise self._too_many()

    @property
    def each(self) -> int:
        """Comparisons for a resource, at least."""
        return self._each

    def look_at(self, value: object) -> None:
        """Count what looking at a value takes if it is several, or a long text. Raises ScimError 400 `tooMany`."""
        if type(value) is not str or len(value) >= _LONG:
            self._left -= self._each * (_weight(value) - 1)
            if self._left < 0:
                raise self._too_many()

    def _too_many(self) -> ScimError:
        # RFC 7644 3.12, Table 9: "many more results than the server is willing to calculate or process"
        detail = (
            f"The filter asks for too many comparisons: {self._each:,} with each of {self._number:,} resources, "
            f"{MOST_COMPARISONS:,} at most in all; ask for less, or for one of them with eq."
        )
        return ScimError(400, "tooMany", detail)


_LONG: Final = 256
"""Characters from which on a text counts for several."""


def _weight(value: object) -> int:
    if isinstance(value, str):
        return 1 + len(value) // _LONG
    if isinstance(value, (list, tuple)):
        return max(1, sum(map(_weight, value)))
    return max(map(_weight, value.values()), default=1) if isinstance(value, Mapping) else 1


def paths(filter_: Filter) -> frozenset[AttrPath]:
    """Every attribute that it looks at; of a value path the outer one."""
    if isinstance(filter_, (And, Or)):
        return paths(filter_.left) | paths(filter_.right)
    return paths(filter_.filter) if isinstance(filter_, Not) else frozenset((filter_.path,))


def is_simple(filter_: Filter) -> bool:
    """Whether it uses only `eq` and `and`, as Microsoft's client does.

    Microsoft Learn, Develop and plan provisioning for a SCIM endpoint, heading "Understand the Microsoft Entra
    SCIM implementation".
    """
    if isinstance(filter_, And):
        return is_simple(filter_.left) and is_simple(filter_.right)
    return isinstance(filter_, Compare) and filter_.op == "eq"


# -- one value against another --


def comparison(op: str, expected: Value, *, case_exact: bool = False) -> Fits:
    """A function that says whether a single value (None: unassigned) fits `op expected`.

    It raises ScimError 400 `invalidFilter` where a boolean or bytes would have to be put in order (RFC 7644
    3.4.2.2, `gt`: "Boolean and Binary attributes SHALL cause a failed response").
    """
    if expected is None:
        return {"eq": _is_unassigned, "ne": _is_assigned}.get(op, _never)
    if isinstance(expected, bool):
        return _with_boolean(op, expected)
    if isinstance(expected, str):
        return _with_text(op, expected, case_exact)
    return _with_number(op, expected)


def _is_unassigned(actual: object) -> bool:
    return actual is None


def _is_assigned(actual: object) -> bool:
    return actual is not None


def _never(actual: object) -> bool:
    return False


def _different(op: str, actual: object) -> bool:
    """What holds between values of two kinds."""
    if isinstance(actual, (bool, bytes)) and op in ORDER:
        raise _unordered(op)
    return op == "ne"


def _unordered(op: str) -> ScimError:
    detail = f"This filter is invalid: '{op}' can't be used on a boolean or binary attribute: try eq or ne."
    return ScimError(400, "invalidFilter", detail)


def _with_boolean(op: str, expected: bool) -> Fits:
    if op in ORDER:
        raise _unordered(op)

    def fits(actual: object) -> bool:
        truth = _TRUTH.get(fold(actual)) if isinstance(actual, str) else actual
        return (truth is expected) is (op == "eq") if op in ("eq", "ne") else False

    return fits


def _with_number(op: str, expected: int | float) -> Fits:
    compare = _ORDERED.get(op)

    def fits(actual: object) -> bool:
        if compare is not None and isinstance(actual, (int, float)) and not isinstance(actual, bool):
            return compare(actual, expected)
        return _different(op, actual)

    return fits


def _with_text(op: str, expected: str, case_exact: bool) -> Fits:
    needle = expected if case_exact else fold(expected)
    compare = _TEXT_OPERATORS[op]
    moment = instant(expected) if op in _ORDERED else None

    def fits(actual: object) -> bool:
        if not isinstance(actual, str):
            return _text_against_other(op, expected, actual)
        if moment is not None and (other := instant(actual)) is not None:
            return _ORDERED[op](other, moment)
        return compare(actual if case_exact else fold(actual), needle)

    return fits


def _text_against_other(op: str, expected: str, actual: object) -> bool:
    """A string of the filter against a boolean, a number, or something that compares with no string."""
    if isinstance(actual, bool) and op in ("eq", "ne"):
        return (_TRUTH.get(fold(expected)) is actual) is (op == "eq")
    if isinstance(actual, (int, float)) and not isinstance(actual, bool) and op in _ORDERED:
        wanted = number(expected)
        if wanted is not None:
            return _ORDERED[op](actual, wanted)
    if isinstance(actual, bytes) and op in ("eq", "ne"):
        return (_decoded(expected) == actual) is (op == "eq")
    return _different(op, actual)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def number(text: str) -> int | float | None:
    """The number that `text` writes in JSON's way (leading zeros allowed), or None."""
    if not _NUMERIC(text):
        return None
    return int(text) if text.lstrip("-").isdigit() else float(text)


def instant(text: str) -> datetime.timedelta | None:
    """The moment of a date-time (RFC 7643 2.3.5) counted from 1970, or None when `text` is none.

    Without an offset it is UTC. A date alone is no date-time.
    """
    if not _DATE_TIME(text):
        return None
    try:
        moment = datetime.datetime.fromisoformat(text.upper())
    except ValueError:  # the 31st of February, an hour 25
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)) - _EPOCH
