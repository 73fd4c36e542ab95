"""Whatever answers: the doctor ends in time, names something useful, and never breaks."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from mockhost import MockHost
from mockhost.clock import monotonic
from mockhost.doctor.patient import WRONG_TOKEN
from tests.client.conftest import Peers, Presented
from tests.client.peers import Line, Script
from tests.doctor.conftest import Examine

PATH = "/ecma2host_SQL/scim"
SECRET = "kept-to-yourself"
LIST = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 0, "Resources": []}


def answer(body: object, status: str = "200 OK", *headers: str, kind: str = "application/scim+json") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(data)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data


def says(data: bytes) -> Script:
    """Answers every request with the same bytes."""

    def script(line: Line) -> None:
        line.read_request()
        line.send(data)

    return script


def host(line: Line) -> None:
    """A small host: 401 without the token, an empty list with it."""
    request = line.read_request().decode()
    if f"Bearer {SECRET}" in request:
        line.send(answer(LIST))
    else:
        line.send(answer({}, "401 Unauthorized"))


CAPTIVE = b"<html><head><title>Sign in to the network</title></head></html>"


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        (lambda line: line.reset(), "EMH0301", ("reset", "closed")),
        (lambda line: line.hang(), "EMH0301", ("no answer",)),
        (lambda line: line.send(line.read_request()), "EMH0301", ("not HTTP",)),  # an echo server
        (lambda line: line.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "EMH0301", ("not HTTP",)),
        (says(b"\0\0\x12\x04\0\0\0\0\0" + bytes(18)), "EMH0301", ("not HTTP",)),  # an HTTP/2 SETTINGS frame
        (says(answer(CAPTIVE, kind="text/html")), "EMH0302", ("Sign in to the network",)),
        (says(answer(b"", "302 Found", "Location: https://login.example/")), "EMH0302", ("login.example",)),
        (says(answer(b"", "503 Service Unavailable")), "EMH0302", ("503",)),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"), "EMH0301", ("not whole",)),
        (says(b"HTTP/1.1 999999 What\r\n\r\n"), "EMH0301", ("not HTTP", "head", "status line")),
        (says(answer({}, "404 Not Found")), "EMH0303", ("404",)),
        (says(answer(LIST)), "EMH0304", ("authentication is off",)),
    ],
)  # fmt: skip
def test_a_target_over_plain_http(
    peers: Peers, examined: Examine, script: Script, code: str, words: tuple[str, ...]
) -> None:
    found = examined(f"{peers(script).url}{PATH}", timeout=1.0)
    assert found[code].status == "fail", found
    assert any(word in found[code].saw for word in words), found[code]
    assert not [each for each in found.values() if each.status == "error"]


def test_nobody_listens(closed_port: int, examined: Examine) -> None:
    found = examined(f"https://localhost:{closed_port}{PATH}")
    assert (found["EMH0102"].status, found["EMH0201"].blocked_by) == ("fail", "EMH0102")
    assert {each.status for code, each in found.items() if code > "EMH0102"} == {"skip"}


def test_an_unknown_name(examined: Examine) -> None:
    found = examined(f"https://no-such-host.invalid:8585{PATH}")
    assert found["EMH0101"].status == "fail"
    assert found["EMH0303"].blocked_by == "EMH0101"


def test_a_port_that_says_nothing(peers: Peers, examined: Examine) -> None:
    peer = peers(lambda line: line.hang())
    found = examined(f"https://localhost:{peer.port}{PATH}", timeout=0.5)
    assert found["EMH0201"].status == "fail"
    assert "does not end" in found["EMH0201"].saw


def test_what_drips_ends_at_the_deadline(peers: Peers, examined: Examine) -> None:
    """One byte of each answer, and then nothing: no time is left for later checks, and each says so."""

    def drips(line: Line) -> None:
        line.read_request()
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1")
        line.hang()

    begun = monotonic()
    found = examined(f"{peers(drips).url}{PATH}", timeout=60.0, limit=1.0)
    assert "not whole" in found["EMH0301"].saw
    assert monotonic() - begun < 30  # 60 if the time-out counted


def test_an_endless_body_is_not_kept(peers: Peers, examined: Examine) -> None:
    def endless(line: Line) -> None:
        line.read_request()
        line.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while not line.done.is_set():
            line.send(b" " * 65_536)

    found = examined(f"{peers(endless).url}{PATH}")
    assert "longer than 4194304 bytes" in found["EMH0301"].saw


def test_a_check_that_breaks_is_an_error_and_hides_nothing(
    peers: Peers, examined: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mockhost.doctor.checks import CHECKS

    def broken(patient: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setitem(CHECKS, "EMH0306", broken)  # type: ignore[arg-type]  # it never returns
    found = examined(f"{peers(host).url}{PATH}", SECRET)
    assert found["EMH0306"].status == "error"
    assert found["EMH0401"].status == "pass"


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"valid": (-2 * 86_400.0, -86_400.0)}, "EMH0203"),
        ({"valid": (86_400.0, 2 * 86_400.0)}, "EMH0203"),
        ({"valid": (-86_400.0, 86_400.0)}, "EMH0203"),  # soon: a warning
        ({"names": ("elsewhere.example",)}, "EMH0204"),
        ({"usage": "client"}, "EMH0205"),
        ({"issuer": "untrusted"}, "EMH0202"),
    ],
)
def test_each_property_of_a_certificate_is_judged_by_itself(
    peers: Peers, present: Callable[..., Presented], examined: Examine, config: dict[str, object], code: str
) -> None:
    presented = present(**config)
    peer = peers(host, context=presented.context)
    found = examined(f"{peer.url}{PATH}", SECRET, presented.ca_file)
    of_tls = ("EMH0202", "EMH0203", "EMH0204", "EMH0205")
    tripped = [each for each in of_tls if found[each].status in ("fail", "warn")]
    # OpenSSL checks the purpose together with the chain.
    assert tripped == [code], found


@pytest.mark.parametrize("config", [{"issuer": "untrusted"}, {"names": ("elsewhere.example",)}])
def test_the_token_is_not_sent_to_a_server_that_is_not_trusted(
    peers: Peers, present: Callable[..., Presented], examined: Examine, config: dict[str, object]
) -> None:
    presented = present(**config)
    peer = peers(host, context=presented.context)
    found = examined(f"{peer.url}{PATH}", SECRET, presented.ca_file)
    assert found["EMH0305"].status == "skip"
    assert peer.requests
    assert not [request for request in peer.requests if SECRET.encode() in request]


def test_it_only_reads(examined: Examine) -> None:
    """Every request of an examination is a GET, and none of them changes a user."""
    with MockHost("basics/healthy", clock="wall") as mock:
        target = mock.clients()["SQL"]
        before = mock.call("get_objects", name="SQL", count=1_000)
        found = examined(target.url, target.secret_token, target.ca_file)
        assert {each.method for each in mock.journal} == {"GET"}
        assert mock.call("get_objects", name="SQL", count=1_000) == before
        assert {each.status for each in found.values()} <= {"pass", "info"}


@pytest.mark.parametrize("connector", ["SQL", "LDAP"])
def test_the_write_probe_creates_and_deletes_one_user(examined: Examine, connector: str) -> None:
    with MockHost("basics/healthy") as mock:
        target = mock.clients()[connector]
        before = mock.call("get_objects", name=connector, count=1_000)
        found = examined(target.url, target.secret_token, target.ca_file, write=True)
        assert found["EMH0501"] == ("pass", "created and deleted", "")
        assert [each.method for each in mock.journal if each.method != "GET"] == ["POST", "DELETE"]
        assert "emh-probe-" in str(mock.call("get_journal"))
        assert mock.call("get_objects", name=connector, count=1_000) == before


def test_a_user_who_can_not_be_created(examined: Examine) -> None:
    with MockHost("faults/conflict") as mock:
        target = mock.clients()["SQL"]
        found = examined(target.url, target.secret_token, target.ca_file, write=True)
        assert found["EMH0501"].status == "fail"
        assert "409" in found["EMH0501"].saw


def test_slow_answers_and_clocks_that_differ(peers: Peers, examined: Examine) -> None:
    def script(line: Line) -> None:
        request = line.read_request().decode()
        status = "200 OK" if f"Bearer {SECRET}" in request else "401 Unauthorized"
        line.send(answer(LIST, status, "Date: Sat, 01 Jan 2000 00:00:00 GMT"))

    found = examined(f"{peers(script).url}{PATH}", SECRET)
    assert found["EMH0306"].status == "warn"
    from mockhost.client.observation import Observation
    from mockhost.doctor.checks import latency
    from mockhost.doctor.patient import Patient

    patient = Patient("https://localhost/", None, None, timeout=1, deadline=monotonic())
    patient.seen["probe"] = Observation("", "GET", "/", status=200, took=6.0)
    assert latency(patient).status == "warn"


@pytest.mark.parametrize(
    ("total", "code", "words"),
    [
        (1, "EMH0401", "200 without resources, but totalResults is 1"),
        (-1, "EMH0401", "200 without resources, but totalResults is -1"),
        (True, "EMH0401", "200 without resources, but totalResults is True"),
        ("0", "EMH0402", "totalResults is '0', not a number"),
        (0.5, "EMH0402", "totalResults is 0.5, not a number"),
        (None, "EMH0402", "totalResults is None, not a number"),
    ],
)  # fmt: skip
def test_a_list_with_a_wrong_total(
    peers: Peers, examined: Examine, total: object, code: str, words: str
) -> None:
    """A wrong number fails the probe, a wrong form the check of forms; the first that fails names the total."""

    def script(line: Line) -> None:
        request = line.read_request().decode()
        status = "200 OK" if f"Bearer {SECRET}" in request else "401 Unauthorized"
        line.send(answer({**LIST, "totalResults": total}, status))

    found = examined(f"{peers(script).url}{PATH}", SECRET)
    assert found[code] == ("fail", words, "")
    if code == "EMH0402":
        assert found["EMH0401"].status == "pass"


def test_errors_that_show_the_inside(peers: Peers, examined: Examine) -> None:
    body = {"ExceptionMessage": "x", "StackTrace": "   at Contoso.Host.Get()"}
    found = examined(f"{peers(says(answer(body, '500 Internal Server Error'))).url}{PATH}", SECRET)
    assert found["EMH0409"].status == "warn"
    assert found["EMH0401"].status == "fail"


@pytest.mark.parametrize(
    ("names", "status"),
    [(["FirstName"], "pass"), (["firstname"], "warn"), (["Manager"], "fail"), ([], "info")],
)
def test_attributes_that_are_asked_for(examined: Examine, names: list[str], status: str) -> None:
    with MockHost("basics/healthy") as mock:
        target = mock.clients()["SQL"]
        found = examined(target.url, target.secret_token, target.ca_file, attributes=names)
        assert found["EMH0405"].status == status


@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("`:;<=>?@-generated-by-Microsoft", "pass"),  # facts: tokens of the generator have these
        (" leading-blank-token", "fail"),
        ("trailing-line-break\n", "fail"),
        ("\u201ctypographic-quotes\u201d", "fail"),
        ("snowman-\u2603-token", "fail"),
        ("with a blank inside", "warn"),
        ("short", "warn"),
        ("", "fail"),
        (None, "info"),
    ],
)
def test_the_shape_of_a_token(closed_port: int, examined: Examine, token: str | None, status: str) -> None:
    found = examined(f"https://localhost:{closed_port}{PATH}", token)["EMH0002"]
    assert found.status == status
    assert not token or token.strip() not in found.saw or len(token) < 9


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://localhost:8585/ecma2host_SQL/scim", "pass"),
        ("https://localhost:8585/ecma2host_SQL/scim/", "warn"),
        ("http://localhost:8585/ecma2host_SQL/scim", "warn"),
        ("https://localhost:8585/ecma2host_my-sql/scim", "warn"),
        ("https://localhost:8585/ecma2host_SQL/scim/Users", "fail"),
        ("https://localhost:8585/ecma2host_/scim", "fail"),
        ("https://localhost:8585/scim", "warn"),
        ("https://localhost:8585", "warn"),
        ("localhost:8585/ecma2host_SQL/scim", "fail"),
        ("ftp://localhost/ecma2host_SQL/scim", "fail"),
        ("https://[::1/ecma2host_SQL/scim", "fail"),
        ("https://localhost:99999/ecma2host_SQL/scim", "fail"),
        ("", "fail"),
    ],
)
def test_the_shape_of_a_url(examined: Examine, url: str, status: str) -> None:
    assert examined(url, limit=0.0)["EMH0001"].status in (status, "skip")
    from mockhost.doctor.checks import url_shape
    from mockhost.doctor.patient import Patient

    assert url_shape(Patient(url, None, None, timeout=1, deadline=0)).status == status


def test_no_check_asks_twice_for_the_same(peers: Peers, examined: Examine) -> None:
    peer = peers(host)
    examined(f"{peer.url}{PATH}", SECRET)
    lines = [(r.split(b"\r\n")[0], WRONG_TOKEN.encode() in r, SECRET.encode() in r) for r in peer.requests]
    assert len(lines) == len(set(lines))


def test_a_tls_echo_server(peers: Peers, present: Callable[..., Presented], examined: Examine) -> None:
    """It sends what it reads back over TLS, as `openssl s_server -rev` does line by line."""
    presented = present()

    def echo(line: Line) -> None:
        line.send(line.read_request())

    peer = peers(echo, context=presented.context)
    found = examined(f"{peer.url}{PATH}", SECRET, presented.ca_file)
    assert found["EMH0202"].status == "pass"
    assert found["EMH0301"].status == "fail"
    assert "not HTTP" in found["EMH0301"].saw
    assert not [request for request in peer.requests if SECRET.encode() in request]


def test_a_port_that_echoes_the_handshake(peers: Peers, examined: Examine) -> None:
    peer = peers(lambda line: line.send(line.sock.recv(65_536)))
    found = examined(f"https://localhost:{peer.port}{PATH}", timeout=2.0)
    assert found["EMH0201"].status == "fail"


@pytest.mark.parametrize("odd", [5, True, "text", None, {}, [5], [[]], 1e300])
@pytest.mark.parametrize(
    "place", ["schemas", "id", "meta", "active", "row", "Resources", "totalResults", "attributes"]
)
def test_odd_values_are_findings_and_never_errors(
    peers: Peers, examined: Examine, place: str, odd: object
) -> None:
    """Whatever stands where: a check fails or passes, and does not break."""
    user: object = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": "1",
        "meta": {},
        "active": True,
    }
    if place == "row":
        user = odd
    elif isinstance(user, dict) and place in user:
        user[place] = odd
    schema = {
        "id": "urn:x",
        "attributes": odd if place == "attributes" else [{"name": "a", "type": odd}, odd],
    }
    body = {**LIST, "totalResults": 1, "Resources": [user, schema]}
    if place in ("Resources", "totalResults"):
        body[place] = odd
    found = examined(f"{peers(says(answer(body))).url}{PATH}", SECRET)
    assert not [each for each in found.values() if each.status == "error"], found
