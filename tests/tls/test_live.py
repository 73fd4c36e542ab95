"""`host.tls` changed while the host runs: what begins afterwards meets it, what is under way goes on to its end."""

from __future__ import annotations

import ssl
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockhost.api import MockHost
from mockhost.tls import versions
from mockhost.tls.config import TlsConfig
from mockhost.web.data import DataPlane
from tests.server.raw import PATIENCE, RawClient, get
from tests.tls.handshakes import careless, trusting

DAY = 86_400.0
VERSIONS = ("1.2", "1.3")
_QUESTION = get("/ecma2host_SQL/scim/ServiceProviderConfig", "Authorization: Bearer correct-horse-battery")


@pytest.fixture
def host() -> Iterator[MockHost]:
    with MockHost("basics/healthy", control=False) as host:
        yield host


def port_of(host: MockHost) -> int:
    assert host.listener is not None
    return host.listener.port


def refusal(host: MockHost, *, version: str | None = None) -> str:
    """Why a client that reads the bundle now has no session, in OpenSSL's word; '' where it is served."""
    bundle = host.runtime.certificates.bundle_file.read_text()
    try:
        with RawClient(port_of(host), tls=trusting(bundle, version)) as client:
            client.ask(_QUESTION)
    except ssl.SSLCertVerificationError as problem:
        return problem.verify_message
    except ssl.SSLError as problem:
        return problem.reason or str(problem)
    except ConnectionResetError:
        return "reset"
    return ""


CHANGES: list[tuple[str, Any, str]] = [
    ("names", ["other.contoso.com"], "Hostname mismatch"),
    ("valid", ["-2d", "-1d"], "certificate has expired"),
    ("valid", ["1d", "2d"], "certificate is not yet valid"),
    ("issuer", "untrusted", "self-signed certificate"),
    ("issuer", "ca", ""),
    ("key", "rsa-2048", ""),
    ("key", "ec-p384", ""),
    ("usage", "client", "unsuitable certificate purpose"),
    ("usage", "none", ""),
    ("mode", "none", "reset"),
    ("client_certificate", "required", "CERTIFICATE_REQUIRED"),
    ("client_certificate", "requested", ""),
]


@pytest.mark.parametrize(("name", "value", "expected"), CHANGES)
def test_a_property_counts_for_handshakes_that_begin_after_it(
    host: MockHost, name: str, value: Any, expected: str
) -> None:
    """And again when it is taken back."""
    assert refusal(host) == ""
    host.runtime.set(f"host.tls.{name}", value)
    assert expected in (refused := refusal(host))
    assert bool(expected) == bool(refused)
    host.runtime.set("host.tls", None)
    assert refusal(host) == ""


@pytest.mark.parametrize(
    ("name", "value", "serves", "refuses"),
    [("maximum_version", "1.2", "1.2", "1.3"), ("minimum_version", "1.3", "1.3", "1.2")],
)
def test_versions_count_for_handshakes_that_begin_after_it(
    host: MockHost, name: str, value: str, serves: str, refuses: str
) -> None:
    """A client of the other version gets protocol_version."""
    host.runtime.set(f"host.tls.{name}", value)
    assert refusal(host, version=serves) == ""
    assert refusal(host, version=refuses) == "TLSV1_ALERT_PROTOCOL_VERSION"


@pytest.mark.skipif(versions.unspoken("1.1") is not None, reason=versions.unspoken("1.1") or "")
def test_a_version_said_alone_takes_the_other_one_with_it(host: MockHost) -> None:
    """`maximum_version: '1.1'` is 1.1 alone, although the host's oldest would be 1.2."""
    host.runtime.set("host.tls.maximum_version", "1.1")
    assert host.runtime.scenario.host.tls == TlsConfig(minimum_version="1.1", maximum_version="1.1")
    assert refusal(host) == "TLSV1_ALERT_PROTOCOL_VERSION"
    context = careless()
    versions.limit(context, "1.0", "1.3")
    with RawClient(port_of(host), tls=context) as client:
        assert client.tls is not None
        assert client.tls.version() == "TLSv1.1"


