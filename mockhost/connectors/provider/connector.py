"""A connector of kind `scim`: a SCIM service provider beside the connectors of the ECMA host.

It shares their listener, TLS, service and clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from mockhost.clock import Chance, VirtualClock
from mockhost.connectors.contract import (
    UNKNOWN,
    Answer,
    NotAllowed,
    Refused,
    Resource,
    Service,
    Steps,
    scim_error,
    token_problem,
)
from mockhost.connectors.provider.blueprint import Blueprint
from mockhost.connectors.provider.operations import BEHAVIOURS, answer, table
from mockhost.connectors.provider.provider import Provider
from mockhost.errors import CannotRun, ProtocolAnswer, UsageError
from mockhost.exchange import Exchange
from mockhost.scim.errors import ScimError
from mockhost.scim.queries import Query
from mockhost.slices import Steps as Work

if TYPE_CHECKING:
    from mockhost.connectors.kept import Kept


class ProviderConnector:
    """One connector of kind `scim`. Its provider is made when it is first asked for."""

    kind = "scim"
    standard = True
    identifier = "userName"
    behaviours: Mapping[str, object] = BEHAVIOURS

    def __init__(
        self,
        name: str,
        secret_token: str,
        blueprint: Blueprint,
        service: Service,
        clock: VirtualClock,
        chance: Chance,
        *,
        on_demand: bool = False,
    ) -> None:
        self.name = name
        self.secret_token = secret_token
        self._blueprint = blueprint
        self._service = service
        self._clock = clock
        self._chance = chance
        self._is_on_demand = on_demand
        self._provider: Provider | None = None
        self._kept: Kept | None = None

    @property
    def provider(self) -> Provider:
        if self._provider is None:
            config, blueprint = self._blueprint.config, self._blueprint
            made = Provider(config, self._clock, self._chance, name=self.name, blueprint=blueprint)
            if self._kept is not None:
                made.keep(self._kept.store(self.name, made.made_from()))
            self._provider = made
        return self._provider

    def keep(self, kept: Kept) -> None:
        """Take over what was kept of it, and keep what is written from now on; call it before anything is written.

        Raises UsageError, CannotRun.
        """
        self._kept, self._provider = kept, None
        if not self._is_on_demand or self.name in kept.names():
            self._provider = self.provider

    @property
    def running(self) -> bool:
        return self._service.running

    @property
    def operations(self) -> Mapping[str, Resource]:
        return table(self._blueprint.config.types)

    def on_demand(self, name: str, chance: Chance) -> ProviderConnector:
        """A connector of another name with the same configuration, and objects and chance of its own."""
        return ProviderConnector(
            name, self.secret_token, self._blueprint, self._service, self._clock, chance, on_demand=True
        )

    def configure(self, secret_token: str, config: Blueprint) -> None:
        """Take over a changed configuration: the secret token at once, the rest with the next reset."""
        self.secret_token = secret_token
        self._blueprint = config

    # -- requests -----------------------------------------------------------------------------------------

    def admit(self, call: Exchange) -> Refused | None:
        if call.operation == UNKNOWN:
            return NotAllowed()
        return token_problem(call, self.name, self.secret_token)

    def answer(self, operation: str, call: Exchange) -> Answer | Steps:
        try:
            return answer(operation, call, self.provider)
        except CannotRun as error:  # a write that can't be kept is not made
            raise ScimError(500, None, f"The request can't be carried out: {error.message}.") from None

    def refuse(self, problem: ProtocolAnswer, call: Exchange) -> Answer:
        if isinstance(problem, NotAllowed):
            text = f"The requested resource does not support http method '{call.method}'."
            allow = ", ".join(name for name in call.allow if name != call.method)
            return self._error(405, text, ("Allow", allow))
        if isinstance(problem, Refused):
            status = 401 if problem.verdict == "unauthorized" else 404
            if status == 404:
                return self._error(404, problem.message)
            text = "Authorization has been denied for this request."
            return self._error(401, text, ("WWW-Authenticate", "Bearer"))._replace(reason=problem.message)
        assert isinstance(problem, ScimError)
        return scim_error(problem, BEHAVIOURS)

    def _error(self, status: int, text: str, *headers: tuple[str, str]) -> Answer:
        answer = scim_error(ScimError(status, None, text), BEHAVIOURS)
        return answer._replace(headers=(*answer.headers, *headers))

    def matches(self, call: Exchange) -> Work[int]:
        query = Query(filter=call.asked().filter, count=0)
        listed = yield from self.provider.finding(self.provider.type_at(call.resource), query, base="")
        total = listed["totalResults"]
        assert isinstance(total, int)
        return total

    def trial(self) -> AbstractContextManager[None]:
        return self.provider.trial()

    # -- for people who operate the mock ------------------------------------------------------------------

    def check_change(self, change: Mapping[str, object]) -> None:
        for word, rows in change.items():
            if word not in ("insert", "update", "delete"):
                raise UsageError(f"a change has no {word!r}", hint="write insert, update or delete")
            if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
                raise UsageError(f"{word!r} is a list of maps")

    def change(self, change: Mapping[str, Any]) -> int:
        """Change resources behind the clients' back; how many it touched.

        An inserted resource is a Group if it has a displayName and no userName, or as its `type` says. `update` has
        `where` and `set`, `delete` what equals. All is done or, where that can't be, nothing. Raises UsageError,
        CannotRun.
        """
        with self.provider.together():
            return self._change(change)

    def _change(self, change: Mapping[str, Any]) -> int:
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

    def objects(self) -> Iterator[dict[str, object]]:
        provider = self.provider
        return (resource for kind in provider.types for resource in provider.resources(kind.name))

    def cached(self, base_url: str) -> Iterator[dict[str, object]]:
        return self.objects()

    def copies(self) -> Iterator[dict[str, object]]:
        return self.objects()

    def import_now(self, profile: str) -> None:
        hint = "its clients see what was written at once"
        raise UsageError(f"connector {self.name} is of kind scim, which has no imports", hint=hint)

    def settings(self, *, effective: bool) -> dict[str, object]:
        config = self._blueprint.config
        return {
            "kind": self.kind,
            "strictness": config.strictness,
            "settings": dict(config.settings),
            "resource_types": [kind.name for kind in config.types],
            "schemas": list(config.schemas),
            "max_results": config.max_results,
            "page_size": config.page_size,
            "on_demand": self._is_on_demand,
        }

    def state(self) -> dict[str, object]:
        """As other connectors give it: nothing of it waits for an import."""
        count = self.provider.count()
        return {
            "running": self.running,
            "importing": False,
            "objects": count,
            "cached": count,
            "last_import": None,
            "import_problem": None,
        }

    def reset(self) -> None:
        if self._kept is not None:
            self._kept.forget(self.name)
        self._provider = None


def make(
    *,
    name: str,
    secret_token: str,
    config: Blueprint,
    service: Service,
    clock: VirtualClock,
    chance: Chance,
) -> ProviderConnector:
    """A connector of kind `scim` (see `mockhost.connectors.kinds`)."""
    return ProviderConnector(name, secret_token, config, service, clock, chance)
