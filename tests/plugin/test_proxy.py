"""The fixture `mockhost_proxy`: a server under test behind faults."""

from __future__ import annotations

from collections.abc import Callable

from mockhost import MockHost
from mockhost.client.observation import exchange


def test_a_server_under_test_is_behind_faults(
    mockhost_factory: Callable[..., MockHost], mockhost_proxy: Callable[..., MockHost]
) -> None:
    """What no rule matches passes; a write that is not applied never reaches the server."""
    server = mockhost_factory("basics/scim", tls=False)
    proxy = mockhost_proxy(server.url("SCIM"), secret_token=server.token("SCIM"))
    proxy.fail_next("create_user", fault="connection_reset", write="not_applied")

    def ask(method: str, body: bytes | None = None) -> str:
        path = "/ecma2host_TARGET/scim/Users"
        seen = exchange(proxy.url(), method, path, proxy.headers(), body, ca_file=proxy.ca_file, timeout=60.0)
        return f"{seen.status} {seen.ends}"

    assert ask("POST", b'{"userName": "bob"}') == "None rst"
    assert ask("GET") == "200 keep"
    server.verify(operation="create_user", count={"never": True})
    proxy.verify(operation="create_user", count={"exactly": 1})
