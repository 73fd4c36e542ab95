"""The functions of attribute mapping expressions, each as Microsoft's reference describes it.

Source of all: Microsoft Learn, "Reference for writing expressions for attribute mappings in Microsoft Entra ID".
What that page leaves open is marked `Assumed` at the function.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from mockhost import patterns
from mockhost.entra.tree import (
    IGNORED,
    Attribute,
    Call,
    Comparison,
    Constant,
    ExpressionError,
    Ignored,
    Node,
    Scope,
    Value,
)
from mockhost.errors import UsageError, did_you_mean

Arguments = Sequence[Value]

RESULT = 100_000
"""Characters of a result. Assumed: it bounds what nested functions can build."""


class Function(NamedTuple):
    """A function of the reference: how it is called, and what does it."""

    signature: str
    least: int
    most: int | None
    """None: any number"""
    compute: Callable[[Arguments], Value] | None = None
    """None for those that look at more than the values of their arguments"""


REFUSED: Mapping[str, str] = {
    "SelectUniqueValue": "it looks into Active Directory, and is for Active Directory as the target only",
    **dict.fromkeys(
        ("AppRoleAssignmentsComplex", "AssertiveAppRoleAssignmentsComplex"),
        "only one role is supported here: SingleAppRoleAssignment",
    ),
    **dict.fromkeys(
        ("CDate", "DateAdd", "DateDiff", "DateFromNum", "FormatDateTime", "Now", "NumFromDate"),
        "dates are not supported here",
    ),
    **dict.fromkeys(("BitAnd", "CBool", "InStr", "IsString", "PCase"), "it is not supported here"),
}
"""Functions of the reference that are not here, and why."""

# -- evaluating ----------------------------------------------------------------------------------------------


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


def evaluate(node: Node, scope: Scope) -> Value | Ignored:
    """The value of a node for a user. Raises UsageError where a bound is passed."""
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Attribute):
        return as_value(scope.attribute(node.name))
    if isinstance(node, Comparison):
        return "True" if _holds(node, scope) else "False"
    special = _SPECIAL.get(node.name)
    if special is not None:
        return special(node, scope)
    compute = FUNCTIONS[node.name].compute
    assert compute is not None
    result = compute([_plain(argument, scope) for argument in node.arguments])
    if isinstance(result, str) and len(result) > RESULT:
        raise UsageError(f"{node.name} gives more than {RESULT:,} characters")
    return result


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


def _holds(node: Node, scope: Scope) -> bool:
    """Whether a condition holds. An attribute without a value makes it fail ("Known limitations" of IIF)."""
    if isinstance(node, Comparison):
        left, right = _plain(node.left, scope), _plain(node.right, scope)
        missing = [side for side, value in ((node.left, left), (node.right, right))
                   if isinstance(side, Attribute) and text_of(value) == ""]  # fmt: skip
        return not missing and _compare(node.sign, text_of(left), text_of(right))
    if isinstance(node, Call) and any(
        isinstance(argument, Attribute) and text_of(_plain(argument, scope)) == ""
        for argument in node.arguments
    ):
        return False
    return text_of(_plain(node, scope)) == "True"


def _compare(sign: str, left: str, right: str) -> bool:
    """Numbers as numbers, everything else by its characters (assumed)."""
    both = (left, right)
    if all(re.fullmatch("-?[0-9]{1,18}", side) for side in both):
        order = (int(left) > int(right)) - (int(left) < int(right))
    else:
        order = (left > right) - (left < right)
    return {
        "=": order == 0,
        "<>": order != 0,
        ">": order > 0,
        ">=": order >= 0,
        "<": order < 0,
        "<=": order <= 0,
    }[sign]


# -- functions that look at more than values -----------------------------------------------------------------


def _iif(node: Call, scope: Scope) -> Value | Ignored:
    return evaluate(node.arguments[1 if _holds(node.arguments[0], scope) else 2], scope)


def _ignore_flow(node: Call, scope: Scope) -> Value | Ignored:
    found = evaluate(node.arguments[0], scope)
    return IGNORED if found is None or found in ("", ()) else found


def _single_role(node: Call, scope: Scope) -> Value:
    """The name of the first role; of several no order is promised (the page advises one)."""
    argument = node.arguments[0]
    assert isinstance(argument, Attribute)
    roles = scope.attribute(argument.name)
    first = roles[0] if isinstance(roles, (list, tuple)) and roles else roles
    if isinstance(first, Mapping):
        first = first.get("displayName", first.get("value"))
    return as_value(first)


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


def _random_string(node: Call, scope: Scope) -> Value:
    given = [_plain(argument, scope) for argument in node.arguments]
    length, *least = (_number(value, "RandomString", node.at) for value in given[:5])
    avoided = text_of(given[5]) if len(given) > 5 else ""
    pools = ["".join(letter for letter in pool if letter not in avoided) for pool in _CLASSES]
    if not 0 < length <= 256 or sum(least) > length or min(least) < 0:
        raise ExpressionError(
            f"RandomString cannot give {length} characters",
            node.at,
            hint="1 to 256, at least the sum of the minimums",
        )
    wanted = [pool for pool, count in zip(pools, least, strict=True) for _ in range(count)]
    if not any(pools) or not all(wanted):
        raise ExpressionError("RandomString has no characters left to choose from", node.at)
    # Where all minimums are zero but some, only the classes that were asked for are used: "1a73qt" is the example.
    rest = "".join(pool for pool, count in zip(pools, least, strict=True) if count) or "".join(pools)
    wanted += [rest] * (length - len(wanted))
    letters = [pool[int(scope.draw(i) * len(pool))] for i, pool in enumerate(wanted)]
    order = sorted(range(length), key=lambda i: scope.draw(1_000 + i))
    return "".join(letters[i] for i in order)


_SPECIAL: Mapping[str, Callable[[Call, Scope], Value | Ignored]] = {
    "IIF": _iif,
    "IgnoreFlowIfNullOrEmpty": _ignore_flow,
    "SingleAppRoleAssignment": _single_role,
    "Guid": _guid,
    "RandomString": _random_string,
}

# -- functions of values -------------------------------------------------------------------------------------


def _number(value: Value, function: str, at: int = 1) -> int:
    text = text_of(value).strip()
    if not re.fullmatch("-?[0-9]{1,9}", text):
        raise ExpressionError(f"{function} needs a whole number, not {text!r}", at)
    return int(text)


def _append(given: Arguments) -> Value:
    """Assumed: without a source there is nothing to append to."""
    return None if given[0] is None else text_of(given[0]) + text_of(given[1])


def _join(given: Arguments) -> Value:
    """Sources without a value are left out: `Join(", ", "", [surname], [givenName])` gives "Doe, John"."""
    parts: list[str] = []
    for value in given[1:]:
        parts += [value] if isinstance(value, str) else list(value or ())
    return text_of(given[0]).join(filter(None, parts))


def _mid(given: Arguments) -> Value:
    """Assumed: a start before the first character begins there; null stays null."""
    if given[0] is None:
        return None
    start, length = max(_number(given[1], "Mid"), 1) - 1, max(_number(given[2], "Mid"), 0)
    return text_of(given[0])[start : start + length]


def _left(given: Arguments) -> Value:
    count = _number(given[1], "Left")
    return text_of(given[0]) if count < 0 else text_of(given[0])[:count]


def _coalesce(given: Arguments) -> Value:
    return next((value for value in given if value is not None), None)


def _switch(given: Arguments) -> Value:
    """Case-sensitive; a source without a value equals an empty key ("Known limitations" of IIF)."""
    source = text_of(given[0])
    keys = given[2::2]
    for key, value in zip(keys, given[3::2], strict=False):
        if text_of(key) == source:
            return value
    return given[1] if len(given) > 1 else None


def _item(given: Arguments) -> Value:
    index = _number(given[1], "Item")
    values = (given[0],) if isinstance(given[0], str) else given[0] or ()
    return values[index - 1] if 0 < index <= len(values) else None


def _split(given: Arguments) -> Value:
    """Blanks around the values are removed, as in the reference's example."""
    if given[0] is None:
        return None
    delimiter, source = text_of(given[1]), text_of(given[0])
    return tuple(part.strip() for part in source.split(delimiter)) if delimiter else (source,)


