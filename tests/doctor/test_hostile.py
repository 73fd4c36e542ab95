"""Targets, files and terminals that are out to break the doctor: it ends, prints no secret, and says what it saw."""

from __future__ import annotations

import html
import itertools
import json
import socket
import ssl
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost import MockHost
from mockhost.cli import diagnose as diagnosing
from mockhost.client import peer
from mockhost.client.control import BoundedControlPlane
from mockhost.client.printing import hider
from mockhost.clock import monotonic
from mockhost.doctor import patient
from mockhost.doctor.patient import Patient
from mockhost.errors import CannotRun
from tests.cli.conftest import Invoke
from tests.client.conftest import Peers, Presented
from tests.client.peers import Line, Script
from tests.doctor.conftest import Examine
from tests.doctor.test_targets import PATH, SECRET, answer, host, says

TOKEN = 's3cret:;<=>?@`"\\-token'
"""With every character that Microsoft's generator uses."""


# -- answers that take long, or are made to ------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["401 Unauthorized", "500 Internal Server Error"])
@pytest.mark.parametrize(
    "body",
    [b"\n" * 3_000_000, b" \n" * 1_500_000, b"<title" * 500_000, b"\\n at a" * 400_000, b"at a." * 600_000],
)
def test_a_body_that_is_made_for_patterns_to_take_long(
    peers: Peers, examined: Examine, body: bytes, status: str
) -> None:
    found = examined(f"{peers(says(answer(body, status, kind='text/plain'))).url}{PATH}", SECRET)
    assert not [each for each in found.values() if each.status == "error"]
    assert found["EMH0301"].status == "pass"


@pytest.mark.parametrize(
    ("first", "more", "words"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "more than 100 informational answers"),
        (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", ""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", "not whole"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n", "not whole"),
    ],
)
def test_an_answer_without_an_end(
    peers: Peers, examined: Examine, first: bytes, more: bytes, words: str
) -> None:
    def endless(line: Line) -> None:
        line.read_request()
        line.send(first)
        while not line.done.is_set():
            line.send(more * 1_000)

    found = examined(f"{peers(endless).url}{PATH}", SECRET, timeout=0.5)
    assert found["EMH0301"].status == "fail"
    assert words in found["EMH0301"].saw


def test_informational_answers_that_come_slowly(peers: Peers, examined: Examine) -> None:
    """Too few of them to be too many: the time ends it."""

    def endless(line: Line) -> None:
        line.read_request()
        while not line.done.wait(0.05):
            line.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    found = examined(f"{peers(endless).url}{PATH}", SECRET, timeout=0.5)
    assert found["EMH0301"].status == "fail"
    assert "not all of it came" in found["EMH0301"].saw


def test_what_has_no_time_left_is_skipped_and_not_blamed_on_the_host(peers: Peers, examined: Examine) -> None:
    """The host answered before; that it needs longer than the rest of the examination is no finding."""
    count = itertools.count()

    def slows_down(line: Line) -> None:
        line.read_request()
        if next(count) >= 2:
            line.hang()
        line.send(answer({}, "401 Unauthorized"))

    found = examined(f"{peers(slows_down).url}{PATH}", SECRET, timeout=60.0, limit=2.0)
    assert found["EMH0301"].status == "pass"
    assert [each.saw for each in found.values() if each.status in ("fail", "error")] == []
    assert found["EMH0305"].saw == "no time is left"


def test_a_control_plane_that_drips_ends_at_the_deadline(peers: Peers) -> None:
    def drips(line: Line) -> None:
        line.read_request()
        line.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n")
        while not line.done.wait(0.05):
            line.send(b" ")

    plane = BoundedControlPlane(peers(drips).url, timeout=60.0, deadline=monotonic() + 0.5)
    with pytest.raises(CannotRun, match="no control plane answers"):
        plane.call("get_host")


@pytest.mark.parametrize("document", [{}, [], 5, {"service": 5}, {"connectors": []}, "text"])
def test_what_is_no_control_plane(peers: Peers, invoke: Invoke, document: object) -> None:
    url = peers(says(answer(document, kind="application/json"))).url
    result = invoke("doctor", f"{url}{PATH}", "--control", url, "--format", "json")
    rows = [row for row in json.loads(result.stdout)["checks"] if row["code"].startswith("EMH06")]
    assert {row["status"] for row in rows} <= {"fail", "info"}
    assert rows[0]["saw"] == "what answers is not a control plane of mockhost: is --control right?"


@pytest.mark.parametrize(
    "url", ["http://u:hunter2@[::1", "ftp://u:hunter2@x", "http://u:hunter2@localhost:1"]
)
def test_the_url_of_a_control_plane_is_shown_without_its_password(invoke: Invoke, url: str) -> None:
    result = invoke("doctor", f"http://localhost:1{PATH}", "--control", url)
    assert result.exit_code in (1, 2)
    assert "hunter2" not in result.output
    assert "bug" not in result.output


