"""The client sees how an exchange ends: every ending that a scenario can ask for, over TCP and both TLS versions."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockhost.client.answers import INFORMATIONAL_LIMIT
from mockhost.client.observation import ENDS, Observation, exchange
from mockhost.matching import ABSENT
from tests.client.conftest import Peers, Presented
from tests.client.peers import Line, answer

Present = Callable[..., Presented]
DAY = 86_400.0
TRANSPORTS = ["tcp", "1.2", "1.3"]


@pytest.fixture(params=TRANSPORTS)
def ask(request: pytest.FixtureRequest, peers: Peers, present: Present) -> Callable[..., Observation]:
    """Ask a peer with a script, over each transport."""

    def asked(script: Callable[[Line], None], method: str = "GET", **options: object) -> Observation:
        if request.param == "tcp":
            peer, ca_file = peers(script), None
        else:
            presented = present(minimum_version=request.param, maximum_version=request.param)
            peer, ca_file = peers(script, context=presented.context), presented.ca_file
        given = {"timeout": 60.0, "linger": 30.0, "ca_file": ca_file} | options
        return exchange(peer.url, method, "/x", **given)  # type: ignore[arg-type]  # passed on as they come

    asked.secure = request.param != "tcp"  # type: ignore[attr-defined]  # tells the test what to expect
    return asked


def after_request(*actions: Callable[[Line], object]) -> Callable[[Line], None]:
    def script(line: Line) -> None:
        line.read_request()
        for action in actions:
            action(line)

    return script


def patiently(attempt: Callable[[float], Observation], status: int | None) -> Observation:
    """With a short time-out; with a longer one where the machine was too busy to bring the status within it."""
    for timeout in (0.3, 1.0, 5.0, 30.0):
        seen = attempt(timeout)
        assert seen.took >= timeout
        if seen.status == status:
            break
    return seen


def send(data: bytes) -> Callable[[Line], None]:
    return lambda line: line.send(data)


def test_a_whole_answer_on_a_connection_that_stays_open(ask: Callable[..., Observation]) -> None:
    """Status, reason, headers and body are what was sent; the connection is kept."""
    seen = ask(
        after_request(send(answer(b'{"a":1}', "200 OK", "X-One: 1", "x-one:  2 ")), Line.hang), linger=0.05
    )
    assert (seen.status, seen.reason, seen.body, seen.complete) == (200, "OK", b'{"a":1}', True)
    assert (seen.words, seen.error, seen.json()) == (("keep",), "", {"a": 1})
    assert (seen.header("X-ONE"), seen.header("none")) == ("1, 2", None)


@pytest.mark.parametrize(("close", "ends"), [(Line.fin, "fin"), (Line.reset, "rst")])
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 20", answer(b"{}"), answer(b"{}")[:-1]])
def test_how_the_peer_closed_is_seen_after_any_part_of_an_answer(
    ask: Callable[..., Observation], sent: bytes, close: Callable[[Line], None], ends: str
) -> None:
    """FIN and RST are told apart, whether nothing, a piece of the head, a short body or all was sent before."""
    seen = ask(after_request(send(sent), close))
    assert seen.words == (ends,)
    assert seen.complete is sent.endswith(b"{}")
    assert bool(seen.error) is not seen.complete
    assert seen.status == (200 if b"{" in sent else None)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_goodbye_of_tls_is_not_a_mere_fin(peers: Peers, present: Present, version: str) -> None:
    """close_notify is seen as such."""
    presented = present(minimum_version=version, maximum_version=version)
    peer = peers(after_request(send(answer()), Line.goodbye), context=presented.context)
    seen = exchange(peer.url, "GET", "/", ca_file=presented.ca_file, linger=30.0)
    assert (seen.ends, seen.complete, seen.tls_version) == ("close_notify", True, f"TLSv{version}")


def test_a_closing_answer_is_watched_until_the_close(ask: Callable[..., Observation]) -> None:
    """`Connection: close` makes the client look for the end, without being asked to linger."""
    seen = ask(after_request(send(answer(b"{}", "200 OK", "Connection: close")), Line.fin), linger=0.0)
    assert (seen.ends, seen.complete) == ("fin", True)


def test_a_body_without_a_length_lasts_until_the_end(ask: Callable[..., Observation]) -> None:
    """Over TCP the FIN ends it; over TLS an end without close_notify may be a cut, and is no whole answer."""
    seen = ask(after_request(send(b"HTTP/1.1 200 OK\r\n\r\nsome text"), Line.fin))
    assert seen.body == b"some text"
    assert seen.complete is not ask.secure  # type: ignore[attr-defined]  # set by the fixture


@pytest.mark.parametrize(
    ("data", "complete", "body", "error"),
    [
        (b"2\r\nhi\r\n0\r\n\r\n", True, b"hi", ""),
        (b"2;x=y\r\nhi\r\n1\r\n!\r\n0\r\nTrailer: 1\r\n\r\n", True, b"hi!", ""),
        (b"zz\r\nhi\r\n0\r\n\r\n", False, b"", "not a hexadecimal number: 'zz'"),
        (b"2\r\nhi!!\r\n0\r\n\r\n", False, b"hi", "chunk of 2 bytes is followed by '!!'"),
        (b"5\r\nhi", False, b"hi", "a chunk ends after 2 of 5 bytes"),
        (b"2\r\nhi\r\n", False, b"hi", "it ends within a chunk's size"),
    ],
)
def test_chunks(
    ask: Callable[..., Observation], data: bytes, complete: bool, body: bytes, error: str
) -> None:
    """Chunked bodies are put together; each way to break one is named."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    seen = ask(after_request(send(head + data), Line.fin))
    assert (seen.status, seen.complete, seen.body) == (200, complete, body)
    assert error in seen.error


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (answer(b"{}") + b"HTTP", "bytes follow the answer"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "Content-Length says 1 and 2",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "not a number: 'many'"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "does not say where the body ends"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "the body ends after 2 of 5 bytes"),
    ],
)
def test_wrong_framing_is_named(peers: Peers, data: bytes, error: str) -> None:
    """Whatever contradicts RFC 9112 6 is said in words."""
    seen = exchange(peers(after_request(send(data), Line.fin)).url, "GET", "/", linger=30.0)
    assert seen.status == 200
    assert error in seen.error


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\x01", b"HTTP/9 200 OK\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n"]
)
def test_what_is_not_http(ask: Callable[..., Observation], data: bytes) -> None:
    """Something else lives on the port."""
    seen = ask(after_request(send(data), Line.fin))
    assert seen.ends == "not_http"
    assert seen.status is None
    assert "not HTTP" in seen.error