class Gate:
    """Between the port and the application: a request waits here until it may go on."""

    def __init__(self) -> None:
        self.closed = False
        self.entered = threading.Event()
        self.opened = threading.Event()

    def around(self, app: Any) -> Any:
        def gated(environ: dict[str, Any], start_response: Any) -> Any:
            if self.closed:
                self.entered.set()
                assert self.opened.wait(PATIENCE)
            return app(environ, start_response)

        return gated


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """In every host that is started after it was asked for."""
    gate = Gate()
    monkeypatch.setattr("mockhost.api.DataPlane", lambda runtime: gate.around(DataPlane(runtime)))
    return gate


@pytest.mark.parametrize("name", ["names", "valid", "issuer", "key", "usage", "mode", "client_certificate"])
@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_under_way_goes_on_until_its_exchange_is_over(
    gate: Gate, host: MockHost, name: str, version: str
) -> None:
    """A request that the host has read is answered; the connection then ends, and the next meets the change."""
    value = next(
        value for changed, value, refused in CHANGES if changed == name and (refused or name == "key")
    )
    with (
        RawClient(port_of(host), tls=careless(version)) as idle,
        RawClient(port_of(host), tls=careless(version)) as busy,
    ):
        assert [client.ask(_QUESTION).status for client in (idle, busy)] == [200, 200]
        gate.closed = True
        busy.send(_QUESTION)
        assert gate.entered.wait(PATIENCE)
        host.runtime.set(f"host.tls.{name}", value)
        gate.closed = False
        gate.opened.set()
        answer = busy.answer()
        assert (answer.status, answer.header("Connection")) == (200, "close")
        assert busy.until_end().tcp == "fin"
        assert idle.until_end().tcp == "fin"


configurations = st.fixed_dictionaries(
    {},
    optional={
        "names": st.sampled_from([["localhost"], ["other.contoso.com"], ["localhost", "other.contoso.com"]]),
        "valid": st.sampled_from([["-1d", "730d"], ["-2d", "-1d"], ["1d", "2d"]]),
        "issuer": st.sampled_from(["self", "ca", "untrusted"]),
        "key": st.sampled_from(["ec-p256", "ec-p384"]),
        "usage": st.sampled_from(["server", "client", "none"]),
        "client_certificate": st.sampled_from(["none", "requested", "required"]),
    },
)


def due(said: dict[str, Any]) -> str:
    """What OpenSSL says first of a certificate as it was asked for: the chain, the usage, the name, the dates."""
    if said.get("issuer") == "untrusted":
        return "self-signed certificate"
    if said.get("usage") == "client":
        return "unsuitable certificate purpose"
    if "localhost" not in said.get("names", ["localhost"]):
        return "Hostname mismatch"
    begins = said.get("valid", ["-1d", "730d"])[0]
    if begins != "-1d":
        return "certificate has expired" if begins == "-2d" else "certificate is not yet valid"
    return "CERTIFICATE_REQUIRED" if said.get("client_certificate") == "required" else ""


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(configurations, min_size=1, max_size=3), version=st.sampled_from(VERSIONS))
def test_any_properties_together_count_at_once(
    host: MockHost, steps: list[dict[str, Any]], version: str
) -> None:
    """Whatever was set before, and whatever session a client would like to resume."""
    host.runtime.reset()
    context, session, before = careless(version), None, TlsConfig()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "client.pem"
        file.write_text("".join(host.runtime.certificates.client_certificate()))
        context.load_cert_chain(file)
    for said in steps:
        host.runtime.set("host.tls", None)  # a map that is set is laid over what is there
        host.runtime.set("host.tls", said)
        assert due(said) in (refused := refusal(host)), said
        assert bool(due(said)) == bool(refused)
        with RawClient(port_of(host), tls=context, session=session) as client:
            assert client.tls is not None
            assert not client.tls.session_reused or before == TlsConfig() == host.runtime.scenario.host.tls
            before = host.runtime.scenario.host.tls
            client.ask(_QUESTION)
            session = client.tls.session
            shown = x509.load_der_x509_certificate(client.tls.getpeercert(binary_form=True) or b"")
        named = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert set(said.get("names", ["localhost"])) <= set(named.get_values_for_type(x509.DNSName))
