"""Attributes' names (`urn:…:User:name.familyName`), filters and PATCH paths: from text to a tree and back.

The grammar is RFC 7644 3.4.2.2, 3.5.2 and 3.10 with errata 4690 and 7322 (no brackets inside brackets), and
`emails[type eq "work"].value eq "…"`, which Microsoft's SCIM Validator sends. What the client of the
provisioning service writes is not quite that grammar (AzureAD/SCIMReferenceCode, Filter.cs): a quote in a
value is not escaped, nor is a backslash. `lenient` understands both without changing the meaning of a filter
that follows the RFC.

Trees are NamedTuples: tell them apart with `isinstance`, for `And(a, b) == Or(a, b)` as tuples are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, NoReturn, TypeAlias

from mockhost.scim.errors import ScimError, shown

Value: TypeAlias = str | int | float | bool | None

EQUALITY: Final = frozenset({"eq", "ne"})
SUBSTRING: Final = frozenset({"co", "sw", "ew"})
ORDER: Final = frozenset({"gt", "ge", "lt", "le"})
OPERATORS: Final = EQUALITY | SUBSTRING | ORDER

MAX_LENGTH: Final = 65_536
"""Characters of a filter. A URL ends long before; `POST …/.search` is for longer ones (RFC 7644 3.4.3)."""
MAX_PATH_LENGTH: Final = 8_192
"""Characters of the path of a PATCH operation."""
MAX_DEPTH: Final = 50

_STRICT_NAME = re.compile(r"\$?[A-Za-z][A-Za-z0-9_$-]*")
_LENIENT_NAME = re.compile(r"(?!\d)[\w$@#/;+-]+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\"()\[\]]+")
_LONGEST_CACHED = 256


class AttrPath(NamedTuple):
    """An attribute as a filter, a path or a query names it: schema URN, attribute, sub-attribute."""

    urn: str | None
    name: str
    sub: str | None = None

    def __str__(self) -> str:
        prefix = f"{self.urn}:" if self.urn else ""
        return f"{prefix}{self.name}.{self.sub}" if self.sub else f"{prefix}{self.name}"


def attr_path(text: str, *, lenient: bool = True) -> AttrPath | None:
    """`text` as an attribute path, or None when it is none.

    The URN, if any, is all before the last colon. RFC 7644 3.4.2.2 begins a name with a letter; `lenient`
    also takes what connectors call their columns: `-dn-`, `_distinguishedName`, letters beyond ASCII.
    """
    split = _cached_split if len(text) <= _LONGEST_CACHED else _split
    return split(text, lenient)


def _split(text: str, lenient: bool) -> AttrPath | None:
    urn, _, rest = text.rpartition(":")
    if not (_URI.fullmatch(urn) if urn else ":" not in text):
        return None
    name, dot, sub = rest.partition(".")
    pattern = _LENIENT_NAME if lenient else _STRICT_NAME
    if not pattern.fullmatch(name) or (dot and not pattern.fullmatch(sub)):
        return None
    return AttrPath(urn or None, name, sub or None)


_cached_split = lru_cache(maxsize=1024)(_split)


class Compare(NamedTuple):
    """`userName eq "bob"`; `op` is in lower case."""

    path: AttrPath
    op: str
    value: Value


class Present(NamedTuple):
    """`title pr`"""

    path: AttrPath


class And(NamedTuple):
    """Both hold. Chains are balanced: a thousand terms make a tree of ten levels."""

    left: Filter
    right: Filter


class Or(NamedTuple):
    """At least one holds; chains are balanced like those of `And`."""

    left: Filter
    right: Filter


class Not(NamedTuple):
    """`not (…)`"""

    filter: Filter


class Group(NamedTuple):
    """`emails[type eq "work"]`: at least one value of the attribute fits; inside, names are sub-attributes."""

    path: AttrPath
    filter: Filter


Filter: TypeAlias = Compare | Present | And | Or | Not | Group


class Path(NamedTuple):
    """The `path` of a PATCH operation: an attribute, which of its values, and which sub-attribute of them.

    `attr.sub` is always None: `name.givenName` has `sub="givenName"` just as `emails[…].value` has "value".
    """

    attr: AttrPath
    filter: Filter | None = None
    sub: str | None = None

    def __str__(self) -> str:
        chosen = f"{self.attr}[{render(self.filter)}]" if self.filter is not None else str(self.attr)
        return f"{chosen}.{self.sub}" if self.sub else chosen


_BLANK = r"[ \t\r\n\f\v]"
_TOKEN = re.compile(rf'{_BLANK}*([^ \t\r\n\f\v"()\[\]]+|[()\[\]"])').match
_SIMPLE = re.compile(
    rf'{_BLANK}*([^ \t\r\n\f\v"()\[\]]+){_BLANK}+(eq|ne|co|sw|ew|gt|ge|lt|le){_BLANK}+"([^"\\\x00-\x1f]*)"{_BLANK}*',
    re.IGNORECASE,
).fullmatch
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
_OTHER_QUOTES = "'`´‘’‚“”„«»"
_LONGEST_NUMBER = 64
_SINGLE_QUOTE = "'"
_WORDS: Final[dict[str, Value]] = {"true": True, "false": False, "null": None}

_JSON_STRING = re.compile(r'"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"').match
_NEXT_QUOTE = re.compile(r'"').finditer
_AFTER_VALUE = re.compile(
    rf"{_BLANK}*(?:[)\]]|\Z)|{_BLANK}+(?:and|or)(?=[ \t\r\n\f\v(])", re.IGNORECASE
).match
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATE = re.compile("[\ud800-\udfff]").search


def parse(
    text: str,
    *,
    max_length: int = MAX_LENGTH,
    max_depth: int = MAX_DEPTH,
    lenient: bool = True,
    bare_words: bool = False,
) -> Filter:
    """`text` as a filter.

    `lenient` also takes what Microsoft's client writes: an unescaped `"` in a value (which then ends at the
    quote followed by the end, `)`, `]`, or a blank and `and` or `or`), a backslash that begins no JSON escape,
    control characters, and names that RFC 7644 doesn't allow (`-dn-`). `bare_words` also takes a value without
    quotes, up to a blank or a parenthesis, for a string, as AzureAD/SCIMReferenceCode (Filter.cs) does.
    Raises ScimError 400 `invalidFilter`, whose detail names the column, counted from 1.
    """
    if len(text) > max_length:
        _too_long("filter", len(text), max_length)
    # Nearly every filter that a host is asked has this one shape; the parser proper takes ten times as long.
    if simple := _SIMPLE(text):
        path = attr_path(simple[1], lenient=lenient)
        if path is not None:
            return Compare(path, simple[2].lower(), simple[3])
    return (_cached_parse if len(text) <= 256 else _parse)(text, max_depth, lenient, bare_words)


def _parse(text: str, max_depth: int, lenient: bool, bare_words: bool) -> Filter:
    reader = _Reader(text, "filter", max_depth, lenient, bare_words)
    found = reader.alternatives(0, inside=None)
    if reader.token:
        reader.refuse(f"expected 'and', 'or' or the end, not {shown(reader.token)}")
    return found


_cached_parse = lru_cache(maxsize=512)(_parse)


def parse_path(
    text: str,
    *,
    max_length: int = MAX_PATH_LENGTH,
    max_depth: int = MAX_DEPTH,
    bare_words: bool = False,
) -> Path:
    """`text` as the path of a PATCH operation, always lenient; `bare_words` as for `parse`.

    Raises ScimError 400 `invalidPath`, whose detail names the column, counted from 1.
    """
    if len(text) > max_length:
        _too_long("path", len(text), max_length)
    return (_cached_path if len(text) <= 256 else _parse_path)(text, max_depth, bare_words)


def _parse_path(text: str, max_depth: int, bare_words: bool) -> Path:
    reader = _Reader(text, "path", max_depth, True, bare_words)
    attr = reader.attribute()
    if reader.token != "[":
        if reader.token:
            reader.refuse(f"expected the end or '[' after the attribute, not {shown(reader.token)}")
        return Path(attr._replace(sub=None), None, attr.sub)
    chosen = reader.brackets(attr, 0)
    sub = reader.sub_attribute()
    if reader.token:
        reader.refuse(f"expected the end or '.' and a sub-attribute after ']', not {shown(reader.token)}")
    return Path(attr, chosen, sub)


_cached_path = lru_cache(maxsize=512)(_parse_path)


class _Reader:
    """A recursive-descent parser. `token` is a word, a mark, or "" at the end; `start` is where it begins."""

    __slots__ = ("bare_words", "end", "lenient", "max_depth", "start", "text", "token", "what")

    def __init__(self, text: str, what: str, max_depth: int, lenient: bool, bare_words: bool = False) -> None:
        self.text = text
        self.what = what
        self.max_depth = max_depth
        self.lenient = lenient
        self.bare_words = bare_words
        self.end = 0
        self.advance()

    def advance(self) -> None:
        match = _TOKEN(self.text, self.end)
        if match is None:
            self.token, self.start, self.end = "", len(self.text), len(self.text)
        else:
            self.token, self.start, self.end = match[1], match.start(1), match.end()

    def refuse(self, problem: str, at: int | None = None) -> NoReturn:
        where = self.start if at is None else at
        scim_type = "invalidFilter" if self.what == "filter" else "invalidPath"
        raise ScimError(400, scim_type, f"This {self.what} is invalid: {problem}, column {where + 1}.")

    def deeper(self, depth: int) -> int:
        if depth >= self.max_depth:
            self.refuse(f"parentheses and brackets go deeper than {self.max_depth} levels")
        return depth + 1

    def alternatives(self, depth: int, inside: AttrPath | None) -> Filter:
        """`… or … or …`; `inside` is the attribute in whose brackets we are."""
        terms = [self.conjunction(depth, inside)]
        while self.token.lower() == "or":
            self.advance()
            terms.append(self.conjunction(depth, inside))
        return _balanced(Or, terms)

    def conjunction(self, depth: int, inside: AttrPath | None) -> Filter:
        terms = [self.term(depth, inside)]
        while self.token.lower() == "and":
            self.advance()
            terms.append(self.term(depth, inside))
        return _balanced(And, terms)

    def term(self, depth: int, inside: AttrPath | None) -> Filter:
        if self.token == "(":
            return self.parenthesised(depth, inside)
        if self.token.lower() == "not":
            following = _TOKEN(self.text, self.end)
            if following is not None and following[1] == "(":
                self.advance()
                return Not(self.parenthesised(depth, inside))
            if following is not None and following[1].lower() not in OPERATORS | {"pr"}:
                self.refuse("expected '(' after 'not': try not (…)", following.start(1))
        path = self.attribute()
        if self.token != "[":
            return self.expression(path)
        if inside is not None:
            self.refuse(f"brackets can't be used inside the brackets of {shown(str(inside))}")
        chosen = self.brackets(path, depth)
        sub = self.sub_attribute()
        return Group(path, chosen if sub is None else And(chosen, self.expression(AttrPath(None, sub))))

    def parenthesised(self, depth: int, inside: AttrPath | None) -> Filter:
        opened = self.start
        inner = self.deeper(depth)
        self.advance()
        found = self.alternatives(inner, inside)
        if self.token != ")":
            self.refuse(f"expected ')' for the '(' in column {opened + 1}{self.instead()}")
        self.advance()
        return found

    def brackets(self, path: AttrPath, depth: int) -> Filter:
        if path.sub is not None:
            self.refuse(
                f"brackets choose among the values of an attribute, {shown(str(path))} is a sub-attribute"
            )
        opened = self.start
        inner = self.deeper(depth)
        self.advance()
        found = self.alternatives(inner, path)
        if self.token != "]":
            self.refuse(f"expected ']' for the '[' in column {opened + 1}{self.instead()}")
        self.advance()
        return found

    def sub_attribute(self) -> str | None:
        """The `.value` that follows a `]` without a blank, if there is one."""
        if not self.token.startswith(".") or self.text[self.start - 1] != "]":
            return None
        name = attr_path(self.token[1:], lenient=self.lenient)
        if name is None or name.urn or name.sub:
            self.refuse(f"expected a sub-attribute after ']', not {shown(self.token)}")
        self.advance()
        return name.name

    def attribute(self) -> AttrPath:
        path = attr_path(self.token, lenient=self.lenient)
        if path is None or self.token.lower() in ("and", "or"):
            self.refuse(f"expected an attribute{self.instead()}")
        self.advance()
        return path

    def expression(self, path: AttrPath) -> Compare | Present:
        """What follows an attribute: `pr`, or an operator and a value."""
        op = self.token.lower()
        if op == "pr":
            self.advance()
            return Present(path)
        if op not in OPERATORS:
            self.refuse(f"expected an operator after {shown(str(path))}{self.instead()}")
        self.advance()
        at = self.start
        value = self.value(op)
        if isinstance(value, bool) and op in ORDER:
            self.refuse(f"'{op}' can't put true and false in order: try eq or ne", at)
        return Compare(path, op, value)

    def value(self, op: str) -> Value:
        token = self.token
        if token == '"':
            return self.string()
        if token.lower() in _WORDS:
            self.advance()
            return _WORDS[token.lower()]
        if not _NUMBER(token):
            if token in ("", "(", ")", "[", "]"):
                self.refuse(f"expected a value after '{op}'{self.instead()}")
            # Another kind of quote is a mistake: taken as part of the word, it would match no user.
            if (
                self.bare_words
                and token.lower() not in ("and", "or", "not")
                and token[0] not in _OTHER_QUOTES
            ):
                self.advance()
                return token
            hint = f': try "{token.strip(_SINGLE_QUOTE)}"' if len(token) <= 40 else ""
            self.refuse(f"a value is a number, true, false, null or in double quotes{hint}")
        number = float(token) if len(token) > _LONGEST_NUMBER or set(token) & set(".eE") else int(token)
        if len(token) > _LONGEST_NUMBER or number in (float("inf"), float("-inf")):
            self.refuse("this number is too large")
        self.advance()
        return number

    def string(self) -> str:
        opened = self.start
        strict = _JSON_STRING(self.text, opened)
        closing = self.closing_quote(opened) if self.lenient else None
        if closing is not None:
            raw, self.end = self.text[opened + 1 : closing], closing + 1
        elif strict is not None:
            # Nothing that could follow a value follows this one: the caller says so better than we could.
            raw, self.end = strict[1], strict.end()
        else:
            self.refuse("the value that begins here has no closing quote or holds an invalid escape")
        self.advance()
        return _unescaped(raw) if "\\" in raw else raw

    def closing_quote(self, opened: int) -> int | None:
        """Where a value ends that may hold unescaped quotes: at the first quote that a value can end with.

        An escaped quote ends a value only if no other does: `"C:\\"` from a client that doesn't escape.
        """
        escaped_end = None
        for quote in _NEXT_QUOTE(self.text, opened + 1):
            at = quote.start()
            if not _AFTER_VALUE(self.text, at + 1):
                continue
            before = self.text[opened + 1 : at]
            if (len(before) - len(before.rstrip("\\"))) % 2 == 0:
                return at
            escaped_end = at if escaped_end is None else escaped_end
        return escaped_end

    def instead(self) -> str:
        return f", not {shown(self.token)}" if self.token else f", but the {self.what} ends"


def _balanced(kind: Callable[[Filter, Filter], Filter], terms: list[Filter]) -> Filter:
    if len(terms) == 1:
        return terms[0]
    half = (len(terms) + 1) // 2
    return kind(_balanced(kind, terms[:half]), _balanced(kind, terms[half:]))


def _unescaped(raw: str) -> str:
    text = _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _ESCAPED.get(m[2], m[2]), raw)
    if _SURROGATE(text):
        # Two escapes that make one character; half of a pair alone is no character.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _too_long(what: str, length: int, limit: int) -> NoReturn:
    scim_type = "invalidFilter" if what == "filter" else "invalidPath"
    raise ScimError(400, scim_type, f"This {what} is invalid: {length} characters, at most {limit} are read.")


def render(filter_: Filter) -> str:
    """The filter as text, with as few parentheses as it needs; `parse` of it means the same."""
    if isinstance(filter_, Compare):
        return f"{filter_.path} {filter_.op} {json.dumps(filter_.value, ensure_ascii=False)}"
    if isinstance(filter_, Present):
        return f"{filter_.path} pr"
    if isinstance(filter_, Not):
        return f"not ({render(filter_.filter)})"
    if isinstance(filter_, Group):
        return f"{filter_.path}[{render(filter_.filter)}]"
    if isinstance(filter_, Or):
        return f"{render(filter_.left)} or {render(filter_.right)}"
    sides = (f"({render(side)})" if isinstance(side, Or) else render(side) for side in filter_)
    return " and ".join(sides)
