"""Schemas: those of RFC 7643, and a scenario's own, in the form of RFC 7643 7 (as in /Schemas) or a short form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from mockhost import facts
from mockhost.errors import UsageError, did_you_mean
from mockhost.scim.attributes import AttributeInfo
from mockhost.scim.values import SIMPLE_TYPES

TYPES: Final = (*SIMPLE_TYPES, "complex")
_CHOICES: Final = {
    "type": TYPES,
    "mutability": ("readWrite", "readOnly", "immutable", "writeOnly"),
    "returned": ("default", "always", "never", "request"),
    "uniqueness": ("none", "server", "global"),
}
_NAME: Final = re.compile(r"\$?[A-Za-z][A-Za-z0-9_$-]*").fullmatch
_HUMP: Final = re.compile(r"_([a-z])")
_PREFIX: Final = "schemas"


class SchemaDefinition(NamedTuple):
    """A schema: its URN, its name and its attributes."""

    urn: str
    name: str
    description: str
    attributes: tuple[AttributeInfo, ...]


def read_schema(urn: str, document: Mapping[str, object]) -> SchemaDefinition:
    """The schema that a scenario writes under `urn`, in either form. Raises UsageError for an invalid one."""
    attributes = document.get("attributes")
    if not isinstance(attributes, (list, tuple, Mapping)):
        raise UsageError(
            f"{_PREFIX}.{urn}: a schema needs `attributes`", hint="a list as in /Schemas, or a map by name"
        )
    own = document.get("id", urn)
    if own != urn:
        raise UsageError(f"{_PREFIX}.{urn}: its id is {own!r}", hint="write the same URN in both places")
    name = str(document.get("name") or urn.rpartition(":")[2])
    description = str(document.get("description") or name)
    return SchemaDefinition(
        urn, name, description, tuple(_attributes(attributes, f"{_PREFIX}.{urn}").values())
    )


def _attributes(attributes: object, where: str) -> dict[str, AttributeInfo]:
    if isinstance(attributes, Mapping):
        pairs = [(str(name), item) for name, item in attributes.items()]
    elif isinstance(attributes, (list, tuple)):
        pairs = [
            (str(item.get("name", "")) if isinstance(item, Mapping) else "", item) for item in attributes
        ]
    else:
        raise UsageError(f"{where}: attributes must be a list or a map")
    return {name: _attribute(name, item, f"{where}.{name}") for name, item in pairs}


def _attribute(name: str, item: object, where: str) -> AttributeInfo:
    if not _NAME(name):
        raise UsageError(
            f"{where}: {name!r} is not a valid attribute name", hint="a letter, then letters, digits, _ and -"
        )
    if isinstance(item, str) or item is None:
        item = {"type": item or "string"}
    if not isinstance(item, Mapping):
        raise UsageError(f"{where}: expected a type's name or a map of characteristics")
    given = {_camel_case(str(key)): value for key, value in item.items()}
    subs = given.pop("subAttributes", None) or given.pop("attributes", None)
    fields: dict[str, Any] = {"description": name, "type": "string" if subs is None else "complex"}
    for key, value in given.items():
        if key not in _CHARACTERISTICS:
            known = (*_CHARACTERISTICS, "subAttributes")
            raise UsageError(f"{where}: there is no characteristic {key!r}", hint=did_you_mean(key, known))
        field, read = _CHARACTERISTICS[key]
        if value is not None:
            fields[field] = read(value, key, where)
    if (fields["type"] == "complex") is not (subs is not None):
        raise UsageError(f"{where}: a complex attribute has sub-attributes, and no other has")
    if fields["type"] in ("reference", "binary"):  # they are case exact (RFC 7643 2.3.6 and 2.3.7)
        fields["case_exact"] = True
    fields["name"] = name
    return AttributeInfo(**fields, sub=None if subs is None else _attributes(subs, where))


def _camel_case(key: str) -> str:
    return _HUMP.sub(lambda found: found[1].upper(), key) if "_" in key else key


def _choice(value: object, key: str, where: str) -> str:
    choices = _CHOICES[key]
    if value not in choices:
        raise UsageError(f"{where}: {key} cannot be {value!r}", hint=did_you_mean(str(value), choices))
    return str(value)


def _flag(value: object, key: str, where: str) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{where}: {key} is true or false, not {value!r}")
    return value


def _list(value: object, key: str, where: str) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where}: {key} must be a list of strings")
    return tuple(value)


def _text(value: object, _key: str, _where: str) -> str:
    return str(value)


_CHARACTERISTICS: Final[Mapping[str, tuple[str, Callable[[object, str, str], object]]]] = {
    "name": ("name", _text),
    "description": ("description", _text),
    "type": ("type", _choice),
    "multiValued": ("multi_valued", _flag),
    "required": ("required", _flag),
    "caseExact": ("case_exact", _flag),
    "mutability": ("mutability", _choice),
    "returned": ("returned", _choice),
    "uniqueness": ("uniqueness", _choice),
    "canonicalValues": ("canonical", _list),
    "referenceTypes": ("references", _list),
}
"""Each characteristic of RFC 7643 7: the field of AttributeInfo, and how its value is read."""

STANDARD: Final[Mapping[str, SchemaDefinition]] = {
    urn: read_schema(urn, document) for urn, document in facts.read("schemas")["schemas"].items()
}
"""User, EnterpriseUser and Group by their URN, with the characteristics of RFC 7643 8.7.1.

Where 8.7.1 and the text contradict each other the text applies: a group's displayName is required (4.2), references
and binary values are case exact (2.3.6, 2.3.7), members have a `display` (2.4) and addresses may be primary (2.4).
"""
