"""Operations on rules, states, and answers that hang."""

from __future__ import annotations

from functools import partial

from mockhost.operations.row import NOTHING, Operation, Parameter, Schema, an_object, answers, takes

_OF_CONNECTOR = Parameter(
    "connector",
    "Whose counts to show: those of a connector that was created on demand are its own.",
    {"type": "string"},
)
_RULE: Schema = {
    "minProperties": 1,
    "description": "a rule as in a scenario file: name, when, reply, fault, delay, sequence, …",
    "properties": {"name": {"type": "string"}, "when": {"type": "object"}},
}
_STATE = takes(
    "state",
    state={"type": "string", "minLength": 1, "description": "the name of a state"},
    connector={"type": "string", "description": "the connector that has it, unless it is the host's"},
)

_row = partial(Operation, room="mockhost.runtime.operations.rules")

ROWS: tuple[Operation, ...] = (
    _row("list_rules", "GET", "/v1/rules", "teacher",
         "The rules in the order in which they are tried, live ones first.",
         answers("The rules.", an_object(rules={"type": "array", "items": an_object(
             name="string", live="boolean", on="boolean", matched="count", fired="count", left="integer?")})),
         query=(_OF_CONNECTOR,), errors=(404,)),
    _row("add_rule", "POST", "/v1/rules", "teacher",
         "Put a live rule before all others; one of the same name is replaced.",
         answers("Its name.", an_object(name="string"), status=201), body=_RULE, whole="rule"),
    _row("switch_rule", "PUT", "/v1/rules/{name}", "teacher",
         "Switch a rule off, or on again; its counts stay as they are.",
         answers("Its name, and whether it is on.", an_object(name="string", on="boolean")),
         body=takes("on", on={"type": "boolean", "description": "whether the rule may apply"}), errors=(404,)),
    _row("clear_rules", "DELETE", "/v1/rules", "teacher", "Take every live rule away.",
         answers("How many there were.", "Removed")),
    _row("remove_rule", "DELETE", "/v1/rules/{name}", "teacher", "Take one live rule away.",
         answers("It is gone.", "Removed"), errors=(404, 409)),
    _row("get_states", "GET", "/v1/states", "teacher",
         "The states that the host, and connectors with their own, are in.", answers("The states.", "States")),
    _row("set_state", "PUT", "/v1/states", "teacher", "Put the host, or a connector, into a state.",
         answers("The states afterwards.", "States"), body=_STATE, errors=(404,)),
    _row("release", "POST", "/v1/release", "teacher", "Let every answer that hangs go on.",
         answers("How many there were.", an_object(released="count")), body=NOTHING),
)  # fmt: skip
