"""Exchanges on a kept connection: used again while it is open, replaced when it is not; nothing is sent twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mockhost.client.observation import Session
from tests.client.conftest import Peers, Presented
from tests.client.peers import Line, answer

Present = Callable[..., Presented]


@pytest.fixture(params=["tcp", "1.2", "1.3"])
def talk(
    request: pytest.FixtureRequest, peers: Peers, present: Present
) -> Callable[..., tuple[Session, list[bytes]]]:
    """A session with a peer that has a script, over each transport, and what the peer was asked."""

    def talking(script: Callable[[Line], None]) -> tuple[Session, list[bytes]]:
        if request.param == "tcp":
            peer, ca_file = peers(script), None
        else:
            presented = present(minimum_version=request.param, maximum_version=request.param)
            peer, ca_file = peers(script, context=presented.context), presented.ca_file
        return Session(peer.url, ca_file=ca_file, timeout=60.0), peer.requests

    return talking


def test_a_connection_is_used_again(talk: Callable[..., tuple[Session, list[bytes]]]) -> None:
    """Three exchanges, one connection."""
    lines: list[Line] = []

    def script(line: Line) -> None:
        lines.append(line)
        while line.read_request():
            line.send(answer(b"{}"))

    session, requests = talk(script)
    with session:
        seen = [session.exchange("POST", f"/{i}", (), b"{}") for i in range(3)]
    assert [each.status for each in seen] == [200, 200, 200]
    assert [each.ends for each in seen] == ["keep"] * 3
    assert (len(lines), len(requests)) == (1, 3)


def test_a_connection_that_was_closed_is_replaced(talk: Callable[..., tuple[Session, list[bytes]]]) -> None:
    """A peer that closes after each answer without a word is asked on another connection."""
    session, requests = talk(lambda line: (line.read_request(), line.send(answer(b"{}")), line.fin()))
    with session:
        first = session.exchange("GET", "/1", linger=30.0)
        second = session.exchange("GET", "/2", linger=30.0)
    assert (first.status, second.status, len(requests)) == (200, 200, 2)


def test_a_request_whose_answer_is_lost_is_not_sent_again(
    talk: Callable[..., tuple[Session, list[bytes]]],
) -> None:
    """It may have been carried out: that is for the caller to decide."""

    def script(line: Line) -> None:
        line.read_request()
        line.send(answer(b"{}"))
        line.read_request()
        line.reset()

    session, requests = talk(script)
    with session:
        assert session.exchange("GET", "/1").status == 200
        assert session.exchange("POST", "/2", (), b"{}").status is None
        assert len(requests) == 2
