"""Certificates are what a scenario says, to every strict client, and age with the virtual clock."""

from __future__ import annotations

import ipaddress
import ssl
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from mockhost.clock import FROZEN_START, VirtualClock, wall_now
from mockhost.errors import CannotRun, UsageError
from mockhost.tls.authority import Authority, mint
from mockhost.tls.certificate import Minted
from mockhost.tls.config import TlsConfig
from mockhost.tls.serving import Certificates, server_context, trust_bundle

DAY = 86_400.0
STRICT = ssl.VERIFY_X509_STRICT | getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0)


def minted(config: TlsConfig, authority: Authority | None = None, **options: object) -> Minted:
    now = {"virtual_now": FROZEN_START, "wall_now": wall_now()}
    return mint(config, authority=authority or Authority(), **(now | options))  # type: ignore[arg-type]


def shake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """A handshake in memory; the client's side of it. Raises what the client raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    done = set()
    for _ in range(10):
        for side in (ours, theirs):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
    assert done == {ours, theirs}
    return ours


def client(bundle: str) -> ssl.SSLContext:
    """As Python 3.13's default: strict about extensions."""
    context = ssl.create_default_context(cadata=bundle)
    context.verify_flags |= STRICT
    return context


def refusal(config: TlsConfig, name: str = "localhost") -> int:
    """OpenSSL's code for a refused certificate, 0 for an accepted one."""
    authority = Authority()
    one = minted(config, authority)
    try:
        shake(server_context(one, config), client(trust_bundle(authority, [one])), name)
    except ssl.SSLCertVerificationError as problem:
        return problem.verify_code
    return 0


@pytest.mark.parametrize("issuer", ["self", "ca"])
@pytest.mark.parametrize("key", ["ec-p256", "ec-p384", "rsa-2048"])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "host.contoso.com"])
def test_a_strict_client_takes_a_sound_certificate(issuer: str, key: str, name: str) -> None:
    """Self-signed or by the CA, by name or address, whatever the key."""
    config, authority = TlsConfig(issuer=issuer, key=key), Authority()
    one = minted(config, authority, extra_names=("host.contoso.com",))
    shake(server_context(one, config), client(trust_bundle(authority, [one])), name)


@pytest.mark.parametrize(
    ("config", "code"),
    [
        (TlsConfig(valid=(-10 * DAY, -DAY)), 10),
        (TlsConfig(valid=(-10 * DAY, 0.0)), 10),
        (TlsConfig(valid=(DAY, 2 * DAY)), 9),
        (TlsConfig(valid=(2 * DAY, -2 * DAY)), 10),
        (TlsConfig(names=("other.contoso.com",)), 62),
        (TlsConfig(names=("other.contoso.com",), issuer="ca"), 62),
        (TlsConfig(names=()), 62),
        (TlsConfig(issuer="untrusted"), 18),
        (TlsConfig(usage="client"), 26),
        (TlsConfig(usage="none"), 0),
        (TlsConfig(names=("x" * 70 + ".example",)), 62),
    ],
)
def test_a_wrong_certificate_is_wrong_in_its_own_way(config: TlsConfig, code: int) -> None:
    """Each property fails with OpenSSL's code for it, and only with that."""
    assert refusal(config) == code


def test_the_wizards_certificate() -> None:
    """Self-signed, subject and alternative name are the host's, for servers, two years from yesterday."""
    one = minted(TlsConfig())
    certificate = x509.load_pem_x509_certificate(one.certificate_pem.encode())
    assert certificate.subject == certificate.issuer
    assert certificate.subject.rfc4514_string() == "CN=localhost"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName)[0] == "localhost"
    assert ipaddress.ip_address("::1") in names.get_values_for_type(x509.IPAddress)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert life.total_seconds() == pytest.approx(731 * DAY, abs=1)
    assert (one.not_before, one.not_after) == (FROZEN_START - DAY, FROZEN_START + 730 * DAY)
    assert one.anchor_pem == one.certificate_pem == one.chain_pem
    assert len(one.thumbprint) == 40


@pytest.mark.parametrize(
    ("kind", "key_type", "size"),
    [("ec-p256", ec.EllipticCurvePublicKey, 256), ("ec-p384", ec.EllipticCurvePublicKey, 384),
     ("rsa-2048", rsa.RSAPublicKey, 2048), ("rsa-3072", rsa.RSAPublicKey, 3072)],
)  # fmt: skip
def test_kinds_of_keys(kind: str, key_type: type, size: int) -> None:
    """As asked for."""
    key = x509.load_pem_x509_certificate(minted(TlsConfig(key=kind)).certificate_pem.encode()).public_key()
    assert isinstance(key, key_type)
    assert isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey))
    assert key.key_size == size


