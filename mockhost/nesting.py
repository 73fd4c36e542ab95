"""Nested data: how deep JSON from outside may be, one limit for all that walks it by recursion, and how maps merge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mockhost.errors import UsageError

LIMIT = 64
"""Levels of lists and maps in each other. Python's recursion ends at 1,000 calls, and a level takes several."""


def parse(text: str | bytes) -> Any:
    """Parse JSON that comes from outside. Raises ValueError, also for what is nested too deeply to be read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`: maps merge, other values replace, null removes.

    Neither is changed; unchanged parts are shared with the result.
    """
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            below = result.get(key)
            result[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def check(value: object, what: str) -> None:
    """Raise UsageError for a value with more than LIMIT levels; `what` names it in the message."""
    level: list[object] = [value]
    for _ in range(LIMIT + 1):
        below: list[object] = []
        for each in level:
            if isinstance(each, Mapping):
                below.extend(each.values())
            elif isinstance(each, (list, tuple)):
                below.extend(each)
        if not below:
            return
        level = below
    raise UsageError(f"{what} is nested more than {LIMIT} levels deep", hint="flatten it")
