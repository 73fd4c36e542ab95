"""What a single connection is met with: laid over the host's own, remembered, ageing, and never mixed up with it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from mockhost.clock import VirtualClock, wall_now
from mockhost.errors import UsageError
from mockhost.tls import versions
from mockhost.tls.authority import Authority
from mockhost.tls.config import AS_THE_HOST, TLS_WORDS, TlsConfig
from mockhost.tls.serving import Certificates
from tests.tls.handshakes import careless, code, shake, trusting

DAY = 86_400.0


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock("frozen")


@pytest.fixture
def certificates(clock: VirtualClock) -> Iterator[Certificates]:
    one = Certificates(Authority(), clock)
    one.configure(TlsConfig())
    yield one
    one.close()


def verdict(certificates: Certificates, config: TlsConfig, bundle: str) -> int:
    """What a client with this bundle has against the certificate of a single connection."""
    return code(shake(certificates.offer_for(config)[1], trusting(bundle)))


@pytest.mark.parametrize("issuer", ["self", "ca"])
@pytest.mark.parametrize(
    ("word", "expected"),
    [("expired", 10), ("not_yet_valid", 9), ("wrong_name", 62), ("wrong_usage", 26), ("untrusted", 18)],
)
def test_a_client_refuses_it_for_what_is_wrong_with_it(
    certificates: Certificates, issuer: str, word: str, expected: int
) -> None:
    """And for nothing else, although it read its bundle before the certificate was made."""
    certificates.configure(TlsConfig(issuer=issuer))
    bundle = certificates.bundle_file.read_text()
    assert verdict(certificates, TLS_WORDS[word], bundle) == expected
    assert certificates.bundle_file.read_text() == bundle


def test_what_is_not_said_is_as_the_hosts(certificates: Certificates) -> None:
    """Names, dates, key and usage; so an expired certificate is for the host's own name."""
    certificates.configure(TlsConfig(names=("ecma.contoso.com",), key="ec-p384", valid=(-2 * DAY, 3 * DAY)))
    bundle = certificates.bundle_file.read_text()
    other = shake(certificates.offer_for(TLS_WORDS["untrusted"])[1], careless())
    assert other.der is not None
    certificate = x509.load_der_x509_certificate(other.der)
    assert certificate.subject.rfc4514_string() == "CN=ecma.contoso.com"
    assert getattr(certificate.public_key(), "key_size", 0) == 384
    assert certificate.not_valid_after_utc.timestamp() == pytest.approx(wall_now() + 3 * DAY, abs=60)
    context = certificates.offer_for(TLS_WORDS["expired"])[1]
    assert code(shake(context, trusting(bundle), name="ecma.contoso.com")) == 10


@pytest.mark.parametrize(
    ("said", "host", "speaks"),
    [
        ({"maximum_version": "1.2"}, {}, "TLSv1.2"),
        ({"minimum_version": "1.3"}, {"maximum_version": "1.2"}, "TLSv1.3"),
        ({"maximum_version": "1.2"}, {"minimum_version": "1.3"}, "TLSv1.2"),
    ],
)
def test_other_versions_with_the_hosts_own_certificate(
    certificates: Certificates, said: dict[str, Any], host: dict[str, Any], speaks: str
) -> None:
    """A version said alone takes the other one with it; who trusts the host's certificate goes on trusting it."""
    certificates.configure(TlsConfig()._replace(**host))
    bundle = certificates.bundle_file.read_text()
    own = certificates.minted
    assert own is not None
    shaken = shake(certificates.offer_for(AS_THE_HOST._replace(**said))[1], trusting(bundle))
    assert (code(shaken), shaken.client.version()) == (0, speaks)
    assert shaken.der == ssl.PEM_cert_to_DER_cert(own.certificate_pem)


@pytest.mark.parametrize("mode", ["none", "plain_http"])
def test_modes_without_a_certificate(certificates: Certificates, mode: str) -> None:
    """Offer none; and a certificate can be met on a host that has none itself."""
    assert certificates.offer_for(TLS_WORDS[mode]) == (mode, None)
    certificates.configure(TlsConfig(mode=mode))
    assert certificates.offer() == (mode, None)
    offered, context = certificates.offer_for(TLS_WORDS["wrong_name"])
    assert offered == "certificate"
    assert code(shake(context, trusting(certificates.bundle_file.read_text()))) == 62


def test_a_whole_configuration_does_as_well(certificates: Certificates) -> None:
    """One in which every property is said takes nothing from the host."""
    certificates.configure(TlsConfig(names=("ecma.contoso.com",)))
    bundle = certificates.bundle_file.read_text()
    assert verdict(certificates, TlsConfig(), bundle) == 0


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize(
    "config",
    [AS_THE_HOST, TlsConfig(), TLS_WORDS["expired"], AS_THE_HOST._replace(client_certificate="requested")],
)
def test_sessions_resume_among_themselves_only(
    certificates: Certificates, version: str, config: TlsConfig
) -> None:
    """A ticket of the host's is worth nothing to the other context, nor the other's to the host; its own is."""
    own, other = certificates.offer()[1], certificates.offer_for(config)[1]
    assert own is not other
    client = careless(version)
    for first, second in ((own, other), (other, own)):
        met = shake(first, client)
        assert met.client.session is not None
        assert shake(first, client, session=met.client.session).client.session_reused
        switched = shake(second, client, session=met.client.session)
        assert switched.refused is None
        assert not switched.client.session_reused


