"""What attribute mapping expressions are made of: nodes, values, and the functions of Microsoft's reference.

Source of all: Microsoft Learn, "Reference for writing expressions for attribute mappings in Microsoft Entra ID".
What that page leaves open is marked `Assumed` at the function.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from mockhost import facts, patterns
from mockhost.errors import UsageError, did_you_mean

RESULT = 100_000
"""Characters of a result. Assumed: it bounds what nested functions can build."""
Value: TypeAlias = "str | tuple[str, ...] | None"
"""A text, the texts of a multi-valued attribute, or null."""
Arguments: TypeAlias = "Sequence[Value]"
Compute: TypeAlias = "Callable[[Arguments], Value]"
Special: TypeAlias = "Callable[[Call, Scope], Value | Ignored]"


class ExpressionError(UsageError):
    """An expression that cannot be used. `at` is the place of the mistake, counted in characters from 1."""

    def __init__(self, message: str, at: int, *, hint: str = "") -> None:
        super().__init__(f"{message} (character {at})", hint=hint)
        self.at = at


# -- nodes ---------------------------------------------------------------------------------------------------


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


# -- the register of functions -------------------------------------------------------------------------------


class Function(NamedTuple):
    """A function of the reference: how it is called, and what does it."""

    signature: str
    least: int
    most: int | None
    """None: any number"""
    evaluate: Special


FUNCTIONS: dict[str, Function] = {}
"""The functions that can be used."""
REFUSED: Mapping[str, str] = facts.beside(__file__, "texts.toml")["refused"]
"""Functions of the reference that are not here, and why."""


def _special(signature: str, least: int | None = None) -> Callable[[Special], Special]:
    """Register a function that looks at more than the values of its arguments.

    least: how many arguments it needs at least; None: all of the signature, in which `...` is any number.
    """
    name, _, rest = signature.rstrip(")").partition("(")
    arguments = [each for each in rest.split(", ") if each]
    most = None if "..." in arguments else len(arguments)

    def register(special: Special) -> Special:
        FUNCTIONS[name] = Function(signature, len(arguments) if least is None else least, most, special)
        return special

    return register


def _function(signature: str, least: int | None = None) -> Callable[[Compute], Compute]:
    """Register a function of values."""

    def register(compute: Compute) -> Compute:
        def special(node: Call, scope: Scope) -> Value:
            result = compute([_plain(argument, scope) for argument in node.arguments])
            if isinstance(result, str) and len(result) > RESULT:
                raise UsageError(f"{node.name} gives more than {RESULT:,} characters")
            return result

        _special(signature, least)(special)
        return compute

    return register


def _of_text(signature: str, least: int | None, compute: Callable[[str], str]) -> None:
    """Register a function of one text: null stays null."""
    _function(signature, least)(lambda given: None if given[0] is None else compute(text_of(given[0])))


def _test(signature: str, holds: Callable[[Value], bool]) -> None:
    """Register a function that gives True or False."""
    _function(signature)(lambda given: "True" if holds(given[0]) else "False")


def check_name(name: str, at: int) -> None:
    """Raise ExpressionError for a name that is not a function here."""
    if name in REFUSED:
        raise ExpressionError(f"the documented function {name} cannot be used: {REFUSED[name]}", at)
    if name not in FUNCTIONS:
        raise ExpressionError(f"{name!r} is not a function", at, hint=did_you_mean(name, FUNCTIONS))


def check_call(name: str, arguments: Sequence[Node], at: int) -> None:
    """Raise ExpressionError for a wrong number of arguments, and for a comparison that is not a condition."""
    function = FUNCTIONS[name]
    if len(arguments) < function.least or (function.most is not None and len(arguments) > function.most):
        hint = f"it is called as {function.signature}"
        raise ExpressionError(f"{name} has {len(arguments)} arguments", at, hint=hint)
    for index, argument in enumerate(arguments):
        if isinstance(argument, Comparison) and (name, index) != ("IIF", 0):
            raise ExpressionError("a comparison can only be the condition of IIF", argument.at)
    if name == "SingleAppRoleAssignment" and not isinstance(arguments[0], Attribute):
        raise ExpressionError(f"{name} takes an attribute", at, hint=f"it is called as {function.signature}")


# -- evaluating ----------------------------------------------------------------------------------------------


def evaluate(node: Node, scope: Scope) -> Value | Ignored:
    """The value of a node for a user. Raises UsageError where a bound is passed."""
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Attribute):
        return as_value(scope.attribute(node.name))
    if isinstance(node, Comparison):
        return "True" if _holds(node, scope) else "False"
    return FUNCTIONS[node.name].evaluate(node, scope)


def as_value(found: object) -> Value:
    """A source attribute as functions see it: booleans as `True` and `False`, numbers as they are written."""
    if found is None or isinstance(found, str):
        return found
    if isinstance(found, (list, tuple)):
        return tuple(text for item in found if (text := as_value(item)) is not None and isinstance(text, str))
    if isinstance(found, Mapping):
        return as_value(found.get("value"))
    return str(found)


def _plain(node: Node, scope: Scope) -> Value:
    found = evaluate(node, scope)
    return None if isinstance(found, Ignored) else found


def text_of(value: Value) -> str:
    """A value where a text is expected: null is empty, of several values the first is taken (assumed)."""
    if isinstance(value, tuple):
        return value[0] if value else ""
    return value or ""


def _number(value: Value, function: str, at: int = 1) -> int:
    text = text_of(value).strip()
    if not re.fullmatch("-?[0-9]{1,9}", text):
        raise ExpressionError(f"{function} needs a whole number, not {text!r}", at)
    return int(text)


def _holds(node: Node, scope: Scope) -> bool:
    """Whether a condition holds. An attribute without a value makes it fail ("Known limitations" of IIF)."""
    if isinstance(node, (Attribute, Constant)):
        return text_of(_plain(node, scope)) == "True"
    sides = node.arguments if isinstance(node, Call) else (node.left, node.right)
    if any(isinstance(side, Attribute) and text_of(_plain(side, scope)) == "" for side in sides):
        return False
    if isinstance(node, Call):
        return text_of(_plain(node, scope)) == "True"
    return _compare(node.sign, text_of(_plain(node.left, scope)), text_of(_plain(node.right, scope)))


def _compare(sign: str, left: str, right: str) -> bool:
    """Numbers as numbers, everything else by its characters (assumed)."""
    if all(re.fullmatch("-?[0-9]{1,18}", side) for side in (left, right)):
        order = (int(left) > int(right)) - (int(left) < int(right))
    else:
        order = (left > right) - (left < right)
    return order in {"=": (0,), "<>": (-1, 1), ">": (1,), ">=": (0, 1), "<": (-1,), "<=": (-1, 0)}[sign]


# -- functions that look at more than values -----------------------------------------------------------------


@_special("IIF(condition, valueIfTrue, valueIfFalse)")
def _iif(node: Call, scope: Scope) -> Value | Ignored:
    return evaluate(node.arguments[1 if _holds(node.arguments[0], scope) else 2], scope)


@_special("IgnoreFlowIfNullOrEmpty(expression)")
def _ignore_flow(node: Call, scope: Scope) -> Value | Ignored:
    found = evaluate(node.arguments[0], scope)
    return IGNORED if found is None or found in ("", ()) else found


@_special("SingleAppRoleAssignment([appRoleAssignments])")
def _single_role(node: Call, scope: Scope) -> Value:
    """The name of the first role; of several no order is promised (the page advises one)."""
    argument = node.arguments[0]
    assert isinstance(argument, Attribute)
    roles = scope.attribute(argument.name)
    first = roles[0] if isinstance(roles, (list, tuple)) and roles else roles
    if isinstance(first, Mapping):
        first = first.get("displayName", first.get("value"))
    return as_value(first)


@_special("Guid()")
def _guid(node: Call, scope: Scope) -> Value:
    digits = "".join(f"{int(scope.draw(i) * 16):x}" for i in range(32))
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


_CLASSES = (
    "0123456789",
    "~!@#$%^&*_-+=`|(){}[]:;\"'<>,.?/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "abcdefghijklmnopqrstuvwxyz",
)
"""Digits, the special characters of "Password must meet complexity requirements", capitals, lower case."""


@_special(
    "RandomString(length, minimumNumbers, minimumSpecialCharacters, minimumCapital, minimumLowerCase, "
    "charactersToAvoid)",
    least=5,
)
def _random_string(node: Call, scope: Scope) -> Value:
    given = [_plain(argument, scope) for argument in node.arguments]
    length, *least = (_number(value, "RandomString", node.at) for value in given[:5])
    avoided = text_of(given[5]) if len(given) > 5 else ""
    pools = ["".join(letter for letter in pool if letter not in avoided) for pool in _CLASSES]
    if not 0 < length <= 256 or sum(least) > length or min(least) < 0:
        hint = "1 to 256, at least the sum of the minimums"
        raise ExpressionError(f"RandomString cannot give {length} characters", node.at, hint=hint)
    wanted = [pool for pool, count in zip(pools, least, strict=True) for _ in range(count)]
    if not any(pools) or not all(wanted):
        raise ExpressionError("RandomString has no characters left to choose from", node.at)
    # Where all minimums are zero but some, only the classes that were asked for are used: "1a73qt" is the example.
    rest = "".join(pool for pool, count in zip(pools, least, strict=True) if count) or "".join(pools)
    wanted += [rest] * (length - len(wanted))
    letters = [pool[int(scope.draw(i) * len(pool))] for i, pool in enumerate(wanted)]
    order = sorted(range(length), key=lambda i: scope.draw(1_000 + i))
    return "".join(letters[i] for i in order)


# -- functions of values -------------------------------------------------------------------------------------


@_function("Append(source, suffix)")
def _append(given: Arguments) -> Value:
    """Assumed: without a source there is nothing to append to."""
    return None if given[0] is None else text_of(given[0]) + text_of(given[1])


@_function("Coalesce(source1, source2, ..., defaultValue)", least=1)
def _coalesce(given: Arguments) -> Value:
    return next((value for value in given if value is not None), None)


@_function("ConvertToBase64(source)")
def _base64(given: Arguments) -> Value:
    return base64.b64encode(text_of(given[0]).encode("utf-16-le")).decode()


@_function("ConvertToUTF8Hex(source)")
def _hex(given: Arguments) -> Value:
    return text_of(given[0]).encode().hex().upper()


@_function("Count(attribute)")
def _count(given: Arguments) -> Value:
    return str(len(given[0])) if isinstance(given[0], tuple) else str(int(given[0] is not None))


@_function("Item(attribute, index)")
def _item(given: Arguments) -> Value:
    index = _number(given[1], "Item")
    values = (given[0],) if isinstance(given[0], str) else given[0] or ()
    return values[index - 1] if 0 < index <= len(values) else None


@_function("Join(separator, source1, source2, ...)", least=2)
def _join(given: Arguments) -> Value:
    """Sources without a value are left out: `Join(", ", "", [surname], [givenName])` gives "Doe, John"."""
    parts: list[str] = []
    for value in given[1:]:
        parts += [value] if isinstance(value, str) else list(value or ())
    return text_of(given[0]).join(filter(None, parts))


@_function("Left(text, number)")
def _left(given: Arguments) -> Value:
    count = _number(given[1], "Left")
    return text_of(given[0]) if count < 0 else text_of(given[0])[:count]


@_function("Mid(source, start, length)")
def _mid(given: Arguments) -> Value:
    """Assumed: a start before the first character begins there; null stays null."""
    if given[0] is None:
        return None
    start, length = max(_number(given[1], "Mid"), 1) - 1, max(_number(given[2], "Mid"), 0)
    return text_of(given[0])[start : start + length]


@_function("Redact(value)")
def _redact(given: Arguments) -> Value:
    """The value itself: what redacts it is the log."""
    return given[0]


@_function("RemoveDuplicates(attribute)")
def _remove_duplicates(given: Arguments) -> Value:
    return tuple(dict.fromkeys(given[0])) if isinstance(given[0], tuple) else given[0]


@_function(
    "Replace(source, oldValue, regexPattern, regexGroupName, replacementValue, replacementAttributeName, template)",
    least=2,
)
def _replace(given: Arguments) -> Value:
    """The five ways in which the reference describes it, by the arguments that are there."""
    source, old, pattern, group, new, other, template = [*given, *[None] * 7][:7]
    if old is not None and template is not None:
        return text_of(template).replace(text_of(old), text_of(source))
    if old is not None:
        # With an empty text .NET would refuse to search.
        return source if source is None or not old else text_of(source).replace(text_of(old), text_of(new))
    if pattern is None:
        return source
    dot_net = re.sub(r"\(\?<([A-Za-z_]\w*)>", r"(?P<\1>", text_of(pattern))
    if group is not None and other is not None:
        if text_of(source):
            return source
        found = patterns.first(dot_net, text_of(other))
        return None if found is None else found.get(text_of(group), None)
    if source is None:
        return None
    if group is not None:
        return patterns.replaced_group(dot_net, text_of(group), text_of(new), text_of(source))
    return patterns.replaced(dot_net, lambda groups: _filled(text_of(new), groups), text_of(source))


def _filled(replacement: str, groups: Mapping[str, str]) -> str:
    """`${name}` and `$1` in a replacement, as .NET has them; a group that is not there stays as it is written."""
    return re.sub(r"\$(?:\{(\w+)\}|([0-9]+))", lambda m: groups.get(m[1] or m[2], m[0]), replacement)


@_function("Split(source, delimiter)")
def _split(given: Arguments) -> Value:
    """Blanks around the values are removed, as in the reference's example."""
    if given[0] is None:
        return None
    delimiter, source = text_of(given[1]), text_of(given[0])
    return tuple(part.strip() for part in source.split(delimiter)) if delimiter else (source,)


