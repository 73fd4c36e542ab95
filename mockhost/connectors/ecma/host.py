"""The host as a whole: the service with its settings, its connectors, and the systems behind them.

Configured and effective are two things, as on the real host: what the service reads when it starts (Debug, the
connectors' pages) counts from its next start on. The connected systems are not the service's: they outlive it.
"""

from __future__ import annotations

from collections.abc import Mapping

from mockhost.clock import Chance, VirtualClock, iso
from mockhost.connectors.ecma import behaviours as known
from mockhost.connectors.ecma.config import ConnectorConfig, HostConfig
from mockhost.connectors.ecma.connector import Connector
from mockhost.connectors.ecma.system import ConnectedSystem
from mockhost.errors import UsageError, did_you_mean


class Host:
    """One connector host. Not thread-safe: the runtime's lock guards it."""

    def __init__(
        self, config: HostConfig, connectors: Mapping[str, ConnectorConfig], clock: VirtualClock, seed: int
    ) -> None:
        self.clock = clock
        self.chance = Chance(seed)
        self.config = config
        self.configured = dict(connectors)
        self.systems = {name: ConnectedSystem(page, self.chance) for name, page in connectors.items()}
        self.behaviours: Mapping[str, object] = known.resolve(config.generation, config.behaviours)
        self.running = False
        self.debug = False
        self.connectors: dict[str, Connector] = {}
        """the connectors of the running service; empty while it is stopped"""
        self.started_at: float | None = None

    def start(self, *, first: bool = False) -> None:
        """Start the service: read the configuration, build the connectors, begin their imports.

        `first` is the start that the scenario tells of: then `debug_effective` says what was read at it.
        """
        if self.running:
            return
        self.running = True
        self.started_at = self.clock.now()
        read_then = self.config.debug_effective if first else None
        self.debug = self.config.debug if read_then is None else read_then
        for name, page in self.configured.items():
            system = self.systems[name]
            system.configure(page)
            self._run(page, system)

    def _run(self, page: ConnectorConfig, system: ConnectedSystem) -> None:
        connector = Connector(page, system, self._behaviours_of(page), self.clock)
        self.connectors[page.name] = connector
        connector.start()

    def stop(self) -> None:
        """Stop the service: its connector spaces and running imports are gone."""
        for connector in self.connectors.values():
            connector.space.stop()
        self.connectors.clear()
        self.running = False
        self.started_at = None

    def reset(self, name: str) -> None:
        """Put one connected system back to the objects it began with, and start its connector anew.

        Raises UsageError for one that there is not.
        """
        self.system(name)
        page = self.configured[name]
        self.systems[name] = system = ConnectedSystem(page, self.chance)
        running = self.connectors.pop(name, None)
        if running is None:
            return
        running.space.stop()
        self._run(page, system)

    def restart(self) -> None:
        self.stop()
        self.start()

    def switch_debug(self, debug: bool) -> None:
        """Go on as if the service had read this value of Debug when it started; the configured one stays."""
        self.debug = debug

    def configure(self, config: HostConfig, connectors: Mapping[str, ConnectorConfig]) -> bool:
        """Take over a changed configuration; True if what changed waits for the service's next start.

        At once: behaviours, and whatever belongs to the connected systems. At the next start: the rest.
        """
        read_at_start = self._read_at_start()
        self.config = config
        self.behaviours = known.resolve(config.generation, config.behaviours)
        for name, page in connectors.items():
            if name not in self.systems:
                self.systems[name] = ConnectedSystem(page, self.chance)
            else:
                self.systems[name].configure(page, running=name in self.connectors)
            running, wanted = self.connectors.get(name), self._behaviours_of(page)
            if running is not None and running.behaviours != wanted:
                running.behave(wanted)
        self.configured = dict(connectors)
        return self.running and self._read_at_start() != read_at_start

    def _read_at_start(self) -> tuple[bool, dict[str, tuple[object, ...]]]:
        """All of the configuration that the service reads when it starts."""
        return self.config.debug, {name: _pages(page) for name, page in self.configured.items()}

    def pending(self) -> bool:
        """Whether the running service has not yet read all of what is configured."""
        if not self.running:
            return False
        return self._read_at_start() != (
            self.debug,
            {n: _pages(c.config) for n, c in self.connectors.items()},
        )

    def _behaviours_of(self, page: ConnectorConfig) -> Mapping[str, object]:
        return known.resolve(self.config.generation, {**self.config.behaviours, **page.behaviours})

    def connector(self, name: str) -> Connector:
        """A running connector, for those who operate the mock. Raises UsageError naming near names."""
        if name not in self.configured:
            raise UsageError(f"there is no connector {name!r}", hint=did_you_mean(name, self.configured))
        if name not in self.connectors:
            raise UsageError(f"connector {name} is not running", hint="start or restart the service")
        return self.connectors[name]

    def system(self, name: str) -> ConnectedSystem:
        """The connected system behind a connector. Raises UsageError naming near names."""
        if name not in self.systems:
            raise UsageError(f"there is no connector {name!r}", hint=did_you_mean(name, self.systems))
        return self.systems[name]

    def settings(self, *, effective: bool) -> dict[str, object]:
        """The service's settings as plain JSON: as configured, or as the running service has read them."""
        pages = self.configured if not effective else {name: c.config for name, c in self.connectors.items()}
        return {
            "service": "running"
            if (self.running if effective else self.config.service == "running")
            else "stopped",
            "debug": self.debug if effective else self.config.debug,
            "generation": self.config.generation,
            "connectors": {name: _page(page) for name, page in pages.items()},
        }

    def state(self) -> dict[str, dict[str, object]]:
        """What each connector is doing, as plain JSON."""
        states: dict[str, dict[str, object]] = {}
        for name, system in self.systems.items():
            connector = self.connectors.get(name)
            states[name] = {
                "running": connector is not None,
                "importing": connector is not None and connector.space.importing,
                "objects": len(system.table),
                "cached": 0 if connector is None else len(connector.space),
                "last_import": None
                if connector is None or connector.space.last_import is None
                else iso(connector.space.last_import),
                "import_problem": None if connector is None else connector.space.problem,
            }
        return states


def _pages(page: ConnectorConfig) -> tuple[object, ...]:
    """The part of a connector's configuration that the service reads when it starts."""
    return page._replace(
        behaviours={}, system=page.system._replace(objects=(), people=None, table="", rights=())
    )


def _page(page: ConnectorConfig) -> dict[str, object]:
    """A connector's configuration without its secret token and data."""
    return {
        "kind": page.kind,
        "anchor": page.anchor,
        "object_type": page.object_type,
        "dn": page.dn._asdict(),
        "import": page.imports._asdict(),
        "deprovisioning": page.deprovisioning._asdict(),
        "selected_attributes": list(page.selected_attributes),
        "single_value": list(page.single_value),
        "dll": page.dll,
    }
