"""The journal as JSON, table, HAR, curl line and terminal line."""

from __future__ import annotations

import hashlib
import json
import os
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import jsonschema
import pytest

from mockhost.clock import local_time
from mockhost.journal import Connection, Exchange, Journal
from mockhost.journal.renderings import (
    ALERTS,
    connection_json,
    connection_line,
    curl,
    har,
    live_line,
    table,
    to_json,
)
from mockhost.journal.sink import printable
from tests.journal.exchanges import BASE, KEY, TOKEN, make
from tests.machine import needs, needs_curl

Add = Callable[..., Exchange]
AT = 1_767_225_600.0


# ---- JSON ----


def test_an_exchange_as_json(add: Add, journal: Journal) -> None:
    """Everything that is known of it, in plain JSON."""
    exchange = add(body=b'{"a":1}', native=("SELECT 1",), reason="because", rule="r")
    assert to_json(exchange) == {
        "number": 1,
        "epoch": 0,
        "at": "2026-01-01T00:00:00.000Z",
        "connection": 1,
        "connector": "SQL",
        "operation": "find_users",
        "probe": False,
        "verdict": "ok",
        "who": "bob",
        "id": None,
        "method": "GET",
        "target": f"{BASE}/Users?filter=ContosoLogin+eq+%22bob%22",
        "status": 200,
        "took_ms": 1.2,
        "rule": "r",
        "faults": [],
        "delay_ms": None,
        "reason": "because",
        "native": ["SELECT 1"],
        "bug": None,
        "request": {
            "headers": [
                ["Host", "localhost:8585"],
                ["Authorization", f"Bearer tok…(len 21) {journal.sink.fingerprint(TOKEN)}"],
            ],
            "body": {
                "length": 7,
                "kept": 7,
                "sha256": hashlib.sha256(b'{"a":1}').hexdigest(),
                "text": '{"a":1}',
            },
        },
        "answer": {
            "headers": [["Content-Type", "application/scim+json; charset=utf-8"]],
            "body": {
                "length": 18,
                "kept": 18,
                "sha256": hashlib.sha256(b'{"totalResults":0}').hexdigest(),
                "text": '{"totalResults":0}',
            },
            "streamed": None,
        },
    }


def test_wire_text_is_shown_as_text_and_other_bytes_as_base64(add: Add) -> None:
    """UTF-8 on the wire is UTF-8 in JSON."""
    shown = to_json(add(target="/x?y=\u00c3\u00bc", headers=[("X", "\u00c3\u00bc")], body=b"\xff\x00"))
    assert shown["target"] == "/x?y=ü"
    request = shown["request"]
    assert isinstance(request, dict)
    assert request["headers"] == [["X", "ü"]]
    assert request["body"]["base64"] == "/wA="
    json.dumps(shown)


def test_a_character_cut_in_two_at_the_limit_does_not_make_a_text_binary() -> None:
    """The rest of the text is shown as text."""
    journal = Journal(key=KEY, body_limit=4)
    exchange = make(body="abcü".encode())
    journal.add(exchange)
    request = to_json(exchange)["request"]
    assert isinstance(request, dict)
    assert request["body"]["text"] == "abc"


# ---- terminals ----


def test_a_table_is_aligned_under_its_head(add: Add, journal: Journal) -> None:
    """One row an exchange; numbers stand right, words left."""
    add()
    add(
        operation="create_user",
        who="a-rather-long-login",
        status=409,
        took=0.123,
        connector="LDAP",
        reason="exists",
    )
    add(
        operation="unknown",
        connector=None,
        who=None,
        status=None,
        took=None,
        target="/nothing?x=1",
        probe=False,
    )
    assert table(journal.entries()).splitlines() == [
        "#  time      connector  operation    who                  status     ms  reason",
        f"1  {local_time(AT)}  SQL        find_users   bob                     200    1.2",
        f"2  {local_time(AT)}  LDAP       create_user  a-rather-long-login     409  123.0  exists",
        f"3  {local_time(AT)}  -          unknown      GET /nothing              -      -",
    ]


def test_a_table_keeps_to_its_width(add: Add, journal: Journal) -> None:
    """What does not fit ends in an ellipsis."""
    add(reason="a long explanation " * 10)
    add(who="\u6f22" * 100)
    for width in (10, 40, 80):
        lines = table(journal.entries(), width).splitlines()
        assert all(cells(line) <= width for line in lines)
        assert "…" in lines[-1]


def cells(line: str) -> int:
    return len(line) + line.count("\u6f22")


def test_wide_characters_take_two_columns(add: Add, journal: Journal) -> None:
    """So that what follows them stays in its column."""
    add(who="\u6f22\u5b57")
    add(who="abcd")
    first, second = table(journal.entries()).splitlines()[1:]
    assert len(first) == len(second) - 2


