"""The faults of HTTP and the body as rules of a running host: on each kind of answer, and with or without the write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from mockhost import MockHost
from mockhost.faults import FAULTS, find
from mockhost.scim.messages import ECMA_USER

NAMES = [name for name, kind in FAULTS.items() if kind in ("http", "body") and find(name).upload is None]
BOB = {"schemas": [ECMA_USER], ECMA_USER: {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}}
RENAME = {"Operations": [{"op": "Replace", "path": f"{ECMA_USER}:FirstName", "value": "Liz"}]}
LISA = '/Users?filter=ContosoLogin eq "ljacobson"'


@pytest.fixture(scope="module")
def running() -> Iterator[MockHost]:
    with MockHost("basics/healthy", control=False) as host:
        yield host


@pytest.fixture
def host(running: MockHost) -> MockHost:
    """The host of the module as it was in the beginning."""
    running.reset()
    return running


def said(name: str) -> object:
    """A fault as the documentation writes it."""
    example = find(name).example
    return name if example is None else {name: example}


def ask(host: MockHost, method: str, path: str, body: Any = None) -> Any:
    """A request, of whatever becomes of it; None where `requests` gives up."""
    try:
        return requests.request(
            method,
            host.url("SQL") + path,
            json=body,
            headers=host.headers("SQL"),
            verify=host.ca_file,
            timeout=120,
            allow_redirects=False,
        )
    except requests.RequestException:
        return None


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_answer_can_meet_it(host: MockHost, name: str) -> None:
    """Lists, streams, one user, writes, refusals: none is a bug of the host, and it is well afterwards."""
    host.add_rule({"name": "always", "when": {"verdict": "any"}, "fault": said(name)})
    for method, path, body in (
        ("GET", LISA, None),
        ("GET", "/Users?count=2", None),
        ("GET", "/Users/ljacobson", None),
        ("GET", "/Users/nobody", None),
        ("GET", "/cache", None),
        ("GET", "/Schemas", None),
        ("GET", "/ServiceProviderConfig", None),
        ("GET", "/Nothing", None),
        ("POST", "/Users", BOB),
        ("PATCH", "/Users/ljacobson", RENAME),
        ("PUT", "/Users/ljacobson", BOB),
        ("DELETE", "/Users/ljacobson", None),
        ("HEAD", "/Users", None),
    ):
        ask(host, method, path, body)
    assert [exchange.bug for exchange in host.journal if exchange.bug] == []
    host.reset()
    answer = ask(host, "GET", LISA)
    assert answer.json()["totalResults"] == 1


@pytest.mark.parametrize(
    ("fault", "write", "status", "there"),
    [
        ("conflict", None, 409, False),
        ("conflict", "applied", 409, True),
        ({"http_error": 400}, None, 400, False),
        ({"http_error": 400}, "applied", 400, True),
        ({"http_error": 500}, None, 500, True),
        ({"http_error": 500}, "not_applied", 500, False),
        ({"http_error": 503}, None, 503, False),
        ({"http_error": 504}, None, 504, True),
        ("malformed_json", None, 201, True),
        ("malformed_json", "not_applied", 201, False),
        ("missing_id", None, 201, True),
        ("error_with_200", None, 200, True),
        ("html", None, 200, False),
        ("redirect", None, 307, False),
    ],
)
def test_a_create_happened_or_not(
    host: MockHost, fault: object, write: str | None, status: int, there: bool
) -> None:
    rule = {"when": {"operation": "create_user"}, "fault": fault, **({"write": write} if write else {})}
    host.add_rule(rule)
    assert ask(host, "POST", "/Users", BOB).status_code == status
    assert bool(host.objects("SQL", ContosoLogin="bob")) is there
    assert ask(host, "GET", "/Users/bob").status_code == (200 if there else 404)


def test_a_refused_create_is_no_write(host: MockHost) -> None:
    host.add_rule(
        {"when": {"operation": "create_user"}, "fault": {"rate_limit": {"limit": 1, "window": "1m"}}}
    )
    assert ask(host, "POST", "/Users", BOB).status_code == 201
    carol = {**BOB, ECMA_USER: {**BOB[ECMA_USER], "ContosoLogin": "carol"}}  # type: ignore[dict-item]  # it is a map
    assert ask(host, "POST", "/Users", carol).status_code == 429
    assert host.objects("SQL", ContosoLogin="carol") == []


def test_a_reset_fills_the_bucket(host: MockHost) -> None:
    rule = {"when": {"operation": "find_users"}, "fault": {"rate_limit": {"limit": 1, "window": "1h"}}}
    with MockHost({"format": 1, "extends": "basics/healthy", "rules": [rule]}, control=False) as limited:
        assert [ask(limited, "GET", LISA).status_code for _ in range(2)] == [200, 429]
        limited.reset()
        assert [ask(limited, "GET", LISA).status_code for _ in range(2)] == [200, 429]


def test_two_faults_on_one_answer(host: MockHost) -> None:
    """In the order in which they are said."""
    faults = [{"lying_totals": 5}, {"content_type": "text/plain"}, "byte_order_mark"]
    host.add_rule({"when": {"operation": "find_users"}, "fault": faults})
    answer = ask(host, "GET", LISA)
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.content.startswith(b"\xef\xbb\xbf{")
    assert b'"totalResults":5' in answer.content


def test_a_fault_on_a_rules_own_reply(host: MockHost) -> None:
    """A user with a manager, whom this kind of connector does not have, comes from the rule."""
    enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    body = {"id": "1", enterprise: {"manager": {"value": "26118915", "displayName": "John"}}}
    reply = {"status": 200, "body": body}
    host.add_rule({"when": {"operation": "get_user"}, "reply": reply, "fault": "manager_as_string"})
    assert ask(host, "GET", "/Users/1").json()[enterprise] == {"manager": "26118915"}


def test_the_conflict_is_worded_as_the_hosts_own(host: MockHost) -> None:
    """A client can't tell it from a create of a user who is there."""
    real = ask(host, "POST", "/Users", {**BOB, ECMA_USER: {**BOB[ECMA_USER], "ContosoLogin": "dmartin"}})  # type: ignore[dict-item]  # it is a map
    host.add_rule({"when": {"operation": "create_user"}, "fault": "conflict"})
    faulty = ask(host, "POST", "/Users", BOB)
    assert (real.status_code, real.text.replace("dmartin", "bob")) == (faulty.status_code, faulty.text)
    assert real.headers["Content-Type"] == faulty.headers["Content-Type"]


@pytest.mark.parametrize(
    ("status", "real"),
    [
        (401, ("GET", "/Users/ljacobson", "wrong")),
        (405, ("BREW", "/Users", "right")),
        (404, ("GET", "/Users/ljacobson ", "right")),
    ],
)
def test_a_refusal_is_worded_as_the_hosts_own(
    host: MockHost, status: int, real: tuple[str, str, str]
) -> None:
    """Status, body and headers of the fault are those of the host's own refusal."""
    method, path, token = real
    headers = host.headers("SQL") if token == "right" else {"Authorization": "Bearer wrong"}
    url = host.url("SQL") + path
    own = requests.request(method, url, headers=headers, verify=host.ca_file, timeout=120)
    assert own.status_code == status
    host.add_rule({"when": {"verdict": "any"}, "fault": {"http_error": status}})
    faulty = requests.request(method, url, headers=host.headers("SQL"), verify=host.ca_file, timeout=120)
    assert (faulty.status_code, faulty.text) == (own.status_code, own.text)
    assert dict(faulty.headers) == dict(own.headers)
