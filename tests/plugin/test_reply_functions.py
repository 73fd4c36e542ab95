"""Replies that a function of the test computes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.client.control import ControlPlane
from mockhost.errors import UsageError
from mockhost.pytest_plugin.remote import RemoteHost
from tests.plugin.conftest import Play

PERSON = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ann"}


def test_a_function_sees_the_request_and_says_the_whole_answer() -> None:
    """A dict as a literal reply has it; texts in it are no templates."""
    seen: list[Any] = []

    def reply(request: Any) -> object:
        seen.append(request)
        body = {"detail": "{{request.id}}", "user": request.json["userName"], "match": request.match}
        return {"status": 418, "headers": {"X-Seen": request.headers["content-type"]}, "body": body}

    with MockHost("basics/scim") as host, host.session() as session:
        host.add_rule({"when": {"operation": "create_user"}, "reply": reply})
        answer = session.post(f"{host.url()}/Users?x=1", json=PERSON)
        assert (answer.status_code, answer.json()) == (
            418,
            {"detail": "{{request.id}}", "user": "ann", "match": 1},
        )
        assert answer.headers["X-Seen"].startswith("application/scim+json")
        request = seen[0]
        assert (request.operation, request.method, request.id, request.filter) == (
            "create_user",
            "POST",
            None,
            None,
        )
        assert request.path.endswith("/scim/Users")
        assert request.target.endswith("/scim/Users?x=1")
        assert request.attribute("userName") == "ann"
        assert request.attribute("nickName") is None
        assert json.loads(request.body) == PERSON
        request.json["userName"] = "changed"
        assert request.json == PERSON
        with pytest.raises(AttributeError):
            request.method = "GET"
        assert not host.objects()


@pytest.mark.parametrize(
    ("result", "status", "text"),
    [
        ((409, {"X-A": "b"}, "taken"), 409, "taken"),
        ({"status": 204}, 204, ""),
        ({"body": b"\xff\xfe"}, 200, None),
        ({"body": [1, None, 2**70]}, 200, f"[1, null, {2**70}]"),
        ({"template": True, "body": "{{request.operation}}"}, 200, "schemas"),
    ],
)
def test_forms_of_a_reply(result: object, status: int, text: str | None) -> None:
    """A map, a tuple of status, headers and body; bodies as text, bytes, or JSON data."""
    with MockHost() as host, host.session() as session:
        host.fail_next("schemas", reply=lambda request: result)
        answer = session.get(f"{host.url()}/Schemas")
        assert answer.status_code == status
        assert answer.content == b"\xff\xfe" if text is None else answer.text == text


def test_a_literal_body_that_is_no_text_is_sent_as_it_is() -> None:
    """From base64 as from a file; it was an internal error."""
    with MockHost() as host, host.session() as session:
        host.fail_next("schemas", reply={"body_base64": "//4="})
        answer = session.get(f"{host.url()}/Schemas")
        assert (answer.status_code, answer.content) == (200, b"\xff\xfe")


def test_normal_is_the_hosts_own_answer_with_its_write() -> None:
    """A function decides from the request whether anything goes wrong, in a sequence, too."""

    def reply(request: Any) -> object:
        return {"status": 500} if request.attribute("userName") == "bad" else "normal"

    with MockHost("basics/scim") as host, host.session() as session:
        rule = {
            "when": {"operation": "create_user"},
            "sequence": [{"reply": {"status": 429}}, {"reply": reply}],
        }
        host.add_rule(rule)
        statuses = [
            session.post(f"{host.url()}/Users", json={**PERSON, "userName": name}).status_code
            for name in ("first", "bad", "good")
        ]
        assert statuses == [429, 500, 201]
        assert [each["userName"] for each in host.objects()] == ["good"]
        assert "function " in str(host.rules[0]["sequence"])


def test_a_function_is_called_without_the_lock() -> None:
    """It may wait for another request of the same host, and ask the host itself."""
    arrived, go_on = threading.Event(), threading.Event()

    def reply(request: Any) -> object:
        arrived.set()
        assert go_on.wait(30)
        return {"status": 200, "body": {"rules": len(host.rules)}}

    answers: list[Any] = []
    with MockHost() as host, host.session() as session:
        host.fail_next("schemas", reply=reply)
        asking = threading.Thread(target=lambda: answers.append(session.get(f"{host.url()}/Schemas").json()))
        asking.start()
        assert arrived.wait(30)
        with host.session() as other:
            assert other.get(f"{host.url()}/Users/nobody").status_code == 404
        go_on.set()
        asking.join(30)
    assert answers == [{"rules": 1}]


def test_a_function_that_raises_fails_the_test_with_its_traceback(play: Play) -> None:
    """The client gets a 500 that names the rule; frames of mockhost are not shown."""
    result = play(
        """
