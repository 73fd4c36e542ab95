"""Where passwords stand in a request: in JSON, in a PATCH, in a filter, and in what can't be parsed.

By name: `export_password` (Microsoft Learn, "Generic SQL connector tutorial", attribute mappings), SCIM's `password`
(RFC 7643 4.1.1), and what directories call theirs. Every function also gives the values that it found, so that they
can be looked for elsewhere.
"""

from __future__ import annotations

import itertools
import json
import re
from typing import Final

from mockhost.journal.escapes import MARK, views

MOST: Final = 100
"""How many passwords of one text are looked for elsewhere."""
_LONGEST_TOLD = 2 * 1024

# `ß` and `ẞ` fold to `ss`, and `ſ` is an `s` to a case-insensitive pattern: a name in any case means those, too.
_FOLDS_TO_S = tuple(letter.encode().decode("latin-1") for letter in "ßẞſ")
_EXPORT_NAME = r"export_pa(?:ss|ß|ẞ)word"
_OTHER_NAME = r"(?:user_?pa(?:ss|ß|ẞ)word|pa(?:ss|ß|ẞ)word|unicodepwd)"
_OPERATOR = r"[\s+]+(?:eq|ne|co|sw|ew|gt|ge|lt|le)(?=[\s+])"
_VALUE_FOLLOWS = rf"(?:\[|{_OPERATOR}|\W{{0,6}}?[:=>])"
_EXPORT = rf"(?i){_EXPORT_NAME}"
_NAME = rf"(?i){_EXPORT_NAME}|(?:^|[:.]){_OTHER_NAME}$"
# In a target, and in a body that can't be parsed: the name alone is enough, unless it is one of a list.
_STRICT = rf"(?i){_EXPORT_NAME}(?!\s*(?:[,&]|\Z))(?:{_OPERATOR})?|(?<![^\W_]){_OTHER_NAME}{_VALUE_FOLLOWS}"
# In a string of a body, and in an answer: the name with something that says that a value follows.
LENIENT: Final = rf"(?i)(?:{_EXPORT_NAME}|(?<![^\W_]){_OTHER_NAME}){_VALUE_FOLLOWS}"
_VALUE_KEY = r'(?i)"value"\s*:'
# A quote that never ends is taken to the end, so that no text is read more than once.
_QUOTED = r'(?s)"((?:[^"\\]|\\.|\\\Z)*)(?:"|\Z)(\s*:)?'
_TOKEN = r'(?s)"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+'


def names_password(text: str) -> bool:
    """Whether the name of a password may stand in the text, which may be UTF-8 read as Latin-1."""
    if "w" not in text and "W" not in text:  # nothing else folds to a `w`, and many texts have none
        return False
    folded = text.casefold()
    if "password" in folded or "unicodepwd" in folded:
        return True
    return not text.isascii() and any(letter in text for letter in _FOLDS_TO_S)


def _told(text: str) -> list[str]:
    """The values in a stretch of text that was cut away: what stands in quotes, and the whole of it."""
    found = [text]
    for view in views(text[:_LONGEST_TOLD]):
        for plain in {view.text, view.text.replace("+", " ")}:
            found.append(plain.strip("\"'+ \t\r\n>=:"))
            quoted = (match[1] for match in re.finditer(_QUOTED, plain) if not match[2])
            found += itertools.islice((value for value in quoted if not is_password(value)), MOST)
    return found


def _first(pattern: str, text: str) -> int | None:
    """Where, in whatever escapes, the first match ends; of two readings of the same match the longer."""
    best: tuple[int, int] | None = None
    for view in views(text):
        if (found := re.search(pattern, view.text)) is not None:
            start, end = view.span(*found.span())
            if best is None or (start, -end) < best:
                best = start, -end
    return -best[1] if best is not None else None


def cut(text: str, pattern: str) -> tuple[str, list[str]]:
    """The text up to the end of the pattern's first match, in whatever escapes; and the values that went."""
    at = _first(pattern, text)
    return (text, []) if at is None else (text[:at] + MARK, _told(text[at:]))


def is_password(name: str) -> bool:
    """Whether an attribute's name, bare or qualified, is one of those that hold passwords."""
    return re.search(_NAME, name) is not None


