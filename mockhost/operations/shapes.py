"""The shapes of results that several operations share: the components of the OpenAPI document."""

from __future__ import annotations

from mockhost.operations.row import Schema, an_object, shape

_BODY: Schema = {
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
        request=an_object(headers=_HEADERS, body=_BODY),
        answer=an_object(headers=_HEADERS, body=_BODY, streamed="integer?"),
        near_miss=_NEAR_MISS,
    ),
    "States": an_object(host="string", connectors="{string}"),
    "Connection": an_object(
        number="count", epoch="count", at="string", peer="string", tls="string?", error="string?", alert="string?",
        exchanges="count", rule="string?", closed_by="string?", closed_at="string?",
    ),
}  # fmt: skip
SHAPES["Exchange"]["properties"]["upstream"] = _UPSTREAM
