"""The handshake begins and never goes on: the client waits."""

from __future__ import annotations

from mockhost.faults.contract import Fault, Parameter, Parameters, Seen
from mockhost.faults.plan import ConnectionPlan


def _connection(parameters: Parameters) -> ConnectionPlan:
    return ConnectionPlan(
        "stall", after="server_hello" if parameters["after"] == "server_hello" else "client_hello"
    )


FAULT = Fault(
    name="tls_stall",
    group="tls",
    title="The handshake stops and the connection stays open",
    seen=Seen(
        wire="The ClientHello is read; then nothing, or the first part of the server's flight and then "
        "nothing; neither FIN nor RST until the client gives up or connections are cut (a stopped service, "
        "a reset)",
        requests="ReadTimeout: The handshake operation timed out; without a time-out it waits for ever",
        curl="(28) SSL connection timeout, by default after five minutes",
        dotnet='Assumed: TaskCanceledException "The request was canceled due to the configured '
        'HttpClient.Timeout of 100 seconds elapsing." (SocketsHttpHandler.ConnectTimeout is infinite unless '
        "set)",
        gets="{ends: {no_answer_within: 2s}}",
    ),
    parameters={
        "after": Parameter(
            "choice",
            "client_hello: not a byte is answered; server_hello: it stops in the middle of the server's first flight",
            "client_hello",
            choices=("client_hello", "server_hello"),
        )
    },
    main="after",
    connection=_connection,
    closes=True,
    example={"after": "server_hello"},
)
