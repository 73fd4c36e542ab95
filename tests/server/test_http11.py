"""The head reader: a table of heads with their exact outcome, fuzzing, and h11 as a second opinion."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mockhost.server import http11
from mockhost.server.http11 import ChunkedBody, Head, HeadReader, Malformed, hopeless
from mockhost.server.httpsys import REFUSALS

HEADS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "heads.json").read_text("utf-8"))
# The connection's own decisions, which rest on its limits; see test_wire.
PARSED = [row for row in HEADS if row.get("refused") not in ("expectation", "entity_length")]


def outcome(data: bytes) -> Head | str | None:
    """What the reader makes of bytes that came in: a head, a kind of refusal, or None for more to come."""
    while data.startswith(b"\r\n"):
        data = data[2:]
    end = data.find(b"\r\n\r\n")
    return hopeless(data) if end < 0 else HeadReader().parse(data[:end])


@pytest.mark.parametrize("row", PARSED, ids=[row["name"] for row in PARSED])
def test_each_head_has_its_one_outcome(row: dict[str, Any]) -> None:
    """A head is understood or refused for one exact reason."""
    result = outcome(row["head"].encode("latin-1"))
    if "refused" in row:
        assert result == row["refused"]
    else:
        assert isinstance(result, Head)
        seen = result._asdict() | {"headers": [list(pair) for pair in result.headers]}
        assert {key: seen[key] for key in row["head_of"]} == row["head_of"]


@pytest.mark.parametrize("row", PARSED, ids=[row["name"] for row in PARSED])
def test_the_outcome_does_not_depend_on_the_pieces_a_head_came_in(row: dict[str, Any]) -> None:
    """Byte by byte, the first opinion on a head is the last one."""
    data = row["head"].encode("latin-1")
    final = outcome(data)
    for end in range(1, len(data)):
        early = outcome(data[:end])
        assert early is None or early == final, data[:end]


def padded(line: int, *fields: int) -> bytes:
    """A head whose target and header lines have these lengths."""
    lines = [b"GET /?" + b"a" * (line - 2) + b" HTTP/1.1", b"Host: x"]
    return b"\r\n".join([*lines, *(b"X: " + b"a" * (size - 3) for size in fields)])


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (padded(16_384 - 60), None),
        (padded(16_384), "request_length"),
        (padded(16_385), "url_length"),
        (padded(40_000), "url_length"),
        (padded(10, 16_300), None),
        (padded(10, 8_000, 8_400), "request_length"),
        (padded(10, 16_385), "field_length"),
        (padded(10, 40_000), "field_length"),
        (padded(10, *[200] * 400), "request_length"),
    ],
)
def test_what_is_too_long_is_named_whatever_the_pieces(head: bytes, kind: str | None) -> None:
    """URL, one field, all fields: 16,384 bytes each; the same verdict for a whole head and for one that trickles."""
    whole = HeadReader().parse(head)
    assert (whole if isinstance(whole, str) else None) == kind
    for step in (1_000, 4_096, 16_384):
        verdicts = [hopeless(head[:end]) for end in range(step, len(head), step)]
        assert {verdict for verdict in verdicts if verdict} <= {kind}


def test_fields_are_kept_as_sent_and_also_as_pep_3333_wants_them() -> None:
    """Repeated fields are joined, cookies by semicolons; a name with an underscore gets no key of its own."""
    head = HeadReader().parse(
        b"GET / HTTP/1.1\r\nHost: h\r\nX-a: 1\r\nx-A: 2\r\nCookie: a=1\r\nCookie: b=2\r\n"
        b"X_a: evil\r\nContent-Type: t\r\nContent_Type: evil"
    )
    assert isinstance(head, Head)
    assert head.headers[1:3] == [("X-a", "1"), ("x-A", "2")]
    assert ("Content_Type", "evil") in head.headers
    assert head.environ == {
        "HTTP_HOST": "h",
        "HTTP_X_A": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
        "CONTENT_TYPE": "t",
    }


def test_a_reader_that_remembers_fields_reads_as_one_that_does_not() -> None:
    """The same fields under another request line are judged by that line: version, verb and authority count."""
    reader = HeadReader()
    for line in (b"GET / HTTP/1.1", b"POST / HTTP/1.1", b"GET / HTTP/1.0", b"GET http://b/ HTTP/1.1"):
        for block in (b"Host: a", b"Host: a", b"X: y", b"X : y", b"X : y"):
            head = line + b"\r\n" + block
            assert reader.parse(head) == HeadReader().parse(head)


def test_what_is_learnt_about_names_and_hosts_is_bounded() -> None:
    """A client that makes up names costs time, not memory."""
    for number in range(5_000):
        assert isinstance(http11.read_fields(b"Host: h%d\r\nX-%d: y" % (number, number)), http11.Fields)
    assert len(http11._KEYS) <= http11._KEYS_SIZE
    assert len(http11._HOSTS) <= http11._HOSTS_SIZE


def test_a_connection_remembers_a_few_short_blocks_of_fields() -> None:
    """Nor does one that never repeats itself, or sends the longest heads that there may be."""
    reader = HeadReader()
    for number in range(20):
        for filler in (b"", b"\r\nX: " + b"y" * http11._REPEATED):
            head = reader.parse(b"GET / HTTP/1.1\r\nHost: h%d" % number + filler)
            assert isinstance(head, http11.Head)
            assert head.host == f"h{number}"
    assert list(reader._blocks) == [b"Host: h%d" % number for number in range(16, 20)]


# -- fuzzing ---------------------------------------------------------------------------------------------------

SEEDS = [row["head"].encode("latin-1") for row in HEADS if len(row["head"]) < 400]
INSERTS = [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b"%", b"\x00", b"\xff", b",", b"0", b"/"]


@st.composite
def mutated_heads(draw: st.DrawFn) -> bytes:
    """A head from the table with a few bytes put in, taken out or changed."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.sampled_from(INSERTS)) + data[at + draw(st.integers(0, 2)) :]
    return data


