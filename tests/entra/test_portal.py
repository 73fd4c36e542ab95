"""The portal's words for what a probe met: published ones with their source, and none that are not published."""

from __future__ import annotations

import json

import pytest

from mockhost.client.observation import ENDS, Observation
from mockhost.entra import portal
from mockhost.scim.messages import LIST_RESPONSE
from tests.client.conftest import Peers
from tests.client.peers import answer

URL = "https://localhost:8585/ecma2host_SQL/scim"
TARGET = "/ecma2host_SQL/scim/Users?filter=PLACEHOLDER+eq+%228646d011%22"
FAILURE = "SystemForCrossDomainIdentityManagementCredentialValidationFailure"
UNAVAILABLE = "SystemForCrossDomainIdentityManagementCredentialValidationUnavailable"
INCOMPATIBLE = "SystemForCrossDomainIdentityManagementServiceIncompatible"
IMPORTING = "The ECMA host is currently importing data from the target application"
EMPTY = json.dumps({"schemas": [LIST_RESPONSE], "totalResults": 0, "Resources": []}).encode()


def seen(
    status: int | None = None, body: bytes = b"", url: str = URL, ends: str = "keep", *also: str
) -> Observation:
    return Observation(url, "GET", TARGET, ends, also, status, body=body, complete=status is not None)


def test_an_empty_list_is_a_success() -> None:
    """The only answer that is documented as one."""
    verdict = portal.judge(seen(200, EMPTY))
    assert (verdict.ok, verdict.evidence) == (True, "documented")
    assert verdict.words == "The supplied credentials are authorized to enable provisioning"


def test_a_list_with_somebody_in_it_is_only_assumed_to_be_one() -> None:
    """The reaction to it is not published."""
    body = json.dumps({"schemas": [LIST_RESPONSE], "totalResults": 1, "Resources": [{}]}).encode()
    verdict = portal.judge(seen(200, body))
    assert (verdict.ok, verdict.evidence) == (True, "assumed")


@pytest.mark.parametrize("status", [200, 500, 403])
def test_no_part_of_the_token_is_quoted(peers: Peers, status: int) -> None:
    """Wherever the message cuts an answer that sends it back."""
    token = "canary-0123456789-canary"
    for before in range(portal._QUOTED - len(token), portal._QUOTED + 1):
        sent = answer(b"x" * before + token.encode(), f"{status} No")
        peer = peers(lambda line, sent=sent: (line.read_request(), line.send(sent)))
        _, verdict = portal.test_connection(
            f"http://127.0.0.1:{peer.port}/ecma2host_SQL/scim", token, None, timeout=5
        )
        assert not any(token[:size] in verdict.words for size in (len(token), 6))


@pytest.mark.parametrize("name", ["totalResults", "startIndex", "itemsPerPage"])
@pytest.mark.parametrize("value", [-1, "1", 1.5, True, [], {}])
def test_a_list_counts_in_numbers(name: str, value: object) -> None:
    """RFC 7644 3.4.2; what the service makes of another count is not published."""
    verdict = portal.judge(seen(200, json.dumps({**json.loads(EMPTY), name: value}).encode()))
    assert (verdict.ok, verdict.code, verdict.evidence) == (False, INCOMPATIBLE, "assumed")
    assert verdict.source.endswith(f"for a list with a wrong {name} nothing is published")


@pytest.mark.parametrize(
    "left_out", [{"startIndex": None}, {"itemsPerPage": None}, {"startIndex": 1, "itemsPerPage": 20}]
)
def test_a_list_need_not_say_where_it_starts(left_out: dict[str, object]) -> None:
    """Null is nothing (RFC 7643 2.5)."""
    assert portal.judge(seen(200, json.dumps({**json.loads(EMPTY), **left_out}).encode())).ok


@pytest.mark.parametrize("value", [None, "", {}, 5])
def test_resources_are_a_list(value: object) -> None:
    """Or are left out."""
    assert not portal.judge(seen(200, json.dumps({**json.loads(EMPTY), "Resources": value}).encode())).ok


