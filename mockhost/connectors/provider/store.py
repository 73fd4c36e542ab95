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
from typing import Final, Protocol, TypeAlias

import orjson

from mockhost.connectors.provider.people import People
from mockhost.connectors.provider.resourcetypes import Document, Place, ResourceType
from mockhost.connectors.tables import UNTOUCHED, Untouched
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

    def record(self) -> bytes:
        """All of it as octets, as a file keeps them."""
        head = octets_of([self.id, self.created, self.modified, self.version, self.label])
        return b"%b\n%b" % (head, self.octets)

    @classmethod
    def read(cls, seq: int, record: bytes) -> Stored:
        """The resource of which `record` gave this."""
        head, _, octets = record.partition(b"\n")  # a newline in a text is written as \n
        ident, created, modified, version, label = orjson.loads(head)
        stored = cls(ident, seq, octets, created, label)
        stored.modified, stored.version = modified, version
        return stored


Handle: TypeAlias = "Stored | int"
"""A resource: one that is kept, or the number of a person of the crowd."""
Index: TypeAlias = "dict[object, Stored | dict[Stored, None]]"
"""Key -> the resource that has it, or those that share it."""
Member: TypeAlias = "Mapping[str, object] | None"
"""What is stated of a member beside its `value`; None: nothing that is not known anyway."""


class Holder(Protocol):
    """What notes its changes while they may be taken back, or are to be kept."""

    changes: Changes | None

    def held(self, number: int, key: object) -> bytes | Untouched | None:
        """What there is now of what has a number: its octets, None if it is of the start and gone, else UNTOUCHED."""

    def sort(self) -> None:
        """Have in order again what was taken back."""


class Changes:
    """What was changed in holders since this was made, and how to take it back."""

    __slots__ = ("_holders", "_steps", "_touched")

    def __init__(self, holders: Iterable[Holder]) -> None:
        self._holders = tuple(holders)
        self._steps: list[Callable[[], object]] = []
        self._touched: dict[tuple[Holder, int], object] = {}
        for holder in self._holders:
            holder.changes = self

    def note(self, holder: Holder, number: int, take_back: Callable[[], object], key: object = None) -> None:
        """What has this number was changed; `key` is what else the holder wants in order to find it."""
        self._touched[holder, number] = key
        self._steps.append(take_back)

    def held(self) -> dict[Holder, dict[int, bytes | Untouched | None]]:
        """What there is now of whatever was changed."""
        found: dict[Holder, dict[int, bytes | Untouched | None]] = {}
        for (holder, number), key in self._touched.items():
            found.setdefault(holder, {})[number] = holder.held(number, key)
        return found

    def end(self) -> None:
        """Note no more."""
        for holder in self._holders:
            holder.changes = None

    def take_back(self) -> None:
        """Have everything as it was, and note no more."""
        self.end()
        for step in reversed(self._steps):
            step()
        for holder in self._holders:
            holder.sort()


