"""The connection is reset before there is a session, at one of three moments."""

from __future__ import annotations

from mockhost.faults.contract import Fault, Parameter, Parameters, Seen
from mockhost.faults.plan import ConnectionPlan


def _connection(parameters: Parameters) -> ConnectionPlan:
    after = parameters["after"]
    if after == "accept":
        return ConnectionPlan("reset", after="accept")
    return ConnectionPlan("reset", after="server_hello" if after == "server_hello" else "client_hello")


FAULT = Fault(
    name="tls_reset",
    group="tls",
    title="The handshake is reset",
    seen=Seen(
        wire="RST: at once, after the ClientHello, or after the first part of the server's flight",
        requests="ConnectionError: ConnectionResetError(104, 'Connection reset by peer') or SSLError: "
        "UNEXPECTED_EOF_WHILE_READING",
        curl="(35) Recv failure: Connection reset by peer or (7) Couldn't connect to server: accept, where "
        "the reset is there before curl looks",
        dotnet='Assumed: HttpRequestException "The SSL connection could not be established, see inner '
        'exception." around IOException "Unable to read data from the transport connection: An existing '
        'connection was forcibly closed by the remote host."',
        gets="{ends: rst}",
    ),
    parameters={
        "after": Parameter(
            "choice",
            "accept: before anything is read; client_hello: once that was read; server_hello: in the middle "
            "of the server's first flight",
            "client_hello",
            choices=("accept", "client_hello", "server_hello"),
        )
    },
    main="after",
    connection=_connection,
    closes=True,
    example={"after": "client_hello"},
)
