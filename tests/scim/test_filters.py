"""What filters mean, over resources as they are on the wire and over records."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockhost.scim.attributes import fold
from mockhost.scim.errors import ScimError
from mockhost.scim.filters import equalities, is_simple, matches, predicate
from mockhost.scim.grammar import AttrPath, Compare, parse
from mockhost.scim.messages import CORE_USER, ECMA_USER, ENTERPRISE_USER

USER: dict[str, Any] = {
    "schemas": [CORE_USER, ENTERPRISE_USER],
    "id": "2819c223",
    "userName": "BJensen@contoso.com",
    "name": {"familyName": "O'Malley", "givenName": "Babs"},
    "title": "",
    "active": True,
    "logins": 12,
    "emails": [
        {"type": "work", "value": "b@contoso.com", "primary": True},
        {"type": "home", "value": "b@home.example"},
    ],
    "phoneNumbers": [],
    "roles": [{"value": "Admin", "primary": "True"}],
    "certificates": [b"\x01\x02"],
    "meta": {"created": "2011-05-13T04:42:34.000Z", "resourceType": "User"},
    ENTERPRISE_USER: {"department": "Help desk", "manager": {"value": "m1"}, "title": "hidden"},
    "Words": ["alpha", "Beta"],
}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        # names
        ('USERNAME eq "bjensen@contoso.com"', True),
        (f'{CORE_USER}:userName eq "bjensen@contoso.com"', True),
        (f'{CORE_USER.upper()}:USERNAME sw "bj"', True),
        ('department eq "help desk"', True),
        (f'{ENTERPRISE_USER}:department co "DESK"', True),
        (f'{ENTERPRISE_USER.lower()}:Department ew "desk"', True),
        (f'{ENTERPRISE_USER}:userName eq "bjensen@contoso.com"', False),
        (f'{ENTERPRISE_USER}:manager.value eq "m1"', True),
        ('manager eq "m1"', True),
        (f'{ECMA_USER}:department eq "help desk"', False),
        # strings
        ('name.familyName eq "o\'malley"', True),
        ('userName gt "a"', True),
        ('userName lt "a"', False),
        ('userName ne "x"', True),
        ("userName eq null", False),
        ("userName ne null", True),
        ("nickName eq null", True),
        ('nickName ne "x"', True),
        ('nickName eq "x"', False),
        ('name eq "Babs"', False),
        ('name ne "Babs"', True),
        # presence
        ("title pr", False),
        ("name pr", True),
        ("phoneNumbers pr", False),
        ("active pr", True),
        ("phoneNumbers eq null", True),
        # booleans, as JSON and as Entra writes them
        ("active eq true", True),
        ('active eq "True"', True),
        ('active eq "FALSE"', False),
        ('active ne "False"', True),
        ("active eq 1", False),
        ('active co "ru"', False),
        ("roles.primary eq true", True),
        ('roles[primary eq "true"]', True),
        # numbers
        ("logins eq 12", True),
        ("logins eq 12.0", True),
        ('logins eq "12"', True),
        ('logins ge "9"', True),
        ("logins lt 12.5", True),
        ('logins eq "twelve"', False),
        ('logins sw "1"', False),
        ("userName eq 12", False),
        ("userName ne 12", True),
        ("logins eq true", False),
        # moments
        ('meta.created eq "2011-05-13T06:42:34+02:00"', True),
        ('meta.created ge "2011-05-13T04:42:34Z"', True),
        ('meta.created gt "2011-05-13T04:42:34Z"', False),
        ('meta.created lt "2011-05-13T04:42:35-01:00"', True),
        ('meta.created sw "2011-05"', True),
        ('meta.created gt "2011-02-31T00:00:00Z"', True),  # no such day: compared as text
        # bytes are base64 on the wire
        ('certificates eq "AQI="', True),
        ('certificates eq "AQ"', False),
        ('certificates ne "AQI="', False),
        # several values: any of them
        ('emails eq "b@home.example"', True),
        ('emails.value ew "contoso.com"', True),
        ('emails.type ne "work"', True),
        ('not (emails.type eq "work")', False),
        ('words eq "beta"', True),
        ('words[value sw "AL"]', True),
        ('words[type eq "x"]', False),
        ('emails[type eq "home" and value co "contoso"]', False),
        ('emails[type eq "work"].value eq "b@contoso.com"', True),
        ("emails[not (primary eq true)]", True),
        ("emails[primary eq null]", True),
        ('phoneNumbers[type eq "work"]', False),
        ('name[givenName eq "babs"]', True),
        (f'emails[{CORE_USER}:type eq "work"]', False),
        # logic
        ('nickName eq "x" or active eq true and userName pr', True),
        ('not (nickName eq "x") and not (active eq false)', True),
        ('schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"', True),
    ],
)
def test_whether_a_resource_fits(text: str, fits: bool) -> None:
    """RFC 7644 3.4.2.2, Tables 3 and 4, and Entra's booleans."""
    assert matches(parse(text), USER) is fits


