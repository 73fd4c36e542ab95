"""Each fault of the transport as a raw client reads it: bytes, end, and what becomes of connection and neighbours."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from mockhost.clock import monotonic
from mockhost.faults import FAULTS, find
from mockhost.faults.contract import Draft
from mockhost.plans import SERVE
from mockhost.server.listener import Listener
from tests.faults.transport.conftest import BODY, HEADERS, Faulty, chosen, context
from tests.server.conftest import Recorder, Serve, Transport, threads_of, until
from tests.server.raw import RawClient, Seen, get

HALF, ALL = BODY[:200], BODY
NOTHING = None


class Case(NamedTuple):
    """A fault as a rule says it, and what is then on the wire."""

    said: object
    body: bytes | None
    """what comes of the body; None: not even a head"""
    ends: str
    """keep | fin | rst | close_notify | hang: open, and nothing comes"""
    least: float = 0.0
    """seconds that it takes at least"""
    raw: bytes | None = None
    """what comes instead of any answer"""
    documented: bool = True
    """whether the words of its documentation hold for these parameters too"""

    @property
    def name(self) -> str:
        """The fault's."""
        return str(self.said) if isinstance(self.said, str) else str(next(iter(self.said)))  # type: ignore[call-overload]


SSH = b"SSH-2.0-OpenSSH_9.6\r\n"
CASES = [
    Case("connection_reset", NOTHING, "rst"),
    Case("CONNECTION_RESET_BY_PEER", NOTHING, "rst"),
    Case({"connection_reset": 200}, HALF, "rst"),
    Case({"connection_reset": {"after_bytes": 0}}, b"", "rst"),
    Case({"connection_reset": {"at_fraction": 1.0}}, ALL, "rst"),
    Case("empty_response", NOTHING, "close_notify"),
    Case({"empty_response": "fin"}, NOTHING, "fin"),
    Case("truncated_body", HALF, "fin"),
    Case({"truncated_body": {"at_fraction": 0.5, "how": "fin"}}, HALF, "fin"),
    Case({"truncated_body": {"after_bytes": 200, "how": "rst"}}, HALF, "rst"),
    Case({"truncated_body": {"how": "close_notify"}}, HALF, "close_notify"),
    Case("malformed_chunk", b"10\r\n" + BODY[:16] + b"\r\nno size\r\n", "close_notify"),
    Case(
        {"malformed_chunk": {"after_bytes": 0, "garbage": "x", "how": "rst"}}, b"x", "rst", documented=False
    ),
    Case("random_data", NOTHING, "close_notify", raw=context().octets(256, "random_data")),
    Case({"random_data": {"count": 9, "how": "fin"}}, NOTHING, "fin", raw=context().octets(9, "random_data")),
    Case({"raw_bytes": SSH.decode()}, NOTHING, "close_notify", raw=SSH),
    Case({"raw_bytes": {"octets": "00ff80", "how": "fin"}}, NOTHING, "fin", raw=b"\0\xff\x80"),
    Case({"hang": {"before": "headers"}}, NOTHING, "hang"),
    Case({"hang": {"before": "body"}}, b"", "hang"),
    Case({"hang": {"before": "body", "after_bytes": 200}}, HALF, "hang"),
    Case({"hang": "100ms"}, ALL, "keep", 0.1),
    Case({"hang": {"before": "body", "for": "100ms"}}, ALL, "keep", 0.1),
    Case({"dribble": {"size": 100, "pause": "40ms"}}, ALL, "keep", 0.12),
    Case({"dribble": "1ms"}, ALL, "keep", 0.024),
    Case({"dribble": {"size": 100, "pause": "40ms", "jitter": "10ms"}}, ALL, "keep", 0.09),
    Case({"bandwidth": 4_000}, ALL, "keep", 0.1),
    Case({"slow_status_line": "1ms"}, ALL, "keep", 0.1),
    Case("half_close", ALL, "close_notify"),
    Case({"half_close": 200}, HALF, "close_notify", documented=False),
    Case("close_delimited", ALL, "close_notify"),
    Case({"close_delimited": {"how": "rst"}}, ALL, "rst", documented=False),
    Case({"close_delimited": {"at_fraction": 0.5}}, HALF, "close_notify"),
    Case("slow_close", ALL, "close_notify", 0.1),
    Case({"slow_close": {"after": "50ms", "how": "fin"}}, ALL, "fin", 0.05),
    Case({"slow_close": {"after": "50ms", "how": "rst"}}, ALL, "rst", 0.05),
    Case("refuse", NOTHING, "rst"),
    Case("silent", NOTHING, "hang"),
]
ON_ANSWERS = [case for case in CASES if find(case.name).answer]
OURS = {name for name, group in FAULTS.items() if group == "transport" and find(name).upload is None}
"""Those of the answer's direction; the others have test_uploads.py."""


