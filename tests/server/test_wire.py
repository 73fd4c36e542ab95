"""What a client sees on the wire: refusals, framing, persistence, order, limits."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mockhost.server import httpsys
from mockhost.server.httpsys import REFUSALS
from mockhost.server.listener import Limits
from tests.server.conftest import DATE, Recorder, Serve, Transport, hello
from tests.server.raw import PATIENCE, RawClient, get, parse_head

HEADS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "heads.json").read_text("utf-8"))


class Echo:
    """Answers with what it was asked, as JSON."""

    def __init__(self) -> None:
        self.environs: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.environs.append(environ)
        document = {
            "method": environ["REQUEST_METHOD"],
            "target": environ["mockhost.target"],
            "headers": environ["mockhost.headers"],
            "body": environ["mockhost.body"].decode("latin-1"),
            "input": environ["wsgi.input"].read().decode("latin-1"),
        }
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(document).encode()]


@pytest.mark.parametrize("row", HEADS, ids=[row["name"] for row in HEADS])
def test_each_head_is_answered_by_the_application_or_by_http_sys(
    serve: Serve, recorder: Recorder, row: dict[str, Any]
) -> None:
    """What is refused gets http.sys' page to the byte and a FIN; what is not reaches the application unchanged."""
    listener = serve(Echo())
    data = row["head"].encode("latin-1")
    with RawClient(listener.port) as client:
        if "refused" in row:
            client.send(data)
            page = httpsys.render(REFUSALS[row["refused"]], DATE)
            assert client.until_end() == (page, "fin", False)
            [(number, kind, head, answer)] = recorder.wait("refused")
            assert (number, kind, answer) == (1, row["refused"], page)
            assert head in data
        else:
            chunked = row["head_of"].get("chunked")
            length = re.search(r"Content-Length:\s*(\d+)", row["head"])
            body = b"x" * int(length[1]) if length else b""
            answer = client.ask(data + (b"0\r\n\r\n" if chunked else body))
            assert answer.status == 200
            seen = json.loads(answer.body)
            assert seen["body"] == seen["input"] == body.decode()
            for key in ("method", "headers"):
                assert seen[key] == row["head_of"].get(key, seen[key])


