"""A rule's own answer: literal, perhaps with expressions in it, or computed by a function.

Functions come from Python alone, with `host.add_rule({..., "reply": function})`: no file and nothing that comes over
the network can hold one. Expressions are `{{…}}` in a literal reply: values of the request, and made-up ones that are
the same each time.

    request.method  request.path  request.id  request.operation  request.connector  request.filter
    request.header.NAME  request.attributes.NAME  request.body/POINTER
    faker.PROVIDER  guid  now  ordinal

`now` is the virtual time as SCIM writes it, `ordinal` which match of the rule it is. A text that is one such
expression and nothing else becomes the value itself, a number or a list for instance; elsewhere a value that is no text
is written as JSON, and one that is not there as nothing.
"""

from __future__ import annotations

import copy
import inspect
import json
import os
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from mockhost import people
from mockhost.clock import Chance, iso
from mockhost.errors import REFUSE, Report, UsageError, did_you_mean
from mockhost.exchange import Exchange, Unreadable
from mockhost.matching import ABSENT, pointer

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A header's name, RFC 9110 5.6.2; http.sys sends no other."""
_WORDS: Final = ("status", "headers", "body", "template")
_JSON: Final = "application/scim+json; charset=utf-8"


class Reply(NamedTuple):
    """An answer. `body` is text, bytes or JSON data; None sends none. `template`: whether it has expressions in it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: object
    template: bool = False


def literal(
    value: object, *, templates: bool = True, path: tuple[str | int, ...] = (), report: Report = REFUSE
) -> Reply | None:
    """The reply that a map says; None for 'normal', the host's own. Reports what is wrong with it.

    templates: whether texts are templates unless the map says otherwise.
    """
    if value == "normal":
        return None
    if not isinstance(value, Mapping):
        report.add(path, f"a reply is 'normal' or a map with status, headers, body, not {value!r}")
        return None
    status = value.get("status", 200)
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        report.add((*path, "status"), f"the reply's status is a number from 200 to 599, not {status!r}")
    headers = value.get("headers") or {}
    if not isinstance(headers, Mapping):
        report.add((*path, "headers"), "the reply's headers are a map")
        return None
    for header, text in headers.items():
        if any(c in f"{header}{text}" for c in "\r\n\0"):
            report.add((*path, "headers", header), "a header can't have a line break in it")
        elif not _TOKEN.fullmatch(str(header)):
            hint = "a whole answer that breaks the rules is written as the fault raw_bytes"
            report.add((*path, "headers", header), f"{header!r} can't be the name of a header", hint)
    pairs = tuple((str(name), str(text)) for name, text in headers.items())
    body = value.get("body")
    templated = False
    if value.get("template", templates):
        for key, texts in (("headers", headers), ("body", body)):
            templated = templated or is_template(texts)
            if (problem := template_problem(texts)) is not None:
                message, _, hint = problem.partition("; ")
                report.add((*path, key), message, hint)
    return Reply(status, pairs, body, templated)


# -- computed by a function ------------------------------------------------------------------------------------


class Headers(Mapping[str, str]):
    """A request's headers; case does not matter, and of several of one name the first counts."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = tuple(pairs)
        self._by_name = {name.lower(): value for name, value in reversed(self._pairs)}

    def __getitem__(self, name: str) -> str:
        return self._by_name[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def items_as_sent(self) -> tuple[tuple[str, str], ...]:
        """Every header as it was sent, in order."""
        return self._pairs


class ReplyRequest(NamedTuple):
    """The request that a function replies to; nothing in it can be changed."""

    operation: str
    """such as `create_user`"""
    connector: str | None
    id: str | None
    """of the resource in the path"""
    method: str
    path: str
    """without the query"""
    target: str
    """path and query, as sent"""
    headers: Headers
    body: bytes
    filter: str | None
    """of a find"""
    match: int
    """which match of the rule this is, from 1"""
    read: Callable[[str], object]

    @property
    def json(self) -> Any:
        """The body's JSON; None without a body. Raises ValueError if it is not JSON."""
        return orjson.loads(self.body) if self.body else None

    def attribute(self, name: str) -> Any:
        """An attribute's value in the body, or the one that a find's filter compares; None if there is none."""
        value = self.read(name)
        return copy.deepcopy(value) if isinstance(value, (str, int, float, bool, list, dict)) else None


class Failed(NamedTuple):
    """A function that did not give a reply: what happened, in a line, and where, in several."""

    problem: str
    where: str


class Function(str):
    """A function in the place of a reply. As text it is its name, which is what listings of rules show."""

    function: Callable[[ReplyRequest], object]

    def __new__(cls, function: Callable[[ReplyRequest], object]) -> Function:
        """Raises UsageError for a function that can't be called so."""
        name = getattr(function, "__qualname__", type(function).__name__)
        if inspect.iscoroutinefunction(function):
            raise UsageError(f"the reply function {name} is async", hint="write it with 'def'")
        self = super().__new__(cls, f"function {name}")
        self.function = function
        return self

    def reply(self, request: ReplyRequest) -> Reply | Failed | None:
        """What the function says; None for 'normal'. Whatever it raises is a failure of its own."""
        try:
            result = self.function(request)
        except BaseException as error:  # pytest.fail raises no Exception
            own = error.__traceback__.tb_next if error.__traceback__ else None
            lines = traceback.format_exception(type(error), error, own)
            return Failed(_in_a_line(error), "".join(lines).rstrip())
        try:
            return _sendable(_mapped(result))
        except UsageError as error:
            return Failed(str(error), f"{self} ({self._place()})")

    def _place(self) -> str:
        code = getattr(self.function, "__code__", None)
        return (
            f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}" if code else "not written in Python"
        )