# -- secrets and escapes -------------------------------------------------------------------------------------------

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": json.dumps,
    ".NET's JSON": lambda text: "".join(c if c.isalnum() else f"\\u{ord(c):04X}" for c in text),
    "HTML": html.escape,
    "HTML by number": lambda text: "".join(c if c.isalnum() else f"&#x{ord(c):x};" for c in text),
    "URL": lambda text: urllib.parse.quote(text, safe=""),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("verb", ["doctor", "test-connection", "calibrate"])
def test_a_token_that_the_server_sends_back_is_not_printed(
    peers: Peers, invoke: Invoke, verb: str, form: str
) -> None:
    written = FORMS[form](TOKEN)

    def script(line: Line) -> None:
        let_in = TOKEN.encode() in line.read_request()
        text = f"{written} is what you sent"
        status = f"500 {written}" if let_in else "401 Unauthorized"
        line.send(answer(text.encode(), status, f"Server: {written}", kind="text/plain"))

    url = f"{peers(script).url}{PATH}"
    forms = (
        ("text", "json", "junit") if verb == "doctor" else ("text", "json") if verb != "calibrate" else ("",)
    )
    for each in forms:
        words = ("--format", each) if each else ()
        result = invoke(verb, url, "--secret-token", TOKEN, *words)
        for known in (TOKEN, written, html.escape(written), json.dumps(TOKEN)[1:-1]):
            assert known not in result.output
        assert "s3cret" not in result.output


def test_a_token_with_a_line_break_is_not_quoted(invoke: Invoke) -> None:
    for verb in ("doctor", "test-connection", "calibrate"):
        result = invoke(verb, f"http://localhost:1{PATH}", "--secret-token", "hunter2-hunter2\n")
        assert "hunter2" not in result.output


@pytest.mark.parametrize("verb", ["doctor", "calibrate"])
def test_a_token_in_the_url_is_not_printed(invoke: Invoke, verb: str) -> None:
    for url in (
        f"http://localhost:1{PATH}?token=hunter2",
        f"http://localhost:1{PATH}#hunter2",
        "me:hunter2@localhost",
    ):
        assert "hunter2" not in invoke(verb, url, "--secret-token", "x").output


@settings(max_examples=40)
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=5, max_size=40),
    st.sampled_from(list(FORMS)),
)
def test_a_secret_is_hidden_in_each_form(secret: str, form: str) -> None:
    assert hider(secret)(f"« {FORMS[form](secret)} »").strip('« "»') == "(hidden)"


ESCAPES = "\x1b[31mred\x1b[8m\x1b]0;title\x07\x7f\u202e"


@pytest.mark.parametrize(
    "script",
    [
        says(
            answer(
                f"<html><title>{ESCAPES}</title>".encode(),
                "200 \x1b[2JOK",
                f"Server: \x1b[31m{1}",
                kind="text/html",
            )
        ),
        says(
            answer(ESCAPES.encode(), "401 \x1b[2J\x1b[31mNo", "Server: \x1b[31mx\x07", "Location: \x1b[31m")
        ),
        says(answer(ESCAPES.encode(), "302 \x1b[31mNo", "Location: \x1b[31mx\x07")),
        lambda line: line.send(f"{ESCAPES}\r\n".encode()),
        says(answer({"detail": ESCAPES}, "500 \x1b[31mNo")),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "junit"])
def test_no_escape_of_the_peer_reaches_the_terminal(
    peers: Peers, invoke: Invoke, script: Script, form: str
) -> None:
    url = f"{peers(script).url}{PATH}"
    result = invoke("doctor", url, "--secret-token", SECRET, "-v", "--format", form, env={"FORCE_COLOR": "1"})
    text = result.stdout
    for ours in ("0", "1", "2", "31", "32", "33", "31;1", "32;1", "33;1"):
        text = text.replace(f"\x1b[{ours}m", "")
    assert [c for c in text if not c.isprintable() and c != "\n"] == []
    plain = invoke(
        "doctor", url, "--secret-token", SECRET, "-v", "--format", form, env={"NO_COLOR": "1"}
    ).stdout
    assert "\x1b" not in plain
    assert ("\x1b[31m" in result.stdout) <= (form == "text")
    if form == "json":
        assert json.loads(result.stdout)["checks"]
    if form == "junit":
        assert len(list(ET.fromstring(result.stdout)[0])) > 10


