"""Resources as a client could see them: with ids, times, URLs, all that follows from others, and what it asked for.

What may be shown is what `returned` allows (RFC 7643 7, RFC 7644 3.9).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from mockhost.clock import iso
from mockhost.connectors.provider.resourcetypes import Document, Place, ResourceType
from mockhost.connectors.provider.store import Handle, Member, Memberships, Shelf, Stored
from mockhost.scim.attributes import AttributeInfo, fold
from mockhost.scim.grammar import attr_path
from mockhost.scim.messages import quote_id
from mockhost.scim.queries import ALWAYS, Query, projection


def wants(name: str, query: Query) -> bool:
    """Whether an attribute (its name folded) is to be shown at all: if not, it need not be worked out."""
    if query.attributes and not any(_names(text, name) for text in query.attributes):
        return False
    return not any(fold(text.rpartition(":")[2]) == name for text in query.excluded)


def _names(text: str, name: str) -> bool:
    path = attr_path(text.partition("[")[0])
    return path is None or fold(path.name) == name or path.urn is not None


class Window:
    """What of the resources of a type one query shows."""

    __slots__ = ("_drop", "_project")

    def __init__(self, type_: ResourceType, query: Query) -> None:
        self._project: Callable[[Mapping[str, object]], dict[str, object]] | None = None
        if query.attributes or query.excluded:
            always = (*ALWAYS, *type_.always)
            self._project = projection(query.attributes, query.excluded, always=always)
        named = {fold(text) for text in query.attributes}
        self._drop = [place for place in type_.on_request if not _is_named(place, named)]

    def show(self, resource: Document) -> Document:
        """The resource as it is shown; it may be changed."""
        for place in self._drop:
            drop(resource, place)
        return resource if self._project is None else self._project(resource)


def _is_named(place: Place, named: Iterable[str]) -> bool:
    whole, bare = fold(place.name), fold(place.name.rpartition(":")[2])
    return any(text in (whole, bare) or text.rpartition(":")[2] == bare for text in named)


def drop_reference(resource: Document, info: AttributeInfo, ident: str) -> bool:
    """Take a reference to a resource out of one of ours; whether there was one."""
    holder: object = resource if info.urn is None else resource.get(info.urn)
    value = holder.get(info.name) if isinstance(holder, dict) else None
    if not isinstance(holder, dict) or value is None:
        return False
    listed = value if isinstance(value, list) else [value]
    kept = [item for item in listed if not (isinstance(item, dict) and item.get("value") == ident)]
    if len(kept) == len(listed):
        return False
    if kept:
        holder[info.name] = kept
    else:
        del holder[info.name]
        if not holder and info.urn is not None:
            del resource[info.urn]
    return True


def drop(resource: Document, place: Place) -> None:
    """Take an attribute, or a sub-attribute, out of a resource of ours."""
    if place.sub is not None:
        for item in place.items(resource):
            item.pop(place.sub.name, None)
        return
    holder: object = resource if place.info.urn is None else resource.get(place.info.urn)
    if isinstance(holder, dict):
        holder.pop(place.info.name, None)


# -- with all that follows from others -----------------------------------------------------------------------


_UNRESERVED: Final = re.compile(r"[A-Za-z0-9_.~-]+").fullmatch


class Resources:
    """All that a provider holds, and how it is shown. `base` is the URL that ends in `/scim`."""

    __slots__ = ("memberships", "shelves", "versions")

    def __init__(self, shelves: Mapping[str, Shelf], *, versions: bool = True) -> None:
        self.shelves = shelves
        self.versions = versions
        """whether resources show their version"""
        self.memberships = Memberships()

    def render(
        self, shelf: Shelf, handle: Handle, base: str, *, members: bool = True, groups: bool = True
    ) -> Document:
        """A resource with everything that may ever be shown of it."""
        type_, ident = shelf.type, shelf.id(handle)
        document = shelf.document(handle)
        found: Document = {"schemas": document.pop("schemas"), "id": ident, **document}
        for place in type_.hidden:
            drop(found, place)
        if type_.links:
            self._show_links(found, type_, base)
        if members and type_.holds_members:
            listed = [
                self.member(value, stated, base) for value, stated in self.memberships.members(ident).items()
            ]
            if listed:
                found["members"] = listed
        if groups and type_.holds_groups:
            held = [
                self._group(group, direct, base) for group, direct in self.memberships.all_of(ident).items()
            ]
            if held:
                found["groups"] = held
        created = handle.created if isinstance(handle, Stored) else shelf.started
        modified = handle.modified if isinstance(handle, Stored) else shelf.started
        written = _iso(created)
        found["meta"] = meta = {
            "resourceType": type_.name,
            "created": written,
            "lastModified": written if modified == created else _iso(modified),
            "location": location(base, type_, ident),
        }
        if self.versions:
            meta["version"] = f'W/"{handle.version}"' if isinstance(handle, Stored) else 'W/"1"'
        return found

    def member(self, value: str, stated: Member, base: str) -> Document:
        """A member as it is shown: with the name that a client has stated for it, or else its own."""
        there = self.locate(value)
        if there is None:
            return {"value": value, **(stated or {})}
        shelf, handle = there
        found: Document = {"value": value, "$ref": location(base, shelf.type, value), "type": shelf.type.name}
        label = (stated or {}).get("display") or shelf.label(handle)
        if label:
            found["display"] = label
        return found

    def _group(self, ident: str, direct: bool, base: str) -> Document:
        there = self.locate(ident)
        found: Document = {"value": ident}
        if there is not None:
            shelf, handle = there
            found["$ref"] = location(base, shelf.type, ident)
            label = shelf.label(handle)
            if label:
                found["display"] = label
        found["type"] = "direct" if direct else "indirect"
        return found

    def _show_links(self, resource: Document, type_: ResourceType, base: str) -> None:
        """The URL of those whom a manager's `value`, for one, refers to."""
        for link in type_.links:
            for item in link.value.items(resource):
                ident = item.get("value")
                there = self.locate(ident) if isinstance(ident, str) else None
                if there is not None and there[0].type.name in link.types:
                    item["$ref"] = location(base, there[0].type, str(ident))

    def locate(self, ident: str) -> tuple[Shelf, Handle] | None:
        """The resource of any type that has this id."""
        for shelf in self.shelves.values():
            handle = shelf.get(ident)
            if handle is not None:
                return shelf, handle
        return None


@functools.lru_cache(1024)
def _iso(moment: float) -> str:
    return iso(moment)


def location(base: str, type_: ResourceType, ident: str) -> str:
    """The URL of a resource."""
    segment = ident if _UNRESERVED(ident) else quote_id(ident)
    return f"{base}{type_.config.endpoint}/{segment}"
