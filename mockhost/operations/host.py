"""Operations on the host as a whole: scenario, settings, clock, service, and how it is reached."""

from __future__ import annotations

from functools import partial

from mockhost.operations.row import (
    EVENTS,
    NOTHING,
    PEM,
    Operation,
    Parameter,
    Schema,
    an_object,
    answers,
    takes,
)

_SCENARIO = takes(
    "scenario",
    scenario={
        "type": ["string", "object"],
        "description": "a scenario's name on a shelf, a file in a folder that the operator opened, or a whole document "
        "in the scenario format, which names no file and no environment variable that is not opened",
    },
    overrides={"type": "object", "description": "what is laid over it: a document, or values by dotted path"},
    name={"type": "string", "description": "what a document is called here; default: (document)"},
)
_SET = takes("set", set={
    "type": "object", "minProperties": 1,
    "description": 'values by the dotted path of the scenario format, e.g. {"host.debug": true}',
})  # fmt: skip
_ADVANCE = takes("by", by={
    "type": ["string", "number"], "minimum": 0, "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)$",
    "description": "a duration with its unit, such as 4m or 731d, or seconds",
})  # fmt: skip
_ACTION = takes("action", action={
    "type": "string", "enum": ["start", "stop", "restart"], "description": "start, stop or restart",
})  # fmt: skip
_CHECK = takes(whole={
    "type": "boolean", "description": "whether to play expect, cure, cured and wrong_cure one after another as well",
}, timeout={
    "type": "number", "minimum": 0,
    "description": "seconds for each exchange that does not say how long it takes; default: 10",
})  # fmt: skip
_DOCUMENT = Parameter(
    "document", "Whether to add the scenario as it is written, parents merged in.", {"type": "boolean"}
)
_CHANGED = answers("What each needs to take effect, and the settings.", "Host")
_WINDOWS = takes(
    "command",
    command={
        "type": "string",
        "description": "one command line, such as Get-Service; help lists the commands",
    },
    elevated={
        "type": "boolean",
        "description": "whether it runs as an administrator; default: machine.elevated",
    },
    session={
        "type": "object",
        "additionalProperties": False,
        "description": (
            "what the command before gave as its session: its folder, modules and execution policy; and the columns "
            "of the window"
        ),
        "properties": {
            "location": {"type": "string"},
            "policy": {"type": "string"},
            "width": {"type": "integer", "minimum": 40, "maximum": 1000},
            "modules": {"type": "array", "items": {"type": "string"}},
        },
    },
    input={
        "type": "string",
        "description": "the text that goes with the command, such as that of an edited file",
    },
)
_PROBLEMS: Schema = {
    "type": "array", "items": {"type": "string"},
    "description": "entries of the timeline that were due and could not happen, each with the reason",
}  # fmt: skip
_ADVANCED = an_object(mode="string", speed="number", now="string", next_due="string?", problems=_PROBLEMS)

_row = partial(Operation, room="mockhost.runtime.operations.host")

