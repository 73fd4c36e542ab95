"""A host without sockets, and someone to operate it for the faults that act on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockhost.clock import VirtualClock
from mockhost.connectors.ecma.connector import ready
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.ecma.running import Outcome, RunningConnector
from mockhost.errors import ProtocolAnswer, UsageError
from mockhost.faults.contract import Context, Draft
from mockhost.faults.parameters import read
from mockhost.matching import ABSENT
from mockhost.scenario import loader
from mockhost.scim import grammar
from tests.connectors.ecma.conftest import user

BOB = {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}


class Asked:
    """A request, as far as a fault looks at it."""

    method, path, target = "GET", "/Users", "/Users"

    def __init__(
        self, operation: str, connector: str | None, ident: str | None, values: Mapping[str, object]
    ):
        self.operation, self.connector, self.id = operation, connector, ident
        self._values = values

    def header(self, name: str) -> str | None:
        """There is none."""
        return None

    def attribute(self, name: str) -> object:
        """A value that the request brings or looks for."""
        return self._values.get(name, ABSENT)


class Bench:
    """basics/healthy, started, on a frozen clock; it is the operator, too."""

    def __init__(self, **overrides: Any) -> None:
        self.scenario = loader.load("basics/healthy", overrides=overrides or None)
        self.host = Host(
            self.scenario.host, self.scenario.connectors, VirtualClock("frozen"), self.scenario.seed
        )
        self.host.start(first=True)
        self.memory: dict[str, object] = {}
        self.ordinal = 0

    # -- what an operator can do ---------------------------------------------------------------------------

    def set(self, path: str, value: object) -> object:
        """Set a value of the scenario."""
        self.scenario = loader.with_overrides(self.scenario, {path: value})
        return self.host.configure(self.scenario.host, self.scenario.connectors)

    def change(self, changes: Mapping[str, object]) -> int:
        """Change connected systems."""
        count = 0
        for name, change in changes.items():
            assert isinstance(change, Mapping)
            count += self.host.system(name).change(change)
        return count

    def import_now(self, name: str, profile: str = "full") -> None:
        """Begin an import."""
        self.host.connector(name).space.begin_import(profile)

    def service(self, action: str) -> None:
        """Restart the service, which is all that is ever wanted here."""
        assert action == "restart"
        self.host.restart()

    def refuse(self, seconds: float) -> None:
        """There is no port to close."""
        raise UsageError("there is no port")

    # -- faults and what comes of them ----------------------------------------------------------------------

    def act(
        self,
        said: object,
        operation: str = "find_users",
        *,
        connector: str | None = "SQL",
        ident: str | None = None,
        **values: object,
    ) -> None:
        """A rule with this fault fires for a request."""
        (chosen,) = read(said)
        assert chosen.fault.host is not None
        self.ordinal += 1
        context = Context(
            asked=Asked(operation, connector, ident, values),
            connector=self.host.connectors.get(connector or ""),
            operator=self,
            now=self.host.clock.now(),
            chance=self.host.chance,
            name="the rule\0000",
            ordinal=self.ordinal,
            memory=self.memory,
            error=lambda status, text, scim_type: Draft(status),
        )
        chosen.fault.host(chosen.parameters, context)

    def connector(self, name: str = "SQL") -> RunningConnector:
        """A running connector."""
        return self.host.connector(name)

    def ready(self, name: str = "SQL") -> str:
        """What a connector tells its clients: `ready`, or why not."""
        try:
            ready(self.connector(name))
        except ProtocolAnswer as error:
            return type(error).__name__
        return "ready"

    def found(self, text: str, name: str = "SQL") -> list[dict[str, object]]:
        """The objects of the cache that a filter finds, by column."""
        connector = self.connector(name)
        found = connector.find(grammar.parse(text), 1, 100)
        return [dict(connector.system.values(record)) for record in found.records]

    def create(self, **values: object) -> Outcome | str:
        """Create somebody by way of the host; the outcome, or its refusal."""
        try:
            return self.connector().create(user(**values))
        except ProtocolAnswer as error:
            return str(error)
