"""Operations on the journal: what was asked and answered, and assertions over it."""

from __future__ import annotations

from functools import partial

from mockhost.operations.row import NOTHING, Operation, Parameter, Schema, an_object, answers

CONDITIONS = (
    *("connector", "operation", "id", "who", "status", "method", "path", "target", "verdict", "rule"),
    *("fault", "probe", "connection", "reason", "native", "bug", "attributes", "header", "body"),
)
"""What an assertion may ask of an exchange; the same as `journal.verification.CONDITIONS`, which a test holds."""
_FORMATS = ("json", "har", "curl", "table", "step", "pytest")
_FILTERS = (
    Parameter("format", "json, har (HAR 1.2), curl (shell lines), table, step (of a scenario) or pytest.",
              {"type": "string", "enum": _FORMATS}),
    Parameter("since", "Only exchanges after this number.", {"type": "integer", "minimum": 0}),
    Parameter("last", "Only so many, the latest.", {"type": "integer", "minimum": 0}),
    Parameter("width", "The table's width in columns.", {"type": "integer", "minimum": 10}),
    Parameter("connector", "Its connector.", {"type": "string"}, many=True),
    Parameter("operation", "What it was, e.g. create_user. This and the others may stand more than once: any of them.",
              {"type": "string"}, many=True),
    Parameter("status", "The answer's status.", {"type": "integer"}, many=True),
    Parameter("method", "The request's method.", {"type": "string"}, many=True),
    Parameter("id", "The id of the resource.", {"type": "string"}, many=True),
    Parameter("who", "The user concerned: an id, or the value that was searched for.", {"type": "string"}, many=True),
    Parameter("verdict", "ok, not_found, method_not_allowed, unauthorized or refused.", {"type": "string"}, many=True),
    Parameter("rule", "The rule that fired.", {"type": "string"}, many=True),
    Parameter("fault", "The fault that it met.", {"type": "string"}, many=True),
    Parameter("probe", "Whether it was a probe.", {"type": "boolean"}, many=True),
    Parameter("connection", "The number of its connection.", {"type": "integer"}, many=True),
)  # fmt: skip
_VERIFY: Schema = {
    "additionalProperties": False,
    "description": "conditions on exchanges, and how often or in what order they are expected",
    "properties": {
        **{word: {"description": "a literal, a list (any of them) or a matcher"} for word in CONDITIONS},
        "count": {
            "type": ["integer", "object"],
            "description": "a number, or a map of exactly, at_least, at_most, never",
        },
        "order": {
            "type": "array",
            "items": {"type": "object"},
            "description": "conditions on exchanges, in order",
        },
        "all": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object"},
            "description": "several assertions; the keys beside it are common to them",
        },
        "since": {"type": "integer", "minimum": 0, "description": "only exchanges after this number"},
    },
}

_row = partial(Operation, room="mockhost.runtime.operations.journal")

ROWS: tuple[Operation, ...] = (
    _row("get_journal", "GET", "/v1/journal", "teacher", "What was asked and answered, without secrets.",
         answers("The exchanges, oldest first.", {"type": "object", "properties": an_object(
             epoch="count", last="count", dropped="count", exchanges="[Exchange]",
             log={"type": "object", "description": "with format=har"})["properties"]}, others=("text/plain",)),
         query=_FILTERS, cost="journal"),
    _row("clear_journal", "DELETE", "/v1/journal", "teacher",
         "Forget the exchanges and connections; numbers go on.",
         answers("How many exchanges there were.", "Removed")),
    _row("get_exchange", "GET", "/v1/journal/{number}", "teacher", "One exchange.",
         answers("The exchange, with the rules that did not apply and why.", "Exchange"), errors=(404,)),
    _row("send_again", "POST", "/v1/journal/{number}/send", "teacher",
         "Send the request of an exchange once more, as it was, and say what a client got.", answers(
         "What came of it: the status, how it ended, a line for people, and the number of the new exchange.",
         an_object(status="integer?", ends="[string]", text="string", number="integer?")),
         body=NOTHING, errors=(404, 409), cost="wait",
         description="On a connection of its own that takes any certificate, with the credentials that it had."),
    _row("list_connections", "GET", "/v1/connections", "teacher",
         "What carried exchanges, or never got that far.", answers("The connections, oldest first.", an_object(
             dropped="count", connections="[Connection]")), cost="journal"),
    _row("verify", "POST", "/v1/verify", "teacher", "Assert over the journal.",
         answers("Whether it holds, a report for people, and what matched.", an_object(
             ok="boolean", text="string", matched="[count]")), body=_VERIFY, whole="spec", cost="journal"),
)  # fmt: skip
