"""Whatever a client writes into a document, filter, path, query or cursor: a ScimError is the worst that comes out."""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mockhost.scim import filters, grammar, messages, patch, queries, values
from mockhost.scim.errors import ScimError
from mockhost.scim.grammar import parse_path
from mockhost.scim.messages import ECMA_USER, ENTERPRISE_USER
from mockhost.scim.queries import Query
from tests.connectors.provider.making import BASE, add, group, make
from tests.hostile.documents import bodies, documents, texts
from tests.scim.resource_types import ECMA, GROUP, USER

RESOURCE: dict[str, Any] = {
    "schemas": [],
    "id": "1",
    "userName": "bob",
    "active": True,
    "name": {"givenName": "Bob"},
    "emails": [{"type": "work", "value": "w", "primary": True}],
    "members": [{"value": "u1"}],
    ECMA_USER: {"ContosoLogin": "bob", "objectClass": ["top"], "EmployeeNumber": 1},
    ENTERPRISE_USER: {"manager": {"value": "m"}},
}
TYPES = ("string", "boolean", "integer", "decimal", "dateTime", "binary", "reference", "?")


def refusal(attempt: Callable[[], object]) -> tuple[int, str | None] | None:
    """How it was refused, if it was; anything but ScimError comes through and fails the test."""
    try:
        attempt()
    except ScimError as error:
        orjson.dumps(error.body())  # it can go over the wire
        return error.status, error.scim_type
    return None


def apply_everywhere(body: object) -> None:
    """Apply a PATCH to each type of resource; the resource that it was given stays as it is."""
    before = copy.deepcopy(RESOURCE)
    for schema, unknown in itertools.product((USER, GROUP, ECMA), ("ignore", "refuse")):
        apply = functools.partial(patch.apply, RESOURCE, body, schema=schema, unknown=unknown)
        assert (refusal(functools.partial(apply, unmatched="always")) or (400,))[0] == 400
    assert before == RESOURCE


# -- texts ---------------------------------------------------------------------------------------------------------


@given(text=texts, lenient=st.booleans())
@example(text="(" * 100_000, lenient=True)
@example(text='a eq "' + '\\"' * 4_000, lenient=True)
@example(text='a eq "' + '" ' * 4_000, lenient=True)
@example(text="not(" * 2_000, lenient=False)
@example(text="a[" * 4_000, lenient=True)
def test_any_text_as_a_filter(text: str, lenient: bool) -> None:
    """It is read and can be evaluated and written, or it is refused."""
    refused = refusal(lambda: grammar.parse(text, lenient=lenient))
    assert refused in (None, (400, "invalidFilter"))
    if refused is None:
        found = grammar.parse(text, lenient=lenient)
        rendered = grammar.render(found)
        again = grammar.parse(rendered, max_length=len(rendered))  # escapes may make it longer than it was
        assert grammar.render(again) == rendered
        filters.equalities(found)
        filters.is_simple(found)
        assert refusal(lambda: filters.matches(found, RESOURCE)) in (None, (400, "invalidFilter"))


@given(text=texts)
def test_any_text_as_a_path(text: str) -> None:
    """It is read, or refused with invalidPath."""
    assert refusal(lambda: parse_path(text)) in (None, (400, "invalidPath"))


@given(raw=texts | st.text(alphabet="filterstartIndexcount=&%+0123456789abcdef\xe9\xff"))
@example(raw="&" * 100_000)
@example(raw="startIndex=" + "9" * 100_000)
def test_any_text_as_a_query(raw: str) -> None:
    """It is read, or refused with invalidValue; whatever it names can be shown or hidden."""
    queries.project(RESOURCE, [raw], [raw])
    refused = refusal(lambda: queries.parse_query(raw))
    assert refused in (None, (400, "invalidValue"))
    if refused is None:
        query = queries.parse_query(raw)
        queries.project(RESOURCE, query.attributes, query.excluded)
        assert query.start_index >= 1


@given(text=texts, other=texts)
def test_any_text_in_a_search(text: str, other: str) -> None:
    """A provider finds, or says 400, whatever a filter, a cursor, an order or a list of attributes holds."""
    provider = make()
    add(provider, "ann")
    for query in (
        Query(filter=text),
        Query(cursor=text),
        Query(sort_by=text, sort_order=other),
        Query(attributes=(text, other)),
        Query(excluded=(text, other)),
    ):
        assert (refusal(lambda: provider.find("User", query, base=BASE)) or (400,))[0] == 400  # noqa: B023


