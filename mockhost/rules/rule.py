"""Rules: what a scenario has happen instead of, or before, what the host would do.

The first rule that matches wins, live rules before the file's, the newest live rule first. `reply: normal` lets the
host answer; a literal reply stands instead of its answer, whatever state the host is in.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from mockhost.errors import UsageError, did_you_mean
from mockhost.matching import ABSENT, difference, is_matcher

CONDITIONS = (
    "operation",
    "probe",
    "connector",
    "id",
    "filter",
    "attributes",
    "verdict",
    "method",
    "path",
    "header",
)
"""The words of `when`. Naming one of the last four lets a rule see requests that were refused, too."""
_SEES_REFUSED = frozenset({"verdict", "method", "path", "header"})


class Request(Protocol):
    """What a rule may ask about a request."""

    @property
    def operation(self) -> str: ...
    @property
    def probe(self) -> bool: ...
    @property
    def connector(self) -> str | None: ...
    @property
    def id(self) -> str | None: ...
    @property
    def filter(self) -> str | None: ...
    @property
    def verdict(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    def header(self, name: str) -> str | None: ...
    def attribute(self, name: str) -> object: ...


class Reply(NamedTuple):
    """A literal answer. `body` is text or JSON data; None sends none."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: object


class Rule:
    """One rule, compiled from its map in a scenario or in a call."""

    __slots__ = (
        "_conditions",
        "_connectors",
        "_operations",
        "_sees_refused",
        "document",
        "live",
        "name",
        "reply",
    )

    def __init__(self, document: Mapping[str, object], name: str, *, live: bool) -> None:
        self.document = dict(document)
        self.live = live
        self.name = str(document.get("name") or name)
        when = document.get("when") or {}
        if not isinstance(when, Mapping):
            raise UsageError(f"rule {self.name!r}: 'when' is a map of conditions")
        for word in when:
            if word not in CONDITIONS:
                raise UsageError(
                    f"rule {self.name!r}: unknown condition {word!r}", hint=did_you_mean(word, CONDITIONS)
                )
        self._operations = _names(when.get("operation"))
        self._connectors = _names(when.get("connector"))
        self._conditions = tuple(when.items())
        self._sees_refused = not _SEES_REFUSED.isdisjoint(when)
        self.reply = _reply(document.get("reply", "normal"), self.name)

    def may_match(self, operation: str, connector: str | None) -> bool:
        """Whether a request of this operation to this connector can match; False is final, True is not."""
        if self._operations is not None and operation not in self._operations:
            return False
        return self._connectors is None or connector in self._connectors

    def matches(self, request: Request) -> bool:
        """Whether every condition holds for the request."""
        if request.verdict != "ok" and not self._sees_refused:
            return False
        return all(_holds(word, expected, request) for word, expected in self._conditions)


def _names(expected: object) -> frozenset[str] | None:
    names = [expected] if isinstance(expected, str) else expected
    return frozenset(names) if isinstance(names, (list, tuple)) else None


def _reply(value: object, name: str) -> Reply | None:
    if value == "normal":
        return None
    if not isinstance(value, Mapping):
        raise UsageError(
            f"rule {name!r}: a reply is 'normal' or a map with status, headers, body", hint=f"got {value!r}"
        )
    status = value.get("status", 200)
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise UsageError(f"rule {name!r}: the reply's status is a number from 200 to 599, not {status!r}")
    headers = value.get("headers") or {}
    if not isinstance(headers, Mapping):
        raise UsageError(f"rule {name!r}: the reply's headers are a map")
    for header, text in headers.items():
        if any(c in f"{header}{text}" for c in "\r\n\0"):
            raise UsageError(f"rule {name!r}: the header {header!r} has a line break in it")
    return Reply(status, tuple((str(k), str(v)) for k, v in headers.items()), value.get("body"))


def _holds(word: str, expected: object, request: Request) -> bool:
    if word == "header":
        return _all_hold(expected, lambda name: _or_absent(request.header(name)))
    if word == "attributes":
        return _all_hold(expected, request.attribute)
    if word == "verdict":
        return expected == "any" or difference(expected, request.verdict) is None
    value = getattr(request, word)
    if isinstance(expected, (list, tuple)) and not is_matcher(expected):
        expected = {"any_of": list(expected)}
    return difference(expected, _or_absent(value)) is None


def _all_hold(expected: object, look_up: object) -> bool:
    assert callable(look_up)
    if not isinstance(expected, Mapping):
        return False
    return all(difference(matcher, look_up(str(name))) is None for name, matcher in expected.items())


def _or_absent(value: object) -> object:
    return ABSENT if value is None else value


class Rules:
    """The rules in force: those of the file, and live ones before them."""

    def __init__(self, documents: Iterable[Mapping[str, object]]) -> None:
        self._file = tuple(Rule(d, f"rules[{i}]", live=False) for i, d in enumerate(documents))
        self._live: tuple[Rule, ...] = ()
        self._numbers = itertools.count()
        self._candidates: dict[tuple[str, str | None], tuple[Rule, ...]] = {}

    def __iter__(self) -> itertools.chain[Rule]:
        return itertools.chain(self._live, self._file)

    def first(self, request: Request) -> Rule | None:
        """The first rule that matches, or None."""
        kind = request.operation, request.connector
        candidates = self._candidates.get(kind)
        if candidates is None:
            candidates = self._candidates[kind] = tuple(rule for rule in self if rule.may_match(*kind))
        for rule in candidates:
            if rule.matches(request):
                return rule
        return None

    def replace_file(self, documents: Iterable[Mapping[str, object]]) -> None:
        """Put other rules in the place of the file's; live rules stay."""
        self._file = tuple(Rule(d, f"rules[{i}]", live=False) for i, d in enumerate(documents))
        self._candidates = {}

    def add(self, document: Mapping[str, object]) -> str:
        """Put a live rule before all others; its name. A rule of the same name is replaced."""
        rule = Rule(document, f"live[{next(self._numbers)}]", live=True)
        self._live = (rule, *(other for other in self._live if other.name != rule.name))
        self._candidates = {}
        return rule.name

    def remove(self, name: str) -> bool:
        """Take a live rule away; False if there is none of this name."""
        before = len(self._live)
        self._live = tuple(rule for rule in self._live if rule.name != name)
        self._candidates = {}
        return len(self._live) < before

    def clear(self) -> None:
        """Take every live rule away."""
        self._live = ()
        self._candidates = {}

    def documents(self) -> list[dict[str, object]]:
        """The rules in the order in which they are tried, as plain JSON."""
        return [{**rule.document, "name": rule.name, "live": rule.live} for rule in self]
