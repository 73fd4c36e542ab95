"""The mock's own CA, what `--state` keeps of it, and `mint`: a certificate that fits both clocks."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mockhost import clock
from mockhost.errors import UsageError
from mockhost.files import write
from mockhost.tls.certificate import (
    Minted,
    builder,
    certificate_pem,
    host_certificate,
    key_for,
    key_pem,
    key_usage,
    names_of,
    new_key,
    whole_second,
)
from mockhost.tls.config import TlsConfig

if TYPE_CHECKING:
    from cryptography import x509

    from mockhost.tls.certificate import Key

_DAY = 86_400
_CA_LIFE = 10 * 365 * _DAY


class Authority:
    """The mock's own CA, minted when first needed and valid ten years by the wall clock.

    With `state_dir` the CA (`ca.pem`, `ca-key.pem`) and the host's self-signed certificates are kept there,
    so that they are trusted once; private keys with mode 0600. Without, all of it is gone with the process.
    Raises UsageError for a folder whose CA can't be used, CannotRun where it can't be written.
    """

    def __init__(self, state_dir: Path | None = None) -> None:
        self.state_dir = state_dir
        self._lock = threading.Lock()
        self._ca: tuple[x509.Certificate, Key] | None = None
        self._pem = ""
        self._intermediate: tuple[x509.Certificate, Key] | None = None

    @property
    def certificate_pem(self) -> str:
        """The CA's certificate: what clients of a certificate with `issuer: ca` trust."""
        self.signer()
        return self._pem

    def signer(self) -> tuple[x509.Certificate, Key]:
        """The CA's certificate and key."""
        with self._lock:
            if self._ca is None:
                self._ca = self._load() or self._mint()
                self._pem = certificate_pem(self._ca[0])
            return self._ca

    def intermediate(self) -> tuple[x509.Certificate, Key]:
        """A CA that the CA has signed, and its key: for the certificate whose chain is incomplete."""
        ca, ca_key = self.signer()
        with self._lock:
            if self._intermediate is None:
                begins, ends = ca.not_valid_before_utc, ca.not_valid_after_utc
                key, wall = new_key("ec-p256"), (int(begins.timestamp()), int(ends.timestamp()))
                name = f"mockhost intermediate {clock.fresh_guid()[:8]}"
                self._intermediate = _signed_ca(name, key, wall, (ca, ca_key), path_length=0), key
            return self._intermediate

    def fork(self) -> Authority:
        """The same CA, which keeps nothing in a folder."""
        twin = Authority()
        twin._ca, twin._pem = self.signer(), self.certificate_pem
        twin._intermediate = self._intermediate
        return twin

    def client_certificate(self) -> tuple[str, str]:
        """A new certificate, signed by the CA, by which a client shows who it is, and its key: both as PEM.

        For hosts whose `client_certificate` is not `none`. It is valid as long as the CA is.
        """
        signer = self.signer()
        begins, ends = signer[0].not_valid_before_utc, signer[0].not_valid_after_utc
        wall = int(begins.timestamp()), int(ends.timestamp())
        key = new_key("ec-p256")
        certificate = host_certificate(TlsConfig(usage="client"), ("mockhost-client",), key, wall, signer)
        return certificate, key_pem(key)

    def _mint(self) -> tuple[x509.Certificate, Key]:
        key = new_key("ec-p256")
        now = int(clock.wall_now())
        # A name of its own for each CA: two of one name in a trust store are mistaken for each other.
        name = f"mockhost CA {clock.fresh_guid()[:8]}"
        certificate = _signed_ca(name, key, (now - _DAY, now + _CA_LIFE), None, path_length=1)
        if self.state_dir:
            write(self.state_dir / "ca-key.pem", key_pem(key), mode=0o600)
            write(self.state_dir / "ca.pem", certificate_pem(certificate), mode=0o644)
        return certificate, key

    def _load(self) -> tuple[x509.Certificate, Key] | None:
        if self.state_dir is None or not (self.state_dir / "ca.pem").exists():
            return None
        loaded = _load_pair(self.state_dir / "ca.pem", self.state_dir / "ca-key.pem")
        if loaded is None or loaded[0].not_valid_after_utc.timestamp() <= clock.wall_now():
            what = "is over" if loaded else "is damaged, unreadable, or not that of ca-key.pem"
            raise UsageError(
                f"the CA kept in {self.state_dir / 'ca.pem'} {what}",
                hint="remove ca.pem and ca-key.pem to have a new one made, and trust that one",
            )
        return loaded

    def _slot(self, config: TlsConfig, names: tuple[str, ...]) -> tuple[Path, Path] | None:
        if self.state_dir is None:
            return None
        asked = repr((config.key, config.usage, config.valid, names))
        stem = f"host-{config.key}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"
        return self.state_dir / f"{stem}.pem", self.state_dir / f"{stem}-key.pem"

    def kept(
        self, config: TlsConfig, names: tuple[str, ...], *, virtual_now: float, wall_now: float
    ) -> Minted | None:
        """The self-signed certificate kept for this configuration, while half of its life is left."""
        slot = self._slot(config, names)
        pair = _load_pair(*slot) if slot else None
        if pair is None:
            return None
        certificate, key = pair
        wall = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
        if wall_now < wall[0] or wall[1] - wall_now < config.valid[1] / 2:
            return None
        pem, ahead = certificate_pem(certificate), virtual_now - wall_now
        return Minted(pem, key_pem(key), pem, wall[0] + ahead, wall[1] + ahead, pem, *wall, names)

    def keep(self, config: TlsConfig, minted: Minted) -> None:
        """Keep a self-signed certificate for the next run; nothing where there is no folder."""
        if slot := self._slot(config, minted.names):
            write(slot[1], minted.key_pem, mode=0o600)
            write(slot[0], minted.certificate_pem, mode=0o644)


