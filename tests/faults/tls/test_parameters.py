"""What a scenario may say of a fault of TLS, and what it is told if that can't be."""

from __future__ import annotations

import ssl

import pytest

from mockhost.errors import UsageError
from mockhost.faults import FAULTS, find
from mockhost.faults.parameters import read
from mockhost.plans import ConnectionPlan
from mockhost.tls import versions
from mockhost.tls.alerts import ALERTS
from mockhost.tls.config import AS_THE_HOST, TLS_WORDS, TlsConfig
from tests.faults.tls.conftest import planned

DAY = 86_400.0
NAMES = [name for name, group in FAULTS.items() if group == "tls"]


@pytest.mark.parametrize(
    ("said", "plan"),
    [
        ({"tls": {"names": "a.example"}}, AS_THE_HOST._replace(names=("a.example",))),
        ({"tls": {"valid": ["-2d", "-1d"]}}, AS_THE_HOST._replace(valid=(-2 * DAY, -DAY))),
        ({"tls": {"shorthand": "expired", "key": "rsa-2048"}}, TLS_WORDS["expired"]._replace(key="rsa-2048")),
        (
            {"tls": {"shorthand": "expired", "valid": ["-3d", "1d"]}},
            AS_THE_HOST._replace(valid=(-3 * DAY, DAY)),
        ),
        ({"tls": {"client_certificate": "required"}}, AS_THE_HOST._replace(client_certificate="required")),
        ("client_certificate", AS_THE_HOST._replace(client_certificate="required")),
        ({"client_certificate": "requested"}, AS_THE_HOST._replace(client_certificate="requested")),
        ("plain_http", AS_THE_HOST._replace(mode="plain_http")),
        ("old_protocol", AS_THE_HOST._replace(minimum_version="1.0", maximum_version="1.1")),
        ({"old_protocol": "TLS 1.0"}, AS_THE_HOST._replace(minimum_version="1.0", maximum_version="1.0")),
    ],
)
def test_what_the_connection_presents(said: object, plan: TlsConfig) -> None:
    """Only what is said differs from the host's own."""
    assert planned(said) == ConnectionPlan(tls=plan)


@pytest.mark.parametrize("word", TLS_WORDS)
def test_each_shorthand_of_the_host_is_one_of_the_fault(word: str) -> None:
    """`{tls: expired}` is for one connection what `host: {tls: expired}` is for all."""
    assert planned({"tls": word}) == ConnectionPlan(tls=TLS_WORDS[word])


@pytest.mark.parametrize(
    ("said", "plan"),
    [
        ("tls_alert", ConnectionPlan("alert", after="client_hello", alert=40)),
        ({"tls_alert": "unknown_ca"}, ConnectionPlan("alert", after="client_hello", alert=48)),
        (
            {"tls_alert": {"name": "protocol_version"}},
            ConnectionPlan("alert", after="client_hello", alert=70),
        ),
        ("tls_stall", ConnectionPlan("stall", after="client_hello")),
        ({"tls_stall": {"after": "server_hello"}}, ConnectionPlan("stall", after="server_hello")),
        ("tls_reset", ConnectionPlan("reset", after="client_hello")),
        ({"tls_reset": "accept"}, ConnectionPlan("reset", after="accept")),
        ({"tls_reset": "server_hello"}, ConnectionPlan("reset", after="server_hello")),
    ],
)
def test_how_the_handshake_ends(said: object, plan: ConnectionPlan) -> None:
    """Alerts by name, stalls and resets by their moment."""
    assert planned(said) == plan


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("tls", "it changes nothing"),
        ({"tls": "expird"}, "no shorthand 'expird'; did you mean 'expired'"),
        ({"tls": {"nams": ["a"]}}, "no parameter 'nams'; did you mean 'names'"),
        ({"tls": {"names": []}}, "names needs at least one"),
        ({"tls": {"names": ["a b"]}}, "can't name 'a b'"),
        ({"tls": {"valid": ["-1d"]}}, "two moments relative to now"),
        ({"tls": {"valid": ["-1d", "tomorrow"]}}, "two moments relative to now"),
        ({"tls": {"valid": ["-1d", "-2d"]}}, "ends before it begins"),
        ({"tls": {"issuer": "verisign"}}, "issuer is one of self, ca, untrusted"),
        ({"tls": {"minimum_version": 1.2}}, "not 1.2; quote it"),
        ({"tls": {"maximum_version": "1.4"}}, "'1.0', '1.1', '1.2', '1.3', not '1.4'"),
        ({"tls": {"minimum_version": "1.3", "maximum_version": "1.2"}}, "1.3, is newer than the newest, 1.2"),
        ({"tls_alert": "handshake_fail"}, "no alert 'handshake_fail'; did you mean 'handshake_failure'"),
        ({"tls_alert": 40}, "name is a text, not 40"),
        ({"tls_stall": "accept"}, "after is one of client_hello, server_hello"),
        ({"tls_reset": {"before": "x"}}, "no parameter 'before'"),
        ({"plain_http": {"port": 80}}, "it has none"),
        ({"client_certificate": "none"}, "demand is one of required, requested"),
        ({"old_protocol": 1.1}, "newest is one of TLS 1.0, TLS 1.1"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_said(said: object, message: str) -> None:
    """With what was wrong and, where there is one, a near name."""
    with pytest.raises(UsageError) as problem:
        read(said)
    assert message in str(problem.value)


def test_what_this_machine_cannot_speak_is_refused_when_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS 1.0 and 1.1 are left out of some builds of OpenSSL."""
    monkeypatch.setattr(ssl, "HAS_TLSv1", False)
    monkeypatch.setattr(ssl, "HAS_TLSv1_1", False)
    versions.unspoken.cache_clear()
    try:
        with pytest.raises(
            UsageError, match=r"old_protocol can't be performed here: OpenSSL .* without TLS 1\.1"
        ):
            read("old_protocol")
        with pytest.raises(UsageError, match=r"without TLS 1\.1"):
            read({"tls": {"maximum_version": "1.1"}})
    finally:
        versions.unspoken.cache_clear()


def test_alerts_have_codes_of_their_own() -> None:
    """One octet each (RFC 8446 6)."""
    assert len(set(ALERTS.values())) == len(ALERTS)
    assert all(0 <= code <= 255 for code in ALERTS.values())


@pytest.mark.parametrize("name", NAMES)
def test_each_is_of_its_group_and_has_an_example_that_works(name: str) -> None:
    """As the documentation shows it."""
    fault = find(name)
    assert (fault.name, fault.group) == (name, "tls")
    read(name if fault.example is None else {name: fault.example})