def test_names_are_the_configurations_own() -> None:
    """Only a certificate for localhost also names this machine, its addresses and `--tls-name`s."""
    extra = ("Extra.contoso.com", "10.0.0.1")
    assert minted(TlsConfig(names=("localhost",)), extra_names=extra).names[:3] == (
        "localhost",
        "127.0.0.1",
        "::1",
    )
    assert set(extra) < set(minted(TlsConfig(names=("localhost",)), extra_names=extra).names)
    assert minted(TlsConfig(names=("a.example", "0:0::1")), extra_names=extra).names == ("a.example", "::1")
    assert minted(TlsConfig(names=("bücher.example",))).names == ("xn--bcher-kva.example",)


@pytest.mark.parametrize("name", ["", "a b", "https://localhost", "x" * 300, "ü" * 70, "a..b\n"])
def test_what_is_no_name_is_refused(name: str) -> None:
    """With the name and what to write instead."""
    with pytest.raises(UsageError, match="can't name"):
        minted(TlsConfig(names=(name,)))


def test_unknown_keys_and_versions_are_refused() -> None:
    """They can't come from a valid scenario; who calls this in Python is told."""
    with pytest.raises(UsageError, match="no such kind of key: 'dsa'"):
        minted(TlsConfig(key="dsa"))
    config = TlsConfig(minimum_version="2.0")
    with pytest.raises(UsageError, match="no such version"):
        server_context(minted(config), config)


def test_no_two_certificates_share_a_serial_number() -> None:
    """Not even those of one authority at one moment."""
    authority = Authority()
    ones = [
        minted(TlsConfig(issuer=issuer), authority)
        for issuer in ("self", "ca", "untrusted")
        for _ in range(5)
    ]
    serials = {x509.load_pem_x509_certificate(one.certificate_pem.encode()).serial_number for one in ones}
    assert len(serials) == 15


def test_an_untrusted_certificate_shares_no_key_with_a_trusted_one() -> None:
    """Or a client that trusts the one could be led to the other."""
    for key in ("ec-p256", "rsa-2048"):
        one, other = (minted(TlsConfig(key=key, issuer=issuer)) for issuer in ("self", "untrusted"))
        assert one.key_pem != other.key_pem
        assert other.anchor_pem is None


def test_a_bundle_holds_the_ca_and_what_anchors_itself() -> None:
    """Once each; nothing of what is untrusted."""
    authority = Authority()
    ones = [minted(TlsConfig(issuer=issuer), authority) for issuer in ("self", "ca", "untrusted", "self")]
    bundle = trust_bundle(authority, ones)
    assert bundle.count("BEGIN CERTIFICATE") == 3
    assert ones[2].certificate_pem not in bundle
    assert trust_bundle(authority, []) == authority.certificate_pem


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_versions_are_kept_to_and_http_2_is_not_offered(version: str) -> None:
    """No ALPN, whatever a client offers."""
    config, authority = TlsConfig(minimum_version=version, maximum_version=version), Authority()
    one = minted(config, authority)
    context = client(trust_bundle(authority, [one]))
    context.set_alpn_protocols(["h2", "http/1.1"])
    session = shake(server_context(one, config), context, "localhost")
    assert session.version() == f"TLSv{version}"
    assert session.selected_alpn_protocol() is None


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_versions_can_be_spoken() -> None:
    """To a client that still speaks them."""
    config = TlsConfig(minimum_version="1.0", maximum_version="1.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    assert shake(server_context(minted(config), config), context, "localhost").version() == "TLSv1.1"


def test_no_key_stays_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `ssl` could read only from a file is gone when the context is there."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    config = TlsConfig()
    server_context(minted(config), config)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(CannotRun, match="TMPDIR"):
        server_context(minted(config), config)


# -- kept between runs ---------------------------------------------------------------------------------------


def test_what_is_kept_is_trusted_once(tmp_path: Path) -> None:
    """A second run has the same CA and the same self-signed certificate, virtual clock or not."""
    state = tmp_path / "state"
    first = minted(TlsConfig(), Authority(state))
    again = minted(TlsConfig(), Authority(state), virtual_now=FROZEN_START + 5 * DAY)
    assert again.certificate_pem == first.certificate_pem
    assert again.key_pem == first.key_pem
    assert again.not_after - first.not_after == pytest.approx(5 * DAY, abs=60)
    assert Authority(state).certificate_pem == Authority(state).certificate_pem
    other = minted(TlsConfig(key="ec-p384"), Authority(state))
    assert other.certificate_pem != first.certificate_pem


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_kept_keys_are_private(tmp_path: Path) -> None:
    """Mode 0600, in a folder that is the user's own."""
    state = tmp_path / "state"
    minted(TlsConfig(), Authority(state))
    assert Authority(state).certificate_pem
    keys = list(state.glob("*key.pem"))
    assert len(keys) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in keys} == {0o600}
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_a_kept_certificate_is_renewed_at_half_its_life(tmp_path: Path) -> None:
    """So that one asked for two years does not have a day left."""
    first = minted(TlsConfig(), Authority(tmp_path))
    early = minted(TlsConfig(), Authority(tmp_path), wall_now=wall_now() + 300 * DAY)
    late = minted(TlsConfig(), Authority(tmp_path), wall_now=wall_now() + 400 * DAY)
    assert early.certificate_pem == first.certificate_pem != late.certificate_pem


