"""HTTP without TLS on the port where TLS is due."""

from __future__ import annotations

from mockhost.faults.contract import Fault, Parameters, Seen
from mockhost.faults.plan import ConnectionPlan
from mockhost.tls.config import TLS_WORDS


def _connection(parameters: Parameters) -> ConnectionPlan:
    return ConnectionPlan(tls=TLS_WORDS["plain_http"])


FAULT = Fault(
    name="plain_http",
    group="tls",
    title="Plain HTTP is spoken on the TLS port",
    seen=Seen(
        wire="The ClientHello is read as a request line, and answered as http.sys answers one: HTTP/1.1 400 "
        "Bad Request without TLS, then FIN",
        requests="SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number",
        curl="(35) wrong version number",
        dotnet='HttpRequestException "The SSL connection could not be established, see inner exception." '
        'around AuthenticationException "Cannot determine the frame size or a corrupted frame was '
        'received." (GitHub dotnet/runtime#94277)',
        gets="{ends: not_http}",
    ),
    connection=_connection,
    closes=True,
)
