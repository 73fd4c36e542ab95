"""Operations on the connectors: the connected systems, and the host's copies of them."""

from __future__ import annotations

from functools import partial

from mockhost.operations.row import NOTHING, Operation, Parameter, Schema, an_object, answers, takes

_PAGE = (
    Parameter("start_index", "The first object to show, from 1.", {"type": "integer", "minimum": 1}),
    Parameter("count", "How many to show; default: all.", {"type": "integer", "minimum": 0}),
)
_PROFILE = takes(profile={
    "type": "string", "enum": ["full", "delta"], "description": "the run profile; default: full",
})  # fmt: skip
_CHANGE: Schema = {
    "minProperties": 1,
    "additionalProperties": False,
    "description": "insert, update and delete",
    "properties": {
        "insert": {
            "type": "array",
            "items": {"type": "object"},
            "description": "objects, each a map of its columns",
        },
        "update": {
            "type": "array",
            "description": "which objects (`where`) get which values (`set`)",
            "items": {"type": "object", "required": ["where", "set"], "properties": {"where": {}, "set": {}}},
        },
        "delete": {
            "type": "array",
            "items": {"type": "object"},
            "description": "which objects, by their columns",
        },
    },
}
_CHANGES: Schema = {
    "minProperties": 1,
    "description": "insert, update and delete, by the name of the connector",
    "additionalProperties": {"type": "object", **_CHANGE},
}
_ONE = "/v1/connectors/{name}"

_row = partial(Operation, room="mockhost.runtime.operations.connectors")
_of_one = partial(_row, first="known")

ROWS: tuple[Operation, ...] = (
    _row("list_connectors", "GET", "/v1/connectors", "learner", "What each connector is doing.",
         answers("By name.", an_object(connectors="{ConnectorState}"))),
    _of_one("get_connector", "GET", _ONE, "learner", "One connector: its state and its pages.",
         answers("The connector.", an_object(
             name="string", state="ConnectorState", configured="object", effective="object?")), errors=(404,)),
    _of_one("reset_connector", "POST", f"{_ONE}/reset", "learner",
         "Put one connector back to the objects and states it began with; its exchanges leave the journal.",
         answers("It was reset.", an_object(connector="string", state="ConnectorState")),
         body=NOTHING, errors=(404,), description=(
             "The host, its clock and its rules stay as they are. A connector that was created on demand has rule "
             "counters of its own, which are reset with it.")),
    _of_one("get_objects", "GET", f"{_ONE}/objects", "learner", "The objects of the connected system.",
         answers("The objects.", "Objects"), query=_PAGE, errors=(404,), cost="objects"),
    _of_one("get_cache", "GET", f"{_ONE}/cache", "learner",
         "The connector space: the host's copy, as its /cache shows it.",
         answers("The resources.", "Objects"), query=_PAGE, errors=(404, 409), cost="objects"),
    _of_one("compare", "GET", f"{_ONE}/compare", "learner",
         "What differs between the connected system and the host's copy of it.",
         answers("How many objects are the same in both, stale, missing in the copy, or in the copy only (extra); and "
                 "the first of those that differ.", an_object(
             key="string", same="count", stale="count", missing="count", extra="count", differences="object")),
         query=(_PAGE[1]._replace(description="How many of each to show; default: 100."),), errors=(404, 409),
         cost="objects"),
    _of_one("import_now", "POST", f"{_ONE}/import", "learner", "Begin an import run.",
         answers("It began.", an_object(connector="string", profile="string", state="ConnectorState")),
         body=_PROFILE, errors=(404, 409)),
    _of_one("change_system", "POST", f"{_ONE}/change", "learner",
         "Change the connected system behind the host's back.",
         answers("How many objects it touched.", an_object(
             connector="string", objects="count", state="ConnectorState")),
         body=_CHANGE, whole="change", errors=(404,)),
    _row("change", "POST", "/v1/change", "learner",
         "Change several connected systems at once: all of them, or none.",
         answers("How many objects it touched, together and by connector.", an_object(
             objects="count", connectors="{count}")), body=_CHANGES, whole="changes", errors=(404,)),
)  # fmt: skip
