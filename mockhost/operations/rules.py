"""Operations on rules, states, and answers that hang."""

from __future__ import annotations

from functools import partial

from mockhost.operations.row import (
    COUNT,
    FLAG,
    NOTHING,
    STRING,
    Content,
    Operation,
    Parameter,
    Schema,
    a_list,
    an_object,
    ref,
)

_OF_CONNECTOR = Parameter(
    "connector",
    "Whose counts to show: those of a connector that sprang up on demand are its own.",
    {"type": "string"},
)
_RULE: Schema = {
    "minProperties": 1,
    "description": "a rule as in a scenario file: name, when, reply, fault, delay, sequence, …",
    "properties": {"name": {"type": "string"}, "when": {"type": "object"}},
}
_STATE: Schema = {
    "required": ["state"],
    "additionalProperties": False,
    "properties": {
        "state": {"type": "string", "minLength": 1, "description": "the name of a state"},
        "connector": {"type": "string", "description": "the connector that has it, unless it is the host's"},
    },
}

_row = partial(Operation, room="mockhost.runtime.operations.rules")

ROWS: tuple[Operation, ...] = (
    _row(
        "list_rules", "GET", "/v1/rules", role="teacher",
        summary="The rules in the order in which they are tried, live ones first.",
        answer=Content("The rules.", an_object(rules=a_list(an_object(
            name=STRING, live=FLAG, matched=COUNT, fired=COUNT, left={"type": ["integer", "null"]},
        )))),
        query=(_OF_CONNECTOR,), errors=(404,),
    ),
    _row(
        "add_rule", "POST", "/v1/rules", role="teacher",
        summary="Put a live rule before all others; one of the same name is replaced.",
        answer=Content("Its name.", an_object(name=STRING), status=201), body=_RULE, whole="rule",
    ),
    _row(
        "clear_rules", "DELETE", "/v1/rules", role="teacher",
        summary="Take every live rule away.",
        answer=Content("How many there were.", ref("Removed")),
    ),
    _row(
        "remove_rule", "DELETE", "/v1/rules/{name}", role="teacher",
        summary="Take one live rule away.",
        answer=Content("It is gone.", ref("Removed")), errors=(404, 409),
    ),
    _row(
        "get_states", "GET", "/v1/states", role="teacher",
        summary="The states that the host, and connectors with their own, are in.",
        answer=Content("The states.", ref("States")),
    ),
    _row(
        "set_state", "PUT", "/v1/states", role="teacher",
        summary="Put the host, or a connector, into a state.",
        answer=Content("The states afterwards.", ref("States")), body=_STATE, errors=(404,),
    ),
    _row(
        "release", "POST", "/v1/release", role="teacher",
        summary="Let every answer that hangs go on.",
        answer=Content("How many there were.", an_object(released=COUNT)), body=NOTHING,
    ),
)  # fmt: skip
