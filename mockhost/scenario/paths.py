"""Documents: paths into them (tuples of keys and indexes), how those are written, and the types of values."""

from __future__ import annotations

import re
from collections.abc import Mapping

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
