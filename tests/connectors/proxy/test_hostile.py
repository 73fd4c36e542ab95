"""A target that is broken or hostile: the client gets an answer or an end, and the host goes on."""

from __future__ import annotations

import contextlib
import socket
import threading
import tracemalloc
from collections.abc import Callable

import pytest

from mockhost import MockHost

from .conftest import PATIENCE, Make, Target, ask, ok, reset, then

HEAD = b"HTTP/1.1 200 OK\r\n"


def endless(start: bytes, more: bytes) -> Callable[[socket.socket], None]:
    """Send something without an end, until nobody listens."""

    def act(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock.sendall(start)
            while True:
                sock.sendall(more * 1_000)

    return act


def silent(sock: socket.socket) -> None:
    """Say nothing until the other side gives up."""
    with contextlib.suppress(OSError):
        sock.recv(1)


BROKEN = {
    "endless_headers": (endless(HEAD, b"X-A: b\r\n"), 502, "keep"),
    "endless_header": (endless(HEAD + b"X-A: ", b"bbbbbbbb"), 502, "keep"),
    "endless_informational": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), 502, "keep"),
    "no_http": (then(b"SSH-2.0-OpenSSH_9.2\r\n"), 502, "keep"),
    "no_header": (then(HEAD + b"what is this\r\n\r\n"), 502, "keep"),
    "switching": (then(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), 502, "keep"),
    "two_lengths": (then(HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"), 502, "keep"),
    "no_length": (then(HEAD + b"Content-Length: -3\r\n\r\nabc"), 502, "keep"),
    "line_break_in_a_name": (then(HEAD + b"X\rA: b\r\n\r\n"), 502, "keep"),
    "nul_in_a_name": (then(HEAD + b"X\0A: b\r\n\r\n"), 502, "keep"),
    "silent": (silent, 504, "keep"),
    "half_a_head": (then(HEAD + b"X-A"), None, "fin"),
    "nothing": (then(), None, "fin"),
    "reset": (then(end=reset), None, "rst"),
    "short_body": (then(HEAD + b"Content-Length: 10\r\n\r\nabc"), 200, "fin"),
    "reset_in_body": (then(HEAD + b"Content-Length: 10\r\n\r\nabc", end=reset), 200, "rst"),
    "short_chunk": (then(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc"), 200, "fin"),
    "bad_chunk": (then(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"), 200, "rst"),
    "endless_trailer": (
        endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n"),
        200,
        "rst",
    ),
    "endless_chunk_size": (endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"aaaaaaaa"), 200, "rst"),
    "stalled_body": (then(HEAD + b"Content-Length: 9\r\n\r\nabc", end=silent), 200, "rst"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_target(name: str, target: Target, proxy: Make) -> None:
    """A gateway's error where there is no answer to pass on, the same end where it broke off."""
    act, status, ends = BROKEN[name]
    host = proxy(timeout="500ms" if name in ("silent", "stalled_body") else "10s")
    target.answers = [act]
    seen = ask(host, "POST", body=b"{}")
    assert (seen.status, seen.ends) == (status, ends)
    assert seen.complete is (ends == "keep")
    assert ask(host).body == b"{}"
    assert [entry.bug for entry in host.journal if entry.bug] == []
    first = next(iter(host.journal))
    assert first.reason
    assert first.status == status


@pytest.mark.parametrize("byte", [b"\r", b"\0"])
def test_a_line_break_in_a_value_begins_no_header(byte: bytes, target: Target, proxy: Make) -> None:
    target.answers = [then(HEAD + b"X-A: b" + byte + b"Set-Cookie: c\r\nContent-Length: 2\r\n\r\n{}")]
    host = proxy()
    seen = ask(host)
    assert (seen.status, seen.header("x-a")) == (200, "b Set-Cookie: c")
    assert seen.header("set-cookie") is None
    assert [entry.bug for entry in host.journal if entry.bug] == []


def test_a_target_that_is_not_there(proxy: Make) -> None:
    """Nothing listens; a name that is unknown."""
    assert "nothing listens" in ask(proxy(target="http://127.0.0.1:9")).text
    assert "can't be reached" in ask(proxy(target="http://nowhere.invalid/scim")).text


def test_an_endless_body_takes_no_memory(target: Target, proxy: Make) -> None:
    """It goes on to the client in pieces for as long as that one reads."""
    target.answers = [endless(HEAD + b"\r\n", b"0123456789abcdef")]
    host = proxy()
    with socket.create_connection(("127.0.0.1", host.port), timeout=PATIENCE) as sock:
        sock.sendall(b"GET /ecma2host_TARGET/scim/Users HTTP/1.1\r\nHost: here\r\n\r\n")
        tracemalloc.start()
        try:
            got = 0
            while got < 20_000_000:
                got += len(sock.recv(1 << 20))
            assert tracemalloc.get_traced_memory()[1] < 8_000_000
        finally:
            tracemalloc.stop()
    assert ask(host).body == b"{}"


def test_a_target_that_floods_before_it_has_read(target: Target, proxy: Make) -> None:
    """What it sends before it has read the request is not taken in without an end."""

    def flood(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000)

    target.answers = [flood]
    host = proxy(timeout="2s")
    assert ask(host, "POST", body=b"x" * 8_000_000).status in (502, 504)


def test_a_reset_of_the_host_ends_a_wait_for_the_target(target: Target, proxy: Make) -> None:
    """The exchange is of an epoch that is over: it writes nothing, and its thread goes on at once."""
    asked = threading.Event()

    def hang(sock: socket.socket) -> None:
        asked.set()
        silent(sock)

    target.answers = [hang]
    host: MockHost = proxy(timeout="30m")
    ends: list[str] = []
    thread = threading.Thread(target=lambda: ends.append(ask(host).ends))
    thread.start()
    assert asked.wait(PATIENCE)
    host.reset()
    thread.join(PATIENCE)
    assert ends[0] in ("rst", "fin")
    assert list(host.journal) == []


def test_a_kept_connection_that_turns_out_to_be_over(target: Target, proxy: Make) -> None:
    """A read is sent again on another one; a POST is not, for it may have been carried out."""
    host = proxy()
    assert ask(host).status == 200
    target.answers = [then()]
    assert ask(host).status == 200
    assert len(target.requests) == 3
    target.answers = [then()]
    seen = ask(host, "POST", body=b"{}")
    assert (seen.status, seen.ends) == (None, "fin")
    assert len(target.requests) == 4


def test_a_damaged_answer_of_a_broken_target(target: Target, proxy: Make) -> None:
    """Where a rule needs an answer, an end becomes a gateway's error."""
    host = proxy()
    for fault in ("missing_id", "truncated_json"):
        target.answers = [then()]
        host.fail_next("list_users", fault=fault)
        assert ask(host).status == 502
    target.answers = [ok(b'{"id": "1"}')]
    host.fail_next("list_users", fault="missing_id")
    assert ask(host).json() == {}
