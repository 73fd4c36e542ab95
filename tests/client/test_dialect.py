"""Requests are written as Entra's provisioning service writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockhost.client import dialect
from mockhost.scim.messages import CORE_USER, ECMA_USER, ENTERPRISE_USER, PATCH_OP


def test_the_probe_is_the_documented_one() -> None:
    """`filter=PLACEHOLDER+eq+%22<guid>%22` below the tenant URL's path."""
    base = dialect.base_of("https://localhost:8585/ecma2host_SQL/scim/")
    target = base.target("/Users", dialect.probe("8646d011"))
    assert target == "/ecma2host_SQL/scim/Users?filter=PLACEHOLDER+eq+%228646d011%22"


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ('userName eq "a@b.com"', "userName+eq+%22a%40b.com%22"),
        ('emails[type eq "work"].value eq "a b"', "emails%5btype+eq+%22work%22%5d.value+eq+%22a+b%22"),
        ('n eq "50% <of> ü\\\\x|"', "n+eq+%2250%+<of>+ü\\\\x|%22"),
        ('n eq "(a)!*\'~"', "n+eq+%22(a)!*%27~%22"),
        ("urn:a:b:User:x eq 12", "urn%3aa%3ab%3aUser%3ax+eq+12"),
        ('a eq "x\r\ny"', "a+eq+%22x%0d%0ay%22"),
        ('broken "', "broken+%22"),
    ],
)
def test_filters_are_encoded_as_by_the_composer(text: str, encoded: str) -> None:
    """Paths by UrlEncode with lower-case hex; of values only a private list of characters."""
    assert dialect.encoded_filter(text) == encoded


def test_equalities_name_the_extension_and_quote_strings_only() -> None:
    """Values go as they are, a quote in one included."""
    keys = dialect.query(equals={"ContosoLogin": 'o"hara', "IsActive": True, "n": 7, "id": "x"})
    urn = "urn%3aietf%3aparams%3ascim%3aschemas%3aextension%3aECMA2Host%3a2.0%3aUser%3a"
    assert keys == [
        f'filter={urn}ContosoLogin+eq+%22o"hara%22+and+{urn}IsActive+eq+true+and+{urn}n+eq+7+and+id+eq+%22x%22'
    ]


def test_query_keys_come_in_the_composers_order() -> None:
    """attributes, excludedAttributes, filter, startIndex, count."""
    keys = dialect.query(
        filter_text="a pr", attributes=["b", "c"], excluded=["d"], start_index=1, count="x y"
    )
    assert keys == ["attributes=b,c", "excludedAttributes=d", "filter=a+pr", "startIndex=1", "count=x+y"]


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://localhost:8585", "/Users"),
        ("https://localhost:8585/", "/Users"),
        ("https://h/scim?aadOptscim062020", "/scim/Users?a=1&aadOptscim062020"),
        ("https://h/a b/ä%2F", "/a%20b/%C3%A4%2F/Users"),
        ("http://[::1", "/Users"),
    ],
)
def test_a_tenant_url_of_any_shape_is_a_base(url: str, target: str) -> None:
    """The resource's path is appended to whatever path it has."""
    base = dialect.base_of(url)
    assert base.target("/Users", ["a=1"] if "?" in target else []) == target


def test_ids_are_escaped_whole() -> None:
    """As `Uri.EscapeDataString`: upper-case hex, `/` too."""
    assert dialect.user_path("CN=a/b,OBJECT=USER ü") == "/Users/CN%3Da%2Fb%2COBJECT%3DUSER%20%C3%BC"


def test_a_create_is_the_one_that_the_service_sends() -> None:
    """Core and enterprise in `schemas`, `active` though unmapped, the rest in the extension (ECMA2HostTools)."""
    attributes = {"ContosoLogin": "bob", "id": "7", "userName": "b", "externalId": "x", "displayName": "Bob"}
    assert dialect.resource(attributes) == {
        "schemas": [CORE_USER, ENTERPRISE_USER],
        "active": True,
        "meta": {"resourceType": "User"},
        ECMA_USER: attributes,
    }


def test_what_the_step_says_goes_before_what_the_service_adds() -> None:
    """`active` and `schemas` stand outside; a column called active is named by its full path."""
    said = {"active": False, "schemas": [], f"{ECMA_USER}:active": "yes"}
    body = dialect.resource(said)
    assert (body["schemas"], body["active"], body[ECMA_USER]) == ([], False, {"active": "yes"})


def test_a_create_for_a_scim_connector_has_the_same_frame() -> None:
    """A body that came through the agent (Basta_IG_Entra_SCIM_EndPoint, TerminalOutput.png)."""
    body = dialect.resource({"userName": "bob", "name": {"givenName": "Bob"}}, "")
    assert body == {
        "schemas": [CORE_USER, ENTERPRISE_USER],
        "active": True,
        "meta": {"resourceType": "User"},
        "userName": "bob",
        "name": {"givenName": "Bob"},
    }


def test_a_patch_has_one_capitalised_operation_for_each_attribute() -> None:
    """Booleans are words, None removes."""
    assert dialect.patch({"FirstName": "Bob", "active": False, "MiddleName": None}) == {
        "schemas": [PATCH_OP],
        "Operations": [
            {"op": "Replace", "path": f"{ECMA_USER}:FirstName", "value": "Bob"},
            {"op": "Replace", "path": "active", "value": "False"},
            {"op": "Remove", "path": f"{ECMA_USER}:MiddleName"},
        ],
    }


def test_the_flag_asks_for_one_operation_without_a_path() -> None:
    """aadOptscim062020."""
    assert dialect.base_of("https://h/scim?AadOptscim062020").new_dialect
    assert dialect.patch({"FirstName": "Bob", "active": False, "x": None}, new_dialect=True)[
        "Operations"
    ] == [
        {"op": "replace", "value": {f"{ECMA_USER}:FirstName": "Bob", "active": False}},
        {"op": "remove", "path": f"{ECMA_USER}:x"},
    ]


@given(st.text(), st.text())
def test_no_filter_breaks_the_request_line(text: str, value: str) -> None:
    """Blanks and control characters never reach it."""
    written = dialect.encoded_filter(text) + dialect.query(equals={text: value})[0]
    assert not any(letter <= " " for letter in written)