@pytest.mark.parametrize("columns", [1, 13, 20, 40, 80])
def test_narrow_terminals(peers: Peers, invoke: Invoke, columns: int) -> None:
    url = f"{peers(says(answer({}, '404 Not Found'))).url}{PATH}"
    commands: list[tuple[str, ...]] = [("doctor", url, "-v"), ("explain", "EMH0305"), ("diagnose", "-")]
    for words in commands:
        result = invoke(
            *words, env={"COLUMNS": str(columns)}, input="Invalid LDAP style of object's DN. DN: a@b.example"
        )
        assert result.exit_code in (0, 1), result.output
        lines = [
            line for line in result.stdout.splitlines() if "http" not in line and "documented/" not in line
        ]
        assert max(map(len, lines)) <= max(columns, 60)  # words stay whole


# -- TLS -----------------------------------------------------------------------------------------------------------


def test_a_server_that_resets_every_second_connection_is_not_called_trusted(
    peers: Peers, present: Callable[..., Presented], examined: Examine
) -> None:
    presented = present()
    count = itertools.count()
    assert presented.context is not None
    context: ssl.SSLContext = presented.context

    def every_second(line: Line) -> None:
        if next(count) % 2:
            line.reset()
        else:
            line.sock = context.wrap_socket(line.sock, server_side=True)
            host(line)

    target = peers(lambda line: None, early=every_second)
    found = examined(f"https://localhost:{target.port}{PATH}", SECRET, presented.ca_file)
    assert found["EMH0202"].status == "fail"
    assert "second handshake failed" in found["EMH0202"].saw
    assert not [request for request in target.requests if SECRET.encode() in request]


