"""The kinds of connectors that stand beside those of the ECMA host, by the word that a scenario writes for them.

A kind is a folder beside this module. Its `connector.py` has a function `make`, which takes what `configured` takes
after `before`, and gives a connector with a method `configure(secret_token, config)`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mockhost.clock import Chance, VirtualClock
from mockhost.connectors.contract import Connector, Service

KINDS: dict[str, str] = {
    "scim": "mockhost.connectors.provider.connector",
    "proxy": "mockhost.connectors.proxy.connector",
}
"""Kind -> module, which is imported when there is a connector of it."""


def configured(
    kind: str,
    before: Connector | None,
    *,
    name: str,
    secret_token: str,
    config: object,
    service: Service,
    clock: VirtualClock,
    chance: Chance,
) -> Connector:
    """A connector as it is configured now: the one there was before, or a new one.

    config: the part of the scenario that is about it. Raises UsageError for one that cannot be.
    """
    if before is None or before.kind != kind:
        make: Any = import_module(KINDS[kind]).make
        made: Connector = make(
            name=name, secret_token=secret_token, config=config, service=service, clock=clock, chance=chance
        )
        return made
    known: Any = before
    known.configure(secret_token, config)
    return before
