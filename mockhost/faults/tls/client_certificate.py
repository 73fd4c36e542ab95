"""The host asks the client for a certificate of its own, which it does not have."""

from __future__ import annotations

from mockhost.faults.contract import Fault, Parameter, Parameters, Seen
from mockhost.faults.plan import ConnectionPlan
from mockhost.tls.config import AS_THE_HOST


def _connection(parameters: Parameters) -> ConnectionPlan:
    return ConnectionPlan(tls=AS_THE_HOST._replace(client_certificate=str(parameters["demand"])))


FAULT = Fault(
    name="client_certificate",
    group="tls",
    title="A client certificate is demanded",
    seen=Seen(
        wire="A CertificateRequest in the server's flight; for a client without one, under TLS 1.2 the "
        "alert handshake_failure (40) instead of the server's Finished, under TLS 1.3 certificate_required "
        "(116), which arrives after the client has finished; then FIN. A certificate signed by another CA "
        "gets unknown_ca (48)",
        requests="SSLError: tlsv13 alert certificate required, under TLS 1.2 sslv3 alert handshake failure; "
        "EOF occurred in violation of protocol where the request was still being written",
        curl="(56) tlsv13 alert certificate required or (35) under TLS 1.2: sslv3 alert handshake failure",
        dotnet='Assumed: HttpRequestException "An error occurred while sending the request." around '
        "IOException and the alert; under TLS 1.2 as for a refused handshake",
        gets="{ends: alert, alert: certificate_required}",
    ),
    parameters={
        "demand": Parameter(
            "choice",
            "required: without one the handshake fails; requested: without one the client is served, with a "
            "wrong one not",
            "required",
            choices=("required", "requested"),
        )
    },
    main="demand",
    connection=_connection,
    closes=True,
)
