"""The configuration of an application as a scenario's `entra:` has it, with whatever was entered and changed since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from mockhost.entra.agent import Agent
from mockhost.entra.config import ECMA_APP, Credentials, Provisioning, Settings
from mockhost.entra.machine import Machine
from mockhost.entra.reading import Reader, Where
from mockhost.entra.way import Way
from mockhost.errors import UsageError, did_you_mean

_AGENT = ("registered", "running", "wedged", "assigned", "proxy", "execution_policy", "may_log_on")
_CHANGEABLE = ("users", "scope", "settings", "mappings")
_MOST = 4 << 20
"""Characters of `entra`, as JSON, after a change."""
_LONGEST = 4_096
"""Characters of what is entered."""


class Target(Protocol):
    """What the application was told of the connector that it provisions to."""

    @property
    def url(self) -> str: ...
    @property
    def secret_token(self) -> str | None: ...
    @property
    def ca_file(self) -> str | None: ...
    @property
    def kind(self) -> str: ...


class Around(Protocol):
    """The running host that an application of its scenario provisions to."""

    def target(self) -> Target:
        """How the application was told to reach the connector."""

    def url(self, written: str) -> str:
        """A tenant URL as it is written, with {truth}, {host} and {port} filled in."""

    def check(self, said: Mapping[str, object]) -> None:
        """Raise ScenarioError where `entra:` could not say this."""

    def machine(self) -> Machine | None:
        """The machine of the first agent, if there is one."""

    def operate(self, action: str | Mapping[str, Any]) -> None:
        """Do on that machine what is done to the agent. Raises CannotRun."""

    def reach(self, url: str) -> str:
        """Why the agent can't reach a URL: refused or unreachable; '' if it may be tried."""

    @property
    def patience(self) -> float:
        """Seconds on the wall that an answer may take, unless the settings say less."""


class _Mistakes(NamedTuple):
    """Raises the first mistake of a document."""

    def add(self, path: Where, message: str, hint: str = "", *, key: bool = False) -> None:
        where = ".".join(("entra", *map(str, path)))
        raise UsageError(f"{where}: {message}", hint=hint)


class Scripted:
    """A source for an `EnterpriseApp`."""

    def __init__(self, said: Mapping[str, Any], around: Around) -> None:
        self.said = dict(said)
        self.around = around
        self._entered: dict[str, str] = {}
        self._home = authority(around.target().url)
        """where the target was when its URL was entered: a copy of the host listens on another port"""

    def provisioning(self) -> Provisioning:
        target = self.around.target()
        reader = Reader(self.said, _Mistakes())
        app = "AgentBasedScim" if target.kind == "scim" else ECMA_APP
        entered = self.reached(
            Credentials(
                self._entered.get("tenant_url", target.url),
                "",
                self._entered.get("secret_token", target.secret_token),
            )
        )
        found = reader.users()
        assert found is not None
        bare = Provisioning(entered, found, app=app, trust=target.ca_file)
        settings = reader.settings()
        patience = self.around.patience
        if settings.timeout == Settings().timeout or settings.timeout > patience:
            settings = settings._replace(timeout=patience)
        return bare._replace(
            mappings=reader.mappings(bare.extension), scope=reader.scope(), settings=settings
        )

    def enter(self, values: Mapping[str, object]) -> None:
        for key, value in values.items():
            if key not in ("tenant_url", "secret_token"):
                hint = did_you_mean(str(key), ("tenant_url", "secret_token"))
                raise UsageError(f"entra: {key!r} can't be entered", hint=hint)
            if not isinstance(value, str):
                raise UsageError(f"entra: enter.{key} is a text")
            if len(value) > _LONGEST:
                raise UsageError(f"entra: enter.{key} has more than {_LONGEST} characters")
        entered = {str(key): str(value) for key, value in values.items()}
        if "tenant_url" in entered:
            entered["tenant_url"] = self.around.url(entered["tenant_url"].strip())
            current = authority(self.around.target().url)
            entered["tenant_url"] = _elsewhere(entered["tenant_url"], current, self._home)
        self._entered |= entered

    def change(self, values: Mapping[str, object]) -> None:
        for key in values:
            if key not in _CHANGEABLE:
                hint = did_you_mean(str(key), _CHANGEABLE) or f"known: {', '.join(_CHANGEABLE)}"
                raise UsageError(f"entra: {key!r} can't be changed", hint=hint)
        changed = merged(self.said, values)
        if len(json.dumps(changed, default=str)) > _MOST:
            raise UsageError(
                f"entra: with that there would be more than {_MOST >> 20} MiB", hint="take users away"
            )
        self.around.check(changed)
        self.said = changed

    def reached(self, saved: Credentials) -> Credentials:
        now = authority(self.around.target().url)
        return saved._replace(tenant_url=_elsewhere(saved.tenant_url, self._home, now))

    def machine(self) -> Machine | None:
        return self.around.machine()

    def operate(self, action: str | Mapping[str, Any]) -> None:
        self.around.operate(action)

    def way(self, config: Provisioning) -> Way:
        return Way(config, reach=self.around.reach)


def agents_of(said: Mapping[str, Any], now: float) -> list[list[Any]]:
    """The agents that `entra:` names, as the store keeps them. now: when the scenario began."""
    return [list(_agent(name, each, now)) for name, each in said.get("agents", {}).items()]


def _agent(name: str, said: Mapping[str, Any], now: float) -> Agent:
    values = dict(said)
    for key in values.keys() - set(_AGENT):
        raise UsageError(f"entra.agents.{name}: {key!r} is not known", hint=did_you_mean(key, _AGENT))
    if values.get("assigned") == "now":
        values |= {"assigned": True, "since": now}
    return Agent(name, **values)


def authority(url: str) -> str:
    """Host and port of a URL, as they are written."""
    return url.partition("://")[2].partition("/")[0]


def _elsewhere(url: str, before: str, after: str) -> str:
    """The URL with another host and port, if it has these."""
    if authority(url) != before:
        return url
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{after}{rest.removeprefix(before)}"


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Maps merge, other values replace, null removes."""
    found = dict(old)
    for key, value in new.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = merged(found[key], value)
        else:
            found[key] = value
    return found