def broken(request):
    return {"body": request.json["no such key"]}

def test_it(mockhost, mockhost_client):
    mockhost.fail_next("create_user", reply=broken, name="mine")
    answer = mockhost_client.post("/Users", json={"a": 1})
    assert answer.status_code == 500
    assert "the reply of rule 'mine', function broken, raised KeyError" in answer.text
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "mockhost: the reply function of rule 'mine' raised KeyError: 'no such key'",
            '*test_it.py", line 4, in broken',
            '*return {"body": request.json*"no such key"*}',
            "*basics/healthy: *",
        ]
    )
    assert "reply.py" not in result.stdout.str()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("pytest.fail('mine')", "raised Failed: mine"),
        ("return None", "returned None; return a dict with status, headers, body, *"),
        ("return {'stauts': 500}", "returned a reply with the key 'stauts'; did you mean 'status'?"),
        ("return {'status': 99}", "*status is a number from 200 to 599, not 99"),
        ("return {'body': object()}", "returned a body that is not JSON: *"),
        ("return {'headers': {'a b': 'c'}}", "*'a b' can't be the name of a header*"),
    ],
)
def test_what_a_function_can_do_wrong(play: Play, body: str, problem: str) -> None:
    """Each fails the test that met it, and not the one behind it."""
    result = play(
        f"""
def reply(request):
    {body}

def test_it(mockhost, mockhost_client):
    mockhost.fail_next("schemas", reply=reply)
    assert mockhost_client.get("/Schemas").status_code == 500

def test_next(mockhost): pass
"""
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([f"*the reply function of rule 'live[[]0[]]' {problem}*"])


def test_no_function_is_in_a_scenario_or_behind_a_url() -> None:
    """Each is refused, and the hint says where one is allowed."""
    function: Callable[..., object] = lambda request: "normal"  # noqa: E731
    rules = [{"when": {"operation": "schemas"}, "reply": function}]
    with MockHost() as host:
        with pytest.raises(UsageError, match="add_rule and fail_next of a running host in this process"):
            host.use("basics/healthy", rules=rules)
        with pytest.raises(UsageError, match="behind --mockhost-url"):
            RemoteHost(host.control_url).fail_next("schemas", reply=function)
        with pytest.raises(UsageError, match="reply"):
            ControlPlane(host.control_url, None).call(
                "add_rule", rule={"when": {"operation": "schemas"}, "reply": "function reply"}
            )

        async def later(request: object) -> object:
            return "normal"

        with pytest.raises(UsageError, match="is async"):
            host.fail_next("schemas", reply=later)
        assert not host.rules


def test_a_test_that_failed_of_it_shows_the_traceback(play: Play) -> None:
    """Its client stumbled over the 500; what is behind that is shown with the journal."""
    result = play(
        """
def test_it(mockhost, mockhost_client):
    mockhost.fail_next("schemas", reply=lambda request: 1 / 0)
    mockhost_client.get("/Schemas").json()["Resources"]
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*KeyError: 'Resources'*",
            "the reply function of rule 'live[[]0[]]' raised ZeroDiv*",
            "*Traceback*",
            "*1 / 0*",
        ]
    )
