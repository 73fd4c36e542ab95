"""Faults of TLS: certificates, versions and handshakes that go wrong, for one connection at a time."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from mockhost.durations import seconds
from mockhost.errors import UsageError, did_you_mean
from mockhost.faults.declare import OneOf, on_connection
from mockhost.plans import ConnectionPlan
from mockhost.tls.alerts import ALERTS
from mockhost.tls.certificate import names_of
from mockhost.tls.config import AS_THE_HOST, TLS_WORDS, TlsConfig
from mockhost.tls.versions import unspoken

VERSIONS: Final = ("1.0", "1.1", "1.2", "1.3")


def _config(shorthand: str | None, **given: Any) -> TlsConfig:
    """What differs from the host's own; a property that is given wins over the shorthand."""
    values = {name: value for name, value in given.items() if value is not None}
    if "valid" in values:
        values["valid"] = tuple(seconds(moment) for moment in values["valid"])
    return TLS_WORDS.get(str(shorthand), AS_THE_HOST)._replace(**values)


def _problem(shorthand: str | None, **given: Any) -> str | None:
    if shorthand is not None and shorthand not in TLS_WORDS:
        return f"there is no shorthand {shorthand!r}; {did_you_mean(shorthand, TLS_WORDS)}"
    if shorthand is None and all(value is None for value in given.values()):
        return "it changes nothing; say what is wrong, e.g. {tls: expired} or {tls: {names: [other.contoso.com]}}"
    return (
        _problem_of_names(given["names"])
        or _problem_of_dates(given["valid"])
        or _problem_of_versions(given["minimum_version"], given["maximum_version"])
    )


def _problem_of_names(names: tuple[str, ...] | None) -> str | None:
    if names is None:
        return None
    if not names:
        return "names needs at least one"
    try:
        names_of(AS_THE_HOST._replace(names=names))
    except UsageError as problem:
        return str(problem)
    return None


def _problem_of_dates(valid: tuple[str, ...] | None) -> str | None:
    if valid is None:
        return None
    try:
        begins, ends = (seconds(moment) for moment in valid)
    except ValueError:
        return f"valid is two moments relative to now, such as [-1d, 730d], not {list(valid)!r}"
    return None if begins < ends else "the certificate ends before it begins; write [-1d, 730d]"


def _problem_of_versions(lowest: object, highest: object) -> str | None:
    for name, given in (("minimum_version", lowest), ("maximum_version", highest)):
        if given is not None and given not in VERSIONS:
            quoted = "; quote it" if str(given) in VERSIONS else ""
            return f"{name} is one of {', '.join(map(repr, VERSIONS))}, not {given!r}{quoted}"
    if None not in (lowest, highest) and VERSIONS.index(str(lowest)) > VERSIONS.index(str(highest)):
        return f"the oldest version, {lowest}, is newer than the newest, {highest}"
    return unspoken(str(highest)) if highest in VERSIONS[:2] else None


@on_connection(main="shorthand", check=_problem)
def tls(
    shorthand: Annotated[str | None, OneOf(TLS_WORDS)] = None,
    names: tuple[str, ...] | None = None,
    valid: tuple[str, ...] | None = None,
    issuer: Literal["self", "ca", "untrusted"] | None = None,
    key: Literal["ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096"] | None = None,
    usage: Literal["server", "client", "none"] | None = None,
    minimum_version: Annotated[object, OneOf(VERSIONS)] = None,
    maximum_version: Annotated[object, OneOf(VERSIONS)] = None,
    mode: Literal["certificate", "none", "plain_http"] | None = None,
    client_certificate: Literal["none", "requested", "required"] | None = None,
) -> ConnectionPlan:
    """Another certificate, other versions of TLS or no TLS, for one connection.

    Where the host's certificate is self-signed, this one is signed by the mock's CA, which clients trust as well: a
    bundle that was read before can't hold a certificate that comes now, and an expired one is to be refused as
    expired, not as unknown (see `mockhost.tls.Certificates.offer_for`).
    """
    config = _config(
        shorthand,
        names=names,
        valid=valid,
        issuer=issuer,
        key=key,
        usage=usage,
        minimum_version=minimum_version,
        maximum_version=maximum_version,
        mode=mode,
        client_certificate=client_certificate,
    )
    return ConnectionPlan(tls=config)


@on_connection()
def incomplete_chain() -> ConnectionPlan:
    """The certificate's intermediate CA is not sent.

    The certificate is signed by a CA that the mock's CA has signed, and the server sends only the first (RFC 8446
    4.4.2 has it send what leads to the CA). Clients that have the intermediate from elsewhere go on: Windows and
    browsers keep the ones they meet, so that it works on an administrator's machine.
    """
    return ConnectionPlan(tls=AS_THE_HOST._replace(issuer="ca", intermediate="missing"))


def _no_alert(name: str) -> str | None:
    return None if name in ALERTS else f"TLS has no alert {name!r}; {did_you_mean(name, ALERTS)}"


@on_connection(main="name", check=_no_alert)
def tls_alert(name: Annotated[str, OneOf(ALERTS)] = "handshake_failure") -> ConnectionPlan:
    """The handshake is refused by an alert.

    It comes after the ClientHello, instead of a ServerHello.
    """
    return ConnectionPlan("alert", after="client_hello", alert=ALERTS[name])


@on_connection(main="after")
def tls_stall(after: Literal["client_hello", "server_hello"] = "client_hello") -> ConnectionPlan:
    """The handshake stops and the connection stays open."""
    return ConnectionPlan("stall", after=after)


@on_connection(main="after")
def tls_reset(after: Literal["accept", "client_hello", "server_hello"] = "client_hello") -> ConnectionPlan:
    """The handshake is reset."""
    return ConnectionPlan("reset", after=after)


def _unspoken(newest: str = "TLS 1.1") -> str | None:
    return unspoken(newest.removeprefix("TLS "))


@on_connection(main="newest", check=_unspoken, unavailable=lambda: unspoken("1.0") and unspoken("1.1"))
def old_protocol(newest: Literal["TLS 1.0", "TLS 1.1"] = "TLS 1.1") -> ConnectionPlan:
    """Only TLS 1.0 and 1.1 are spoken.

    As by a server without anything newer enabled (RFC 8996 forbids both).
    """
    spoken = AS_THE_HOST._replace(minimum_version="1.0", maximum_version=newest.removeprefix("TLS "))
    return ConnectionPlan(tls=spoken)


@on_connection()
def plain_http() -> ConnectionPlan:
    """Plain HTTP is spoken on the TLS port."""
    return ConnectionPlan(tls=TLS_WORDS["plain_http"])


@on_connection(main="demand")
def client_certificate(demand: Literal["required", "requested"] = "required") -> ConnectionPlan:
    """A client certificate is demanded.

    The client does not have one.
    """
    return ConnectionPlan(tls=AS_THE_HOST._replace(client_certificate=demand))