def octets_of(document: object) -> bytes:
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
        "_border",
        "_indexes",
        "_is_unsorted",
        "_kept",
        "_next",
        "_order",
        "_touched",
        "changes",
        "people",
        "started",
        "type",
    )

    def __init__(self, type_: ResourceType, people: People | None, started: float) -> None:
        self.type = type_
        self.people = people if people is not None and people.type is type_ else None
        self.started = started
        """when the people were made (virtual seconds)"""
        self.changes: Changes | None = None
        self._next = self.people.count if self.people is not None else 0
        self._border = self._next
        """those with a lower sequence are of the start"""
        self._is_unsorted = False
        self._kept: dict[str, Stored] = {}
        self._touched: dict[int, Stored | None] = {}
        """people of the crowd who were changed, or are gone (None)"""
        self._order: dict[int, Stored] = {}
        """kept ones that are no people of the crowd, by their sequence"""
        self._indexes: dict[str, Index] = {}
        """by attribute, from when it is first searched by"""

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
        held = self._index_over(index).get(key)
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
        stored = Stored(ident, self._next, octets_of(document), now, self.type.label_of(document))
        self._next += 1
        self._keep(stored, document)
        if self.changes is not None:
            self.changes.note(self, stored.seq, functools.partial(self.remove, stored))
        return stored

    def _keep(self, stored: Stored, document: Document | None = None) -> None:
        self._kept[stored.id] = stored
        if self._is_person(stored.seq):
            self._touched[stored.seq] = stored
        else:
            self._order[stored.seq] = stored
        if self._indexes:
            self._index(stored, {}, document or stored.document())

    def _is_person(self, seq: int) -> bool:
        return self.people is not None and seq < self.people.count

    def _put_back(self, stored: Stored) -> None:
        """Undo a removal."""
        self._keep(stored)
        self._is_unsorted = True

    def sort(self) -> None:
        if self._is_unsorted:
            self._order = dict(sorted(self._order.items()))
            self._is_unsorted = False

    def _restore(
        self, stored: Stored, octets: bytes, label: str | None, modified: float, version: int
    ) -> None:
        """Undo a change."""
        if octets is not stored.octets:
            before, stored.octets = stored.document(), octets
            self._index(stored, before, stored.document())
        stored.label, stored.modified, stored.version = label, modified, version

    def _remember(self, stored: Stored) -> None:
        if self.changes is not None:
            was = (stored.octets, stored.label, stored.modified, stored.version)
            self.changes.note(self, stored.seq, functools.partial(self._restore, stored, *was))

    def change(self, handle: Handle, document: Document, now: float) -> Stored:
        """Keep what has become of a resource."""
        octets = octets_of(document)
        stored = self.kept(handle)
        self._remember(stored)
        self._index(stored, stored.document(), document)
        stored.octets = octets
        stored.label = self.type.label_of(document)
        return self.touch(stored, now)

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
        self._keep(stored)
        if self.changes is not None:
            self.changes.note(self, handle, functools.partial(self._let_go, stored))
        return stored

    def _let_go(self, stored: Stored) -> None:
        """Undo that a person of the crowd is kept."""
        self.remove(stored)
        del self._touched[stored.seq]

    def remove(self, handle: Handle) -> None:
        if not isinstance(handle, Stored):
            self._touched[handle] = None
            if self.changes is not None:
                self.changes.note(self, handle, functools.partial(self._touched.pop, handle))
            return
        if self.changes is not None:
            self.changes.note(self, handle.seq, functools.partial(self._put_back, handle))
        self._index(handle, handle.document(), {})
        del self._kept[handle.id]
        if self._is_person(handle.seq):
            self._touched[handle.seq] = None
        else:
            del self._order[handle.seq]

    # -- what is there after the process ---------------------------------------------------------------------

    def settle(self) -> None:
        """All that there is now is of the start."""
        self._border = self._next

    def held(self, number: int, key: object = None) -> bytes | Untouched | None:
        """What a file keeps of the resource with this sequence (see `Holder`)."""
        if self._is_person(number):
            stored = self._touched.get(number, UNTOUCHED)
        else:
            stored = self._order.get(number, None if number < self._border else UNTOUCHED)
        return stored.record() if isinstance(stored, Stored) else stored

    def load(self, rows: Mapping[int, bytes | None], started: float) -> None:
        """Take over what was kept of the changes of the start, which was at this moment."""
        self.started = started
        for stored in self._order.values():
            stored.created = stored.modified = started
        self._indexes.clear()
        for seq, record in rows.items():
            if (old := self._order.get(seq)) is not None:
                del self._kept[old.id]
            if record is not None:
                self._next = max(self._next, seq + 1)
                self._keep(Stored.read(seq, record))
            elif self._is_person(seq):
                self._touched[seq] = None
            else:
                self._order.pop(seq, None)

    # -- indexes ---------------------------------------------------------------------------------------------

    def _index_over(self, name: str) -> Index:
        index = self._indexes.get(name)
        if index is None:
            index, place = {}, self.type.indexed[name]
            for stored in self._kept.values():
                _enter(index, keys_of(place, stored.document()), stored)
            self._indexes[name] = index
        return index

    def _index(self, stored: Stored, before: Document, after: Document) -> None:
        """Have the indexes find a resource by what it has become; {}: it was not there, or is gone."""
        for name, index in self._indexes.items():
            place = self.type.indexed[name]
            old, new = list(keys_of(place, before)), list(keys_of(place, after))
            if old != new:
                _leave(index, old, stored)
                _enter(index, new, stored)


def _leave(index: Index, keys: Iterable[object], stored: Stored) -> None:
    for key in keys:
        held = index.get(key)
        if isinstance(held, dict):
            held.pop(stored, None)
            if len(held) == 1:
                index[key] = next(iter(held))
        elif held is stored:
            del index[key]


def _enter(index: Index, keys: Iterable[object], stored: Stored) -> None:
    for key in keys:
        held = index.setdefault(key, stored)
        if isinstance(held, dict):
            held[stored] = None
        elif held is not stored:
            index[key] = {held: None, stored: None}


def seq_of(handle: Handle) -> int:
    """The place of a resource in unsorted lists."""
    return handle.seq if isinstance(handle, Stored) else handle


