"""Faults of the transport: what is right is sent late, slowly, in part, or not at all."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from mockhost.faults.contract import Context, Draft
from mockhost.faults.declare import (
    Duration,
    Fraction,
    How,
    at_least,
    between,
    on_answer,
    on_connection,
    on_host,
    on_upload,
)
from mockhost.plans import ConnectionPlan, Pace, TransportPlan, UploadPlan

AfterBytes = Annotated[
    int | None, "How many bytes of the body are sent, counted before TLS and chunks", at_least(0)
]
AtFraction = Annotated[
    Fraction | None, "Instead of after_bytes: which part of the body is sent, rounded down"
]
_STEPS: Final = 20
"""How many times a second `bandwidth` sends something, where that is at least a byte."""
_DRAWS: Final = 64
"""How many pauses with jitter are drawn; after so many the same ones follow."""


def _planned(draft: Draft, **plan: Any) -> Draft:
    """The draft with this changed of its plan."""
    changed: TransportPlan = draft.plan._replace(**plan)
    return draft._replace(plan=changed)


def _one_place(after_bytes: int | None, at_fraction: float | None, **_: object) -> str | None:
    """Refuse two places."""
    two = after_bytes is not None and at_fraction is not None
    return "give after_bytes or at_fraction, not both" if two else None


@on_answer(main="after_bytes", closes=True, check=_one_place)
def connection_reset(
    draft: Draft, _: Context, after_bytes: AfterBytes = None, at_fraction: AtFraction = None
) -> Draft:
    """The connection is reset instead of an answer, or in the middle of one.

    What a crashed service, a firewall or a load balancer does. By default before the first byte of the answer. It is
    a true RST, over TLS as well, and comes after what was to be sent has left.
    """
    head = after_bytes is not None or at_fraction is not None
    return _planned(draft, after_bytes=after_bytes, after_fraction=at_fraction, ending="rst", head=head)


@on_answer(main="how", closes=True)
def empty_response(draft: Draft, _: Context, how: Literal["fin", "close_notify"] = "close_notify") -> Draft:
    """The connection is closed without an answer.

    What a service does that stops while a request is in it.
    """
    return _planned(draft, head=False, ending=how)


@on_answer(main="after_bytes", closes=True, check=_one_place)
def truncated_body(
    draft: Draft,
    _: Context,
    after_bytes: AfterBytes = None,
    at_fraction: AtFraction = None,
    how: How = "fin",
) -> Draft:
    """The body stops before its announced end.

    What a client makes of it depends on how the connection ends: over TLS an end without close_notify could be an
    attacker's (RFC 8446 6.1, RFC 9112 9.8), and a reset may take with it what was not read yet.
    """
    if after_bytes is None and at_fraction is None:
        at_fraction = 0.5
    return _planned(draft, after_bytes=after_bytes, after_fraction=at_fraction, ending=how)


@on_answer(main="garbage", closes=True)
def malformed_chunk(
    draft: Draft,
    _: Context,
    after_bytes: AfterBytes = 16,
    garbage: str = "no size\r\n",
    how: How = "close_notify",
) -> Draft:
    """A chunk of the body has no size that can be read.

    Something else stands where the size is expected (RFC 9112 7.1).
    """
    return _planned(
        draft, bad_chunk=garbage.encode(), after_bytes=after_bytes, after_fraction=None, ending=how
    )


@on_answer(main="count", closes=True)
def random_data(
    draft: Draft,
    context: Context,
    count: Annotated[int, between(1, 1 << 20)] = 256,
    how: How = "close_notify",
) -> Draft:
    """Random bytes come in place of an answer.

    Head included. They are the same bytes each time for the same seed.
    """
    return _planned(draft, raw=context.octets(count, "random_data"), ending=how)


def _text_or_octets(text: str | None, octets: bytes | None, **_: object) -> str | None:
    return "give text or octets, one of the two" if (text is None) == (octets is None) else None


@on_answer(main="text", closes=True, check=_text_or_octets)
def raw_bytes(
    draft: Draft,
    _: Context,
    text: str | None = None,
    octets: bytes | None = None,
    how: How = "close_notify",
) -> Draft:
    """Bytes of one's own come in place of an answer."""
    return _planned(draft, raw=octets if octets is not None else str(text).encode(), ending=how)


def _body_has_begun(before: str, after_bytes: int | None, **_: object) -> str | None:
    if after_bytes and before == "headers":
        return "after_bytes belongs to {before: body}: before the headers there is no body"
    return None


@on_answer(main="for", check=_body_has_begun)
def hang(
    draft: Draft,
    _: Context,
    before: Literal["headers", "body"] = "headers",
    after_bytes: AfterBytes = None,
    for_: Duration | None = None,
) -> Draft:
    """The answer never comes, or stops in the middle.

    The connection stays open. Nothing comes until the client gives up, hangs are released, or the time that was set is
    over; then the rest follows.
    """
    if before == "headers":
        return _planned(draft, hang="headers", hang_for=for_)
    return _planned(draft, hang="body", hang_for=for_, after_bytes=after_bytes or 0, after_fraction=None)


