"""The JSON of an answer as the faults of bodies change it: one resource, a list of them, or a message.

Names of attributes come in any case, bare (`FirstName`, `name.givenName`) or with the URN of their schema; a
bare name finds a resource's own attribute first and then those of its extensions (RFC 7643 2.1, RFC 7644 3.10).
What can't be read, or where nothing is found, stays as it is, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Concatenate

import orjson

from mockhost.faults.contract import Context, Draft
from mockhost.faults.declare import Check, Fault, Parameters
from mockhost.scim.attributes import CORE_PREFIX, fold, key_of

Document = Any
"""What orjson makes of a JSON object or array."""
Resource = dict[str, Any]
Place = tuple[dict[str, Any], str]
"""A value's container, and the value's name in it."""

_MESSAGES = "urn:ietf:params:scim:api:messages:"
_TOO_MUCH = (ValueError, TypeError, RecursionError)
"""What reading, changing and writing raise: for no JSON (orjson's errors are these), and for too deep a
nesting."""


def settled(draft: Draft) -> Draft:
    """The draft with its body in one piece."""
    return draft if isinstance(draft.body, bytes) else draft._replace(body=draft.whole_body())


def with_body(draft: Draft, body: bytes) -> Draft:
    """The draft with another body, and without a length that was the old one's."""
    return draft._replace(body=body).with_header("Content-Length", None)


def read(draft: Draft) -> Document | None:
    """The JSON object or array that a draft in one piece holds, or None."""
    try:
        document = orjson.loads(draft.whole_body())
    except _TOO_MUCH:
        return None
    return document if isinstance(document, (dict, list)) else None


def altered(draft: Draft, change: Callable[[Document], Document]) -> Draft:
    """The draft with what `change` makes of its JSON; `change` may work on what it is given."""
    draft = settled(draft)
    if (document := read(draft)) is None:
        return draft
    try:
        before = orjson.dumps(document)
        after = orjson.dumps(change(document))
    except _TOO_MUCH:
        return draft
    return draft if after == before else with_body(draft, after)


def on_document(
    *, main: str | None = None, check: Check | None = None, of_success: bool = False
) -> Callable[[Callable[Concatenate[Document, Context, ...], Document]], Fault]:
    """A fault that turns the JSON of an answer into another; with `of_success`, of no other answer.

    The function may work on the document that it is given.
    """

    def declared(function: Callable[Concatenate[Document, Context, ...], Document]) -> Fault:
        fault = Fault(function, 2, main=main, check=check)

        def answer(draft: Draft, parameters: Parameters, context: Context) -> Draft:
            if of_success and not 200 <= draft.status < 300:
                return draft
            given = fault.keywords(parameters)
            return altered(draft, lambda document: function(document, context, **given))

        fault.answer = answer
        return fault

    return declared


def on_resources(
    *, main: str | None = None, check: Check | None = None
) -> Callable[[Callable[Concatenate[Resource, Context, ...], None]], Fault]:
    """A fault that changes each resource of an answer of success, alone or in a list, in its place."""

    def declared(function: Callable[Concatenate[Resource, Context, ...], None]) -> Fault:
        fault = Fault(function, 2, main=main, check=check)

        def answer(draft: Draft, parameters: Parameters, context: Context) -> Draft:
            given = fault.keywords(parameters)

            def each(document: Document) -> Document:
                for resource in resources(document):
                    function(resource, context, **given)
                return document

            return altered(draft, each) if 200 <= draft.status < 300 else draft

        fault.answer = answer
        return fault

    return declared


def remove(holder: Resource, name: str) -> None:
    """Take out the member that is called so in any case."""
    if (key := key_of(holder, name)) is not None:
        del holder[key]


def listed(document: Document) -> list[Any] | None:
    """What a list response or a plain array lists, or None for what is no list."""
    if isinstance(document, list):
        return document
    key = key_of(document, "Resources")
    found = document[key] if key is not None else None
    return found if isinstance(found, list) else None


def is_message(document: Document) -> bool:
    """Whether this is a message of the protocol (a list response, an error) and no resource."""
    if not isinstance(document, dict):
        return False
    said = document.get("schemas")
    if isinstance(said, list) and any(
        isinstance(urn, str) and fold(urn).startswith(_MESSAGES) for urn in said
    ):
        return True
    return key_of(document, "Resources") is not None


def resources(document: Document) -> list[dict[str, Any]]:
    """The resources of an answer: one, or those of a list."""
    members = listed(document)
    if members is not None:
        return [member for member in members if isinstance(member, dict)]
    return [] if is_message(document) or not isinstance(document, dict) else [document]


def holders(document: Document) -> list[dict[str, Any]]:
    """Everything that has attributes: the message, if it is one, and its resources."""
    return [*([document] if is_message(document) else []), *resources(document)]


def places(resource: dict[str, Any], name: str) -> list[Place]:
    """Where the values of an attribute are; several for a sub-attribute of a list."""
    if (key := key_of(resource, name)) is not None:
        return [(resource, key)]
    urn, _, rest = name.rpartition(":")
    if urn:
        within = resource if fold(urn).startswith(fold(CORE_PREFIX)) else _member(resource, urn)
        return _below(within, rest)
    if found := _below(resource, name):
        return found
    return next((found for _, part in extensions(resource) if (found := _below(part, name))), [])


def extensions(resource: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parts of a resource that stand under a schema's URN."""
    for key, value in resource.items():
        if isinstance(value, dict) and fold(key).startswith("urn:"):
            yield key, value


def _member(resource: dict[str, Any], name: str) -> object:
    key = key_of(resource, name)
    return None if key is None else resource[key]


def _below(part: object, name: str) -> list[Place]:
    if isinstance(part, list):
        return [place for member in part if isinstance(member, dict) for place in _below(member, name)]
    if not isinstance(part, dict):
        return []
    if (key := key_of(part, name)) is not None:
        return [(part, key)]
    head, dot, rest = name.partition(".")
    return _below(_member(part, head), rest) if dot else []


def each_value(value: Any, change: Callable[[Any], Any], keep: frozenset[str] = frozenset()) -> Any:
    """The value with `change` done to every single one in it, but for members that are called as in
    `keep`."""
    if isinstance(value, dict):
        return {
            key: part if fold(key) in keep else each_value(part, change, keep) for key, part in value.items()
        }
    if isinstance(value, list):
        return [each_value(part, change, keep) for part in value]
    return change(value)


def change_values(
    document: Document, names: tuple[str, ...], change: Callable[[Any], Any], keep: frozenset[str]
) -> Document:
    """The document with `change` done to the values of the attributes `names`, or to all but those in
    `keep`."""
    if not names:
        return each_value(document, change, keep)
    for holder in holders(document):
        for name in names:
            for container, key in places(holder, name):
                container[key] = each_value(container[key], change)
    return document
