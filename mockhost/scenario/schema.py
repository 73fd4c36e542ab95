"""The JSON Schema of a scenario: the single description of all keys, how to look things up in it, and a quick check.

Two annotations are ours: `x-says` words a failure (an empty text hides it), `x-names` marks what can name a file, a
parent, an environment variable or a pattern, and settings in which those can stand again (`naming`).
Importing jsonschema takes longer than starting the rest of mockhost, and most scenarios are right. So `accepts` answers
yes or no for the keywords that our schema uses; only after a no is jsonschema asked what is wrong (`shape`). A keyword
that isn't known here counts as a no. The tests hold the two against each other.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from mockhost.scenario.documents import Path, is_of
from mockhost.scenario.parsing import core_scalar

Schema = Mapping[str, Any]

SCHEMA_FILE = FilePath(__file__).with_name("schema.json")


def text() -> str:
    """The JSON Schema of format 1 for people and editors, with every behaviour that can be set."""
    from mockhost.connectors.ecma import behaviours
    from mockhost.connectors.provider import strictness

    whole = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    whole["$defs"]["host"]["properties"]["behaviours"] = behaviours.json_schema()
    of_connector = behaviours.json_schema(of_connector=True)
    named = of_connector["properties"]
    assert isinstance(named, dict)
    for name, scim in strictness.json_schemas().items():
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

    A text where only numbers, booleans or maps are allowed is read as YAML would; a number where a text is expected
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


# -- whether a value is as the schema has it -----------------------------------------------------------------


_Check = Callable[[Any, Any, Schema, Schema], bool]
"""(value, the keyword's value, the schema it stands in, the root schema)"""


def accepts(value: object, part: Schema, root: Schema) -> bool:
    """Whether `value` is as `part` says; references are looked up in `root`."""
    return all(_CHECKS.get(keyword, _unknown)(value, rule, part, root) for keyword, rule in part.items())


def _unknown(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    return False


def _annotation(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    return True


def _ref(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    return accepts(value, root["$defs"][rule.rpartition("/")[2]], root)


def _any_of(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    return any(accepts(value, branch, root) for branch in rule)


def _type(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    return is_of(value, rule) if isinstance(rule, str) else any(is_of(value, kind) for kind in rule)


def _is_one(value: Any, known: Any) -> bool:
    return type(value) is type(known) and bool(value == known)


def _enum(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    return any(_is_one(value, known) for known in rule)


def _const(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    return _is_one(value, rule)


@functools.cache
def pattern(text: str) -> re.Pattern[str]:
    """A schema's pattern as Python has it; there `$` would also match before a final line break."""
    return re.compile(text.replace("$", r"\Z"))


def _pattern(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    return not isinstance(value, str) or pattern(rule).search(value) is not None


def _number(holds: Callable[[Any, Any], bool]) -> _Check:
    return lambda value, rule, part, root: not is_of(value, "number") or holds(value, rule)


def _sized(
    kind: type[str] | type[list[Any]] | type[dict[str, Any]], holds: Callable[[int, int], bool]
) -> _Check:
    return lambda value, rule, part, root: not isinstance(value, kind) or holds(len(value), rule)


def _unique(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    if not isinstance(value, list):
        return True
    # lists of texts are all that the schema asks this of
    return all(isinstance(item, str) for item in value) and len(set(value)) == len(value)


def _items(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    return not isinstance(value, list) or all(accepts(item, rule, root) for item in value)


def _properties(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    if not isinstance(value, dict):
        return True
    return all(accepts(item, rule[key], root) for key, item in value.items() if key in rule)


def _additional(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    if not isinstance(value, dict):
        return True
    known = part.get("properties", {})
    if rule is False:
        return all(key in known for key in value)
    return isinstance(rule, dict) and all(
        accepts(v, rule, root) for key, v in value.items() if key not in known
    )


def _names(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    return not isinstance(value, dict) or all(accepts(key, rule, root) for key in value)


def _required(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    return not isinstance(value, dict) or all(key in value for key in rule)


def _dependent(value: Any, rule: Any, part: Schema, root: Schema) -> bool:
    return not isinstance(value, dict) or all(
        key in value for name, keys in rule.items() if name in value for key in keys
    )


_CHECKS: Mapping[str, _Check] = {
    **dict.fromkeys(
        ("$schema", "$id", "$defs", "title", "description", "default", "examples", "x-says", "x-names"),
        _annotation,
    ),
    "$ref": _ref,
    "anyOf": _any_of,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "minimum": _number(lambda value, rule: value >= rule),
    "maximum": _number(lambda value, rule: value <= rule),
    "exclusiveMinimum": _number(lambda value, rule: value > rule),
    "minLength": _sized(str, lambda size, rule: size >= rule),
    "maxLength": _sized(str, lambda size, rule: size <= rule),
    "minItems": _sized(list, lambda size, rule: size >= rule),
    "maxItems": _sized(list, lambda size, rule: size <= rule),
    "minProperties": _sized(dict, lambda size, rule: size >= rule),
    "maxProperties": _sized(dict, lambda size, rule: size <= rule),
    "uniqueItems": _unique,
    "items": _items,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "required": _required,
    "dependentRequired": _dependent,
}
