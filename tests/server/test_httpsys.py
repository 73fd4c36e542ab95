"""http.sys' own answers, held against public captures to the byte."""

from __future__ import annotations

import pytest

from mockhost.server.httpsys import REASONS, REFUSALS, Refusal, arrange, page, render

DATE = "Fri, 09 Oct 2015 21:53:42 GMT"


def test_invalid_verb_is_the_captured_answer() -> None:
    """As telnet and nmap show it: order of headers, CRLF, the document type's missing blank, the length."""
    assert render(REFUSALS["verb"], DATE) == (
        b"HTTP/1.1 400 Bad Request\r\n"
        b"Content-Type: text/html; charset=us-ascii\r\n"
        b"Server: Microsoft-HTTPAPI/2.0\r\n"
        b"Date: Fri, 09 Oct 2015 21:53:42 GMT\r\n"
        b"Connection: close\r\n"
        b"Content-Length: 326\r\n"
        b"\r\n"
        b'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">\r\n'
        b"<HTML><HEAD><TITLE>Bad Request</TITLE>\r\n"
        b'<META HTTP-EQUIV="Content-Type" Content="text/html; charset=us-ascii"></HEAD>\r\n'
        b"<BODY><h2>Bad Request - Invalid Verb</h2>\r\n"
        b"<hr><p>HTTP Error 400. The request verb is invalid.</p>\r\n"
        b"</BODY></HTML>\r\n"
    )


@pytest.mark.parametrize(
    ("kind", "status", "length", "httperr"),
    [
        ("verb", 400, 326, "Verb"),
        ("hostname", 400, 334, "Hostname"),
        ("url", 400, 324, "URL"),
        ("request_length", 400, 346, "RequestLength"),
        ("header", 400, 339, "Header"),
        ("length_required", 411, 344, "LengthRequired"),
        ("url_length", 414, 329, "URL_Length"),
        ("not_found", 404, 315, "NotFound"),
        ("unavailable", 503, 326, "N/A"),
    ],
)
def test_pages_have_the_lengths_of_the_captures(kind: str, status: int, length: int, httperr: str) -> None:
    """One template gives every length that was seen in public."""
    refusal = REFUSALS[kind]
    assert (refusal.status, len(page(refusal)), refusal.httperr) == (status, length, httperr)


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=lambda refusal: refusal.name)
def test_every_refusal_is_an_answer_that_ends_the_connection(refusal: Refusal) -> None:
    """With a length that is true, and evidence that says how sure it is."""
    head, _, body = render(refusal, DATE).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {refusal.status} {refusal.reason}\r\n".encode())
    assert head.endswith(b"Connection: close\r\nContent-Length: %d" % len(body))
    assert f"HTTP Error {refusal.status}. ".encode() in body
    assert refusal.evidence in ("documented", "inferred", "assumed")


def test_known_headers_come_in_http_sys_order() -> None:
    """As in captures of Azure's services and of WinRM: known ones, unknown ones as given, Date, Connection."""
    given = [
        ("x-ms-b", "2"),
        ("WWW-Authenticate", "Negotiate"),
        ("WWW-Authenticate", "Kerberos"),
        ("Connection", "close"),
        ("content-type", "application/json"),
        ("x-ms-a", "1"),
        ("Content-Location", "/x"),
        ("Pragma", "no-cache"),
        ("Transfer-Encoding", "chunked"),
        ("Cache-Control", "no-store"),
    ]
    assert [name for _, name, _ in arrange(given, DATE)] == [
        *("Cache-Control", "Pragma", "Transfer-Encoding", "content-type", "Content-Location", "Server"),
        *("WWW-Authenticate", "WWW-Authenticate", "x-ms-b", "x-ms-a", "Date", "Connection"),
    ]
    assert [value for _, name, value in arrange(given, DATE) if name == "WWW-Authenticate"] == [
        "Negotiate",
        "Kerberos",
    ]


def test_server_and_date_are_filled_in_unless_given() -> None:
    """A scenario's literal reply may say otherwise."""
    assert [pair[1:] for pair in arrange([], DATE)] == [("Server", "Microsoft-HTTPAPI/2.0"), ("Date", DATE)]
    own = [("Date", "now"), ("SERVER", "other")]
    assert [pair[1:] for pair in arrange(own, DATE)] == [("SERVER", "other"), ("Date", "now")]


def test_reason_phrases_are_those_of_dotnet() -> None:
    """Which spells some of them its own way, and knows nothing after RFC 2616 but WebDAV's."""
    assert REASONS[405] == "Method Not Allowed"
    assert REASONS[414] == "Request-Uri Too Long"
    assert REASONS[505] == "Http Version Not Supported"
    assert 429 not in REASONS
