"""One certificate as a scenario describes it: key, names, dates and usage, right or wrong on purpose.

Sources: Microsoft Learn, "On-premises application provisioning architecture", heading "Certificates"
(self-signed, two years), and the Generic SQL connector tutorial (generated on the wizard's Settings tab; the
alternative name is the host's); RFC 5280 4.2 for the extensions, as strictly as `VERIFY_X509_STRICT` of
Python 3.13 reads them.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import ipaddress
import math
import re
import socket
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from mockhost.errors import CannotRun, UsageError, reason_of
from mockhost.files import write
from mockhost.tls.config import TlsConfig

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_EARLIEST, _LATEST = -631_152_000, 253_402_300_799
"""What a certificate's date can say: 1950-01-01 to 9999-12-31T23:59:59 (RFC 5280 4.1.2.5)."""
_DNS_NAME = re.compile(r"(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")


class Minted(NamedTuple):
    """A certificate with its key. Dates are seconds since 1970.

    The *virtual* dates are the scenario's, to be compared with the virtual clock. The *wall* dates are in
    the certificate, to be compared with a client's clock.
    """

    certificate_pem: str
    key_pem: str
    chain_pem: str
    """what the server presents: the certificate, then the CA's if that signed it"""
    not_before: float
    """virtual, as is `not_after`"""
    not_after: float
    anchor_pem: str | None
    """what a client has to trust: the certificate itself, the CA's, or nothing that could be trusted"""
    wall_not_before: float
    """as written into the certificate, as is `wall_not_after`"""
    wall_not_after: float
    names: tuple[str, ...]

    @property
    def thumbprint(self) -> str:
        """SHA-1 over the DER form, upper-case hex: what Windows and the wizard call a certificate."""
        der = ssl.PEM_cert_to_DER_cert(self.certificate_pem)
        return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()

    def load_into(self, context: ssl.SSLContext) -> None:
        """Have a context present this certificate. Raises CannotRun where no temporary file can be made."""
        from mockhost.temporary import PrivateFolder

        try:
            # `load_cert_chain` reads files only; the folder is private, and gone before anybody connects.
            with PrivateFolder() as folder:
                file = folder / "host.pem"
                write(file, self.key_pem + self.chain_pem, mode=0o600)
                context.load_cert_chain(file)
        except OSError as problem:
            raise CannotRun(
                f"the certificate can't be loaded: {reason_of(problem)}", hint="look at TMPDIR"
            ) from problem


def new_key(kind: str) -> Key:
    """A fresh private key. Raises UsageError for a kind that there is not."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if kind == "ec-p256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "ec-p384":
        return ec.generate_private_key(ec.SECP384R1())
    if match := re.fullmatch(r"rsa-(2048|3072|4096)", kind):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(match[1]))
    known = "ec-p256, ec-p384, rsa-2048, rsa-3072, rsa-4096"
    raise UsageError(f"no such kind of key: {kind!r}", hint=f"known: {known}")


@functools.cache
def _rsa_key(kind: str, purpose: str) -> Key:
    """One RSA key per size and purpose in a process: making one takes 50 ms to seconds, an EC key none."""
    return new_key(kind)


def key_for(kind: str, purpose: str) -> Key:
    """A key for a new certificate; certificates of different purposes never share one."""
    return _rsa_key(kind, purpose) if kind.startswith("rsa-") else new_key(kind)


def key_pem(key: Key) -> str:
    """PKCS #8, not encrypted."""
    from cryptography.hazmat.primitives import serialization as s

    return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode()


def certificate_pem(certificate: x509.Certificate) -> str:
    """The certificate between its BEGIN and END lines."""
    from cryptography.hazmat.primitives import serialization as s

    return certificate.public_bytes(s.Encoding.PEM).decode()


def _ascii_name(name: str) -> str:
    """An IP address in its canonical spelling, or a DNS name in its ASCII form. Raises UsageError."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        ascii_name = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_name = ""
    if not _DNS_NAME.fullmatch(ascii_name):
        hint = "give a DNS name (localhost, *.contoso.com) or an IP address"
        raise UsageError(f"a certificate can't name {name!r}", hint=hint)
    return ascii_name


def names_of(config: TlsConfig, extra_names: Sequence[str] = ()) -> tuple[str, ...]:
    """The names that a certificate of this configuration carries, in order.

    One that names `localhost` also names 127.0.0.1, ::1, this machine and `extra_names`; any other (a
    certificate for another host, say) carries exactly what the configuration says. Raises UsageError for what
    is no name.
    """
    names = [_ascii_name(name) for name in config.names]
    if "localhost" in names:
        machine = socket.gethostname()
        names += ["127.0.0.1", "::1", *([machine] if _DNS_NAME.fullmatch(machine) else [])]
        names += [_ascii_name(name) for name in extra_names]
    return tuple(dict.fromkeys(names))


def whole_second(now: float, distance: float) -> int:
    """`now` + `distance` as a whole second that lies on the same side of `now`."""
    moment = now + distance
    return min(max(math.ceil(moment) if distance > 0 else math.floor(moment), _EARLIEST), _LATEST)


def _utc(seconds: int) -> datetime.datetime:
    # Not `fromtimestamp`, which refuses years before 1970 on Windows.
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)


def builder(
    subject: str, key: Key, wall: tuple[int, int], issuer: x509.Certificate | None
) -> x509.CertificateBuilder:
    """What every certificate has: names, dates, a serial number of its own, and key identifiers."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    started = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_utc(wall[0]))
        .not_valid_after(_utc(wall[1]))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer is None:
        return started
    its = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(its)
    return started.add_extension(identifier, critical=False)


def key_usage(*, signs_certificates: bool, rsa: bool) -> x509.KeyUsage:
    """RFC 5280 4.2.1.3: a CA signs certificates, a host signs handshakes and, with RSA, may be sent a key."""
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_encipherment=rsa and not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def host_certificate(
    config: TlsConfig,
    names: tuple[str, ...],
    key: Key,
    wall: tuple[int, int],
    signer: tuple[x509.Certificate, Key] | None,
) -> str:
    """A host's certificate as PEM, signed by a CA or, without one, by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    # A common name has at most 64 characters (RFC 5280 A.1); clients look at the alternative names only.
    subject = names[0] if names and len(names[0]) <= 64 else "mock host"
    issuer, signing_key = signer or (None, key)
    started = (
        builder(subject, key, wall, issuer)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs_certificates=False, rsa=config.key.startswith("rsa-")), critical=True)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        started = started.add_extension(alternatives, critical=False)
    if config.usage != "none":
        oid = ExtendedKeyUsageOID.CLIENT_AUTH if config.usage == "client" else ExtendedKeyUsageOID.SERVER_AUTH
        started = started.add_extension(x509.ExtendedKeyUsage([oid]), critical=False)
    return certificate_pem(started.sign(signing_key, hashes.SHA256()))


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