def test_a_file_without_certificates_is_named_and_nothing_else_is_blamed_on_it(
    peers: Peers, present: Callable[..., Presented], examined: Examine, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing", "ascii")
    target = peers(host, context=present().context)
    found = examined(f"{target.url}{PATH}", SECRET, str(file))
    assert (
        found["EMH0202"].saw
        == f"{file} can't be used as trusted certificates: it holds no certificates in PEM form"
    )


def test_a_broken_connection_is_not_blamed_on_the_file(
    peers: Peers, present: Callable[..., Presented], examined: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mockhost.client.wire import Tls

    presented = present()

    def breaks(tls: Tls) -> bool:
        raise OSError(113, "No route to host")

    monkeypatch.setattr(Tls, "handshake", breaks)
    patient = Patient(
        f"{peers(host, context=presented.context).url}{PATH}",
        SECRET,
        presented.ca_file,
        timeout=5,
        deadline=monotonic() + 9,
    )
    assert patient.probe().error == "the connection broke: No route to host"


def test_a_short_key_is_a_finding_of_its_own(peers: Peers, examined: Examine, tmp_path: Path) -> None:
    """The chain is right, so only the key is at fault; and no token is sent, as OpenSSL refuses such a key."""
    pem, context = weak(tmp_path)
    target = peers(host, context=context)
    found = examined(f"{target.url}{PATH}", SECRET, str(pem))
    assert (found["EMH0201"].status, found["EMH0202"].status) == ("pass", "pass")
    assert found["EMH0205"] == ("fail", "its key is short: RSA 1024", "")
    assert [code for code, each in found.items() if each.status == "fail"] == ["EMH0205"]


def weak(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate with a short key, and a server's context that has it."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from mockhost.clock import wall_now

    key = rsa.generate_private_key(65_537, 1_024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.fromtimestamp(wall_now(), datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(1))
        .not_valid_after(now + datetime.timedelta(90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "weak.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = folder / "weak.key"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(pem, private)
    return pem, context


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (b"\x15\x03\x03\x00\x02\x02\x46", "only TLS 1.1 or older"),  # protocol_version
        (b"\x15\x03\x03\x00\x02\x02\x28", "no cipher in common"),  # handshake_failure
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "plain HTTP"),
        (b"\x16\x03\x03\x00\x7a\x02", "closed at the handshake"),
        (b"\x16\x03\x03\x00\x7a" + bytes(0x7A), "handshake"),
    ],
)
def test_a_handshake_that_fails(peers: Peers, examined: Examine, first: bytes, words: str) -> None:
    def script(line: Line) -> None:
        line.sock.recv(4_096)
        line.send(first)
        line.sock.shutdown(socket.SHUT_WR)

    found = examined(f"https://localhost:{peers(script).port}{PATH}", SECRET, timeout=5.0)
    assert found["EMH0201"].status == "fail"
    assert words in found["EMH0201"].saw


def test_many_names_are_cut(present: Callable[..., Presented]) -> None:
    facts = peer.Facts(0.0, 1e12, tuple(f"{'n' * 90}{i}.example" for i in range(900)))
    status, saw = patient.judge_name(facts, "localhost")
    assert status == "fail"
    assert "and 896 more" in saw
    assert len(saw) < 400


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A certificate in DER form."""
    pem, _ = weak(tmp_path_factory.mktemp("sound"))
    return ssl.PEM_cert_to_DER_cert(pem.read_text("ascii"))


@settings(max_examples=100)
@given(st.data())
def test_a_certificate_with_wrong_bytes_never_breaks(sound: bytes, data: st.DataObject) -> None:
    der = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 6))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(der))) if data.draw(st.booleans()) else len(der)
    judged = patient.judge_certificate(bytes(der[:cut]), "localhost")
    assert judged is None or {status for status, _ in judged} <= {"pass", "warn", "fail"}


# -- writing -------------------------------------------------------------------------------------------------------


def test_a_create_whose_answer_is_lost_leaves_no_user(examined: Examine) -> None:
    rules = [{"when": {"operation": "create_user"}, "fault": "connection_reset", "write": "applied"}]
    with MockHost("basics/healthy", rules=rules) as mock:
        target = mock.clients()["SQL"]
        before = mock.call("get_objects", name="SQL", count=1_000)
        found = examined(target.url, target.secret_token, target.ca_file, write=True)
        assert found["EMH0501"].status == "fail"
        assert "created all the same, and is deleted again" in found["EMH0501"].saw
        assert mock.call("get_objects", name="SQL", count=1_000) == before


def test_no_user_is_created_that_could_not_be_deleted_in_time(examined: Examine) -> None:
    with MockHost("basics/healthy") as mock:
        target = mock.clients()["SQL"]
        found = examined(target.url, target.secret_token, target.ca_file, write=True, limit=14.0)
        assert found["EMH0501"].status == "skip"
        assert {each.method for each in mock.journal} == {"GET"}


# -- what is given to diagnose -------------------------------------------------------------------------------------

ERROR = "Invalid LDAP style of object's DN. DN: lisa@fabrikam.example"
HAR_LARGE = [{"response": {"status": 200, "content": {"text": "x" * 1_000}}}] * 200
HAR_ERROR = {"response": {"status": 500, "content": {"text": ERROR}}}


@pytest.mark.parametrize(
    "data",
    [
        b"ElfFile\0" + bytes(range(256)) * 16 + ERROR.encode("utf-16-le") + bytes(range(256)),
        b"ElfFile\0" + ERROR.encode("utf-16-le"),
        f"<Events><Event><EventData><Data>{ERROR}</Data></EventData></Event><Event><Dat".encode(),
        f"<Event><EventData><Data>{ERROR}{' padding' * 900}</Data></EventData></Event>".encode(),
        json.dumps({"log": {"entries": [*HAR_LARGE, HAR_ERROR]}}).encode(),
        json.dumps({"log": {"entries": [HAR_ERROR]}})[:-4].encode(),  # cut off
        json.dumps([{"description": "x" * 5_000}, {"errorDescription": ERROR}]).encode(),
        b"".join(b"10:00:%02d INFO all is well\n" % (i % 60) for i in range(6_000)) + ERROR.encode(),
    ],
    ids=["evtx", "evtx-cut", "xml-cut", "long-event", "large-har", "har-cut", "one-line", "end-of-a-log"],
)
def test_the_error_in_a_large_or_broken_file_is_found(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(diagnosing, "LIMIT", 1 << 16)
    file = tmp_path / "file"
    file.write_bytes(data)
    result = invoke("diagnose", str(file))
    assert result.exit_code == 0
    assert "Invalid LDAP style" in result.stdout.splitlines()[0] or "documented/dn_" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        b"<Data" * 1_500_000,
        b"<Data>" * 1_000_000,
        (b"<Data " + b"x" * 500) * 15_000,
        b'"' * 8_000_000,
        b'error "' + b'\\"' * 4_000_000,
        b'{"log":' + b"[" * 5_000_000,
        b'{"log":{"entries":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b"\0" * 30_000_000,
        b"ElfFile\0" + b"a" * 5_000_000,
        b"\n" * 8_000_000,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_files_that_are_made_to_take_long(tmp_path: Path, invoke: Invoke, data: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    result = invoke("diagnose", str(file))
    assert result.exit_code in (1, 2)
    assert "bug" not in result.output


def test_lines_that_differ_in_numbers_only_are_looked_up_once() -> None:
    lines = [f"2026-11-29 10:00:{n:02} ERROR thing {n} failed" for n in range(60)]
    assert len(list(diagnosing.pieces("\n".join([*lines, f"ERROR {ERROR}"])))) <= 8


def test_escapes_of_a_pasted_text_are_not_printed(invoke: Invoke) -> None:
    result = invoke("diagnose", "-", input=f"\x1b[31m{ERROR}\x1b[2J\x9b", env={"FORCE_COLOR": "1"})
    assert result.exit_code == 0
    assert "\x1b[31m" not in result.stdout
    assert "\x1b[2J" not in result.stdout
    json.loads(invoke("diagnose", "-", "--format", "json", input=f"\x1b[31m{ERROR}\x7f\x9b").stdout)
