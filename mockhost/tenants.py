"""Connectors of kind `scim` while the mock runs: SCIM service providers beside the ECMA host's own connectors.

They share its listener, TLS, service and clock. One that springs up on demand is a tenant of its own, too: it has
its own objects, states, rule counters and chance, and can be reset without the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Protocol

from mockhost.clock import Chance, VirtualClock
from mockhost.connectors.ecma import behaviours as known
from mockhost.connectors.ecma.config import ConnectorConfig
from mockhost.connectors.ecma.connector import Connector
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.provider.config import ProviderConfig
from mockhost.errors import UsageError
from mockhost.rules import Rules, States
from mockhost.scenario.model import OnDemand
from mockhost.scim.errors import ScimError

if TYPE_CHECKING:
    from mockhost.connectors.provider.provider import Provider

KIND: Final = "scim"
"""The kind of these connectors."""
_NAME = re.compile(r"[A-Za-z0-9]{1,64}")
"""What a tenant may be called: as the wizard takes names, and no longer than a path segment can be."""
ANSWERS: Final[Mapping[str, object]] = {
    "unauthorized_body": "scim",
    "method_not_allowed_body": "scim",
}
"""Behaviours of the ECMA host that a SCIM service provider does not share (RFC 7644 3.12: errors are SCIM errors)."""


_PROVIDERS: dict[int, tuple[ProviderConfig, Provider]] = {}
_PROVIDERS_SIZE = 16
_MOST_WAITING = 16


def _pristine(config: ProviderConfig, clock: VirtualClock, chance: Chance, name: str) -> Provider:
    """A provider in its initial state, whose frozen data are shared by all of the same configuration."""
    from mockhost.connectors.provider.provider import Provider  # only for those who have such a connector

    found = _PROVIDERS.get(id(config))
    if found is None or found[0] is not config:
        if len(_PROVIDERS) >= _PROVIDERS_SIZE:
            _PROVIDERS.pop(next(iter(_PROVIDERS)))
        found = _PROVIDERS[id(config)] = (config, Provider(config, clock, chance, name=name))
    return found[1].anew(name=name, chance=chance, clock=clock)


class Tenant:
    """One connector of kind `scim`."""

    def __init__(
        self,
        page: ConnectorConfig,
        config: ProviderConfig,
        clock: VirtualClock,
        chance: Chance,
        *,
        rules: Rules | None = None,
        states: States | None = None,
    ) -> None:
        self.name = page.name
        self.config = page
        self.provider_config = config
        self.behaviours: Mapping[str, object] = known.resolve("current", {**ANSWERS, **page.behaviours})
        self.rules = rules
        """rules of its own, if it sprang up on demand"""
        self.states = states
        self._clock = clock
        self._chance = chance
        self._provider: Provider | None = None

    @property
    def provider(self) -> Provider:
        """What answers; made when first asked for."""
        if self._provider is None:
            self._provider = _pristine(self.provider_config, self._clock, self._chance, self.name)
        return self._provider

    def trial(self) -> AbstractContextManager[None]:
        """In this context everything that is written is taken back at its end."""
        return self.provider.trial()

    def resources(self) -> Iterator[dict[str, object]]:
        """Everything it holds, as plain JSON; other operations may be called before all of it is read."""
        provider = self.provider
        return (resource for kind in provider.types for resource in provider.resources(kind.name))

    def read_changes(self, change: Mapping[str, object]) -> None:
        """Raises UsageError for what is no change of resources."""
        for word, rows in change.items():
            if word not in ("insert", "update", "delete"):
                raise UsageError(f"a change has no {word!r}", hint="write insert, update or delete")
            if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
                raise UsageError(f"{word!r} is a list of maps")

    def change(self, change: Mapping[str, Any]) -> int:
        """Change resources behind the clients' back; how many it touched.

        An inserted resource is a Group if it has a displayName and no userName, or as its `type` says. `update` has
        `where` and `set`, `delete` what equals. Raises UsageError.
        """
        provider, count = self.provider, 0
        for row in change.get("insert", ()):
            document = dict(row)
            default = "User" if "userName" in row or "displayName" not in row else "Group"
            kind = str(document.pop("type", default))
            self._put(kind, document)
            count += 1
        for row in change.get("update", ()):
            for kind, resource in self._where(row.get("where", {})):
                self._put(kind, {**resource, **row.get("set", {})})
                count += 1
        for row in change.get("delete", ()):
            for kind, resource in self._where(row):
                provider.remove_object(kind, str(resource["id"]))
                count += 1
        return count

    def _put(self, kind: str, document: Mapping[str, object]) -> None:
        try:
            self.provider.put_object(kind, document)
        except ScimError as error:
            raise UsageError(f"{self.name}: {error.detail}") from None

    def _where(self, wanted: Mapping[str, object]) -> list[tuple[str, Mapping[str, object]]]:
        return [
            (kind.name, resource)
            for kind in self.provider.types
            for resource in list(self.provider.resources(kind.name))
            if all(resource.get(name) == value for name, value in wanted.items())
        ]

    def reset(self) -> None:
        """Back to the objects it began with."""
        self._provider = None

    def settings(self) -> dict[str, object]:
        """Its configuration without its secret token and data, as plain JSON."""
        config = self.provider_config
        return {
            "kind": self.config.kind,
            "strictness": config.strictness,
            "settings": dict(config.settings),
            "resource_types": [kind.name for kind in config.types],
            "schemas": list(config.schemas),
            "max_results": config.max_results,
            "page_size": config.page_size,
            "on_demand": self.rules is not None,
        }

    def state(self, *, running: bool) -> dict[str, object]:
        """What it is doing, as plain JSON, in the words of the other connectors."""
        count = self.provider.count()
        return {
            "running": running,
            "importing": False,
            "objects": count,
            "cached": count,
            "last_import": None,
            "import_problem": None,
        }


class Own(Protocol):
    """Makes the rules and states of a tenant that springs up: told its name and its chance."""

    def __call__(self, name: str, chance: Chance) -> tuple[Rules, States]: ...


class Tenants:
    """Every connector that the data plane serves, by name: the host's own, and those of kind `scim`.

    The runtime's lock guards it. A name that may spring up on demand is contained in it; what `get` gives for one is
    served from then on once `keep` is told of it.
    """

    def __init__(
        self,
        host: Host,
        pages: Mapping[str, ConnectorConfig],
        providers: Mapping[str, ProviderConfig],
        on_demand: OnDemand | None,
        clock: VirtualClock,
        chance: Chance,
        own: Own,
    ) -> None:
        self._host = host
        self._providers = providers
        self._on_demand = on_demand
        self._clock = clock
        self._chance = chance
        self._own = own
        self._sprung = 0
        self._waiting: dict[str, Tenant] = {}
        """those that nobody was let into yet"""
        self.tenants: dict[str, Tenant] = {
            name: Tenant(pages[name], config, clock, chance) for name, config in providers.items()
        }

    def __contains__(self, name: object) -> bool:
        assert isinstance(name, str)
        if name in self._host.connectors:
            return True
        return self._host.running and (name in self.tenants or self._may_spring_up(name))

    def __iter__(self) -> Iterator[str]:
        yield from self._host.connectors
        if self._host.running:
            yield from self.tenants

    def get(self, name: str) -> Connector | Tenant | None:
        """The connector of this name, if it is served."""
        found: Connector | Tenant | None = self._host.connectors.get(name)
        if found is not None or not self._host.running:
            return found
        found = self.tenants.get(name)
        if found is None and self._may_spring_up(name):
            return self._sprouted(name)
        return found

    def _sprouted(self, name: str) -> Tenant:
        """One that springs up as soon as it lets somebody in; few are remembered until then, whoever asks."""
        found = self._waiting.get(name)
        if found is None:
            if len(self._waiting) >= _MOST_WAITING:
                self._drop(self._waiting.pop(next(iter(self._waiting))))
            found = self._waiting[name] = self._sprout(name)
        return found

    @staticmethod
    def _drop(tenant: Tenant) -> None:
        """It is no more: nothing follows of its states."""
        if tenant.states is not None:
            tenant.states.end()

    def _may_spring_up(self, name: str) -> bool:
        on_demand = self._on_demand
        return (
            on_demand is not None
            and self._sprung < on_demand.max
            and name not in self._host.configured
            and _NAME.fullmatch(name) is not None
        )

    def _sprout(self, name: str) -> Tenant:
        assert self._on_demand is not None
        template = self.tenants[self._on_demand.template]
        digest = self._chance.digest(f"tenant\0{name}", 0, 7)
        chance = Chance(int.from_bytes(digest, "big"))
        rules, states = self._own(name, chance)
        page = template.config._replace(name=name)
        return Tenant(page, template.provider_config, self._clock, chance, rules=rules, states=states)

    def renew(self, name: str) -> None:
        """A tenant that sprang up begins anew: objects, states, rule counters and chance."""
        self._drop(self.tenants[name])
        self.tenants[name] = self._sprout(name)

    def keep(self, tenant: Tenant) -> None:
        """A tenant that sprang up has let somebody in: it stays."""
        if self.tenants.get(tenant.name) is not tenant:
            self._waiting.pop(tenant.name, None)
            self.tenants[tenant.name] = tenant
            self._sprung += 1

    @property
    def with_own_rules(self) -> list[Tenant]:
        """Those that sprang up on demand, and those that may yet."""
        return [*self.sprung, *self._waiting.values()]

    @property
    def sprung(self) -> list[Tenant]:
        """Those that sprang up on demand."""
        return [tenant for tenant in self.tenants.values() if tenant.rules is not None]

    def is_provider(self, name: str) -> bool:
        """Whether a connector of this name is of kind `scim`, or would be if it sprang up now."""
        return name in self.tenants or self._may_spring_up(name)

    def find(self, name: str) -> Tenant | None:
        """The connector of kind `scim` of this name, whether or not the service runs."""
        return self.tenants.get(name)

    def configure(
        self, pages: Mapping[str, ConnectorConfig], providers: Mapping[str, ProviderConfig]
    ) -> None:
        """Take over changed pages. What a provider is made of counts from its next reset on, all else at once."""
        for name, config in providers.items():
            known_one = self.tenants.get(name)
            if known_one is None:
                self.tenants[name] = Tenant(pages[name], config, self._clock, self._chance)
                continue
            changed = Tenant(
                pages[name], config, self._clock, self._chance, rules=known_one.rules, states=known_one.states
            )
            if known_one.provider_config is not config and known_one._provider is not None:
                known_one.provider.become(config)
            changed._provider = known_one._provider
            self.tenants[name] = changed
        for name in list(self.tenants):
            if name in self._providers and name not in providers:
                del self.tenants[name]
        self._providers = providers
        while self._waiting:  # made of the page that is no more
            self._drop(self._waiting.popitem()[1])

    def refuse(self, name: str, what: str) -> None:
        """Raises UsageError if the connector is of kind `scim`, which has no such thing as `what`."""
        if name in self.tenants:
            hint = "its clients see what was written at once"
            raise UsageError(f"connector {name} is of kind scim, which has no {what}", hint=hint)