def _signed_ca(
    name: str, key: Key, wall: tuple[int, int], by: tuple[x509.Certificate, Key] | None, path_length: int
) -> x509.Certificate:
    """The certificate of a CA, signed by another one or, without one, by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    issuer, signing_key = by or (None, key)
    return (
        builder(name, key, wall, issuer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(key_usage(signs_certificates=True, rsa=False), critical=True)
        .sign(signing_key, hashes.SHA256())
    )


def mint(
    config: TlsConfig,
    *,
    authority: Authority,
    virtual_now: float,
    wall_now: float,
    validity: tuple[float, float] | None = None,
    extra_names: Sequence[str] = (),
) -> Minted:
    """A certificate and key for `config`, for clients whose clock reads `wall_now`.

    `validity` is the absolute virtual (not before, not after) in seconds since 1970; without it
    `config.valid` counts from `virtual_now`. A caller whose virtual clock has moved on passes the same
    `validity` with the new `virtual_now` and gets a certificate that is as much older, or over. A self-signed
    one comes from the authority's folder where that has one in the first half of its life. Raises UsageError
    for a name or key that can't be.
    """
    names = names_of(config, extra_names)
    itself = config.issuer == "self"
    if validity is not None:
        valid = validity
    elif itself and (kept := authority.kept(config, names, virtual_now=virtual_now, wall_now=wall_now)):
        return kept
    else:
        valid = (virtual_now + config.valid[0], virtual_now + config.valid[1])
    end = whole_second(wall_now, valid[1] - virtual_now)
    # A certificate can't end before it begins; one asked for so is simply over.
    wall = min(whole_second(wall_now, valid[0] - virtual_now), end), end
    key = key_for(config.key, "untrusted" if config.issuer == "untrusted" else "host")
    by_ca = config.issuer == "ca"
    ca_pem = authority.certificate_pem if by_ca else ""
    signer, chain_pem = authority.signer() if by_ca else None, ca_pem
    if by_ca and config.intermediate != "none":
        signer = authority.intermediate()
        chain_pem = certificate_pem(signer[0]) if config.intermediate == "sent" else ""
    certificate = host_certificate(config, names, key, wall, signer)
    anchor = ca_pem if by_ca else certificate if itself else None
    minted = Minted(certificate, key_pem(key), certificate + chain_pem, *valid, anchor, *wall, names)
    if itself and validity is None and config.valid[0] <= 0 < config.valid[1]:
        authority.keep(config, minted)
    return minted


def _load_pair(certificate_file: Path, key_file: Path) -> tuple[x509.Certificate, Key] | None:
    """A certificate with the key that belongs to it, or None where either can't be used."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        return None
    return (certificate, key) if certificate.public_key() == key.public_key() else None
