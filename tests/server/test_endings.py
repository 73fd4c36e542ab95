"""Every ending that a plan can ask for, read off the wire by a client that sees TCP beneath TLS."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mockhost.plans import TransportPlan
from tests.server.conftest import Recorder, Serve, Transport
from tests.server.raw import PATIENCE, get, parse_head

BODY = b"0123456789" * 60


class Planned:
    """Answers 600 bytes, with the plan that the test put there; `announced` without a length if False."""

    def __init__(self, plan: TransportPlan | None, *, length: bool = True) -> None:
        self.plan = plan
        self.length = length
        self.asked = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.asked.set()
        if environ["PATH_INFO"] == "/planned":
            environ["mockhost.plan"] = self.plan
        headers = [("Content-Type", "text/plain")]
        if self.length:
            start_response("200 OK", [*headers, ("Content-Length", str(len(BODY)))])
            return [BODY]
        start_response("200 OK", headers)
        return iter([BODY[:300], BODY[300:]])


def still_serves(listener: Any, transport: Transport) -> None:
    with transport.client(listener) as other:
        assert other.ask(get("/")).body == BODY


@pytest.mark.parametrize(
    ("plan", "body", "tcp", "notify"),
    [
        (TransportPlan(ending="rst"), BODY, "rst", False),
        (TransportPlan(ending="rst", after_bytes=100), BODY[:100], "rst", False),
        (TransportPlan(ending="rst", after_bytes=0), b"", "rst", False),
        (TransportPlan(ending="rst", head=False), None, "rst", False),
        (TransportPlan(ending="fin"), BODY, "fin", False),
        (TransportPlan(ending="fin", after_bytes=100), BODY[:100], "fin", False),
        (TransportPlan(ending="fin", head=False), None, "fin", False),
        (TransportPlan(ending="close_notify"), BODY, "fin", True),
        (TransportPlan(ending="close_notify", after_bytes=100), BODY[:100], "fin", True),
        (TransportPlan(ending="close_notify", head=False), None, "fin", True),
    ],
    ids=lambda value: None if not isinstance(value, TransportPlan) else "-".join(map(str, value)),
)
def test_an_answer_ends_exactly_as_planned(
    serve: Serve,
    recorder: Recorder,
    transport: Transport,
    plan: TransportPlan,
    body: bytes | None,
    tcp: str,
    notify: bool,
) -> None:
    """So many bytes of the body, then RST, FIN or close_notify and FIN; the next client is served as ever."""
    listener = serve(Planned(plan), tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get("/planned"))
        seen = client.until_end()
    assert seen.tcp == tcp
    assert seen.close_notify is (notify and transport.tls is not None)
    if body is None:
        assert seen.data == b""
    else:
        head, _, rest = seen.data.partition(b"\r\n\r\n")
        assert dict(parse_head(head + b"\r\n\r\n")[2])["Content-Length"] == "600"
        assert rest == body
    still_serves(listener, transport)
    assert (1, "server") in recorder.wait("closed", 2)


@pytest.mark.parametrize(
    ("plan", "body"),
    [
        (TransportPlan(hang="headers"), None),
        (TransportPlan(hang="body", after_bytes=100), BODY[:100]),
        (TransportPlan(hang="body"), BODY),
        (TransportPlan(after_bytes=100), BODY[:100]),
        (TransportPlan(head=False), None),
    ],
    ids=["headers", "body-100", "body-whole", "short-and-keep", "no-head-and-keep"],
)
def test_a_hang_is_silent_until_the_client_leaves(
    serve: Serve, recorder: Recorder, transport: Transport, plan: TransportPlan, body: bytes | None
) -> None:
    """What is to be sent is sent, then nothing, not even an ending; nobody else has to wait for it."""
    listener = serve(Planned(plan), tls=transport.tls)
    client = transport.client(listener)
    client.send(get("/planned"))
    if body is not None:
        client.expect_through(b"\r\n\r\n")
        assert client.expect(len(body)) == body
    still_serves(listener, transport)
    assert client.nothing_more(0.05)
    assert (1, "client") not in recorder.of("closed")
    client.close()
    assert (1, "client") in recorder.wait("closed", 2)


def test_a_hang_ends_by_a_reset_when_connections_are_cut(
    serve: Serve, recorder: Recorder, transport: Transport
) -> None:
    """As in a reset of the mock: whatever hangs is cut, and says so."""
    app = Planned(TransportPlan(hang="headers"))
    listener = serve(app, tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get("/planned"))
        assert app.asked.wait(PATIENCE)
        assert client.nothing_more(0.05)
        listener.close_connections()
        assert client.until_end() == (b"", "rst", False)
    assert recorder.wait("closed") == [(1, "cut")]


def test_a_plan_may_let_the_whole_answer_go(serve: Serve, transport: Transport) -> None:
    """A plan that asks for nothing changes nothing, and the connection goes on."""
    listener = serve(Planned(TransportPlan()), tls=transport.tls)
    with transport.client(listener) as client:
        assert client.ask(get("/planned")).body == BODY
        assert client.ask(get("/planned")).body == BODY


@pytest.mark.parametrize("most", [0, 100, 300, 450, 600, 700])
def test_a_chunked_body_is_cut_by_its_content(serve: Serve, transport: Transport, most: int) -> None:
    """Bytes are counted without framing, and the last chunk comes only if everything did."""
    listener = serve(Planned(TransportPlan(after_bytes=most, ending="fin"), length=False), tls=transport.tls)
    with transport.client(listener) as client:
        client.send(get("/planned"))
        data = client.until_end().data
    head, _, rest = data.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    content = b""
    while rest and not rest.startswith(b"0\r\n"):
        size, _, rest = rest.partition(b"\r\n")
        content += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    assert content == BODY[:most]
    assert (rest == b"0\r\n\r\n") is (most > 600)
