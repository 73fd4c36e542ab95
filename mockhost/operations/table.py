"""The rows of the operations on a running host, and the shapes of results that several of them share."""

from __future__ import annotations

from functools import partial
from typing import Final

from mockhost.operations.row import (
    EVENTS,
    NOTHING,
    PEM,
    Operation,
    Parameter,
    Schema,
    an_object,
    answers,
    shape,
    takes,
)

# -- the host as a whole: scenario, settings, clock, service, and how it is reached ------------------------------------

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

_host = partial(Operation, room="mockhost.runtime.operations.host")

HOST: Final[tuple[Operation, ...]] = (
    _host("get_health", "GET", "/v1/health", "learner", "Whether it is there, and what it is.",
         answers("It is there.", an_object(
             status="string", version="string", scenario="string", epoch="count", service="service")),
         hidden=("scenario",), is_open=True),
    _host("describe", "GET", "/v1/openapi.json", "learner", "This document.",
         answers("An OpenAPI 3.1 document.", an_object(
             openapi="string", info="object", paths="object", components="object")),
         room="mockhost.control.openapi"),
    _host("get_scenario", "GET", "/v1/scenario", "teacher",
         "What is played: the scenario, with whatever was set since.", answers("The scenario.", an_object(
             name="string", title="string", cause="string?", connectors="[string]")), query=(_DOCUMENT,)),
    _host("use_scenario", "PUT", "/v1/scenario", "operator",
         "Begin afresh with another scenario, on the same ports.",
         answers("It began.", "Begun"), body=_SCENARIO, errors=(422, 503), cost="scenario"),
    _host("reset", "POST", "/v1/reset", "learner", "Back to the scenario as loaded, in a new epoch.",
         answers("It was reset.", "Begun"), body=NOTHING, errors=(503,), hidden=("scenario",)),
    _host("get_host", "GET", "/v1/host", "learner",
         "The settings: as configured, and as the running service has read them.",
         answers("The settings.", "Host")),
    _host("set_host", "PUT", "/v1/host", "learner",
         "Set values of the scenario while it runs: all of them, or none.",
         _CHANGED, cost="scenario", body=_SET, errors=(422, 503),
         description="`applied` is `now`, or `at restart` for what the service reads when it starts. A learner sets "
                     "values of `client`, which the portal has; the rest is set on the server, as by `windows`."),
    _host("patch_host", "PATCH", "/v1/host", "learner", "The same: what is not named stays as it is.",
         _CHANGED, cost="scenario", body=_SET, errors=(422, 503)),
    _host("get_clock", "GET", "/v1/clock", "learner", "The virtual clock.", answers("The clock.", "Clock")),
    _host("advance_clock", "POST", "/v1/clock/advance", "learner",
         "Advance the virtual clock; everything scheduled until then happens.",
         answers("The clock afterwards.", _ADVANCED), body=_ADVANCE),
    _host("get_service", "GET", "/v1/service", "learner", "Whether the service runs.",
         answers("The service.", "Service")),
    _host("control_service", "POST", "/v1/service", "learner",
         "Start, stop or restart the service, and with it its port.",
         answers("The service afterwards.", "Service"), body=_ACTION, errors=(503,)),
    _host("windows", "POST", "/v1/windows", "learner",
         "Run one command as on the Windows server around the host.",
         answers("What came of it.", an_object(
             exit="integer", output="string", data={}, session="object", edit="object?")),
         body=_WINDOWS, shows_secrets=True, cost="wait", room="mockhost.runtime.operations.windows",
         description=(
             "Everything that a command can say is in its output. With Verbose tracing the event log has the "
             "connection strings of SQL connectors, passwords included, as on the real host; only an operator is "
             "shown the passwords.")),
    _host("check", "POST", "/v1/check", "learner",
         "Play expect, cured and wrong_cure on forks of the host as it is, and say which hold.",
         answers("What holds.", an_object(
             scenario="string", cured="boolean", holds="[string]", text="string", sections="[object]",
             whole={"type": ["object", "null"], "description": "with whole: ok and text"})),
         body=_CHECK, errors=(409, 503), cost="wait", hidden=("scenario", "text", "sections", "whole"),
         description="Nothing of it happens to the host: no counter, user, clock or journal of it changes. The first "
                     "time that all of cured holds, and nothing of wrong_cure, an event says so."),
    _host("get_truth", "GET", "/v1/truth", "operator",
         "How the host is reached, and how clients are configured: with tokens.",
         answers("Both, by connector, and what to trust.", an_object(
             connectors="{Target}", clients="{Target}", ca="string", pid="count", tls="boolean")),
         shows_secrets=True),
    _host("get_ca", "GET", "/v1/ca", "learner", "What clients must trust.", answers("PEM.", "string", kind=PEM)),
    _host("get_client_certificate", "GET", "/v1/client-certificate", "operator",
         "A certificate that the host takes from clients where it demands one, and its key.",
         answers("Both in PEM.", an_object(certificate="string", key="string")), shows_secrets=True),
    _host("stream_events", "GET", "/v1/events", "teacher",
         "Exchanges, connections and changes of state as they happen.", answers(
         "Server-sent events: hello, exchange, connection, state, lost.", "string", kind=EVENTS),
         description="Comments are signs of life. The stream outlives a reset and ends with the host.", cost="stream",
         errors=(503,)),
)  # fmt: skip

