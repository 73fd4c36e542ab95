"""Reads a provisioning.yaml: every mistake with line, column and hint, as of a scenario; then the values."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mockhost.clock import parse_iso
from mockhost.durations import seconds
from mockhost.entra import config, expressions, scoping, targets, users
from mockhost.entra.config import (
    AttributeMapping,
    Clause,
    ControlUrl,
    Credentials,
    Provisioning,
    Scope,
    Settings,
)
from mockhost.errors import MockhostError, Problem, ScenarioError, UsageError
from mockhost.scenario import parsing, shape
from mockhost.scenario.layers import FileLayer, Findings, shown_name
from mockhost.scenario.nodes import plain
from mockhost.scenario.paths import Path as Where
from mockhost.scenario.sources import Beside, DataProblem, Operator

SCHEMA = Path(config.__file__).with_name("schema.json")


@functools.cache
def schema() -> Mapping[str, Any]:
    """The JSON Schema of the file."""
    loaded: Mapping[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return loaded


def read(file: Path, env: Mapping[str, str]) -> Provisioning:
    """The values of a provisioning.yaml. Raises UsageError for one that is not there, ScenarioError for mistakes."""
    shown = shown_name(file)
    try:
        reading = parsing.read(file, shown)
    except OSError as error:
        raise UsageError(
            f"{shown} cannot be read: {error.strerror or error}", hint="'mockhost provision init' writes one"
        ) from None
    if reading.root is None:
        raise ScenarioError(reading.problems, shown)
    value = plain(reading.root)
    document = value if isinstance(value, dict) else {}
    source = Beside(file.absolute().parent)
    layer = FileLayer(file.absolute(), document, source, root=reading.root, spoilt=reading.spoilt)
    findings = Findings([layer])
    findings.add_elsewhere(reading.problems)
    if not isinstance(value, dict):
        findings.add((), "a map was expected", "'mockhost provision init' writes a file to start from")
    else:
        shape.judge(document, findings, schema())
    result = None if findings.problems else _Reader(document, findings, file.absolute().parent, env).read()
    if findings.problems or result is None:
        problems = [_with_hint(problem) for problem in findings.problems]
        raise ScenarioError(sorted(problems, key=lambda each: (each.line, each.column)), shown)
    return result


def _with_hint(problem: Problem) -> Problem:
    """YAML takes an attribute in brackets for a list."""
    is_list = problem.path.startswith("$.mappings.") and problem.message.startswith("this is a list")
    return problem._replace(hint='quote it: "[userPrincipalName]"') if is_list else problem


class _Reader:
    """Makes values of a document that is as the schema has it, and reports what the schema cannot know."""

    def __init__(
        self, document: Mapping[str, Any], findings: Findings, folder: Path, env: Mapping[str, str]
    ) -> None:
        self.document = document
        self.findings = findings
        self.folder = folder
        self.env = env

    def read(self) -> Provisioning | None:
        url = str(self.document["tenant_url"])
        app = self.document.get("app", config.app_of(url))
        scope = self.scope()
        mappings = self.mappings(
            config.Provisioning(Credentials(url), users.ListedUsers([]), app=app).extension
        )
        settings = self.settings()
        # Nothing of it is sent anywhere: it may lie where the host put it.
        trust = self.file(("trust",), Operator(self.folder)) if "trust" in self.document else None
        trusted = None if trust is None else str(trust)
        credentials = self.credentials(url)
        control = self.control()
        found = self._try(("users",), self.users)
        if self.findings.problems or found is None:
            return None
        return Provisioning(credentials, found, mappings, scope, settings, app, trusted, control)

    def credentials(self, url: str) -> Credentials:
        said = self.document.get("secret_token")
        if isinstance(said, dict):
            self.in_environment(said["env"], ("secret_token", "env"))
            return Credentials(url, f"env:{said['env']}").resolved(self.env)
        return Credentials(url, "", said)

    def in_environment(self, name: str, where: Where) -> str | None:
        """A variable of the environment, which has to be there."""
        if name not in self.env:
            text = f"the environment has no variable {name}"
            self.findings.add(where, text, "set it, or write the token itself")
        return self.env.get(name)

    def control(self) -> ControlUrl | None:
        said = self.document.get("control")
        if said is None or isinstance(said, str):
            return None if said is None else ControlUrl(said)
        token = said.get("token")
        if isinstance(token, dict):
            token = self.in_environment(token["env"], ("control", "token", "env"))
        return ControlUrl(said["url"], token)

    def file(self, where: Where, source: Beside | Operator) -> Path | None:
        """A file that the document names."""
        value: Any = self.document
        for key in where:
            value = value[key]
        try:
            return source.locate(value)
        except DataProblem as problem:
            self.findings.add(where, problem.message, problem.hint)
            return None

    def _try(self, where: Where, make: Callable[[], Any]) -> Any:
        """What `make` gives; a mistake is reported at `where`."""
        try:
            return make()
        except MockhostError as error:
            self.findings.add(where, error.message, error.hint)
        except ValueError as error:
            self.findings.add(where, str(error))
        return None

    def users(self) -> users.Users | None:
        said = self.document["users"]
        if isinstance(said, list):
            return users.ListedUsers(said)
        if "file" in said:
            file = self.file(("users", "file"), Beside(self.folder))
            return users.FileUsers(file) if file is not None else None
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
            values["start"] = self._try(("settings", "start"), lambda: parse_iso(said["start"]))
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
        from mockhost.client.dialect import qualified

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
