"""Values that a scenario takes from the environment: no verb prints them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockhost.scenario.model import Scenario

Hide = Callable[[str], str]
"""Gives a text without the secret values."""


def hider(scenario: Scenario) -> Hide:
    """What takes a scenario's secret values out of a text, also where they stand escaped."""
    if not scenario.secrets:
        return str
    from mockhost.journal import Sink

    sink = Sink(b"")
    sink.learn(scenario.secrets)
    return sink.known


def hidden(value: Any, hide: Hide) -> Any:
    """JSON data without the secret values in its texts."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {hide(str(name)): hidden(inner, hide) for name, inner in value.items()}
    return [hidden(inner, hide) for inner in value] if isinstance(value, (list, tuple)) else value


def variables(scenario: Scenario) -> dict[str, str]:
    """The environment's variables that a scenario takes values from, by the value."""
    declared, env = scenario.document.get("vars"), scenario.trail.env
    said = declared.values() if isinstance(declared, Mapping) else ()
    names = [str(each["env"]) for each in said if isinstance(each, Mapping) and "env" in each]
    return {env[name]: name for name in names if name in env}