def test_an_empty_complex_value_is_no_value() -> None:
    """RFC 7643 2.5: without any sub-attribute it is unassigned, in `pr` and beside `null` alike."""
    for emails, assigned in (([{}], False), ([{"type": None}], False), ([{"type": "work"}], True)):
        assert matches(parse("emails pr"), {"emails": emails}) is assigned
        assert matches(parse("emails ne null"), {"emails": emails}) is assigned
        assert matches(parse("emails eq null"), {"emails": emails}) is not assigned


@pytest.mark.parametrize("op", ["gt", "ge", "lt", "le"])
@pytest.mark.parametrize("attribute", ["active", "certificates"])
def test_booleans_and_bytes_have_no_order(op: str, attribute: str) -> None:
    """RFC 7644 3.4.2.2: a failed response, invalidFilter."""
    with pytest.raises(ScimError) as refused:
        matches(parse(f'{attribute} {op} "a"'), USER)
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidFilter")


def test_case_matters_where_the_attribute_says_so() -> None:
    """`caseExact` attributes are compared as they are, in brackets, too."""

    def case_exact(path: AttrPath) -> bool:
        return path.name == "id" or (path.name, path.sub) == ("emails", "value")

    assert matches(parse('id eq "2819C223"'), USER)
    assert not matches(parse('id eq "2819C223"'), USER, case_exact=case_exact)
    assert not matches(parse('emails[value sw "B@"]'), USER, case_exact=case_exact)
    assert matches(parse('emails[type eq "WORK"]'), USER, case_exact=case_exact)


RECORD = ("bob", True, ("top", "user"), None)
COLUMNS = {"login": 0, "enabled": 1, "objectclass": 2, "mail": 3}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ('Login eq "BOB"', True),
        ('enabled eq "true"', True),
        ('objectClass eq "user"', True),
        ('objectClass[value eq "top"]', True),
        ('mail ne "x"', True),
        ("mail pr", False),
        ('PLACEHOLDER eq "x"', False),
        ('PLACEHOLDER ne "x"', False),
        ("PLACEHOLDER eq null", False),
        ("PLACEHOLDER pr", False),
        ('PLACEHOLDER[value eq "x"]', False),
        ('not (PLACEHOLDER eq "x")', True),
    ],
)
def test_a_predicate_works_on_records(text: str, fits: bool) -> None:
    """Nothing holds of an attribute that doesn't exist; the probe on PLACEHOLDER finds nobody."""

    def resolve(path: AttrPath) -> Any:
        position = COLUMNS.get(path.name.lower())
        return None if position is None else lambda record: record[position]

    assert predicate(parse(text), resolve)(RECORD) is fits


def test_equalities_are_what_must_hold() -> None:
    """For a look-up in an index: under `and`, not under `or`, `not` or brackets."""
    names = [
        (path.name, value)
        for path, value in equalities(
            parse('a eq "x" and (b eq 1 and c eq true) and d pr and (e eq 2 or f eq 3)')
        )
    ]
    assert names == [("a", "x"), ("b", 1), ("c", True)]
    assert equalities(parse('a eq null and not (b eq "x") and c[d eq "x"] and e ne "x"')) == []


_texts = st.text() | st.sampled_from(
    ["12", "True", "2011-05-13T04:42:34Z", "2011-05-13t04:42:34z", "ß", "SS"]
)


@given(actual=_texts, wanted=_texts)
def test_an_index_by_fold_finds_what_equalities_promise(actual: str, wanted: str) -> None:
    """A string that `eq` finds equal has the same folded form, or the comparison isn't promised to an index."""
    path = AttrPath(None, "a")
    compare = Compare(path, "eq", wanted)
    if equalities(compare):
        assert matches(compare, {"a": actual}) is (fold(actual) == fold(wanted))


@pytest.mark.parametrize(
    ("text", "simple"),
    [
        ('a eq "x"', True),
        ('id eq "x" and (manager eq "y" and b eq true)', True),
        ('a eq "x" or b eq "y"', False),
        ('a sw "x"', False),
        ("a pr", False),
        ('not (a eq "x")', False),
        ('emails[type eq "work"]', False),
    ],
)
def test_simple_filters_are_those_of_microsofts_client(text: str, simple: bool) -> None:
    """It uses `eq` and `and` only."""
    assert is_simple(parse(text)) is simple
