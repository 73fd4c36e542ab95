"""What `requests` and curl report of each fault of the transport is what its documentation says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from mockhost.clock import VirtualClock
from mockhost.plans import SERVE
from mockhost.server.listener import Listener, TlsOffer
from mockhost.tls.authority import Authority
from mockhost.tls.config import TlsConfig
from mockhost.tls.serving import Certificates
from tests.faults.transport.conftest import BODY, Faulty, chosen
from tests.faults.transport.test_on_the_wire import CASES, OURS, Case, said
from tests.machine import needs_curl_with_openssl
from tests.server.conftest import Serve

AS_DOCUMENTED = [Case(name, None, "") for name in sorted(OURS - {"raw_bytes"})]
"""Every fault as its bare name says it, beside the cases of the wire."""


@pytest.fixture(scope="module")
def trusted() -> Iterator[Certificates]:
    """The certificate of a host, and the bundle that clients are given."""
    certificates = Certificates(Authority(), VirtualClock("frozen"))
    certificates.configure(TlsConfig())
    yield certificates
    certificates.close()


@pytest.fixture(params=["http", "https"])
def start(request: pytest.FixtureRequest, serve: Serve, trusted: Certificates) -> Callable[[Case], str]:
    """`start(case)`: the URL of a host that meets all connections, or answers on that URL, with the fault."""

    def url(case: Case) -> str:
        fault, parameters = chosen(case.said)
        connection = fault.connection

        def offered(_: TlsConfig | None) -> TlsOffer:
            return TlsOffer(*trusted.offer())

        def plan(_: Any) -> Any:
            return connection(parameters) if connection else SERVE

        listener: Listener = serve(
            Faulty(case.said), tls=offered if request.param == "https" else None, plan=plan
        )
        return f"{request.param}://localhost:{listener.port}/faulty"

    return url


def alternatives(text: str) -> list[tuple[str, str]]:
    """`ReadTimeout: Read timed out or 200` -> [(ReadTimeout, Read timed out), (200, "")]."""
    return [(one.partition(":")[0], one.partition(":")[2].strip()) for one in text.split(" or ")]


def waits(case: Case) -> float:
    """How long a client waits: not for ever where nothing will come."""
    plan_hangs = chosen(case.said).fault.name == "silent" or (
        chosen(case.said).fault.name == "hang" and case.ends != "keep"
    )
    return 0.3 if plan_hangs else 30.0


CASES_OF_CLIENTS = [*(case for case in CASES if case.documented), *AS_DOCUMENTED]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES_OF_CLIENTS, ids=said)
def test_what_requests_reports(start: Callable[[Case], str], trusted: Certificates, case: Case) -> None:
    """The exception's class and words, or the whole answer."""
    seen = chosen(case.said).fault.seen.requests
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.get(start(case), verify=str(trusted.bundle_file), timeout=waits(case))
        except requests.RequestException as error:
            got, words = type(error).__name__, str(error)
        else:
            got, words = str(answer.status_code), ""
            assert answer.content == (BODY if case.body is None else case.body)
    whole = got == "200" and case.ends in ("keep", "rst") and case.body == BODY
    assert whole or any(got == kind and text in words for kind, text in alternatives(seen)), f"{got}: {words}"


@pytest.mark.slow
@needs_curl_with_openssl
@pytest.mark.parametrize("case", CASES_OF_CLIENTS, ids=said)
def test_what_curl_reports(start: Callable[[Case], str], trusted: Certificates, case: Case) -> None:
    """Its exit code and words, or the status."""
    seen = chosen(case.said).fault.seen.curl
    command = ["curl", "--silent", "--show-error", "--ipv4", "--noproxy", "*", "--max-time", f"{waits(case)}"]
    command += ["--cacert", str(trusted.bundle_file), "--output", "-", "--write-out", "\n%{http_code}"]
    done = subprocess.run([*command, start(case)], capture_output=True, check=False)
    printed = done.stderr.decode() + done.stdout.decode("latin-1").rpartition("\n")[2]
    known = [re.fullmatch(r"\((\d+)\) (.*)", one) for one in seen.split(" or ")]
    assert all(known), f"{seen!r} does not name exit codes"
    whole = done.returncode == 0 and case.body == BODY
    told = [(int(one[1]), numberless(one[2])) for one in known if one]
    assert whole or any(done.returncode == code and words in numberless(printed) for code, words in told), (
        f"({done.returncode}) {printed}"
    )


def numberless(text: str) -> str:
    """How many bytes or milliseconds is no matter."""
    return re.sub(r"\d+", "N", text)
