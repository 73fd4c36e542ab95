"""Rules, faults, secrets and safety with a connector of kind proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.errors import ScenarioError, UsageError
from mockhost.scenario import loader

from .conftest import Make, Target, ask, ok

USER = b'{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "7", "userName": "bob"}'
CREATED = USER.join([b"HTTP/1.1 201 Created\r\nX-Mine: 1\r\nContent-Length: %d\r\n\r\n" % len(USER), b""])


@pytest.mark.parametrize(
    "fault", ["connection_reset", "truncated_body", "missing_id", {"http_error": 503}, "hang"]
)
def test_a_write_that_is_not_applied_never_reaches_the_target(
    fault: Any, target: Target, proxy: Make
) -> None:
    """Whatever the fault does to the answer, and there is one to damage."""
    host = proxy()
    if fault == "hang":
        fault = {"hang": {"before": "headers", "for": "10ms"}}
    host.fail_next("create_user", fault=fault, write="not_applied")
    seen = ask(host, "POST", body=b'{"userName": "bob"}')
    assert target.requests == []
    assert seen.status == {"connection_reset": None, "truncated_body": 201, "missing_id": 201}.get(
        str(fault), 503 if "http_error" in str(fault) else 201
    )
    if fault == "missing_id":
        assert seen.json() == {"userName": "bob"}
    target.answers = [CREATED]
    assert ask(host, "POST", body=b"{}").body == USER


def test_a_write_that_is_applied_reaches_the_target_although_its_answer_is_lost(
    target: Target, proxy: Make
) -> None:
    host = proxy()
    target.answers = [CREATED]
    host.fail_next("create_user", fault="connection_reset", write="applied")
    assert ask(host, "POST", body=b"{}").ends == "rst"
    assert len(target.requests) == 1
    host.fail_next("delete_user", fault={"http_error": 500}, write="applied")
    assert ask(host, "DELETE", "/Users/7").status == 500
    assert target.requests[1].startswith(b"DELETE /base/v2/Users/7 ")


def test_a_damaged_answer_is_else_the_targets(target: Target, proxy: Make) -> None:
    """Its status and headers stay; of the length, what is true now. The body is asked for without compression."""
    host = proxy()
    target.answers = [CREATED]
    host.fail_next("create_user", fault="missing_id")
    seen = ask(host, "POST", body=b"{}", headers=[("Accept-Encoding", "gzip")])
    assert (seen.status, seen.header("x-mine"), seen.header("server")) == (201, "1", None)
    assert seen.complete
    assert "id" not in seen.text
    assert b"gzip" not in target.requests[0]


def test_a_delayed_answer_is_unchanged(target: Target, proxy: Make) -> None:
    """A rule that leaves the answer alone leaves its head alone."""
    host = proxy()
    host.fail_next("list_users", delay="10ms")
    target.answers = [b"HTTP/1.1 200 Fine\r\nx-odd:  1\r\nContent-Length: 2\r\n\r\n{}"]
    seen = ask(host)
    assert (seen.reason, seen.headers) == ("Fine", (("x-odd", "1"), ("Content-Length", "2")))


def test_rules_see_what_was_asked(target: Target, proxy: Make) -> None:
    """Operations, filters and attributes, as with other connectors; and requests that have no name here."""
    host = proxy()
    host.add_rule({"when": {"filter": 'userName eq "bob"'}, "reply": {"status": 210}})
    host.add_rule(
        {"when": {"operation": "create_user", "attributes": {"userName": "bob"}}, "reply": {"status": 211}}
    )
    host.add_rule({"when": {"path": {"ends_with": "/Devices"}}, "reply": {"status": 212}})
    host.add_rule({"when": {"probe": True}, "reply": {"status": 213}})
    guid = "6b57c8be-1497-4b4f-9c07-2f4031f775a0"
    for status, method, path, body in (
        (210, "GET", "/Users?filter=userName%20eq%20%22bob%22", None),
        (211, "POST", "/Users", b'{"userName": "bob"}'),
        (212, "GET", "/Devices", None),
        (213, "GET", f"/Users?filter=userName%20eq%20%22{guid}%22", None),
    ):
        assert ask(host, method, path, body).status == status
    assert target.requests == []
    host.verify(operation="create_user", count={"exactly": 1})


def test_the_targets_token_replaces_the_clients(target: Target, proxy: Make) -> None:
    """It goes out to the target and to nobody else; who uses it has to show the secret token."""
    host = proxy(token="tok-of-the-target-canary", secret_token="tok-of-ours-canary")
    assert ask(host).status == 401
    assert ask(host, headers=[("Authorization", "Bearer wrong")]).status == 401
    assert target.requests == []
    target.answers = [ok(b'{"said": "tok-of-the-target-canary"}')]
    assert ask(host, headers=[("authorization", "Bearer tok-of-ours-canary"), ("X-B", "1")]).status == 200
    assert target.requests[0].lower().count(b"authorization:") == 1
    assert b"\r\nAuthorization: Bearer tok-of-the-target-canary\r\n" in target.requests[0]
    assert b"ours" not in target.requests[0]
    shown = [host.call("get_journal", format=form) for form in ("json", "har", "curl", "table")]
    assert "canary" not in repr([*shown, host.status(), host.journal.entries(), host.scenario])


def test_credentials_pass_and_are_hidden(target: Target, proxy: Make) -> None:
    """Without a token of ours the client's own goes on, and is redacted like any other."""
    host = proxy()
    assert (
        ask(host, headers=[("Authorization", "Bearer canary-of-a-client"), ("Cookie", "a=canary")]).status
        == 200
    )
    assert b"Authorization: Bearer canary-of-a-client\r\nCookie: a=canary\r\n" in target.requests[0]
    assert "canary" not in repr(
        [host.call("get_journal", format="json"), host.call("get_journal", format="har")]
    )


