"""Attributes: what a schema says of them, and what of them a resource has.

Sources: RFC 7643 2.2 to 2.4 and 7 (characteristics).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from mockhost.matching import ABSENT
from mockhost.scim.grammar import AttrPath

CORE_PREFIX: Final = "urn:ietf:params:scim:schemas:core:"
"""Schemas that begin so are a resource's own: their attributes are top-level members."""

fold: Final[Callable[[str], str]] = str.casefold
"""What makes two spellings of a name, or of a value that isn't `caseExact`, one (Unicode 3.13, caseless)."""


class AttributeInfo(NamedTuple):
    """The characteristics of one attribute (RFC 7643 7), under the wire's spelling of its name."""

    name: str
    type: str = "string"
    """string | boolean | integer | decimal | dateTime | binary | reference | complex"""
    multi_valued: bool = False
    mutability: str = "readWrite"
    """readWrite | readOnly | immutable | writeOnly"""
    sub: Mapping[str, AttributeInfo] | None = None
    """sub-attributes of a complex attribute, by name in any case"""
    case_exact: bool = False
    urn: str | None = None
    """the extension under whose URN the value is kept in a resource; None: at the top level"""
    required: bool = False
    """PATCH refuses to unassign it; leave False where the connected system itself should refuse"""
    returned: str = "default"
    uniqueness: str = "none"
    description: str = ""
    exact: bool = False
    """a value of another JSON type is refused, also one that spells a value of this type"""
    canonical: tuple[str, ...] = ()
    """`canonicalValues`: the suggested values, of which RFC 7643 lets a provider make the only ones"""
    references: tuple[str, ...] = ()
    """`referenceTypes`: the resource types that a reference may be to, or external or uri"""
    also: Mapping[str, str] | None = None
    """other names, folded, by which clients call sub-attributes: displayName for a member's display"""

    def sub_attribute(self, name: str) -> AttributeInfo | None:
        """The sub-attribute of that name in any case, or None."""
        if not self.sub:
            return None
        return _any_case(self.sub, self.also.get(fold(name), name) if self.also else name)


class SchemaView(Protocol):
    """What PATCH must know of the attributes of a resource."""

    def attribute(self, path: AttrPath) -> AttributeInfo | None:
        """The attribute that `path.urn` and `path.name` name in any case (`path.sub` is not looked at).

        A bare name finds a core attribute first, then one of an extension. None when there is none.
        """

    def container(self, urn: str) -> str | None:
        """Where a schema's attributes are kept: "" at the top level, else the URN in the wire's spelling.

        None when no schema of the resource has that URN.
        """


class Schema:
    """A resource type: its core attributes and its extensions. A `SchemaView`.

    `id`, `schemas` and `meta` are known without being listed (RFC 7643 3 and 3.1).
    """

    __slots__ = ("_core", "_extensions", "_urns")

    def __init__(
        self,
        core: Mapping[str, AttributeInfo],
        extensions: Mapping[str, Mapping[str, AttributeInfo]] | None = None,
    ) -> None:
        everywhere = {**_COMMON, **core}
        self._core = {fold(name): info._replace(urn=None) for name, info in everywhere.items()}
        self._extensions: dict[str, dict[str, AttributeInfo]] = {}
        self._urns: dict[str, str] = {}
        for urn, attributes in (extensions or {}).items():
            self._urns[fold(urn)] = urn
            self._extensions[fold(urn)] = {
                fold(name): info._replace(urn=urn) for name, info in attributes.items()
            }

    def attribute(self, path: AttrPath) -> AttributeInfo | None:
        name = fold(path.name)
        if path.urn is not None:
            urn = fold(path.urn)
            if urn in self._extensions:
                return self._extensions[urn].get(name)
            return self._core.get(name) if urn.startswith(CORE_PREFIX) else None
        if name in self._core:
            return self._core[name]
        return next((found[name] for found in self._extensions.values() if name in found), None)

    def container(self, urn: str) -> str | None:
        folded = fold(urn)
        if folded in self._urns:
            return self._urns[folded]
        # `…:core:2.0:User` is a schema, `…:core:2.0:User:userName` an attribute of one.
        return "" if folded.startswith(CORE_PREFIX) and folded.count(":") == _CORE_COLONS else None


_CORE_COLONS = "urn:ietf:params:scim:schemas:core:2.0:User".count(":")


