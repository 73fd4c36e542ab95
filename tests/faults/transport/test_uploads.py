"""Faults of the request's direction, on a running host: what a client that still sends its body meets."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from mockhost import MockHost
from mockhost.clock import monotonic
from mockhost.errors import MockhostError
from mockhost.faults import FAULTS, find
from mockhost.scim.messages import ECMA_USER
from tests.faults.transport.test_clients import alternatives
from tests.machine import needs_curl_with_openssl
from tests.server.conftest import until
from tests.server.raw import RawClient
from tests.tls.handshakes import trusting

UPLOADS = [name for name in FAULTS if find(name).upload is not None]
VALUES = {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}
BODY = json.dumps({"schemas": [ECMA_USER], ECMA_USER: VALUES}).encode()
CREATES = {"operation": "create_user"}


def test_every_upload_has_its_test_here() -> None:
    """A new one is added below."""
    assert UPLOADS == ["slow_upload", "upload_stall", "upload_reset", "early_answer"]


@pytest.fixture(params=[None, "1.2", "1.3"], ids=["tcp", "TLSv1.2", "TLSv1.3"])
def version(request: pytest.FixtureRequest) -> str | None:
    version: str | None = request.param
    return version


@pytest.fixture
def host(version: str | None) -> Iterator[MockHost]:
    """A host without TLS, or with it: what it has met is no bug, and a neighbour is served afterwards."""
    with MockHost("basics/healthy", control=False, tls=version is not None) as host:
        yield host
        with host.session() as neighbour:
            assert neighbour.get(host.url() + "/Users/ljacobson", timeout=60).status_code == 200
        assert [exchange.bug for exchange in host.journal if exchange.bug] == []


class Client(RawClient):
    """A client that sends the head of a create, and as much of its body as it is told."""

    def __init__(self, host: MockHost, version: str | None) -> None:
        context = None if version is None else trusting(Path(host.ca_file or "").read_text(), version)
        super().__init__(host.port, tls=context)
        self.host = host

    def __enter__(self) -> Client:
        return self

    def begin(self, part: bytes = b"", *, framing: str = f"Content-Length: {len(BODY)}") -> None:
        authorization = f"Authorization: Bearer {self.host.token('SQL')}"
        lines = ["POST /ecma2host_SQL/scim/Users HTTP/1.1", "Host: localhost", authorization, framing]
        lines.append("Content-Type: application/scim+json")
        self.send("\r\n".join([*lines, "", ""]).encode() + part)


def created(host: MockHost) -> bool:
    return bool(host.objects("SQL", ContosoLogin="bob"))


def test_a_body_is_read_slowly_and_then_answered(host: MockHost, version: str | None) -> None:
    """The whole of it: the user is there, and the connection goes on."""
    host.add_rule({"when": CREATES, "fault": {"slow_upload": 2000}})
    with Client(host, version) as client:
        for framing, body in (
            (f"Content-Length: {len(BODY)}", BODY),
            ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)),
        ):
            began = monotonic()
            client.begin(body, framing=framing)
            assert client.answer().status in (201, 409)
            assert monotonic() - began >= (len(BODY) - 100) / 2000
    assert created(host)
    exchange = next(iter(host.journal))
    assert (exchange.status, exchange.faults, exchange.body) == (201, ("slow_upload",), BODY)


def test_a_body_that_is_not_read_is_not_answered(host: MockHost, version: str | None) -> None:
    """However much of it comes; until hangs are released, and then it is."""
    host.add_rule({"when": CREATES, "fault": {"upload_stall": {"after_bytes": 10}}})
    with Client(host, version) as client:
        client.begin(BODY)
        listener = host.listener
        assert listener is not None
        until(lambda: bool(listener.hanging()))
        assert client.nothing_more(0.1)
        assert not created(host)
        assert host.release() == 1
        assert client.answer().status == 201
    assert created(host)


def test_a_stall_ends_with_the_client(host: MockHost, version: str | None) -> None:
    """Though what it sent before was never read."""
    host.add_rule({"when": CREATES, "fault": "upload_stall"})
    with Client(host, version) as client:
        client.begin(BODY)
        assert client.nothing_more(0.05)
    assert host.listener is not None
    listener = host.listener
    until(lambda: not listener.connections)
    assert not created(host)


def test_a_stall_lasts_as_long_as_it_is_told(host: MockHost, version: str | None) -> None:
    host.add_rule({"when": CREATES, "fault": {"upload_stall": "50ms"}})
    with Client(host, version) as client:
        began = monotonic()
        client.begin(BODY)
        assert client.answer().status == 201
        assert monotonic() - began >= 0.05


@pytest.mark.parametrize("after", [0, 10])
def test_a_client_that_still_sends_is_reset(host: MockHost, version: str | None, after: int) -> None:
    """Once so many bytes of the body came; nothing was carried out, and the connection says which rule it was."""
    name = host.add_rule({"when": CREATES, "fault": {"upload_reset": after}})
    with Client(host, version) as client:
        client.begin()
        assert after == 0 or client.nothing_more(0.05)
        if after:
            client.send(BODY[:20])
        seen = client.until_end()
    assert (seen.data, seen.tcp) == (b"", "rst")
    assert not created(host)
    assert [exchange.operation for exchange in host.journal] == []
    assert [connection.rule for connection in host.runtime.journal.connections] == [name]


@pytest.mark.parametrize("framing", [f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked"])
def test_an_answer_comes_before_the_body(host: MockHost, version: str | None, framing: str) -> None:
    """The whole answer and the end; what the client still sends is taken, so that nothing of it is lost."""
    host.add_rule({"when": CREATES, "fault": "early_answer"})
    with Client(host, version) as client:
        client.begin(framing=framing)
        client.expect_through(b"HTTP/1.1 413 ")
        client.sock.sendall(b"anything")
        seen = client.until_end()
    assert (seen.tcp, seen.close_notify) == ("fin", version is not None)
    assert not created(host)
    (exchange,) = host.journal
    assert (exchange.status, exchange.faults, exchange.body) == (413, ("early_answer",), b"")


def test_an_early_answer_can_end_by_a_reset_and_after_some_of_the_body(
    host: MockHost, version: str | None
) -> None:
    fault = {"early_answer": {"status": 503, "after_bytes": 5, "how": "rst", "detail": "busy"}}
    host.add_rule({"when": CREATES, "fault": fault})
    with Client(host, version) as client:
        client.begin()
        assert client.nothing_more(0.05)
        client.send(BODY[:5])
        seen = client.until_end()
    assert seen.data.startswith(b"HTTP/1.1 503 ")
    assert seen.tcp == "rst"
    assert next(iter(host.journal)).body == BODY[:5]


def test_a_client_that_waits_for_100_gets_the_answer(host: MockHost, version: str | None) -> None:
    """RFC 9110 10.1.1: it never sends its body."""
    host.add_rule({"when": CREATES, "fault": "early_answer"})
    with Client(host, version) as client:
        client.begin(framing=f"Expect: 100-continue\r\nContent-Length: {len(BODY)}")
        assert client.until_end().data.startswith(b"HTTP/1.1 413 ")


def test_a_request_without_a_body_never_meets_them(host: MockHost) -> None:
    """Nor one that another rule is for; the count is of those that met it."""
    name = host.add_rule({"fault": "upload_reset", "when": {"connector": "SQL"}})
    with host.session() as client:
        assert client.get(host.url() + "/Users/ljacobson", timeout=60).status_code == 200
    assert [each["fired"] for each in host.rules if each["name"] == name] == [0]
    (exchange,) = host.journal
    miss = host.near_miss(exchange)
    assert miss is not None
    assert "the request has no body" in miss.text


def test_the_rest_of_a_sequence_is_as_always(host: MockHost, version: str | None) -> None:
    """A rule is decided once for each request."""
    steps = [{"fault": "early_answer"}, {"reply": "normal"}, {"reply": {"status": 418}}]
    name = host.add_rule({"when": CREATES, "sequence": steps})
    statuses = []
    for _ in steps:
        with Client(host, version) as client:
            client.begin(BODY)
            statuses.append(client.answer().status)
    assert statuses == [413, 201, 418]
    assert [each["fired"] for each in host.rules if each["name"] == name] == [3]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            {"fault": "upload_reset", "when": {"attributes": {"FirstName": "Bob"}}},
            "before the body is read, so",
        ),
        ({"fault": "slow_upload", "when": {"body": {"/id": 1}}}, "so 'body' can't be asked for it"),
        ({"fault": ["slow_upload", "early_answer"]}, "two faults say how the request's body is read"),
        ({"fault": {"slow_upload": 0}}, "bytes_per_second is a whole number of at least 1"),
        ({"fault": {"early_answer": 200}}, "status is a whole number from 400 to 599"),
    ],
)
def test_what_can_not_be_is_refused(rule: dict[str, object], message: str) -> None:
    with (
        MockHost("basics/healthy", control=False, tls=False) as host,
        pytest.raises(MockhostError) as problem,
    ):
        host.add_rule(rule)
    assert message in str(problem.value)


# -- clients -----------------------------------------------------------------------------------------------------


def said(name: str) -> object:
    """A fault as the documentation writes it."""
    example = find(name).example
    return name if example is None else {name: example}


@pytest.mark.parametrize("name", UPLOADS)
def test_what_requests_reports(host: MockHost, name: str) -> None:
    """What the documentation says."""
    host.add_rule({"when": CREATES, "fault": said(name)})
    patience = 0.5 if name == "upload_stall" else 60
    try:
        answer = host.session().post(host.url() + "/Users", data=BODY, timeout=patience)
    except requests.RequestException as error:
        got, words = type(error).__name__, str(error)
    else:
        got, words = str(answer.status_code), ""
    told = alternatives(find(name).seen.requests.partition(";")[0])
    assert any(got == kind and text in words for kind, text in told), f"{got}: {words}"


@needs_curl_with_openssl
@pytest.mark.parametrize("name", UPLOADS)
def test_what_curl_reports(host: MockHost, name: str) -> None:
    """Its exit code, or the status."""
    host.add_rule({"when": CREATES, "fault": said(name)})
    patience = "0.5" if name == "upload_stall" else "60"
    command = ["curl", "-sS", "--noproxy", "*", "--cacert", str(host.ca_file), "--max-time", patience]
    headers = [
        "-H",
        f"Authorization: Bearer {host.token('SQL')}",
        "-H",
        "Content-Type: application/scim+json",
    ]
    command += [*headers, "--data-binary", "@-", "-o", "-", "-w", "\n%{http_code}", host.url() + "/Users"]
    done = subprocess.run(command, input=BODY, capture_output=True, check=False)
    seen = find(name).seen.curl
    assert f"({done.returncode})" in seen, done.stderr
    if done.returncode == 0:
        assert done.stdout.decode().rpartition("\n")[2] in seen
