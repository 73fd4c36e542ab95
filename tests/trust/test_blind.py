"""A blind host: through no door does a learner hear what the scenario is, and through each one who teaches does."""

from __future__ import annotations

import http.client
import io
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from mockhost import MockHost
from mockhost.cli import start_page
from mockhost.cli.terminal import Terminal
from mockhost.cli.verbs import mockhost
from mockhost.client.control import ControlPlane
from mockhost.console.views import PAGES
from mockhost.errors import MockhostError, UsageError
from mockhost.operations import TABLE
from mockhost.operations.row import Operation
from mockhost.scenario import loader
from tests.control.test_control import BODIES, PATHS

CANARY = "canary"
SECRETS = re.compile(f"{CANARY}|secret_token_mismatch")
TEACHER = "correct-horse-battery"
STEP = {"note": f"{CANARY} in a note", "send": "get", "id": "bob", "gets": {"status": 200}}
SCENARIO = {
    "extends": "documented/secret_token_mismatch",
    "title": f"{CANARY} in the title",
    "why": f"{CANARY} in the reason",
    "cause": f"{CANARY}_in_the_cause",
    "tags": [f"{CANARY}-in-a-tag"],
    "connectors": {"SQL": {"secret_token": f"{CANARY}-the-true-token"}},
    "client": {"SQL": {"secret_token": "as-the-client-was-told"}},
    "rules": [
        {"name": f"{CANARY} in a rule", "when": {"operation": "find_users"}, "reply": {"status": 503}},
        {"name": f"{CANARY} in a state", "when": {"in_state": f"{CANARY}State"}, "reply": {"status": 500}},
    ],
    "states": {f"{CANARY}State": {}},
    "timeline": [{"at": "1m", "set": {"host.debug": True}}],
    "cure": [{"note": f"{CANARY} in the cure", "set": {"host.debug": True}}],
    "cured": [STEP],
    "wrong_cure": [{**STEP, "gets": {"status": 503}}],
}
COMMANDS = (
    *("help", "Get-Service", "dir 'C:\\' -Recurse", "wizard", "wizard settings", "netstat -ano"),
    *("Get-WinEvent -LogName 'Microsoft ECMA2Host Logs'", "Get-WinEvent -LogName System"),
    "Get-Content 'C:\\Program Files\\Microsoft ECMA2Host\\Service\\Microsoft.ECMA2Host.Service.exe.config'",
)


ANOTHER = {"set": {"client.SQL.secret_token": "another"}}
OWN_BODIES = {
    "set_host": ANOTHER,
    "patch_host": ANOTHER,
    "windows": {"command": "help"},
    "portal": {"line": "test-connection"},
}


@pytest.fixture(scope="module")
def host() -> Iterator[MockHost]:
    scenario = loader.load_document(SCENARIO)._replace(name=f"{CANARY} in the name")
    with MockHost(scenario, blind=True, control_token=TEACHER, tls=False) as made:
        with made.session("SQL") as session:
            session.get(f"{made.url('SQL')}/Users", params={"filter": 'ContosoLogin eq "bob"'})
        yield made


