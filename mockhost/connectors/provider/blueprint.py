"""What never changes of a provider: its types, its rules, its crowd, its initial resources. Any number share one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mockhost.clock import Chance
from mockhost.connectors.provider.config import ProviderConfig
from mockhost.connectors.provider.documents import complete, read_document
from mockhost.connectors.provider.people import People
from mockhost.connectors.provider.resourcetypes import Document, ResourceType, definitions_of
from mockhost.connectors.provider.schemas import SchemaDefinition
from mockhost.connectors.provider.strictness import Strictness, strictness
from mockhost.errors import UsageError, did_you_mean
from mockhost.scim.attributes import fold, member
from mockhost.scim.errors import ScimError


class Initial(NamedTuple):
    """A resource that is there from the start; `document` has its members still in it."""

    type: str
    id: str
    document: Document


class UnfitResources(UsageError):
    """Resources that cannot be there from the start: of each its place, what is wrong, and a hint."""

    def __init__(self, wrong: Sequence[tuple[tuple[str | int, ...], str, str]]) -> None:
        self.wrong = tuple(wrong)
        place, message, hint = self.wrong[0]
        super().__init__(f"resources.{'.'.join(map(str, place))}: {message}", hint=hint)


class Blueprint:
    """A configuration, checked and compiled. Raises UsageError for one that cannot be."""

    __slots__ = ("config", "definitions", "endpoints", "initial", "people", "rules", "type_configs", "types")

    def __init__(self, config: ProviderConfig, chance: Chance) -> None:
        self.config = config
        self.rules: Strictness = strictness(config.strictness, config.settings)
        self.definitions: Mapping[str, SchemaDefinition]
        self.definitions, types = definitions_of(config)
        self.type_configs = types
        self.types = {each.name: ResourceType(each, self.definitions, self.rules) for each in types}
        self.endpoints = {fold(each.endpoint.strip("/")): each.name for each in reversed(types)}
        """the names of resource types by their endpoints; of two types at one, the first is there"""
        self.people: People | None = None
        if config.people is not None:
            if "User" not in self.types:
                raise UsageError("people: there is no resource type User")
            self.people = People(config.people, self.types["User"], chance)
        self.initial = self._resolved(list(self._objects(chance)))

    def fingerprint(self, seed: int) -> str:
        """What tells these types and resources of the start, under a provider's seed, from others."""
        config = self.config
        made = (seed, config.types, config.schemas, config.people, self.initial)
        octets = json.dumps(made, default=dict, sort_keys=True).encode()
        return hashlib.blake2b(octets, digest_size=32).hexdigest()

    def _objects(self, chance: Chance) -> Iterator[Initial]:
        taken: set[str] = set()
        wrong: list[tuple[tuple[str | int, ...], str, str]] = []
        for name, objects in self.config.objects.items():
            if name not in self.types:
                wrong.append(((name,), f"there is no type {name!r}", did_you_mean(name, self.types)))
                continue
            type_ = self.types[name]
            for i, given in enumerate(objects):
                try:
                    document = read_document(given, type_, self.rules._replace(missing_schemas="accept"))
                    complete(document, type_, self.rules)
                except ScimError as error:
                    wrong.append(((name, i), error.detail.removesuffix("."), ""))
                    continue
                ident = member(given, "id")
                ident = ident if isinstance(ident, str) and ident else chance.guid(f"object:{name}", i)
                if ident in taken:
                    wrong.append(((name, i), f"there is already a resource with the id {ident!r}", ""))
                taken.add(ident)
                yield Initial(name, ident, document)
        if wrong:
            raise UnfitResources(wrong)

    def _resolved(self, initial: list[Initial]) -> tuple[Initial, ...]:
        """References by name become references by id."""
        ids = {each.id for each in initial}
        by_name: dict[str, str] = {}
        for each in initial:
            for name in self.types[each.type].labels:
                value = each.document.get(name)
                if isinstance(value, str):
                    by_name.setdefault(fold(value), each.id)

        def resolve(item: object) -> None:
            if isinstance(item, dict) and isinstance(value := item.get("value"), str) and value not in ids:
                item["value"] = by_name.get(fold(value), value)

        for each in initial:
            members = each.document.get("members")
            for item in members if isinstance(members, list) else ():
                resolve(item)
            for link in self.types[each.type].links:
                for item in link.value.items(each.document):
                    resolve(item)
        return tuple(initial)
