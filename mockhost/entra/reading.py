"""Makes values of what a provisioning.yaml or a scenario says of users, scope, settings and mappings.

`Scripted` is the configuration of a scenario's `entra:`, with whatever was entered and changed since.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

from mockhost.client.dialect import qualified
from mockhost.clock import parse_iso
from mockhost.durations import seconds
from mockhost.entra import config, expressions, targets, users
from mockhost.entra.agent import Agent, Machine
from mockhost.entra.config import (
    ECMA_APP,
    AttributeMapping,
    Credentials,
    Provisioning,
    Settings,
    Way,
)
from mockhost.entra.users import Clause, Scope
from mockhost.errors import MockhostError, UsageError, did_you_mean
from mockhost.nesting import merged
from mockhost.running import ClientTarget

Where: TypeAlias = "tuple[str | int, ...]"
"""The keys and indexes that lead to a place in a document."""


_DURATIONS = ("interval", "retry_every", "give_up_after", "hard_delete_after", "timeout", "retry_after_limit",
              "agent_ready_after")  # fmt: skip
_AS_THEY_ARE = ("accidental_deletions", "skip_out_of_scope_deletions", "dialect", "log_limit", "seed")


class Reports(Protocol):
    """Takes the mistakes of a document."""

    def add(self, path: Where, message: str, hint: str = "", *, key: bool = False) -> object:
        """A mistake, with the place where it is; key: the key itself is the mistake."""


class Reader:
    """Makes values of a document that is as the schema has it, and reports what the schema cannot know."""

    def __init__(self, document: Mapping[str, Any], findings: Reports) -> None:
        self.document = document
        self.findings = findings

    def _try(self, where: Where, make: Callable[[], Any]) -> Any:
        """What `make` gives; a mistake is reported at `where`."""
        try:
            return make()
        except MockhostError as error:
            self.findings.add(where, error.message, error.hint)
        except ValueError as error:
            self.findings.add(where, str(error))
        return None

    def check(self, extension: str) -> None:
        """Report every mistake. extension: the schema of target attributes without a URN."""
        self._try(("users",), self.users)
        self.scope()
        self.settings()
        self.mappings(extension)

    def users_file(self) -> Path | None:
        """The file of users that the document names. Here none can be named."""
        self.findings.add(("users", "file"), "no file can be named here", "list the users")
        return None

    def users(self) -> users.Users | None:
        said = self.document.get("users", {})
        if isinstance(said, list):
            return users.ListedUsers(said)
        if "file" in said:
            file = self.users_file()
            return users.FileUsers(file) if file is not None else None
        if isinstance(said.get("count"), Mapping) or "count" not in said:
            made = [
                self._try(
                    ("users", name),
                    functools.partial(users.user_of, {"userPrincipalName": name, **each}, ""),
                )
                for name, each in said.items()
                if each is not None
            ]
            return users.ListedUsers([user for user in made if user is not None])
        return users.GeneratedUsers(
            users.Generated(said["count"], **{k: v for k, v in said.items() if k != "count"})
        )

    def scope(self) -> Scope:
        said = self.document.get("scope", {})
        filters = []
        for i, clauses in enumerate(said.get("filters", ())):
            made = tuple(
                Clause(each["attribute"], each["operator"], each.get("value", "")) for each in clauses
            )
            for j, clause in enumerate(made):
                self._try(("scope", "filters", i, j), functools.partial(users.check_clause, clause))
            filters.append(made)
        return Scope(said.get("sync", "assigned") == "assigned", tuple(filters))

    def settings(self) -> Settings:
        said = dict(self.document.get("settings", {}))
        values = {
            **{name: seconds(said[name]) for name in _DURATIONS if name in said},
            **{name: said[name] for name in _AS_THEY_ARE if name in said},
            "honor_retry_after": said.get("retry_after", "honor") == "honor",
            "rematch_lost": said.get("lost_target", "escrow") == "rematch",
        }
        if "retries" in said:
            values["retries"] = tuple(map(seconds, said["retries"]))
        if "actions" in said:
            values["actions"] = frozenset(said["actions"])
        if "start" in said:
            try:
                values["start"] = parse_iso(said["start"])
            except ValueError:
                text, hint = f"{said['start']!r} is not a time", "write it like 2026-01-01T00:00:00Z"
                self.findings.add(("settings", "start"), text, hint)
        if "quarantine" in said:
            limits = dict(said["quarantine"])
            if "intervals" in limits:
                limits["intervals"] = tuple(map(seconds, limits["intervals"]))
            if "disable_after" in limits:
                limits["disable_after"] = seconds(limits["disable_after"])
            values["quarantine"] = config.Quarantine(**limits)
        return Settings(**values)

    # -- mappings --------------------------------------------------------------------------------------------

    def mappings(self, extension: str) -> tuple[AttributeMapping, ...] | None:
        if "mappings" not in self.document:
            return None
        made = [self._mapping(name, said, extension) for name, said in self.document["mappings"].items()]
        found = tuple(each for each in made if each is not None)
        ranks = [each.matching for each in found if each.matching]
        if len(found) == len(made) and not ranks:
            self.findings.add(
                ("mappings",), "no mapping is used for matching", "give one of them matching: 1", key=True
            )
        if len(set(ranks)) != len(ranks):
            self.findings.add(("mappings",), "two mappings have the same matching precedence", key=True)
        return found

    def _mapping(self, name: str, said: object, extension: str) -> AttributeMapping | None:
        where: Where = ("mappings", name)
        try:
            target = targets.parse(qualified(name, extension))
        except UsageError as error:
            self.findings.add(where, error.message, error.hint, key=True)
            return None
        if name.lower() == "id":
            self.findings.add(where, "the primary key id cannot be mapped", key=True)
            return None
        said = {"expression": said} if isinstance(said, str) else said
        assert isinstance(said, dict)
        kinds = [kind for kind in ("expression", "attribute", "constant") if kind in said]
        if len(kinds) != 1:
            hint = "expression, attribute or constant"
            self.findings.add(where, "a mapping has exactly one source", hint, key=True)
            return None
        source = said[kinds[0]]
        at = (*where, kinds[0]) if isinstance(self.document["mappings"][name], dict) else where
        expression = None
        if kinds[0] != "constant":
            expression = self._expression(f"[{source}]" if kinds[0] == "attribute" else source, at)
            if expression is None:
                return None
        return AttributeMapping(
            target,
            expression,
            source if kinds[0] == "constant" else None,
            said.get("matching", 0),
            said.get("apply") == "create",
            said.get("default"),
        )

    def _expression(self, text: str, where: Where) -> expressions.Expression | None:
        """An expression; a mistake says at which of its characters it is."""
        try:
            return expressions.parse(text)
        except UsageError as error:
            self.findings.add(where, error.message, error.hint)
        return None


_AGENT = ("registered", "running", "wedged", "assigned", "proxy", "execution_policy", "may_log_on")
_CHANGEABLE = ("users", "scope", "settings", "mappings")
_MOST = 4 << 20
"""Characters of `entra`, as JSON, after a change."""
_LONGEST = 4_096
"""Characters of what is entered."""


# -- an application of a scenario ---------------------------------------------------------------------------


class Around(Protocol):
    """The running host that an application of its scenario provisions to."""

    def target(self) -> ClientTarget:
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
