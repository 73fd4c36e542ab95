"""What no rule matches passes a proxy unchanged, in both directions."""

from __future__ import annotations

import socket
import threading
from urllib.parse import urlsplit

import pytest

from mockhost import MockHost
from mockhost.client.observation import Session
from mockhost.journal.renderings import har, to_json

from .conftest import PATIENCE, Make, Target, ask, ok, then


def through(host: MockHost, request: bytes) -> bytes:
    """All the bytes that come back for some bytes."""
    parts = urlsplit(host.url("TARGET"))
    with socket.create_connection(("127.0.0.1", parts.port or 0), timeout=PATIENCE) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        data = b""
        while more := sock.recv(65_536):
            data += more
        return data


GET = b"GET /ecma2host_TARGET/scim/Users HTTP/1.1\r\nHost: here\r\n\r\n"

ANSWERS = {
    "plain": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "odd_head": b"HTTP/1.1 299 Very Odd Indeed\r\nx-lower:1\r\nX-Twice: a\r\ncontent-LENGTH:   3  \r\n"
    b"X-Twice: b\r\nServer: mine/1\r\nX-Latin: caf\xe9\r\nx-empty:\r\n\r\nabc",
    "no_reason": b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n",
    "no_content": b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n",
    "not_modified": b'HTTP/1.1 304 Not Modified\r\nETag: W/"1"\r\nContent-Length: 300\r\n\r\n',
    "keep_alive": b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 1\r\n\r\nx",
    "closes": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
    "compressed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\0\xff",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/elsewhere\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_comes_back_byte_for_byte(name: str, target: Target, proxy: Make) -> None:
    """Reason, order, case, blanks and doubles of headers; no redirect is followed."""
    target.answers = [ANSWERS[name]]
    assert through(proxy(), GET) == ANSWERS[name]
    assert target.connections == 1


def test_bodies_without_a_length_keep_their_framing(target: Target, proxy: Make) -> None:
    """Chunks, and a body that ends where the connection does."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-After: 1\r\n\r\n"
    target.answers = [head + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"]
    host = proxy()
    data = through(host, GET)
    assert data.startswith(head)
    assert ask(host).body == b"{}"
    target.answers = [head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"]
    assert ask(host).body == b"abcde"

    def until_the_end(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.0 200 OK\r\nX-A: b\r\n\r\nall of it")
        sock.close()

    target.answers = [until_the_end]
    assert through(host, GET) == b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nall of it"


def test_head_has_the_length_and_no_body(target: Target, proxy: Make) -> None:
    target.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"]
    host = proxy()
    seen = ask(host, "HEAD")
    assert (seen.header("content-length"), seen.body, seen.ends) == ("12", b"", "keep")
    assert ask(host).body == b"{}"
    assert target.connections == 1


def test_a_request_goes_on_byte_for_byte(target: Target, proxy: Make) -> None:
    """Its target as it was written, its headers in order and case; only what is about the connection stays behind."""
    host = proxy()
    through(
        host,
        b"POST /ecma2host_TARGET/scim/Users/a%2Fb//x?filter=a%20eq%20%22\xc3\xa9%22&x=+ HTTP/1.1\r\nHost: here\r\n"
        b"X-Twice: 1\r\nauthorization: Basic Zm9v\r\nX-Twice: 2\r\nContent-Length: 3\r\nConnection: close, X-Hop\r\n"
        b"X-Hop: 1\r\nAccept-Encoding: gzip\r\n\r\nabc",
    )
    authority = urlsplit(target.url).netloc.encode()
    assert target.requests == [
        b"POST /base/v2/Users/a%2Fb//x?filter=a%20eq%20%22\xc3\xa9%22&x=+ HTTP/1.1\r\nHost: "
        + authority
        + b"\r\n"
        + b"X-Twice: 1\r\nauthorization: Basic Zm9v\r\nX-Twice: 2\r\nContent-Length: 3\r\n"
        b"Accept-Encoding: gzip\r\n\r\nabc"
    ]
    through(
        host,
        b"PUT /ecma2host_TARGET/scim HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
    )
    assert target.requests[1].startswith(b"PUT /base/v2 HTTP/1.1\r\n")
    assert target.requests[1].endswith(b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


def test_any_path_and_method_goes_on(target: Target, proxy: Make) -> None:
    """Also those that have no name here: the target decides."""
    host = proxy()
    for method, path in (
        ("PURGE", "/Users"),
        ("OPTIONS", ""),
        ("GET", "/Devices/1/photo/small"),
        ("GET", "//"),
    ):
        assert ask(host, method, path).status == 200
    asked = [request.split(b" HTTP")[0] for request in target.requests]
    assert asked == [
        b"PURGE /base/v2/Users",
        b"OPTIONS /base/v2",
        b"GET /base/v2/Devices/1/photo/small",
        b"GET /base/v2//",
    ]
    assert [entry.operation for entry in host.journal] == ["unknown"] * 4


@pytest.mark.parametrize("path", ["/../x", "/%2e%2E/x", "/Users/..%2fx", "/Users/..\\x", "/Users/.."])
def test_no_path_leads_out_of_the_targets_url(target: Target, proxy: Make, path: str) -> None:
    """The target's token is for what is below its URL; two dots elsewhere are nothing special."""
    host = proxy()
    assert ask(host, path=path).status == 404
    assert target.requests == []
    assert ask(host, path="/Users/a..b?filter=/../x").status == 200


def test_connections_are_kept_on_both_sides(target: Target, proxy: Make) -> None:
    """And replaced where the target closed one in between."""
    host = proxy()
    with Session(host.url("TARGET"), timeout=PATIENCE) as session:
        for _ in range(3):
            assert session.exchange("GET", "/ecma2host_TARGET/scim/Users").ends == "keep"
        assert target.connections == 1
        target.answers = [then(ok(b"1"))]
        assert session.exchange("GET", "/ecma2host_TARGET/scim/Users").body == b"1"
        assert session.exchange("GET", "/ecma2host_TARGET/scim/Users").body == b"{}"
    assert target.connections == 2
    assert len(host.journal.connections) == 1


def test_a_body_is_streamed(target: Target, proxy: Make) -> None:
    """The client has its first bytes before the target has sent the last; the journal has the whole all the same."""
    went_on = threading.Event()

    def slowly(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        assert went_on.wait(PATIENCE)
        sock.sendall(b"2\r\nde\r\n0\r\n\r\n")

    target.answers = [slowly]
    host = proxy()
    parts = urlsplit(host.url("TARGET"))
    with socket.create_connection(("127.0.0.1", parts.port or 0), timeout=PATIENCE) as sock:
        sock.sendall(GET)
        data = b""
        while b"abc" not in data:
            data += sock.recv(1_000)
        went_on.set()
        while not data.endswith(b"0\r\n\r\n"):
            data += sock.recv(1_000)
    host.wait_for(count=1, body={"": {"absent": True}})
    assert b"de" in data
    entry = next(iter(host.journal))
    assert (entry.answer_body, entry.status) == (b"abcde", 200)


def test_a_large_body_goes_on_in_pieces(target: Target, proxy: Make) -> None:
    """Also of a known length; the connection to the target is kept after it."""
    body = b"0123456789" * 200_000
    target.answers = [ok(body)]
    host = proxy()
    assert ask(host).body == body
    assert ask(host).body == b"{}"
    assert target.connections == 1
    first = next(iter(host.journal))
    assert (first.streamed, first.answer_body) == (len(body), None)


def test_a_slow_target_holds_up_nobody_else(target: Target, proxy: Make) -> None:
    """Nothing of the host is locked while one answer is waited for."""
    asked, released = threading.Event(), threading.Event()

    def hang(sock: socket.socket) -> None:
        asked.set()
        assert released.wait(PATIENCE)
        sock.sendall(ok(b"late"))

    target.answers = [hang]
    host = proxy()
    late: list[bytes] = []
    thread = threading.Thread(target=lambda: late.append(ask(host).body))
    thread.start()
    assert asked.wait(PATIENCE)
    assert ask(host).body == b"{}"
    assert host.fail_next("get_user", fault={"http_error": 503})
    assert ask(host, path="/Users/1").status == 503
    released.set()
    thread.join(PATIENCE)
    assert late == [b"late"]


def test_the_journal_has_both_sides(target: Target, proxy: Make) -> None:
    """How long the target took, beside how long all of it took; a kept connection says so."""
    host = proxy()
    with Session(host.url("TARGET"), timeout=PATIENCE) as session:
        for _ in range(2):
            session.exchange("GET", "/ecma2host_TARGET/scim/Users")
    host.fail_next("list_users", reply={"status": 418})
    ask(host)
    first, second, third = list(host.journal)
    assert first.upstream is not None
    assert second.upstream is not None
    assert 0 < first.upstream.first_byte <= (first.upstream.took or 0) < (first.took or 0)
    assert first.upstream.connected is not None
    assert second.upstream.connected is None
    assert third.upstream is None
    assert to_json(first)["upstream"].keys() == {"first_byte_ms", "took_ms", "connected_ms"}  # type: ignore[attr-defined]
    entry = har([first])["log"]["entries"][0]  # type: ignore[index]
    assert entry["_mockhost"]["upstream"] == to_json(first)["upstream"]
