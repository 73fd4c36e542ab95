"""Event streams are bounded: one too many is told so, and everything else goes on being answered."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from mockhost import MockHost
from mockhost.client.control import ControlPlane
from mockhost.control import messages
from mockhost.journal import Event
from mockhost.runtime import Runtime
from mockhost.runtime.operations.host import STREAMS


@pytest.fixture
def host() -> Iterator[MockHost]:
    """A host with a control plane."""
    with MockHost("basics/empty") as host:
        yield host


def stream(host: MockHost) -> socket.socket:
    """A client of the event stream, up to the head of its answer."""
    assert host.control_listener is not None
    client = socket.create_connection(("127.0.0.1", host.control_listener.port), timeout=120)
    client.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client


def head(client: socket.socket) -> bytes:
    """What came up to the end of the head, and maybe more."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(4_096)
    return received


def test_one_stream_too_many_is_refused_and_the_rest_is_answered(host: MockHost) -> None:
    clients = [stream(host) for _ in range(STREAMS)]
    assert all(head(client).startswith(b"HTTP/1.1 200") for client in clients)
    with stream(host) as further:
        answer = head(further)
        assert answer.startswith(b"HTTP/1.1 503")
    plane = ControlPlane(host.control_url)
    assert plane.call("get_health")["status"] == "ok"
    host.set("host.debug", True)
    for client in clients:
        client.close()
    assert plane.call("reset")["epoch"] == 1


def test_the_refusal_says_what_to_do(host: MockHost) -> None:
    host.runtime.events.subscribe()  # such as the command line's own: it takes no place
    held = [host.runtime.events.subscribe(most=STREAMS) for _ in range(STREAMS)]
    with stream(host) as client:
        received = head(client)
        while b"journal" not in received:
            received += client.recv(4_096)
    held[0].close()
    with stream(host) as client:
        assert head(client).startswith(b"HTTP/1.1 200")
    for each in held:
        each.close()


def test_a_reader_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its place is free again after the time that sending may take."""
    monkeypatch.setattr("mockhost.api.CONTROL_SEND", 0.2)
    with MockHost("basics/empty") as host, stream(host) as client:
        assert head(client).startswith(b"HTTP/1.1 200")
        while host.runtime.events.listening:
            host.runtime.events.publish("state", {"what": "x" * 100_000})


def test_an_event_is_rendered_once_for_all_streams(host: MockHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four open streams would otherwise make the data plane many times slower."""
    rendered: list[object] = []
    shown = messages._shown

    def spy(runtime: Runtime, data: object) -> object:
        rendered.append(data)
        return shown(runtime, data)

    monkeypatch.setattr(messages, "_shown", spy)
    clients = [stream(host) for _ in range(8)]
    received = [head(client) for client in clients]
    for number in range(20):
        host.runtime.events.publish("state", {"what": f"number {number}."})
    for client, text in zip(clients, received, strict=True):
        while b"number 19." not in text:
            text += client.recv(65_536)
        found = [int(each) for each in re.findall(rb"number (\d+)\.", text)]
        assert found == sorted(set(found))
        client.close()
    assert len(rendered) == 20


def test_a_secret_that_becomes_known_is_not_in_what_was_rendered_before(host: MockHost) -> None:
    event = Event(1, "state", {"what": "a-secret-of-later"})
    sink = host.journal.sink

    def render(each: Event) -> bytes:
        return repr(sink.data(each.data)).encode()

    assert b"of-later" in event.rendered(render, sink.secrets)
    host.runtime.keep_secret("a-secret-of-later")
    assert b"of-later" not in event.rendered(render, sink.secrets)
