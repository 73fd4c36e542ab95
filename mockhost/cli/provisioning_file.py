"""Reads a provisioning.yaml: every mistake with line, column and hint, as of a scenario; then the values."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mockhost.entra import config, users
from mockhost.entra.config import (
    ControlUrl,
    Credentials,
    Provisioning,
)
from mockhost.entra.reading import Reader, Where
from mockhost.errors import Problem, ScenarioError, UsageError, reason_of
from mockhost.scenario import parsing, shape
from mockhost.scenario.layers import FileLayer, Findings, shown_name
from mockhost.scenario.parsing import plain
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
        reading = parsing.read(file, shown, written_by="mockhost provision init")
    except OSError as error:
        raise UsageError(
            f"{shown} cannot be read: {reason_of(error)}", hint="'mockhost provision init' writes one"
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
        findings.add((), "expected a map", "'mockhost provision init' writes a file to start from")
    else:
        shape.judge(document, findings, schema())
    result = None if findings.problems else _Reader(document, findings, file.absolute().parent, env).read()
    if findings.problems or result is None:
        problems = [_with_hint(problem) for problem in findings.problems]
        raise ScenarioError(sorted(problems, key=lambda each: (each.line, each.column)), shown)
    return result


def _with_hint(problem: Problem) -> Problem:
    """YAML takes an attribute in brackets for a list."""
    is_list = problem.path.startswith("$.mappings.") and problem.message.endswith("got a list")
    return problem._replace(hint='quote it: "[userPrincipalName]"') if is_list else problem


class _Reader(Reader):
    """The same with credentials, and with files beside the document."""

    def __init__(
        self, document: Mapping[str, Any], findings: Findings, folder: Path, env: Mapping[str, str]
    ) -> None:
        super().__init__(document, findings)
        self.problems = findings
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
        if self.problems.problems or found is None:
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

    def users_file(self) -> Path | None:
        return self.file(("users", "file"), Beside(self.folder))
