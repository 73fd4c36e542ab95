"""A scenario once it is loaded: plain values that nothing changes any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mockhost.actions import Actions
from mockhost.connectors.ecma.config import ConnectorConfig, HostConfig
from mockhost.rules.rule import Rule
from mockhost.rules.states import Blueprint as States

if TYPE_CHECKING:
    from mockhost.connectors.provider.blueprint import Blueprint
    from mockhost.connectors.proxy.target import ProxyConfig
    from mockhost.scenario.layers import Layer
    from mockhost.windows.config import MachineConfig

SETTABLE = ("host", "machine", "connectors", "client", "rules", "vars")
"""The keys of a scenario whose values can be set while the host runs; the others count when it begins."""
SETTABLE_HINT = f"live are {', '.join(SETTABLE)}; begin again with the scenario for the rest"

Step = dict[str, object]
"""A step as written; durations are seconds (floats)."""


class Moment(NamedTuple):
    """An entry of the timeline: what happens so many seconds after the start."""

    at: float
    actions: Actions


class ClockConfig(NamedTuple):
    """The virtual clock: `wall` or `frozen`, how fast, and where it starts (seconds since 1970, or None)."""

    mode: str = "wall"
    speed: float = 1.0
    start: float | None = None


class OnDemand(NamedTuple):
    """Connectors that are created on demand: which one each is like at the start, and how many there may be."""

    template: str
    max: int = 1_000


class Trail(NamedTuple):
    """How a scenario came to be: what it was put together from, and the environment that it was read in."""

    layers: Sequence[Layer]
    env: Mapping[str, str]
    data_files: tuple[Path, ...] = ()


class Scenario(NamedTuple):
    """One scenario, whole and valid.

    In the lists of steps each entry is a dict as it is written, with every duration in seconds as a float under the
    same key: `advance`, `gets.took.at_least` and `at_most`, `gets.ends.no_answer_within`.
    """

    name: str
    """its name on a shelf, or its file's name without the suffix"""
    origin: str | None
    """the path of its file, or None if it was made in Python"""
    title: str
    why: str
    reproduces: tuple[str, ...]
    sources: tuple[str, ...]
    tags: tuple[str, ...]
    cause: str | None
    client_should: str | None
    seed: int
    clock: ClockConfig
    host: HostConfig
    machine: MachineConfig | None
    """the Windows server around the host, where the scenario speaks of it"""
    connectors: dict[str, ConnectorConfig]
    client: dict[str, dict[str, object]]
    """what the client was told, by connector: tenant_url, secret_token, trusts, each only where it was said"""
    timeline: tuple[Moment, ...]
    states: States
    """the host's states, and below those of connectors that have their own"""
    connector_states: dict[str, States]
    rules: tuple[Rule, ...]
    providers: dict[str, Blueprint]
    """the connectors of kind `scim`: what each is made from, beside its entry in `connectors`"""
    proxies: dict[str, ProxyConfig]
    """the connectors of kind `proxy`, beside their entries in `connectors`"""
    on_demand: OnDemand | None
    expect: tuple[Step, ...]
    cure: tuple[Step, ...]
    cured: tuple[Step, ...]
    wrong_cure: tuple[Step, ...]
    """what must not hold after the cure"""
    entra: dict[str, object]
    """the application in Entra that provisions to a connector, as it is written; entra/enterprise.py reads it"""
    parent: str | None
    """what it extends, so that `loader.load` finds it: a name, or a path"""
    secrets: tuple[str, ...]
    """values that came from the environment: never to be shown"""
    document: dict[str, object]
    """the merged document as written, variables not yet replaced; not to be changed"""
    trail: Trail

    @property
    def actions(self) -> Iterator[Actions]:
        """What may happen by itself: at moments of the timeline, and in states."""
        yield from (moment.actions for moment in self.timeline)
        for blueprint in (self.states, *self.connector_states.values()):
            yield from (state.actions for state in blueprint.states.values())

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that it was read from: its own, its parents', and data files. A change of one changes it."""
        files = [file for layer in self.trail.layers for file in layer.files]
        return tuple(dict.fromkeys([*files, *self.trail.data_files]))

    def __repr__(self) -> str:
        """Without the values, among which there are secrets."""
        return f"<Scenario {self.name}>"
