"""Says quickly that a value is as the schema has it.

Importing jsonschema takes longer than starting the rest of mockhost, and most scenarios are right. So this answers
yes or no for the keywords that our schema uses; only after a no is jsonschema asked what is wrong. A keyword that
isn't known here counts as a no. The tests hold the two against each other.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from mockhost.scenario.paths import is_of

Schema = Mapping[str, Any]
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
