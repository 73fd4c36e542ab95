"""The host as a whole: the service with its settings, its connectors, and the systems behind them.

Configured and effective are two things, as on the real host: what the service reads when it starts (Debug, the
connectors' pages) counts from its next start on. The connected systems are not the service's: they outlive it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mockhost.clock import Chance, VirtualClock, iso
from mockhost.connectors.contract import Answer
from mockhost.connectors.ecma import behaviours as known
from mockhost.connectors.ecma.answers import refusal
from mockhost.connectors.ecma.backlog import Backlog, Started, Stopped
from mockhost.connectors.ecma.config import Column, ConnectorConfig, HostConfig
from mockhost.connectors.ecma.running import Perform, RunningConnector, done_at_once
from mockhost.connectors.systems.system import System, open_system
from mockhost.errors import ProtocolAnswer, UsageError, did_you_mean
from mockhost.exchange import Exchange
from mockhost.slices import performed

if TYPE_CHECKING:
    from mockhost.connectors.kept import Kept


class Host:
    """One connector host. Not thread-safe: the runtime's lock guards it."""

    def __init__(
        self,
        config: HostConfig,
        connectors: Mapping[str, ConnectorConfig],
        clock: VirtualClock,
        seed: int,
        kept: Kept | None = None,
        *,
        is_fork: bool = False,
        outside: Perform = done_at_once,
    ) -> None:
        """`outside` is told to perform what is done with a system outside of the process."""
        self._outside = outside
        self.clock = clock
        self.chance = Chance(seed)
        self.config = config
        self.configured = dict(connectors)
        self._kept = kept
        self.systems: dict[str, System] = {}
        self._kinds: dict[str, str] = {}
        self._is_fork = is_fork
        for page in connectors.values():
            self._open(page)
        self.behaviours: Mapping[str, object] = known.resolve(config.generation, config.behaviours)
        self.running = False
        self.debug = False
        self.connectors: dict[str, RunningConnector] = {}
        """the connectors of the running service; empty while it is stopped"""
        self.started_at: float | None = None
        self.backlog = Backlog()
        """what the event logs of the Windows server around the host have not read yet"""

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
        self.backlog.event(Started(self.started_at, self.debug, dict(self.configured)))
        for name, page in self.configured.items():
            if self._kinds[name] != page.system.kind:
                self.systems[name].close()
                self._open(page)
            system = self.systems[name]
            system.configure(page)
            self._run(page, system)

    def _open(self, page: ConnectorConfig) -> None:
        self.systems[page.name] = open_system(page, self.chance, copied=self._is_fork)
        if self._kept is not None:
            self.systems[page.name].keep(self._kept)
        self._kinds[page.name] = page.system.kind

    def _run(self, page: ConnectorConfig, system: System) -> None:
        self._prepare(system)
        connector = RunningConnector(
            page, system, self._behaviours_of(page), self.clock, self, self.backlog, self._outside
        )
        self.connectors[page.name] = connector
        connector.start()

    def _prepare(self, system: System) -> None:
        """Have the scenario's objects put into a system outside of the process, if that is still to be done."""
        if system.waits:
            self._outside(system, performed(system.prepare))

    def begin_again(self) -> None:
        """Go on, as a fork, with the imports that the original was reading."""
        for connector in self.connectors.values():
            connector.space.begin_again()

    def stop(self) -> None:
        """Stop the service: its connector spaces and running imports are gone."""
        if self.running:
            self.backlog.event(Stopped(self.clock.now()))
        for connector in self.connectors.values():
            connector.space.stop()
        self.connectors.clear()
        self.running = False
        self.started_at = None

    def separate(self) -> None:
        """Become a fork's own, as `System.separate` says. Raises CannotRun, and holds nothing then."""
        self._is_fork = True
        done: list[System] = []
        try:
            for system in self.systems.values():
                system.separate()
                done.append(system)
        except BaseException:
            for system in done:
                system.close()
            raise

    def close(self) -> None:
        """Let go of the connected systems."""
        for system in self.systems.values():
            system.close()

    def reset(self, name: str) -> None:
        """Put one connected system back to the objects it began with, and start its connector again.

        Raises UsageError for one that there is not, and for one whose objects can't be put back.
        """
        system, page = self.system(name), self.configured[name]
        system.reset(page)
        running = self.connectors.pop(name, None)
        if running is None:
            self._prepare(system)
            return
        running.space.stop()
        self._run(page, system)

    def refuse(self, problem: ProtocolAnswer, call: Exchange) -> Answer:
        """Word the refusal of a request that goes to no connector."""
        return refusal(problem, self.behaviours, call)

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
                self._open(page)
            elif self._kinds[name] == page.system.kind:
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

    def connector(self, name: str) -> RunningConnector:
        """A running connector, for those who operate the mock. Raises UsageError naming near names."""
        if name not in self.configured:
            raise UsageError(f"there is no connector {name!r}", hint=did_you_mean(name, self.configured))
        if name not in self.connectors:
            raise UsageError(f"connector {name} is not running", hint="start or restart the service")
        return self.connectors[name]

    def system(self, name: str) -> System:
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

    def page_settings(self, name: str, *, effective: bool) -> dict[str, object]:
        """The settings of one connector; as configured if it does not run, in effect if it is configured no more."""
        pages = (
            self.configured.get(name),
            self.connectors[name].config if name in self.connectors else None,
        )
        first, second = reversed(pages) if effective else pages
        page = first or second
        return {} if page is None else _page(page)

    def state(self) -> dict[str, dict[str, object]]:
        """What each connector is doing, as plain JSON."""
        return {name: self.state_of(name) for name in self.systems}

    def state_of(self, name: str) -> dict[str, object]:
        """What one connector is doing, as plain JSON."""
        connector = self.connectors.get(name)
        space = None if connector is None else connector.space
        ended = None if space is None else space.last_import
        return {
            "running": space is not None,
            "importing": space is not None and space.importing,
            "objects": len(self.systems[name]),
            "cached": 0 if space is None else len(space),
            "last_import": None if ended is None else iso(ended),
            "import_problem": None if space is None else space.problem,
        }


def _pages(page: ConnectorConfig) -> tuple[object, ...]:
    """The part of a connector's configuration that the service reads when it starts."""
    return page._replace(
        behaviours={}, system=page.system._replace(objects=(), people=None, table="", rights=(), trouble="")
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
        "system": {
            "kind": page.system.kind,
            "table": page.system.table,
            "trouble": page.system.trouble,
            "columns": [_column(column) for column in page.system.columns],
        },
    }


def _column(column: Column) -> dict[str, object]:
    """A column as the wizard shows it."""
    shown = {"multi_valued": column.multi_valued, "generated": column.generated is not None}
    return {
        "name": column.name,
        "type": column.type,
        "required": column.required,
        "unique": column.unique,
        **{word: True for word, so in shown.items() if so},
    }
