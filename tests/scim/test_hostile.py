"""Nothing that a client can send makes this room raise anything but ScimError, or change what it was given."""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mockhost.scim import filters, messages, patch, queries
from mockhost.scim.errors import ScimError
from mockhost.scim.grammar import parse_path
from mockhost.scim.messages import ECMA_USER, ENTERPRISE_USER, PATCH_OP
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
SCHEMAS = (USER, GROUP, ECMA)

PIECES = [
    "(",
    ")",
    "[",
    "]",
    '"',
    "\\",
    ".",
    ":",
    " ",
    "and",
    "or",
    "not",
    "eq",
    "gt",
    "pr",
    "true",
    "null",
    "1e9",
]
PIECES += [
    "emails",
    "active",
    "userName",
    "name.givenName",
    "urn:a:b",
    ECMA_USER,
    ENTERPRISE_USER,
    "\\u",
    "\ud800",
    "é",
]
any_text = st.text(st.characters(codec=None)) | st.lists(st.sampled_from(PIECES)).map(" ".join)
any_text = any_text | st.lists(st.sampled_from(PIECES)).map("".join)

names = st.sampled_from(
    ["op", "path", "value", "Operations", "schemas", "emails", "name", "members", "active", "type"]
)
names = names | st.sampled_from(
    ["manager", "objectClass", "ContosoLogin", "primary", ECMA_USER, ENTERPRISE_USER]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | any_text
    | st.sampled_from(["add", "Remove", "True"])
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | any_text, inner, max_size=4),
    max_leaves=20,
)
paths = any_text | st.sampled_from(
    [
        *(
            "emails",
            "emails.type",
            'emails[type eq "x"]',
            'emails[primary gt "a"].value',
            "members",
            "name",
            "active",
        ),
        *(f"{ECMA_USER}:objectClass", f"{ECMA_USER}:EmployeeNumber", ECMA_USER, f"{ENTERPRISE_USER}.manager"),
    ]
)
operations = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "Replace", "REMOVE"])}, optional={"path": paths, "value": documents}
)


@functools.cache
def _deep(levels: int, key: str | None) -> object:
    found: object = "x"
    for _ in range(levels):
        found = [found] if key is None else {key: found}
    return found


def _refusal(attempt: Callable[[], object]) -> tuple[int, str | None] | None:
    """How it was refused, if it was; anything but ScimError comes through and fails the test."""
    try:
        attempt()
    except ScimError as error:
        error.detail.encode("utf-8")  # it can go over the wire
        return error.status, error.scim_type
    return None


def _patch(body: object) -> None:
    """Apply it in every way; the resource stays as it is."""
    before = copy.deepcopy(RESOURCE)
    for schema, unknown in itertools.product(SCHEMAS, ("ignore", "refuse")):
        apply = functools.partial(patch.apply, RESOURCE, body, schema=schema, unknown=unknown)
        assert (_refusal(functools.partial(apply, unmatched="always")) or (400,))[0] == 400
    assert before == RESOURCE


@given(text=any_text, lenient=st.booleans())
@example(text="(" * 100_000, lenient=True)
@example(text='a eq "' + '\\"' * 4_000, lenient=True)
@example(text='a eq "' + '" ' * 4_000, lenient=True)
@example(text="not(" * 2_000, lenient=False)
@example(text="a[" * 4_000, lenient=True)
def test_any_text_as_a_filter(text: str, lenient: bool) -> None:
    """It is read and can be evaluated and written, or it is refused."""
    refusal = _refusal(lambda: filters.parse(text, lenient=lenient))
    assert refusal in (None, (400, "invalidFilter"))
    if refusal is None:
        found = filters.parse(text, lenient=lenient)
        rendered = filters.render(found)
        again = filters.parse(rendered, max_length=len(rendered))  # escapes may make it longer than it was
        assert filters.render(again) == rendered
        filters.equalities(found)
        filters.is_simple(found)
        assert _refusal(lambda: filters.matches(found, RESOURCE)) in (None, (400, "invalidFilter"))


