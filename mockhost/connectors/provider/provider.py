"""The provider: every operation of RFC 7644 on resources, without HTTP."""

from __future__ import annotations

import contextlib
import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from mockhost.clock import Chance, VirtualClock
from mockhost.connectors.provider.blueprint import Blueprint, UnfitResources
from mockhost.connectors.provider.bulk import run_bulk
from mockhost.connectors.provider.config import ProviderConfig, TypeConfig
from mockhost.connectors.provider.discovery import Discovery
from mockhost.connectors.provider.documents import (
    check_message,
    check_patch,
    complete,
    list_schemas,
    read_document,
    replaced,
)
from mockhost.connectors.provider.finding import Finder
from mockhost.connectors.provider.members import mentions_members, read_members, simple_changes
from mockhost.connectors.provider.resources import Resources, drop_reference, location
from mockhost.connectors.provider.resourcetypes import Document, Place, ResourceType
from mockhost.connectors.provider.store import Changes, Handle, Holder, Member, Shelf, keys_of
from mockhost.connectors.provider.strictness import Strictness
from mockhost.errors import CannotRun
from mockhost.scim import messages, patch
from mockhost.scim.attributes import fold, given
from mockhost.scim.errors import ScimError, shown
from mockhost.scim.queries import Query, read_search
from mockhost.slices import Steps, at_once

if TYPE_CHECKING:
    from mockhost.connectors.kept import Store

SEARCH_REQUEST: Final = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
_ALL: Final = Query()
_MEMBERSHIPS: Final = ""
"""The part of a store with the memberships; the others are called as their resource types."""


class Outcome(NamedTuple):
    """What an operation on one resource gives."""

    status: int
    """200, 201, 204 (the resource is not shown) or 304"""
    resource: Document | None
    """as the client sees it; a copy"""
    id: str
    version: str
    """the ETag, `W/"3"`; empty where the provider has none"""
    location: str
    changed: bool = False
    """whether the operation has changed anything"""


MOST_BULK_WORK: Final = 5 * patch.MOST_WORK
"""Comparisons and copied values that all PATCHes of one bulk may take: it is performed while others wait."""


