"""What a provider holds: resources as JSON octets, the indexes over them, and who is a member of what.

A resource that was made or changed is kept as the octets of its document (a fifth of the memory of dicts, and every
look gives a new copy that is not shared). An untouched person of the crowd is not kept at all: its handle is
its number. Members of groups are kept apart from the groups, both ways round, so that adding one to a hundred thousand
costs what adding one to none costs.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

import orjson

from mockhost.connectors.provider.people import People
from mockhost.connectors.provider.resourcetypes import Document, Place, ResourceType
from mockhost.scim.attributes import fold
from mockhost.scim.errors import ScimError


class Stored:
    """A resource that was made or changed. `seq` is its place in unsorted lists."""

    __slots__ = ("created", "id", "label", "modified", "octets", "seq", "version")

    def __init__(self, id: str, seq: int, octets: bytes, created: float, label: str | None) -> None:
        self.id = id
        self.seq = seq
        self.octets = octets
        self.created = created
        self.modified = created
        self.version = 1
        self.label = label

    def document(self) -> Document:
        """A copy of the document, with `schemas`, without `id` and `meta`."""
        found: Document = orjson.loads(self.octets)
        return found


Handle: TypeAlias = "Stored | int"
"""A resource: one that is kept, or the number of a person of the crowd."""
Undo: TypeAlias = "list[Callable[[], object]]"
"""How to take back what was done, the last thing first; kept only while something is tried out."""
Member: TypeAlias = "Mapping[str, object] | None"
"""What is stated of a member beside its `value`; None: nothing that is not known anyway."""


def octets_of(document: Mapping[str, object]) -> bytes:
    """Raises ScimError 400 for text that UTF-8 cannot carry (half of a surrogate pair)."""
    try:
        # orjson's octets keep the 4 KiB that they were written into: a copy has its own size.
        return memoryview(orjson.dumps(document)).tobytes()
    except orjson.JSONEncodeError:
        raise ScimError(
            400, "invalidValue", "The request is invalid: a text in it is not valid Unicode."
        ) from None


def keys_of(place: Place, document: Mapping[str, object]) -> Iterator[object]:
    """What an index keeps of a document: strings folded unless the attribute is case exact."""
    value = place.get(document)
    exact = place.last.case_exact
    for item in value if isinstance(value, (list, tuple)) else (value,):
        if isinstance(item, str):
            yield item if exact else fold(item)
        elif item is not None and not isinstance(item, (dict, list)):
            yield (isinstance(item, bool), item)


class Shelf:
    """The resources of one type."""

    __slots__ = (
        "_indexes",
        "_kept",
        "_order",
        "_sequence",
        "_touched",
        "people",
        "started",
        "type",
        "undo",
    )

    def __init__(self, type_: ResourceType, people: People | None, started: float) -> None:
        self.type = type_
        self.people = people if people is not None and people.type is type_ else None
        self.started = started
        """when the people were made (virtual seconds)"""
        self.undo: Undo | None = None
        first = self.people.count if self.people is not None else 0
        self._sequence = itertools.count(first)
        self._kept: dict[str, Stored] = {}
        self._touched: dict[int, Stored | None] = {}
        """people of the crowd who were changed, or are gone (None)"""
        self._order: dict[int, Stored] = {}
        """kept ones that are no people of the crowd, by their sequence"""
        self._indexes: dict[str, dict[object, Stored | dict[Stored, None]]] = {
            name: {} for name in type_.indexed
        }

    def __len__(self) -> int:
        crowd = self.people.count if self.people is not None else 0
        return crowd - sum(1 for held in self._touched.values() if held is None) + len(self._order)

    # -- reading ---------------------------------------------------------------------------------------------

    def get(self, ident: str) -> Handle | None:
        found = self._kept.get(ident)
        if found is not None or self.people is None:
            return found
        n = self.people.number(ident)
        return None if n is None or n in self._touched else n

    def handles(self, after: int = -1) -> Iterator[Handle]:
        """All of them in order, those of a sequence greater than `after`."""
        if self.people is not None:
            touched = self._touched
            for n in range(after + 1, self.people.count):
                if n not in touched:
                    yield n
                elif (held := touched[n]) is not None:
                    yield held
        if after < 0 or (self.people is not None and after < self.people.count):
            yield from self._order.values()
        else:
            yield from (held for seq, held in self._order.items() if seq > after)

    def snapshot(self) -> Iterator[Handle]:
        """Those that there are now, in order, whatever happens while they are read. It costs what was changed."""
        people, touched, order = self.people, dict(self._touched), list(self._order.values())
        crowd = range(people.count) if people is not None else ()
        return itertools.chain((held for n in crowd if (held := touched.get(n, n)) is not None), order)

    def current(self, handle: Handle) -> Handle | None:
        """A resource that was there, as it is now; None if it is gone."""
        if isinstance(handle, Stored):
            return handle if self._kept.get(handle.id) is handle else None
        return self._touched.get(handle, handle)

    def page(self, start: int, count: int) -> list[Handle]:
        """Those from `start` (from 0) on."""
        crowd = self.people.count if self.people is not None else 0
        if not self._touched and start < crowd:
            page: list[Handle] = list(range(start, min(crowd, start + count)))
            page.extend(itertools.islice(self._order.values(), count - len(page)))
            return page
        return list(itertools.islice(self.handles(), start, start + count))

    def find(self, index: str, key: object) -> list[Handle]:
        """Who has a value, by an index (`type.indexed`); in order."""
        held = self._indexes[index].get(key)
        found: list[Handle] = [] if held is None else [held] if isinstance(held, Stored) else list(held)
        if self.people is not None:
            touched = self._touched
            found.extend(n for n in self.people.find(self.type.indexed[index], key) if n not in touched)
        if len(found) > 1:
            found.sort(key=seq_of)
        return found

    def id(self, handle: Handle) -> str:
        if isinstance(handle, Stored):
            return handle.id
        assert self.people is not None  # only a shelf with people gives numbers
        return self.people.id(handle)

    def document(self, handle: Handle) -> Document:
        if isinstance(handle, Stored):
            return handle.document()
        assert self.people is not None
        return self.people.document(handle)

    def label(self, handle: Handle) -> str | None:
        if isinstance(handle, Stored):
            return handle.label
        assert self.people is not None
        return self.people.label(handle)

    def version(self, handle: Handle) -> int:
        return handle.version if isinstance(handle, Stored) else 1

    # -- changing --------------------------------------------------------------------------------------------

    def add(self, ident: str, document: Document, now: float) -> Stored:
        """Keep a new resource."""
        stored = Stored(ident, next(self._sequence), octets_of(document), now, self.type.label_of(document))
        self._keep(stored)
        if self.undo is not None:
            self.undo.append(functools.partial(self.remove, stored))
        return stored

    def _keep(self, stored: Stored) -> None:
        self._kept[stored.id] = stored
        if self.people is not None and stored.seq < self.people.count:
            self._touched[stored.seq] = stored
        else:
            self._order[stored.seq] = stored
        self._index(stored, stored.document())

    def _put_back(self, stored: Stored) -> None:
        """Undo a removal: in its old place."""
        self._keep(stored)
        self._order = dict(sorted(self._order.items()))

    def _restore(
        self, stored: Stored, octets: bytes, label: str | None, modified: float, version: int
    ) -> None:
        """Undo a change."""
        if octets is not stored.octets:
            self._unindex(stored, stored.document())
            stored.octets = octets
            self._index(stored, stored.document())
        stored.label, stored.modified, stored.version = label, modified, version

    def _remember(self, stored: Stored) -> None:
        if self.undo is not None:
            was = (stored.octets, stored.label, stored.modified, stored.version)
            self.undo.append(functools.partial(self._restore, stored, *was))

    def change(self, handle: Handle, document: Document, now: float) -> Stored:
        """Keep what has become of a resource."""
        octets = octets_of(document)
        stored = self.kept(handle)
        self._remember(stored)
        self._unindex(stored, stored.document())
        stored.octets = octets
        stored.label = self.type.label_of(document)
        self.touch(stored, now)
        self._index(stored, document)
        return stored

    def touch(self, handle: Handle, now: float) -> Stored:
        """It has changed: a new version."""
        stored = self.kept(handle)
        self._remember(stored)
        stored.modified = max(now, stored.modified)
        stored.version += 1
        return stored

    def kept(self, handle: Handle) -> Stored:
        """The resource as one that is kept: a person of the crowd becomes one."""
        if isinstance(handle, Stored):
            return handle
        document = self.document(handle)
        stored = Stored(
            self.id(handle), handle, octets_of(document), self.started, self.type.label_of(document)
        )
        self._kept[stored.id] = stored
        self._touched[handle] = stored
        self._index(stored, document)
        return stored

    def remove(self, handle: Handle) -> None:
        if not isinstance(handle, Stored):
            self._touched[handle] = None
            if self.undo is not None:
                self.undo.append(functools.partial(self._touched.pop, handle))
            return
        if self.undo is not None:
            self.undo.append(functools.partial(self._put_back, handle))
        self._unindex(handle, handle.document())
        del self._kept[handle.id]
        if self.people is not None and handle.seq < self.people.count:
            self._touched[handle.seq] = None
        else:
            del self._order[handle.seq]

    def _index(self, stored: Stored, document: Document) -> None:
        for name, place in self.type.indexed.items():
            index = self._indexes[name]
            for key in keys_of(place, document):
                held = index.setdefault(key, stored)
                if isinstance(held, dict):
                    held[stored] = None
                elif held is not stored:
                    index[key] = {held: None, stored: None}

    def _unindex(self, stored: Stored, document: Document) -> None:
        for name, place in self.type.indexed.items():
            index = self._indexes[name]
            for key in keys_of(place, document):
                held = index.get(key)
                if isinstance(held, dict):
                    held.pop(stored, None)
                    if len(held) == 1:
                        index[key] = next(iter(held))
                elif held is stored:
                    del index[key]


def seq_of(handle: Handle) -> int:
    """The place of a resource in unsorted lists."""
    return handle.seq if isinstance(handle, Stored) else handle


class Memberships:
    """Who is a member of which group: both ways round, whether or not the member is anybody."""

    __slots__ = ("_groups", "_members", "undo")

    def __init__(self) -> None:
        self.undo: Undo | None = None
        self._members: dict[str, dict[str, Member]] = {}
        self._groups: dict[str, dict[str, None]] = {}

    def members(self, group: str) -> Mapping[str, Member]:
        return self._members.get(group, _NOBODY)

    def direct(self, member: str) -> Iterable[str]:
        """The groups that have this member."""
        return self._groups.get(member, ())

    def all_of(self, member: str) -> dict[str, bool]:
        """Every group that a member is in: True where directly, False through groups."""
        found = dict.fromkeys(self._groups.get(member, ()), True)
        waiting = list(found)
        while waiting:
            for group in self._groups.get(waiting.pop(), ()):
                if group not in found:
                    found[group] = False
                    waiting.append(group)
        return found

    def within(self, group: str) -> dict[str, None]:
        """Everybody who is in a group, directly or through groups; the group itself only if it is."""
        found: dict[str, None] = {}
        waiting = [group]
        while waiting:
            for member in self._members.get(waiting.pop(), ()):
                if member not in found:
                    found[member] = None
                    if member in self._members:
                        waiting.append(member)
        return found

    def add(self, group: str, member: str, stated: Member = None) -> bool:
        """Whether that changed anything."""
        self._remember(group)
        members = self._members.setdefault(group, {})
        if member in members:
            merged = {**(members[member] or {}), **(stated or {})} or None
            changed = merged != members[member]
            members[member] = merged
            return changed
        members[member] = stated
        self._groups.setdefault(member, {})[group] = None
        return True

    def remove(self, group: str, member: str) -> bool:
        """Whether that changed anything."""
        members = self._members.get(group)
        if members is None or member not in members:
            return False
        self._remember(group)
        del members[member]
        if not members:
            del self._members[group]
        groups = self._groups[member]
        del groups[group]
        if not groups:
            del self._groups[member]
        return True

    def replace(self, group: str, members: Mapping[str, Member]) -> bool:
        """Make these the only members. Whether that changed anything."""
        old = self._members.get(group, _NOBODY)
        if old == members and list(old) == list(members):
            return False
        self._remember(group)
        for member in list(old):
            if member not in members:
                self.remove(group, member)
        for member in members:
            self._groups.setdefault(member, {})[group] = None
        if members:
            self._members[group] = dict(members)
        return True

    def _remember(self, group: str) -> None:
        if self.undo is not None:
            was = dict(self._members.get(group, _NOBODY))
            self.undo.append(functools.partial(self.replace, group, was))

    def forget(self, ident: str) -> list[str]:
        """Remove a member (a user or a group) from everything; the groups that have lost a member."""
        self.replace(ident, {})
        groups = list(self._groups.get(ident, ()))
        for group in groups:
            self.remove(group, ident)
        return groups


_NOBODY: Final[Mapping[str, Member]] = {}
