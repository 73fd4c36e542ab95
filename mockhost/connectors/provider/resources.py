"""Resources as a client could see them: with ids, times, URLs, and all that follows from other resources."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Final

from mockhost.clock import iso
from mockhost.connectors.provider.projection import drop
from mockhost.connectors.provider.resourcetypes import Document, ResourceType
from mockhost.connectors.provider.store import Handle, Member, Memberships, Shelf, Stored
from mockhost.scim.messages import quote_id

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
            holder: object = resource.get(link.place.urn) if link.place.urn else resource
            value = holder.get(link.place.name) if isinstance(holder, dict) else None
            for item in value if isinstance(value, list) else (value,):
                if not isinstance(item, dict):
                    continue
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
