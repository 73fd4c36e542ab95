"""The client of the control plane, asked for by a URL that may be any server's: every answer ends."""

from __future__ import annotations

import contextlib
import itertools

import pytest

from mockhost.client import control
from mockhost.client.control import ControlPlane
from mockhost.errors import CannotRun
from tests.client.conftest import Peers
from tests.client.peers import Line

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LATE = "did not answer in 0.2 seconds"
OTHER = "is not a mockhost control plane"
SENT: dict[str, tuple[bytes, bytes, str]] = {
    "nothing": (b"", b"", LATE),
    "a head in bytes": (b"HTTP/1.1 200 OK\r\nX: ", b"a", LATE),
    "no end of headers": (OK, b"X: y\r\n", OTHER),
    "no end of interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", LATE),
    "a body in bytes": (OK + b"Content-Length: 100000\r\n\r\n", b"a", LATE),
    "chunks in bytes": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", LATE),
    "an error in bytes": (b"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n", b"a", LATE),
    "a body without an end": (OK + b"\r\n", b"a" * 65_536, OTHER),
    "a body of any announced length": (OK + b"Content-Length: 99999999999\r\n\r\n", b"a" * 65_536, OTHER),
}
"""What a server sends at first, what then again and again in pieces of their own, and what is said of it."""


@pytest.mark.parametrize("kind", SENT)
def test_an_answer_has_a_deadline_and_a_bound(
    kind: str, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small the pieces are in which it comes, and however much of it there is."""
    first, then, words = SENT[kind]
    monkeypatch.setattr(control, "_LARGEST", 1_000_000)
    monkeypatch.setattr(control, "_BOUND", 1_000_000)

    def script(line: Line) -> None:
        line.read_request()
        line.send(first)
        with contextlib.suppress(OSError):
            while not line.done.wait(0.001 if len(then) < 10 else 0):
                line.send(then)

    with pytest.raises(CannotRun, match=words):
        ControlPlane(f"http://127.0.0.1:{peers(script).port}", timeout=0.2).call("get_clock")


def test_events_have_no_end_but_each_has(peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line is bounded, and so is a pause."""
    monkeypatch.setattr(control, "_BOUND", 1_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

    def endless(line: Line) -> None:
        line.read_request()
        line.send(head + b"event: hello\ndata: {}\n\ndata: ")
        with contextlib.suppress(OSError):
            for _ in itertools.count():
                line.send(b"a" * 65_536)

    def silent(line: Line) -> None:
        line.read_request()
        line.send(head + b"event: hello\ndata: {}\n\n")
        line.hang()

    for script, words in ((endless, OTHER), (silent, LATE)):
        events = ControlPlane(f"http://127.0.0.1:{peers(script).port}", timeout=0.2).events()
        assert next(events) == ("hello", {})
        with pytest.raises(CannotRun, match=words):
            next(events)
