"""A provider on a clock that stands still, and short ways to ask it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from mockhost.clock import Chance, VirtualClock
from mockhost.connectors.provider.config import ProviderConfig
from mockhost.connectors.provider.provider import Provider
from mockhost.scim.messages import CORE_GROUP, CORE_USER
from mockhost.scim.queries import Query, parse_query

BASE = "https://localhost:8585/ecma2host_SCIM/scim"


def make(**config: Any) -> Provider:
    """A provider with an empty directory unless told otherwise."""
    return Provider(ProviderConfig(**config), VirtualClock("frozen"), Chance(7))


def fresh(provider: Provider) -> Provider:
    """Another one of the same configuration."""
    return make(**provider.config._asdict())


def user(user_name: str, **attributes: Any) -> dict[str, Any]:
    """A user as a client posts it."""
    return {"schemas": [CORE_USER], "userName": user_name, **attributes}


def group(display_name: str, *members: str, **attributes: Any) -> dict[str, Any]:
    """A group as a client posts it."""
    listed = {"members": [{"value": member} for member in members]} if members else {}
    return {"schemas": [CORE_GROUP], "displayName": display_name, **listed, **attributes}


def asking(**parameters: Any) -> Query:
    """A query as it comes from a URL."""
    return parse_query("&".join(f"{key}={quote(str(value))}" for key, value in parameters.items()))


def found(provider: Provider, type_: str | None, **parameters: Any) -> list[Any]:
    """The names of what is found, in order."""
    answer: Any = provider.find(type_, asking(**parameters), base=BASE)
    return [each.get("userName") or each.get("displayName") for each in answer["Resources"]]


def add(provider: Provider, *user_names: str) -> list[str]:
    """The ids of new users."""
    return [provider.create("User", user(name), base=BASE).id for name in user_names]


def read(provider: Provider, type_: str, ident: str) -> Any:
    """A resource as a client sees it."""
    return provider.get(type_, ident, base=BASE).resource


def patch(provider: Provider, type_: str, ident: str, *operations: Any) -> Any:
    """The resource after a PATCH."""
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}
    provider.patch(type_, ident, body, base=BASE)
    return read(provider, type_, ident)