def test_marked_rows_are_marked(add: Add, journal: Journal) -> None:
    """For a report that speaks of them."""
    add()
    add()
    assert [line[0] for line in table(journal.entries(), marked=frozenset({2})).splitlines()] == [
        " ",
        " ",
        ">",
    ]


def test_a_note_stands_below_its_row(add: Add, journal: Journal) -> None:
    """Marked as it is, clipped to the width, and printable; most rows have none."""
    add()
    add()
    notes = {2: "rule 'slow' did not match\x1b[31m"}
    rows = table(journal, note=lambda each: notes.get(each.number, "")).splitlines()
    assert len(rows) == 4
    assert rows[3] == "   rule 'slow' did not match\\x1b[31m"
    narrow = table(
        journal, 20, marked=frozenset({2}), note=lambda each: notes.get(each.number, "")
    ).splitlines()
    assert narrow[-1] == ">    rule 'slow' di…"


def test_no_exchanges_is_said() -> None:
    """Not an empty string."""
    assert table([]) == "(no exchanges)"


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "SQL   find_users   bob        200    1.2 ms"),
        ({"probe": True, "who": "x"}, "SQL   find_users   x          200    1.2 ms  probe"),
        (
            {"status": 401, "reason": "no Authorization header"},
            "SQL   find_users   bob        401    1.2 ms  no Authorization header",
        ),
        ({"status": 503, "rule": "busy"}, "SQL   find_users   bob        503    1.2 ms  rule 'busy'"),
        (
            {"bug": "KeyError: 'x'"},
            "SQL   find_users   bob        200    1.2 ms  a bug in mockhost: KeyError: 'x'",
        ),
        ({"status": None, "took": None}, "SQL   find_users   bob          -      - ms"),
        (
            {
                "connector": None,
                "who": None,
                "operation": "unknown",
                "status": 404,
                "target": "/scim?x=1",
                "took": 1.5,
            },
            "-     unknown      GET /scim  404 1500.0 ms",
        ),
        ({"who": "a\x1b[31mb\u202e"}, "SQL   find_users   a\\x1b[31mb\\u202e 200    1.2 ms"),
    ],
)
def test_a_live_line_says_who_did_what_and_why_not(add: Add, fields: dict[str, object], line: str) -> None:
    """Time, connector, operation, who, status, how long, and the reason in words."""
    assert live_line(add(**fields)) == f"{local_time(AT)}  {line}"


@pytest.mark.parametrize(
    ("status", "colour"),
    [(200, "\033[32m200"), (404, "\033[33m404"), (500, "\033[31m500"), (None, "\033[31m  -")],
)
def test_colour_follows_the_status(add: Add, status: int | None, colour: str) -> None:
    """And is only there when it is asked for."""
    exchange = add(status=status, reason="why")
    assert colour in live_line(exchange, colour=True)
    assert "\033" not in live_line(exchange)


@pytest.mark.parametrize("text", ["plain", "ünïcödé 漢字", "it's"])
def test_printable_text_stays_as_it_is(text: str) -> None:
    """Only what would move the cursor, hide or turn around is escaped."""
    assert printable(text) == text
    assert printable(f"{text}\r\n\x1b]0;x\x07\u200f").isprintable()


def test_a_connection_that_never_became_one_says_which_alert_and_what_it_means() -> None:
    """The alert is the client's word for what is wrong."""
    connection = Connection(number=7, at=AT, peer="127.0.0.1:50114")
    connection.error = "unknown_ca"
    assert connection_line(connection) == (
        f"{local_time(AT)}  connection 7 from 127.0.0.1:50114: TLS handshake failed: "
        "the client sent the alert unknown_ca (it does not trust the issuer of our certificate)"
    )
    assert connection_json(connection)["alert"] == "unknown_ca"
    assert "\033[31m" in connection_line(connection, colour=True)


@pytest.mark.parametrize(
    "error", [*ALERTS, "timeout", "reset", "plain http", "no certificate", "cut", "no_shared_cipher"]
)
def test_every_way_to_fail_is_said_in_words(error: str) -> None:
    """Not only by its name."""
    connection = Connection(number=7, at=AT, peer="127.0.0.1:50114")
    connection.error = error
    told = connection_line(connection).partition("TLS handshake failed: ")[2]
    assert len(told) > len(error) + 10


def test_an_error_that_nobody_knows_is_shown_as_it_is() -> None:
    """OpenSSL has more of them than any table."""
    connection = Connection(number=7, at=AT, peer="x")
    connection.error = "tlsv1_alert_from_the_future"
    assert connection_line(connection).endswith("TLS handshake failed: tlsv1 alert from the future")
    assert connection_json(connection)["alert"] is None


