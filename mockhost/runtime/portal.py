"""The portal of a running mock: the application of the scenario's `entra:`, on the host's own clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mockhost.entra import agent
from mockhost.entra.agent import SOUND, Agent, Machine
from mockhost.entra.enterprise import EnterpriseApp
from mockhost.entra.reading import Scripted, agents_of
from mockhost.entra.store import Store
from mockhost.errors import CannotRun, UsageError, did_you_mean
from mockhost.runtime import agents, targets
from mockhost.scenario import loader
from mockhost.scenario.sources import NETWORK

if TYPE_CHECKING:
    from mockhost.running import ClientTarget
    from mockhost.runtime.runtime import Runtime
    from mockhost.runtime.state import State

PATIENCE = 10.0
"""Seconds on the wall that an answer may take, unless the caller says otherwise."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Portal:
    """The application of the scenario that is played. The runtime's `portal_lock` guards it."""

    def __init__(self, runtime: Runtime) -> None:
        said = runtime.scenario.entra
        self._around = Neighbourhood(runtime, runtime.state)
        self._store = Store()
        if found := agents_of(said, runtime.state.began):
            self._store.set("agents", found)
        self._app = EnterpriseApp(Scripted(said, self._around), self._store, self._around)

    def fork(self) -> dict[int, object]:
        """What a copy of the portal has instead of parts of it, by identity."""
        return {id(self._store): self._store.fork()}

    def agent(self) -> Agent:
        """The first agent, as it says itself; a sound one where there is none."""
        kept: list[list[Any]] = self._store.get("agents", [])
        return Agent(*kept[0]) if kept else SOUND

    def perform(self, step: object, *, patience: float, is_confined: bool) -> dict[str, Any]:
        """Do a step; its result. patience: seconds on the wall that an answer may take.

        is_confined: whether only the host itself is asked, because someone else may have entered the URL.
        """
        self._around.patience, self._around.is_confined = patience, is_confined
        return self._app.perform(step)


class Neighbourhood:
    """The host as the application sees it: one clock, one machine, and nothing else that could be asked."""

    def __init__(self, runtime: Runtime, state: State) -> None:
        self._runtime = runtime
        self._state = state
        self.patience = PATIENCE
        self.is_confined = True

    # -- the clock -------------------------------------------------------------------------------------------------

    def now(self) -> float:
        return self._state.clock.now()

    def advance(self, seconds: float) -> None:
        if seconds <= 0:
            return
        with self._runtime.lock:
            if self._runtime.state is not self._state:
                raise CannotRun("the host was reset while the portal waited for it", hint="try again")
            self._runtime.advance(seconds)

    # -- the host --------------------------------------------------------------------------------------------------

    def target(self) -> ClientTarget:
        told = targets.told(self._runtime)
        scenario = self._runtime.scenario
        name = str(scenario.entra.get("connector") or next(iter([*scenario.client, *told]), ""))
        if name not in told:
            raise UsageError(f"there is no connector {name!r}", hint=did_you_mean(name, told))
        return told[name]

    def url(self, written: str) -> str:
        true = targets.truth(self._runtime).get(self.target().connector)
        return targets.tenant_url(self._runtime, written, self.target().url if true is None else true.url)

    def check(self, said: Mapping[str, object]) -> None:
        scenario = self._runtime.scenario
        loader.with_overrides(scenario, {"entra": _instead(scenario.entra, said)}, source=NETWORK)

    def machine(self) -> Machine | None:
        with self._runtime.lock:
            server = self._state.machine
            if server is None:
                return None
            service = {"effective": "running" if self._state.host.running else "stopped"}
            return agent.of({"machine": server.describe(), "service": service})

    def operate(self, action: str | Mapping[str, Any]) -> None:
        with self._runtime.lock:
            server = self._state.machine
            assert server is not None
            if isinstance(action, str):
                agents.operate(server, action)
            else:
                agents.change(server, action)

    def reach(self, url: str) -> str:
        if not self.is_confined:
            return ""
        try:
            parts = urlsplit(url if "://" in url else f"https://{url}")
            name, port = (
                (parts.hostname or "").casefold(),
                parts.port or (80 if parts.scheme == "http" else 443),
            )
        except ValueError:
            return ""  # which nothing is sent to
        public, own = self._runtime.public_url, self._runtime.address
        names = {*_LOOPBACK, own[0].casefold()}
        if public is not None and (name, port) == (public.host.casefold(), public.port):
            return ""
        if name not in names:
            return "unreachable"
        return "" if port == own[1] else "refused"


def _instead(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    """What makes `new` of `old` when it is laid over it: null for each user and mapping that was taken away."""
    made = dict(new)
    for key in ("users", "mappings"):
        before, now = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            made[key] = {**dict.fromkeys(before.keys() - now.keys()), **now}
    return made
