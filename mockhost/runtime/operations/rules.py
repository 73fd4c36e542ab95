"""Handlers of the operations on rules, states, and answers that hang."""

from __future__ import annotations

from collections.abc import Mapping

from mockhost import actions
from mockhost.errors import did_you_mean
from mockhost.journal.secrets import tokens_in
from mockhost.rules import Rule
from mockhost.rules.reply import with_functions, without_functions
from mockhost.rules.rule import parse as parse_rule
from mockhost.runtime import names
from mockhost.runtime.operations import Data, NoSuch, NotNow, Operated
from mockhost.runtime.operations.connectors import known
from mockhost.runtime.runtime import Runtime
from mockhost.scenario import loader


def list_rules(host: Operated, *, connector: str | None = None) -> Data:
    if connector is not None:
        known(host, connector)
    with host.runtime.lock:
        return {"rules": host.runtime.state.rules_of(connector).documents()}


def add_rule(host: Operated, *, rule: Mapping[str, object]) -> Data:
    runtime, state = host.runtime, host.runtime.state
    plain, functions = without_functions(rule)
    made: Rule | None = loader.live_rule(plain, state.scenario, host.source)
    if functions and made is not None:
        made = parse_rule(with_functions(made.document, functions), live=True)
    assert made is not None
    names.check(made.document.get("when") or {}, names.of_running(state, runtime.journal))
    with runtime.lock:
        if runtime.state is not state:  # a reset came in between: what there is now may be another scenario
            return add_rule(host, rule=rule)
        runtime.journal.remember(tokens_in(made.document))
        for rules in runtime.state.all_rules():
            rules.add(made, runtime.clock.now())
        return {"name": made.name}


def switch_rule(host: Operated, *, name: str, on: bool) -> Data:
    runtime = host.runtime
    with runtime.lock:
        if not any([rules.switch(name, on) for rules in runtime.state.all_rules()]):
            hint = did_you_mean(name, [rule.name for rule in runtime.state.rules])
            raise NoSuch(f"there is no rule {name!r}", hint=hint)
    return {"name": name, "on": on}


def clear_rules(host: Operated) -> Data:
    runtime = host.runtime
    with runtime.lock:
        live = sum(1 for rule in runtime.state.rules if rule.live)
        for rules in runtime.state.all_rules():
            rules.clear()
    return {"removed": live}


def remove_rule(host: Operated, *, name: str) -> Data:
    runtime = host.runtime
    with runtime.lock:
        if any([rules.remove(name) for rules in runtime.state.all_rules()]):
            return {"removed": 1}
        known_names = [rule.name for rule in runtime.state.rules]
    if name in known_names:
        raise NotNow(
            f"rule {name!r} is the scenario's", hint="only live rules can be removed; use another scenario"
        )
    raise NoSuch(f"there is no rule {name!r}", hint=did_you_mean(name, known_names))


def get_states(host: Operated) -> Data:
    return states(host.runtime)


def set_state(host: Operated, *, state: str, connector: str | None = None) -> Data:
    if connector is not None:
        known(host, connector)
    runtime = host.runtime
    with runtime.lock:
        actions.perform(runtime.state.states_of(connector).enter(state, connector), runtime)
    runtime.wake()
    now = states(runtime)
    runtime.tell("state", {"states": now})
    return now


def states(runtime: Runtime) -> Data:
    """The states that the host, and connectors with their own, are in, as plain JSON."""
    with runtime.lock:
        state = runtime.state
        named = state.states.describe()
        own = {name: state.served.own[name].states.current(name)[-1] for name in state.served.on_demand}
        connectors = named["connectors"]
        assert isinstance(connectors, dict)
        return {**named, "connectors": {**connectors, **own}}


def release(host: Operated) -> Data:
    """Let every answer that hangs go on."""
    listener = host.runtime.listener
    count = 0 if listener is None else listener.release()
    host.runtime.tell("release", {"released": count})
    return {"released": count}