def _in_a_line(error: BaseException) -> str:
    text = str(error).partition("\n")[0]
    return f"raised {type(error).__name__}{': ' if text else ''}{text}"


def _mapped(result: object) -> object:
    """What a function returned, as a map with a status, headers and a body, or 'normal'. Raises UsageError."""
    if isinstance(result, tuple) and len(result) == 3:
        return dict(zip(("status", "headers", "body"), result, strict=True))
    if result == "normal":
        return result
    if not isinstance(result, Mapping):
        raise UsageError(
            f"returned {_shortened(result)}",
            hint="return a dict with status, headers, body, a tuple of these three, or 'normal'",
        )
    for word in result:
        if word not in _WORDS:
            near = did_you_mean(str(word), _WORDS) or f"a reply has {', '.join(_WORDS)}"
            raise UsageError(f"returned a reply with the key {_shortened(word)}", hint=near)
    return result


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _sendable(value: object) -> Reply | None:
    """The reply, with its JSON written down: the function may go on changing what it returned."""
    reply = literal(value, templates=False)
    if reply is None or reply.template or reply.body is None or isinstance(reply.body, (str, bytes)):
        return reply
    try:
        body = orjson.dumps(reply.body)
    except orjson.JSONEncodeError:  # numbers of more than 64 bits are left to Python's own
        try:
            body = json.dumps(reply.body, ensure_ascii=False).encode("utf-8", "replace")
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"returned a body that is not JSON: {error}") from None
    headers = reply.headers
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", _JSON))
    return reply._replace(headers=headers, body=body)


def without_functions(rule: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[int | None, Function]]:
    """A rule with 'normal' in the place of its functions, and these by their step of the sequence (None: the rule's).

    Raises UsageError.
    """
    functions: dict[int | None, Function] = {}
    if not isinstance(rule, Mapping):
        return rule, functions
    if callable(rule.get("reply")):
        functions[None] = Function(rule["reply"])
        rule = {**rule, "reply": "normal"}
    sequence = rule.get("sequence")
    if isinstance(sequence, (list, tuple)):
        steps = list(sequence)
        for i, step in enumerate(steps):
            if isinstance(step, Mapping) and callable(step.get("reply")):
                functions[i] = Function(step["reply"])
                steps[i] = {**step, "reply": "normal"}
        rule = {**rule, "sequence": steps}
    return rule, functions


def with_functions(rule: Mapping[str, Any], functions: Mapping[int | None, Function]) -> dict[str, Any]:
    """The same rule with its functions again."""
    made = dict(rule)
    for i, function in functions.items():
        if i is None:
            made["reply"] = function
        else:
            steps = list(made["sequence"])
            steps[i] = {**steps[i], "reply": function}
            made["sequence"] = steps
    return made


# -- expressions in a literal reply --------------------------------------------------------------------------


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


def template_problem(value: object) -> str | None:
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