def said(case: object) -> str | None:
    return re.sub(r"[^\w.]+", " ", str(case.said)).strip() if isinstance(case, Case) else None


def test_every_fault_of_the_transport_is_on_the_wire_here() -> None:
    """Whoever adds one adds its case."""
    assert {find(case.name).name for case in CASES} == OURS


@pytest.fixture
def meets(serve: Serve, transport: Transport) -> Callable[[Case], Listener]:
    """A listener whose first connection, or whose answers on /faulty, meet a fault."""

    def start(case: Case) -> Listener:
        fault, parameters = chosen(case.said)
        connection = fault.connection

        def plan(each: Any) -> Any:
            return connection(parameters) if connection and each.number == 1 else SERVE

        return serve(Faulty(case.said), tls=transport.tls, plan=plan)

    return start


def unharmed(listener: Listener, transport: Transport) -> None:
    with transport.client(listener) as other:
        assert other.ask(get("/")).body == BODY


@pytest.mark.parametrize("case", [case for case in ON_ANSWERS if case.ends == "keep"], ids=said)
@pytest.mark.parametrize("path", ["/faulty", "/streamed/faulty"])
def test_what_is_slow_is_whole_and_keeps_the_connection(
    meets: Callable[[Case], Listener], recorder: Recorder, transport: Transport, case: Case, path: str
) -> None:
    """The answer of always, late; the next one on the same connection too."""
    listener = meets(case)
    with transport.client(listener) as client:
        for _ in range(2):
            began = monotonic()
            assert client.ask(get(path)).body == case.body
            assert monotonic() - began >= case.least
        assert client.ask(get("/")).body == BODY
        unharmed(listener, transport)
    recorder.wait("closed", 2)
    assert not chosen(case.said).fault.closes


@pytest.mark.parametrize("case", [case for case in ON_ANSWERS if case.ends not in ("keep", "hang")], ids=said)
def test_what_breaks_an_answer_ends_the_connection(
    meets: Callable[[Case], Listener], recorder: Recorder, transport: Transport, case: Case
) -> None:
    """So many bytes, then exactly this end; a neighbour that was there before is served as ever."""
    listener = meets(case)
    with transport.client(listener) as neighbour:
        assert neighbour.ask(get("/")).body == BODY
        with transport.client(listener) as client:
            began = monotonic()
            client.send(get("/faulty"))
            seen = client.until_end()
            assert monotonic() - began >= case.least
            if chosen(case.said).fault.name == "half_close":
                assert recorder.of("closed") == []
                client.sock.sendall(b"anything")
        assert_seen(seen, case, transport)
        assert recorder.wait("closed") == [(2, "server")]
        assert neighbour.ask(get("/")).body == BODY
    assert chosen(case.said).fault.closes


def assert_seen(seen: Seen, case: Case, transport: Transport) -> None:
    assert seen.tcp == ("rst" if case.ends == "rst" else "fin")
    assert seen.close_notify is (case.ends == "close_notify" and transport.tls is not None)
    if case.body is None:
        assert seen.data == (case.raw or b"")
    else:
        head, _, body = seen.data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Connection: close" not in head, "it comes without a warning"
        assert body == case.body
        framed = case.name != "close_delimited"
        assert (b"Content-Length: 400" in head) is (framed and b"chunked" not in head)
        assert framed or b"chunked" not in head


@pytest.mark.parametrize("case", [case for case in CASES if case.ends == "hang"], ids=said)
def test_what_hangs_stays_open_until_the_client_leaves(
    meets: Callable[[Case], Listener], recorder: Recorder, transport: Transport, case: Case
) -> None:
    """What is to come comes, then nothing, and nobody else waits for it; the thread goes with the client."""
    listener = meets(case)
    on_connection = chosen(case.said).fault.connection is not None
    client = RawClient(listener.port, tls=transport.context, shake=not on_connection)
    with client:
        if not on_connection:
            client.send(get("/faulty"))
        if case.body is not None:
            client.expect_through(b"\r\n\r\n")
            assert client.expect(len(case.body)) == case.body
        unharmed(listener, transport)
        assert client.nothing_more(0.05)
        assert (1, "client") not in recorder.of("closed")
    assert (1, "client") in recorder.wait("closed", 2)


@pytest.mark.parametrize("case", [case for case in ON_ANSWERS if case.ends == "hang"], ids=said)
def test_what_hangs_goes_on_when_it_is_released(
    meets: Callable[[Case], Listener], recorder: Recorder, transport: Transport, case: Case
) -> None:
    """The rest of the answer follows, on a connection that goes on."""
    listener = meets(case)
    with transport.client(listener) as client:
        client.send(get("/faulty"))
        until(lambda: any(each.hanging for each in recorder.connections))
        assert listener.release() == 1
        assert client.answer().body == BODY
        assert client.ask(get("/")).body == BODY


