"""Finding: filters on every attribute, indexes that give what a look at everybody gives, order, and pages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost.clock import Chance, VirtualClock
from mockhost.connectors.provider.config import PeopleConfig, ProviderConfig
from mockhost.connectors.provider.provider import Provider
from mockhost.scim.errors import ScimError
from mockhost.scim.messages import ENTERPRISE_USER
from mockhost.scim.queries import Query
from tests.connectors.provider.making import BASE, add, asking, found, fresh, group, make, user


@pytest.fixture
def directory() -> Provider:
    """Three users and a group."""
    provider = make()
    for n, name in enumerate(("ann", "Bob", "cid")):
        body = user(
            name,
            externalId=f"X{n}",
            active=n != 1,
            displayName=name.upper(),
            emails=[
                {"type": "work", "value": f"{name}@Work.example", "primary": True},
                {"type": "home", "value": "h@x"},
            ],
            **{ENTERPRISE_USER: {"department": f"D{n}", "employeeNumber": str(n)}},
        )
        if n:
            body["name"] = {"givenName": name, "familyName": "Lee"}
        provider.create("User", body, base=BASE)
    provider.create("Group", group("Bob"), base=BASE)
    return provider


@pytest.mark.parametrize(
    ("filter_", "names"),
    [
        ('userName eq "ANN"', ["ann"]),
        ('USERNAME EQ "bob"', ["Bob"]),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "bob"', ["Bob"]),
        ('externalId eq "x1"', []),
        ('externalId eq "X1"', ["Bob"]),
        ('emails[type eq "work"].value eq "BOB@work.example"', ["Bob"]),
        ('emails[type eq "home"].value eq "BOB@work.example"', []),
        ('emails[type eq "work" and value co "ann"]', ["ann"]),
        ('emails eq "h@x"', ["ann", "Bob", "cid"]),
        ('emails.value sw "cid"', ["cid"]),
        ("active eq true", ["ann", "cid"]),
        ('active eq "True"', ["ann", "cid"]),
        ("not (active eq true)", ["Bob"]),
        ("name pr", ["Bob", "cid"]),
        ("not (name.familyName pr)", ["ann"]),
        ('userName eq "ann" or userName eq "cid"', ["ann", "cid"]),
        ('userName gt "b"', ["Bob", "cid"]),
        (f'{ENTERPRISE_USER}:department eq "d2"', ["cid"]),
        ('department eq "d2"', ["cid"]),
        (f"{ENTERPRISE_USER} pr", ["ann", "Bob", "cid"]),
        ('meta.resourceType eq "User" and userName ew "n"', ["ann"]),
        ('meta.lastModified ge "2026-01-01T01:00:00+01:00"', ["ann", "Bob", "cid"]),
        ('meta.lastModified gt "2026-01-01T00:00:00Z"', []),
        ('id eq "nobody"', []),
        ('nothing eq "x"', []),
        ("password pr", []),
        ('schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"', ["ann", "Bob", "cid"]),
    ],
)
def test_a_filter_finds_who_fits(directory: Provider, filter_: str, names: list[str]) -> None:
    """RFC 7644 3.4.2.2; case as the schema says."""
    assert found(directory, "User", filter=filter_) == names


def test_all_types_are_asked_at_once(directory: Provider) -> None:
    """`POST /.search` at the root: whoever has the attribute."""
    assert found(directory, None, filter='displayName eq "bob"') == ["Bob", "Bob"]
    assert len(found(directory, None)) == 4


@pytest.mark.parametrize("text", ["userName eq", 'userName xx "a"', "active gt true", "((("])
def test_a_filter_that_is_none_is_refused(directory: Provider, text: str) -> None:
    """400 invalidFilter."""
    with pytest.raises(ScimError) as refused:
        found(directory, "User", filter=text)
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidFilter")


def test_a_strict_provider_knows_no_unknown_attribute() -> None:
    """In a filter, in brackets, and to sort by."""
    provider = make(strictness="strict")
    for query in ({"filter": 'nothing eq "x"'}, {"filter": 'emails[nothing eq "x"]'}, {"sortBy": "nothing"}):
        with pytest.raises(ScimError) as refused:
            found(provider, "User", **query)
        assert refused.value.status == 400


def test_order(directory: Provider) -> None:
    """RFC 7644 3.4.2.3: case as the schema says; who has no value is last, and first when descending."""
    assert found(directory, "User", sortBy="userName", sortOrder="descending") == ["cid", "Bob", "ann"]
    assert found(directory, "User", sortBy="name.givenName") == ["Bob", "cid", "ann"]
    assert found(directory, "User", sortBy="name.givenName", sortOrder="descending") == ["ann", "cid", "Bob"]
    assert found(directory, "User", sortBy="emails.value") == ["ann", "Bob", "cid"]
    assert found(directory, "User", sortBy="emails") == ["ann", "Bob", "cid"]


def test_pages_by_index(directory: Provider) -> None:
    """RFC 7644 3.4.2.4; a count of 0 asks how many there are."""
    page: Any = directory.find("User", asking(startIndex=2, count=1), base=BASE)
    assert (page["totalResults"], page["itemsPerPage"], page["startIndex"]) == (3, 1, 2)
    assert page["Resources"][0]["userName"] == "Bob"
    assert found(directory, "User", count=0) == []
    assert found(directory, "User", startIndex=9) == []
    assert found(
        make(max_results=2, objects={"User": [{"userName": n} for n in "abc"]}), "User", count=9
    ) == ["a", "b"]


@pytest.mark.parametrize("query", [{}, {"sortBy": "userName"}, {"filter": 'userName sw "u"'}])
def test_pages_by_cursor_show_everybody_once(query: dict[str, str]) -> None:
    """RFC 9865: the last page has no nextCursor."""
    provider = make()
    add(provider, *(f"u{n}" for n in range(7)))
    seen, cursor = [], ""
    while True:
        page: Any = provider.find("User", asking(cursor=cursor, count=3, **query), base=BASE)
        assert page["totalResults"] == 7
        assert "startIndex" not in page
        seen += [each["userName"] for each in page["Resources"]]
        if "nextCursor" not in page:
            break
        cursor = page["nextCursor"]
    assert seen == [f"u{n}" for n in range(7)]


def test_a_cursor_survives_changes_and_not_its_time() -> None:
    """Nobody is left out when somebody of an earlier page is gone; a cursor of another query, or old, is refused."""
    clock = VirtualClock("frozen")
    provider = Provider(ProviderConfig(cursor_timeout=60), clock, Chance(1))
    idents = add(provider, *(f"u{n}" for n in range(6)))
    page: Any = provider.find("User", asking(cursor="", count=2), base=BASE)
    provider.delete("User", idents[0])
    assert found(provider, "User", cursor=page["nextCursor"], count=2) == ["u2", "u3"]
    for query, scim_type in (
        ({"cursor": page["nextCursor"], "filter": "userName pr"}, "invalidCursor"),
        ({"cursor": "nonsense"}, "invalidCursor"),
        ({"cursor": "é"}, "invalidCursor"),
        ({"cursor": "", "count": "0"}, "invalidCount"),
    ):
        with pytest.raises(ScimError) as refused:
            found(provider, "User", **query)
        assert refused.value.scim_type == scim_type
    clock.advance(61)
    with pytest.raises(ScimError) as refused:
        found(provider, "User", cursor=page["nextCursor"], count=2)
    assert refused.value.scim_type == "expiredCursor"


def test_people_are_there_without_being_kept() -> None:
    """The crowd is found, paged, changed and deleted like everybody else."""
    set_ = {"name.givenName": "G{n}", 'emails[type eq "work"].value': "{userName}", "active": True}
    provider = make(people=PeopleConfig(1000, set_))  # type: ignore[arg-type]
    assert provider.count("User") == 1000
    assert found(provider, "User", startIndex=999) == [
        "user0000998@contoso.example",
        "user0000999@contoso.example",
    ]
    assert found(
        provider, "User", filter='emails[type eq "work"].value eq "USER0000007@contoso.example"'
    ) == ["user0000007@contoso.example"]
    page: Any = provider.find("User", asking(filter='userName eq "user0000007@contoso.example"'), base=BASE)
    person = page["Resources"][0]
    assert provider.get("User", person["id"], base=BASE).resource == person
    provider.replace("User", person["id"], user("seven"), base=BASE)
    assert found(provider, "User", filter='userName eq "user0000007@contoso.example"') == []
    assert found(provider, "User", startIndex=7, count=3)[1] == "seven"
    with pytest.raises(ScimError):
        add(provider, "USER0000008@contoso.example")
    add(provider, "user0000007@contoso.example")
    provider.delete("User", person["id"])
    assert provider.count("User") == 1000
    assert "seven" not in found(provider, "User", count=1000)
    again = fresh(provider)
    assert found(again, "User", startIndex=8, count=1) == ["user0000007@contoso.example"]


FILTERS = st.recursive(
    st.sampled_from(
        [
            'userName eq "U1"',
            'userName eq "u2"',
            'displayName eq "a"',
            'emails.value eq "E@x"',
            'emails[value eq "E@x"]',
            'emails[type eq "work" and value eq "e@X"]',
            'externalId eq "x"',
            'externalId eq "X"',
            "active eq true",
            "title pr",
        ]
    ),
    lambda inner: st.one_of(
        st.builds("({}) and ({})".format, inner, inner),
        st.builds("({}) or ({})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=5,
)
EMAIL = st.fixed_dictionaries(
    {"value": st.sampled_from(["e@x", "E@X", "f@x"]), "type": st.sampled_from(["work", "home"])}
)
PEOPLE = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "displayName": st.sampled_from(["a", "A", "b"]),
            "externalId": st.sampled_from(["x", "X"]),
            "active": st.booleans(),
            "title": st.just("T"),
            "emails": st.lists(EMAIL, max_size=2),
        },
    ),
    max_size=5,
)


@given(people=PEOPLE, filter_=FILTERS)
@settings(deadline=None, max_examples=80)
def test_indexes_give_what_a_look_at_everybody_gives(people: list[dict[str, Any]], filter_: str) -> None:
    """`not (not (…))` keeps every index out of it."""
    provider = make()
    for n, attributes in enumerate(people):
        provider.create("User", user(f"u{n}", **attributes), base=BASE)
    assert found(provider, "User", filter=filter_) == found(provider, "User", filter=f"not (not ({filter_}))")


@pytest.mark.parametrize(
    ("filter_", "names"),
    [
        ("userName sw O", ["omalley"]),
        (
            "name.FamilyName eq Employee and (emails.Value co example.com or emails.Value co example.org)",
            ["e"],
        ),
        ("meta.Created gt 1999-10-10T14:38:21.8617979-07:00", ["omalley", "e"]),
        ("(userName eq e)", ["e"]),
    ],
)
def test_a_value_without_quotes_is_understood_unless_strict(filter_: str, names: list[str]) -> None:
    """Microsoft's Postman collection sends such filters; the RFC's grammar has quotes."""
    people = [
        user("omalley"),
        user("e", name={"familyName": "Employee"}, emails=[{"value": "e@example.org"}]),
    ]
    forgiving, strict = make(objects={"User": people}), make(strictness="strict", objects={"User": people})
    assert found(forgiving, "User", filter=filter_) == names
    with pytest.raises(ScimError) as refused:
        found(strict, "User", filter=filter_)
    assert refused.value.scim_type == "invalidFilter"


@pytest.mark.parametrize(
    "filter_", ["userName eq", "userName eq and active eq true", "userName eq (bob)", "userName eq or"]
)
def test_not_everything_without_quotes_is_a_value(filter_: str) -> None:
    """Words of the grammar are none."""
    with pytest.raises(ScimError) as refused:
        found(make(), "User", filter=filter_)
    assert refused.value.scim_type == "invalidFilter"


@pytest.mark.parametrize("query", [{}, {"sortBy": "userName", "sortOrder": "descending"}])
def test_a_cursor_leads_back(query: dict[str, str]) -> None:
    """`previousCursor` is there but on the first page (RFC 9865 2), and gives the page before."""
    provider = make(objects={"User": [user(f"u{n}") for n in range(7)]})

    def page(cursor: str) -> Any:
        return provider.find("User", asking(cursor=cursor, count=3, **query), base=BASE)

    first = page("")
    second = page(first["nextCursor"])
    third = page(second["nextCursor"])
    assert "previousCursor" not in first
    assert "nextCursor" not in third
    assert page(third["previousCursor"])["Resources"] == second["Resources"]
    assert page(second["previousCursor"])["Resources"] == first["Resources"]


@pytest.mark.parametrize(
    ("count", "resources"), [(2.0, 2), (95115647305208379211776, 3), (9.5e22, 3), (-1.0, 0)]
)
def test_a_search_takes_whole_numbers_however_they_are_written(count: float, resources: int) -> None:
    """RFC 7643 2.3.4: whole; beyond 64 bits a JSON reader gives a float."""
    provider = make(strictness="strict", objects={"User": [user(f"u{n}") for n in range(3)]})
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "count": count}
    answer: Any = provider.find("User", provider.search_query(body), base=BASE)
    assert len(answer["Resources"]) == resources
    for wrong in (2.5, float("inf"), True, [2]):
        with pytest.raises(ScimError):
            provider.search_query({**body, "count": wrong})


@pytest.mark.parametrize("strictness", ["strict", "entra", "lenient"])
@pytest.mark.parametrize(
    "text",
    [
        "userName eq 'ann'",
        "userName eq \u201cann\u201d",
        "emails[type eq 'work']",
        'userName = "ann"',
        'userName eq "ann" odd',
        "userName",
        '"ann"',
        "",
        "userName eq",
        'userName eq "ann" and',
        "userName like ann",
    ],
)
def test_a_filter_that_is_not_understood_is_an_error(text: str, strictness: str) -> None:
    """Never a list of nobody: the client would take the user for missing, and make a second one."""
    provider = make(strictness=strictness)
    add(provider, "ann")
    with pytest.raises(ScimError) as refused:
        provider.find("User", Query(text), base=BASE)
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidFilter")
