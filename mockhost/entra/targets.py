"""Target attributes as mappings name them, and how they stand in a SCIM resource.

`displayName`, `name.givenName`, `emails[type eq "work"].value`, `urn:…:User:department` (Microsoft Learn, "Customize
user provisioning attribute mappings", and the requests in "Develop and plan provisioning for a SCIM endpoint").
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple

from mockhost.errors import UsageError
from mockhost.matching import ABSENT
from mockhost.scim.messages import CORE_USER, ENTERPRISE_USER

MANAGER = f"{ENTERPRISE_USER}:manager"
_PATH = re.compile(
    r"""(?:(?P<schema>urn:[^\s\[\]"]*):)?(?P<name>[A-Za-z_$\-][^\s.\[\]":]*)
    (?:\[(?P<key>[A-Za-z]\w*)\ eq\ (?P<value>"[^"\\]*"|true|false)\])?(?:\.(?P<sub>[A-Za-z]\w*))?""",
    re.VERBOSE,
)
_BOOLEANS = frozenset({"active", "primary"})
_PRIMARY = frozenset({"emails", "addresses"})
"""Attributes whose element of the type `work` is sent as the primary one (the page's example of a create)."""
_ORDER = (
    *("schemas", "externalId", "userName", "active", "displayName", "title", "preferredLanguage", "emails"),
    *("phoneNumbers", "addresses", "meta", "name"),
)
"""The order of keys in the page's example of a create; extensions and `roles` follow."""
_INNER_ORDER = ("primary", "type", "value", "formatted", "familyName", "givenName")


class Target(NamedTuple):
    """A target attribute."""

    text: str
    schema: str
    """an extension's URN, or ''"""
    name: str
    key: str = ""
    """of a value filter, `type` in `emails[type eq "work"].value`; '' for an attribute without one"""
    value: str | bool = ""
    sub: str = ""

    @property
    def is_boolean(self) -> bool:
        return (self.sub or self.name) in _BOOLEANS and not self.schema


@functools.lru_cache(maxsize=4_000)
def parse(text: str) -> Target:
    """A target attribute by its path. Raises UsageError."""
    found = _PATH.fullmatch(text)
    if found is None:
        raise UsageError(
            f"{text!r} is not a target attribute",
            hint='such as displayName, name.givenName, emails[type eq "work"].value or urn:…:User:department',
        )
    schema, value = found["schema"] or "", found["value"] or ""
    literal = value[1:-1] if value.startswith('"') else value == "true"
    schema = "" if schema.lower() == CORE_USER.lower() else schema
    return Target(text, schema, found["name"], found["key"] or "", literal, found["sub"] or "")


def typed(target: Target, value: object) -> object:
    """A value as a document has it: `True` and `False` are booleans where the attribute is one."""
    if target.is_boolean and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return list(value) if isinstance(value, tuple) else value


def put(document: MutableMapping[str, Any], target: Target, value: object) -> None:
    """Set an attribute in a document that is being made."""
    place = document.setdefault(target.schema, {}) if target.schema else document
    value = typed(target, value)
    if target.key:
        elements = place.setdefault(target.name, [])
        element = next((each for each in elements if each.get(target.key) == target.value), None)
        if element is None:
            element = {target.key: target.value}
            if target.name in _PRIMARY and (target.key, target.value) == ("type", "work"):
                element = {"primary": True, **element}
            elements.append(element)
        element[target.sub or "value"] = value
    elif target.sub:
        inner = place.setdefault(target.name, {})
        inner[target.sub] = value
    else:
        place[target.name] = value


def ordered(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its keys in the order of the page's example."""
    top = sorted(document, key=lambda key: _place(key, _ORDER, len(_ORDER) + (key == "roles")))
    return {key: _inner(document[key]) for key in top}


def _inner(value: object) -> object:
    if isinstance(value, list):
        return [_inner(each) for each in value]
    if isinstance(value, dict) and value.keys() & set(_INNER_ORDER):
        keys = sorted(value, key=lambda key: _place(key, _INNER_ORDER, len(_INNER_ORDER)))
        return {key: value[key] for key in keys}
    return value


def _place(key: str, order: tuple[str, ...], last: int) -> int:
    return order.index(key) if key in order else last


def get(resource: object, target: Target) -> object:
    """An attribute's value in what a server answered, or `matching.ABSENT`. Names are found in any case."""
    place = _member(resource, target.schema) if target.schema else resource
    found = _member(place, target.name)
    if target.key:
        elements = found if isinstance(found, list) else []
        matching = (each for each in elements if _equals(_member(each, target.key), target.value))
        found = next(matching, ABSENT)
        return _member(found, target.sub or "value")
    return _member(found, target.sub) if target.sub else found


def _member(value: object, name: str) -> object:
    if not isinstance(value, Mapping):
        return ABSENT
    if name in value:
        return value[name]
    folded = name.lower()
    return next((item for key, item in value.items() if str(key).lower() == folded), ABSENT)


def _equals(found: object, wanted: str | bool) -> bool:
    return found == wanted or (isinstance(found, (str, bool)) and str(found).lower() == str(wanted).lower())


def is_empty(value: object) -> bool:
    """Whether it is as good as no value (RFC 7643 2.5)."""
    return value is ABSENT or value is None or value in ("", [], {})


def same(wanted: object, found: object) -> bool:
    """Whether a value in the target is the wanted one: booleans also as texts, of references the id."""
    if isinstance(found, Mapping):
        found = found.get("value")
    if isinstance(wanted, (list, tuple)) or isinstance(found, list):
        return _texts(wanted) == _texts(found)
    if isinstance(wanted, bool) or isinstance(found, bool):
        return str(wanted).lower() == str(found).lower()
    return str(wanted) == ("" if is_empty(found) else str(found))


def _texts(value: object) -> list[str]:
    values: Iterable[object] = (
        value if isinstance(value, (list, tuple)) else () if is_empty(value) else (value,)
    )
    return sorted(str(each.get("value")) if isinstance(each, Mapping) else str(each) for each in values)
