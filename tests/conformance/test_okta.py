"""Okta's SPEC test: its document is replayed as it is, and each of its comparisons means what BlazeMeter says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from conformance import okta
from conformance.checks import FAILED, PASSED, Unavailable
from conformance.files import wanted
from conformance.target import Target


@pytest.mark.parametrize(
    ("comparison", "value", "expected", "holds"),
    [
        ("equal", True, "true", True),
        ("equal", 0, "0", True),
        ("equal", "Bob", "bob", False),
        ("equal_number", 200, "200", True),
        ("equal_number", "200", "200", True),
        ("equal_number", True, "1", False),
        ("is_less_than", 12.5, "600", True),
        ("is_less_than", 601, "600", False),
        ("is_a_number", 1, "", True),
        ("is_a_number", "one", "", False),
        ("not_empty", False, "", True),
        ("not_empty", [], "", False),
        ("not_empty", None, "", False),
        ("contains", ["urn:a", "urn:b"], "urn:b", True),
        ("has_value", ["urn:a"], "urn:a", True),
        ("has_value", {"schemas": ["urn:a"], "status": "401"}, "urn:a", True),
        ("has_value", {"schemas": ["urn:a"]}, "urn:b", False),
    ],
)
def test_comparisons(comparison: str, value: object, expected: str, holds: bool) -> None:
    """`false` is a value, an empty list is none, and a map has the values of its lists."""
    assert okta._holds(comparison, value, expected) is holds


def test_an_unknown_comparison_is_not_guessed() -> None:
    """A newer document fails loudly instead of passing by accident."""
    with pytest.raises(ValueError, match="is_odd"):
        okta._holds("is_odd", 1, "")


@pytest.mark.parametrize(
    ("path", "value"),
    [("Resources[0].name.familyName", "Body"), ("Resources[1].id", okta.MISSING), ("", {"Resources": [1]})],
)
def test_paths(path: str, value: object) -> None:
    """Dots and indexes lead to a value; what is not there is told from null."""
    document = {"Resources": [{"name": {"familyName": "Body"}}]} if path else value
    found = okta._at(document, path)
    assert found is value if value is okta.MISSING else found == value


STEPS = [
    {"step_type": "pause", "duration": 5},
    {
        "step_type": "request",
        "note": "Keep the id ",
        "headers": {"Authorization": ["{{auth}}"]},
        "method": "GET",
        "url": '{{SCIMBaseURL}}/Users?filter=userName eq "{{randomEmail}}"',
        "assertions": [{"comparison": "equal_number", "source": "response_status", "value": "200"}],
        "variables": [{"source": "response_json", "name": "kept", "property": "Resources[0].id"}],
        "scripts": [""],
    },
    {
        "step_type": "request",
        "note": "Ask for it",
        "headers": {"Authorization": ["non-token"]},
        "method": "GET",
        "url": "{{SCIMBaseURL}}/Users/{{kept}}",
        "assertions": [
            {"comparison": "equal", "source": "response_json", "value": "{{kept}}", "property": "id"}
        ],
        "variables": [],
        "scripts": [],
    },
]


@pytest.fixture
def endpoint() -> Iterator[tuple[Target, list[tuple[str, str]]]]:
    """A server that has one resource, and what it was asked: (target, Authorization)."""
    asked: list[tuple[str, str]] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            answer = {"Resources": [{"id": "42"}]} if "filter" in self.path else {"id": "other"}
            self._send(200, answer)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._send(201, {})

        def _send(self, status: int, answer: Any) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Target(f"http://127.0.0.1:{server.server_port}/scim", "secret", None), asked
        finally:
            server.shutdown()
            thread.join()


def test_a_document_is_replayed(
    endpoint: tuple[Target, list[tuple[str, str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables go from one answer into the next request, headers are the document's, blanks are encoded."""
    (tmp_path / okta.FILE).write_text(json.dumps({"steps": STEPS}), "utf-8")
    monkeypatch.setenv("CONFORMANCE_FILES", str(tmp_path))
    target, asked = endpoint
    checks = okta.run(target, tmp_path)
    assert [check.verdict for check in checks] == [PASSED, FAILED]
    assert checks[1].reason == 'id was "other"'
    assert asked[0][0].startswith("/scim/Users?filter=userName%20eq%20%22spec.")
    assert [authorization for _, authorization in asked] == ["Bearer secret", "non-token"]
    assert asked[1][0] == "/scim/Users/42"


def test_a_missing_file_says_where_it_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of others are not in the repository; without them the suite is reported as not run."""
    monkeypatch.setenv("CONFORMANCE_FILES", str(tmp_path))
    with pytest.raises(Unavailable, match="okta/okta-developer-docs"):
        wanted(okta.FILE)
