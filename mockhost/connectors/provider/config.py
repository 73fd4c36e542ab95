"""What a provider is made from: plain, immutable values. The scenario room makes them; nothing here reads files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from mockhost.people import PeopleConfig
from mockhost.scim.messages import CORE_GROUP, CORE_USER, ENTERPRISE_USER

__all__ = ["GROUP_TYPE", "USER_TYPE", "Extension", "PeopleConfig", "ProviderConfig", "TypeConfig"]

_NOTHING: Mapping[str, object] = MappingProxyType({})


class Extension(NamedTuple):
    """A schema extension of a resource type (RFC 7643 6, `schemaExtensions`)."""

    schema: str
    required: bool = False


class TypeConfig(NamedTuple):
    """A resource type (RFC 7643 6)."""

    name: str
    endpoint: str
    """with its slash: `/Users`"""
    schema: str
    extensions: tuple[Extension, ...] = ()
    description: str = ""


USER_TYPE = TypeConfig("User", "/Users", CORE_USER, (Extension(ENTERPRISE_USER),), "User Account")
GROUP_TYPE = TypeConfig("Group", "/Groups", CORE_GROUP, (), "Group")


class ProviderConfig(NamedTuple):
    """A connector of kind `scim`."""

    schemas: Mapping[str, Mapping[str, object]] = MappingProxyType({})
    """Schemas of one's own by URN: as /Schemas prints one (RFC 7643 7), or the short form
    `{attributes: {badgeNumber: {type: string, required: true}}, extends: User}`. In the short form an attribute's
    characteristics are the RFC's names or snake case (`multi_valued`), sub-attributes stand under `attributes`, and
    a bare type name is an attribute of that type. `extends` names the resource type that it becomes an extension of.
    A URN of a standard schema replaces that schema."""
    types: tuple[TypeConfig, ...] = (USER_TYPE, GROUP_TYPE)
    strictness: str = "entra"
    """strict | entra | lenient"""
    settings: Mapping[str, str] = MappingProxyType({})
    """rows of the strictness table by name that are to differ from `strictness`"""
    objects: Mapping[str, Sequence[Mapping[str, object]]] = MappingProxyType({})
    """initial resources by the name of their type; an `id` in one is kept; a member's or manager's `value` may be
    an id or the userName or displayName of another initial resource"""
    people: PeopleConfig | None = None
    """`set` and `fill` map attribute paths to patterns and providers: `name.givenName`,
    `emails[type eq "work"].value`, `urn:…:User:department`; `userName` is `user{n:07d}@contoso.example` unless set"""
    patch: bool = True
    bulk: bool = True
    filter: bool = True
    sort: bool = True
    etag: bool = True
    """what it offers; `strictness.OFFERS` says what happens without"""
    max_results: int = 1000
    """most resources in one page"""
    page_size: int = 100
    """resources in a page when `count` is not given"""
    cursor_timeout: float = 3600.0
    """virtual seconds for which a cursor can be used (RFC 9865)"""
    bulk_operations: int = 1000
    bulk_payload: int = 1_048_576
    """most octets of a bulk request; the HTTP layer holds bodies against it"""
    me: str | None = None
    """the userName of the one who asks, for /Me; None: /Me is not supported (501)"""