@given(st.one_of(mutated_heads(), st.binary(max_size=200)))
def test_no_bytes_upset_the_reader(data: bytes) -> None:
    """Whatever comes in, the answer is a head, a refusal that exists, or: more."""
    result = outcome(data)
    assert result is None or isinstance(result, Head) or result in REFUSALS


TOKEN = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=8)
VALUE = st.text([chr(c) for c in (*range(0x20, 0x7F), 0x09, *range(0xA0, 0x100))], max_size=20).map(str.strip)
FRAMING = ("content-length", "transfer-encoding", "host", "expect", "connection", "upgrade")


@st.composite
def proper_heads(draw: st.DrawFn) -> bytes:
    """Heads that follow the grammar."""
    verb = draw(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]) | TOKEN)
    target = "/" + draw(st.text([chr(c) for c in range(0x21, 0x7F) if chr(c) not in "%"], max_size=30))
    fields = draw(
        st.lists(st.tuples(TOKEN.filter(lambda name: name.lower() not in FRAMING), VALUE), max_size=5)
    )
    fields.append(("Host", draw(st.sampled_from(["localhost", "a.b:80", "[::1]:1", "127.0.0.1"]))))
    framing = draw(
        st.sampled_from(
            [None, ("Content-Length", "0"), ("content-length", "17"), ("Transfer-Encoding", "chunked")]
        )
    )
    if framing:
        fields.append(framing)
    if draw(st.booleans()):
        fields.append(("Connection", draw(st.sampled_from(["close", "keep-alive", "Close", "x, close"]))))
    lines = [f"{verb} {target} HTTP/{draw(st.sampled_from(['1.1', '1.0']))}"]
    lines += [
        f"{name}:{draw(st.sampled_from(['', ' ', '  ']))}{value}"
        for name, value in draw(st.permutations(fields))
    ]
    return "\r\n".join(lines).encode("latin-1")