def test_a_certificate_is_checked_or_not_as_told(proxy: Make) -> None:
    """Against the machine's store, against a file, or not at all."""
    with MockHost("basics/scim", control=False) as real:
        url, token = real.url("SCIM"), real.token("SCIM")
        ca = Path(real.ca_file or "").read_text("ascii")
        given: dict[str, Any] = {"headers": [("Authorization", f"Bearer {token}")]}
        refused = ask(proxy(target=url), **given)
        assert (refused.status, "certificate is refused" in refused.text) == (502, True)
        assert ask(proxy(target=url, verify=False), **given).status == 200
        trusting = proxy(target=url, ca=ca)
        assert ask(trusting, **given).status == 200
        other = proxy(target=url.replace("localhost", "127.0.0.1"), ca=ca)
        assert ask(other, **given).status == 200
        real.runtime.set("host.tls", "expired")
        ca = Path(real.ca_file or "").read_text("ascii")
        assert "expired" in ask(proxy(target=url, ca=ca), **given).text


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({}, "'target'"),
        ({"target": "ftp://a.example"}, "is not an http or https URL"),
        ({"target": "https://user:pass@a.example"}, "has no user name and password"),
        ({"target": "https://a.example/scim?x=1"}, "has a query or a fragment"),
        ({"target": "https://a.example:99999"}, "is not a URL"),
        ({"target": "https://a.example/ä"}, "characters that a URL escapes"),
        ({"target": "https://a.example", "anchor": "x"}, "there is no 'anchor'"),
        ({"target": "https://a.example", "token": "t"}, "'secret_token'"),
        ({"target": "https://a.example", "ca": "nothing"}, "these are not certificates in PEM form"),
        ({"target": "https://a.example", "ca": "\ufffd"}, "these are not certificates in PEM form"),
        ({"target": "https://a.example", "ca": "x", "verify": False}, "'ca' has no use"),
        ({"target": "https://a.example", "timeout": 5}, "timeout"),
        (
            {"kind": "scim", "secret_token": "x", "target": "https://a.example"},
            "goes with 'kind: proxy' only",
        ),
    ],
)
def test_a_connector_that_cannot_be(said: dict[str, Any], problem: str) -> None:
    """Each mistake is reported where it is, and no password is repeated."""
    with pytest.raises(ScenarioError) as error:
        loader.load_document({"format": 1, "connectors": {"TARGET": {"kind": "proxy", **said}}})
    assert problem in str(error.value)
    assert "pass@" not in str(error.value)


def test_no_document_from_the_network_names_a_target(target: Target, proxy: Make) -> None:
    """Else whoever reaches the control plane could have this process ask any host."""
    host = proxy()
    control = host._operated(host.runtime.network)
    from mockhost.operations import find
    from mockhost.runtime.operations import perform

    with pytest.raises((UsageError, ScenarioError), match="can't name a target"):
        perform(control, find("set_host"), {"set": {"connectors.TARGET.target": "http://127.0.0.1:9"}})
    document = {"format": 1, "connectors": {"X": {"kind": "proxy", "target": "http://127.0.0.1:9"}}}
    with pytest.raises((UsageError, ScenarioError), match="can't name a target"):
        host.runtime.use(host.terms.load(document, {}, host.runtime.network))
    assert ask(host).status == 200
    perform(control, find("set_host"), {"set": {"connectors.TARGET.timeout": "5s"}})
    assert ask(host).status == 200


def test_it_is_operated_like_other_connectors(target: Target, proxy: Make) -> None:
    """What a proxy does not have says so; the service and forks are as ever."""
    host = proxy()
    assert (host.objects("TARGET"), host.cache("TARGET")) == ([], [])
    with pytest.raises(UsageError, match="objects are its target's"):
        host.change({"TARGET": {"insert": [{}]}})
    with pytest.raises(UsageError, match="no imports"):
        host.import_now("TARGET")
    host.service("restart")
    host.reset_connector("TARGET")
    assert host.status()["effective"]
    assert ask(host).status == 200
    host.reset()
    assert ask(host).status == 200
    host.runtime.set("connectors.TARGET.target", target.url + "/other")
    assert ask(host, path="").status == 200
    assert target.requests[-1].startswith(b"GET /base/v2/other HTTP")


def test_steps_are_played_through_a_proxy(target: Target) -> None:
    """`expect` asks the target, by a fork of the host, and gets what it answers."""
    from mockhost.scim.messages import CORE_USER

    step = {
        "send": "create",
        "attributes": {"userName": "bob"},
        "gets": {"status": 201, "body": {"/id": "7"}},
    }
    document = {
        "format": 1,
        "connectors": {"TARGET": {"kind": "proxy", "target": target.url, "secret_token": "tok-x"}},
        "expect": [step],
    }
    target.answers = [CREATED, CREATED]
    with MockHost(document, tls=False) as host:
        assert host.check().ok
    assert CORE_USER.encode() in target.requests[0]
    assert b"Authorization: Bearer tok-x" in target.requests[0]
