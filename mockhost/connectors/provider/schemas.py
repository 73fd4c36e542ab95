"""Schemas of one's own: RFC 7643 7 as /Schemas prints one, or a short form, made into definitions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from mockhost.connectors.provider.standard import SchemaDefinition
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
_FLAGS: Final = ("multiValued", "required", "caseExact")
_LISTS: Final = ("canonicalValues", "referenceTypes")
_NAME: Final = re.compile(r"\$?[A-Za-z][A-Za-z0-9_$-]*").fullmatch
_HUMP: Final = re.compile(r"_([a-z])")
_PREFIX: Final = "schemas"


def read_schema(urn: str, document: Mapping[str, object]) -> SchemaDefinition:
    """The schema that a scenario writes under `urn`, in either form. Raises UsageError for one that cannot be."""
    attributes = document.get("attributes")
    if not isinstance(attributes, (list, tuple, Mapping)):
        raise UsageError(
            f"{_PREFIX}.{urn}: a schema has `attributes`", hint="a list as in /Schemas, or a map by name"
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
        raise UsageError(f"{where}: the attributes are no list and no map")
    return {name: _attribute(name, item, f"{where}.{name}") for name, item in pairs}


def _attribute(name: str, item: object, where: str) -> AttributeInfo:
    if not _NAME(name):
        raise UsageError(
            f"{where}: {name!r} is no attribute's name", hint="a letter, then letters, digits, _ and -"
        )
    if isinstance(item, str) or item is None:
        item = {"type": item or "string"}
    if not isinstance(item, Mapping):
        raise UsageError(f"{where}: an attribute is a type's name or a map of characteristics")
    told = {_HUMP.sub(lambda m: m[1].upper(), str(key)): value for key, value in item.items()}
    subs = told.pop("subAttributes", None) or told.pop("attributes", None)
    known = (*_CHOICES, *_FLAGS, *_LISTS, "name", "description", "subAttributes")
    for key in told:
        if key not in known:
            raise UsageError(f"{where}: there is no characteristic {key!r}", hint=did_you_mean(key, known))
    chosen = {key: _choice(told.get(key), key, where) for key in _CHOICES}
    if subs is not None and "type" not in told:
        chosen["type"] = "complex"
    if (chosen["type"] == "complex") is not (subs is not None):
        raise UsageError(f"{where}: a complex attribute has sub-attributes, and no other has")
    flags = {key: _flag(told.get(key), key, where) for key in _FLAGS}
    return AttributeInfo(
        name,
        chosen["type"],
        flags["multiValued"],
        chosen["mutability"],
        None if subs is None else _attributes(subs, where),
        # "References and binary values are case exact" (RFC 7643 2.3.6 and 2.3.7)
        flags["caseExact"] or chosen["type"] in ("reference", "binary"),
        None,
        flags["required"],
        chosen["returned"],
        chosen["uniqueness"],
        str(told.get("description") or name),
        canonical=_list(told.get("canonicalValues"), "canonicalValues", where),
        references=_list(told.get("referenceTypes"), "referenceTypes", where),
    )


def _choice(value: object, key: str, where: str) -> str:
    choices = _CHOICES[key]
    if value is None:
        return "string" if key == "type" else choices[0]
    if value not in choices:
        raise UsageError(f"{where}: {key} cannot be {value!r}", hint=did_you_mean(str(value), choices))
    return str(value)


def _flag(value: object, key: str, where: str) -> bool:
    if not isinstance(value, bool) and value is not None:
        raise UsageError(f"{where}: {key} is true or false, not {value!r}")
    return value is True


def _list(value: object, key: str, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where}: {key} is a list of texts")
    return tuple(value)