def test_informational_answers_are_skipped(peers: Peers) -> None:
    """100 Continue is not the answer."""
    data = b"HTTP/1.1 100 Continue\r\nX: 1\r\n\r\n" + answer(b"", "204 No Content")
    seen = exchange(peers(after_request(send(data))).url, "POST", "/", body=b"x")
    assert (seen.status, seen.headers, seen.complete) == (204, (("Content-Length", "0"),), True)


@pytest.mark.parametrize(("many", "status"), [(INFORMATIONAL_LIMIT, 204), (INFORMATIONAL_LIMIT + 1, None)])
def test_informational_answers_are_bounded(peers: Peers, many: int, status: int | None) -> None:
    """As many as the limit are skipped; with one more there is no answer."""
    data = b"HTTP/1.1 100 Continue\r\n\r\n" * many + answer(b"", "204 No Content")
    seen = exchange(peers(after_request(send(data))).url, "GET", "/")
    assert seen.status == status
    assert ("informational" in seen.error) == (status is None)


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "304 Not Modified"), ("GET", "204 No Content")]
)
def test_some_answers_have_no_body_whatever_they_say(peers: Peers, method: str, status: str) -> None:
    """RFC 9112 6.3: HEAD, 204 and 304."""
    data = f"HTTP/1.1 {status}\r\nContent-Length: 10\r\n\r\n".encode()
    assert exchange(peers(after_request(send(data), Line.hang)).url, method, "/").complete


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", answer(b"{}")[:-1]])
def test_a_peer_that_falls_silent(ask: Callable[..., Observation], sent: bytes) -> None:
    """The deadline holds wherever the peer stops; what came before is kept."""
    status = 200 if sent.endswith(b"{") else None
    seen = patiently(lambda timeout: ask(after_request(send(sent), Line.hang), timeout=timeout), status)
    assert (seen.ends, seen.complete, seen.status) == ("no_answer_within", False, status)


def test_a_silent_peer_before_the_handshake(peers: Peers, present: Present) -> None:
    """A port that accepts and never speaks TLS."""
    peer = peers(context=present().context, early=Line.hang)
    assert exchange(peer.url, "GET", "/", timeout=0.3).ends == "no_answer_within"


def test_nobody_listens(closed_port: int) -> None:
    """Refused on every address of localhost."""
    seen = exchange(f"https://localhost:{closed_port}", "GET", "/")
    assert (seen.ends, seen.status) == ("refused", None)
    assert str(closed_port) in seen.error


