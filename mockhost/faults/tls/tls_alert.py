"""The ClientHello is answered by a fatal alert instead of a ServerHello."""

from __future__ import annotations

from mockhost.errors import did_you_mean
from mockhost.faults.contract import Fault, Parameter, Parameters, Seen
from mockhost.faults.plan import ConnectionPlan
from mockhost.faults.tls.alerts import ALERTS


def _connection(parameters: Parameters) -> ConnectionPlan:
    return ConnectionPlan("alert", after="client_hello", alert=ALERTS[str(parameters["name"])])


def _problem(parameters: Parameters) -> str | None:
    name = str(parameters["name"])
    return None if name in ALERTS else f"TLS has no alert {name!r}; {did_you_mean(name, ALERTS)}"


FAULT = Fault(
    name="tls_alert",
    group="tls",
    title="The handshake is refused by an alert",
    seen=Seen(
        wire="After the ClientHello one record, `15 03 03 00 02 02` and the alert's code, then FIN",
        requests="SSLError: the alert's name, e.g. [SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure",
        curl="(35) the alert's name, e.g. sslv3 alert handshake failure",
        dotnet='HttpRequestException "The SSL connection could not be established, see inner exception." '
        'around AuthenticationException "Authentication failed because the remote party sent a TLS alert: '
        "'HandshakeFailure'.\" (GitHub Jackett/Jackett#12739); an alert that .NET has no name for by its "
        "code, '112' (GitHub Devolutions/UniGetUI#4291)",
        gets="{ends: alert, alert: handshake_failure}",
    ),
    parameters={
        "name": Parameter(
            "text",
            "The alert, by its name in RFC 8446 6 or RFC 5246 7.2",
            "handshake_failure",
            choices=tuple(ALERTS),
        )
    },
    main="name",
    connection=_connection,
    judge=_problem,
    closes=True,
    example={"name": "handshake_failure"},
)