class Memberships:
    """Who is a member of which group: both ways round, whether or not the member is anybody.

    Each membership has a number, and both ways round they are in the order of their numbers.
    """

    __slots__ = ("_border", "_groups", "_members", "_next", "_unsorted", "changes")

    def __init__(self) -> None:
        self.changes: Changes | None = None
        self._members: dict[str, dict[str, Member]] = {}
        self._groups: dict[str, dict[str, int]] = {}
        """member -> group -> the membership's number"""
        self._next = 0
        self._border = 0
        """those with a lower number are of the start"""
        self._unsorted: set[tuple[str, str]] = set()
        """group and member of memberships that were put back"""

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
        members = self._members.get(group, _NOBODY)
        if member in members:
            return self._state(group, member, {**(members[member] or {}), **(stated or {})} or None)
        number = self._next
        self._next += 1
        self._put(group, member, stated, number)
        self._note(number, functools.partial(self._take, group, member), group, member)
        return True

    def remove(self, group: str, member: str) -> bool:
        """Whether that changed anything."""
        if member not in self._members.get(group, _NOBODY):
            return False
        stated, number = self._take(group, member)
        back = functools.partial(self._put_back, group, member, stated, number)
        self._note(number, back, group, member)
        return True

    def replace(self, group: str, members: Mapping[str, Member]) -> bool:
        """Make these the only members. Whether that changed anything."""
        old = self._members.get(group, _NOBODY)
        if old == members and list(old) == list(members):
            return False
        staying = [member for member in old if member in members]
        if staying != list(itertools.islice(members, len(staying))):
            staying = []  # in another order: they begin again
        stay = set(staying)
        for member in [member for member in old if member not in stay]:
            self.remove(group, member)
        for member, stated in members.items():
            if member in self._members.get(group, _NOBODY):
                self._state(group, member, stated)
            else:
                self.add(group, member, stated)
        return True

    def forget(self, ident: str) -> list[str]:
        """Remove a member (a user or a group) from everything; the groups that have lost a member."""
        self.replace(ident, {})
        groups = list(self._groups.get(ident, ()))
        for group in groups:
            self.remove(group, ident)
        return groups

    def _state(self, group: str, member: str, stated: Member) -> bool:
        members = self._members[group]
        was = members[member]
        members[member] = stated
        if was == stated:
            return False
        number = self._groups[member][group]
        self._note(number, functools.partial(self._state, group, member, was), group, member)
        return True

    def _put(self, group: str, member: str, stated: Member, number: int) -> None:
        self._members.setdefault(group, {})[member] = stated
        self._groups.setdefault(member, {})[group] = number

    def _take(self, group: str, member: str) -> tuple[Member, int]:
        members, groups = self._members[group], self._groups[member]
        stated, number = members.pop(member), groups.pop(group)
        if not members:
            del self._members[group]
        if not groups:
            del self._groups[member]
        return stated, number

    def _put_back(self, group: str, member: str, stated: Member, number: int) -> None:
        self._put(group, member, stated, number)
        self._unsorted.add((group, member))

    def _note(self, number: int, take_back: Callable[[], object], group: str, member: str) -> None:
        if self.changes is not None:
            self.changes.note(self, number, take_back, (group, member))

    def sort(self) -> None:
        numbers = self._groups
        for group in {group for group, _ in self._unsorted} & self._members.keys():
            self._members[group] = dict(
                sorted(self._members[group].items(), key=lambda item: numbers[item[0]][group])
            )
        for member in {member for _, member in self._unsorted} & numbers.keys():
            numbers[member] = dict(sorted(numbers[member].items(), key=lambda item: item[1]))
        self._unsorted.clear()

    # -- what is there after the process ---------------------------------------------------------------------

    def settle(self) -> None:
        """All that there is now is of the start."""
        self._border = self._next

    def held(self, number: int, key: object) -> bytes | Untouched | None:
        """What a file keeps of the membership with this number; `key`: its group and member (see `Holder`)."""
        assert isinstance(key, tuple)
        group, member = key
        if self._groups.get(member, {}).get(group) == number:
            return octets_of([group, member, self._members[group][member]])
        return None if number < self._border else UNTOUCHED

    def load(self, rows: Mapping[int, bytes | None]) -> None:
        """Take over what was kept of the changes of the start."""
        of_start = {
            number: (group, member)
            for member, groups in self._groups.items()
            for group, number in groups.items()
        }
        for number, octets in rows.items():
            if number in of_start:
                self._take(*of_start[number])
            if octets is not None:
                group, member, stated = orjson.loads(octets)
                self._put_back(group, member, stated, number)
                self._next = max(self._next, number + 1)
        self.sort()


_NOBODY: Final[Mapping[str, Member]] = {}
