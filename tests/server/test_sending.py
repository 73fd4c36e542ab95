"""Sending on a connection that is kept: `transport.sender`, and what it leaves to the socket's own `send`."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mockhost.server import transport
from tests.server.conftest import Serve
from tests.server.raw import PATIENCE, RawClient, get

NULS = b"\0head\0" * 1_000
LONG = bytes(range(256)) * 64 * 1_024


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of one connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(PATIENCE)
        theirs.settimeout(PATIENCE)
        ours.setblocking(True)
        yield ours, theirs


@pytest.fixture(params=["at once", "without ctypes"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the short way, and on a Python that can't have it."""
    if request.param == "without ctypes":
        monkeypatch.setattr(transport, "_send_at_once", lambda: None)


def _all(theirs: socket.socket, size: int) -> bytes:
    taken = bytearray()
    while len(taken) < size and (piece := theirs.recv(65_536)):
        taken += piece
    return bytes(taken)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("data", [NULS, memoryview(NULS)[7:], b"x"])
def test_bytes_go_out_as_they_are(
    pair: tuple[socket.socket, socket.socket], data: bytes | memoryview
) -> None:
    """NUL is a byte like any other, and a view is sent from where it begins."""
    ours, theirs = pair
    assert transport.sender(ours)(data) == len(data)
    assert _all(theirs, len(data)) == bytes(data)


@pytest.mark.usefixtures("either")
def test_a_full_buffer_is_waited_for(pair: tuple[socket.socket, socket.socket]) -> None:
    """What the kernel does not take is counted as not sent, and the next call waits for room instead of failing."""
    ours, theirs = pair
    taken: list[bytes] = []
    reader = threading.Thread(target=lambda: taken.append(_all(theirs, len(LONG))), daemon=True)
    reader.start()
    send, sent = transport.sender(ours), 0
    while sent < len(LONG):
        sent += send(LONG[sent : sent + 1_048_576])
    reader.join(PATIENCE)
    assert taken == [LONG]


@pytest.mark.usefixtures("either")
def test_a_client_that_is_gone_is_an_error(pair: tuple[socket.socket, socket.socket]) -> None:
    """The same error as that of `send`, and no signal."""
    ours, theirs = pair
    theirs.close()
    send = transport.sender(ours)
    with pytest.raises(BrokenPipeError):
        send(b"answer")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no MSG_DONTWAIT")
def test_this_platform_has_the_short_way() -> None:
    """Else the tests above would try one way twice."""
    assert transport._send_at_once() is not None


def test_a_long_answer_on_a_kept_connection_is_whole(serve: Serve) -> None:
    """Short and long answers in turn, to a client that reads late: more than the kernel holds."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [LONG if environ["PATH_INFO"] == "/long" else NULS]

    client = RawClient(serve(app).port)
    for path in ("/", "/long", "/", "/long"):
        assert client.ask(get(path)).body == (LONG if path == "/long" else NULS)