@pytest.mark.parametrize(
    "url",
    ["localhost:8585/scim", "ftp://localhost/", "https://", "http://localhost:99999/", "http://[::1/", ""],
)
def test_a_url_that_leads_nowhere(url: str) -> None:
    """It is said what is wrong with it; nothing is sent."""
    seen = exchange(url, "GET", "/")
    assert seen.ends == "unsent"
    assert seen.error


def test_a_line_break_is_not_smuggled(peers: Peers) -> None:
    """No request is made of two."""
    peer = peers(after_request(send(answer())))
    assert exchange(peer.url, "GET", "/ HTTP/1.1\r\nX: y", timeout=5.0).ends == "unsent"
    assert exchange(peer.url, "GET", "/", {"X": "a\nb"}, timeout=5.0).ends == "unsent"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"valid": (-10 * DAY, -DAY)}, ("tls_expired",)),
        ({"valid": (DAY, 2 * DAY)}, ("tls_not_yet_valid",)),
        ({"names": ("other.contoso.com",)}, ("tls_name",)),
        ({"issuer": "untrusted"}, ("tls_untrusted",)),
        ({"usage": "client"}, ("tls_usage",)),
        ({"names": ("a.example",), "valid": (-10 * DAY, -DAY)}, ("tls_name", "tls_expired")),
        (
            {"names": ("a.example",), "valid": (-10 * DAY, -DAY), "issuer": "untrusted", "usage": "client"},
            ("tls_untrusted", "tls_usage", "tls_name", "tls_expired"),
        ),
    ],
)
@pytest.mark.parametrize("key", ["ec-p256", "rsa-2048"])
def test_every_fault_of_a_certificate_is_seen(
    peers: Peers, present: Present, config: dict[str, object], words: tuple[str, ...], key: str
) -> None:
    """OpenSSL names one; the client names all."""
    presented = present(key=key, **config)
    peer = peers(after_request(send(answer())), context=presented.context)
    seen = exchange(peer.url, "GET", "/", ca_file=presented.ca_file)
    assert seen.words == words
    assert seen.error
    assert not peer.requests


def test_trust_can_be_withheld_or_given_to_anything(peers: Peers, present: Present) -> None:
    """`trusts: []` refuses a sound certificate, `anything` takes a bad one."""
    presented = present(valid=(-10 * DAY, -DAY))
    peer = peers(after_request(send(answer())), context=presented.context)
    assert exchange(peer.url, "GET", "/", ca_file=presented.ca_file, trusts=("anything",)).status == 200
    sound = present()
    peer = peers(after_request(send(answer())), context=sound.context)
    assert exchange(peer.url, "GET", "/", ca_file=sound.ca_file, trusts=()).words == ("tls_untrusted",)


def test_trusted_certificates_that_cannot_be_read(peers: Peers, present: Present) -> None:
    """A wrong path is the client's own trouble, and said."""
    peer = peers(after_request(send(answer())), context=present().context)
    seen = exchange(peer.url, "GET", "/", ca_file="/nowhere/ca.pem")
    assert (seen.ends, "/nowhere/ca.pem" in seen.error) == ("unsent", True)


@pytest.mark.parametrize(
    ("close", "ends"),
    [
        (Line.reset, "rst"),
        (Line.fin, "fin"),
        (lambda line: line.send(b"\x15\x03\x03\x00\x02\x02\x28"), "alert"),
    ],
)
def test_a_handshake_that_fails(
    peers: Peers, present: Present, close: Callable[[Line], None], ends: str
) -> None:
    """Reset (no certificate on the port), closed, or refused by an alert, which is named."""

    def early(line: Line) -> None:
        line.sock.recv(65536)
        close(line)

    seen = exchange(peers(context=present().context, early=early).url, "GET", "/")
    assert seen.words == (ends,)
    assert seen.alert == ("handshake_failure" if ends == "alert" else "")
    assert "handshake" in seen.error


def test_a_version_that_the_peer_does_not_speak(peers: Peers, present: Present) -> None:
    """A peer that wants more than the client has says so by an alert."""
    presented = present()
    context = presented.context
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    seen = exchange(peers(context=context).url, "GET", "/", ca_file=presented.ca_file)
    assert (seen.ends, seen.alert) == ("alert", "handshake_failure")