def test_a_connection_that_went_well() -> None:
    """Its version, how much it carried, and who closed it."""
    connection = Connection(number=8, at=AT, peer="[::1]:50114", tls="TLSv1.3")
    connection.exchanges = 3
    connection.closed_by = "client"
    assert connection_line(connection).endswith(
        "from [::1]:50114: TLSv1.3, 3 exchanges, closed by the client"
    )
    assert connection_json(connection) == {
        "number": 8,
        "epoch": 0,
        "at": "2026-01-01T00:00:00.000Z",
        "peer": "[::1]:50114",
        "tls": "TLSv1.3",
        "error": None,
        "alert": None,
        "exchanges": 3,
        "rule": None,
        "closed_by": "client",
        "closed_at": None,
    }


# ---- HAR ----

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
PAIRS = {
    "type": "array",
    "items": {"type": "object", "required": ["name", "value"], "properties": {"name": TEXT, "value": TEXT}},
}
HAR = {
    "type": "object",
    "required": ["log"],
    "properties": {
        "log": {
            "type": "object",
            "required": ["version", "creator", "entries"],
            "properties": {
                "version": {"const": "1.2"},
                "creator": {"type": "object", "required": ["name", "version"]},
                "entries": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["startedDateTime", "time", "request", "response", "cache", "timings"],
                        "properties": {
                            "startedDateTime": {
                                "type": "string",
                                "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$",
                            },
                            "time": {"type": "number", "minimum": 0},
                            "cache": {"type": "object"},
                            "connection": TEXT,
                            "timings": {
                                "type": "object",
                                "required": ["send", "wait", "receive"],
                                "additionalProperties": {"type": "number", "minimum": 0},
                            },
                            "request": {
                                "type": "object",
                                "required": [
                                    *["method", "url", "httpVersion", "cookies", "headers", "queryString"],
                                    *["headersSize", "bodySize"],
                                ],
                                "properties": {
                                    "method": TEXT,
                                    "url": {"type": "string", "pattern": "^https?://"},
                                    "httpVersion": TEXT,
                                    "cookies": {"type": "array"},
                                    "headers": PAIRS,
                                    "queryString": PAIRS,
                                    "headersSize": {"type": "integer"},
                                    "bodySize": {"type": "integer"},
                                    "postData": {
                                        "type": "object",
                                        "required": ["mimeType", "params", "text"],
                                        "properties": {
                                            "mimeType": TEXT,
                                            "text": TEXT,
                                            "params": {"type": "array"},
                                        },
                                    },
                                },
                            },
                            "response": {
                                "type": "object",
                                "required": [
                                    *["status", "statusText", "httpVersion", "cookies", "headers", "content"],
                                    *["redirectURL", "headersSize", "bodySize"],
                                ],
                                "properties": {
                                    "status": {"type": "integer"},
                                    "statusText": TEXT,
                                    "headers": PAIRS,
                                    "content": {
                                        "type": "object",
                                        "required": ["size", "mimeType"],
                                        "properties": {
                                            "size": {"type": "integer"},
                                            "mimeType": TEXT,
                                            "text": TEXT,
                                        },
                                    },
                                    "redirectURL": TEXT,
                                    "headersSize": {"type": "integer"},
                                    "bodySize": {"type": "integer"},
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}


def test_the_journal_as_har_is_valid_har(add: Add, journal: Journal) -> None:
    """HAR 1.2 (Odvarko, HTTP Archive 1.2 Spec): what browsers and proxies read; whatever was journalled."""
    add(scheme="http")
    add(
        method="POST",
        target=f"{BASE}/Users",
        body=b'{"a":1}',
        headers=[("Content-Type", "application/json")],
        status=201,
    )
    add(method="POST", target="*", body=b"\xff", headers=[], status=None, answer_body=None, took=None)
    add(
        target="http://other/x",
        headers=[("Host", "")],
        answer_body=None,
        streamed=10,
        status=302,
        answer_headers=[("Location", "/y")],
    )
    add(answer_body=b"\xff\xfe", answer_headers=(), status=299)
    document = har(journal.entries())
    jsonschema.validate(document, HAR)
    log = document["log"]
    assert isinstance(log, dict)
    first, second, third, fourth, fifth = log["entries"]
    assert first["request"]["url"] == f"http://localhost:8585{BASE}/Users?filter=ContosoLogin+eq+%22bob%22"
    assert first["request"]["queryString"] == [{"name": "filter", "value": 'ContosoLogin eq "bob"'}]
    assert first["response"]["content"]["text"] == '{"totalResults":0}'
    assert first["_mockhost"]["operation"] == "find_users"
    assert second["request"]["postData"] == {"mimeType": "application/json", "params": [], "text": '{"a":1}'}
    assert (second["response"]["status"], second["response"]["statusText"]) == (201, "Created")
    assert (third["response"]["status"], third["request"]["postData"]["text"]) == (0, "/w==")
    assert (fourth["response"]["redirectURL"], fourth["response"]["content"]["size"]) == ("/y", 10)
    assert fifth["response"]["content"]["encoding"] == "base64"


# ---- curl ----


def test_a_curl_line_has_a_place_for_the_token(add: Add) -> None:
    """As a shell variable, and nothing else of the credential."""
    assert curl(add()) == (
        f"curl -k 'https://localhost:8585{BASE}/Users?filter=ContosoLogin+eq+%22bob%22' "
        '-H "Authorization: Bearer $TOKEN"'
    )


def test_a_curl_line_can_verify_the_certificate(add: Add) -> None:
    """When it is said by what."""
    assert "--cacert '/tmp/a b.pem'" in curl(add(), ca_file="/tmp/a b.pem")


def test_a_curl_line_says_when_the_body_is_not_whole() -> None:
    """It would send something else."""
    journal = Journal(key=KEY, body_limit=4)
    exchange = make(method="POST", body=b"abcdefgh")
    journal.add(exchange)
    assert curl(exchange).endswith("--data-binary abcd  # 4 of the body's 8 bytes")


class Echo(BaseHTTPRequestHandler):
    """Notes every request and answers 204."""

    protocol_version = "HTTP/1.1"
    seen: list[Exchange]

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.requestline.split(" ")[1]
        self.seen.append(
            Exchange(
                at=AT,
                method=self.command,
                target=target,
                headers=self.headers.items(),
                body=body,
                scheme="http",
            )
        )
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[int, list[Exchange]]]:
    """A plain HTTP server; its port and the requests that it saw."""
    Echo.seen = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1], Echo.seen
        server.shutdown()
        thread.join(30)


@needs_curl
@needs("sh", "-c", "echo sh")
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"method": "DELETE", "target": f"{BASE}/Users/CN%3Dbob%2COBJECT%3DUSER"},
        {"target": f'{BASE}/Users?filter=emails[type eq "work"].value'.replace(" ", "+")},
        {"target": f"{BASE}/Users/../Users/{{x}}?a=[1-3]"},
        {"target": f"{BASE}/Users?a=b#c"},
        {"target": "*", "method": "OPTIONS"},
        {"target": f"{BASE}/Users?filter=a+eq+%22J\u00c3\u00bcrgen%22"},
        {"target": f"{BASE}/Users?filter=a+eq+%22J\u00fcrgen%22+$(id)+`id`+'x'+\\"},
        {
            "method": "POST",
            "target": f"{BASE}/Users",
            "body": b'{"name": "O\'Neil $HOME `id` \\ \xc3\xbc"}\n',
        },
        {"method": "PATCH", "target": f"{BASE}/Users/1", "body": bytes(range(256))},
        {"method": "POST", "target": f"{BASE}/Users", "body": b"@/etc/passwd"},
        {"method": "GET", "target": f"{BASE}/Users", "body": b"{}"},
        {"method": "HEAD", "target": f"{BASE}/Users"},
        {
            "headers": [
                ("Host", "x"),
                ("Accept", "application/scim+json"),
                ("X-Empty", ""),
                ("X-Odd", "a'b\"c$d"),
            ]
        },
        {"headers": [("Host", "x"), ("Authorization", "secret-only")]},
    ],
)
def test_a_pasted_curl_line_sends_the_request_again(
    echo: tuple[int, list[Exchange]], journal: Journal, fields: dict[str, object]
) -> None:
    """Through a real shell and a real curl: method, target, body, and the headers that are the client's."""
    port, seen = echo
    exchange = make(**{"scheme": "http", **fields})
    exchange.headers = [(n, f"127.0.0.1:{port}" if n == "Host" else v) for n, v in exchange.headers]
    journal.add(exchange)
    seen.clear()
    environment = {"TOKEN": TOKEN, "PATH": os.environ["PATH"], "NO_PROXY": "*"}
    done = subprocess.run(
        ["sh", "-c", curl(exchange)], env=environment, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    [again] = seen
    assert (again.method, again.body) == (exchange.method, exchange.body)
    assert wire(again.target) == wire(exchange.target)
    sent = dict(again.headers)
    for name, value in exchange.headers:
        if name == "Authorization":
            assert sent[name] in (f"Bearer {TOKEN}", TOKEN)
        elif name != "Host":
            assert sent[name] == value


def wire(target: str) -> bytes:
    """The bytes, where what is no UTF-8 is sent as the UTF-8 of the same characters."""
    raw = target.encode("latin-1")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return target.encode()
    return raw