@pytest.mark.parametrize("case", CASES, ids=said)
def test_the_end_of_the_host_leaves_neither_thread_nor_word(
    meets: Callable[[Case], Listener],
    recorder: Recorder,
    transport: Transport,
    case: Case,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """In the middle of each fault; the terminal stays empty."""
    listener = meets(case)
    try:
        shakes = chosen(case.said).fault.connection is None
        client = RawClient(listener.port, tls=transport.context, shake=shakes)
    except ConnectionResetError:  # a reset at once may meet a client that still connects
        assert case.ends == "rst"
    else:
        with client:
            recorder.wait("opened")
            if shakes:
                client.send(get("/faulty"))
                client.nothing_more(0.01)
            listener.shutdown()
            recorder.wait("closed")
    listener.shutdown()
    until(lambda: not threads_of(listener))
    assert capfd.readouterr() == ("", "")


def test_refuse_resets_at_accept_and_serves_the_next(
    meets: Callable[[Case], Listener], recorder: Recorder, transport: Transport
) -> None:
    """As a rule for connections, which can't undo that there is one."""
    listener = meets(Case("refuse", NOTHING, "rst"))
    try:
        with RawClient(listener.port, tls=transport.context, shake=False) as client:
            assert client.until_end() == (b"", "rst", False)
    except ConnectionResetError:
        pass  # it was not even connected
    unharmed(listener, transport)
    assert (1, "server") in recorder.wait("closed", 2)


def test_refuse_asks_the_operator_to_close_the_port() -> None:
    """As a rule for requests."""
    asked: list[float] = []

    class Operator:
        def refuse(self, seconds: float) -> None:
            asked.append(seconds)

    fault, parameters = chosen({"refuse": "2m"})
    operator: Any = Operator()
    assert fault.host is not None
    fault.host(parameters, context()._replace(operator=operator))
    assert asked == [120.0]


# -- as data ---------------------------------------------------------------------------------------------------


def test_random_data_is_the_same_for_the_same_seed_and_match() -> None:
    """And another one for another."""
    fault, parameters = chosen("random_data")
    assert fault.answer is not None
    draft = Draft(200, HEADERS, BODY)
    seeds = [context(1), context(1), context(2), context(1, ordinal=2)]
    first, same, *others = [fault.answer(draft, parameters, each).plan.raw for each in seeds]
    assert first == same
    assert first is not None
    assert len({first, *others}) == 3
    assert len(first) == 256


@pytest.mark.parametrize(
    "wrong",
    [
        {"connection_reset": {"after_bytes": 1, "at_fraction": 0.5}},
        {"connection_reset": -1},
        {"truncated_body": {"after_bytes": 1, "at_fraction": 0.5}},
        {"truncated_body": {"at_fraction": 1.5}},
        {"truncated_body": {"how": "politely"}},
        {"half_close": {"after_bytes": 1, "at_fraction": 0.5}},
        {"hang": {"before": "headers", "after_bytes": 10}},
        {"hang": {"before": "lunch"}},
        {"hang": "long"},
        {"dribble": {"size": 0}},
        {"bandwidth": 0},
        {"random_data": 0},
        {"raw_bytes": {}},
        {"raw_bytes": {"text": "a", "octets": "00"}},
        {"raw_bytes": {"octets": "0"}},
        {"silent": {"for": "1s"}},
        {"empty_response": "rst"},
    ],
    ids=str,
)
def test_parameters_that_make_no_sense_are_refused(wrong: object) -> None:
    """When they are read, by name."""
    from mockhost.errors import UsageError

    assert isinstance(wrong, dict)
    with pytest.raises(UsageError, match=next(iter(wrong))):
        chosen(wrong)


def test_faults_of_the_transport_change_nothing_but_the_plan() -> None:
    """Several go together: each leaves alone what another asked for."""
    draft = Draft(200, HEADERS, BODY)
    for case in ON_ANSWERS:
        fault, parameters = chosen(case.said)
        assert fault.answer is not None
        draft = fault.answer(draft, parameters, context())
        assert draft._replace(plan=Draft(200).plan) == Draft(200, HEADERS, BODY)
    slow, cut = chosen("dribble"), chosen("truncated_body")
    assert slow.fault.answer is not None
    assert cut.fault.answer is not None
    draft = slow.fault.answer(Draft(200, HEADERS, BODY), slow.parameters, context())
    plan = cut.fault.answer(draft, cut.parameters, context()).plan
    assert (plan.body_pace, plan.after_fraction, plan.ending) == (draft.plan.body_pace, 0.5, "fin")
