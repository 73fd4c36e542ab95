"""Lengths of time as scenario files write them: `250ms`, `2s`, `3m`, `2h`, `-1d`, `730d`."""

from __future__ import annotations

import re

from mockhost.errors import UsageError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_DURATION = re.compile(r"(-?[0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")


def seconds(text: str) -> float:
    """Seconds of a duration with a unit. Raises ValueError for anything else."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a duration; write a number with a unit: 250ms, 2s, 3m, 2h, 730d")
    return float(found[1]) * _UNITS[found[2]]


def parse_duration(text: str) -> float:
    """The same. Raises UsageError for anything else."""
    try:
        return seconds(text)
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        raise UsageError(message, hint=hint) from None


def text_of(length: float) -> str:
    """A duration as a scenario file would write it, in the largest unit that leaves a whole number."""
    for unit, size in reversed(_UNITS.items()):
        count = round(length / size, 6)
        if abs(count) >= 1 and count.is_integer():
            return f"{count:.0f}{unit}"
    return f"{length * 1_000:.6g}ms"
