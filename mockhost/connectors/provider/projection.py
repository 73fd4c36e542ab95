"""What a client sees of a resource: what it asked for, and what `returned` allows (RFC 7643 7, RFC 7644 3.9)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from mockhost.connectors.provider.resourcetypes import Document, Place, ResourceType
from mockhost.scim.attributes import AttributeInfo, fold
from mockhost.scim.grammar import attr_path
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
    holder: object = resource if place.info.urn is None else resource.get(place.info.urn)
    if not isinstance(holder, dict):
        return
    if place.sub is None:
        holder.pop(place.info.name, None)
        return
    value = holder.get(place.info.name)
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, dict):
            item.pop(place.sub.name, None)
