"""Queries: how they are decoded, what is refused in them, and what of a resource they show."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockhost.scim.errors import ScimError
from mockhost.scim.grammar import Compare, parse
from mockhost.scim.messages import CORE_USER, ECMA_USER, ENTERPRISE_USER
from mockhost.scim.queries import parse_query, project, projection, read_search


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        # as recorded from Microsoft's client: `+`, and `@` escaped
        ("filter=userName+eq+%22bob%40contoso.com%22", 'userName eq "bob@contoso.com"'),
        ("filter=PLACEHOLDER+eq+%22aa8f3f6e-0000%22", 'PLACEHOLDER eq "aa8f3f6e-0000"'),
        # its composer's lower-case hex in names
        (
            "filter=urn%3aietf%3aparams%3ascim%3aschemas%3aextension%3aECMA2Host%3a2.0%3aUser%3auserName+eq+%22JSMITH%22",
            f'{ECMA_USER}:userName eq "JSMITH"',
        ),
        ("filter=emails%5btype+eq+%22work%22%5d.value+eq+%22a%22", 'emails[type eq "work"].value eq "a"'),
        # … which leaves these as they are
        ("filter=a+eq+%22100%+sure%22", 'a eq "100% sure"'),
        ("filter=a+eq+%2250%zz%22", 'a eq "50%zz"'),
        ("filter=a+eq+%22<b>|\\%22", 'a eq "<b>|\\"'),
        # raw UTF-8, its bytes as latin-1; and what isn't UTF-8
        ("filter=a+eq+%22Zoë%22".encode().decode("latin-1"), 'a eq "Zoë"'),
        ("filter=a+eq+%22Zo\xeb%22", 'a eq "Zoë"'),
        ("filter=a%20eq%20%22Zo%C3%AB%22", 'a eq "Zoë"'),
        ("filter=a%20eq%20%22x=y%22", 'a eq "x=y"'),
        # already decoded, which no wire does
        ("filter=a+eq+%22日本%22", 'a eq "日本"'),
        # keys in any case, the first of two
        ('FILTER=a pr&filter=b pr&startIndex=2', "a pr"),
        ("filter=", ""),
    ],
)  # fmt: skip
def test_filters_are_decoded_as_they_were_meant(raw: str, text: str) -> None:
    """Microsoft's encoding and everybody else's."""
    assert parse_query(raw).filter == text


@given(value=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_an_escaped_value_comes_back(value: str) -> None:
    """Whatever a client escapes properly arrives."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    found = parse_query("filter=" + quote(f'a eq "{escaped}"', safe="")).filter
    assert found is not None
    assert repr(parse(found)) == repr(parse(f'a eq "{escaped}"'))
    compare = parse(found)
    assert isinstance(compare, Compare)
    assert compare.value == value


@pytest.mark.parametrize(
    ("raw", "start", "count"),
    [
        ("", 1, None),
        ("startIndex=3&count=5", 3, 5),
        ("STARTINDEX=0&Count=-1", 1, 0),
        ("startIndex=-7&count=0", 1, 0),
        ("startIndex=&count=", 1, None),
        ("startIndex=+5&count=%2B2", 5, 2),
        ("startIndex=" + "9" * 5000 + "&count=-" + "9" * 5000, 2**31 - 1, 0),
    ],
)
def test_pages(raw: str, start: int, count: int | None) -> None:
    """RFC 7644 3.4.2.4: a value below the lowest is the lowest; one beyond every list is fine, too."""
    query = parse_query(raw)
    assert (query.start_index, query.count) == (start, count)


@pytest.mark.parametrize("text", ["abc", "1.5", "0x1", "1e3", "١", "one"])
@pytest.mark.parametrize(
    ("key", "detail"),
    [
        ("startIndex", "This start index value is invalid: {}. The start index is a 1-based index."),
        ("count", "This count value is invalid: {}. A non-negative number is expected."),
    ],
)
def test_pages_that_are_no_numbers(key: str, detail: str, text: str) -> None:
    """400 invalidValue that names the parameter."""
    with pytest.raises(ScimError) as refused:
        parse_query(f"{key}={quote(text)}")
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidValue")
    assert refused.value.detail == detail.format(f"'{text}'")


def test_everything_else() -> None:
    """Lists of names, sorting, and Microsoft's flag, which is passed over."""
    query = parse_query(
        "attributes=userName,+emails.value,&excludedAttributes=members&sortBy=a&sortOrder=descending&aadOptscim062020"
    )
    assert query.attributes == ("userName", "emails.value")
    assert query.excluded == ("members",)
    assert (query.sort_by, query.sort_order) == ("a", "descending")
    assert dict(query.extra) == {"aadOptscim062020": ""}
    assert (query.filter, query.start_index, query.count) == (None, 1, None)


def test_a_search_is_a_query_in_a_body() -> None:
    """RFC 7644 3.4.3, names in any case, numbers as text and lists as text, too."""
    query = read_search(
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "attributes": ["displayName", "userName, name"],
            "excludedattributes": "members",
            "FILTER": "a pr",
            "startIndex": 0,
            "count": "10",
            "sortBy": "a",
        }
    )
    assert (query.attributes, query.excluded) == (("displayName", "userName", "name"), ("members",))
    assert (query.filter, query.start_index, query.count) == ("a pr", 1, 10)
    assert (query.sort_by, query.sort_order) == ("a", None)
    bare = read_search({"startIndex": 10**30, "count": None})
    assert (bare.filter, bare.start_index, bare.count, bare.attributes) == (None, 2**31 - 1, None, ())


