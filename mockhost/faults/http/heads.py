"""What may stand in a head (RFC 9110 5.5, 5.6.2), and when a client may come again (10.2.3)."""

from __future__ import annotations

import math
import re
from typing import Final

from mockhost.clock import http_date
from mockhost.faults.contract import Context, Parameter

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
_VALUE = re.compile("[\t\x20-\x7e\xa0-\xff]{0,2000}")

RETRY_AFTER_AS: Final = Parameter(
    "choice",
    "How Retry-After says it: in seconds, as an HTTP date by the host's clock, or not at all",
    "seconds",
    choices=("seconds", "date", "none"),
)


def name_problem(name: object) -> str | None:
    """None for the name of a header, else what is wrong."""
    return None if isinstance(name, str) and _NAME.fullmatch(name) else f"{name!r} is no name of a header"


def value_problem(value: object) -> str | None:
    """None for what a header may say, else what is wrong."""
    if isinstance(value, str) and _VALUE.fullmatch(value):
        return None
    return f"{value!r} can't stand in a header; it is Latin-1 without line breaks, of at most 2000 signs"


def retry_after(seconds: float, how: object, context: Context) -> str | None:
    """The value of Retry-After, rounded up; None where it is to be left out."""
    if how == "none":
        return None
    whole = math.ceil(seconds - 1e-6)
    return http_date(context.now + whole) if how == "date" else str(whole)
