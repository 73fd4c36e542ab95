"""Only TLS 1.0 and 1.1 are spoken, as by a server on which nobody enabled anything newer (RFC 8996 forbids both)."""

from __future__ import annotations

from mockhost.faults.contract import Fault, Parameter, Parameters, Seen
from mockhost.faults.plan import ConnectionPlan
from mockhost.tls.config import AS_THE_HOST
from mockhost.tls.versions import unspoken


def _connection(parameters: Parameters) -> ConnectionPlan:
    newest = str(parameters["newest"]).removeprefix("TLS ")
    return ConnectionPlan(tls=AS_THE_HOST._replace(minimum_version="1.0", maximum_version=newest))


def _unavailable() -> str | None:
    return unspoken("1.0") and unspoken("1.1")


def _problem(parameters: Parameters) -> str | None:
    return unspoken(str(parameters["newest"]).removeprefix("TLS "))


FAULT = Fault(
    name="old_protocol",
    group="tls",
    title="Only TLS 1.0 and 1.1 are spoken",
    seen=Seen(
        wire="The alert protocol_version (70), then FIN; a client that speaks nothing newer than 1.2 may be "
        "answered by a ServerHello of 1.1, which it refuses by the same alert, or by handshake_failure (40) "
        "where it has no cipher for 1.1; one that allows 1.1 is served",
        requests="SSLError: [SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version",
        curl="(35) tlsv1 alert protocol version or (35) legacy sigalg disallowed: where curl itself allows "
        "1.1 and its OpenSSL does not",
        dotnet='Assumed: HttpRequestException "The SSL connection could not be established, see inner '
        'exception." around AuthenticationException "Authentication failed because the remote party sent a '
        "TLS alert: 'ProtocolVersion'.\", as is reported for handshake_failure (GitHub "
        "Jackett/Jackett#12739)",
        gets="{ends: alert, alert: protocol_version}",
    ),
    parameters={
        "newest": Parameter(
            "choice", "The newest version that is spoken", "TLS 1.1", choices=("TLS 1.0", "TLS 1.1")
        )
    },
    main="newest",
    connection=_connection,
    judge=_problem,
    unavailable=_unavailable,
    closes=True,
)
