"""Handlers of the operations on rules, states, and answers that hang."""

from __future__ import annotations

from collections.abc import Mapping

from mockhost.errors import did_you_mean
from mockhost.runtime.operations import Data, NoSuch, NotNow, Operated
from mockhost.runtime.operations.connectors import known


def list_rules(host: Operated, *, connector: str | None = None) -> Data:
    if connector is not None:
        known(host, connector)
    return {"rules": host.runtime.rule_documents(connector)}


def add_rule(host: Operated, *, rule: Mapping[str, object]) -> Data:
    return {"name": host.runtime.add_rule(rule, host.source)}


def clear_rules(host: Operated) -> Data:
    runtime = host.runtime
    with runtime.lock:
        live = sum(1 for rule in runtime.rules if rule.live)
        runtime.clear_rules()
    return {"removed": live}


def remove_rule(host: Operated, *, name: str) -> Data:
    runtime = host.runtime
    if runtime.remove_rule(name):
        return {"removed": 1}
    with runtime.lock:
        rules = {rule.name: rule.live for rule in runtime.rules}
    if name in rules:
        raise NotNow(
            f"rule {name!r} is the scenario's", hint="only live rules can be removed; use another scenario"
        )
    raise NoSuch(f"there is no rule {name!r}", hint=did_you_mean(name, rules))


def get_states(host: Operated) -> Data:
    return host.runtime.state_names()


def set_state(host: Operated, *, state: str, connector: str | None = None) -> Data:
    if connector is not None:
        known(host, connector)
    host.runtime.set_state(state, connector)
    return get_states(host)


def release(host: Operated) -> Data:
    return {"released": host.runtime.release()}