@given(text=any_text)
def test_any_text_as_a_path(text: str) -> None:
    """It is read, or refused with invalidPath."""
    assert _refusal(lambda: parse_path(text)) in (None, (400, "invalidPath"))


@given(raw=any_text | st.text(alphabet="filterstartIndexcount=&%+0123456789abcdef\xe9\xff"))
@example(raw="&" * 100_000)
@example(raw="startIndex=" + "9" * 100_000)
def test_any_text_as_a_query(raw: str) -> None:
    """It is read, or refused with invalidValue; whatever it names can be shown or hidden."""
    queries.project(RESOURCE, [raw], [raw])
    refusal = _refusal(lambda: queries.parse_query(raw))
    assert refusal in (None, (400, "invalidValue"))
    if refusal is None:
        query = queries.parse_query(raw)
        queries.project(RESOURCE, query.attributes, query.excluded)
        assert query.start_index >= 1


@given(body=documents)
def test_any_json_as_a_patch(body: object) -> None:
    """A body of any shape."""
    _patch(body)


@given(sent=st.lists(operations, max_size=3))
def test_any_operations_as_a_patch(sent: list[dict[str, object]]) -> None:
    """Operations that look right, with paths and values of any shape."""
    _patch({"schemas": [PATCH_OP], "Operations": sent})


@given(document=documents, name=any_text)
def test_any_json_as_a_request(document: object, name: str) -> None:
    """Looking for an attribute in a body never fails."""
    messages.value_in_request(document, name)
    messages.value_in_request({"Operations": document}, "emails.value")
    assert (_refusal(lambda: queries.read_search(document)) or (400,))[0] == 400


@given(value=documents)
@pytest.mark.parametrize(
    "type_", ["string", "boolean", "integer", "decimal", "dateTime", "binary", "reference", "?"]
)
def test_any_json_as_a_value(type_: str, value: object) -> None:
    """It fits the type, or is refused with invalidValue."""
    assert _refusal(lambda: messages.coerce(type_, value)) in (None, (400, "invalidValue"))


@pytest.mark.parametrize("key", [None, "value", "name", ECMA_USER, messages.CORE_USER, f"{ECMA_USER}.name"])
@pytest.mark.parametrize(
    "path", [None, "userName", "name", "emails", 'emails[type eq "x"]', "members", "nope", ECMA_USER]
)
@pytest.mark.parametrize("op", ["add", "replace", "remove"])
def test_a_body_nested_a_hundred_thousand_deep(op: str, path: str | None, key: str | None) -> None:
    """No recursion follows a client's nesting."""
    deep = _deep(100_000, key)
    _patch({"Operations": [{"op": op, "path": path, "value": deep}]})
    _patch(
        {
            "Operations": [
                {"op": op, "path": path, "value": {"name": deep, "emails": [deep], "userName": deep}}
            ]
        }
    )
    _patch({"Operations": [{"op": deep}, {"op": "add", "path": deep}]})
    _patch({"Operations": deep, "schemas": deep})
    _patch(deep)
    messages.value_in_request(
        {"Operations": [{"op": op, "path": path or "", "value": deep}]}, "name.givenName"
    )
    for type_ in ("string", "boolean", "integer"):
        with pytest.raises(ScimError):
            messages.coerce(type_, deep)


def test_many_operations_on_many_members_stay_fast_enough() -> None:
    """Ten thousand members added and removed at once is one pass, not ten thousand."""
    members = [{"value": f"u{number}"} for number in range(10_000)]
    body = {"Operations": [{"op": "Add", "path": "members", "value": members}]}
    group = {"schemas": [], "id": "1", "displayName": "g"}
    full = patch.apply(group, body, schema=GROUP)
    assert full["members"] == members
    again = {"Operations": [*body["Operations"], {"op": "Remove", "path": "members", "value": members[1:]}]}
    assert patch.apply(full, again, schema=GROUP)["members"] == members[:1]
