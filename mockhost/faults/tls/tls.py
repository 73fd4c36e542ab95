"""Another certificate, other versions or another mode than the host's, for one connection.

Where the host's certificate is self-signed, this one is signed by the mock's CA, which clients trust as well: a
bundle that was read before can't hold a certificate that comes now, and an expired one is to be refused as
expired, not as unknown (see `mockhost.tls.Certificates.offer_for`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mockhost.durations import seconds
from mockhost.errors import UsageError, did_you_mean
from mockhost.faults.contract import Fault, Parameter, Parameters, Seen
from mockhost.faults.plan import ConnectionPlan
from mockhost.tls.certificate import names_of
from mockhost.tls.config import AS_THE_HOST, TLS_WORDS, TlsConfig
from mockhost.tls.versions import unspoken

VERSIONS = ("1.0", "1.1", "1.2", "1.3")
_OLD = ("1.0", "1.1")


def _connection(parameters: Parameters) -> ConnectionPlan:
    return ConnectionPlan(tls=_config(parameters))


def _config(parameters: Parameters) -> TlsConfig:
    """What differs from the host's own; a property that is said wins over the shorthand."""
    values: dict[str, Any] = {
        name: value for name, value in parameters.items() if value is not None and name != "shorthand"
    }
    if "valid" in values:
        values["valid"] = tuple(seconds(moment) for moment in values["valid"])
    shorthand = parameters["shorthand"]
    return TLS_WORDS.get(str(shorthand), AS_THE_HOST)._replace(**values)


def _problem(parameters: Parameters) -> str | None:
    shorthand = parameters["shorthand"]
    if shorthand is not None and shorthand not in TLS_WORDS:
        return f"there is no shorthand {shorthand!r}; {did_you_mean(str(shorthand), TLS_WORDS)}"
    if all(value is None for value in parameters.values()):
        return "it changes nothing; say what is wrong, e.g. {tls: expired} or {tls: {names: [other.contoso.com]}}"
    return _problem_of_names(parameters) or _problem_of_dates(parameters["valid"]) or _of_versions(parameters)


def _problem_of_names(parameters: Parameters) -> str | None:
    names = parameters["names"]
    if names is None:
        return None
    if not names:
        return "names needs at least one"
    try:
        names_of(_config({"shorthand": None, "names": names}))
    except UsageError as problem:
        return str(problem)
    return None


def _problem_of_dates(valid: object) -> str | None:
    if valid is None:
        return None
    assert isinstance(valid, Sequence)
    try:
        begins, ends = (seconds(moment) for moment in valid)
    except ValueError:
        return f"valid is two moments relative to now, such as [-1d, 730d], not {list(valid)!r}"
    return None if begins < ends else "the certificate ends before it begins; write [-1d, 730d]"


def _of_versions(parameters: Parameters) -> str | None:
    lowest, highest = parameters["minimum_version"], parameters["maximum_version"]
    for name, said in (("minimum_version", lowest), ("maximum_version", highest)):
        if said is not None and said not in VERSIONS:
            quoted = "; quote it" if str(said) in VERSIONS else ""
            return f"{name} is one of {', '.join(map(repr, VERSIONS))}, not {said!r}{quoted}"
    if (
        lowest is not None
        and highest is not None
        and VERSIONS.index(str(lowest)) > VERSIONS.index(str(highest))
    ):
        return f"the oldest version, {lowest}, is newer than the newest, {highest}"
    return unspoken(str(highest)) if highest in _OLD else None


FAULT = Fault(
    name="tls",
    group="tls",
    title="Another certificate, other versions of TLS or no TLS, for one connection",
    seen=Seen(
        wire="The handshake with the other certificate, until the client refuses it by an alert of its own; "
        "with `none` a RST after the ClientHello",
        requests="SSLError: certificate verify failed (certificate has expired; Hostname mismatch; "
        "self-signed certificate; unsuitable certificate purpose) or ConnectionError: (none: connection "
        "reset by peer)",
        curl="(60) SSL certificate problem, no alternative certificate subject name matches or (35) none: "
        "connection reset by peer",
        dotnet='HttpRequestException "The SSL connection could not be established, see inner exception." '
        'around AuthenticationException "The remote certificate is invalid because of errors in the '
        'certificate chain: NotTimeValid" (GitHub Devolutions/UniGetUI#4377), or "… according to the '
        'validation procedure: RemoteCertificateNameMismatch" (GitHub abpframework/abp#22046). The portal '
        'shows no more than "An error occurred while sending the request."',
        gets="{ends: tls_expired}",
    ),
    parameters={
        "shorthand": Parameter(
            "text",
            "One of the words of `host.tls`; a property that is said beside it wins",
            choices=tuple(TLS_WORDS),
        ),
        "names": Parameter("texts", "DNS names and IP addresses that the certificate is for"),
        "valid": Parameter(
            "texts",
            "From when until when, relative to the virtual moment at which it is first presented: [-2d, -1d]",
        ),
        "issuer": Parameter(
            "choice",
            "self or ca: signed by the mock's CA, which clients are told to trust; untrusted: by nobody they know",
            choices=("self", "ca", "untrusted"),
        ),
        "key": Parameter(
            "choice", "The kind of key", choices=("ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096")
        ),
        "usage": Parameter("choice", "Extended key usage", choices=("server", "client", "none")),
        "minimum_version": Parameter(
            "value", "The oldest version of TLS that is accepted, quoted: '1.2'", choices=VERSIONS
        ),
        "maximum_version": Parameter(
            "value", "The newest version of TLS that is offered, quoted: '1.2'", choices=VERSIONS
        ),
        "mode": Parameter(
            "choice",
            "certificate: as always; none: the ClientHello is answered by a RST; plain_http: no TLS",
            choices=("certificate", "none", "plain_http"),
        ),
        "client_certificate": Parameter(
            "choice",
            "Whether clients are asked for a certificate of their own",
            choices=("none", "requested", "required"),
        ),
    },
    main="shorthand",
    connection=_connection,
    judge=_problem,
    closes=True,
    example={"valid": ["-2d", "-1d"], "names": ["localhost"]},
)