def _word(given: Arguments) -> Value:
    """The n-th word; consecutive delimiters count as one; nothing where there are not so many words."""
    number, delimiters = _number(given[1], "Word"), text_of(given[2])
    source = text_of(given[0])
    words = [w for w in re.split(f"[{re.escape(delimiters)}]", source) if w] if delimiters else [source]
    return words[number - 1] if 0 < number <= len(words) else ""


_LETTERS = str.maketrans(
    {
        "æ": "ae",
        "ǣ": "ae",
        "Æ": "AE",
        "Ǣ": "AE",
        "ø": "oe",
        "œ": "oe",
        "Ø": "OE",
        "Œ": "OE",
        "ß": "ss",
        "ł": "l",
        "Ł": "L",
        "ı": "i",
    }
)
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


def _normalize(given: Arguments) -> Value:
    return None if given[0] is None else without_diacritics(text_of(given[0]))


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


def _lower(given: Arguments) -> Value:
    return None if given[0] is None else text_of(given[0]).lower()


def _upper(given: Arguments) -> Value:
    return None if given[0] is None else text_of(given[0]).upper()


def _base64(given: Arguments) -> Value:
    return base64.b64encode(text_of(given[0]).encode("utf-16-le")).decode()


def _hex(given: Arguments) -> Value:
    return text_of(given[0]).encode().hex().upper()


