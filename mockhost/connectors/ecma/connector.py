"""A connector of the ECMA host, whether or not the service runs: what the rest of the mock sees of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext

from mockhost.clock import Chance
from mockhost.connectors.contract import (
    UNKNOWN,
    Answer,
    Connector,
    NotAllowed,
    Refused,
    Resource,
    Steps,
    token_problem,
)
from mockhost.connectors.ecma.answers import refusal
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.ecma.operations import OPERATIONS, TABLE
from mockhost.connectors.ecma.space import Found
from mockhost.errors import ProtocolAnswer, UsageError
from mockhost.exchange import Exchange
from mockhost.slices import Steps as Work


class EcmaConnector:
    """One of the host's connectors by its name."""

    standard = False
    operations: Mapping[str, Resource] = TABLE

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self.name = name

    @property
    def kind(self) -> str:
        return self._host.configured[self.name].kind

    @property
    def running(self) -> bool:
        return self.name in self._host.connectors

    @property
    def secret_token(self) -> str:
        return self._host.connectors[self.name].config.secret_token

    @property
    def behaviours(self) -> Mapping[str, object]:
        return self._host.connectors[self.name].behaviours

    @property
    def identifier(self) -> str:
        return self._host.connectors[self.name].object_type.anchor

    # -- requests -----------------------------------------------------------------------------------------

    def admit(self, call: Exchange) -> Refused | None:
        running = self._host.connectors[self.name]
        behaviours, allowed = running.behaviours, call.operation != UNKNOWN
        if call.operation == "list_users" and behaviours["filterless_list"] == 405:
            allowed = False
        if allowed or not behaviours["method_not_allowed_before_auth"]:
            problem = token_problem(call, self.name, running.config.secret_token)
            if problem is not None and not self._is_open(call.operation, behaviours):
                return problem
        return None if allowed else NotAllowed()

    def _is_open(self, operation: str, behaviours: Mapping[str, object]) -> bool:
        """Whether no token is asked for: with Debug, or at an endpoint that does not want one."""
        if self._host.debug:
            return True
        if operation == "schemas":
            return behaviours["schemas_access"] == "open"
        return operation == "cache" and behaviours["cache_access"] == "debug"  # it closes by itself

    def answer(self, operation: str, call: Exchange) -> Answer | Steps:
        return OPERATIONS[operation](call, self._host.connectors[self.name])

    def refuse(self, problem: ProtocolAnswer, call: Exchange) -> Answer:
        return refusal(problem, self.behaviours, call)

    def matches(self, call: Exchange) -> Work[int]:
        found: object = self._host.connectors[self.name].space.find(call.wanted(), 1, 0)
        if callable(found):
            found = yield found
        assert isinstance(found, Found)
        return found.total

    def trial(self) -> AbstractContextManager[None]:
        running = self._host.connectors.get(self.name)
        return nullcontext() if running is None else running.trial()

    def on_demand(self, name: str, chance: Chance) -> Connector:
        raise UsageError(f"connector {self.name} of kind {self.kind} can't be created on demand")

    # -- for people who operate the mock ------------------------------------------------------------------

    def check_change(self, change: Mapping[str, object]) -> None:
        self._host.system(self.name).check_change(change)

    def change(self, change: Mapping[str, object]) -> int:
        return self._host.system(self.name).change(change)

    def objects(self) -> Iterator[dict[str, object]]:
        system = self._host.system(self.name)
        records = system.snapshot().records()
        return (_plain(system.values(record)) for _, record in records)

    def cached(self, base_url: str) -> Iterator[dict[str, object]]:
        connector = self._host.connector(self.name)
        return (connector.object_type.resource(record, base_url) for record in connector.space.snapshot())

    def copies(self) -> Iterator[dict[str, object]]:
        system, space = self._host.system(self.name), self._host.connector(self.name).space
        return (_plain(system.values(record)) for record in space.snapshot())

    def import_now(self, profile: str) -> None:
        self._host.connector(self.name).space.begin_import(profile)

    def settings(self, *, effective: bool) -> dict[str, object]:
        return self._host.page_settings(self.name, effective=effective)

    def state(self) -> dict[str, object]:
        return self._host.state_of(self.name)

    def reset(self) -> None:
        self._host.reset(self.name)


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
