"""`{{…}}` in a literal reply: values of the request, and made-up ones that are the same each time.

    request.method  request.path  request.id  request.operation  request.connector  request.filter
    request.header.NAME  request.attributes.NAME  request.body/POINTER
    faker.PROVIDER  guid  now  ordinal

`now` is the virtual time as SCIM writes it, `ordinal` which match of the rule it is. A text that is one such
expression and nothing else becomes the value itself, a number or a list for instance; elsewhere a value that is no text
is written as JSON, and one that is not there as nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from mockhost import people
from mockhost.clock import Chance, iso
from mockhost.errors import did_you_mean
from mockhost.exchange import Exchange, Unreadable
from mockhost.matching import ABSENT, pointer

_EXPRESSION = re.compile(r"\{\{((?:(?!\}\}|\{\{).)*)\}\}", re.DOTALL)
"""Goes over a text once, however many braces and blanks stand in it and lead to nothing."""
_OF_REQUEST: Final = ("method", "path", "id", "operation", "connector", "filter")
_EXPRESSIONS: Final = (
    *(f"request.{name}" for name in _OF_REQUEST),
    "request.header.NAME",
    "request.attributes.NAME",
    "request.body/POINTER",
    "faker.PROVIDER",
    "guid",
    "now",
    "ordinal",
)


class Sources(NamedTuple):
    """Where the values of one exchange come from."""

    request: Exchange
    chance: Chance
    name: str
    """the rule's name"""
    ordinal: int
    now: float


def judge(value: object) -> str | None:
    """What is wrong with the expressions in a text, or in JSON data, or None."""
    for text in _texts(value):
        for found in _EXPRESSION.finditer(text):
            problem = _problem(found[1].strip())
            if problem is not None:
                return problem
    return None


def is_template(value: object) -> bool:
    """Whether there is an expression in a text, or in JSON data."""
    return any(_EXPRESSION.search(text) for text in _texts(value))


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for key, item in value.items() for text in (str(key), *_texts(item))]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return []


def _problem(expression: str) -> str | None:
    word, _, rest = expression.partition(".")
    if word == "faker" and rest:
        problem = people.provider_problem(rest)
        return None if problem is None else problem.removeprefix("people: ")
    if word == "request":
        kind, _, name = rest.partition(".")
        if rest in _OF_REQUEST or (kind in ("header", "attributes") and name):
            return None
        if rest == "body" or rest.startswith("body/"):
            return None
    elif expression in ("guid", "now", "ordinal"):
        return None
    near = did_you_mean(expression, _EXPRESSIONS)
    hint = f"; {near}" if near else ""
    return f"{{{{{expression}}}}} stands for nothing{hint}; with 'template: false' a reply is sent as it is"


def rendered(value: Any, sources: Sources) -> Any:
    """The text or JSON data with every expression replaced."""
    if isinstance(value, str):
        whole = _EXPRESSION.fullmatch(value)
        if whole is not None:
            found = _value(whole[1].strip(), sources, 0)
            return "" if found is ABSENT else found
        return rendered_text(value, sources)
    if isinstance(value, Mapping):
        return {rendered_text(str(key), sources): rendered(item, sources) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rendered(item, sources) for item in value]
    return value


def rendered_text(text: str, sources: Sources) -> str:
    """The text with every expression replaced by a text."""
    count = 0

    def replaced(found: re.Match[str]) -> str:
        nonlocal count
        value = _value(found[1].strip(), sources, count)
        count += 1
        if value is ABSENT or value is None:
            return ""
        return value if isinstance(value, str) else _written(value)

    return _EXPRESSION.sub(replaced, text)


def _written(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:  # a request may be nested more deeply than anybody writes
        return ""


def _value(expression: str, sources: Sources, position: int) -> object:
    word, _, rest = expression.partition(".")
    label = f"{sources.name}\0{expression}\0{position}"
    if word == "faker":
        return people.sample(sources.chance.seed, rest, sources.chance.draw(label, sources.ordinal))
    if expression == "guid":
        return sources.chance.guid(label, sources.ordinal)
    if expression == "now":
        return iso(sources.now)
    if expression == "ordinal":
        return sources.ordinal
    request = sources.request
    if rest in _OF_REQUEST:
        value: object = getattr(request, rest)
    elif rest.startswith("header."):
        value = request.header(rest.removeprefix("header."))
    elif rest.startswith("attributes."):
        value = request.attribute(rest.removeprefix("attributes."))
    else:
        document = request.document()
        whole = document is ABSENT or type(document) is Unreadable
        value = document if whole else pointer(document, rest.removeprefix("body"))
    return ABSENT if type(value) is Unreadable else value