def asked(host: MockHost, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
    """Status and text, without a token unless one is in `headers`."""
    parts = urlsplit(host.control_url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port or 0, timeout=120)
    try:
        sent = None if method == "GET" else json.dumps(body or {})
        connection.request(method, path, sent, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        if answer.getheader("Content-Type", "").startswith("text/event-stream"):
            return answer.status, answer.read(20).decode()
        head = "\n".join(f"{name}: {value}" for name, value in answer.getheaders())
        return answer.status, head + answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


@pytest.mark.parametrize("operation", TABLE, ids=lambda each: each.name)
def test_no_operation_tells_a_learner(host: MockHost, operation: Operation) -> None:
    """Each one of the table, done or refused; every operation that a learner may do is done."""
    path = PATHS.get(operation.path, operation.path.replace("{name}", "SQL"))
    body = OWN_BODIES.get(operation.name, BODIES.get((operation.method, operation.path)))
    status, text = asked(host, operation.method, path, body)
    assert status == (operation.answer.status if operation.role == "learner" else 403), text
    assert not SECRETS.search(text)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_on_the_server_tells_a_learner(host: MockHost, command: str) -> None:
    status, text = asked(host, "POST", "/v1/windows", {"command": command, "elevated": True})
    assert status == 200
    assert not SECRETS.search(text)


@pytest.mark.parametrize("page", ["/", "/console/sign-in", *(f"/console/{page.name}" for page in PAGES)])
def test_no_page_tells_a_learner(host: MockHost, page: str) -> None:
    """The pages that a learner has are those of the operations that a learner may do."""
    status, text = asked(host, "GET", page, Accept="text/html")
    assert status in (200, 303, 401, 404)
    assert not SECRETS.search(text)
    assert (status == 200) == (page in ("/console/state", "/console/server", "/console/portal"))


@pytest.mark.parametrize("said", [{"nosuch.key": 1}, {"title": "x"}, {"rules": []}, {"host.debug": True},
                                  {"client.SQL.nosuch": 1}, {"client.SQL.secret_token": []}])  # fmt: skip
def test_a_learner_sets_what_the_portal_has(host: MockHost, said: dict[str, Any]) -> None:
    """Neither what only the author of a scenario can change, nor a value that is wrong; no error names the scenario."""
    status, text = asked(host, "PUT", "/v1/host", {"set": said})
    assert status in (400, 403, 422)
    assert not SECRETS.search(text)


@pytest.mark.parametrize(
    "said", [{"users": {"x": 5}}, {"scope": {"sync": "none"}}, {"title": {}}, {"mappings": {}}]
)
def test_a_change_in_the_portal_that_is_wrong_does_not_name_the_scenario(
    host: MockHost, said: dict[str, Any]
) -> None:
    status, text = asked(host, "POST", "/v1/portal", {"step": {"change": said}})
    assert status in (400, 422)
    assert not SECRETS.search(text)


def test_no_first_output_tells_a_learner(host: MockHost) -> None:
    """The start page as text and as JSON, and the ready file."""
    facts = start_page.facts_of(host, "./mine.yaml", state_kept=False, ipv6_wanted=False)
    facts = start_page.blinded(facts, host.learner_token)
    page = "\n".join(start_page.render(facts, Terminal(io.StringIO()), "sh"))
    for text in (page, json.dumps(start_page.as_json(facts, host.ready())), json.dumps(host.ready())):
        assert not SECRETS.search(text)
        assert TEACHER not in text
        assert "as-the-client-was-told" in text or "another" in text


def test_no_verb_tells_a_learner(host: MockHost) -> None:
    """Health, and what asks the control plane."""
    url = ("--url", host.control_url)
    lines = (("health", *url), ("control", *url, "status"), ("control", *url, "check"), ("control", *url, "log"),
             ("control", *url, "rules"), ("windows", *url, "Get-Service"))  # fmt: skip
    for words in lines:
        assert not SECRETS.search(CliRunner().invoke(mockhost, words).output)


def test_the_teachers_token_shows_everything(host: MockHost) -> None:
    teacher = ControlPlane(host.control_url, TEACHER)
    assert teacher.call("get_health")["scenario"] == f"{CANARY} in the name"
    assert teacher.call("get_scenario")["cause"] == f"{CANARY}_in_the_cause"
    assert [each["name"] for each in teacher.call("check")["sections"]] == ["expect", "cured", "wrong_cure"]
    with pytest.raises(MockhostError, match="not the control plane's"):
        ControlPlane(host.control_url, "wrong").call("get_scenario")


def test_on_a_wider_address_a_learner_needs_a_token_of_their_own() -> None:
    """And only the health, without names, is there for everybody."""
    with MockHost("basics/empty", blind=True, control_host="0.0.0.0", control_token=TEACHER) as host:
        assert ControlPlane(host.control_url).call("get_health")["scenario"] == ""
        with pytest.raises(UsageError, match="asks for its token"):
            ControlPlane(host.control_url).call("get_clock")
        learner = ControlPlane(host.control_url, host.learner_token)
        assert learner.call("get_clock")["mode"] == "frozen"
        with pytest.raises(UsageError, match="not for a learner"):
            learner.call("get_scenario")
        assert host.ready()["control"]["token"] == host.learner_token


def test_it_does_not_go_with_reload() -> None:
    result = CliRunner().invoke(mockhost, ["serve", "--blind", "--reload"])
    assert result.exit_code == 2
    assert "--reload" in result.output
