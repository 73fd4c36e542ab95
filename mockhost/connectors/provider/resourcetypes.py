"""A resource type, compiled: what its attributes are, how a path reads a resource, and which values an index keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from mockhost.connectors.provider.config import Extension, ProviderConfig, TypeConfig
from mockhost.connectors.provider.schemas import STANDARD, SchemaDefinition, read_schema
from mockhost.connectors.provider.strictness import Strictness
from mockhost.errors import UsageError, did_you_mean
from mockhost.scim.attributes import AttributeInfo, Schema, fold, member, sub_value
from mockhost.scim.grammar import AttrPath
from mockhost.scim.messages import CORE_GROUP, CORE_USER

Document: TypeAlias = dict[str, object]
Getter: TypeAlias = Callable[[Mapping[str, object]], object]

EXTERNAL_ID: Final = AttributeInfo(
    "externalId", case_exact=True, description="The client's own id of the resource."
)
"""A common attribute: every resource has it and no schema lists it (RFC 7643 3.1)."""
OFTEN_ASKED: Final = {
    CORE_USER: ("userName", "displayName", "emails.value"),
    CORE_GROUP: ("displayName",),
}
"""What clients look resources up by; unique attributes and externalId are indexed anyway."""


class Place:
    """Where an attribute, or a sub-attribute of it, is in a resource."""

    __slots__ = ("info", "last", "name", "sub")

    def __init__(self, info: AttributeInfo, sub: AttributeInfo | None = None) -> None:
        self.info = info
        self.sub = sub
        self.last = sub or info
        prefix = f"{info.urn}:" if info.urn else ""
        self.name = f"{prefix}{info.name}.{sub.name}" if sub else f"{prefix}{info.name}"
        """by which an index is called: `emails.value`, `urn:…:Badge:badgeNumber`"""

    def _whole(self, resource: Mapping[str, object]) -> object:
        """The value of the attribute in a resource of ours, whose names are in the schema's spelling."""
        if self.info.urn is None:
            return resource.get(self.info.name)
        extension = resource.get(self.info.urn)
        return extension.get(self.info.name) if isinstance(extension, Mapping) else None

    def get(self, resource: Mapping[str, object]) -> object:
        """The value in a resource of ours."""
        value = self._whole(resource)
        if self.sub is None or value is None:
            return value
        name = self.sub.name
        if isinstance(value, (list, tuple)):
            found: list[object] = []
            for item in value:
                inner = sub_value(item, name)
                found.extend(inner) if isinstance(inner, (list, tuple)) else found.append(inner)
            return found
        return sub_value(value, name)

    def items(self, resource: Document) -> Iterator[Document]:
        """The maps among the attribute's values in a resource of ours; they may be changed."""
        value = self._whole(resource)
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, dict):
                yield item


class Link(NamedTuple):
    """A complex attribute that refers to a resource: `value` is its id, and `$ref` is known from that.

    Its name is not shown unless a client states it: a manager's displayName is OPTIONAL (RFC 7643 4.3).
    """

    place: AttributeInfo
    types: tuple[str, ...]
    value: Place
    """where the id is"""


