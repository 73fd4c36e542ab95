"""scim2-server with people in it: `python scim2_people.py PORT COUNT`, run by a Python that has scim2-server.

What its own command does, with storage that is filled before it serves: the command can't be given resources, and a
hundred thousand requests would take longer than the measurement.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

TOKEN = "bench-secret-token"


def _part(module: str, name: str) -> Any:
    """By name: scim2-server is installed for the benchmark, not where the types are checked."""
    return getattr(import_module(module), name)


class Quiet(WSGIRequestHandler):
    """Without an access log, as the other servers of the row."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


def main(port: int, count: int) -> None:
    defaults = ("load_default_schemas", "load_default_resource_types", "load_default_service_provider_config")
    schemas, types, config = (_part("scim2_server.utils", name)() for name in defaults)
    scheme = _part("scim2_server.testserver.application", "BEARER_TOKEN_SCHEME")
    config.authentication_schemes = [*(config.authentication_schemes or []), scheme]
    describe = _part("scim2_models", "ScimProvider").from_discovery
    provider = describe(schemas.values(), types.values(), config=config)
    storage = _part("scim2_server.memory", "InMemoryStorage")()
    service = _part("scim2_server.service", "ScimService")(
        provider, secret="for cursors, which nobody asks for"
    )
    application = _part("scim2_server.testserver.application", "BearerTokenApplication")(
        storage, provider, service=service, bearer_tokens=[TOKEN]
    )
    user_type = next(each for each in provider.resource_types if each.name == "User")
    model: Any = next(each for each in provider.models if each.__name__.startswith("User"))
    for n in range(count):
        name = f"user{n:07d}@contoso.example"
        user = model.model_validate(
            {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": name,
                "displayName": f"User {n}",
                "active": True,
                "name": {"givenName": "User", "familyName": str(n)},
                "emails": [{"value": name, "type": "work", "primary": True}],
            }
        )
        storage.create(user_type, user)
    threading = _part("scim2_server.testserver.cli", "ThreadingWSGIServer")
    with make_server("127.0.0.1", port, application, threading, handler_class=Quiet) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
