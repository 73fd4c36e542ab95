"""The host under examination: every look at it is made once, within one deadline, and changes nothing.

The secret token is sent only over a connection whose certificate was accepted. What can be asked without it is asked
without checking the certificate, so that one mistake does not hide the next.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
import ssl
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from mockhost.client import dialect, peer
from mockhost.client.observation import (
    ANY_STRENGTH,
    Endpoint,
    Observation,
    client_context,
    endpoint,
    exchange,
)
from mockhost.client.printing import hider
from mockhost.client.wire import Refused, Tls, Unreachable, connect
from mockhost.clock import fresh_guid, monotonic, wall_now

BODY_LIMIT = 4 << 20
"""Bytes of an answer that are read."""
WRONG_TOKEN = "mockhost-doctor-wrong-token"
_NAME = re.compile(r"/ecma2host_([^/]*)/scim/?")


class OutOfTime(Exception):
    """The examination has to end, so the time left was too short to say anything about the host."""


class Look(NamedTuple):
    """What a bare connection shows: TCP, then TLS without judging the certificate."""

    tcp: str
    """open | refused | unreachable | timeout | unsent"""
    detail: str = ""
    addresses: tuple[str, ...] = ()
    tls: str = ""
    """the version spoken; '' if there was no handshake"""
    ended: str = ""
    """how the connection ended if there was none: rst | fin | close_notify | alert | not_tls | timeout"""
    alert: str = ""
    der: bytes | None = None


class Patient:
    """A tenant URL, the client's configuration for it, and what was seen so far.

    Times are seconds. `deadline` is by `clock.monotonic()`; no look lasts past it, nor longer than `timeout`.
    """

    def __init__(
        self,
        url: str,
        secret_token: str | None,
        ca_file: str | None,
        *,
        timeout: float,
        deadline: float,
        attributes: Sequence[str] = (),
    ) -> None:
        self.url = url
        self.secret_token = secret_token
        self.ca_file = ca_file
        self.attributes = tuple(attributes)
        self._timeout = timeout
        self.deadline = deadline
        self.seen: dict[str, Observation] = {}
        """the answers so far, by what was asked"""
        self._look: Look | None = None
        self.guid = fresh_guid()
        self._hide = hider(secret_token)

    @property
    def left(self) -> float:
        """Seconds until the examination has to end."""
        return self.deadline - monotonic()

    @property
    def secure(self) -> bool:
        """Whether the URL is https."""
        return urlsplit(self.url).scheme == "https"

    @property
    def endpoint(self) -> Endpoint:
        """Where the URL leads. Raises ValueError."""
        return endpoint(self.url)

    @property
    def connector(self) -> str:
        """The connector's name in the URL, or ''."""
        found = _NAME.fullmatch(urlsplit(self.url).path)
        return found[1] if found else ""

    @property
    def probe_query(self) -> list[str]:
        """The search for a user that does not exist: by Entra's placeholder, or by userName on another service."""
        own = "/ecma2host_" in self.url
        return dialect.probe(self.guid, dialect.PROBE_ATTRIBUTE if own else "userName")

    # -- looks -----------------------------------------------------------------------------------------------

    def look(self) -> Look:
        """Connect, and shake hands without judging the certificate."""
        if self._look is None:
            self._look = self._looked()
        return self._look

    def _looked(self) -> Look:
        where = self.endpoint
        deadline = min(self.deadline, monotonic() + self._timeout)
        try:
            tcp = connect(where.host, where.port, deadline)
        except Refused:
            return Look("refused")
        except Unreachable as problem:
            return Look("unreachable", str(problem))
        except TimeoutError as late:
            return Look("timeout", str(late))
        try:
            look = Look("open", addresses=(str(tcp.sock.getpeername()[0]),))
        except OSError:
            look = Look("open")
        if not self.secure:
            tcp.close()
            return look
        try:
            tls = Tls(tcp, client_context(None, ("anything",)), where.host)
            if not tls.handshake():
                return look._replace(ended=tls.ended, alert=tls.alert, detail=tls.problem)
            der = tls.certificate()
            tls.say_goodbye()
            return look._replace(tls=tls.version, der=der)
        except TimeoutError:
            return look._replace(ended="timeout")
        except (ssl.SSLError, OSError, ValueError) as problem:
            return look._replace(ended="fin", detail=str(problem))
        finally:
            tcp.close()

    def get(
        self,
        name: str,
        path: str,
        query: Sequence[str] = (),
        *,
        token: str | None = None,
        url: str | None = None,
        method: str = "GET",
        document: object = None,
        host: str | None = None,
    ) -> Observation:
        """Ask once and remember the answer as `name`. The token given is sent only if the certificate is accepted.

        Raises OutOfTime if no answer came, but the host had answered before and had less time for this one.
        """
        if name in self.seen:
            return self.seen[name]
        base = dialect.base_of(url or self.url)
        headers: list[tuple[str, str]] = [] if token is None else [("Authorization", f"Bearer {token}")]
        if host is not None:
            headers.append(("Host", host))
        body = None
        if document is not None:
            body = dialect.as_json(document)
            headers.append(("Content-Type", dialect.CONTENT_TYPE))
        known_secret = token is not None and token != WRONG_TOKEN
        allowed = max(0.05, min(self._timeout, self.left))
        seen = exchange(
            self.url,
            method,
            base.target(path, query),
            headers,
            body,
            ca_file=self.ca_file if known_secret else None,
            timeout=allowed,
            trusts=("ca",) if known_secret else ("anything",),
            body_limit=BODY_LIMIT,
        )
        if seen.ends == "no_answer_within" and allowed < self._timeout and self._answered():
            raise OutOfTime
        self.seen[name] = seen.hidden(self._hide)  # our own token
        return self.seen[name]

    def _answered(self) -> bool:
        return any(seen.status is not None and seen.complete for seen in self.seen.values())

    # -- what is asked -----------------------------------------------------------------------------------------

    def bare(self) -> Observation:
        """The probe without a token."""
        return self.get("probe without token", "/Users", self.probe_query)

    def wrong(self) -> Observation:
        """The probe with a token that is certainly wrong."""
        return self.get("probe with a wrong token", "/Users", self.probe_query, token=WRONG_TOKEN)

    def probe(self) -> Observation:
        """The probe, as Entra sends it."""
        return self.get("probe", "/Users", self.probe_query, token=self.secret_token)

    def page(self) -> Observation:
        """The first few users, without a filter."""
        query = dialect.query(start_index=1, count=5)
        return self.get("first users", "/Users", query, token=self.secret_token)

    def schemas(self) -> Observation:
        """The schemas, as the portal asks for them."""
        return self.get("schemas", "/Schemas", token=self.secret_token)

    def schema_attributes(self) -> Mapping[str, Mapping[str, object]]:
        """Every attribute of every schema by its full name: URN, colon, name. Empty unless it could be read."""
        document = self.schemas().json()
        rows = document.get("Resources") if isinstance(document, dict) else document
        found: dict[str, Mapping[str, object]] = {}
        for schema in rows if isinstance(rows, list) else []:
            if not isinstance(schema, dict) or not isinstance(schema.get("attributes"), list):
                continue
            for attribute in schema["attributes"]:
                if isinstance(attribute, dict) and isinstance(attribute.get("name"), str):
                    found[f"{schema.get('id')}:{attribute['name']}"] = attribute
        return found