@pytest.mark.parametrize(
    "config", [TlsConfig(issuer="ca"), TlsConfig(issuer="untrusted"), TlsConfig(valid=(-2 * DAY, -DAY))]
)
def test_only_what_is_worth_trusting_is_kept(tmp_path: Path, config: TlsConfig) -> None:
    """Not what the CA vouches for, nobody trusts, or is over."""
    assert (
        minted(config, Authority(tmp_path)).certificate_pem
        != minted(config, Authority(tmp_path)).certificate_pem
    )
    assert not list(tmp_path.glob("host-*"))


@pytest.mark.parametrize("damage", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_damaged_ca_is_not_silently_replaced(tmp_path: Path, damage: bytes) -> None:
    """Somebody trusts it; the message says what to do."""
    assert Authority(tmp_path).certificate_pem
    (tmp_path / "ca.pem").write_bytes(damage)
    with pytest.raises(UsageError, match=r"ca\.pem is damaged.*; remove ca\.pem"):
        Authority(tmp_path).signer()


def test_a_ca_and_a_key_that_do_not_belong_together(tmp_path: Path) -> None:
    """Are damage, too."""
    assert Authority(tmp_path / "a").certificate_pem
    assert Authority(tmp_path / "b").certificate_pem
    (tmp_path / "a" / "ca-key.pem").write_bytes((tmp_path / "b" / "ca-key.pem").read_bytes())
    with pytest.raises(UsageError, match="not that of ca-key"):
        Authority(tmp_path / "a").signer()


def test_a_ca_that_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten years."""
    assert Authority(tmp_path).certificate_pem
    then = wall_now() + 3_651 * DAY
    monkeypatch.setattr("mockhost.clock.wall_now", lambda: then)
    with pytest.raises(UsageError, match="is over"):
        Authority(tmp_path).signer()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A message, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotRun, match="can't be written"):
        Authority(tmp_path / "file" / "state").signer()


# -- what a running host presents ----------------------------------------------------------------------------


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock("frozen")


@pytest.fixture
def certificates(clock: VirtualClock) -> Iterator[Certificates]:
    one = Certificates(Authority(), clock)
    yield one
    one.close()


def verdict(certificates: Certificates) -> int:
    """What a client that reads the bundle now has against the certificate now."""
    context = certificates.offer()[1]
    assert context is not None
    try:
        shake(context, client(certificates.bundle_file.read_text()), "localhost")
    except ssl.SSLCertVerificationError as problem:
        return problem.verify_code
    return 0


def test_a_certificate_expires_with_the_virtual_clock(
    certificates: Certificates, clock: VirtualClock
) -> None:
    """`advance 731d` really expires it, and configuring it anew cures that."""
    certificates.configure(TlsConfig())
    assert (verdict(certificates), certificates.describe()["state"]) == (0, "valid")
    clock.advance(729 * DAY)
    assert (verdict(certificates), certificates.describe()["state"]) == (0, "valid")
    clock.advance(2 * DAY)
    assert (verdict(certificates), certificates.describe()["state"]) == (10, "expired")
    certificates.configure(TlsConfig())
    assert (verdict(certificates), certificates.describe()["not_before"]) == (0, "2028-01-01T00:00:00.000Z")


def test_a_certificate_becomes_valid_with_the_virtual_clock(
    certificates: Certificates, clock: VirtualClock
) -> None:
    """The other end of its life."""
    certificates.configure(TlsConfig(valid=(3600.0, DAY)))
    assert (verdict(certificates), certificates.describe()["state"]) == (9, "not yet valid")
    clock.advance(3600)
    assert verdict(certificates) == 0


def test_the_dates_on_the_wall_follow_the_virtual_ones(
    certificates: Certificates, clock: VirtualClock
) -> None:
    """A tool that tells how many days are left tells the scenario's."""
    certificates.configure(TlsConfig())
    clock.advance(700 * DAY)
    one = certificates.minted
    assert one is not None
    assert one.wall_not_after - wall_now() == pytest.approx(30 * DAY, abs=60)
    assert certificates.describe()["not_after"] == "2028-01-01T00:00:00.000Z"


def test_a_client_that_trusts_the_certificate_goes_on_trusting_it(
    certificates: Certificates, clock: VirtualClock
) -> None:
    """A little time, or a reset, changes neither the certificate nor the context."""
    certificates.configure(TlsConfig())
    before = certificates.offer()
    clock.advance(3600)
    assert certificates.offer() == before
    clock.restart()
    certificates.configure(TlsConfig())
    assert certificates.offer() == before
    assert not certificates.refresh()


def test_a_reset_undoes_the_ageing(certificates: Certificates, clock: VirtualClock) -> None:
    """Back at the start, the certificate is as it was configured."""
    certificates.configure(TlsConfig())
    clock.advance(731 * DAY)
    assert certificates.refresh()
    clock.restart()
    certificates.configure(TlsConfig())
    assert (verdict(certificates), certificates.describe()["not_after"]) == (0, "2028-01-01T00:00:00.000Z")


def test_what_was_kept_comes_back_after_a_reset(tmp_path: Path, clock: VirtualClock) -> None:
    """With a folder, the certificate that people trust is on the port again."""
    certificates = Certificates(Authority(tmp_path), clock)
    certificates.configure(TlsConfig())
    first = certificates.minted
    clock.advance(731 * DAY)
    assert verdict(certificates) == 10
    clock.restart()
    certificates.configure(TlsConfig())
    assert first is not None
    assert certificates.minted is not None
    assert certificates.minted.certificate_pem == first.certificate_pem
    assert certificates.bundle_file == tmp_path / "trust.pem"
    certificates.close()
    assert (tmp_path / "trust.pem").exists()


@pytest.mark.parametrize("mode", ["none", "plain_http"])
def test_modes_without_a_certificate(certificates: Certificates, mode: str) -> None:
    """Offer no context, describe no certificate; the bundle is still a bundle."""
    certificates.configure(TlsConfig(mode=mode))
    assert certificates.offer() == (mode, None)
    assert certificates.describe() == {"mode": mode}
    assert certificates.minted is None
    assert "BEGIN CERTIFICATE" in certificates.bundle_file.read_text()


def test_before_anything_is_configured_nothing_is_offered(certificates: Certificates) -> None:
    """A bound port without a certificate."""
    assert certificates.offer() == ("none", None)
    assert certificates.describe() == {"mode": "none"}


def test_the_bundle_follows_every_change_and_goes_at_the_end(certificates: Certificates) -> None:
    """The file keeps its name; a client that reads it again trusts what is on the port now."""
    certificates.configure(TlsConfig())
    file = certificates.bundle_file
    before = file.read_text()
    certificates.configure(TlsConfig(issuer="untrusted"))
    assert file.read_text() != before
    assert verdict(certificates) == 18
    certificates.configure(TlsConfig(issuer="ca"))
    assert verdict(certificates) == 0
    assert certificates.bundle_file == file
    certificates.close()
    certificates.close()
    assert not file.parent.exists()


def test_a_configuration_that_cannot_be_changes_nothing(certificates: Certificates) -> None:
    """The port goes on presenting what it had."""
    certificates.configure(TlsConfig())
    before = certificates.offer()
    with pytest.raises(UsageError):
        certificates.configure(TlsConfig(names=("no name",)))
    assert certificates.offer() == before


def test_a_session_of_an_older_certificate_does_not_resume(certificates: Certificates) -> None:
    """Or a client would never notice that the certificate has changed."""
    versions = {"minimum_version": "1.2", "maximum_version": "1.2"}
    certificates.configure(TlsConfig(**versions))  # type: ignore[arg-type]
    context = client(certificates.bundle_file.read_text())
    old = certificates.offer()[1]
    assert old is not None
    session = shake(old, context, "localhost").session
    assert session is not None
    certificates.configure(TlsConfig(issuer="untrusted", **versions))  # type: ignore[arg-type]
    new = certificates.offer()[1]
    assert new is not None
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = context.wrap_bio(to_client, to_server, server_hostname="localhost", session=session)
    theirs = new.wrap_bio(to_server, to_client, server_side=True)
    with pytest.raises(ssl.SSLCertVerificationError):  # noqa: PT012 - the two sides take turns until one refuses
        for side in (ours, theirs) * 5:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_minting_on_many_threads_gives_one_authority(run_in_threads: Callable[..., list[object]]) -> None:
    """Whoever asks first mints it."""
    authority = Authority()
    assert len(set(run_in_threads(lambda: authority.certificate_pem))) == 1


@pytest.fixture
def run_in_threads() -> Callable[..., list[object]]:
    from concurrent.futures import ThreadPoolExecutor

    def run(action: Callable[[], object], count: int = 8) -> list[object]:
        with ThreadPoolExecutor(count) as pool:
            return [future.result(30) for future in [pool.submit(action) for _ in range(count)]]

    return run