@given(proper_heads() | mutated_heads().map(lambda data: data.partition(b"\r\n\r\n")[0]))
@example(b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe9")
def test_h11_reads_what_we_read(head: bytes) -> None:
    """Where both take a request, they agree on its verb, target, fields, framing and persistence."""
    ours = HeadReader().parse(head)
    theirs = h11.Connection(h11.SERVER)
    theirs.receive_data(head + b"\r\n\r\n")
    try:
        event = theirs.next_event()
    except h11.RemoteProtocolError:
        return
    if not isinstance(event, h11.Request) or isinstance(ours, str):
        return
    assert event.method == ours.method.encode("latin-1")
    assert event.target == ours.target.encode("latin-1")
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
    coding = "transfer-encoding"  # h11 writes its value in small letters
    assert fields == [
        (name.lower(), value.lower() if name.lower() == coding else value) for name, value in ours.headers
    ]
    body = theirs.next_event()
    length = ours.content_length
    assert isinstance(body, h11.EndOfMessage) is (not ours.chunked and not length)
    if ours.version == "1.1":
        assert (theirs.their_state is not h11.MUST_CLOSE) is ours.keep_alive or bool(length) or ours.chunked


@given(proper_heads())
def test_what_follows_the_grammar_is_refused_for_its_length_only(head: bytes) -> None:
    """No proper request is turned away, but for a body of unknown length."""
    ours = HeadReader().parse(head)
    if isinstance(ours, str):
        verb = head.partition(b" ")[0]
        chunked_in_1_0 = b"HTTP/1.0" in head.partition(b"\r\n")[0] and b"chunked" in head
        assert (ours == "length_required" and verb in (b"POST", b"PUT", b"PATCH")) or (
            ours == "bad_request" and chunked_in_1_0
        )


# -- chunked bodies --------------------------------------------------------------------------------------------


def fed(data: bytes, step: int, limit: int = 1_000_000) -> tuple[bytes, bytes | None]:
    """Content and what followed, or None if more had to come."""
    body = ChunkedBody(limit)
    for at in range(0, len(data), step):
        rest = body.feed(data[at : at + step])
        if rest is not None:
            return body.content, rest + data[at + step :]
    return body.content, None


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=6), st.integers(1, 50), st.booleans())
def test_chunks_give_back_their_content(pieces: list[bytes], step: int, extras: bool) -> None:
    """However they are cut into reads, with extensions and trailers or without; what follows is left alone."""
    extension = b' ;a=b;c="d e"' if extras else b""
    trailers = b"X-Sum: 1\r\nY: \r\n" if extras else b""
    data = b"".join(b"%X%b\r\n%b\r\n" % (len(p), extension, p) for p in pieces) + b"000%b\r\n" % extension
    assert fed(data + trailers + b"\r\nGET /", step) == (b"".join(pieces), b"GET /")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"5\nhello\r\n0\r\n\r\n", "line_end"),
        (b"5\r\nhelloX\r\n0\r\n\r\n", "number"),
        (b"5\r\nhello\n0\r\n\r\n", "number"),
        (b"\r\n", "number"),
        (b"-5\r\n", "number"),
        (b"0x5\r\n", "number"),
        (b" 5\r\n", "number"),
        (b"5 5\r\n", "number"),
        (b"g\r\n", "number"),
        (b"5;a\x00b\r\n", "number"),
        (b"1" * 17 + b"\r\n", "number"),
        (b"5;" + b"a" * 5_000, "number"),
        (b"0\r\nno trailer\r\n\r\n", "header"),
        (b"0\r\ntrailer\r\n\r\n", "header"),
        (b"0\r\nX: a\x00\r\n\r\n", "header"),
        (b"0\r\n folded: x\r\n\r\n", "header"),
        (b"0\r\n" + b"X: y\r\n" * 5_000, "request_length"),
        (b"ffffffff\r\n", "entity_length"),
        (b"5\r\nhello\r\n" * 30, "entity_length"),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_a_malformed_chunk_is_refused(data: bytes, kind: str, step: int) -> None:
    """Sizes are hex digits and nothing else, line ends are CRLF, and all has limits."""
    with pytest.raises(Malformed) as caught:
        fed(data, step, limit=100)
    assert caught.value.kind == kind


def test_what_is_kept_of_a_chunked_body_is_its_content() -> None:
    """100,000 chunks of one byte each take no more memory than one of 100,000, in whatever pieces they come."""
    data = b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"
    tracemalloc.start()
    try:
        content, rest = fed(data, 1_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (content, rest) == (b"x" * 100_000, b"")
    assert peak < 500_000


def test_a_long_chunk_is_not_copied_for_each_piece_that_comes_in() -> None:
    """16 MiB in 100,000 pieces: what is kept for later is the rest of a line, never the chunk so far."""
    body = ChunkedBody(1 << 24)
    assert body.feed(b"1000000\r\n") is None
    for _ in range(100_000):
        assert body.feed(b"x" * 167) is None
        assert len(body._pending) <= 2
    assert body.feed(b"x" * ((1 << 24) - 16_700_000) + b"\r\n0\r\n\r\n") == b""
    assert len(body.content) == 1 << 24


@given(st.binary(max_size=80), st.integers(1, 20))
def test_no_bytes_upset_the_chunk_decoder(data: bytes, step: int) -> None:
    """Content, more to come, or a refusal that exists."""
    kinds: set[str] = set()
    try:
        fed(data, step)
    except Malformed as malformed:
        kinds = {malformed.kind}
    assert kinds <= set(REFUSALS)