def cut_line(text: str) -> tuple[str, list[str]]:
    """A target or header value without what follows the name of a password, and the values that went."""
    return cut(text, _STRICT)


def cut_unparsed(text: str, *, request: bool) -> tuple[str, list[str]]:
    """A body that is no JSON without what follows the name of a password, and the values that went.

    In a PATCH the value may stand before the path that names it, so a request's body is cut at its first `"value"`.
    """
    if not request:
        return cut(text, LENIENT)
    at = _first(_STRICT, text)
    if _first(_EXPORT, text) is not None and (value := _first(_VALUE_KEY, text)) is not None:
        at = value if at is None else min(at, value)
    return (text, []) if at is None else (text[:at] + MARK, _told(text[at:]))


class _Open:
    """An object or array that the reader is inside of."""

    __slots__ = ("key", "key_is_due", "names_password", "start", "values")

    def __init__(self, start: int, *, is_object: bool) -> None:
        self.start = start
        self.key: str | None = None
        self.key_is_due = is_object
        self.names_password = False
        """some member's value is the name of a password, as a PATCH operation's path is"""
        self.values: list[tuple[int, int]] = []


def password_spans(text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Where a JSON text has passwords: spans of whole values, and spans inside of strings. `text` must be JSON."""
    whole: list[tuple[int, int]] = []
    inside: list[tuple[int, int]] = []
    stack: list[_Open] = []
    for found in re.finditer(_TOKEN, text):
        token, start, end = found[0], found.start(), found.end()
        if token in "{[":
            stack.append(_Open(start, is_object=token == "{"))
            continue
        if token in "}]":
            closed = stack.pop()
            if closed.names_password:
                whole += closed.values
            start = closed.start
        elif token == ",":
            if stack and stack[-1].key is not None:
                stack[-1].key, stack[-1].key_is_due = None, True
            continue
        elif token == ":":
            continue
        elif token[0] == '"' and stack and stack[-1].key_is_due:
            stack[-1].key, stack[-1].key_is_due = json.loads(token, strict=False), False
            continue
        elif token[0] == '"':
            _read_string(token, start, stack, inside)
        _place(start, end, stack, whole)
    return whole, inside


def _read_string(token: str, start: int, stack: list[_Open], inside: list[tuple[int, int]]) -> None:
    """A string value: it may name a password, or hold one after its name."""
    value = json.loads(token, strict=False)
    if re.search(_NAME, value) and stack:
        stack[-1].names_password = True
    at = _first(LENIENT, token)
    if _first(_VALUE_KEY, token[1:-1]) is not None and _first(_EXPORT, token) is not None:
        at = 1  # a PATCH within a string, whose value may stand before the path
    if at is not None:
        inside.append((start + min(at, len(token) - 1), start + len(token) - 1))


def _place(start: int, end: int, stack: list[_Open], whole: list[tuple[int, int]]) -> None:
    """A value has ended: if it is a member, see what its key makes of it."""
    if not stack or stack[-1].key is None:
        return
    if stack[-1].key.casefold() == "value":
        stack[-1].values.append((start, end))
    if re.search(_NAME, stack[-1].key):
        whole.append((start, end))


def without_passwords(text: str) -> tuple[str, list[str]]:
    """A JSON text with its passwords replaced, still JSON; and the passwords."""
    whole, inside = password_spans(text)
    told = [value for start, end in whole for value in _scalars(text[start:end])]
    told += [value for start, end in inside for value in _told(text[start:end])]
    marks = [(start, -end, f'"{MARK}"') for start, end in whole]
    marks += [(start, -end, MARK) for start, end in inside]
    parts: list[str] = []
    at = 0
    # Of two that begin together the longer comes first, and what lies within one that is replaced is left out.
    for start, end, mark in sorted(marks):
        if start >= at:
            parts += (text[at:start], mark)
            at = -end
    return "".join(parts) + text[at:], told


def _scalars(value: str) -> list[str]:
    """Every string and number in a JSON value, as text, but no member's name."""
    tokens = re.findall(_TOKEN, value)
    return [
        json.loads(token, strict=False) if token[0] == '"' else token
        for token, following in zip(tokens, [*tokens[1:], ""], strict=True)
        if following != ":" and token not in ("{", "}", "[", "]", ":", ",", "true", "false", "null")
    ]
