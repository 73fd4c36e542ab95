"""Steps with `entra`: what each does, what comes of it, and what is said of one that is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.cli import provisioning_file
from mockhost.entra.targets import attributes_in
from mockhost.errors import MockhostError, UsageError
from mockhost.expect.comparison import said
from mockhost.scenario import schema
from mockhost.scim.messages import CORE_USER

ANN = {"ann@contoso.example": {"givenName": "Ann", "surname": "Lee", "mailNickname": "ann"}}


class App:
    """The application of a scenario, whose target is a healthy host."""

    def __init__(self, hosts: contextlib.ExitStack) -> None:
        self._hosts = hosts
        self.host: MockHost | None = None

    def __call__(self, step: Any, **document: Any) -> dict[str, Any]:
        """Do a step; with a document, in the application of another host."""
        if document or self.host is None:
            made = MockHost("basics/healthy", entra={"users": ANN, **document})
            self.host = self._hosts.enter_context(made)
        return self.host.portal(step)


@pytest.fixture
def app() -> Iterator[App]:
    with contextlib.ExitStack() as hosts:
        yield App(hosts)


def test_a_job_is_stopped_started_and_restarted(app: App) -> None:
    """A paused job runs no cycle; a restart makes the next one initial."""
    assert app("cycle")["users"] == {"ann@contoso.example": "create success"}
    app("stop")
    assert app("cycle") == {"state": "NotRun", "error": "the provisioning job is paused"}
    app("start")
    assert app("cycle")["initial"] is False
    app({"restart": ["Watermark"]})
    assert app("cycle")["initial"] is True


def test_deletes_that_were_held_back_can_be_allowed(app: App) -> None:
    """They are done in the next cycle."""
    app("cycle", settings={"accidental_deletions": 0})
    app({"change": {"users": {"ann@contoso.example": {"assigned": False}}}})
    assert app("cycle")["quarantine"] == "TooManyDeletes"
    app("allow_deletes")
    assert app("cycle")["users"] == {"ann@contoso.example": "disable success"}


def test_on_demand_says_what_was_modified(app: App) -> None:
    """With the steps of the log, and null takes a user away."""
    came = app({"on_demand": "ann@contoso.example"})
    assert (came["result"], came["modified"]["LastName"]) == ("create success", "Lee")
    assert came["steps"][-1] == "EntryExportAdd"
    app({"change": {"users": {"ann@contoso.example": None}}})
    with pytest.raises(UsageError, match="there is no user"):
        app({"on_demand": "ann@contoso.example"})


@pytest.mark.parametrize(
    ("step", "document", "message"),
    [
        ("cycel", {}, "entra: 'cycel' is not known"),
        ({"agent": "restart"}, {}, "'agent' has the agents' names"),
        ({"agent": {"agent-7": "restart"}}, {}, "there is no agent 'agent-7'"),
        ({"change": 5}, {}, "'change' has what is to be changed"),
        ("cycle", {"mappings": {"FirstName": "[given"}}, "entra.mappings.FirstName"),
        ({"change": {"users": {"file": "/etc/passwd"}}}, {}, "$.entra.users.file"),
        ({"enter": {"tenant": "x"}}, {}, "'tenant' can't be entered; did you mean 'tenant_url'?"),
        ({"log": {"status": "fine"}}, {}, "'fine' is not a status"),
        ({"on_demand": 5}, {}, "'on_demand' has the user"),
        ({"test_connection": 5}, {}, "test_connection takes nothing more"),
        ({"cycle": "incremental"}, {}, "cycle takes initial, not 'incremental'"),
        ({"restart": 5}, {}, "'restart' has what is reset"),
        ({"agent": {"a\n": "install"}}, {}, "is not a name of an agent"),
        ({"change": {"users": {"x": {"a": "b" * (4 << 20)}}}}, {}, "more than 4 MiB"),
        ("cycle", {"scope": {"filters": [[{"attribute": "a", "operator": "LIKE"}]]}}, "$.entra.scope.filters[0][0]"),
        ({"restart": ["Everything"]}, {}, "is not a resetScope"),
    ],
)  # fmt: skip
def test_a_step_that_is_wrong_says_where(
    app: App, step: object, document: dict[str, Any], message: str
) -> None:
    """And never reads a file that a scenario names."""
    with pytest.raises(MockhostError) as caught:
        app(step, **document)
    assert message in str(caught.value)


def test_what_came_of_a_step_is_compared_by_name() -> None:
    """A map compares the names that it has; anything else is a value or a matcher."""
    came = {"ok": True, "users": {"ann": "create success", "bob": "other skipped"}}
    assert said({"ok": True, "users": {"ann": {"contains": "create"}}}, came) == []
    assert said({"users": {"eve": "create success"}}, came) == [
        "users eve: expected 'create success', got nothing"
    ]
    assert said({"state": "Succeeded"}, came) == ["state: expected 'Succeeded', got nothing"]


def test_the_schema_of_a_scenario_has_what_a_provisioning_file_can_say() -> None:
    """Mappings, scope and settings are the same in both."""
    own = schema.root()["$defs"]["entra"]["properties"]
    whole = provisioning_file.schema()["properties"]
    assert {key: own[key] for key in ("mappings", "scope", "settings")} == {
        key: whole[key] for key in ("mappings", "scope", "settings")
    }


@pytest.mark.parametrize(
    ("said", "of_type", "kinds"),
    [
        (None, None, ["work"]),
        (None, ["home", "other"], ["home", "other"]),
        (["fax"], ["home"], ["fax"]),
        (5, "home", ["work"]),
        ([], {"home": 1}, ["work"]),
        ([str(n) for n in range(1_000)], None, [str(n) for n in range(20)]),
    ],
)
def test_the_types_of_an_attribute_are_read_from_any_answer(
    said: Any, of_type: Any, kinds: list[str]
) -> None:
    """What a target answers to /Schemas may be of any form, and of any length."""
    inner = [{"name": "value"}, {"name": "type", "canonicalValues": of_type}, 7]
    attribute = {"name": "emails", "multiValued": True, "canonicalValues": said, "subAttributes": inner}
    document = {"Resources": [{"id": CORE_USER, "attributes": [attribute]}]}
    found = [each.name for each in attributes_in(document)]
    assert found == [f'emails[type eq "{kind}"].value' for kind in kinds]
