"""The control plane's one table: every path, who answers it, what is sent and what comes back.

It registers the routes and makes the OpenAPI document, so that the two can't disagree.
"""

from __future__ import annotations

from typing import Any

from mockhost.web import events, views
from mockhost.web.openapi import Content, Endpoint, Schema, document

_TEXT: Schema = {"type": "string"}
_MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_FREE: Schema = {"type": "object"}
_SERVICE: Schema = {"type": "string", "enum": ["running", "stopped"]}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _map(of: Schema) -> Schema:
    return {"type": "object", "additionalProperties": of}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_BODY: Schema = {
    "type": ["object", "null"],
    "description": "length on the wire, bytes kept, SHA-256 without secrets, and text or base64",
    "required": ["length", "kept", "sha256"],
    "properties": {"length": _COUNT, "kept": _COUNT, "sha256": _TEXT, "text": _TEXT, "base64": _TEXT},
}
_HEADERS: Schema = _list({"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2})

SCHEMAS: dict[str, Schema] = {
    "Begun": _object(scenario=_TEXT, epoch=_COUNT),
    "Clock": _object(mode=_TEXT, speed={"type": "number"}, now=_TEXT, next_due=_MAYBE_TEXT),
    "ConnectorState": _object(
        running=_FLAG,
        importing=_FLAG,
        objects=_COUNT,
        cached=_COUNT,
        last_import=_MAYBE_TEXT,
        import_problem={
            "type": ["string", "null"],
            "description": "why the last import came to nothing, in words",
        },
    ),
    "Host": _object(
        service=_object(configured=_SERVICE, effective=_SERVICE),
        configured=_FREE,
        effective=_FREE,
        restart_pending=_FLAG,
        tls=_FREE,
    ),
    "Objects": _object(total=_COUNT, start_index=_COUNT, objects=_list(_FREE)),
    "Removed": _object(removed=_COUNT),
    "Service": _object(configured=_SERVICE, effective=_SERVICE, restart_pending=_FLAG),
    "Target": _object(url=_TEXT, secret_token=_TEXT, ca_file=_MAYBE_TEXT, trusted=_FLAG, kind=_TEXT),
    "Exchange": _object(
        number=_COUNT,
        epoch=_COUNT,
        at=_TEXT,
        connection=_COUNT,
        connector=_MAYBE_TEXT,
        operation=_TEXT,
        probe=_FLAG,
        verdict=_TEXT,
        who=_MAYBE_TEXT,
        id=_MAYBE_TEXT,
        method=_TEXT,
        target=_TEXT,
        status={"type": ["integer", "null"]},
        took_ms={"type": ["number", "null"]},
        rule=_MAYBE_TEXT,
        faults=_list(_TEXT),
        delay_ms={"type": ["number", "null"]},
        reason=_MAYBE_TEXT,
        native=_list(_TEXT),
        bug=_MAYBE_TEXT,
        request=_object(headers=_HEADERS, body=_BODY),
        answer=_object(headers=_HEADERS, body=_BODY, streamed={"type": ["integer", "null"]}),
        near_miss={
            "type": ["object", "null"],
            "description": "the rules it was shown to, which fired, and the closest of the others; null: no rules",
            "required": ["considered", "fired", "closest"],
            "properties": {
                "considered": _list(_TEXT),
                "fired": _MAYBE_TEXT,
                "closest": {
                    "type": ["object", "null"],
                    "required": ["rule", "held", "conditions", "condition", "why", "text"],
                    "properties": {
                        "rule": _TEXT,
                        "held": _COUNT,
                        "conditions": _COUNT,
                        "condition": _TEXT,
                        "why": _TEXT,
                        "text": _TEXT,
                    },
                },
            },
        },
    ),
    "States": _object(host=_TEXT, connectors=_map(_TEXT)),
    "Connection": _object(
        number=_COUNT,
        epoch=_COUNT,
        at=_TEXT,
        peer=_TEXT,
        tls=_MAYBE_TEXT,
        error=_MAYBE_TEXT,
        alert=_MAYBE_TEXT,
        exchanges=_COUNT,
        rule=_MAYBE_TEXT,
        closed_by=_MAYBE_TEXT,
        closed_at=_MAYBE_TEXT,
    ),
}


def describe(plane: views.Plane) -> dict[str, Any]:
    """The OpenAPI document of the table below."""
    return document(ENDPOINTS, SCHEMAS)


_CONNECTOR = "/v1/connectors/{name}"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "GET", "/v1/health", views.get_health, "Whether it is there, and what it is.",
        Content("It is there.", _object(status=_TEXT, version=_TEXT, scenario=_TEXT, epoch=_COUNT, service=_SERVICE)),
        is_open=True,
    ),
    Endpoint(
        "GET", "/v1/openapi.json", describe, "This document.",
        Content("An OpenAPI 3.1 document.", _object(openapi=_TEXT, info=_FREE, paths=_FREE, components=_FREE)),
    ),
    Endpoint(
        "GET", "/v1/scenario", views.get_scenario, "What is played: the scenario, with whatever was set since.",
        Content("The scenario.", _object(name=_TEXT, title=_TEXT, cause=_MAYBE_TEXT, connectors=_list(_TEXT))),
        query=views.DOCUMENT,
    ),
    Endpoint(
        "PUT", "/v1/scenario", views.use_scenario, "Begin afresh with another scenario, on the same ports.",
        Content("It began.", _ref("Begun")), body=views.SCENARIO, errors=(422, 503),
    ),
    Endpoint(
        "POST", "/v1/reset", views.reset, "Back to the scenario as loaded, in a new epoch.",
        Content("It began anew.", _ref("Begun")), body=views.NOTHING, errors=(503,),
    ),
    Endpoint(
        "GET", "/v1/host", views.get_host, "The settings: as configured, and as the running service has read them.",
        Content("The settings.", _ref("Host")),
    ),
    Endpoint(
        "PUT", "/v1/host", views.set_host, "Set values of the scenario while it runs: all of them, or none.",
        Content("What each needs to take effect, and the settings.", _ref("Host")), body=views.SET, errors=(422, 503),
        description="`applied` is `now`, or `at restart` for what the service reads when it starts.",
    ),
    Endpoint(
        "PATCH", "/v1/host", views.patch_host, "The same: what is not named stays as it is.",
        Content("What each needs to take effect, and the settings.", _ref("Host")), body=views.SET, errors=(422, 503),
    ),
    Endpoint(
        "GET", "/v1/clock", views.get_clock, "The virtual clock.", Content("The clock.", _ref("Clock")),
    ),
    Endpoint(
        "POST", "/v1/clock/advance", views.advance_clock, "Move the virtual clock on; what is due on the way happens.",
        Content("The clock afterwards.", _ref("Clock")), body=views.ADVANCE,
    ),
    Endpoint(
        "GET", "/v1/service", views.get_service, "Whether the service runs.", Content("The service.", _ref("Service")),
    ),
    Endpoint(
        "POST", "/v1/service", views.control_service, "Start, stop or restart the service, and with it its port.",
        Content("The service afterwards.", _ref("Service")), body=views.ACTION, errors=(503,),
    ),
    Endpoint(
        "GET", "/v1/connectors", views.list_connectors, "What each connector is doing.",
        Content("By name.", _object(connectors=_map(_ref("ConnectorState")))),
    ),
    Endpoint(
        "GET", _CONNECTOR, views.get_connector, "One connector: its state and its pages.",
        Content("The connector.", _object(
            name=_TEXT, state=_ref("ConnectorState"), configured=_FREE, effective={"type": ["object", "null"]},
        )),
        errors=(404,),
    ),
    Endpoint(
        "POST", f"{_CONNECTOR}/reset", views.reset_connector,
        "Put one connector back to the objects and states it began with; its exchanges leave the journal.",
        Content("It began anew.", _object(connector=_TEXT, state=_ref("ConnectorState"))),
        body=views.NOTHING, errors=(404,),
        description=(
            "The host, its clock and its rules stay as they are. A connector that sprang up on demand has rule "
            "counters of its own, which begin anew with it."
        ),
    ),
    Endpoint(
        "GET", f"{_CONNECTOR}/objects", views.get_objects, "The objects of the connected system.",
        Content("The objects.", _ref("Objects")), query=views.PAGE, errors=(404,),
    ),
    Endpoint(
        "GET", f"{_CONNECTOR}/cache", views.get_cache, "The connector space: the host's copy, as its /cache shows it.",
        Content("The resources.", _ref("Objects")), query=views.PAGE, errors=(404, 409),
    ),
    Endpoint(
        "POST", f"{_CONNECTOR}/import", views.import_now, "Begin an import run.",
        Content("It began.", _object(connector=_TEXT, profile=_TEXT, state=_ref("ConnectorState"))),
        body=views.PROFILE, errors=(404, 409),
    ),
    Endpoint(
        "POST", f"{_CONNECTOR}/change", views.change_system, "Change the connected system behind the host's back.",
        Content("How many objects it touched.", _object(
            connector=_TEXT, objects=_COUNT, state=_ref("ConnectorState"),
        )),
        body=views.CHANGE, errors=(404,),
    ),
    Endpoint(
        "GET", "/v1/rules", views.list_rules, "The rules in the order in which they are tried, live ones first.",
        Content("The rules.", _object(rules=_list(_object(
            name=_TEXT, live=_FLAG, matched=_COUNT, fired=_COUNT, left={"type": ["integer", "null"]},
        )))),
        query=views.OF_CONNECTOR, errors=(404,),
    ),
    Endpoint(
        "POST", "/v1/rules", views.add_rule, "Put a live rule before all others; one of the same name is replaced.",
        Content("Its name.", _object(name=_TEXT), status=201), body=views.RULE,
    ),
    Endpoint(
        "DELETE", "/v1/rules", views.clear_rules, "Take every live rule away.",
        Content("How many there were.", _ref("Removed")),
    ),
    Endpoint(
        "DELETE", "/v1/rules/{name}", views.remove_rule, "Take one live rule away.",
        Content("It is gone.", _ref("Removed")), errors=(404, 409),
    ),
    Endpoint(
        "GET", "/v1/states", views.get_states, "The states that the host, and connectors with their own, are in.",
        Content("The states.", _ref("States")),
    ),
    Endpoint(
        "PUT", "/v1/states", views.set_state, "Put the host, or a connector, into a state.",
        Content("The states afterwards.", _ref("States")), body=views.STATE, errors=(404,),
    ),
    Endpoint(
        "POST", "/v1/release", views.release, "Let every answer that hangs go on.",
        Content("How many there were.", _object(released=_COUNT)), body=views.NOTHING,
    ),
    Endpoint(
        "GET", "/v1/journal", views.get_journal, "What was asked and answered, without secrets.",
        Content(
            "The exchanges, oldest first.",
            {"type": "object", "properties": {
                "epoch": _COUNT, "last": _COUNT, "dropped": _COUNT, "exchanges": _list(_ref("Exchange")),
                "log": {"type": "object", "description": "with format=har"},
            }},
            others=("text/plain",),
        ),
        query=views.FILTERS,
    ),
    Endpoint(
        "DELETE", "/v1/journal", views.clear_journal, "Forget the exchanges and connections; numbers go on.",
        Content("How many exchanges there were.", _ref("Removed")),
    ),
    Endpoint(
        "GET", "/v1/journal/{number}", views.get_exchange, "One exchange.",
        Content("The exchange.", _ref("Exchange")), errors=(404,),
    ),
    Endpoint(
        "GET", "/v1/connections", views.list_connections, "What carried exchanges, or never got that far.",
        Content("The connections, oldest first.", _object(dropped=_COUNT, connections=_list(_ref("Connection")))),
    ),
    Endpoint(
        "POST", "/v1/verify", views.verify, "Assert over the journal.",
        Content("Whether it holds, a report for people, and what matched.", _object(
            ok=_FLAG, text=_TEXT, matched=_list(_COUNT),
        )),
        body=views.VERIFY,
    ),
    Endpoint(
        "GET", "/v1/truth", views.get_truth, "How the host is reached, and what clients were told: with tokens.",
        Content("Both, by connector, and what to trust.", _object(
            connectors=_map(_ref("Target")), clients=_map(_ref("Target")), ca=_TEXT,
        )),
        shows_secrets=True,
    ),
    Endpoint(
        "GET", "/v1/ca", views.get_ca, "What clients must trust.", Content("PEM.", _TEXT, kind=views.PEM),
    ),
    Endpoint(
        "GET", "/v1/events", views.stream_events, "Exchanges, connections and changes of state as they happen.",
        Content("Server-sent events: hello, exchange, connection, state, lost.", _TEXT, kind=events.KIND),
        description="Comments are signs of life. The stream outlives a reset and ends with the host.",
    ),
)  # fmt: skip
