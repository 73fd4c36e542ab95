"""What `requests`, curl and our own client report of each fault of TLS: its row in the documentation."""

from __future__ import annotations

import gc
import re
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import requests

from mockhost.client.observation import exchange
from mockhost.faults import find
from mockhost.tls import versions
from mockhost.tls.alerts import ALERTS
from tests.faults.tls.conftest import Port
from tests.machine import needs_curl_with_openssl

# `requests` leaves the socket of a handshake that was reset to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
_TIMES = 4
"""No client connects more often than that for one request."""


class Case(NamedTuple):
    """A fault as a rule says it, and what each client says of it."""

    said: object
    requests: str
    """exception: words of its text"""
    curl: str
    """(exit code) words of what it prints"""
    ours: str
    """what is true of how the exchange ended"""
    alert: str = ""

    @property
    def name(self) -> str:
        return self.said if isinstance(self.said, str) else next(iter(self.said))  # type: ignore[call-overload,no-any-return]


CASES = [
    Case(
        {"tls": "expired"}, "SSLError: certificate has expired", "(60) certificate has expired", "tls_expired"
    ),
    Case({"tls": "not_yet_valid"}, "SSLError: not yet valid", "(60) not yet valid", "tls_not_yet_valid"),
    Case(
        {"tls": "wrong_name"},
        "SSLError: Hostname mismatch",
        "(60) no alternative certificate subject name",
        "tls_name",
    ),
    Case(
        {"tls": "untrusted"},
        "SSLError: self.signed certificate",
        "(60) self.signed certificate",
        "tls_untrusted",
    ),
    Case(
        {"tls": "wrong_usage"},
        "SSLError: unsuitable certificate purpose",
        "(60) unsuitable certificate purpose",
        "tls_usage",
    ),
    Case(
        "incomplete_chain",
        "SSLError: unable to get local issuer certificate",
        "(60) unable to get local issuer certificate",
        "tls_untrusted",
    ),
    Case({"tls": "none"}, "ConnectionError: reset by peer", "(35) reset by peer", "rst"),
    Case("tls_alert", "SSLError: handshake failure", "(35) handshake failure", "alert", "handshake_failure"),
    Case(
        {"tls_alert": "internal_error"},
        "SSLError: internal error",
        "(35) internal error",
        "alert",
        "internal_error",
    ),
    Case({"tls_reset": "accept"}, "ConnectionError: reset by peer", "(35) reset by peer", "rst"),
    Case("tls_reset", "ConnectionError: reset by peer", "(35) reset by peer", "rst"),
    Case({"tls_reset": "server_hello"}, "ConnectionError: reset by peer", "(35) reset by peer", "rst"),
    Case("plain_http", "SSLError: wrong version number", "(35) wrong version number", "not_http"),
    Case(
        "old_protocol",
        "SSLError: protocol version",
        "(35) protocol version|legacy sigalg",
        "alert",
        "protocol_version",
    ),
    Case(
        "client_certificate",
        "SSLError: certificate required",
        "(56) certificate required",
        "alert",
        "certificate_required",
    ),
    Case("tls_stall", "ReadTimeout: timed out", "(28) timeout|timed out", "no_answer_within"),
    Case(
        {"tls_stall": "server_hello"},
        "ReadTimeout: timed out",
        "(28) timeout|timed out",
        "no_answer_within",
    ),
]


@pytest.fixture(autouse=True, scope="module")
def litter() -> Iterator[None]:
    """What `requests` leaves behind warns here and not in another test."""
    yield
    gc.collect()


@pytest.fixture(params=CASES, ids=lambda case: str(case.said))
def case(request: pytest.FixtureRequest, port: Port) -> Iterator[Case]:
    """A fault that the next connections meet; after it a neighbour is served as always."""
    case: Case = request.param
    if case.name == "old_protocol" and (why := versions.unspoken("1.1")):
        pytest.skip(why)
    port.meets(case.said, _TIMES)
    yield case
    port.meets(case.said, 0)
    port.is_well()


def patience(case: Case) -> float:
    """Seconds that a client waits: few for what never comes."""
    return 0.5 if case.ours == "no_answer_within" else 60.0


def documented(said: str) -> list[str]:
    """The alternatives of a row of the documentation."""
    return said.split(" or ")


@pytest.mark.slow
def test_requests(port: Port, case: Case) -> None:
    """The exception that the row names, with the reason in its text."""
    with pytest.raises(requests.RequestException) as raised:
        requests.get(port.url, verify=port.bundle, timeout=patience(case))
    name, _, words = case.requests.partition(": ")
    rows = [row.partition(":")[0] for row in documented(find(case.name).seen.requests)]
    assert {type(raised.value).__name__, name} <= set(rows)
    if type(raised.value).__name__ == name:  # Python tells some resets as an early end of TLS
        assert re.search(words, str(raised.value)), raised.value


@pytest.mark.slow
@needs_curl_with_openssl
def test_curl(port: Port, case: Case) -> None:
    """The exit code that the row names, with the reason in what it prints."""
    command = ["curl", "-sS", "--cacert", port.bundle, "--max-time", str(patience(case)), port.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    code, _, words = case.curl.partition(" ")
    rows = [row.partition(" ")[0] for row in documented(find(case.name).seen.curl)]
    if f"({done.returncode})" == code:
        assert re.search(words, done.stderr), done.stderr
        assert code in rows
    else:  # a reset at once can be there before curl looks
        assert case.said == {"tls_reset": "accept"}, done.stderr
        assert f"({done.returncode})" in rows, done.stderr


@pytest.mark.slow
def test_our_own_client(port: Port, case: Case) -> None:
    """What `gets` compares, and the row's own assertion where the fault has no parameters."""
    seen = exchange(port.url, "GET", "/", ca_file=port.bundle, timeout=patience(case))
    assert case.ours in seen.words
    assert seen.alert == case.alert
    if isinstance(case.said, str):
        gets = find(case.name).seen.gets
        assert f"ends: {case.ours}" in gets or case.ours in gets
        assert not case.alert or case.alert in gets


def test_an_alert_is_the_same_to_requests_whatever_its_name(port: Port) -> None:
    """An SSLError; the name stands in its text as far as OpenSSL has words for it."""
    for name in ALERTS:
        port.meets({"tls_alert": name}, _TIMES)
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(port.url, verify=port.bundle, timeout=60)
    port.meets("tls_alert", 0)
    port.is_well()