_COMMON: Final[Mapping[str, AttributeInfo]] = {
    "schemas": AttributeInfo("schemas", "reference", True, "readOnly", returned="always"),
    "id": AttributeInfo("id", mutability="readOnly", case_exact=True, returned="always", uniqueness="server"),
    "meta": AttributeInfo(
        "meta",
        "complex",
        mutability="readOnly",
        sub={
            "resourceType": AttributeInfo("resourceType", case_exact=True),
            "created": AttributeInfo("created", "dateTime"),
            "lastModified": AttributeInfo("lastModified", "dateTime"),
            "location": AttributeInfo("location", "reference", case_exact=True),
            "version": AttributeInfo("version", case_exact=True),
        },
    ),
}


def read_attributes(definitions: Iterable[Mapping[str, object]]) -> dict[str, AttributeInfo]:
    """The `attributes` of a Schema resource (RFC 7643 7) as `AttributeInfo` by name.

    What is missing gets the RFC's default; a definition without a name is passed over. For schemas of our
    own making or already checked: it trusts their nesting.
    """
    found: dict[str, AttributeInfo] = {}
    for definition in definitions:
        name = definition.get("name")
        if not isinstance(name, str):
            continue
        subs = definition.get("subAttributes")
        found[name] = AttributeInfo(
            name,
            type=str(definition.get("type", "string")),
            multi_valued=definition.get("multiValued") is True,
            mutability=str(definition.get("mutability", "readWrite")),
            sub=read_attributes(subs) if isinstance(subs, list) else None,
            case_exact=definition.get("caseExact") is True,
            required=definition.get("required") is True,
            returned=str(definition.get("returned", "default")),
            uniqueness=str(definition.get("uniqueness", "none")),
            description=str(definition.get("description", "")),
            canonical=_texts(definition.get("canonicalValues")),
            references=_texts(definition.get("referenceTypes")),
        )
    return found


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, (list, tuple)) else ()


def _any_case(mapping: Mapping[str, AttributeInfo], name: str) -> AttributeInfo | None:
    if name in mapping:
        return mapping[name]
    folded = fold(name)
    return next((info for key, info in mapping.items() if fold(key) == folded), None)


def key_of(mapping: Mapping[str, object], name: str) -> str | None:
    """The key under which `mapping` keeps `name` in whatever case, or None."""
    if name in mapping:
        return name
    folded = fold(name)
    for key in mapping:
        if fold(key) == folded:
            return key
    return None


def given(mapping: Mapping[str, object], name: str) -> object:
    """The member `name` in any case, null included; ABSENT when there is none."""
    key = key_of(mapping, name)
    return ABSENT if key is None else mapping[key]


def member(mapping: Mapping[str, object], name: str) -> object:
    """The member `name` in any case; None when it is missing or null."""
    key = key_of(mapping, name)
    return None if key is None else mapping[key]


def sub_value(element: object, name: str) -> object:
    """A sub-attribute of one value. A value that isn't complex answers to the name `value` (RFC 7643 2.4)."""
    if isinstance(element, Mapping):
        return member(element, name)
    return element if fold(name) == "value" else None


def read(resource: Mapping[str, object], path: AttrPath) -> object:
    """What `path` names in a wire-shaped resource: a value, a tuple of values, or None when unassigned.

    A bare name finds a core attribute first, then one of an extension. A sub-attribute of a multi-valued
    attribute gives a tuple: one value for each element, None for one that hasn't got it.
    """
    value = next((found for found in _holders(resource, path) if found is not None), None)
    if path.sub is None:
        return value
    if isinstance(value, (list, tuple)):
        return tuple(_values_of(value, path.sub))
    return next(_values_of((value,), path.sub), None)


def _holders(resource: Mapping[str, object], path: AttrPath) -> Iterator[object]:
    if path.urn is not None:
        extension = member(resource, path.urn)
        if isinstance(extension, Mapping):
            yield member(extension, path.name)
        elif fold(path.urn).startswith(CORE_PREFIX):
            yield member(resource, path.name)
        return
    yield member(resource, path.name)
    for key, extension in resource.items():
        if ":" in key and isinstance(extension, Mapping):
            yield member(extension, path.name)


def _values_of(elements: Iterable[object], sub: str) -> Iterator[object]:
    for element in elements:
        value = sub_value(element, sub)
        if isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value