def test_plain_http_on_a_port_that_should_speak_tls(peers: Peers) -> None:
    """What comes back is not TLS, and so not the HTTP that was asked for either."""

    def script(line: Line) -> None:
        line.sock.recv(65536)
        line.send(answer(b"", "400 Bad Request"))

    seen = exchange(peers(script).url.replace("http:", "https:"), "GET", "/")
    assert seen.words == ("not_tls", "not_http")


def test_an_early_answer_to_a_large_body_is_read(ask: Callable[..., Observation]) -> None:
    """A peer that answers without reading all that is sent is heard."""

    def script(line: Line) -> None:
        line.sock.recv(1000)
        line.send(answer(b"", "413 Payload Too Large", "Connection: close"))
        line.hang()

    body = b"x" * 30_000_000
    seen = patiently(lambda timeout: ask(script, "POST", body=body, timeout=timeout), 413)
    assert (seen.status, seen.complete) == (413, True)


def test_a_large_answer_is_read_whole(ask: Callable[..., Observation]) -> None:
    """Ten megabytes."""
    body = b"0123456789" * 1_000_000
    seen = ask(after_request(send(answer(body))), linger=0.0)
    assert (seen.complete, len(seen.body)) == (True, len(body))


def test_the_request_goes_out_as_given(peers: Peers) -> None:
    """Target raw, headers in order, Host first, Content-Length with a body only."""
    peer = peers(after_request(send(answer())))
    exchange(f"{peer.url}/base", "POST", '/Users?filter=a+eq+"ä"', {"X-B": "2", "A": "1"}, b"{}")
    exchange(peer.url, "GET", "/", {"host": "other"})
    peer.close()
    line, host = 'POST /Users?filter=a+eq+"ä" HTTP/1.1', f"Host: localhost:{peer.port}"
    assert peer.requests[0].decode().split("\r\n") == [
        line,
        host,
        "X-B: 2",
        "A: 1",
        "Content-Length: 2",
        "",
        "{}",
    ]
    assert peer.requests[1] == b"GET / HTTP/1.1\r\nhost: other\r\n\r\n"


def test_a_body_that_is_no_json(peers: Peers) -> None:
    """`json` gives nothing rather than an error."""
    seen = exchange(peers(after_request(send(answer(b"<html>")))).url, "GET", "/")
    assert seen.json() is ABSENT


FRAGMENTS = (
    *(b"HTTP/1.1 ", b"200 OK\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    *(
        b"Content-Length: ",
        b"5",
        b"-1",
        b"Transfer-Encoding: chunked",
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b": x",
        b" x",
    ),
    *(b"5\r\nhello\r\n", b"0\r\n\r\n", b"ffffffffffffff\r\n"),
)
PIECES = st.binary(max_size=60) | st.sampled_from(FRAGMENTS)


@given(pieces=st.lists(PIECES, max_size=8), ends=st.sampled_from([Line.fin, Line.reset, Line.hang]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_answer_breaks_the_client(
    garbage_peer: Callable[..., str], pieces: list[bytes], ends: Callable[[Line], None]
) -> None:
    """Whatever comes, an observation comes of it, with one of the known endings, within its time."""
    seen = exchange(garbage_peer(b"".join(pieces), ends), "GET", "/", timeout=0.1, linger=0.02)
    assert set(seen.words) <= set(ENDS)
    seen.json()
    assert seen.describe()


@pytest.mark.slow
@given(data=st.binary(max_size=80), ends=st.sampled_from([Line.fin, Line.reset, Line.hang]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_handshake_breaks_the_client(
    garbage_peer: Callable[..., str], data: bytes, ends: Callable[[Line], None]
) -> None:
    """The same for what comes instead of a handshake."""
    url = garbage_peer(b"\x16\x03\x03" * (len(data) % 2) + data, ends, handshake=True)
    seen = exchange(url, "GET", "/", timeout=0.1)
    assert seen.status is None
    assert set(seen.words) <= set(ENDS)


@pytest.fixture
def garbage_peer(peers: Peers) -> Callable[..., str]:
    """One listening peer whose script changes with each example."""
    plan: list[tuple[bytes, Callable[[Line], None]]] = []

    def script(line: Line) -> None:
        data, ends = plan[-1]
        line.sock.recv(65536)
        line.send(data)
        if ends is Line.hang:
            # Hang until the client gives up, not until the test is over.
            while line.sock.recv(65536):
                pass
        else:
            ends(line)

    peer = peers(script)

    def url(data: bytes, ends: Callable[[Line], None], handshake: bool = False) -> str:
        plan.append((data, ends))
        return f"http{'s' if handshake else ''}://127.0.0.1:{peer.port}"

    return url