# -- JSON ----------------------------------------------------------------------------------------------------------


@given(body=bodies)
def test_any_json_as_a_patch(body: object) -> None:
    """A body of any shape, and operations that look right."""
    apply_everywhere(body)


@given(document=documents, name=texts)
def test_any_json_as_a_request(document: object, name: str) -> None:
    """Looking for an attribute in a body never fails."""
    messages.value_in_request(document, name)
    messages.value_in_request({"Operations": document}, "emails.value")
    assert (refusal(lambda: queries.read_search(document)) or (400,))[0] == 400


@given(value=documents)
def test_any_json_as_a_value(value: object) -> None:
    """It fits the type, or is refused with invalidValue."""
    for type_ in TYPES:
        assert refusal(functools.partial(values.coerce, type_, value)) in (None, (400, "invalidValue"))


@pytest.mark.parametrize("strictness", ["strict", "entra", "lenient"])
@given(sent=st.lists(bodies, min_size=1, max_size=3))
@settings(max_examples=60)
def test_any_json_to_a_provider(strictness: str, sent: list[Any]) -> None:
    """Every operation with every body; what is there afterwards can still be shown and found."""
    provider = make(strictness=strictness)
    (ann,) = add(provider, "ann")
    sales = provider.create("Group", group("Sales", ann), base=BASE).id
    for body in sent:
        for ask in (
            lambda body: provider.create("User", body, base=BASE),
            lambda body: provider.create("Group", body, base=BASE),
            lambda body: provider.replace("User", ann, body, base=BASE),
            lambda body: provider.replace("Group", sales, body, base=BASE),
            lambda body: provider.patch("User", ann, body, base=BASE),
            lambda body: provider.patch("Group", sales, body, base=BASE),
            lambda body: provider.bulk(body, base=BASE),
            lambda body: provider.find(None, provider.search_query(body), base=BASE),
        ):
            refusal(functools.partial(ask, body))
    everything: Any = provider.find(None, Query(), base=BASE)
    assert everything["totalResults"] == provider.count()
    for shown in everything["Resources"]:
        found: Any = provider.find(None, Query(filter=f'id eq "{shown["id"]}"'), base=BASE)
        assert found["Resources"] == [shown]


# -- size ----------------------------------------------------------------------------------------------------------


def deep(levels: int, key: str | None) -> object:
    found: object = "x"
    for _ in range(levels):
        found = [found] if key is None else {key: found}
    return found


@pytest.mark.parametrize("key", [None, "value", "name", ECMA_USER, messages.CORE_USER, f"{ECMA_USER}.name"])
def test_a_body_nested_a_hundred_thousand_deep(key: str | None) -> None:
    """No recursion follows a client's nesting."""
    nested = deep(100_000, key)
    paths = (None, "userName", "name", "emails", 'emails[type eq "x"]', "members", "nope", ECMA_USER)
    for op, path in itertools.product(("add", "replace", "remove"), paths):
        for value in (nested, {"name": nested, "emails": [nested], "userName": nested}):
            apply_everywhere({"Operations": [{"op": op, "path": path, "value": value}]})
        messages.value_in_request(
            {"Operations": [{"op": op, "path": path or "", "value": nested}]}, "name.givenName"
        )
    apply_everywhere({"Operations": [{"op": nested}, {"op": "add", "path": nested}]})
    apply_everywhere({"Operations": nested, "schemas": nested})
    apply_everywhere(nested)
    for type_ in ("string", "boolean", "integer"):
        with pytest.raises(ScimError):
            values.coerce(type_, nested)


def test_ten_thousand_members_at_once() -> None:
    """Added, added again, and removed but for one."""
    members = [{"value": f"u{number}"} for number in range(10_000)]
    body = {"Operations": [{"op": "Add", "path": "members", "value": members}]}
    full = patch.apply({"schemas": [], "id": "1", "displayName": "g"}, body, schema=GROUP)
    assert full["members"] == members
    again = {"Operations": [*body["Operations"], {"op": "Remove", "path": "members", "value": members[1:]}]}
    assert patch.apply(full, again, schema=GROUP)["members"] == members[:1]
