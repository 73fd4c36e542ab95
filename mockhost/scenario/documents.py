"""Documents: paths into them, the types of their values, and the one rule by which they are put on top of each other.

A path is a tuple of keys and indexes. Maps merge deeply, lists and scalars replace, null removes: `extends`, `--set`,
the overrides of tests and live changes all follow this rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mockhost import nesting
from mockhost.errors import UsageError

Path = tuple[str | int, ...]
"""Where in a document: `("connectors", "SQL", "rules", 0)`."""

_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_]*")


class Gone:
    """What `value_at` gives when there is nothing."""


GONE = Gone()


def written(path: Path) -> str:
    """`$.connectors.SQL.system.columns["msDS-X"]`, `$.rules[0]`."""
    text = "$"
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN.fullmatch(part):
            text += f".{part}"
        else:
            text += f'["{part}"]'
    return text


def value_at(document: object, path: Path) -> object:
    """The value at `path`, or GONE."""
    value = document
    for part in path:
        if isinstance(part, int):
            if not isinstance(value, list) or part >= len(value):
                return GONE
            value = value[part]
        else:
            if not isinstance(value, Mapping) or part not in value:
                return GONE
            value = value[part]
    return value


def maps_in(value: object) -> dict[str, Mapping[str, Any]]:
    """The entries of a map, if it is one, that are maps themselves."""
    return {n: v for n, v in value.items() if isinstance(v, Mapping)} if isinstance(value, Mapping) else {}


JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def is_of(value: object, kind: str) -> bool:
    """Whether `value` is of a JSON type; `true` is no number."""
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, JSON_TYPES[kind])


# -- laying one over another ---------------------------------------------------------------------------------


Document = dict[str, object]


def idle_nulls(base: object, over: Mapping[str, object], path: Path = ()) -> Iterator[Path]:
    """The places where `over` says null and `base` has nothing to remove."""
    for key, value in over.items():
        below = base.get(key) if isinstance(base, Mapping) else None
        if value is None:
            if not isinstance(base, Mapping) or key not in base:
                yield (*path, key)
        elif isinstance(value, Mapping):
            yield from idle_nulls(below, value, (*path, key))


def at_path(dotted: str, value: object) -> Document:
    """`{"host": {"debug": True}}` of `host.debug` and `True`. Raises UsageError for a path with empty parts."""
    parts = dotted.removeprefix("$.").split(".")
    if not all(parts) or len(parts) > nesting.LIMIT:
        raise UsageError(
            f"{dotted!r} is not a path into a scenario", hint="write it like connectors.SQL.secret_token"
        )
    document: object = value
    for part in reversed(parts):
        document = {part: document}
    assert isinstance(document, dict)
    return document


def plain(value: object, path: str = "$", depth: int = 0) -> object:
    """A value from Python code as the documents have it: dicts, lists, texts, numbers, booleans, None.

    Raises UsageError for anything else, for keys that are no texts and for what has no end.
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return _plain_scalar(value, path)
    if depth > nesting.LIMIT:
        raise UsageError(f"{path}: more than {nesting.LIMIT} levels deep")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise UsageError(f"{path}: the key {key!r} is not a text")
        return {str(key): plain(item, f"{path}.{key}", depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
    if callable(value) and path.endswith(".reply"):
        hint = "add_rule and fail_next of a running host in this process take one"
        raise UsageError(f"{path}: a scenario can't hold a function that computes the reply", hint=hint)
    raise UsageError(
        f"{path}: a scenario can't hold a {type(value).__name__}",
        hint="use texts, numbers, booleans, None, lists and dicts",
    )


def _plain_scalar(value: object, path: str) -> object:
    if isinstance(value, str):
        value = str(value)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{path}: a text with half of a surrogate pair in it") from None
    elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise UsageError(f"{path}: {value} is not a number that can be used")
    return value


def plain_document(value: Mapping[str, object], what: str) -> Document:
    """`plain` of a whole document; `what` names it in the message."""
    try:
        document = plain(value)
    except UsageError as error:
        raise UsageError(f"{what}: {error.message}", hint=error.hint) from None
    if not isinstance(document, dict):
        raise UsageError(f"{what}: a scenario is a dict, not a {type(value).__name__}")
    return document
