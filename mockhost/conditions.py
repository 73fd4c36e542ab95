"""The words that rules (`when`), assertions (`verify`) and the journal's query share: what each reads of an exchange.

How a value is compared with what was read is in `matching`. Each side adds what only it needs: a rule can be undecided
while a pattern is searched for, an assertion reports its difference without secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from mockhost.errors import UsageError, did_you_mean
from mockhost.exchange import Exchange, Unreadable, as_text, header_values
from mockhost.matching import ABSENT, is_matcher, pointer

Read: TypeAlias = "Callable[[Exchange], object]"
"""Reads a value out of an exchange: None or ABSENT where there is none, Unreadable where it can't be told."""

FIELDS: Final[Mapping[str, Read]] = {
    "connector": lambda e: e.connector,
    "operation": lambda e: e.operation,
    "id": lambda e: e.id_concerned,
    "filter": lambda e: e.filter,
    "who": lambda e: e.who,
    "status": lambda e: e.status,
    "method": lambda e: e.method,
    "path": lambda e: as_text(e.path),
    "target": lambda e: as_text(e.target),
    "verdict": lambda e: e.verdict,
    "rule": lambda e: e.rule,
    "fault": lambda e: e.faults[0] if len(e.faults) == 1 else list(e.faults) or None,
    "probe": lambda e: e.probe,
    "connection": lambda e: e.connection,
    "reason": lambda e: e.reason,
    "native": lambda e: list(e.native),
    "bug": lambda e: e.bug,
}
"""What an exchange has one of. A rule asks only for what is known before the answer."""


def _header(name: str) -> Read:
    """A header's values as one (RFC 9110 5.3)."""

    def read(exchange: Exchange) -> object:
        values = header_values(exchange.headers, name)
        return ", ".join(values) if values else ABSENT

    return read


def _attribute(name: str) -> Read:
    return lambda exchange: exchange.attribute(name)


def _in_body(path: str) -> Read:
    """What a JSON pointer leads to."""

    def read(exchange: Exchange) -> object:
        document = exchange.document()
        return document if document is ABSENT or type(document) is Unreadable else pointer(document, path)

    return read


MAPS: Final[Mapping[str, Callable[[str], Read]]] = {
    "attributes": _attribute,
    "header": _header,
    "body": _in_body,
}
"""What an exchange has several of, each by its name."""


def any_of(expected: object) -> object:
    """A list of values stands for any of them."""
    return {"any_of": list(expected)} if isinstance(expected, (list, tuple)) else expected


def literals(expected: object) -> list[object]:
    """The literals that an expectation names by equality, through `any_of` and `equals`."""
    if isinstance(expected, (list, tuple)):
        return [literal for each in expected for literal in literals(each)]
    if isinstance(expected, Mapping) and is_matcher(expected):
        operands = [expected[word] for word in ("equals", "any_of", "not") if word in expected]
        return [literal for operand in operands for literal in literals(operand)]
    return [expected]


VERDICTS: Final = ("ok", "not_found", "method_not_allowed", "unauthorized", "refused")
"""What routing, authentication and http.sys make of a request."""


def check_verdict(expected: object) -> None:
    """Raise UsageError for a verdict that does not exist."""
    for literal in literals(expected):
        if isinstance(literal, str) and literal not in VERDICTS:
            raise UsageError(f"there is no verdict {literal!r}", hint=did_you_mean(literal, VERDICTS))
