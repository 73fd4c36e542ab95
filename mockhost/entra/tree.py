"""What expressions are made of: nodes, values, and the error with a place. See `expressions` and `functions`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from mockhost.errors import UsageError

Value: TypeAlias = "str | tuple[str, ...] | None"
"""A text, the texts of a multi-valued attribute, or null."""


class ExpressionError(UsageError):
    """An expression that cannot be used. `at` is the place of the mistake, counted in characters from 1."""

    def __init__(self, message: str, at: int, *, hint: str = "") -> None:
        super().__init__(f"{message} (character {at})", hint=hint)
        self.at = at


class Attribute(NamedTuple):
    """`[userPrincipalName]`"""

    name: str
    at: int


class Constant(NamedTuple):
    """A text, a number (as it is written), or an argument that was left out (None)."""

    value: str | None
    at: int


class Comparison(NamedTuple):
    """`left sign right`, a condition."""

    sign: str
    left: Node
    right: Node
    at: int


class Call(NamedTuple):
    """A function and its arguments."""

    name: str
    arguments: tuple[Node, ...]
    at: int


Node: TypeAlias = "Attribute | Constant | Comparison | Call"


class Scope(NamedTuple):
    """What an expression is evaluated for: a user's attributes, and chance that is the same each time."""

    attribute: Callable[[str], object]
    """a source attribute by its name; None where the user has none"""
    draw: Callable[[int], float] = lambda ordinal: 0.0
    """the number in [0, 1) of an ordinal, for Guid and RandomString"""


class Ignored:
    """What IgnoreFlowIfNullOrEmpty gives for nothing: the attribute takes no part in the flow."""


IGNORED = Ignored()


def walk(node: Node) -> Iterator[Node]:
    """The node and all within it."""
    yield node
    inner: tuple[Node, ...] = ()
    if isinstance(node, Comparison):
        inner = (node.left, node.right)
    elif isinstance(node, Call):
        inner = node.arguments
    for each in inner:
        yield from walk(each)
