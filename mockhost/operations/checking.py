"""Checks what an operation is given against the schemas that its row publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockhost.errors import UsageError, did_you_mean
from mockhost.operations.row import Operation, Schema

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "object": (Mapping,),
    "array": (list, tuple),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def split(operation: Operation, given: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any], Any]:
    """The arguments of a call as (in the path, in the query, the body). Raises UsageError for one that is unknown.

    None leaves an argument of the query or of the body out.
    """
    known = operation.arguments
    for name in given:
        if name not in known:
            raise UsageError(f"{operation.name} has no argument {name!r}", hint=did_you_mean(name, known))
    for name in operation.in_path:
        if not isinstance(given.get(name), (str, int)):
            raise UsageError(f"{operation.name} needs {name!r}", hint=f"it is in the path {operation.path}")
        if given[name] == "":  # the address would be that of another operation
            raise UsageError(
                f"{operation.name}: {name!r} is empty", hint=f"it is in the path {operation.path}"
            )
    in_path = {name: str(given[name]) for name in operation.in_path}
    said = {name: value for name, value in given.items() if value is not None and name not in in_path}
    query = {each.name: said.pop(each.name) for each in operation.query if each.name in said}
    return in_path, query, said.get(operation.whole, {}) if operation.whole else said


def checked(operation: Operation, query: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Raise UsageError unless query and body are as the operation's row has them."""
    for each in operation.query:
        if each.name in query:
            value = query[each.name]
            for item in value if each.many and isinstance(value, (list, tuple)) else (value,):
                check(each.schema, item, each.name)
    if operation.body is not None:
        check({"type": "object", **operation.body}, body)


def check(schema: Schema, value: object, where: str = "the body") -> None:
    """Raise UsageError unless the value fits the schema, as far as our own schemas go.

    They use type, enum, required, properties, additionalProperties, items, minimum, maximum, minLength,
    maxLength and minProperties.
    """
    _check_type(schema, value, where)
    if "enum" in schema and value not in schema["enum"]:
        known = [str(each) for each in schema["enum"]]
        hint = did_you_mean(str(value), known) or "known: " + ", ".join(known)
        raise UsageError(f"{where}: {value!r} is not among what is known", hint=hint)
    if "minimum" in schema and isinstance(value, (int, float)) and value < schema["minimum"]:
        raise UsageError(f"{where} is at least {schema['minimum']}, not {value}")
    if "maximum" in schema and isinstance(value, (int, float)) and value > schema["maximum"]:
        raise UsageError(f"{where} is at most {schema['maximum']}, not {value}")
    if isinstance(value, str):
        _check_length(schema, value, where)
    elif isinstance(value, Mapping):
        _check_object(schema, value, where)
    elif isinstance(value, (list, tuple)) and "items" in schema:
        for index, item in enumerate(value):
            check(schema["items"], item, f"{where}[{index}]")


def _check_type(schema: Schema, value: object, where: str) -> None:
    wanted = schema.get("type")
    names = [wanted] if isinstance(wanted, str) else list(wanted or ())
    if not names:
        return
    fits = any(
        isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
        for name in names
    )
    if not fits:
        article = " or ".join(f"{'an' if name[0] in 'aeio' else 'a'} {name}" for name in names)
        raise UsageError(
            f"{where} is {article}, not {_shown(value)}", hint=str(schema.get("description", ""))
        )


def _check_length(schema: Schema, value: str, where: str) -> None:
    least, most = schema.get("minLength", 0), schema.get("maxLength", len(value))
    if len(value) < least:
        raise UsageError(f"{where} is empty", hint=str(schema.get("description", "")))
    if len(value) > most:
        raise UsageError(f"{where} is longer than {most:,} characters")


def _check_object(schema: Schema, value: Mapping[str, object], where: str) -> None:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            hint = f"{name}: {properties[name].get('description', '')}".rstrip(": ")
            raise UsageError(f"{where} has no {name!r}", hint=hint)
    if len(value) < schema.get("minProperties", 0):
        raise UsageError(f"{where} is empty", hint=str(schema.get("description", "")))
    extra = schema.get("additionalProperties")
    for name, item in value.items():
        inside = name if where == "the body" else f"{where}.{name}"
        if name in properties:
            check(properties[name], item, inside)
        elif extra is False:
            raise UsageError(f"{where} has an unknown key {name!r}", hint=did_you_mean(name, properties))
        elif isinstance(extra, Mapping):
            check(extra, item, inside)


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, (Mapping, list, tuple)):
        return "an object" if isinstance(value, Mapping) else "an array"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
