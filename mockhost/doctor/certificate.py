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
    except (ValueError, IndexError, OverflowError):
        return None
    return Judged(_dates(facts), _name(facts, host), _usage(facts, certificate))


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
    names = ", ".join([*facts.dns_names, *addresses][:4]) or "no alternative name"
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


def chain_problem(url_host: str, port: int, ca_file: str | None, timeout: float) -> str:
    """Why the issuer is not trusted, in OpenSSL's words with its number; '' if it is. Raises OSError for `ca_file`."""
    from mockhost.client.observation import client_context
    from mockhost.client.wire import Refused, Tls, Unreachable, connect
    from mockhost.clock import monotonic

    context = client_context(ca_file, ("ca",))
    context.check_hostname = False
    try:
        tcp = connect(url_host, port, monotonic() + timeout)
    except (Refused, Unreachable):
        return ""
    try:
        tls = Tls(tcp, context, url_host)
        tls.handshake()
        tls.say_goodbye()
    except ssl.SSLCertVerificationError as problem:
        if peer.first_reason(problem) == "tls_untrusted":
            return f"{problem.verify_message} (OpenSSL code {problem.verify_code})"
    finally:
        tcp.close()
    return ""
