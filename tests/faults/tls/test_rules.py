"""Faults of TLS as rules of a running host: which connection meets them, and that a reset ends them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mockhost.api import MockHost
from mockhost.client.observation import Observation, exchange
from mockhost.errors import MockhostError
from mockhost.faults import FAULTS

_TARGET = "/ecma2host_SQL/scim/ServiceProviderConfig"


@pytest.fixture
def host() -> Iterator[MockHost]:
    with MockHost("basics/healthy", control=False) as host:
        yield host


def ask(host: MockHost) -> Observation:
    """One request on a connection of its own, by a client that trusts the host."""
    told = host.clients()["SQL"]
    headers = {"Authorization": f"Bearer {told.secret_token}"}
    return exchange(told.url, "GET", _TARGET, headers, ca_file=told.ca_file)


def test_the_connection_that_a_rule_names_meets_the_fault(host: MockHost) -> None:
    """And nobody else; after the rule is gone, nobody at all."""
    name = host.add_rule({"when": {"connection": {"nth": 2}}, "fault": {"tls_alert": "access_denied"}})
    assert [ask(host).alert for _ in range(3)] == ["", "access_denied", ""]
    host.remove_rule(name)
    host.add_rule({"fault": "tls_reset", "when": {"every": 2}})
    assert [ask(host).ends for _ in range(4)] == ["keep", "rst", "keep", "rst"]
    host.runtime.reset()
    assert [ask(host).ends for _ in range(2)] == ["keep", "keep"]


def test_a_fault_lasts_as_long_as_its_rule(host: MockHost) -> None:
    """Two connections, however many clients knock at once."""
    host.add_rule({"fault": {"tls_alert": "internal_error"}, "times": 2})
    with ThreadPoolExecutor(10) as pool:
        alerts = [seen.alert for seen in pool.map(lambda _: ask(host), range(20))]
    assert sorted(alerts) == [""] * 18 + ["internal_error"] * 2


def test_the_certificate_ages_with_the_virtual_clock(host: MockHost) -> None:
    """One that is sound for an hour, and over after two."""
    host.add_rule({"fault": {"tls": {"valid": ["-1h", "1h"], "key": "ec-p384"}}})
    assert ask(host).ends == "keep"
    host.runtime.advance(7_200)
    assert ask(host).ends == "tls_expired"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"fault": {"tls": "expird"}}, "did you mean 'expired'"),
        ({"fault": {"tls_alert": "handshake_fail"}}, "did you mean 'handshake_failure'"),
        ({"fault": "old_protocols"}, "did you mean 'old_protocol'"),
        ({"fault": "tls_stall", "when": {"operation": "list_users"}}, "decided before there is a request"),
        ({"fault": "tls_stall", "delay": "80ms"}, "so 'delay' has no meaning; remove 'delay'"),
        ({"fault": "tls_alert", "write": "applied"}, "so 'write' has no meaning"),
        ({"fault": "silent", "reply": {"status": 200}}, "so 'reply' has no meaning"),
        ({"fault": "refuse", "write": "not_applied"}, "name an operation in 'when'"),
        ({"sequence": [{"fault": "tls_reset"}, {"fault": "tls_alert"}], "delay": "1s"}, "remove 'delay'"),
    ],
)
def test_what_cannot_be_is_refused_when_the_rule_comes(
    host: MockHost, rule: dict[str, object], message: str
) -> None:
    """With a near name; nothing of it stays."""
    with pytest.raises(MockhostError) as problem:
        host.add_rule(rule)
    assert message in str(problem.value)
    assert ask(host).ends == "keep"


TLS_FAULTS = [name for name, group in FAULTS.items() if group == "tls"]


@pytest.mark.parametrize("name", TLS_FAULTS)
def test_over_plain_http_a_fault_of_tls_does_nothing(name: str) -> None:
    """There is no handshake: the request is answered, and the rule says that it fired."""
    with MockHost("basics/healthy", control=False, tls=False) as host:
        rule = host.add_rule({"fault": {"tls": "expired"} if name == "tls" else name})
        seen = ask(host)
        assert (seen.status, seen.ends) == (200, "keep")
        assert [each["fired"] for each in host.rules if each["name"] == rule] == [1]


@pytest.mark.parametrize("after", ["accept", "client_hello", "server_hello"])
def test_over_plain_http_a_reset_of_the_handshake_does_nothing_at_any_moment(after: str) -> None:
    """The words of a TLS handshake mean nothing there."""
    with MockHost("basics/healthy", control=False, tls=False) as host:
        host.add_rule({"fault": {"tls_reset": after}})
        assert ask(host).status == 200
