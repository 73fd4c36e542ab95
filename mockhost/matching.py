"""One way to compare a value with what a scenario says of it: in `gets`, in `verify`, in a rule's `when`.

`difference` both matches and explains, so that the two can never disagree (the idea is pytest-httpserver's).
A matcher is a literal (deep equality) or a map of the words below, all of which must hold.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from mockhost import patterns
from mockhost.errors import did_you_mean
from mockhost.patterns import Search


class Absent:
    """What a look-up gives when there is nothing to compare."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = Absent()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _equal(expected: object, value: object) -> bool:
    """Deep equality in which `true` is not 1."""
    if isinstance(expected, bool) or isinstance(value, bool):
        return expected is value
    if isinstance(expected, Mapping) and isinstance(value, Mapping):
        return expected.keys() == value.keys() and all(_equal(v, value[k]) for k, v in expected.items())
    if isinstance(expected, (list, tuple)) and isinstance(value, (list, tuple)):
        return len(expected) == len(value) and all(map(_equal, expected, value))
    return expected == value


def _contains(expected: object, value: object) -> bool:
    if isinstance(value, str):
        return isinstance(expected, str) and expected in value
    if isinstance(value, (list, tuple)):
        return any(_equal(expected, item) for item in value)
    return isinstance(value, Mapping) and expected in value


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _at_least(expected: object, value: object) -> bool:
    low, number = _number(expected), _number(value)
    return low is not None and number is not None and number >= low


def _at_most(expected: object, value: object) -> bool:
    high, number = _number(expected), _number(value)
    return high is not None and number is not None and number <= high


_WORDS: dict[str, tuple[str, Callable[[object, object], bool]]] = {
    "equals": ("to equal", _equal),
    "contains": ("to contain", _contains),
    "starts_with": ("to start with", lambda e, v: (_text(v) or "\0").startswith(str(e))),
    "ends_with": ("to end with", lambda e, v: (_text(v) or "\0").endswith(str(e))),
    "at_least": ("to be at least", _at_least),
    "at_most": ("to be at most", _at_most),
}

WORDS: Final = frozenset(_WORDS) | {"absent", "any_of", "matches", "not"}
"""The words of a matcher. A map with any other key is a literal."""


_SHOWN_DEPTH: Final = 32
"""Levels of a value that `written` shows; an answer can have any number."""


def is_matcher(expected: object) -> bool:
    """Whether `expected` is a map of matcher words rather than a literal."""
    return isinstance(expected, Mapping) and bool(expected) and WORDS.issuperset(expected)


def misspelt(expected: object, *, literals: bool = True) -> tuple[str, str] | None:
    """What is wrong with a map that was meant as a matcher but has a word that does not exist, and a hint; or None.

    literals: whether a map may also be a literal, so that only a word that nearly exists is wrong.
    """
    if isinstance(expected, (list, tuple)):
        return next(filter(None, (misspelt(each, literals=literals) for each in expected)), None)
    if not isinstance(expected, Mapping) or not expected:
        return None
    if is_matcher(expected):
        inner = [expected[word] for word in ("not", "any_of") if word in expected]
        return misspelt(inner, literals=literals)
    for word in map(str, expected):
        if word in WORDS:
            continue
        if not literals:
            return f"there is no matcher {word!r}", did_you_mean(word, WORDS)
        if near := difflib.get_close_matches(word, sorted(WORDS), n=1, cutoff=0.7):
            return f"there is no matcher {word!r}", f"did you mean {near[0]!r}? A literal map: {{equals: …}}"
    return None


def written(value: object, depth: int = _SHOWN_DEPTH) -> str:
    """A value as a scenario writes it, in one line: true, null, 'a text', {key: value}."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, (Mapping, list, tuple)):
        return repr(value)
    if not depth:
        return "…"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {written(each, depth - 1)}' for key, each in value.items())}}}"
    return f"[{', '.join(written(each, depth - 1) for each in value)}]"


def difference(expected: object, value: object, search: Search = patterns.search) -> str | None:
    """None when `value` is as `expected`; else one phrase, e.g. `expected to contain 'x', got 'y'`.

    `search` looks for the pattern of `matches`. Raises UsageError for what is no pattern, and patterns.TooSlow.
    """
    if not is_matcher(expected):
        return None if _equal(expected, value) else f"expected {written(expected)}, got {written(value)}"
    assert isinstance(expected, Mapping)
    for word, operand in expected.items():
        if (text := _word_difference(word, operand, value, search)) is not None:
            return text
    return None


def _word_difference(word: str, operand: object, value: object, search: Search) -> str | None:
    if word == "absent":
        gone = value is ABSENT
        return (
            None
            if gone is bool(operand)
            else f"expected {'nothing' if operand else 'a value'}, got {written(value)}"
        )
    if word == "not":
        return (
            f"expected anything but {written(operand)}, got {written(value)}"
            if difference(operand, value, search) is None
            else None
        )
    if word == "any_of":
        options = operand if isinstance(operand, Sequence) and not isinstance(operand, str) else [operand]
        if any(difference(option, value, search) is None for option in options):
            return None
        return f"expected any of {written(options)}, got {written(value)}"
    if word == "matches":
        text = _text(value)
        found = text is not None and search(str(operand), text)
        return None if found else f"expected to match {written(operand)}, got {written(value)}"
    phrase, holds = _WORDS[word]
    return None if holds(operand, value) else f"expected {phrase} {written(operand)}, got {written(value)}"


def patterns_in(expected: object) -> Iterator[str]:
    """The regular expressions in what is expected."""
    if isinstance(expected, Mapping) and is_matcher(expected):
        if "matches" in expected:
            yield str(expected["matches"])
        yield from patterns_in(expected.get("not"))
        yield from patterns_in(expected.get("any_of"))
    elif isinstance(expected, (list, tuple)):
        for option in expected:
            yield from patterns_in(option)


def pointer(document: object, path: str) -> object:
    """The value at a JSON pointer (RFC 6901) in `document`, or ABSENT. Raises ValueError if it is no pointer."""
    if path == "":
        return document
    if not path.startswith("/"):
        raise ValueError(f"a JSON pointer begins with '/': {path!r}")
    value = document
    for raw in path[1:].split("/"):
        token = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(token, ABSENT)
        elif isinstance(value, (list, tuple)) and token.isdecimal() and int(token) < len(value):
            value = value[int(token)]
        else:
            return ABSENT
        if value is ABSENT:
            return ABSENT
    return value