def _truth(holds: bool) -> str:
    return "True" if holds else "False"


def _count(given: Arguments) -> Value:
    return str(len(given[0])) if isinstance(given[0], tuple) else str(int(given[0] is not None))


FUNCTIONS: Mapping[str, Function] = {
    "Append": Function("Append(source, suffix)", 2, 2, _append),
    "Coalesce": Function("Coalesce(source1, source2, ..., defaultValue)", 1, None, _coalesce),
    "ConvertToBase64": Function("ConvertToBase64(source)", 1, 1, _base64),
    "ConvertToUTF8Hex": Function("ConvertToUTF8Hex(source)", 1, 1, _hex),
    "Count": Function("Count(attribute)", 1, 1, _count),
    "CStr": Function("CStr(value)", 1, 1, lambda given: None if given[0] is None else text_of(given[0])),
    "Guid": Function("Guid()", 0, 0),
    "IIF": Function("IIF(condition, valueIfTrue, valueIfFalse)", 3, 3),
    "IgnoreFlowIfNullOrEmpty": Function("IgnoreFlowIfNullOrEmpty(expression)", 1, 1),
    "IsNull": Function("IsNull(expression)", 1, 1, lambda given: _truth(given[0] is None)),
    "IsNullOrEmpty": Function("IsNullOrEmpty(expression)", 1, 1, lambda given: _truth(text_of(given[0]) == "")),
    "IsPresent": Function("IsPresent(expression)", 1, 1, lambda given: _truth(text_of(given[0]) != "")),
    "Item": Function("Item(attribute, index)", 2, 2, _item),
    "Join": Function("Join(separator, source1, source2, ...)", 2, None, _join),
    "Left": Function("Left(text, number)", 2, 2, _left),
    "Mid": Function("Mid(source, start, length)", 3, 3, _mid),
    "NormalizeDiacritics": Function("NormalizeDiacritics(source)", 1, 1, _normalize),
    "Not": Function("Not(source)", 1, 1, lambda given: _truth(text_of(given[0]) != "True")),
    "RandomString": Function(
        "RandomString(length, minimumNumbers, minimumSpecialCharacters, minimumCapital, minimumLowerCase, "
        "charactersToAvoid)", 5, 6,
    ),
    "Redact": Function("Redact(value)", 1, 1, lambda given: given[0]),
    "RemoveDuplicates": Function(
        "RemoveDuplicates(attribute)",
        1,
        1,
        lambda given: tuple(dict.fromkeys(given[0])) if isinstance(given[0], tuple) else given[0],
    ),
    "Replace": Function(
        "Replace(source, oldValue, regexPattern, regexGroupName, replacementValue, replacementAttributeName, "
        "template)", 2, 7, _replace,
    ),
    "SingleAppRoleAssignment": Function("SingleAppRoleAssignment([appRoleAssignments])", 1, 1),
    "Split": Function("Split(source, delimiter)", 2, 2, _split),
    "StripSpaces": Function(
        "StripSpaces(source)", 1, 1, lambda given: None if given[0] is None else text_of(given[0]).replace(" ", "")
    ),
    "Switch": Function("Switch(source, defaultValue, key1, value1, key2, value2, ...)", 4, None, _switch),
    "ToLower": Function("ToLower(source, culture)", 1, 2, _lower),
    "ToUpper": Function("ToUpper(source, culture)", 1, 2, _upper),
    "Word": Function("Word(text, number, delimiters)", 3, 3, _word),
}  # fmt: skip
"""The functions that can be used."""