# -- the connectors: the connected systems, and the host's copies of them ----------------------------------------------

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

_connectors = partial(Operation, room="mockhost.runtime.operations.connectors")
_of_one = partial(_connectors, first="known")

CONNECTORS: Final[tuple[Operation, ...]] = (
    _connectors("list_connectors", "GET", "/v1/connectors", "learner", "What each connector is doing.",
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
    _connectors("change", "POST", "/v1/change", "learner",
         "Change several connected systems at once: all of them, or none.",
         answers("How many objects it touched, together and by connector.", an_object(
             objects="count", connectors="{count}")), body=_CHANGES, whole="changes", errors=(404,)),
)  # fmt: skip

# -- rules, states, and answers that hang ------------------------------------------------------------------------------

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

_rules = partial(Operation, room="mockhost.runtime.operations.rules")

RULES: Final[tuple[Operation, ...]] = (
    _rules("list_rules", "GET", "/v1/rules", "teacher",
         "The rules in the order in which they are tried, live ones first.",
         answers("The rules.", an_object(rules={"type": "array", "items": an_object(
             name="string", live="boolean", on="boolean", matched="count", fired="count", left="integer?")})),
         query=(_OF_CONNECTOR,), errors=(404,)),
    _rules("add_rule", "POST", "/v1/rules", "teacher",
         "Put a live rule before all others; one of the same name is replaced.",
         answers("Its name.", an_object(name="string"), status=201), body=_RULE, whole="rule"),
    _rules("switch_rule", "PUT", "/v1/rules/{name}", "teacher",
         "Switch a rule off, or on again; its counts stay as they are.",
         answers("Its name, and whether it is on.", an_object(name="string", on="boolean")),
         body=takes("on", on={"type": "boolean", "description": "whether the rule may apply"}), errors=(404,)),
    _rules("clear_rules", "DELETE", "/v1/rules", "teacher", "Take every live rule away.",
         answers("How many there were.", "Removed")),
    _rules("remove_rule", "DELETE", "/v1/rules/{name}", "teacher", "Take one live rule away.",
         answers("It is gone.", "Removed"), errors=(404, 409)),
    _rules("get_states", "GET", "/v1/states", "teacher",
         "The states that the host, and connectors with their own, are in.", answers("The states.", "States")),
    _rules("set_state", "PUT", "/v1/states", "teacher", "Put the host, or a connector, into a state.",
         answers("The states afterwards.", "States"), body=_STATE, errors=(404,)),
    _rules("release", "POST", "/v1/release", "teacher", "Let every answer that hangs go on.",
         answers("How many there were.", an_object(released="count")), body=NOTHING),
)  # fmt: skip

# -- the journal: what was asked and answered, and assertions over it --------------------------------------------------

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

_journal = partial(Operation, room="mockhost.runtime.operations.journal")

JOURNAL: Final[tuple[Operation, ...]] = (
    _journal("get_journal", "GET", "/v1/journal", "teacher", "What was asked and answered, without secrets.",
         answers("The exchanges, oldest first.", {"type": "object", "properties": an_object(
             epoch="count", last="count", dropped="count", exchanges="[Exchange]",
             log={"type": "object", "description": "with format=har"})["properties"]}, others=("text/plain",)),
         query=_FILTERS, cost="journal"),
    _journal("clear_journal", "DELETE", "/v1/journal", "teacher",
         "Forget the exchanges and connections; numbers go on.",
         answers("How many exchanges there were.", "Removed")),
    _journal("get_exchange", "GET", "/v1/journal/{number}", "teacher", "One exchange.",
         answers("The exchange, with the rules that did not apply and why.", "Exchange"), errors=(404,)),
    _journal("send_again", "POST", "/v1/journal/{number}/send", "teacher",
         "Send the request of an exchange once more, as it was, and say what a client got.", answers(
         "What came of it: the status, how it ended, a line for people, and the number of the new exchange.",
         an_object(status="integer?", ends="[string]", text="string", number="integer?")),
         body=NOTHING, errors=(404, 409), cost="wait",
         description="On a connection of its own that takes any certificate, with the credentials that it had."),
    _journal("list_connections", "GET", "/v1/connections", "teacher",
         "What carried exchanges, or never got that far.", answers("The connections, oldest first.", an_object(
             dropped="count", connections="[Connection]")), cost="journal"),
    _journal("verify", "POST", "/v1/verify", "teacher", "Assert over the journal.",
         answers("Whether it holds, a report for people, and what matched.", an_object(
             ok="boolean", text="string", matched="[count]")), body=_VERIFY, whole="spec", cost="journal"),
)  # fmt: skip

# -- the portal: the application in Entra that provisions to the host --------------------------------------------------

_STEP = takes(
    step={
        "type": ["string", "object"],
        "description": "a step as a scenario has it under `entra`, such as cycle or {on_demand: ann@contoso.example}",
    },
    line={
        "type": "string",
        "description": "the same as a line, such as on-demand ann@contoso.example; instead of step",
    },
    timeout={
        "type": "number", "minimum": 0,
        "description": "seconds that each answer of the host may take, at most 60; default: 10",
    },
)  # fmt: skip
_LOG = tuple(
    Parameter(name, text, {"type": "string"})
    for name, text in (
        ("user", "Only users whose name has this in it."),
        ("status", "success, failure, skipped or warning."),
        ("action", "create, update, delete, disable, stageddelete or other."),
    )
)

_portal = partial(Operation, room="mockhost.runtime.operations.portal")

PORTAL: Final[tuple[Operation, ...]] = (
    _portal("get_portal", "GET", "/v1/portal", "learner",
         "The application in Entra that provisions to the host: credentials, agents, job.",
         answers("The overview.", an_object(
             app="string", entered="object", saved="object?", saved_is_entered="boolean", clock="string",
             agents="{string}", machine="object?", status="string", next_run="string?", last="object?",
             quarantine="object?", mails="[object]", attributes="count", records="count")), cost="wait"),
    _portal("portal", "POST", "/v1/portal", "learner",
         "Do one thing that an administrator or the provisioning service does.",
         answers("What came of it: data, and lines as the portal shows it.", an_object(
             step="string", result="object", text="string")),
         body=_STEP, errors=(409, 422, 503), cost="wait",
         description=(
             "The application is the one of the scenario's `entra`; its clock is the host's, so a cycle advances the "
             "host's clock until it is due. Requests go to the host's own port and nowhere else: another host "
             "name is not found, another port refuses.")),
    _portal("get_portal_log", "GET", "/v1/portal/log", "learner",
         "The provisioning log of that application, its newest 1,000 records, the newest last.",
         answers("Records in the shape of Microsoft Graph's provisioningObjectSummary.", an_object(
             records="[object]")), query=_LOG, cost="wait"),
)  # fmt: skip

# -- a class: what a student does in a lab, and what the teacher does with all students --------------------------------

_LINE = takes(
    "line",
    line={"type": "string", "minLength": 1, "maxLength": 4096, "description": "what is typed at the prompt"},
    input={
        "type": "string",
        "description": "the text that goes with the line, such as that of an edited file",
    },
)
_STUDENT: Schema = {"type": "string", "description": "which student; default: all"}
_LAB: Schema = {"type": "string", "description": "the ID of a lab of the class, such as L01"}
CSV = "text/csv; charset=utf-8"

_class = partial(Operation, room="mockhost.labs.classroom", shows_secrets=True, is_for_all=True)

CLASS: Final[tuple[Operation, ...]] = (
    _class("lab_state", "GET", "/v1/lab", "learner", "The lab of this student, and how far it is.",
         answers("The lab.", "object"), cost="wait"),
    _class("lab_line", "POST", "/v1/lab/line", "learner",
         "Type a line: a command of the server, or portal, answer, brief, check, hint, why, solution, reset, next.",
         answers("What came of it.", an_object(
             text="string", code="integer", edit="object?", prompt="string", ticks="[string]", solved="boolean")),
         body=_LINE, errors=(409,), cost="wait"),
    _class("class_state", "GET", "/v1/class", "teacher", "The students, and how far each is.",
         answers("The class.", "object")),
    _class("class_progress", "GET", "/v1/class/progress.csv", "teacher", "How far each student is, as CSV.",
         answers("One line for each student and lab.", "string", kind=CSV)),
    _class("class_use", "POST", "/v1/class/use", "teacher", "Put all students, or one, at the beginning of a lab.",
         answers("How many.", an_object(students="count")),
         body=takes("lab", lab=_LAB, student=_STUDENT), errors=(404,), cost="wait"),
    _class("class_reset", "POST", "/v1/class/reset", "teacher", "Put one student back to the beginning of their lab.",
         answers("How many.", an_object(students="count")),
         body=takes("student", student=_STUDENT), errors=(404,), cost="wait"),
    _class("class_solve", "POST", "/v1/class/solve", "teacher",
         "Play the solution on the host of one student; the lab then counts as seen.",
         answers("How many.", an_object(students="count")),
         body=takes("student", student=_STUDENT), errors=(404,), cost="wait"),
    _class("class_hint", "POST", "/v1/class/hint", "teacher", "Send a hint to all students, or to one.",
         answers("How many.", an_object(students="count")),
         body=takes("text", text={"type": "string", "minLength": 1, "maxLength": 500, "description": "the hint"},
                    student=_STUDENT), errors=(404,)),
    _class("class_fault", "POST", "/v1/class/fault", "teacher",
         "Put a live rule before all others on the hosts of all students.",
         answers("How many.", an_object(students="count")),
         body=takes("rule", rule={"type": "object", "description": "a rule as in a scenario file"})),
    _class("class_clear", "POST", "/v1/class/clear", "teacher", "Take all live rules away from all hosts.",
         answers("How many.", an_object(students="count")), body=NOTHING),
    _class("class_freeze", "POST", "/v1/class/freeze", "teacher",
         "Pause all students, for a talk; or let them go on.",
         answers("How many.", an_object(students="count")),
         body=takes("frozen", frozen={"type": "boolean", "description": "whether the class is paused"})),
)  # fmt: skip

# -- what several results have: the components of the OpenAPI document -----------------------------------------------

_KEPT_BODY: Schema = {
    "type": ["object", "null"],
    "description": "length on the wire, bytes kept, SHA-256 without secrets, and text or base64",
    "required": ["length", "kept", "sha256"],
    "properties": an_object(
        length="count", kept="count", sha256="string", text="string", base64="string",
    )["properties"],
}  # fmt: skip
_HEADERS: Schema = {
    "type": "array",
    "items": {"type": "array", "items": shape("string"), "minItems": 2, "maxItems": 2},
}
_CLOSEST: Schema = {
    **an_object(rule="string", held="count", conditions="count", condition="string", why="string", text="string"),
    "type": ["object", "null"],
}  # fmt: skip
_NEAR_MISS: Schema = {
    **an_object(considered="[string]", fired="string?", closest=_CLOSEST),
    "type": ["object", "null"],
    "description": "the rules it was shown to, which fired, and the closest of the others; null: no rules",
}
_UPSTREAM: Schema = {
    **an_object(first_byte_ms="number", took_ms="number?", connected_ms="number?"),
    "description": "the target's side of an exchange that a proxy passed on, from when the request was sent to it: its "
    "head, its last byte, and how long it took to connect first (null: a kept connection); absent without a proxy",
}  # fmt: skip
_PROBLEM: Schema = {
    "type": ["string", "null"],
    "description": "why the last import came to nothing, in words",
}

SHAPES: dict[str, Schema] = {
    "Begun": an_object(scenario="string", epoch="count"),
    "Clock": an_object(mode="string", speed="number", now="string", next_due="string?"),
    "ConnectorState": an_object(
        running="boolean", importing="boolean", objects="count", cached="count", last_import="string?",
        import_problem=_PROBLEM,
    ),
    "Host": an_object(
        service=an_object(configured="service", effective="service"), configured="object", effective="object",
        restart_pending="boolean", tls="object", machine="object?",
    ),
    "Objects": an_object(total="count", start_index="count", objects="[object]"),
    "Removed": an_object(removed="count"),
    "Service": an_object(configured="service", effective="service", restart_pending="boolean"),
    "Target": an_object(url="string", secret_token="string", ca_file="string?", trusted="boolean", kind="string"),
    "Exchange": an_object(
        number="count", epoch="count", at="string", connection="count", connector="string?", operation="string",
        probe="boolean", verdict="string", who="string?", id="string?", method="string", target="string",
        status="integer?", took_ms="number?", rule="string?", faults="[string]", delay_ms="number?", reason="string?",
        native="[string]", bug="string?",
        request=an_object(headers=_HEADERS, body=_KEPT_BODY),
        answer=an_object(headers=_HEADERS, body=_KEPT_BODY, streamed="integer?"),
        near_miss=_NEAR_MISS,
    ),
    "States": an_object(host="string", connectors="{string}"),
    "Connection": an_object(
        number="count", epoch="count", at="string", peer="string", tls="string?", error="string?", alert="string?",
        exchanges="count", rule="string?", closed_by="string?", closed_at="string?",
    ),
}  # fmt: skip
SHAPES["Exchange"]["properties"]["upstream"] = _UPSTREAM
