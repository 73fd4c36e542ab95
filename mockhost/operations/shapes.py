"""The shapes of results that several operations share: the components of the OpenAPI document."""

from __future__ import annotations

from mockhost.operations.row import (
    COUNT,
    FLAG,
    FREE,
    MAYBE_STRING,
    SERVICE,
    STRING,
    Schema,
    a_list,
    a_map,
    an_object,
)

_BODY: Schema = {
    "type": ["object", "null"],
    "description": "length on the wire, bytes kept, SHA-256 without secrets, and text or base64",
    "required": ["length", "kept", "sha256"],
    "properties": {"length": COUNT, "kept": COUNT, "sha256": STRING, "text": STRING, "base64": STRING},
}
_HEADERS: Schema = a_list({"type": "array", "items": STRING, "minItems": 2, "maxItems": 2})

SHAPES: dict[str, Schema] = {
    "Begun": an_object(scenario=STRING, epoch=COUNT),
    "Clock": an_object(mode=STRING, speed={"type": "number"}, now=STRING, next_due=MAYBE_STRING),
    "ConnectorState": an_object(
        running=FLAG,
        importing=FLAG,
        objects=COUNT,
        cached=COUNT,
        last_import=MAYBE_STRING,
        import_problem={
            "type": ["string", "null"],
            "description": "why the last import came to nothing, in words",
        },
    ),
    "Host": an_object(
        service=an_object(configured=SERVICE, effective=SERVICE),
        configured=FREE,
        effective=FREE,
        restart_pending=FLAG,
        tls=FREE,
    ),
    "Objects": an_object(total=COUNT, start_index=COUNT, objects=a_list(FREE)),
    "Removed": an_object(removed=COUNT),
    "Service": an_object(configured=SERVICE, effective=SERVICE, restart_pending=FLAG),
    "Target": an_object(url=STRING, secret_token=STRING, ca_file=MAYBE_STRING, trusted=FLAG, kind=STRING),
    "Exchange": an_object(
        number=COUNT,
        epoch=COUNT,
        at=STRING,
        connection=COUNT,
        connector=MAYBE_STRING,
        operation=STRING,
        probe=FLAG,
        verdict=STRING,
        who=MAYBE_STRING,
        id=MAYBE_STRING,
        method=STRING,
        target=STRING,
        status={"type": ["integer", "null"]},
        took_ms={"type": ["number", "null"]},
        rule=MAYBE_STRING,
        faults=a_list(STRING),
        delay_ms={"type": ["number", "null"]},
        reason=MAYBE_STRING,
        native=a_list(STRING),
        bug=MAYBE_STRING,
        request=an_object(headers=_HEADERS, body=_BODY),
        answer=an_object(headers=_HEADERS, body=_BODY, streamed={"type": ["integer", "null"]}),
        near_miss={
            "type": ["object", "null"],
            "description": "the rules it was shown to, which fired, and the closest of the others; null: no rules",
            "required": ["considered", "fired", "closest"],
            "properties": {
                "considered": a_list(STRING),
                "fired": MAYBE_STRING,
                "closest": {
                    "type": ["object", "null"],
                    "required": ["rule", "held", "conditions", "condition", "why", "text"],
                    "properties": {
                        "rule": STRING,
                        "held": COUNT,
                        "conditions": COUNT,
                        "condition": STRING,
                        "why": STRING,
                        "text": STRING,
                    },
                },
            },
        },
    ),
    "States": an_object(host=STRING, connectors=a_map(STRING)),
    "Connection": an_object(
        number=COUNT,
        epoch=COUNT,
        at=STRING,
        peer=STRING,
        tls=MAYBE_STRING,
        error=MAYBE_STRING,
        alert=MAYBE_STRING,
        exchanges=COUNT,
        rule=MAYBE_STRING,
        closed_by=MAYBE_STRING,
        closed_at=MAYBE_STRING,
    ),
}
