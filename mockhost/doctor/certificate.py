"""One certificate, each property judged by itself."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from typing import NamedTuple

from mockhost.client import peer
from mockhost.clock import wall_now

DAY = 86_400.0
_SOON = 30 * DAY
_LEAST_RSA = 2_048
_LEAST_EC = 224
_WEAK = ("md5", "sha1")


class Judged(NamedTuple):
    """Each property as (status, what was seen); see `patient.Finding` for the statuses."""

    dates: tuple[str, str]
    name: tuple[str, str]
    usage: tuple[str, str]


def judge(der: bytes, host: str) -> Judged | None:
    """Judge the certificate of `host`; None if it can't be read."""
    from cryptography import x509

    try:
        certificate = x509.load_der_x509_certificate(der)
        facts = peer.facts(der)
        return Judged(_dates(facts), _name(facts, host), _usage(facts, certificate))
    except (ValueError, TypeError, IndexError, OverflowError, OSError, x509.InvalidVersion):
        return None


def _dates(facts: peer.Facts) -> tuple[str, str]:
    now = wall_now()
    day = datetime.datetime.fromtimestamp(facts.not_after, datetime.UTC).date().isoformat()
    if now >= facts.not_after:
        return "fail", f"expired on {day}, {_days(now - facts.not_after)} ago"
    if now < facts.not_before:
        begins = datetime.datetime.fromtimestamp(facts.not_before, datetime.UTC).date().isoformat()
        return "fail", f"not valid before {begins}, in {_days(facts.not_before - now)}"
    left = _days(facts.not_after - now)
    return ("warn" if facts.not_after - now < _SOON else "pass"), f"valid until {day}, {left} left"


def _days(seconds: float) -> str:
    days = round(seconds / DAY)
    return "1 day" if days == 1 else f"{days} days"


def _name(facts: peer.Facts, host: str) -> tuple[str, str]:
    addresses = [str(ipaddress.ip_address(raw)) for raw in facts.addresses if len(raw) in (4, 16)]
    every = [f"{name[:60]}…" if len(name) > 61 else name for name in (*facts.dns_names, *addresses)]
    more = f" and {len(every) - 4} more" if len(every) > 4 else ""
    names = ", ".join(every[:4]) + more or "no name (it has no alternative names, and clients read no others)"
    return (
        ("pass", f"is for {names}") if peer.is_named(facts, host) else ("fail", f"is for {names}, not {host}")
    )


def _usage(facts: peer.Facts, certificate: object) -> tuple[str, str]:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    assert isinstance(certificate, x509.Certificate)
    problems = []
    if facts.usages is not None and not facts.usages & peer.FOR_SERVERS:
        problems.append("it is not for server authentication")
    try:
        key = certificate.public_key()
        digest = certificate.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        return "fail", "its key or signature has an algorithm that is not known here"
    if isinstance(key, rsa.RSAPublicKey):
        seen, weak = f"RSA {key.key_size}", key.key_size < _LEAST_RSA
    elif isinstance(key, ec.EllipticCurvePublicKey):
        seen, weak = f"EC {key.key_size}", key.key_size < _LEAST_EC
    else:
        seen, weak = type(key).__name__.removesuffix("PublicKey").lstrip("_"), False
    if weak:
        problems.append(f"its key is short: {seen}")
    if digest is not None and digest.name in _WEAK:
        problems.append(f"it is signed with {digest.name}")
    if problems:
        return "fail", "; ".join(problems)
    return "pass", f"server authentication, {seen}, {digest.name if digest else 'no digest'}"


def chain(host: str, port: int, ca_file: str | None, timeout: float) -> tuple[str, str]:
    """Whether the issuer is trusted, as (status, what was seen); if it is not, in OpenSSL's words with its number.

    The name, the dates and the strength of the key are not judged here. Raises UnusableTrust for `ca_file`,
    and TimeoutError.
    """
    from mockhost.client.observation import ANY_STRENGTH, client_context
    from mockhost.client.wire import Refused, Tls, Unreachable, connect
    from mockhost.clock import monotonic

    context = client_context(ca_file, ("ca",))
    context.check_hostname = False
    context.set_ciphers(ANY_STRENGTH)
    try:
        tcp = connect(host, port, monotonic() + timeout)
    except (Refused, Unreachable):
        return "fail", "the second connection was refused, after the first was not"
    try:
        tls = Tls(tcp, context, host)
        if not tls.handshake():
            return "fail", f"the second handshake failed, after the first did not: {tls.alert or tls.ended}"
        tls.say_goodbye()
    except ssl.SSLCertVerificationError as problem:
        if peer.first_reason(problem) == "tls_untrusted":
            return "fail", f"{problem.verify_message} (OpenSSL code {problem.verify_code})"
    finally:
        tcp.close()
    return "pass", f"trusted by {ca_file or 'this machine'}"
