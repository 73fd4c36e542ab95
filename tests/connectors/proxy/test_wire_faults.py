"""Every fault on the wire does to a proxied answer what it does to a host's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mockhost import MockHost
from mockhost.client.observation import Observation, Session

FAULTS = (
    *("connection_reset", "empty_response", "truncated_body", "malformed_chunk", "dribble", "half_close"),
    *(
        "slow_status_line",
        "close_delimited",
        "slow_close",
        "tls_alert",
        "tls_reset",
        "plain_http",
        "old_protocol",
    ),
    *(
        "content_length",
        "bad_gzip",
        "html",
        "duplicate_headers",
        "malformed_json",
        "truncated_json",
        "byte_order_mark",
    ),
    *("missing_schemas", "numbers_as_strings", "xml", "conflict", "error_with_200", "incomplete_chain"),
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[MockHost, MockHost]]:
    """A service provider, and a proxy in front of another that is like it."""
    with (
        MockHost("basics/scim", control=False) as direct,
        MockHost("basics/scim", tls=False, control=False) as real,
    ):
        said = {"kind": "proxy", "target": real.url("SCIM"), "secret_token": real.token("SCIM")}
        with MockHost({"format": 1, "connectors": {"TARGET": said}}, control=False) as proxy:
            yield direct, proxy


def met(host: MockHost, fault: str) -> Observation:
    host.reset()
    host.add_rule({"fault": fault})
    name = next(iter(host.connectors()))
    token = host.connectors()[name].secret_token
    headers = {"Authorization": f"Bearer {token}"}
    with Session(host.url(name), ca_file=host.ca_file, timeout=30.0) as session:
        seen = session.exchange("GET", f"/ecma2host_{name}/scim/Users?count=0", headers, linger=0.2)
    assert [entry.bug for entry in host.journal if entry.bug] == []
    return seen


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_through_a_proxy(fault: str, hosts: tuple[MockHost, MockHost]) -> None:
    """Status, body, end and alert are those that a client of the host itself sees."""
    direct, proxied = (met(host, fault) for host in hosts)
    assert (proxied.status, proxied.ends, proxied.alert, proxied.complete) == (
        direct.status,
        direct.ends,
        direct.alert,
        direct.complete,
    )
    assert proxied.body == direct.body
