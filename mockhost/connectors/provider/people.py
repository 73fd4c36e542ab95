"""People on demand: resources of a crowd that are not stored until one of them is changed.

Person `n` has an id in which `n` is hidden, so that finding the person of an id needs no index; indexes over
columns are made when first asked for and shared by all providers of a blueprint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from mockhost.clock import Chance
from mockhost.connectors.provider.documents import list_schemas
from mockhost.connectors.provider.resourcetypes import Document, Place, ResourceType
from mockhost.errors import UsageError
from mockhost.people import Crowd, PeopleConfig
from mockhost.scim import elements, values
from mockhost.scim.attributes import fold
from mockhost.scim.errors import ScimError
from mockhost.scim.grammar import Path, parse_path

USER_NAME: Final = "user{n:07d}@contoso.example"
_MASK: Final = 0xFFFFFFFF
_STEP: Final = 0x9E3779B1
_BACK: Final = pow(_STEP, -1, 1 << 32)


class People:
    """The crowd of a blueprint as resources of one type. Immutable but for indexes, which are made when needed."""

    __slots__ = (
        "_chance",
        "_crowd",
        "_fill",
        "_indexes",
        "_key",
        "_labels",
        "_paths",
        "_texts",
        "count",
        "type",
    )

    def __init__(self, config: PeopleConfig, type_: ResourceType, chance: Chance) -> None:
        set_: dict[str, object] = dict(config.set)
        if "userName" not in set_ and "userName" not in config.fill and "userName" in type_.core:
            set_ = {"userName": USER_NAME, **set_}
        self.type = type_
        self.count = config.size
        self._chance = chance
        self._key = int.from_bytes(chance.digest("people", 0, 4), "big")
        self._texts = tuple({**set_, **config.fill})
        self._paths = tuple(self._path(text) for text in self._texts)
        self._crowd = Crowd(chance.seed, config.size, self._texts, set_, config.fill)
        self._fill = tuple(_filler(path, type_) for path in self._paths)
        self._labels = tuple(self._texts.index(name) for name in type_.labels if name in self._texts)
        self._indexes: dict[str, dict[object, int | list[int]]] = {}

    def _path(self, text: str) -> Path:
        try:
            path = parse_path(text)
        except ScimError as error:
            raise UsageError(f"people: {text!r} is not an attribute: {error.detail}") from None
        info = self.type.attribute(path.attr)
        if info is None or (path.sub is not None and info.sub_attribute(path.sub) is None):
            raise UsageError(f"people: a {self.type.name} has no attribute {text!r}")
        if info.type == "complex" and path.sub is None and info.sub_attribute("value") is None:
            raise UsageError(f"people: {text!r} is complex", hint=f"name a part of it: {text}.…")
        return path

    def prepare(self) -> None:
        """Raises UsageError for a provider of faker that does not exist."""
        self._crowd.prepare()

    # -- ids -------------------------------------------------------------------------------------------------

    def id(self, n: int) -> str:
        """The id of person `n`: a version 4 GUID, the first eight digits of which are `n` in disguise."""
        front = (((n + self._key) & _MASK) * _STEP & _MASK) ^ self._key
        return f"{front:08x}{self._chance.guid('person', n)[8:]}"

    def number(self, ident: str) -> int | None:
        """The number of the person who has this id, or None."""
        if len(ident) != 36:
            return None
        try:
            front = int(ident[:8], 16)
        except ValueError:
            return None
        n = ((front ^ self._key) * _BACK - self._key) & _MASK
        return n if n < self.count and self.id(n) == ident else None

    # -- resources -------------------------------------------------------------------------------------------

    def document(self, n: int) -> Document:
        """Person `n` as a document of ours, with `schemas` and without `id`."""
        found: Document = {"schemas": []}
        for fill, value in zip(self._fill, self._crowd[n], strict=True):
            if value is not None:
                fill(found, value)
        return list_schemas(found, self.type)

    def label(self, n: int) -> str | None:
        """The name by which others show person `n`."""
        row = self._crowd[n]
        return next((value for at in self._labels if isinstance(value := row[at], str) and value), None)

    def find(self, place: Place, key: object) -> tuple[int, ...]:
        """The people who have a value (folded unless the attribute is case exact)."""
        index = self._indexes.get(place.name)
        if index is None:
            index = self._indexes[place.name] = self._index(place)
        found = index.get(key)
        return () if found is None else (found,) if isinstance(found, int) else tuple(found)

    def _index(self, place: Place) -> dict[object, int | list[int]]:
        index: dict[object, int | list[int]] = {}
        for position, path in enumerate(self._paths):
            info = self.type.attribute(path.attr)
            # A bare value of a complex attribute is its `value`.
            sub = path.sub or ("value" if info is not None and info.type == "complex" else None)
            if info == place.info and sub == (place.sub.name if place.sub else None):
                for n, value in enumerate(self._crowd.column(position)):
                    if value is not None:
                        key = value if place.last.case_exact or not isinstance(value, str) else fold(value)
                        held = index.setdefault(key, n)
                        if isinstance(held, list):
                            held.append(n)
                        elif held != n:
                            index[key] = [held, n]
        return index


def _filler(path: Path, type_: ResourceType) -> Callable[[Document, object], None]:
    """A function that puts a value where the path says: what a PATCH would do, without its checks."""
    info = type_.attribute(path.attr)
    assert info is not None  # `_path` has looked
    described: Mapping[str, object] = elements.described(path.filter) or {}
    last = (info.sub_attribute(path.sub) if path.sub else None) or info
    sub = last.name if path.sub else "value" if info.type == "complex" else None
    urn, name, type_name, many = info.urn, info.name, last.type, info.multi_valued
    plain = type_name in ("string", "reference", "dateTime", "binary", "complex")

    def fill(document: Document, value: object) -> None:
        value = str(value) if plain else values.coerce(type_name, value, name)
        holder = document if urn is None else document.setdefault(urn, {})
        assert isinstance(holder, dict)
        if sub is None:
            holder[name] = [value] if many else value
        elif not many:
            holder.setdefault(name, {})[sub] = value
        else:
            items = holder.setdefault(name, [])
            same = next((item for item in items if described.items() <= item.items()), None)
            if same is None:
                items.append(same := dict(described))
            same[sub] = value

    return fill
