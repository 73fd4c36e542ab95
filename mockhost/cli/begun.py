"""The output after a fresh start with another scenario: what is wrong now, and the client's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockhost.cli.terminal import Terminal, wrapped


def lines(
    scenario: Mapping[str, Any],
    truth: Mapping[str, Mapping[str, Any]],
    told: Mapping[str, Mapping[str, Any]],
    terminal: Terminal,
) -> list[str]:
    """Title, cause, what a client should do, and each URL and token of the client that is not the actual one.

    scenario: at least `title`, `cause` and `client_should`. truth, told: `url` and `secret_token` by connector.
    """
    width = min(terminal.width or 100, 110)
    found = wrapped(scenario.get("title") or "", width)
    if scenario.get("cause"):
        found.append(f"wrong on purpose: {terminal.styled(scenario['cause'], 'yellow', 'bold')}")
        if scenario.get("client_should"):
            found.append(f"a good client should: {scenario['client_should'].replace('_', ' ')}")
    for name, client in told.items():
        true = truth.get(name)
        if true is None:
            found.append(
                f"{name}: the client is configured with this connector, and the host has none of this name"
            )
            continue
        for key, words in (("url", "tenant URL"), ("secret_token", "secret token")):
            if client[key] != true[key]:
                found.append(f"{name}: the client is configured with the {words} {client[key]}")
                found.append(f"{' ' * len(name)}  the truth is {true[key]}")
        if not client.get("trusted", True):
            found.append(f"{name}: the client trusts only what its machine trusts already")
    return found