class Provider:
    """A service provider with its state. Not thread-safe: the owner serialises calls.

    `base` in every operation is the URL by which the client knows the provider, ending in `/scim`. What is wrong with
    a request is raised as ScimError; nothing else comes out of here, whatever the request holds. Raises UsageError
    for a configuration that cannot be.
    """

    __slots__ = (
        "_blueprint",
        "_chance",
        "_clock",
        "_discovery",
        "_finder",
        "_held",
        "_is_noted",
        "_ordinal",
        "_started",
        "_store",
        "_work",
        "name",
    )

    def __init__(
        self,
        config: ProviderConfig,
        clock: VirtualClock,
        chance: Chance,
        *,
        name: str = "SCIM",
        blueprint: Blueprint | None = None,
    ) -> None:
        self.name = name
        self._blueprint = blueprint or Blueprint(config, chance)
        self._clock = clock
        self._chance = chance
        self._ordinal = 0
        self._store: Store | None = None
        self._is_noted = False
        """whether what is changed now may be taken back"""
        self._work: patch.Work | None = None
        """what a bulk may still take, while one is performed"""
        self._discovery = Discovery(self._blueprint)
        self._started = started = clock.now()
        people = self._blueprint.people
        types = self._blueprint.types.values()
        shelves = {type_.name: Shelf(type_, people, started) for type_ in types}
        self._held = Resources(shelves, versions=self.config.etag)
        self._finder = Finder(self._held, self._blueprint, clock)
        wrong: list[tuple[tuple[str | int, ...], str, str]] = []
        counted: Counter[str] = Counter()
        for initial in self._blueprint.initial:
            counted[initial.type] += 1
            shelf, document = self._held.shelves[initial.type], dict(initial.document)
            members = document.pop("members", None) if shelf.type.holds_members else None
            try:
                self._check_unique(shelf, document)
            except ScimError as error:
                wrong.append(
                    (
                        (initial.type, counted[initial.type] - 1),
                        error.detail.removesuffix("."),
                        "rename one of them",
                    )
                )
                continue
            shelf.add(initial.id, document, started)
            if members is not None:
                self._held.memberships.replace(initial.id, read_members(members))
        if wrong:
            raise UnfitResources(wrong)
        for shelf in self._held.shelves.values():
            shelf.settle()
        self._held.memberships.settle()

    # -- all or nothing --------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def trial(self) -> Iterator[None]:
        """In this context everything that is written is taken back at its end."""
        with self._noting() as (_, take_back):
            try:
                yield
            finally:
                take_back()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is written in this context is kept at its end, all at once, or taken back if an exception ends it.

        Raises CannotRun if it can't be kept.
        """
        if self._is_noted:
            yield
            return
        with self._noting() as (changes, take_back):
            try:
                yield
                self._keep(changes)
            except BaseException:
                take_back()
                raise

    @contextlib.contextmanager
    def _noting(self) -> Iterator[tuple[Changes, Callable[[], None]]]:
        ordinal, changes = self._ordinal, Changes(self._parts.values())

        def take_back() -> None:
            changes.take_back()
            self._ordinal = ordinal

        self._is_noted = True
        try:
            yield changes, take_back
        finally:
            changes.end()
            self._is_noted = False

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        """Around each operation that writes."""
        return contextlib.nullcontext() if self._store is None else self.together()

    # -- what is there after the process ---------------------------------------------------------------------

    @property
    def _parts(self) -> dict[str, Holder]:
        """What the state consists of, by the names of a store's parts."""
        return {**self._held.shelves, _MEMBERSHIPS: self._held.memberships}

    def made_from(self) -> str:
        """What tells its resources of the start from others."""
        return self._blueprint.fingerprint(self._chance.seed)

    def keep(self, store: Store) -> None:
        """Take over what was kept, and keep what is written from now on; call it before anything is written.

        Raises CannotRun if it can't be read.
        """
        self._started = store.state.get("started", self._started)
        self._ordinal = int(store.state.get("ordinal", 0))
        with store.reading():
            for name, shelf in self._held.shelves.items():
                shelf.load(store.rows(name), self._started)
            self._held.memberships.load(store.rows(_MEMBERSHIPS))
        self._store = store
        if not store.id:
            with contextlib.suppress(CannotRun):  # the first request that writes says so
                store.write({}, self._state())

    def _state(self) -> dict[str, float]:
        return {"started": self._started, "ordinal": self._ordinal}

    def _keep(self, changes: Changes) -> None:
        held = changes.held()
        if self._store is not None and held:
            named = {name: held[part] for name, part in self._parts.items() if part in held}
            self._store.write(named, self._state())

    # -- what it is ------------------------------------------------------------------------------------------

    @property
    def config(self) -> ProviderConfig:
        return self._blueprint.config

    @property
    def strictness(self) -> Strictness:
        return self._blueprint.rules

    @property
    def types(self) -> tuple[TypeConfig, ...]:
        return self._blueprint.type_configs

    def type_at(self, endpoint: str) -> str | None:
        """The name of the resource type at an endpoint (`/Users`, `users`), or None."""
        return self._blueprint.endpoints.get(fold(endpoint.strip("/")))

    def schemas(self, *, base: str) -> list[Document]:
        """The resources of /Schemas."""
        return self._discovery.schemas(base)

    def schema(self, urn: str, *, base: str) -> Document:
        """One of them. Raises ScimError 404."""
        return _one_of(self.schemas(base=base), urn)

    def resource_types(self, *, base: str) -> list[Document]:
        """The resources of /ResourceTypes."""
        return self._discovery.resource_types(base)

    def resource_type(self, name: str, *, base: str) -> Document:
        """One of them. Raises ScimError 404."""
        return _one_of(self.resource_types(base=base), name)

    def service_provider_config(self, *, base: str) -> Document:
        """What is at /ServiceProviderConfig."""
        return self._discovery.service_provider_config(base)

    def refuse_filter(self, query: Query) -> None:
        """Raises ScimError 403 where /Schemas or /ResourceTypes is asked with a filter (RFC 7644 4)."""
        if query.filter is not None:
            raise ScimError(403, None, "What the provider says of itself can't be filtered.")

    # -- finding ---------------------------------------------------------------------------------------------

    def find(self, type: str | None, query: Query, *, base: str) -> Document:
        """`finding`, all at once."""
        return at_once(self.finding(type, query, base=base))

    def finding(self, type: str | None, query: Query, *, base: str) -> Steps[Document]:
        """A ListResponse (RFC 7644 3.4.2) of one type's resources, or of all types'.

        In steps, between which other operations may be called. Raises ScimError 400: invalidFilter, invalidPath
        (sortBy), invalidCursor, expiredCursor, invalidCount, tooMany.
        """
        if query.filter is not None and not self.config.filter:
            raise ScimError(400, "invalidFilter", "This service provider does not support filters.")
        if query.sort_by is not None and not self.config.sort:
            query = copy.copy(query)
            query.sort_by = None
        shelves = [self._shelf(type)] if type is not None else list(self._held.shelves.values())
        return self._finder.find(type, shelves, query, base)

    def search_query(self, document: object) -> Query:
        """The body of `POST /.search` (RFC 7644 3.4.3). Raises ScimError 400."""
        if isinstance(document, Mapping):
            check_message(document, SEARCH_REQUEST, self.strictness)
        return read_search(document)

    # -- one resource ----------------------------------------------------------------------------------------

    def get(
        self,
        type: str,
        id: str,
        *,
        base: str,
        query: Query = _ALL,
        if_none_match: str | None = None,
    ) -> Outcome:
        """One resource (RFC 7644 3.4.1); 304 when its version is one of `if_none_match`. Raises ScimError 404."""
        shelf, handle = self._there(type, id)
        if (
            if_none_match is not None
            and self.config.etag
            and _names_version(if_none_match, shelf.version(handle))
        ):
            return self._answer(304, shelf, handle, base, None)
        return self._answer(200, shelf, handle, base, query)

    def create(
        self,
        type: str,
        document: object,
        *,
        base: str,
        query: Query = _ALL,
        id: str | None = None,
        coming: Iterable[str] = (),
    ) -> Outcome:
        """A new resource (RFC 7644 3.3). Raises ScimError 400 or 409 uniqueness.

        `id`: the one that a bulk has promised; `coming`, also below: those it has promised and not made yet.
        """
        with self._writing():
            shelf = self._shelf(type)
            new = read_document(document, shelf.type, self.strictness)
            complete(new, shelf.type, self.strictness)
            members = self._take_members(shelf, new, coming)
            self._check_unique(shelf, new)
            handle = shelf.add(id or self.new_id(), new, self._clock.now())
            if members:
                self._held.memberships.replace(handle.id, members)
            return self._answer(201, shelf, handle, base, query, changed=True)

    def new_id(self) -> str:
        """An id that no resource has; drawn from chance."""
        while True:
            ident = self._chance.guid(f"{self.name}:id", self._ordinal)
            self._ordinal += 1
            if self._held.locate(ident) is None:
                return ident

    def replace(
        self,
        type: str,
        id: str,
        document: object,
        *,
        base: str,
        query: Query = _ALL,
        if_match: str | None = None,
        coming: Iterable[str] = (),
    ) -> Outcome:
        """A PUT (RFC 7644 3.5.1). Raises ScimError 400, 404, 409 uniqueness, 412."""
        with self._writing():
            shelf, handle = self._there(type, id, if_match)
            new = read_document(document, shelf.type, self.strictness)
            members = self._take_members(shelf, new, coming)
            old = shelf.document(handle)
            new = replaced(old, new, shelf.type)
            complete(new, shelf.type, self.strictness)
            changed = self._commit(shelf, handle, old, new, members if shelf.type.holds_members else None)
            return self._answer(200, shelf, self._again(shelf, id), base, query, changed=changed)

    def patch(
        self,
        type: str,
        id: str,
        document: object,
        *,
        base: str,
        query: Query = _ALL,
        if_match: str | None = None,
        coming: Iterable[str] = (),
    ) -> Outcome:
        """A PATCH (RFC 7644 3.5.2) in whatever dialect the strictness takes. Raises ScimError 400, 404, 409, 412."""
        if not self.config.patch:
            raise ScimError(501, None, "This service provider does not support PATCH.")
        with self._writing():
            shelf, handle = self._there(type, id, if_match)
            check_patch(document, self.strictness)
            holds_members = shelf.type.holds_members
            changes = simple_changes(document, shelf.type, self.strictness) if holds_members else None
            if changes is not None:
                changed = self._change_members(shelf, handle, changes, coming)
            else:
                changed = self._patch_all(shelf, handle, document, base, coming)
            silent = {"nothing": True, "groups": holds_members}.get(self.strictness.patch_answer, False)
            shown = None if silent and not (query.attributes or query.excluded) else query
            status = 204 if shown is None else 200
            return self._answer(status, shelf, self._again(shelf, id), base, shown, changed=changed)

    def _patch_all(
        self, shelf: Shelf, handle: Handle, body: object, base: str, coming: Iterable[str]
    ) -> bool:
        """The general way, by the rules of `scim.patch`."""
        type_, rules = shelf.type, self.strictness
        old = shelf.document(handle)
        ident = shelf.id(handle)
        with_members = type_.holds_members and mentions_members(body)
        before = dict(old)
        if with_members:
            held = self._held.memberships.members(ident)
            before["members"] = [self._held.member(value, stated, base) for value, stated in held.items()]
        after = patch.apply(
            before,
            body,
            schema=type_,
            unknown="refuse" if rules.unknown_paths == "refuse" else "ignore",
            unmatched=rules.unmatched_paths,
            read_only=rules.read_only_paths,
            several_primary=rules.several_primary,
            bare_words=rules.filter_grammar == "accept",
            work=self._work,
        )
        members = self._take_members(shelf, after, coming, ident) if with_members else None
        complete(after, type_, rules)
        return self._commit(shelf, handle, old, list_schemas(after, type_), members)

    def delete(self, type: str, id: str, *, if_match: str | None = None) -> None:
        """A DELETE (RFC 7644 3.6): it is gone from its groups, too. Raises ScimError 404, 412."""
        if self.strictness.delete_missing == "accept" and self._shelf(type).get(id) is None:
            return
        with self._writing():
            self._delete(*self._there(type, id, if_match), id)

    def _delete(self, shelf: Shelf, handle: Handle, id: str) -> None:
        shelf.remove(handle)
        now = self._clock.now()
        if self.strictness.gone_references == "drop":
            self._drop_references(shelf.type, id, now)
        for group in self._held.memberships.forget(id):
            there = self._held.locate(group)
            if there is not None:
                there[0].touch(there[1], now)

    def _drop_references(self, type_: ResourceType, ident: str, now: float) -> None:
        """Take a resource that is gone out of those that refer to it: a manager, for one."""
        for shelf in self._held.shelves.values():
            for link in shelf.type.links:
                place = link.value
                if type_.name not in link.types or place.info.required:
                    continue
                key = ident if place.last.case_exact else fold(ident)
                for handle in shelf.find(place.name, key):
                    document = shelf.document(handle)
                    if drop_reference(document, place.info, ident):
                        shelf.change(handle, list_schemas(document, shelf.type), now)

    def bulk(self, document: object, *, base: str) -> Document:
        """A BulkResponse (RFC 7644 3.7). Raises ScimError 400 for no bulk at all, 413 for too many operations."""
        if not self.config.bulk:
            raise ScimError(501, None, "This service provider does not support bulk operations.")
        self._work = patch.Work(MOST_BULK_WORK)
        try:
            with self._writing():
                return run_bulk(self, document, base)
        finally:
            self._work = None

    def perform(
        self,
        method: str,
        type: str,
        id: str,
        document: object,
        *,
        base: str,
        if_match: str | None,
        coming: Iterable[str],
    ) -> Outcome | None:
        """One operation of a bulk: `id` is the one that a POST was promised, `coming` those not yet made."""
        if method == "POST":
            return self.create(type, document, base=base, id=id, coming=coming)
        if method == "PUT":
            return self.replace(type, id, document, base=base, if_match=if_match, coming=coming)
        if method == "PATCH":
            return self.patch(type, id, document, base=base, if_match=if_match, coming=coming)
        self.delete(type, id, if_match=if_match)
        return None

    def drop_member(self, member: str) -> None:
        """This member does not exist: no group keeps it."""
        self._held.memberships.forget(member)

    def me(self) -> tuple[str, str]:
        """The type and id of /Me (RFC 7644 3.11). Raises ScimError 501 where `me` is not set, 404 where it is gone."""
        if self.config.me is None or "User" not in self._held.shelves:
            raise ScimError(
                501, None, "The /Me endpoint is not supported: no user is configured to be the one."
            )
        shelf = self._held.shelves["User"]
        found = shelf.find("userName", fold(self.config.me)) if "userName" in shelf.type.indexed else []
        if not found:
            raise ScimError(404, None, f"The user {shown(self.config.me)} whom /Me means is not there.")
        return "User", shelf.id(found[0])

    # -- for the owner ---------------------------------------------------------------------------------------

    def count(self, type: str | None = None) -> int:
        """How many resources there are of one type, or of all."""
        if type is not None:
            return len(self._shelf(type))
        return sum(len(shelf) for shelf in self._held.shelves.values())

    def resources(self, type: str) -> Iterator[Document]:
        """All resources of a type with everything that may be shown; locations begin at `/`.

        Other operations may be called before all are read: those that are gone by then are left out.
        """
        shelf = self._shelf(type)
        there = map(shelf.current, shelf.snapshot())
        return (self._held.render(shelf, handle, "") for handle in there if handle is not None)

    def put_object(self, type: str, document: Mapping[str, object]) -> str:
        """Create or replace a resource behind the protocol's back; gives its id.

        It is known by `id`, else by a unique attribute or displayName. What is immutable is replaced, too.
        Raises ScimError 400 or 409 as a POST would.
        """
        with self._writing():
            return self._put_object(self._shelf(type), document)

    def _put_object(self, shelf: Shelf, document: Mapping[str, object]) -> str:
        rules = self.strictness._replace(missing_schemas="accept")
        found = read_document(document, shelf.type, rules)
        complete(found, shelf.type, rules)
        members = self._take_members(shelf, found, ())
        handle = self._known(shelf, document, found)
        if handle is None:
            self._check_unique(shelf, found)
            ident = given(document, "id")
            ident = ident if isinstance(ident, str) and ident else self.new_id()
            if self._held.locate(ident) is not None:
                raise ScimError(409, "uniqueness", f"There is already a resource with the id {shown(ident)}.")
            shelf.add(ident, found, self._clock.now())
            self._held.memberships.replace(ident, members or {})
            return ident
        ident = shelf.id(handle)
        self._commit(
            shelf, handle, shelf.document(handle), found, members if shelf.type.holds_members else None
        )
        return ident

    def _known(self, shelf: Shelf, document: Mapping[str, object], found: Document) -> Handle | None:
        ident = given(document, "id")
        if isinstance(ident, str):
            return shelf.get(ident)
        names = [place.name for place in shelf.type.unique] or ["displayName"]
        for name in names:
            place = shelf.type.indexed.get(name)
            for key in keys_of(place, found) if place is not None else ():
                held = shelf.find(name, key)
                if held:
                    return held[0]
        return None

    def remove_object(self, type: str, id: str) -> None:
        """Delete a resource. Raises ScimError 404."""
        self._there(type, id)
        self.delete(type, id)

    # -- within ----------------------------------------------------------------------------------------------

    def _shelf(self, type_: str) -> Shelf:
        shelf = self._held.shelves.get(type_)
        if shelf is None:
            raise ScimError(404, None, f"There is no resource type {shown(type_)}.")
        return shelf

    def _there(self, type_: str, ident: str, if_match: str | None = None) -> tuple[Shelf, Handle]:
        shelf = self._shelf(type_)
        handle = shelf.get(ident)
        if handle is None:
            raise ScimError(404, None, f"Resource {shown(ident)} not found.")
        if if_match is not None and self.config.etag and not _names_version(if_match, shelf.version(handle)):
            detail = f'The resource has changed: its version is W/"{shelf.version(handle)}", not {shown(if_match)}.'
            raise ScimError(412, None, detail)
        return shelf, handle

    def _again(self, shelf: Shelf, ident: str) -> Handle:
        handle = shelf.get(ident)
        assert handle is not None  # it was found above, and nothing removes it in between
        return handle

    def _answer(
        self,
        status: int,
        shelf: Shelf,
        handle: Handle,
        base: str,
        query: Query | None,
        *,
        changed: bool = False,
    ) -> Outcome:
        ident = shelf.id(handle)
        shown = None
        if query is not None:
            (shown,) = self._finder.shown([(shelf, handle)], query, base)
        version = f'W/"{shelf.version(handle)}"' if self.config.etag else ""
        return Outcome(status, shown, ident, version, location(base, shelf.type, ident), changed)

    def _take_members(
        self, shelf: Shelf, document: Document, coming: Iterable[str], group: str | None = None
    ) -> dict[str, Member] | None:
        """The members that a document states, taken out of it; unknown ones are refused where strict."""
        if not shelf.type.holds_members:
            return None
        members = read_members(document.pop("members", None))
        old = self._held.memberships.members(group) if group is not None else {}
        return {value: self._stated(value, stated, old, coming) for value, stated in members.items()}

    def _stated(self, value: str, stated: Member, old: Mapping[str, Member], coming: Iterable[str]) -> Member:
        if value in old and not stated:
            return old[value]
        there = self._held.locate(value)
        if there is not None:
            display = stated.get("display") if stated else None
            return {"display": display} if display and display != there[0].label(there[1]) else None
        if self.strictness.unknown_members == "refuse" and value not in old and value not in coming:
            raise ScimError(400, "invalidValue", f"members: no resource has the id {shown(value)}.")
        return stated or None

    def _change_members(
        self,
        shelf: Shelf,
        handle: Handle,
        changes: list[tuple[bool, dict[str, Member]]],
        coming: Iterable[str],
    ) -> bool:
        """Add or remove members one by one, without looking at the others."""
        ident = shelf.id(handle)
        old = self._held.memberships.members(ident)
        steps = [
            (add, value, self._stated(value, stated, old, coming) if add else None)
            for add, members in changes
            for value, stated in members.items()
        ]
        changed = False
        for add, value, member in steps:
            moved = (
                self._held.memberships.add(ident, value, member)
                if add
                else self._held.memberships.remove(ident, value)
            )
            changed = changed or moved
        if changed:
            shelf.touch(handle, self._clock.now())
        return changed

    def _commit(
        self,
        shelf: Shelf,
        handle: Handle,
        old: Document,
        new: Document,
        members: Mapping[str, Member] | None,
    ) -> bool:
        """Keep what has become of a resource; whether that is anything new (if not, it keeps its version)."""
        same = old == new
        if not same:
            self._check_unique(shelf, new, old, shelf.id(handle))
            handle = shelf.change(handle, new, self._clock.now())
        moved = members is not None and self._held.memberships.replace(shelf.id(handle), members)
        if moved and same:
            shelf.touch(handle, self._clock.now())
        return moved or not same

    def _check_unique(
        self, shelf: Shelf, document: Document, old: Document | None = None, own: str | None = None
    ) -> None:
        """Refuse a value that another has already. What it had before, in `old`, a resource may keep."""
        for place in shelf.type.unique:
            if old is not None and place.get(old) == place.get(document):
                continue
            for key in keys_of(place, document):
                if isinstance(key, str) and len(key) > messages.LONGEST_ID:
                    text = f"The {place.name} has {len(key)} characters; at most {messages.LONGEST_ID} are allowed."
                    raise ScimError(400, "invalidValue", text)
                if any(holder.id(handle) != own for holder, handle in self._holding(shelf, place, key)):
                    value = shown(place.get(document))
                    raise ScimError(
                        409, "uniqueness", f"There is already a resource with the {place.name} {value}."
                    )

    def _holding(self, shelf: Shelf, place: Place, key: object) -> Iterator[tuple[Shelf, Handle]]:
        """Who must not have the value if another is to have it.

        `server`: resources of the same endpoint; `global`: "No two resources on any server SHOULD possess the same
        value" (RFC 7643 7), so those of other types, too, that have a globally unique attribute of this name.
        """
        for other in self._held.shelves.values() if place.last.uniqueness == "global" else (shelf,):
            same = other.type.indexed.get(place.name)
            if other is shelf or (same is not None and same.last.uniqueness == "global"):
                yield from ((other, handle) for handle in other.find(place.name, key))


def _names_version(header: str, version: int) -> bool:
    """Whether an If-Match or If-None-Match names a version; weak comparison (RFC 9110 8.8.3.2)."""
    tags = [tag.strip().removeprefix("W/").removeprefix("w/").strip('"') for tag in header.split(",")]
    return "*" in tags or str(version) in tags


def _one_of(resources: list[Document], ident: str) -> Document:
    for resource in resources:
        if fold(str(resource["id"])) == fold(ident):
            return resource
    raise ScimError(404, None, f"Resource {shown(ident)} not found.")
