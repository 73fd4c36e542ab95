"""How long an answer takes on top: fixed, uniform or lognormal, drawn for each match."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from mockhost.durations import seconds
from mockhost.errors import UsageError

_P99 = 2.3263478740408408
"""The 99th percentile of the standard normal distribution, in standard deviations."""
LONGEST = 86_400.0
"""No delay is longer, whatever is drawn."""
_FORMS = "write 2s, {fixed: 2s}, {uniform: [50ms, 200ms]} or {lognormal: {median: 80ms, p99: 900ms}}"


class Delay(NamedTuple):
    """A distribution of delays, in seconds on the wall."""

    kind: str
    """fixed | uniform | lognormal"""
    low: float
    """the length, the shortest, or the median"""
    high: float = 0.0
    """the longest, or the 99th percentile"""

    def drawn(self, chance: float) -> float:
        """The delay at a number in [0, 1)."""
        if self.kind == "fixed":
            return self.low
        if self.kind == "uniform":
            return self.low + (self.high - self.low) * chance
        from statistics import NormalDist

        deviation = math.log(self.high / self.low) / _P99
        quantile = NormalDist().inv_cdf(min(max(chance, 1e-12), 1 - 1e-12))
        return min(LONGEST, self.low * math.exp(deviation * quantile))


def compiled(said: object) -> Delay:
    """A delay as a rule says it. Raises UsageError."""
    if isinstance(said, str):
        return Delay("fixed", _length(said))
    if isinstance(said, Mapping) and len(said) == 1:
        kind, value = next(iter(said.items()))
        if kind == "fixed":
            return Delay("fixed", _length(value))
        if kind == "uniform" and isinstance(value, (list, tuple)) and len(value) == 2:
            low, high = map(_length, value)
            if low > high:
                raise UsageError("the shortest delay is longer than the longest", hint="write [50ms, 200ms]")
            return Delay("uniform", low, high)
        if kind == "lognormal" and isinstance(value, Mapping) and set(value) == {"median", "p99"}:
            median, p99 = _length(value["median"]), _length(value["p99"])
            if not 0 < median <= p99:
                raise UsageError("the median of a delay is above 0 and at most its 99th percentile")
            return Delay("lognormal", median, p99)
    raise UsageError(f"{said!r} is no delay", hint=_FORMS)


def _length(said: object) -> float:
    try:
        length = seconds(said) if isinstance(said, str) else -1.0
    except ValueError:
        length = -1.0
    if not 0 <= length <= LONGEST:
        raise UsageError(f"{said!r} is no length of a delay", hint=_FORMS + "; a day at most")
    return length