@pytest.mark.parametrize(
    ("body", "scim_type", "detail"),
    [
        ([], "invalidSyntax", "The request is invalid: a search takes a JSON object, not an array."),
        ({"filter": 5}, "invalidFilter", "This filter is invalid: it is 5, not a string."),
        (
            {"count": 1.5},
            "invalidValue",
            "This count value is invalid: 1.5. A non-negative number is expected.",
        ),
        (
            {"count": True},
            "invalidValue",
            "This count value is invalid: true. A non-negative number is expected.",
        ),
        (
            {"startIndex": []},
            "invalidValue",
            "This start index value is invalid: an array. The start index is a 1-based index.",
        ),
        ({"attributes": [5]}, "invalidValue", "attributes takes a string, not 5."),
        ({"excludedAttributes": {}}, "invalidValue", "excludedAttributes takes a string, not an object."),
        ({"sortBy": ["a"]}, "invalidValue", "sortBy takes a string, not an array."),
    ],
)
def test_searches_that_are_none(body: object, scim_type: str, detail: str) -> None:
    """Each member is looked at, and named."""
    with pytest.raises(ScimError) as refused:
        read_search(body)
    assert (refused.value.status, refused.value.scim_type, refused.value.detail) == (400, scim_type, detail)


USER: dict[str, Any] = {
    "schemas": [CORE_USER, ENTERPRISE_USER],
    "id": "1",
    "userName": "bob",
    "name": {"givenName": "Bob", "familyName": "B"},
    "emails": [{"type": "work", "value": "w"}, {"type": "home"}],
    "roles": [],
    "title": "core",
    ENTERPRISE_USER: {"department": "D", "title": "extension", "manager": {"value": "m", "$ref": "r"}},
    "meta": {"resourceType": "User", "location": "x"},
}
ALWAYS = {"schemas": USER["schemas"], "id": "1"}


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        (["userName"], {"userName": "bob"}),
        (["USERNAME", "nope"], {"userName": "bob"}),
        (["nope"], {}),
        (["not a name"], {}),
        (["name.givenName"], {"name": {"givenName": "Bob"}}),
        (["name.GIVENNAME", "name"], {"name": USER["name"]}),
        (["name.nope"], {}),
        (["emails"], {"emails": USER["emails"]}),
        (["emails.value"], {"emails": [{"value": "w"}]}),
        (['emails[type eq "work"]'], {"emails": USER["emails"]}),
        (["roles"], {"roles": []}),
        ([f"{CORE_USER}:userName"], {"userName": "bob"}),
        (["title"], {"title": "core"}),
        ([f"{ENTERPRISE_USER}:title"], {ENTERPRISE_USER: {"title": "extension"}}),
        (["department"], {ENTERPRISE_USER: {"department": "D"}}),
        ([f"{ENTERPRISE_USER.lower()}:Department"], {ENTERPRISE_USER: {"department": "D"}}),
        ([f"{ENTERPRISE_USER}:manager.value"], {ENTERPRISE_USER: {"manager": {"value": "m"}}}),
        ([ENTERPRISE_USER], {ENTERPRISE_USER: USER[ENTERPRISE_USER]}),
        ([f"{ECMA_USER}:department"], {}),
        (["meta.location"], {"meta": {"location": "x"}}),
    ],
)
def test_what_attributes_show(attributes: list[str], shown: dict[str, object]) -> None:
    """RFC 7644 3.9: what is named, and always `schemas` and `id`."""
    assert project(USER, attributes) == {**ALWAYS, **shown}


@pytest.mark.parametrize(
    ("excluded", "hidden"),
    [
        (["userName"], {"userName": None}),
        (["id", "schemas"], {}),
        (["nope"], {}),
        (["name.givenName"], {"name": {"familyName": "B"}}),
        (["name.givenName", "name.familyName"], {"name": None}),
        (["emails.value"], {"emails": [{"type": "work"}, {"type": "home"}]}),
        (["emails.type"], {"emails": [{"value": "w"}]}),
        (["title"], {"title": None}),
        (
            ["department"],
            {ENTERPRISE_USER: {k: v for k, v in USER[ENTERPRISE_USER].items() if k != "department"}},
        ),
        ([ENTERPRISE_USER], {ENTERPRISE_USER: None}),
        (
            [f"{ENTERPRISE_USER}:{name}" for name in ("department", "title", "manager")],
            {ENTERPRISE_USER: None},
        ),
        (["meta"], {"meta": None}),
    ],
)
def test_what_excluded_attributes_hide(excluded: list[str], hidden: dict[str, object]) -> None:
    """All but what is named; `schemas` and `id` stay."""
    expected = {key: value for key, value in {**USER, **hidden}.items() if value is not None}
    assert project(USER, (), excluded) == expected


def test_projection_changes_nothing_and_keeps_the_order() -> None:
    """Without names all is shown; members stay in the resource's order; both lists together choose, then hide."""
    before = repr(USER)
    assert project(USER) == USER
    assert list(project(USER, ["emails", "userName"])) == ["schemas", "id", "userName", "emails"]
    assert project(USER, ["name"], ["name.givenName"]) == {**ALWAYS, "name": {"familyName": "B"}}
    assert project(USER, ["userName"], always=()) == {"userName": "bob"}
    assert [projection(["userName"])({"userName": name}) for name in "ab"] == [
        {"userName": "a"},
        {"userName": "b"},
    ]
    assert repr(USER) == before


def test_simple_values_have_no_other_sub_attribute_than_value() -> None:
    """`objectClass.value` is objectClass (RFC 7643 2.4)."""
    row = {"schemas": [], "id": "1", "objectClass": ["top", "user"], "login": "b"}
    assert project(row, ["objectClass.value"])["objectClass"] == ["top", "user"]
    assert "objectClass" not in project(row, ["objectClass.type"])
    assert "login" not in project(row, (), ["login.value"])