ROWS: tuple[Operation, ...] = (
    _row("get_health", "GET", "/v1/health", "learner", "Whether it is there, and what it is.",
         answers("It is there.", an_object(
             status="string", version="string", scenario="string", epoch="count", service="service")),
         hidden=("scenario",), is_open=True),
    _row("describe", "GET", "/v1/openapi.json", "learner", "This document.",
         answers("An OpenAPI 3.1 document.", an_object(
             openapi="string", info="object", paths="object", components="object")),
         room="mockhost.control.openapi"),
    _row("get_scenario", "GET", "/v1/scenario", "teacher",
         "What is played: the scenario, with whatever was set since.", answers("The scenario.", an_object(
             name="string", title="string", cause="string?", connectors="[string]")), query=(_DOCUMENT,)),
    _row("use_scenario", "PUT", "/v1/scenario", "operator",
         "Begin afresh with another scenario, on the same ports.",
         answers("It began.", "Begun"), body=_SCENARIO, errors=(422, 503), cost="scenario"),
    _row("reset", "POST", "/v1/reset", "learner", "Back to the scenario as loaded, in a new epoch.",
         answers("It was reset.", "Begun"), body=NOTHING, errors=(503,), hidden=("scenario",)),
    _row("get_host", "GET", "/v1/host", "learner",
         "The settings: as configured, and as the running service has read them.",
         answers("The settings.", "Host")),
    _row("set_host", "PUT", "/v1/host", "learner",
         "Set values of the scenario while it runs: all of them, or none.",
         _CHANGED, cost="scenario", body=_SET, errors=(422, 503),
         description="`applied` is `now`, or `at restart` for what the service reads when it starts. A learner sets "
                     "values of `client`, which the portal has; the rest is set on the server, as by `windows`."),
    _row("patch_host", "PATCH", "/v1/host", "learner", "The same: what is not named stays as it is.",
         _CHANGED, cost="scenario", body=_SET, errors=(422, 503)),
    _row("get_clock", "GET", "/v1/clock", "learner", "The virtual clock.", answers("The clock.", "Clock")),
    _row("advance_clock", "POST", "/v1/clock/advance", "learner",
         "Advance the virtual clock; everything scheduled until then happens.",
         answers("The clock afterwards.", _ADVANCED), body=_ADVANCE),
    _row("get_service", "GET", "/v1/service", "learner", "Whether the service runs.",
         answers("The service.", "Service")),
    _row("control_service", "POST", "/v1/service", "learner",
         "Start, stop or restart the service, and with it its port.",
         answers("The service afterwards.", "Service"), body=_ACTION, errors=(503,)),
    _row("windows", "POST", "/v1/windows", "learner",
         "Run one command as on the Windows server around the host.",
         answers("What came of it.", an_object(
             exit="integer", output="string", data={}, session="object", edit="object?")),
         body=_WINDOWS, shows_secrets=True, cost="wait", room="mockhost.runtime.operations.windows",
         description=(
             "Everything that a command can say is in its output. With Verbose tracing the event log has the "
             "connection strings of SQL connectors, passwords included, as on the real host; only an operator is "
             "shown the passwords.")),
    _row("check", "POST", "/v1/check", "learner",
         "Play expect, cured and wrong_cure on forks of the host as it is, and say which hold.",
         answers("What holds.", an_object(
             scenario="string", cured="boolean", holds="[string]", text="string", sections="[object]",
             whole={"type": ["object", "null"], "description": "with whole: ok and text"})),
         body=_CHECK, errors=(409, 503), cost="wait", hidden=("scenario", "text", "sections", "whole"),
         description="Nothing of it happens to the host: no counter, user, clock or journal of it changes. The first "
                     "time that all of cured holds, and nothing of wrong_cure, an event says so."),
    _row("get_truth", "GET", "/v1/truth", "operator",
         "How the host is reached, and how clients are configured: with tokens.",
         answers("Both, by connector, and what to trust.", an_object(
             connectors="{Target}", clients="{Target}", ca="string", pid="count", tls="boolean")),
         shows_secrets=True),
    _row("get_ca", "GET", "/v1/ca", "learner", "What clients must trust.", answers("PEM.", "string", kind=PEM)),
    _row("get_client_certificate", "GET", "/v1/client-certificate", "operator",
         "A certificate that the host takes from clients where it demands one, and its key.",
         answers("Both in PEM.", an_object(certificate="string", key="string")), shows_secrets=True),
    _row("stream_events", "GET", "/v1/events", "teacher",
         "Exchanges, connections and changes of state as they happen.", answers(
         "Server-sent events: hello, exchange, connection, state, lost.", "string", kind=EVENTS),
         description="Comments are signs of life. The stream outlives a reset and ends with the host.", cost="stream",
         errors=(503,)),
)  # fmt: skip
