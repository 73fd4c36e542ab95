"""Whatever a body, a filter or a cursor holds, a ScimError is the worst that comes out, and the state stays whole."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost.scim.errors import ScimError
from mockhost.scim.messages import CORE_GROUP, CORE_USER, ENTERPRISE_USER
from mockhost.scim.queries import Query
from tests.connectors.provider.making import BASE, add, group, make

NAMES = st.sampled_from(
    ["schemas", "userName", "displayName", "active", "emails", "name", "members", "value", "type", "$ref", "primary",
     "id", "meta", "groups", "manager", "password", "op", "path", "Operations", "method", "data", "bulkId", "version",
     "name.givenName", 'emails[type eq "work"].value', "emails[", CORE_USER, CORE_GROUP, ENTERPRISE_USER,
     f"{ENTERPRISE_USER}:manager", f"{ENTERPRISE_USER}.department", "x", "", "members[value pr]"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["add", "Replace", "remove", "POST", "PUT", "PATCH", "DELETE", "/Users", "/Groups", "/Users/bulkId:a", "a",
     "bulkId:a", "True", "", "members", "emails.value", CORE_USER, "u0", "\ud800", "é"]
)  # fmt: skip
JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), WORDS, NAMES),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)
OPERATION = st.fixed_dictionaries(
    {"op": WORDS | JSON},
    optional={"path": NAMES | JSON, "value": JSON, "method": WORDS, "data": JSON, "bulkId": WORDS},
)
BODY = st.one_of(JSON, st.fixed_dictionaries({"Operations": st.lists(OPERATION, max_size=3)}))


@pytest.mark.parametrize("strictness", ["strict", "entra", "lenient"])
@given(bodies=st.lists(BODY, min_size=1, max_size=3))
@settings(deadline=None, max_examples=60)
def test_no_body_breaks_anything(strictness: str, bodies: list[Any]) -> None:
    """Every operation with every body; what is there afterwards can still be shown and found."""
    provider = make(strictness=strictness)
    (ann,) = add(provider, "ann")
    sales = provider.create("Group", group("Sales", ann), base=BASE).id
    for body in bodies:
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
            try:
                ask(body)
            except ScimError as error:
                orjson.dumps(error.body())
    everything: Any = provider.find(None, Query(), base=BASE)
    assert everything["totalResults"] == provider.count()
    for shown in everything["Resources"]:
        found: Any = provider.find(None, Query(filter=f'id eq "{shown["id"]}"'), base=BASE)
        assert found["Resources"] == [shown]


@given(text=st.text(max_size=30), other=st.text(max_size=20))
@settings(deadline=None, max_examples=100)
def test_no_query_breaks_anything(text: str, other: str) -> None:
    """Filters, cursors, orders and names of attributes of all kinds."""
    provider = make()
    add(provider, "ann")
    for query in (
        Query(filter=text),
        Query(cursor=text),
        Query(sort_by=text, sort_order=other),
        Query(attributes=(text, other)),
        Query(excluded=(text, other)),
    ):
        status = 200
        try:
            provider.find("User", query, base=BASE)
        except ScimError as error:
            status = error.status
        assert status in (200, 400)