@_function("Switch(source, defaultValue, key1, value1, key2, value2, ...)", least=4)
def _switch(given: Arguments) -> Value:
    """Case-sensitive; a source without a value equals an empty key ("Known limitations" of IIF)."""
    source = text_of(given[0])
    for key, value in zip(given[2::2], given[3::2], strict=False):
        if text_of(key) == source:
            return value
    return given[1]


@_function("Word(text, number, delimiters)")
def _word(given: Arguments) -> Value:
    """The n-th word; consecutive delimiters count as one; nothing where there are not so many words."""
    number, delimiters = _number(given[1], "Word"), text_of(given[2])
    source = text_of(given[0])
    words = [w for w in re.split(f"[{re.escape(delimiters)}]", source) if w] if delimiters else [source]
    return words[number - 1] if 0 < number <= len(words) else ""


_LETTERS = str.maketrans(
    {"æ": "ae", "ǣ": "ae", "Æ": "AE", "Ǣ": "AE", "ø": "oe", "œ": "oe", "Ø": "OE", "Œ": "OE", "ß": "ss", "ł": "l",
     "Ł": "L", "ı": "i"}
)  # fmt: skip
"""Letters of the table that Unicode does not take apart."""
_PLAIN_LETTERS = frozenset("acdegilnorstuyzACDEGILNORSTUYZ")
"""Letters for which the table lists marks; from others none is removed."""


def without_diacritics(text: str) -> str:
    """The table of NormalizeDiacritics: marks are removed from the letters that it lists."""
    if text.isascii():
        return text
    letters: list[str] = []
    for letter in unicodedata.normalize("NFD", text.translate(_LETTERS)):
        if unicodedata.combining(letter) and letters and letters[-1] in _PLAIN_LETTERS:
            continue
        letters.append(letter)
    # ǣ and ø̄ come apart only now.
    return unicodedata.normalize("NFC", "".join(letters)).translate(_LETTERS)


_of_text("CStr(value)", None, str)
_of_text("NormalizeDiacritics(source)", None, without_diacritics)
_of_text("StripSpaces(source)", None, lambda text: text.replace(" ", ""))
_of_text("ToLower(source, culture)", 1, str.lower)
_of_text("ToUpper(source, culture)", 1, str.upper)
_test("IsNull(expression)", lambda value: value is None)
_test("IsNullOrEmpty(expression)", lambda value: text_of(value) == "")
_test("IsPresent(expression)", lambda value: text_of(value) != "")
_test("Not(source)", lambda value: text_of(value) != "True")