def test_it_is_made_once(certificates: Certificates) -> None:
    """The same context each time, for two ways of saying the same as well."""
    once = certificates.offer_for(TLS_WORDS["expired"])
    assert certificates.offer_for(TLS_WORDS["expired"]) == once
    said_otherwise = TlsConfig(valid=TLS_WORDS["expired"].valid)
    assert certificates.offer_for(said_otherwise) == once


def test_many_threads_that_ask_at_once_get_one(certificates: Certificates) -> None:
    """Whoever asks first has it made."""
    barrier = threading.Barrier(8)

    def ask(_: int) -> object:
        barrier.wait(30)
        return certificates.offer_for(TLS_WORDS["wrong_name"])[1]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_only_so_many_are_remembered(certificates: Certificates) -> None:
    """The oldest is forgotten first, and made anew when it is asked for again."""
    first = certificates.offer_for(TLS_WORDS["wrong_name"])[1]
    for number in range(31):
        certificates.offer_for(AS_THE_HOST._replace(names=(f"host{number}.example",)))
    assert certificates.offer_for(TLS_WORDS["wrong_name"])[1] is first
    certificates.offer_for(AS_THE_HOST._replace(names=("one.more.example",)))
    assert certificates.offer_for(TLS_WORDS["wrong_name"])[1] is not first


def test_it_ages_with_the_virtual_clock(certificates: Certificates, clock: VirtualClock) -> None:
    """Its dates count from when it was first met, and pass as the virtual clock goes on."""
    bundle = certificates.bundle_file.read_text()
    clock.advance(100 * DAY)
    config = AS_THE_HOST._replace(valid=(-DAY, 2 * DAY))
    assert verdict(certificates, config, bundle) == 0
    clock.advance(DAY)
    assert verdict(certificates, config, bundle) == 0
    clock.advance(1.5 * DAY)
    assert verdict(certificates, config, bundle) == 10
    assert verdict(certificates, config, bundle) == 10


def test_with_the_hosts_dates_it_ages_as_the_hosts(certificates: Certificates, clock: VirtualClock) -> None:
    """Also if it was first met when half of the host's life was over."""
    bundle = certificates.bundle_file.read_text()
    clock.advance(400 * DAY)
    config = AS_THE_HOST._replace(key="ec-p384")
    assert verdict(certificates, config, bundle) == 0
    clock.advance(331 * DAY)
    assert verdict(certificates, config, bundle) == 10


def test_the_hosts_own_certificate_is_followed(certificates: Certificates, clock: VirtualClock) -> None:
    """Where only a version differs, the connection meets what the host presents now."""
    config = AS_THE_HOST._replace(maximum_version="1.2")
    before = shake(certificates.offer_for(config)[1], careless()).der
    clock.advance(731 * DAY)
    after = shake(certificates.offer_for(config)[1], careless()).der
    assert before != after
    assert after == shake(certificates.offer()[1], careless()).der


@pytest.mark.parametrize("config", [TlsConfig(), TlsConfig(issuer="ca")])
def test_a_reset_forgets_them(certificates: Certificates, clock: VirtualClock, config: TlsConfig) -> None:
    """Their dates count anew then."""
    asked = AS_THE_HOST._replace(valid=(-DAY, 2 * DAY))
    first = certificates.offer_for(asked)[1]
    clock.advance(10 * DAY)
    certificates.configure(config)
    bundle = certificates.bundle_file.read_text()
    assert certificates.offer_for(asked)[1] is not first
    assert verdict(certificates, asked, bundle) == 0


def test_before_anything_is_configured(clock: VirtualClock) -> None:
    """A host that presents nothing can still meet a connection with a certificate."""
    one = Certificates(Authority(), clock)
    assert one.offer_for(TLS_WORDS["none"]) == ("none", None)
    assert verdict(one, TLS_WORDS["expired"], one.authority.certificate_pem) == 10
    assert verdict(one, AS_THE_HOST._replace(maximum_version="1.2"), one.authority.certificate_pem) == 0


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (AS_THE_HOST._replace(names=("no name",)), "can't name"),
        (AS_THE_HOST._replace(key="dsa"), "no such kind of key"),
        (TlsConfig(minimum_version="1.3", maximum_version="1.2"), "newer than the newest"),
    ],
)
def test_what_cannot_be_is_refused(certificates: Certificates, config: TlsConfig, problem: str) -> None:
    """With a message; the host's own offer stays."""
    before = certificates.offer()
    with pytest.raises(UsageError, match=problem):
        certificates.offer_for(config)
    assert certificates.offer() == before


