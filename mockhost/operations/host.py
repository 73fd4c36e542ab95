"""Operations on the host as a whole: scenario, settings, clock, service, and how it is reached."""

from __future__ import annotations

from functools import partial

from mockhost.operations.row import (
    COUNT,
    EVENTS,
    FLAG,
    FREE,
    MAYBE_STRING,
    NOTHING,
    PEM,
    SERVICE,
    STRING,
    Content,
    Operation,
    Parameter,
    Schema,
    a_list,
    a_map,
    an_object,
    ref,
)

_SCENARIO: Schema = {
    "required": ["scenario"],
    "additionalProperties": False,
    "properties": {
        "scenario": {
            "type": ["string", "object"],
            "description": "a shipped scenario's name, the path of a file, or a whole document in the scenario format",
        },
        "overrides": {
            "type": "object",
            "description": "what is laid over it: a document, or values by dotted path",
        },
    },
}
_SET: Schema = {
    "required": ["set"],
    "additionalProperties": False,
    "properties": {
        "set": {
            "type": "object",
            "minProperties": 1,
            "description": 'values by the dotted path of the scenario format, e.g. {"host.debug": true}',
        }
    },
}
_ADVANCE: Schema = {
    "required": ["by"],
    "additionalProperties": False,
    "properties": {
        "by": {
            "type": ["string", "number"],
            "minimum": 0,
            "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)$",
            "description": "a duration with its unit, such as 4m or 731d, or seconds",
        }
    },
}
_ACTION: Schema = {
    "required": ["action"],
    "additionalProperties": False,
    "properties": {
        "action": {
            "type": "string",
            "enum": ["start", "stop", "restart"],
            "description": "start, stop or restart",
        }
    },
}
_DOCUMENT = Parameter(
    "document", "Whether to add the scenario as it is written, parents merged in.", {"type": "boolean"}
)
_CHANGED = Content("What each needs to take effect, and the settings.", ref("Host"))
_ADVANCED: Schema = an_object(
    mode=STRING,
    speed={"type": "number"},
    now=STRING,
    next_due=MAYBE_STRING,
    problems={
        "type": "array",
        "items": STRING,
        "description": "entries of the timeline that were due and could not happen, each with the reason",
    },
)

_row = partial(Operation, room="mockhost.runtime.operations.host")

ROWS: tuple[Operation, ...] = (
    _row(
        "get_health", "GET", "/v1/health", role="learner",
        summary="Whether it is there, and what it is.",
        answer=Content("It is there.", an_object(
            status=STRING, version=STRING, scenario=STRING, epoch=COUNT, service=SERVICE,
        )),
        is_open=True,
    ),
    _row(
        "describe", "GET", "/v1/openapi.json", role="learner",
        room="mockhost.control.openapi",
        summary="This document.",
        answer=Content("An OpenAPI 3.1 document.", an_object(openapi=STRING, info=FREE, paths=FREE, components=FREE)),
    ),
    _row(
        "get_scenario", "GET", "/v1/scenario", role="teacher",
        summary="What is played: the scenario, with whatever was set since.",
        answer=Content("The scenario.", an_object(
            name=STRING, title=STRING, cause=MAYBE_STRING, connectors=a_list(STRING),
        )),
        query=(_DOCUMENT,),
    ),
    _row(
        "use_scenario", "PUT", "/v1/scenario", role="operator", cost="scenario",
        summary="Begin afresh with another scenario, on the same ports.",
        answer=Content("It began.", ref("Begun")), body=_SCENARIO, errors=(422, 503),
    ),
    _row(
        "reset", "POST", "/v1/reset", role="learner",
        summary="Back to the scenario as loaded, in a new epoch.",
        answer=Content("It began anew.", ref("Begun")), body=NOTHING, errors=(503,),
    ),
    _row(
        "get_host", "GET", "/v1/host", role="learner",
        summary="The settings: as configured, and as the running service has read them.",
        answer=Content("The settings.", ref("Host")),
    ),
    _row(
        "set_host", "PUT", "/v1/host", role="learner", cost="scenario",
        summary="Set values of the scenario while it runs: all of them, or none.",
        answer=_CHANGED, body=_SET, errors=(422, 503),
        description="`applied` is `now`, or `at restart` for what the service reads when it starts.",
    ),
    _row(
        "patch_host", "PATCH", "/v1/host", role="learner", cost="scenario",
        summary="The same: what is not named stays as it is.",
        answer=_CHANGED, body=_SET, errors=(422, 503),
    ),
    _row(
        "get_clock", "GET", "/v1/clock", role="learner",
        summary="The virtual clock.",
        answer=Content("The clock.", ref("Clock")),
    ),
    _row(
        "advance_clock", "POST", "/v1/clock/advance", role="learner",
        summary="Move the virtual clock on; what is due on the way happens.",
        answer=Content("The clock afterwards.", _ADVANCED), body=_ADVANCE,
    ),
    _row(
        "get_service", "GET", "/v1/service", role="learner",
        summary="Whether the service runs.",
        answer=Content("The service.", ref("Service")),
    ),
    _row(
        "control_service", "POST", "/v1/service", role="learner",
        summary="Start, stop or restart the service, and with it its port.",
        answer=Content("The service afterwards.", ref("Service")), body=_ACTION, errors=(503,),
    ),
    _row(
        "get_truth", "GET", "/v1/truth", role="operator",
        summary="How the host is reached, and what clients were told: with tokens.",
        answer=Content("Both, by connector, and what to trust.", an_object(
            connectors=a_map(ref("Target")), clients=a_map(ref("Target")), ca=STRING, pid=COUNT, tls=FLAG,
        )),
        shows_secrets=True,
    ),
    _row(
        "get_ca", "GET", "/v1/ca", role="learner",
        summary="What clients must trust.",
        answer=Content("PEM.", STRING, kind=PEM),
    ),
    _row(
        "get_client_certificate", "GET", "/v1/client-certificate", role="operator",
        summary="A certificate that the host takes from clients where it demands one, and its key.",
        answer=Content("Both in PEM.", an_object(certificate=STRING, key=STRING)),
        shows_secrets=True,
    ),
    _row(
        "stream_events", "GET", "/v1/events", role="teacher", cost="stream",
        summary="Exchanges, connections and changes of state as they happen.",
        answer=Content(
            "Server-sent events: hello, exchange, connection, state, lost.", STRING, kind=EVENTS,
        ),
        description="Comments are signs of life. The stream outlives a reset and ends with the host.",
    ),
)  # fmt: skip