class ResourceType(Schema):
    """A resource type with its attributes as a strictness has them. A `SchemaView`, so that PATCH works with it."""

    __slots__ = (
        "_own",
        "_places",
        "always",
        "canonical",
        "config",
        "core",
        "extensions",
        "hidden",
        "holds_groups",
        "holds_members",
        "indexed",
        "labels",
        "lasting",
        "linked",
        "links",
        "name",
        "on_request",
        "required",
        "required_extensions",
        "unique",
        "urn",
    )

    def __init__(
        self, config: TypeConfig, definitions: Mapping[str, SchemaDefinition], rules: Strictness
    ) -> None:
        def attributes(urn: str) -> dict[str, AttributeInfo]:
            infos = definitions[urn].attributes
            return {info.name: _as_strict_as(info, rules) for info in infos}

        self.config = config
        self.name = config.name
        self.urn = config.schema
        self._own = fold(config.schema)
        own = attributes(config.schema)
        if rules.group_names == "unique" and config.schema == CORE_GROUP and "displayName" in own:
            own["displayName"] = own["displayName"]._replace(uniqueness="server")
        super().__init__(
            {"externalId": EXTERNAL_ID, **own},
            {extension.schema: attributes(extension.schema) for extension in config.extensions},
        )
        self.core = {info.name: info for info in self._core.values()}
        self.extensions = {
            self._urns[urn]: {info.name: info for info in found.values()}
            for urn, found in self._extensions.items()
        }
        self.required_extensions = tuple(each.schema for each in config.extensions if each.required)
        self._places: dict[AttrPath, Place | None] = {}
        self.holds_members = config.schema == CORE_GROUP and "members" in own
        self.holds_groups = config.schema == CORE_USER and "groups" in own
        everything = list(self.everything())
        self.hidden = tuple(place for place in everything if place.last.returned == "never")
        self.on_request = tuple(place for place in everything if place.last.returned == "request")
        self.always = tuple(
            place.name for place in everything if place.sub is None and place.info.returned == "always"
        )
        self.unique = tuple(
            place
            for place in everything
            if place.last.uniqueness in ("server", "global") and place.name != "id"
        )
        self.required = tuple(
            place
            for place in everything
            if place.last.required and (place.sub is not None or place.info.mutability != "readOnly")
        )
        self.canonical = tuple(place for place in everything if place.last.canonical)
        self.lasting = tuple(
            place.info
            for place in everything
            if place.sub is None and place.info.mutability in ("immutable", "writeOnly")
        )
        """what a PUT that does not state it leaves as it is"""
        self.links = tuple(self._links())
        asked = {"externalId", *OFTEN_ASKED.get(config.schema, ()), *(place.name for place in self.unique)}
        asked |= {link.value.name for link in self.links}
        self.indexed = {place.name: place for place in everything if place.name in asked}
        self.linked = tuple(fold(link.place.name) for link in self.links)
        self.labels = tuple(name for name in ("displayName", "userName", "name") if name in self.core)

    def everything(self) -> Iterator[Place]:
        """Every attribute and sub-attribute."""
        for attributes in (self.core, *self.extensions.values()):
            for info in attributes.values():
                yield Place(info)
                for sub in (info.sub or {}).values():
                    yield Place(info, sub)

    def _links(self) -> Iterator[Link]:
        for place in self.everything():
            info, subs = place.info, place.info.sub or {}
            reference = subs.get("$ref")
            if place.sub is not None or reference is None or "value" not in subs:
                continue
            if info.name in ("members", "groups") and info.urn is None:
                continue  # kept in step by themselves
            yield Link(info, reference.references, Place(info, subs["value"]))

    # -- SchemaView ------------------------------------------------------------------------------------------

    def attribute(self, path: AttrPath) -> AttributeInfo | None:
        if path.urn is not None and fold(path.urn) == self._own:
            return self._core.get(fold(path.name))
        return super().attribute(path)

    def container(self, urn: str) -> str | None:
        return "" if fold(urn) == self._own else super().container(urn)

    # -- reading ---------------------------------------------------------------------------------------------

    def place(self, path: AttrPath) -> Place | None:
        """What a path names, or None if it is unknown."""
        if path in self._places:
            return self._places[path]
        info = self.attribute(path)
        found = None if info is None else Place(info)
        if info is not None and path.sub is not None:
            sub = info.sub_attribute(path.sub)
            found = None if sub is None else Place(info, sub)
        if len(self._places) < _REMEMBERED:
            self._places[path] = found
        return found

    def getter(self, path: AttrPath) -> Getter | None:
        """How a filter reads what a path names; None for what is unknown, and for what is never shown."""
        found = self.place(path)
        if found is not None:
            hidden = "never" in (found.info.returned, found.last.returned)
            return None if hidden else found.get
        container = self.container(f"{path.urn}:{path.name}") if path.urn and path.sub is None else None
        return (lambda resource: member(resource, container)) if container else None

    def case_exact(self, path: AttrPath) -> bool:
        """Whether strings of the attribute are compared with their case; of a complex one its `value` is."""
        found = self.place(path)
        if found is None:
            return False
        last = found.last
        if last.type == "complex":
            value = last.sub_attribute("value")
            return value is not None and value.case_exact
        return last.case_exact

    def index_of(self, path: AttrPath) -> str | None:
        """The index that can tell who has a value of this attribute, or None."""
        found = self.place(path)
        if found is None:
            return None
        if found.sub is None and found.info.type == "complex":
            return f"{found.name}.value"
        return found.name

    def label_of(self, resource: Mapping[str, object]) -> str | None:
        """The name by which others show the resource."""
        for name in self.labels:
            value = resource.get(name)
            if isinstance(value, str) and value:
                return value
        return None


_REMEMBERED: Final = 512


def _as_strict_as(info: AttributeInfo, rules: Strictness) -> AttributeInfo:
    """An attribute as a provider that forgives so much has it, and announces it in /Schemas."""
    subs = None if info.sub is None else {name: _as_strict_as(sub, rules) for name, sub in info.sub.items()}
    named = rules.member_names == "accept" and subs is not None and "display" in subs
    return info._replace(
        sub=subs,
        exact=rules.value_types == "refuse",
        required=info.required and rules.required == "refuse",
        also={"displayname": "display"} if named and "displayName" not in (subs or {}) else None,
    )


def definitions_of(config: ProviderConfig) -> tuple[dict[str, SchemaDefinition], tuple[TypeConfig, ...]]:
    """All schemas by URN, and the resource types with the extensions that the schemas say they are."""
    definitions = dict(STANDARD)
    types = {each.name: each for each in config.types}
    for urn, document in config.schemas.items():
        definitions[urn] = read_schema(urn, document)
        extended = document.get("extends")
        if extended is None:
            continue
        if not isinstance(extended, str) or extended not in types:
            raise UsageError(
                f"schemas.{urn}: extends {extended!r}, which is not a resource type",
                hint=did_you_mean(str(extended), types),
            )
        whole = types[extended]
        required = document.get("required") is True
        if urn not in {each.schema for each in whole.extensions}:
            types[extended] = whole._replace(extensions=(*whole.extensions, Extension(urn, required)))
    for each in types.values():
        for urn in (each.schema, *(extension.schema for extension in each.extensions)):
            if urn not in definitions:
                raise UsageError(
                    f"types.{each.name}: there is no schema {urn!r}", hint=did_you_mean(urn, definitions)
                )
    used = {urn for each in types.values() for urn in (each.schema, *(e.schema for e in each.extensions))}
    return {urn: found for urn, found in definitions.items() if urn in used}, tuple(types.values())
