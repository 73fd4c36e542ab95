"""A fault in words: what its parameters take, what happens to a write, how a rule names it.

For `mockhost faults`, for the page docs/faults.md and for the editor's completion.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from mockhost.faults.declare import ELSEWHERE, Fault, Parameter

TITLES: Final[Mapping[str, str]] = {
    "transport": "Transport",
    "tls": "TLS",
    "http": "HTTP",
    "body": "Body",
    "host": "State of the host",
    ELSEWHERE: "Installed",
}
"""The groups, as headings."""
_KINDS = {
    "integer": "whole number",
    "fraction": "number from 0 to 1",
    "text": "text",
    "texts": "text or list of texts",
    "boolean": "true or false",
    "octets": "pairs of hex digits",
    "value": "any value",
}
_WRITES = {"applied": "happens", "not_applied": "does not happen"}


def kind(each: Parameter) -> str:
    """What a parameter takes, in words."""
    if each.choices:
        return ", ".join(f"{choice}" for choice in each.choices)
    words = _KINDS.get(each.kind, each.kind)
    low, high = each.minimum, each.maximum
    if low is None or each.kind == "fraction":
        return words
    return f"{words}, {low:.15g} to {high:.15g}" if high is not None else f"{words}, {low:.15g} or more"


def sentence(text: str) -> str:
    """A description with a full stop."""
    return text if text.endswith((".", "…")) else f"{text}."


def write(fault: Fault) -> str:
    """Whether a write happens, if the rule does not say."""
    if fault.upload is not None and fault.closes and fault.instead is None:
        return "does not happen"
    if fault.connection is not None and fault.answer is None and fault.host is None:
        return "is never sent"
    if fault.host is not None and fault.connection is None:
        return "is the host's to decide"
    return "depends on its parameters" if fault.write is None else _WRITES[fault.write]


def connection(fault: Fault) -> str:
    """Whether the connection outlives it."""
    return "ends" if fault.closes else "is kept"


def seen(fault: Fault) -> dict[str, str]:
    """What clients and tools see of it, each under its label."""
    return {
        "on the wire": fault.seen.wire,
        "requests": fault.seen.requests,
        "curl": fault.seen.curl,
        ".NET": fault.seen.dotnet,
        "in gets": fault.seen.gets,
        "a write": write(fault),
        "the connection": connection(fault),
    }


def flow(value: Any) -> str:
    """A value in YAML's flow style, as it would be written in a rule."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w /.-]*|\d+(?:ms|[smhd])", value):
        return value if value not in ("true", "false", "null") else json.dumps(value)
    return json.dumps(value, ensure_ascii=False)


def example(fault: Fault) -> str:
    """The fault as a rule's `fault` says it."""
    return flow(fault.name if fault.example is None else {fault.name: fault.example})


def offered(name: str, fault: Fault) -> dict[str, Any]:
    """In a JSON Schema: a name that an editor offers."""
    return {"enum": [name], "description": sentence(fault.title)}


def completion(fault: Fault) -> dict[str, Any]:
    """In a JSON Schema: a fault's parameters, for completion. No value is refused."""
    text = sentence(fault.title)
    if fault.main is not None:
        text += f" A bare value is its {fault.main}."
    part: dict[str, Any] = {"description": text}
    if fault.parameters:
        part["properties"] = {
            name: _hint(each, fault.descriptions[name]) for name, each in fault.parameters.items()
        }
        part["additionalProperties"] = {}
    if fault.example is not None:
        part["examples"] = [fault.example]
    return part


def _hint(each: Parameter, text: str) -> dict[str, Any]:
    part: dict[str, Any] = {"description": sentence(f"{sentence(text)} Is: {kind(each)}")}
    if each.default is not None:
        part["default"] = each.default
    if each.choices:
        part["examples"] = list(each.choices)
    elif each.kind == "boolean":
        part["examples"] = [True, False]
    return part
