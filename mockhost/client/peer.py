"""Why a client refuses a certificate: every reason, not only the first.

OpenSSL stops at one fault, in an order of its own: the chain, the usage, the name, the dates. Its code for
the first handshake therefore tells whether the chain is trusted; usage, name and dates are then judged here
one by one, on the certificate that a second handshake without verification fetches. Python decodes no
certificate that it has not verified, so the few fields that matter are read from the DER form here (RFC 5280
4.1, ITU-T X.690 8).
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from typing import NamedTuple

from mockhost.clock import wall_now

REASONS = ("tls_untrusted", "tls_usage", "tls_name", "tls_not_yet_valid", "tls_expired")
"""Everything that can be wrong with a certificate, in OpenSSL's order."""

_BY_CODE = {9: "tls_not_yet_valid", 10: "tls_expired", 26: "tls_usage", 62: "tls_name", 64: "tls_name"}
"""X509_V_ERR codes that are not about the chain (openssl/x509_vfy.h)."""

_SEQUENCE, _OID, _OCTETS, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0x06, 0x04, 0x17, 0x18
_VERSION, _EXTENSIONS, _DNS_NAME, _IP_ADDRESS = 0xA0, 0xA3, 0x82, 0x87
_ALTERNATIVE_NAMES, _EXTENDED_USAGE = b"\x55\x1d\x11", b"\x55\x1d\x25"
FOR_SERVERS = frozenset({b"\x2b\x06\x01\x05\x05\x07\x03\x01", b"\x55\x1d\x25\x00"})
"""1.3.6.1.5.5.7.3.1 serverAuth and 2.5.29.37.0 anyExtendedKeyUsage."""


class Facts(NamedTuple):
    """What a certificate says of itself. Dates are seconds since 1970."""

    not_before: float
    not_after: float
    dns_names: tuple[str, ...] = ()
    addresses: tuple[bytes, ...] = ()
    usages: frozenset[bytes] | None = None
    """object identifiers, encoded; None where every usage is allowed"""


def first_reason(problem: ssl.SSLCertVerificationError) -> str:
    """What OpenSSL stopped at; every code about chains and signatures is a want of trust."""
    return _BY_CODE.get(problem.verify_code, "tls_untrusted")


def reasons(problem: ssl.SSLCertVerificationError, der: bytes | None, host: str) -> tuple[str, ...]:
    """All reasons to refuse the certificate `der` of `host`, at least the one that OpenSSL gave."""
    found = {first_reason(problem)}
    if der is not None:
        # Where it can't be read, what OpenSSL said of it has to do.
        with contextlib.suppress(ValueError, IndexError, OverflowError):
            found |= _judged(facts(der), host)
    return tuple(reason for reason in REASONS if reason in found)


def _judged(certificate: Facts, host: str) -> set[str]:
    now = wall_now()
    verdicts = {
        "tls_expired": now >= certificate.not_after,
        "tls_not_yet_valid": now < certificate.not_before,
        "tls_usage": certificate.usages is not None and not certificate.usages & FOR_SERVERS,
        "tls_name": not is_named(certificate, host),
    }
    return {reason for reason, wrong in verdicts.items() if wrong}


def is_named(certificate: Facts, host: str) -> bool:
    """Whether it is for `host` (RFC 6125 6.4): alternative names only, `*` for one whole label."""
    try:
        return ipaddress.ip_address(host).packed in certificate.addresses
    except ValueError:
        wanted = host.lower().rstrip(".")
    for name in certificate.dns_names:
        pattern = name.lower().rstrip(".")
        if pattern == wanted or (pattern[:2] == "*." and wanted.partition(".")[2] == pattern[2:]):
            return True
    return False


def facts(der: bytes) -> Facts:
    """Read a certificate. Raises ValueError or IndexError where it is none."""
    (_, to_be_signed), *_ = _values(_only(der, _SEQUENCE))
    fields = [field for field in _values(to_be_signed) if field[0] != _VERSION]
    _serial, _algorithm, _issuer, validity, _subject, _key, *rest = fields
    begins, ends = (_time(tag, value) for tag, value in _values(validity[1]))
    certificate = Facts(begins, ends)
    for tag, value in rest:
        if tag == _EXTENSIONS:
            for _, extension in _values(_only(value, _SEQUENCE)):
                certificate = _with_extension(certificate, extension)
    return certificate


def _with_extension(certificate: Facts, extension: bytes) -> Facts:
    fields = list(_values(extension))
    (tag, identifier), (octets_tag, octets) = fields[0], fields[-1]
    if tag != _OID or octets_tag != _OCTETS:
        raise ValueError("an extension is not what RFC 5280 says")
    if identifier == _EXTENDED_USAGE:
        return certificate._replace(usages=frozenset(value for _, value in _values(_only(octets, _SEQUENCE))))
    if identifier == _ALTERNATIVE_NAMES:
        names = list(_values(_only(octets, _SEQUENCE)))
        return certificate._replace(
            dns_names=tuple(value.decode("latin-1") for tag, value in names if tag == _DNS_NAME),
            addresses=tuple(value for tag, value in names if tag == _IP_ADDRESS),
        )
    return certificate


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The (tag, content) pairs of a constructed value. ValueError or IndexError where they don't fit."""
    at = 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + size > len(data):
            raise ValueError("a value is longer than what it is in")
        yield tag, data[at : at + size]
        at += size


def _only(data: bytes, tag: int) -> bytes:
    """The content of the one value that `data` is."""
    ((found, content),) = _values(data)
    if found != tag:
        raise ValueError(f"tag {found:#x} instead of {tag:#x}")
    return content


def _time(tag: int, value: bytes) -> float:
    """RFC 5280 4.1.2.5: two digits of a year up to 49 belong to the 21st century, others to the 20th."""
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        text = ("20" if text[:2] < "50" else "19") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError(f"tag {tag:#x} is not a time")
    moment = datetime.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.UTC)
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)).total_seconds()