# -- old versions --------------------------------------------------------------------------------------------


def old_client(lowest: str, highest: str) -> ssl.SSLContext:
    context = careless()
    versions.limit(context, lowest, highest)
    return context


@pytest.mark.skipif(versions.unspoken("1.1") is not None, reason=versions.unspoken("1.1") or "")
@pytest.mark.parametrize(("highest", "spoken"), [("1.0", "TLSv1"), ("1.1", "TLSv1.1")])
def test_old_versions_are_really_spoken(certificates: Certificates, highest: str, spoken: str) -> None:
    """With a client that allows them at security level 0; one that does not gets protocol_version."""
    config = AS_THE_HOST._replace(minimum_version="1.0", maximum_version=highest)
    context = certificates.offer_for(config)[1]
    assert shake(context, old_client("1.0", "1.3")).client.version() == spoken
    for modern in (careless(), careless("1.3")):
        refused = shake(context, modern).refused
        assert refused is not None
        assert refused.reason == "TLSV1_ALERT_PROTOCOL_VERSION"


def test_what_openssl_cannot_speak_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anybody connects, and with OpenSSL's version."""
    monkeypatch.setattr(ssl, "HAS_TLSv1_1", False)
    versions.unspoken.cache_clear()
    try:
        assert (versions.unspoken("1.1") or "").endswith("was built without TLS 1.1")
        with pytest.raises(UsageError, match=r"built without TLS 1\.1"):
            versions.limit(careless(), "1.0", "1.1")
    finally:
        versions.unspoken.cache_clear()


# -- client certificates -------------------------------------------------------------------------------------


def carrying(context: ssl.SSLContext, pair: tuple[str, str], folder: Path) -> ssl.SSLContext:
    """The client with a certificate of its own."""
    file = folder / "client.pem"
    file.write_text("".join(pair))
    context.load_cert_chain(file)
    return context


ALERTS = {"1.2": "SSLV3_ALERT_HANDSHAKE_FAILURE", "1.3": "TLSV13_ALERT_CERTIFICATE_REQUIRED"}


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("live", [True, False])
def test_a_client_certificate_can_be_required(
    certificates: Certificates, version: str, live: bool, tmp_path: Path
) -> None:
    """Of the host, or of one connection: without one the alert of the version, with one a session."""
    config = AS_THE_HOST._replace(client_certificate="required")
    if live:
        certificates.configure(config.laid_over(TlsConfig()))
    context = certificates.offer()[1] if live else certificates.offer_for(config)[1]
    bundle = certificates.bundle_file.read_text()
    refused = shake(context, trusting(bundle, version)).refused
    assert refused is not None
    assert refused.reason == ALERTS[version]
    armed = carrying(trusting(bundle, version), certificates.client_certificate(), tmp_path)
    shaken = shake(context, armed)
    assert (code(shaken), shaken.server_error) == (0, None)
    assert shaken.server.getpeercert()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_client_certificate_can_be_requested(
    certificates: Certificates, version: str, tmp_path: Path
) -> None:
    """Without one the client is served; one of another CA is refused all the same."""
    context = certificates.offer_for(AS_THE_HOST._replace(client_certificate="requested"))[1]
    bundle = certificates.bundle_file.read_text()
    assert code(shake(context, trusting(bundle, version))) == 0
    stranger = carrying(trusting(bundle, version), Authority().client_certificate(), tmp_path)
    refused = shake(context, stranger).refused
    assert refused is not None
    assert refused.reason == "TLSV1_ALERT_UNKNOWN_CA"


def test_the_client_certificate_is_the_same_for_a_run(certificates: Certificates) -> None:
    """Signed by the CA, for clients, valid as long as the CA."""
    pem, key = certificates.client_certificate()
    assert certificates.client_certificate() == (pem, key)
    certificate = x509.load_pem_x509_certificate(pem.encode())
    ca = x509.load_pem_x509_certificate(certificates.authority.certificate_pem.encode())
    certificate.verify_directly_issued_by(ca)
    assert certificate.not_valid_after_utc == ca.not_valid_after_utc
    assert "PRIVATE KEY" in key


def test_asking_while_the_host_is_configured_anew(certificates: Certificates) -> None:
    """Whoever asks at that moment gets the one or the other, never the host's own context and never an error."""
    done = threading.Event()

    def configure() -> None:
        try:
            for number in range(30):
                certificates.configure(TlsConfig(issuer=("self", "ca")[number % 2]))
        finally:
            done.set()

    def ask() -> int:
        asked = 0
        while not done.is_set() or not asked:
            context = certificates.offer_for(TLS_WORDS["wrong_name"])[1]
            assert context is not None
            assert context is not certificates.offer()[1]
            asked += 1
        return asked

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        pool.submit(configure).result(60)
        assert all(future.result(60) for future in asking)
