"""The JSON Schema of a scenario: the single description of all keys, and how to look things up in it.

Two annotations are ours: `x-says` words a failure (an empty text hides it), `x-names` marks what can name a file, a
parent, an environment variable or a pattern, and settings in which those can stand again (`naming`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from mockhost.scenario.nodes import core_scalar
from mockhost.scenario.paths import Path, is_of

Schema = Mapping[str, Any]

SCHEMA_FILE = FilePath(__file__).with_name("schema.json")


def text() -> str:
    """The JSON Schema of format 1 for people and editors, with every behaviour that can be set."""
    from mockhost.connectors.ecma import behaviours
    from mockhost.connectors.provider import offers

    whole = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    whole["$defs"]["host"]["properties"]["behaviours"] = behaviours.json_schema()
    of_connector = behaviours.json_schema(of_connector=True)
    named = of_connector["properties"]
    assert isinstance(named, dict)
    for name, scim in offers.json_schemas().items():
        named[name] = scim if name not in named else _either(named[name], scim)
    whole["$defs"]["connector"]["properties"]["behaviours"] = of_connector
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _either(ecma: Schema, scim: Schema) -> Schema:
    """A behaviour that both families have, each with its own values."""
    text = f"{ecma['description']} {scim['description']}"
    return {"description": text, "anyOf": [ecma, scim]}


@functools.cache
def root() -> Schema:
    """The JSON Schema of format 1. Not to be changed."""
    loaded: Schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


def alternatives(part: Schema) -> Iterator[Schema]:
    """`part` and what it refers to or offers as alternatives, as schemas that stand for themselves."""
    if "$ref" in part:
        yield from alternatives(root()["$defs"][part["$ref"].rpartition("/")[2]])
    for branch in part.get("anyOf", ()):
        yield from alternatives(branch)
    yield part


def below(parts: Iterable[Schema], key: str | int) -> list[Schema]:
    """The schemas for `key` in what `parts` describe; empty if there can be no such key."""
    found: list[Schema] = []
    for part in parts:
        if isinstance(key, int):
            inner = part.get("items")
        else:
            inner = part.get("properties", {}).get(key, part.get("additionalProperties"))
        if isinstance(inner, Mapping):
            found.extend(alternatives(inner))
        elif inner is None and part.get("type") == "object" and "properties" not in part:
            found.append({})
    return found


def at(path: Path) -> list[Schema]:
    """The schemas that a value at `path` may satisfy; empty if there can be no such value."""
    parts = list(alternatives(root()))
    for key in path:
        parts = below(parts, key)
    return parts


def is_declared(path: Path) -> bool:
    """Whether the last key of `path` is a property that the schema names (not one of a map by free names)."""
    return any(path[-1] in part.get("properties", ()) for part in at(path[:-1]))


def known_keys(path: Path) -> set[str]:
    """The properties that the schema names for a map at `path`."""
    return {key for part in at(path) for key in part.get("properties", ())}


def types_of(part: Schema) -> Sequence[str]:
    """The JSON types that `part` speaks of; () if it leaves them open."""
    if "const" in part:
        return ("integer",)
    if "enum" in part:
        return ("string",)
    named = part.get("type", ())
    return (named,) if isinstance(named, str) else tuple(named)


def fitting(value: object, path: Path) -> object:
    """`value` as the schema wants it at `path`, where it came as a text or was read without knowing.

    A text where only numbers, booleans or maps are due is read as YAML would; a number where a text is due
    becomes one. Anything else stays.
    """
    parts = at(path)
    kinds = {kind for part in parts for kind in types_of(part)}
    if not kinds or any(is_of(value, kind) for kind in kinds):
        return value
    if isinstance(value, str):
        read = core_scalar(value)
        return read if any(is_of(read, kind) for kind in kinds) else value
    if "string" in kinds and isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return value


def takes_text(path: Path) -> bool:
    """Whether a text may stand at `path`."""
    return any("string" in types_of(part) for part in at(path))


def takes(value: object, path: Path) -> bool:
    """Whether a value of this JSON type may stand at `path`, or anything may."""
    parts = at(path)
    kinds = {kind for part in parts for kind in types_of(part)}
    return not kinds or any(is_of(value, kind) for kind in kinds)
