"""The values of a multi-valued attribute: which are the same, which are added, removed, chosen, described.

Elements of a complex attribute are dicts, others are plain values. Nothing here changes what it is given.
Sources: RFC 7643 2.4, RFC 7644 3.5.2.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from mockhost.scim.attributes import AttributeInfo, fold, key_of, member
from mockhost.scim.errors import ScimError
from mockhost.scim.filters import element_predicate
from mockhost.scim.grammar import And, Compare, Filter, Group, Not, Or, Path, Present


def added(info: AttributeInfo, current: Sequence[object], elements: Iterable[object]) -> list[object]:
    """`current` and the elements that it doesn't have yet.

    A complex element that has the `value` (and the `type`, if it states one) of another is that other one: what
    else it states is taken over, so that a member added twice is there once. RFC 7643 2.4: the same pair of
    type and value shouldn't appear more than once.
    """
    found = list(current)
    places = _places(info, found)
    for element in elements:
        identity = _identity(info, element)
        same = next((i for i in places.get(identity, ()) if _fits_type(element, found[i])), None)
        if same is None:
            places.setdefault(identity, []).append(len(found))
            found.append(element)
        else:
            found[same] = merged(info, found[same], element)
    return found


def merged(info: AttributeInfo, element: object, more: object) -> object:
    """`element` with what `more` states and it doesn't have already, in whatever case.

    An immutable sub-attribute that it has stays.
    """
    if not isinstance(element, Mapping) or not isinstance(more, Mapping):
        return element
    found = dict(element)
    for name, value in more.items():
        key = key_of(found, name) or name
        sub, old = info.sub_attribute(name), found.get(key)
        stays = sub is not None and sub.mutability == "immutable"
        exact = sub is not None and sub.case_exact
        if old is None or not (stays or comparable(old, exact) == comparable(value, exact)):
            found[key] = value
    return found


def removed(info: AttributeInfo, current: Sequence[object], named: Iterable[object]) -> list[object]:
    """`current` without the elements that are named: by `value` (and `type`), or else by all that is stated."""
    places = _places(info, current)
    gone: set[int] = set()
    for element in named:
        if isinstance(element, Mapping) and member(element, "value") is None:
            gone.update(i for i, other in enumerate(current) if _states_of(info, element, other))
        else:
            same = places.get(_identity(info, element), ())
            gone.update(i for i in same if _fits_type(element, current[i]))
    return [element for i, element in enumerate(current) if i not in gone]


def _places(info: AttributeInfo, elements: Sequence[object]) -> dict[Hashable, list[int]]:
    places: dict[Hashable, list[int]] = {}
    for i, element in enumerate(elements):
        places.setdefault(_identity(info, element), []).append(i)
    return places


def _identity(info: AttributeInfo, element: object) -> Hashable:
    """Equal for elements that hold the same value: their `value`, or all that they hold if they have none."""
    if not isinstance(element, Mapping):
        return comparable(element, info.case_exact)
    value = member(element, "value")
    if value is not None:
        sub = info.sub_attribute("value")
        return comparable(value, sub is not None and sub.case_exact)
    return frozenset(
        (fold(name), comparable(item, _is_exact(info, name)))
        for name, item in element.items()
        if item is not None
    )


def _is_exact(info: AttributeInfo, name: str) -> bool:
    sub = info.sub_attribute(name)
    return sub is not None and sub.case_exact


def comparable(value: object, case_exact: bool) -> Hashable:
    """Equal for simple values that are the same; true is not 1. Lists are compared value by value."""
    if isinstance(value, str):
        return value if case_exact else fold(value)
    if isinstance(value, (list, tuple)):
        return tuple(comparable(item, case_exact) for item in value)
    return (isinstance(value, bool), value) if isinstance(value, (bool, int, float)) else None


def _fits_type(element: object, other: object) -> bool:
    if not isinstance(element, Mapping) or not isinstance(other, Mapping):
        return True
    stated = member(element, "type")
    return stated is None or comparable(stated, False) == comparable(member(other, "type"), False)


def _states_of(info: AttributeInfo, element: Mapping[str, object], other: object) -> bool:
    return isinstance(other, Mapping) and all(
        comparable(value, _is_exact(info, name)) == comparable(member(other, name), _is_exact(info, name))
        for name, value in element.items()
    )


def chosen_by(info: AttributeInfo, path: Path) -> Callable[[object], bool]:
    """Whether an element is one that the path means: all are when it has no brackets."""
    if path.filter is None:
        return lambda element: True
    group = Group(path.attr, path.filter)
    return element_predicate(group, case_exact=lambda inner: _is_exact(info, inner.sub or ""))


def names_in(filter_: Filter) -> set[str]:
    """The names that a filter in brackets compares."""
    if isinstance(filter_, (And, Or)):
        return names_in(filter_.left) | names_in(filter_.right)
    if isinstance(filter_, Not):
        return names_in(filter_.filter)
    if isinstance(filter_, (Compare, Present)):
        return {str(filter_.path)}
    return {str(filter_.path)} | names_in(filter_.filter)


def described(filter_: Filter | None) -> dict[str, object] | None:
    """The element that a filter of `eq` joined by `and` describes; None when it describes no single one."""
    if filter_ is None:
        return {}
    if isinstance(filter_, Compare) and filter_.op == "eq" and filter_.value is not None:
        return {filter_.path.name: filter_.value}
    if isinstance(filter_, And):
        left, right = described(filter_.left), described(filter_.right)
        if left is not None and right is not None:
            return {**left, **right}
    return None


def one_primary(
    info: AttributeInfo, before: Sequence[object], after: Sequence[object], *, several: str = "refuse"
) -> list[object]:
    """`after`, in which an element that has become primary is the only primary one (RFC 7644 3.5.2).

    Elements are paired by place. When several have become primary at once, the first of them is where `several`
    is "first"; else raises ScimError 400 `invalidValue`.
    """
    if info.sub_attribute("primary") is None:
        return list(after)
    new = [
        i
        for i, element in enumerate(after)
        if not (i < len(before) and (element is before[i] or _is_primary(before[i]))) and _is_primary(element)
    ]
    if len(new) > 1 and several != "first":
        raise ScimError(400, "invalidValue", f"Only one value of {info.name} can be primary, not {len(new)}.")
    if not new:
        return list(after)
    return [
        {**element, key_of(element, "primary") or "primary": False}
        if i != new[0] and isinstance(element, Mapping) and _is_primary(element)
        else element
        for i, element in enumerate(after)
    ]


def _is_primary(element: object) -> bool:
    return isinstance(element, Mapping) and member(element, "primary") is True