class Finding(NamedTuple):
    """What a check found."""

    status: str
    """pass | warn | fail | info | skip | error (the check itself failed)"""
    saw: str
    blocked_by: str = ""
    """the code of the check because of which this one was skipped"""


def passed(saw: str) -> Finding:
    """The check found nothing wrong."""
    return Finding("pass", saw)


def warned(saw: str) -> Finding:
    """The check found something that works but should be changed."""
    return Finding("warn", saw)


def failed(saw: str) -> Finding:
    """The check found what breaks provisioning."""
    return Finding("fail", saw)


def noted(saw: str) -> Finding:
    """The check does not apply here, or can't tell."""
    return Finding("info", saw)


# -- its certificate: each property is judged by itself --------------------------------------------------------

DAY = 86_400.0
_SOON = 30 * DAY
_LEAST_RSA = 2_048
_LEAST_EC = 224
_WEAK = ("md5", "sha1")


class Judged(NamedTuple):
    """Each property as (status, what was seen); see `Finding` for the statuses."""

    dates: tuple[str, str]
    name: tuple[str, str]
    usage: tuple[str, str]


def judge_certificate(der: bytes, host: str) -> Judged | None:
    """Judge the certificate of `host`; None if it can't be read."""
    from cryptography import x509

    try:
        certificate = x509.load_der_x509_certificate(der)
        facts = peer.facts(der)
        return Judged(_judge_dates(facts), judge_name(facts, host), _judge_usage(facts, certificate))
    except (ValueError, TypeError, IndexError, OverflowError, OSError, x509.InvalidVersion):
        return None


def _judge_dates(facts: peer.Facts) -> tuple[str, str]:
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


def judge_name(facts: peer.Facts, host: str) -> tuple[str, str]:
    addresses = [str(ipaddress.ip_address(raw)) for raw in facts.addresses if len(raw) in (4, 16)]
    every = [f"{name[:60]}…" if len(name) > 61 else name for name in (*facts.dns_names, *addresses)]
    more = f" and {len(every) - 4} more" if len(every) > 4 else ""
    names = ", ".join(every[:4]) + more or "no name (it has no alternative names, and clients read no others)"
    return (
        ("pass", f"is for {names}") if peer.is_named(facts, host) else ("fail", f"is for {names}, not {host}")
    )


def _judge_usage(facts: peer.Facts, certificate: object) -> tuple[str, str]:
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


def judge_chain(host: str, port: int, ca_file: str | None, timeout: float) -> tuple[str, str]:
    """Whether the issuer is trusted, as (status, what was seen); if it is not, in OpenSSL's words with its number.

    The name, the dates and the strength of the key are not judged here. Raises UnusableTrust for `ca_file`,
    and TimeoutError.
    """
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