@pytest.mark.parametrize(
    ("observation", "code", "words", "evidence"),
    [
        (seen(401, b"{}"), FAILURE, "You appear to have entered invalid credentials", "documented"),
        (seen(403), FAILURE, "Response Status Code: Forbidden", "inferred"),
        (seen(503, b'{"detail":"The ECMA host is currently importing data"}'), "", IMPORTING, "documented"),
        (seen(503, b"busy"), UNAVAILABLE, "Response Headers: Response Content: busy", "inferred"),
        (seen(500, b"boom"), UNAVAILABLE, "InternalServerError", "documented"),
        (seen(404), UNAVAILABLE, "HTTP/404 Not Found returned rather than expected 200", "inferred"),
        (seen(429), UNAVAILABLE, "Response Status Code: 429", "inferred"),
        (seen(200, b"<html>"), INCOMPATIBLE, "scim endpoint: <html>", "inferred"),
        (seen(200, b'{"totalResults":0}'), INCOMPATIBLE, "not able to deserialize", "inferred"),
        (seen(ends="tls_name"), UNAVAILABLE, portal.NOT_SENT, "documented"),
        (seen(None, b"", URL, "tls_untrusted", "tls_name"), UNAVAILABLE, portal.NOT_SENT, "documented"),
        (seen(ends="tls_expired"), UNAVAILABLE, portal.NOT_SENT, "inferred"),
        (seen(ends="refused"), UNAVAILABLE, "Response Status Code: InternalServerError", "inferred"),
        (seen(ends="rst"), UNAVAILABLE, portal.NOT_SENT, "inferred"),
        (seen(ends="no_answer_within"), "TimeOut", "(text not published)", "inferred"),
    ],
)  # fmt: skip
def test_failures(observation: Observation, code: str, words: str, evidence: str) -> None:
    """Code, words and how sure they are; every verdict has a source."""
    verdict = portal.judge(observation)
    assert (verdict.ok, verdict.code, verdict.evidence) == (False, code, evidence)
    assert words.lower() in verdict.words.lower()
    assert verdict.title == portal.TITLE
    assert verdict.source


def test_the_probe_is_quoted_as_the_portal_prints_it() -> None:
    """Without port and base path, the quotes as they are."""
    text = portal.judge(seen(ends="refused")).text
    assert 'Resource: https://localhost/Users?filter=PLACEHOLDER+eq+"8646d011" Operation: GET' in text


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost:8585/ecma2host_SQL",
        "https://localhost:8585/SQL/scim",
        "https://localhost:8585/ecma2hostSQL/scim",
        "https://localhost:8585/ecma2host_SQL/scim/Users",
        "https://localhost:8585",
        "localhost:8585/ecma2host_SQL/scim",
    ],
)
def test_a_url_of_another_shape_is_an_invalid_resource(url: str) -> None:
    """Whatever was met there, unless it was a sound answer."""
    assert portal.judge(seen(404, b"", url)).words.endswith("invalid resource")
    assert portal.judge(seen(401, b"", url)).text == "invalid resource"
    assert portal.judge(seen(200, EMPTY, url)).ok


@pytest.mark.parametrize(
    "url", [URL + "/", URL + "?aadOptscim062020", URL.replace("localhost", "host.contoso.com")]
)
def test_shapes_that_are_expected(url: str) -> None:
    """A host name, a slash at the end, a flag."""
    assert "invalid resource" not in portal.judge(seen(404, b"", url)).words


@pytest.mark.parametrize("ends", ENDS)
def test_there_is_a_verdict_on_every_ending(ends: str) -> None:
    """Without an answer, nothing is fine."""
    assert not portal.judge(seen(ends=ends)).ok


def test_test_connection_asks_once_with_the_token(peers: Peers) -> None:
    """One probe with a fresh value, and the verdict on it."""
    peer = peers(lambda line: (line.read_request(), line.send(answer(EMPTY))))
    first, verdict = portal.test_connection(f"{peer.url}/ecma2host_SQL/scim", "correct-horse", timeout=10.0)
    second, _ = portal.test_connection(f"{peer.url}/ecma2host_SQL/scim", None, attribute="userName")
    assert verdict.ok
    assert first.target != second.target
    peer.close()
    assert peer.requests[0].startswith(b"GET /ecma2host_SQL/scim/Users?filter=PLACEHOLDER+eq+%22")
    assert b"\r\nAuthorization: Bearer correct-horse\r\n" in peer.requests[0]
    assert b"Authorization" not in peer.requests[1]
    assert b"filter=userName+eq+" in peer.requests[1]
