"""When a value that a resource has fits a value that a filter gives (RFC 7644 3.4.2.2, Tables 3 and 4).

There is no schema here: what a value is says how it compares.

- Strings ignore case unless the attribute is `caseExact`; two that are both date-times compare as instants.
- A boolean equals `true` or `false` and also the strings "True" and "False", which the provisioning service
  sends (Microsoft Learn, Known issues and resolutions with SCIM 2.0 protocol compliance, heading "Flags to
  alter the SCIM behavior").
- A number compares with a number, and with a string that is one; a string attribute never equals a number.
- Bytes equal the base64 text of a filter.
- What can't be compared is different: `ne` holds, nothing else does.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import operator
import re
from collections.abc import Callable
from typing import Final, TypeAlias

from mockhost.scim.attributes import fold
from mockhost.scim.errors import ScimError
from mockhost.scim.grammar import ORDER, Value

Fits: TypeAlias = Callable[[object], bool]

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_NUMERIC = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch
_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII | re.IGNORECASE
).fullmatch
_TRUTH: Final = {"true": True, "false": False}

_TEXT_OPERATORS: Final[dict[str, Callable[[str, str], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "co": operator.contains,
    "sw": str.startswith,
    "ew": str.endswith,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_ORDERED: Final[dict[str, Callable[..., bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


def comparison(op: str, expected: Value, *, case_exact: bool = False) -> Fits:
    """A function that says whether a single value (None: unassigned) fits `op expected`.

    It raises ScimError 400 `invalidFilter` where a boolean or bytes would have to be put in order (RFC 7644
    3.4.2.2, `gt`: "Boolean and Binary attributes SHALL cause a failed response").
    """
    if expected is None:
        return {"eq": _is_unassigned, "ne": _is_assigned}.get(op, _never)
    if isinstance(expected, bool):
        return _with_boolean(op, expected)
    if isinstance(expected, str):
        return _with_text(op, expected, case_exact)
    return _with_number(op, expected)


def _is_unassigned(actual: object) -> bool:
    return actual is None


def _is_assigned(actual: object) -> bool:
    return actual is not None


def _never(actual: object) -> bool:
    return False


def _different(op: str, actual: object) -> bool:
    """What holds between values of two kinds."""
    if isinstance(actual, (bool, bytes)) and op in ORDER:
        raise _unordered(op)
    return op == "ne"


def _unordered(op: str) -> ScimError:
    detail = f"This filter is invalid: '{op}' can't be used on a boolean or binary attribute: try eq or ne."
    return ScimError(400, "invalidFilter", detail)


def _with_boolean(op: str, expected: bool) -> Fits:
    if op in ORDER:
        raise _unordered(op)

    def fits(actual: object) -> bool:
        truth = _TRUTH.get(fold(actual)) if isinstance(actual, str) else actual
        return (truth is expected) is (op == "eq") if op in ("eq", "ne") else False

    return fits


def _with_number(op: str, expected: int | float) -> Fits:
    compare = _ORDERED.get(op)

    def fits(actual: object) -> bool:
        if compare is not None and isinstance(actual, (int, float)) and not isinstance(actual, bool):
            return compare(actual, expected)
        return _different(op, actual)

    return fits


def _with_text(op: str, expected: str, case_exact: bool) -> Fits:
    needle = expected if case_exact else fold(expected)
    compare = _TEXT_OPERATORS[op]
    moment = instant(expected) if op in _ORDERED else None

    def fits(actual: object) -> bool:
        if not isinstance(actual, str):
            return _text_against_other(op, expected, actual)
        if moment is not None and (other := instant(actual)) is not None:
            return _ORDERED[op](other, moment)
        return compare(actual if case_exact else fold(actual), needle)

    return fits


def _text_against_other(op: str, expected: str, actual: object) -> bool:
    """A string of the filter against a boolean, a number, or something that compares with no string."""
    if isinstance(actual, bool) and op in ("eq", "ne"):
        return (_TRUTH.get(fold(expected)) is actual) is (op == "eq")
    if isinstance(actual, (int, float)) and not isinstance(actual, bool) and op in _ORDERED:
        wanted = number(expected)
        if wanted is not None:
            return _ORDERED[op](actual, wanted)
    if isinstance(actual, bytes) and op in ("eq", "ne"):
        return (_decoded(expected) == actual) is (op == "eq")
    return _different(op, actual)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def number(text: str) -> int | float | None:
    """The number that `text` writes in JSON's way (leading zeros allowed), or None."""
    if not _NUMERIC(text):
        return None
    return int(text) if text.lstrip("-").isdigit() else float(text)


def instant(text: str) -> datetime.timedelta | None:
    """The moment of a date-time (RFC 7643 2.3.5) counted from 1970, or None when `text` is none.

    Without an offset it is UTC. A date alone is no date-time.
    """
    if not _DATE_TIME(text):
        return None
    try:
        moment = datetime.datetime.fromisoformat(text.upper())
    except ValueError:  # the 31st of February, an hour 25
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)) - _EPOCH
