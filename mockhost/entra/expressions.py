"""Attribute mapping expressions: from a text to a tree, with the place of every mistake.

Source: Microsoft Learn, "Reference for writing expressions for attribute mappings" (syntax overview): functions
with arguments, `[attribute]`, `"text"` with `\\\\` and `\\"`, nesting, arguments that may be left out, and the
comparisons `= <> > >= < <=` in a condition. Names are case-sensitive.
"""

from __future__ import annotations

import functools
import re

from mockhost.entra import functions
from mockhost.entra.functions import (
    Attribute,
    Call,
    Comparison,
    Constant,
    ExpressionError,
    Ignored,
    Node,
    Scope,
    Value,
    walk,
)

LENGTH = 10_000
"""Characters of an expression (Microsoft Learn, "Known issues for provisioning")."""
DEPTH = 50
"""Levels of functions within functions. Assumed: no limit is published."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<attribute>\[[^\[\]"]*\]) | (?P<text>"(?:[^"\\]|\\.)*") | (?P<number>-?[0-9]+|&H[0-9A-Fa-f]+)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*) | (?P<sign><>|>=|<=|[=<>(),]) )""",
    re.VERBOSE | re.DOTALL,
)
_COMPARISONS = frozenset({"=", "<>", ">", ">=", "<", "<="})


class Expression:
    """A parsed expression. Evaluating one never fails for what a user's attributes are, but for a bound passed."""

    def __init__(self, text: str, root: Node) -> None:
        self.text = text
        self.root = root
        self.attributes = frozenset(node.name for node in walk(root) if isinstance(node, Attribute))
        """the source attributes that it names"""
        self.redacts = any(isinstance(node, Call) and node.name == "Redact" for node in walk(root))
        """whether its value is hidden in provisioning logs"""
        self.is_volatile = any(isinstance(n, Call) and n.name in ("Guid", "RandomString") for n in walk(root))

    def evaluate(self, scope: Scope) -> Value | Ignored:
        """Its value for a user. Raises UsageError where a bound is passed or a regular expression takes too long."""
        return functions.evaluate(self.root, scope)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


@functools.lru_cache(maxsize=1_000)
def parse(text: str) -> Expression:
    """An expression, or a single `[attribute]` (a direct mapping). Raises ExpressionError."""
    if len(text) > LENGTH:
        raise ExpressionError(f"the expression is longer than {LENGTH:,} characters", LENGTH + 1)
    reader = _Reader(text)
    root = reader.value(0)
    reader.end()
    return Expression(text, root)


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.kind = self.token = ""
        self.at = 1
        self.advance()

    def advance(self) -> None:
        found = _TOKEN.match(self.text, self.position)
        if found is not None and found.lastgroup is not None:
            self.kind, self.token = found.lastgroup, found[found.lastgroup]
            self.at, self.position = found.start(found.lastgroup) + 1, found.end()
            return
        rest = self.text[self.position :].lstrip()
        self.at = len(self.text) - len(rest) + 1
        if rest:
            raise self._unreadable(rest)
        self.kind, self.token = "end", ""

    def _unreadable(self, rest: str) -> ExpressionError:
        if rest[0] == '"':
            hint = 'write \\" for a quotation mark in a text'
            return ExpressionError("the closing quotation mark of a text is missing", self.at, hint=hint)
        if rest[0] == "[":
            return ExpressionError("the closing bracket of an attribute is missing", self.at)
        hint = 'write texts in straight quotation marks: "text"' if rest[0] in "'“”‘’" else ""
        return ExpressionError(f"{rest[0]!r} was not expected", self.at, hint=hint)

    def value(self, depth: int) -> Node:
        """An attribute, a constant or a call."""
        if depth > DEPTH:
            raise ExpressionError(f"more than {DEPTH} functions within each other", self.at)
        kind, token, at = self.kind, self.token, self.at
        if kind == "name":
            return self.call(depth)
        if kind not in ("attribute", "text", "number"):
            what = "the expression ends" if kind == "end" else f"{token!r} was not expected"
            raise ExpressionError(what, at, hint='expected a function, an [attribute] or a "text"')
        self.advance()
        if kind == "attribute":
            name = token[1:-1].strip()
            if not name:
                raise ExpressionError(
                    "an attribute without a name", at, hint="for example [userPrincipalName]"
                )
            return Attribute(name, at)
        if kind == "number":
            return Constant(str(int(token[2:], 16)) if token.startswith("&H") else token, at)
        return Constant(re.sub(r"\\(.)", _unescaped, token[1:-1], flags=re.DOTALL), at)

    def call(self, depth: int) -> Node:
        name, at = self.token, self.at
        self.advance()
        if self.token != "(" or self.kind != "sign":
            hint = f"write an attribute in brackets: [{name}]; a text in quotation marks"
            raise ExpressionError(f"{name!r} is neither a function with arguments nor a text", at, hint=hint)
        functions.check_name(name, at)
        arguments = self._arguments(depth, at)
        functions.check_call(name, arguments, at)
        return Call(name, arguments, at)

    def _arguments(self, depth: int, at: int) -> tuple[Node, ...]:
        self.advance()
        found: list[Node] = []
        if self.token == ")":
            self.advance()
            return ()
        while True:
            found.append(self._argument(depth))
            if self.kind == "sign" and self.token in (",", ")"):
                last = self.token == ")"
                self.advance()
                if last:
                    return tuple(found)
            elif self.kind == "end":
                raise ExpressionError("the closing parenthesis of a function is missing", at)
            else:
                raise ExpressionError(
                    f"{self.token!r} was not expected", self.at, hint="arguments are parted by commas"
                )

    def _argument(self, depth: int) -> Node:
        if self.kind == "sign" and self.token in (",", ")"):
            return Constant(None, self.at)
        left = self.value(depth + 1)
        if self.kind == "sign" and self.token in _COMPARISONS:
            sign, at = self.token, self.at
            self.advance()
            return Comparison(sign, left, self.value(depth + 1), at)
        return left

    def end(self) -> None:
        if self.kind != "end":
            raise ExpressionError(f"{self.token!r} follows the end of the expression", self.at)


def _unescaped(found: re.Match[str]) -> str:
    """A backslash stands before a backslash or a quotation mark; before anything else it is kept (assumed)."""
    return found[1] if found[1] in '\\"' else found[0]