@on_answer(main="pause")
def dribble(
    draft: Draft,
    context: Context,
    size: Annotated[int, at_least(1)] = 16,
    pause: Duration = 0.05,
    jitter: Duration = 0.0,
) -> Draft:
    """The body comes a few bytes at a time."""
    if not jitter:
        return _planned(draft, body_pace=Pace(size, pause))
    draws = [context.draw(f"jitter {number}") for number in range(_DRAWS)]
    varied = tuple(max(-pause, (2 * drawn - 1) * jitter) for drawn in draws)
    return _planned(draft, body_pace=Pace(size, pause, varied))


@on_answer(main="bytes_per_second")
def bandwidth(draft: Draft, _: Context, bytes_per_second: Annotated[int, at_least(1)] = 1000) -> Draft:
    """The answer comes at few bytes a second."""
    size = max(1, bytes_per_second // _STEPS)
    pace = Pace(size, size / bytes_per_second)
    return _planned(draft, head_pace=pace, body_pace=pace)


@on_answer(main="pause")
def slow_status_line(
    draft: Draft,
    _: Context,
    size: Annotated[int, at_least(1)] = 1,
    pause: Duration = 0.005,
) -> Draft:
    """Status line and headers come a byte at a time.

    The body then comes at once. A client's read time-out starts again with each byte: this shows whether it also limits
    the whole.
    """
    return _planned(draft, head_pace=Pace(size, pause))


@on_answer(main="after_bytes", closes=True, check=_one_place)
def half_close(
    draft: Draft,
    _: Context,
    after_bytes: AfterBytes = None,
    at_fraction: AtFraction = None,
) -> Draft:
    """The server ends its half of the connection unannounced, and goes on listening.

    There is no `Connection: close`: a client that keeps the connection for its next request finds out too late.
    """
    return _planned(draft, after_bytes=after_bytes, after_fraction=at_fraction, ending="half_close")


BodyRead = Annotated[
    int,
    "How many bytes of the request's body are read before, counted after TLS, chunks included",
    at_least(0),
]


@on_upload(main="bytes_per_second")
def slow_upload(bytes_per_second: Annotated[int, at_least(1)] = 1000) -> UploadPlan:
    """The request's body is read at few bytes a second.

    What the machine's socket buffers hold (some 100 kB) a client can send at once all the same; the answer comes when
    the last byte was read. Toxiproxy has it as bandwidth with the direction upstream.
    """
    size = max(1, bytes_per_second // _STEPS)
    return UploadPlan(pace=Pace(size, size / bytes_per_second))


@on_upload(main="for")
def upload_stall(after_bytes: BodyRead = 0, for_: Duration | None = None) -> UploadPlan:
    """The request's body is not read, or not to its end.

    The connection stays open and nothing is answered. A client that sends more than the machines' socket buffers hold
    can't finish sending.
    """
    return UploadPlan(after_bytes, "stall", for_)


@on_upload(main="after_bytes", closes=True)
def upload_reset(after_bytes: BodyRead = 0) -> UploadPlan:
    """The connection is reset while the client still sends.

    Nothing of the request is carried out, and there is no answer.
    """
    return UploadPlan(after_bytes, "rst")


@on_answer(main="after_bytes", closes=True, check=_one_place)
def close_delimited(
    draft: Draft,
    _: Context,
    after_bytes: AfterBytes = None,
    at_fraction: AtFraction = None,
    how: How = "close_notify",
) -> Draft:
    """The body has no length and no chunks: it ends where the connection does.

    RFC 9112 6.3, case 8. A client can't tell such a body from one that was cut: with `after_bytes` half a document
    looks like a whole one, except over TLS, where an end without close_notify is an error (9.8).
    """
    return _planned(
        draft, close_delimited=True, after_bytes=after_bytes, after_fraction=at_fraction, ending=how
    )


@on_answer(main="after", closes=True)
def slow_close(draft: Draft, _: Context, after: Duration = 0.1, how: How = "close_notify") -> Draft:
    """The connection is closed a while after the answer, unannounced.

    A keep-alive time-out that is shorter than the client's: a request that is sent into the pause is never answered
    (RFC 9112 9.5), and the client can't know whether it was carried out. It was not. Toxiproxy has it as slow_close.
    """
    return _planned(draft, linger=after, ending=how)


@on_host(main="for", closes=True, connection=ConnectionPlan("reset", after="accept"))
def refuse(context: Context, for_: Duration = 30.0) -> None:
    """The port is closed for a while.

    As while a service restarts. As a rule for requests it acts when a request fires it: the port closes, which cuts
    every connection, that of the request as well, and opens again by the virtual clock. As a rule for connections it
    resets the one that was accepted, which is the most that can be done to a connection that there is already.
    """
    context.operator.refuse(for_)


@on_connection(closes=False)
def silent() -> ConnectionPlan:
    """The connection is accepted and stays silent.

    Nothing else ever happens on it: no handshake, no answer, no end.
    """
    return ConnectionPlan("silent")
