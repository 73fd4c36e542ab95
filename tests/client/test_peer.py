"""A refused certificate's own words are read from its DER form, and agree with what minted it."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost.client.peer import Facts, facts, is_named, reasons
from mockhost.clock import wall_now
from mockhost.tls.authority import Authority, mint
from mockhost.tls.certificate import Minted
from mockhost.tls.config import TlsConfig

DAY = 86_400.0


def minted(**config: object) -> Minted:
    now = wall_now()
    return mint(TlsConfig(**config), authority=Authority(), virtual_now=now, wall_now=now)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["ec-p256", "ec-p384", "rsa-2048"])
@pytest.mark.parametrize("issuer", ["self", "ca"])
@pytest.mark.parametrize(
    "valid", [(-DAY, 730 * DAY), (-20_000 * DAY, -19_000 * DAY), (9_000 * DAY, 30_000 * DAY)]
)
def test_dates_and_names_are_read_as_they_were_written(
    key: str, issuer: str, valid: tuple[float, float]
) -> None:
    """Dates in both of X.509's notations, DNS names and addresses of both kinds."""
    one = minted(key=key, issuer=issuer, valid=valid, names=("a.example", "10.0.0.1", "::1"))
    read = facts(ssl.PEM_cert_to_DER_cert(one.certificate_pem))
    assert (read.not_before, read.not_after) == (one.wall_not_before, one.wall_not_after)
    assert read.dns_names == ("a.example",)
    assert read.addresses == (bytes([10, 0, 0, 1]), bytes(15) + b"\x01")


@pytest.mark.parametrize(("usage", "count"), [("server", 1), ("client", 1), ("none", None)])
def test_usages(usage: str, count: int | None) -> None:
    """None where the certificate does not restrict them."""
    usages = facts(ssl.PEM_cert_to_DER_cert(minted(usage=usage).certificate_pem)).usages
    assert (usages if usages is None else len(usages)) == count


@pytest.mark.parametrize(
    ("name", "host", "named"),
    [
        ("localhost", "LOCALHOST.", True),
        ("*.contoso.com", "a.contoso.com", True),
        ("*.contoso.com", "a.b.contoso.com", False),
        ("*.contoso.com", "contoso.com", False),
        ("10.0.0.1", "10.0.0.1", False),
    ],
)
def test_names_match_whole_labels(name: str, host: str, named: bool) -> None:
    """RFC 6125 6.4; an address as a DNS name is no address."""
    assert is_named(Facts(0, 0, dns_names=(name,)), host) is named


@given(data=st.binary(max_size=200), cut=st.integers(0, 600), flip=st.integers(0, 600))
@settings(max_examples=200, deadline=None)
def test_what_is_no_certificate_gives_the_first_reason_only(data: bytes, cut: int, flip: int) -> None:
    """Garbage, a cut or a changed certificate never breaks the judgement."""
    der = bytearray(CERTIFICATE)
    der[flip % len(der)] ^= 0x81
    problem = ssl.SSLCertVerificationError("no")
    problem.verify_code = 18
    for one in (data, bytes(CERTIFICATE[:cut]), bytes(der), None):
        assert reasons(problem, one, "localhost")[0] == "tls_untrusted"


CERTIFICATE = ssl.PEM_cert_to_DER_cert(minted().certificate_pem)