def test_plain_wire_says_the_same_without_windows(serve: Serve) -> None:
    """`wire: plain` keeps statuses and drops http.sys' pages, `Server` and its order of headers."""
    app_headers = [("X-First", "1"), ("Content-Type", "text/plain"), ("Allow", "GET")]

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("405 WHATEVER", app_headers)
        return [b"no"]

    listener = serve(app, heads=lambda: ("plain", 1_767_225_600.0))
    with RawClient(listener.port) as client:
        answer = client.ask(get("/"))
        assert (answer.status, answer.reason) == (405, "Method Not Allowed")
        assert answer.headers == [*app_headers, ("Content-Length", "2"), ("Date", DATE)]
        client.send(b"helo\r\n")
        data = client.until_end().data
    status, reason, headers = parse_head(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    assert (status, reason) == (400, "Bad Request")
    assert [name for name, _ in headers] == ["Content-Type", "Content-Length", "Date", "Connection"]
    assert data.endswith(b"\r\n\r\nThe request verb is invalid.\n")


def test_an_ordinary_answer_is_arranged_as_http_sys_does(serve: Serve) -> None:
    """.NET's reason phrase, known headers by HTTP_HEADER_ID with Server among them, unknown ones, Date at the end."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(
            "401 UNAUTHORIZED",
            [
                ("X-Two", "2"),
                ("WWW-Authenticate", "Bearer"),
                ("content-type", "text/plain"),
                ("Location", "/there"),
                ("X-One", "1"),
                ("Cache-Control", "no-cache"),
            ],
        )
        return [b"go", b" away"]

    with RawClient(serve(app).port) as client:
        client.send(get("/"))
        assert client.expect_through(b"go away") == (
            b"HTTP/1.1 401 Unauthorized\r\nCache-Control: no-cache\r\nContent-Length: 7\r\n"
            b"content-type: text/plain\r\nLocation: /there\r\nServer: Microsoft-HTTPAPI/2.0\r\n"
            b"WWW-Authenticate: Bearer\r\nX-Two: 2\r\nX-One: 1\r\nDate: " + DATE.encode() + b"\r\n\r\ngo away"
        )


def test_an_application_may_set_server_and_date_itself(serve: Serve) -> None:
    """A literal reply of a scenario stands as it is; .NET knows no phrase for 429."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("429 Slow Down", [("server", "nginx"), ("Date", "yesterday"), ("Retry-After", "3")])
        return []

    with RawClient(serve(app).port) as client:
        answer = client.ask(get("/"))
    assert (answer.status, answer.reason) == (429, "")
    assert answer.headers == [
        ("Content-Length", "0"),
        ("Retry-After", "3"),
        ("server", "nginx"),
        ("Date", "yesterday"),
    ]


def test_a_small_answer_is_one_piece(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Head and body leave together: no half answers, no waiting for an acknowledgement between them."""
    from mockhost.server.connection import Connection

    sent: list[bytes] = []
    write = Connection.write

    def spy(self: Connection, data: bytes) -> None:
        sent.append(data)
        write(self, data)

    monkeypatch.setattr(Connection, "write", spy)
    with RawClient(serve(hello).port) as client:
        client.ask(get("/"))
    assert len(sent) == 1


def test_date_follows_the_virtual_clock(serve: Serve) -> None:
    """Formatted once a second, of the scenario's time."""
    now = [1_767_225_600.0]
    listener = serve(hello, heads=lambda: ("httpapi", now[0]))
    with RawClient(listener.port) as client:
        for moment, text in ((0.0, "00:00:00"), (0.9, "00:00:00"), (1.0, "00:00:01"), (86_400.0, "00:00:00")):
            now[0] = 1_767_225_600.0 + moment
            date = client.ask(get("/")).header("Date")
            assert date is not None
            assert date.split()[4] == text


# -- persistence -----------------------------------------------------------------------------------------------


def test_requests_in_one_go_are_answered_in_order(serve: Serve, transport: Transport) -> None:
    """Pipelining, with bodies of both kinds in between and a refusal at the end."""
    listener = serve(Echo(), tls=transport.tls)
    with transport.client(listener) as client:
        client.send(
            get("/1")
            + get("/2", "Content-Length: 5", method="POST", body=b"hello")
            + get(
                "/3",
                "Transfer-Encoding: chunked",
                method="PUT",
                body=b"2;x\r\nhe\r\n3\r\nllo\r\n0\r\nT: x\r\n\r\n",
            )
            + get("/4")
            + b"nonsense\r\n"
        )
        answers = [json.loads(client.answer().body) for _ in range(4)]
        assert [a["target"] for a in answers] == ["/1", "/2", "/3", "/4"]
        assert [a["body"] for a in answers] == ["", "hello", "hello", ""]
        assert client.answer().status == 400
        assert client.until_end().tcp == "fin"


@pytest.mark.parametrize(
    ("request_", "closes"),
    [
        (get("/"), False),
        (get("/", "Connection: close"), True),
        (get("/", "Connection: keep-alive"), False),
        (get("/", version="1.0"), True),
        (get("/", "Connection: keep-alive", version="1.0"), True),
    ],
)
def test_who_may_go_on(serve: Serve, transport: Transport, request_: bytes, closes: bool) -> None:
    """HTTP/1.1 goes on unless asked to close; HTTP/1.0 never does. The answer says so, and TLS says goodbye."""
    listener = serve(hello, tls=transport.tls)
    with transport.client(listener) as client:
        answer = client.ask(request_)
        assert answer.body == b"hello"
        assert (answer.header("Connection") == "close") is closes
        if closes:
            assert client.until_end() == (b"", "fin", transport.tls is not None)
        else:
            assert client.ask(get("/")).body == b"hello"


def test_what_was_sent_after_the_last_request_does_not_spoil_its_answer(serve: Serve) -> None:
    """A close with unread input would reset the connection under the client's eyes; it is drained first."""
    with RawClient(serve(hello).port) as client:
        client.send(get("/", "Connection: close") + get("/") * 2_000)
        seen = client.until_end()
    assert seen.tcp == "fin"
    assert seen.data.count(b"hello") == 1


def test_a_client_that_leaves_is_told_apart_from_one_that_is_sent_away(
    serve: Serve, recorder: Recorder
) -> None:
    """The observer hears who closed."""
    listener = serve(hello)
    with RawClient(listener.port) as client:
        client.ask(get("/"))
    recorder.wait("closed", 1)
    with RawClient(listener.port) as client:
        client.ask(get("/", "Connection: close"))
        client.until_end()
    recorder.wait("closed", 2)
    with RawClient(listener.port) as client:
        client.send(b"GET / HT")
    assert recorder.wait("closed", 3) == [(1, "client"), (2, "server"), (3, "client")]


def test_connections_are_numbered_and_count_their_exchanges(serve: Serve, recorder: Recorder) -> None:
    """What the application and the observer see of a connection."""
    seen: list[tuple[Any, ...]] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        c = environ["mockhost.connection"]
        seen.append((c.number, c.exchanges, c.peer[0], c.alive, c.tls, c.epoch_token is recorder.epoch))
        return hello(environ, start_response)

    listener = serve(app)
    for _ in range(2):
        with RawClient(listener.port) as client:
            client.ask(get("/"))
            client.ask(get("/"))
    common = ("127.0.0.1", True, None, True)
    assert seen == [(1, 1, *common), (1, 2, *common), (2, 1, *common), (2, 2, *common)]


# -- framing of answers ----------------------------------------------------------------------------------------


def streaming(pieces: list[bytes], *headers: tuple[str, str], status: str = "200 OK") -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response(status, list(headers))
        yield from pieces

    return app


def test_a_stream_of_unknown_length_is_chunked(serve: Serve) -> None:
    """Empty pieces end nothing."""
    with RawClient(serve(streaming([b"", b"one", b"", b"two"])).port) as client:
        client.send(get("/") + get("/"))
        first = client.expect_through(b"0\r\n\r\n")
        assert first.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in first
        assert client.answer().body == b"onetwo"


def test_a_stream_for_http_1_0_ends_with_the_connection(serve: Serve) -> None:
    """There are no chunks in HTTP/1.0."""
    with RawClient(serve(streaming([b"one", b"two"])).port) as client:
        answer = client.ask(get("/", version="1.0"))
    assert answer.body == b"onetwo"
    assert answer.header("Transfer-Encoding") is answer.header("Content-Length") is None


def test_each_piece_leaves_when_it_is_there(serve: Serve) -> None:
    """A stream is not held back until it is complete."""
    go_on = threading.Event()

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"early"
        assert go_on.wait(PATIENCE)
        yield b"late"

    with RawClient(serve(app).port) as client:
        client.send(get("/"))
        client.expect_through(b"early")
        go_on.set()
        client.expect_through(b"late")


@pytest.mark.parametrize("pieces", [[b"hello"], [b"he", b"llo"], [b"hello", b"!"], [b"he", b"llo!"]])
def test_an_announced_length_is_never_exceeded(serve: Serve, pieces: list[bytes]) -> None:
    """What is more than announced would be the next answer to a client."""
    with RawClient(serve(streaming(pieces, ("Content-Length", "5"))).port) as client:
        assert client.ask(get("/")).body == b"hello"
        assert client.ask(get("/")).body == b"hello"


def test_what_is_less_than_announced_ends_the_connection(serve: Serve) -> None:
    """A client can't wait for what will never come."""
    with RawClient(serve(streaming([b"hel"], ("Content-Length", "5"))).port) as client:
        client.send(get("/"))
        seen = client.until_end()
    assert seen.data.endswith(b"\r\n\r\nhel")
    assert seen.tcp == "fin"


@pytest.mark.parametrize(("status", "length"), [("204 No Content", None), ("304 Not Modified", "5")])
def test_some_statuses_have_no_body(serve: Serve, status: str, length: str | None) -> None:
    """Whatever the application gives; the length of a 304 is that of what was not sent (RFC 9110 8.6)."""
    with RawClient(serve(streaming([b"hello"], ("Content-Length", "5"), status=status)).port) as client:
        for _ in range(2):
            answer = client.ask(get("/"))
            assert answer.status == int(status[:3])
            assert answer.header("Content-Length") == length
            assert answer.header("Transfer-Encoding") is None


def test_head_is_answered_without_a_body(serve: Serve) -> None:
    """With the length that a GET would have had, where the application says it."""
    with RawClient(serve(streaming([b"hello"], ("Content-Length", "5"))).port) as client:
        for _ in range(2):
            assert client.ask(get("/", method="HEAD"), "HEAD").header("Content-Length") == "5"
        assert client.ask(get("/")).body == b"hello"


def test_a_long_answer_arrives_whole(serve: Serve, transport: Transport) -> None:
    """In slices, past every buffer, also for a client that reads slowly."""
    body = bytes(range(256)) * 20_000
    app = streaming([body[:3_000_000], body[3_000_000:]], ("Content-Length", str(len(body))))
    listener = serve(app, tls=transport.tls)
    with transport.client(listener) as client:
        assert client.ask(get("/")).body == body


def test_write_of_pep_3333_works(serve: Serve) -> None:
    """What `start_response` returns may be called; its data come first."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"one ")
        return [b"two"]

    with RawClient(serve(app).port) as client:
        assert client.ask(get("/")).body == b"one two"


def test_an_answer_is_closed_when_it_was_sent(serve: Serve) -> None:
    """PEP 3333: `close` of the iterable is called, whatever became of the answer."""
    closed = threading.Event()

    class Pieces(list[bytes]):
        def close(self) -> None:
            closed.set()

    def app(environ: dict[str, Any], start_response: Any) -> Pieces:
        start_response("200 OK", [])
        return Pieces([b"x"])

    with RawClient(serve(app).port) as client:
        client.ask(get("/"))
        assert closed.wait(PATIENCE)


# -- bodies of requests ----------------------------------------------------------------------------------------


def test_expect_is_answered_before_the_body(serve: Serve, transport: Transport) -> None:
    """100 Continue, then the client sends, then the answer; a body that came along needs no invitation."""
    listener = serve(Echo(), tls=transport.tls)
    with transport.client(listener) as client:
        for framing, body in (
            ("Content-Length: 5", b"hello"),
            ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
        ):
            client.send(get("/", framing, "Expect: 100-continue", method="POST"))
            assert client.expect_through(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(body)
            assert json.loads(client.answer().body)["body"] == "hello"
        client.send(get("/", "Content-Length: 5", "Expect: 100-continue", method="POST", body=b"hello"))
        assert client.answer().status == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused_and_read_away(serve: Serve, chunked: bool) -> None:
    """413 reaches the client although it was still sending."""
    listener = serve(Echo(), limits=Limits(max_body=1_000, drain_seconds=PATIENCE))
    body = b"x" * 50_000
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    with RawClient(listener.port) as client:
        client.send(get("/", framing, method="POST"))
        client.send(b"c350\r\n" + body + b"\r\n0\r\n\r\n" if chunked else body)
        assert client.until_end() == (httpsys.render(REFUSALS["entity_length"], DATE), "fin", False)


def test_a_body_comes_in_any_pieces(serve: Serve) -> None:
    """Byte by byte as well as in one go."""
    body = b"7\r\nhel\r\nlo\r\n0\r\n\r\n"
    with RawClient(serve(Echo()).port) as client:
        for data in (
            get("/", "Content-Length: 7", method="POST", body=b"hel\r\nlo"),
            get("/", "Transfer-Encoding: chunked", method="POST", body=body),
        ):
            for byte in data:
                client.send(bytes([byte]))
            assert json.loads(client.answer().body)["body"] == "hel\r\nlo"


def test_a_malformed_chunk_is_refused_as_http_sys_does(serve: Serve, recorder: Recorder) -> None:
    """In the middle of a body there is still somebody to answer; the observer learns whose request it was."""
    with RawClient(serve(Echo()).port) as client:
        client.send(get("/", "Transfer-Encoding: chunked", method="POST", body=b"5\r\nhello\r\nxyz\r\n"))
        assert client.until_end() == (httpsys.render(REFUSALS["number"], DATE), "fin", False)
    [(_, kind, head, _)] = recorder.wait("refused")
    assert (kind, head) == ("number", get("/", "Transfer-Encoding: chunked", method="POST"))


# -- environ ---------------------------------------------------------------------------------------------------


def test_environ_is_that_of_pep_3333(serve: Serve) -> None:
    """Checked by the standard library's validator, and then by hand."""
    from wsgiref.validate import validator

    echo = Echo()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        echo.environs.append(dict(environ))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    checked: Callable[..., Any] = validator(app)  # type: ignore[assignment]
    listener = serve(checked)
    with RawClient(listener.port) as client:
        request = get(
            "/a%20b?x=%C3%A9", "X-One: 1", "Content-Type: t/t", "Content-Length: 2", method="PUT", body=b"hi"
        )
        client.ask(request)
        client.ask(
            get("http://else:1/p?q", "Transfer-Encoding: chunked", method="POST", body=b"1\r\nx\r\n0\r\n\r\n")
        )
        client.ask(get("/", version="1.0"))
    first, second, third = echo.environs
    expected = {
        "REQUEST_METHOD": "PUT",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "x=%C3%A9",
        "REQUEST_URI": "/a%20b?x=%C3%A9",
        "CONTENT_TYPE": "t/t",
        "CONTENT_LENGTH": "2",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(listener.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_X_ONE": "1",
        "wsgi.url_scheme": "http",
        "mockhost.target": "/a%20b?x=%C3%A9",
        "mockhost.body": b"hi",
    }
    assert {key: first[key] for key in expected} == expected
    assert second["HTTP_HOST"] == "else:1"
    assert (second["PATH_INFO"], second["mockhost.target"]) == ("/p", "/p?q")
    assert second["REQUEST_URI"] == "http://else:1/p?q"
    assert second["CONTENT_LENGTH"] == "1"
    assert "HTTP_TRANSFER_ENCODING" not in second
    assert third["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert "HTTP_X_ONE" not in third


def test_one_request_can_not_change_the_next(serve: Serve) -> None:
    """Environs of one connection share nothing that an application could change."""
    kept: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        kept.append(dict(environ, headers=list(environ["mockhost.headers"])))
        environ["HTTP_HOST"] = environ["evil"] = "changed"
        environ["mockhost.headers"].clear()
        return hello(environ, start_response)

    with RawClient(serve(app).port) as client:
        for _ in range(2):
            client.ask(get("/"))
    assert kept[0]["headers"] == kept[1]["headers"] == [("Host", "localhost")]
    assert kept[1]["HTTP_HOST"] == "localhost"
    assert "evil" not in kept[1]
