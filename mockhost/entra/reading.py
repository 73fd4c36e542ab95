"""Makes values of what a provisioning.yaml or a scenario says of users, scope, settings and mappings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from mockhost.client.dialect import qualified
from mockhost.clock import parse_iso
from mockhost.durations import seconds
from mockhost.entra import config, expressions, scoping, targets, users
from mockhost.entra.config import AttributeMapping, Clause, Scope, Settings
from mockhost.errors import MockhostError, UsageError

Where: TypeAlias = "tuple[str | int, ...]"
"""The keys and indexes that lead to a place in a document."""


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
                self._try(("scope", "filters", i, j), functools.partial(scoping.check, clause))
            filters.append(made)
        return Scope(said.get("sync", "assigned") == "assigned", tuple(filters))

    def settings(self) -> Settings:
        said = dict(self.document.get("settings", {}))
        values: dict[str, Any] = {}
        names = {"interval", "retry_every", "give_up_after", "hard_delete_after", "timeout", "retry_after_limit",
                 "agent_ready_after"}  # fmt: skip
        for name, value in said.items():
            if name in names:
                values[name] = seconds(value)
        for name in ("accidental_deletions", "skip_out_of_scope_deletions", "dialect", "log_limit", "seed"):
            if name in said:
                values[name] = said[name]
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
        values["honor_retry_after"] = said.get("retry_after", "honor") == "honor"
        values["rematch_lost"] = said.get("lost_target", "escrow") == "rematch"
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
