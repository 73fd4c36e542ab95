"""One resource at a time: create, get, replace, patch, delete, and what the characteristics of attributes demand."""

from __future__ import annotations

from typing import Any

import pytest

from mockhost.clock import Chance, VirtualClock
from mockhost.connectors.provider.config import USER_TYPE, PeopleConfig, ProviderConfig, TypeConfig
from mockhost.connectors.provider.provider import Provider
from mockhost.connectors.provider.strictness import LEVELS
from mockhost.scim.errors import ScimError
from mockhost.scim.messages import CORE_GROUP, CORE_USER, ENTERPRISE_USER
from tests.connectors.provider.making import BASE, add, asking, found, fresh, group, make, patch, read, user

BADGE = "urn:example:params:scim:schemas:extension:badge:2.0:Badge"
BADGES: dict[str, Any] = {
    BADGE: {
        "extends": "User",
        "attributes": {
            "badgeNumber": {"type": "string", "uniqueness": "server", "case_exact": True},
            "issued": {"type": "string", "mutability": "immutable"},
            "pin": {"type": "string", "returned": "never", "mutability": "writeOnly"},
            "color": {"canonicalValues": ["red", "green"], "returned": "always"},
            "history": {"type": "string", "returned": "request"},
            "level": "integer",
            "doors": {"multiValued": True, "attributes": {"value": {"required": True}, "until": "dateTime"}},
        },
    }
}


def refused(provider: Provider, type_: str, document: object) -> tuple[int, str | None]:
    """The status and scimType with which a POST is refused."""
    with pytest.raises(ScimError) as error:
        provider.create(type_, document, base=BASE)
    return error.value.status, error.value.scim_type


def test_a_created_resource_has_an_id_schemas_and_meta() -> None:
    """`location`, `version` and the times are the provider's; what a client says of them is ignored."""
    answer = make().create(
        "User", user("ann", id="mine", meta={"version": "x"}, groups=[{"value": "g"}]), base=BASE
    )
    shown = answer.resource
    assert answer.status == 201
    assert shown is not None
    assert shown["id"] == answer.id != "mine"
    assert shown["meta"] == {
        "resourceType": "User",
        "created": "2026-01-01T00:00:00.000Z",
        "lastModified": "2026-01-01T00:00:00.000Z",
        "location": f"{BASE}/Users/{answer.id}",
        "version": 'W/"1"',
    }
    assert answer.location == f"{BASE}/Users/{answer.id}"
    assert list(shown)[:2] == ["schemas", "id"]
    assert "groups" not in shown


def test_schemas_names_the_extensions_that_a_resource_has() -> None:
    """Whatever a client lists, an extension is there when it has an attribute."""
    provider = make()
    body = user("ann", **{ENTERPRISE_USER: {"department": "IT"}})
    ident = provider.create("User", body, base=BASE).id
    assert read(provider, "User", ident)["schemas"] == [CORE_USER, ENTERPRISE_USER]
    after = patch(provider, "User", ident, {"op": "remove", "path": f"{ENTERPRISE_USER}:department"})
    assert after["schemas"] == [CORE_USER]
    assert ENTERPRISE_USER not in after


@pytest.mark.parametrize("name", ["ann", "ANN", "Ann"])
def test_a_user_name_is_taken_in_any_case(name: str) -> None:
    """RFC 7643 8.7.1: userName is not case exact and unique on the server."""
    provider = make()
    add(provider, "Ann")
    assert refused(provider, "User", user(name)) == (409, "uniqueness")


def test_a_name_that_was_given_up_is_free() -> None:
    """By another name, or by a delete."""
    provider = make()
    ann, bob = add(provider, "ann", "bob")
    patch(provider, "User", ann, {"op": "replace", "path": "userName", "value": "anne"})
    with pytest.raises(ScimError) as taken:
        patch(provider, "User", bob, {"op": "replace", "path": "userName", "value": "ANNE"})
    assert taken.value.status == 409
    provider.delete("User", ann)
    add(provider, "ann", "anne")


def test_what_is_gone_is_gone() -> None:
    """RFC 7644 3.6: 404 for all operations on what was deleted."""
    provider = make()
    (ann,) = add(provider, "ann")
    provider.delete("User", ann)
    body: dict[str, Any] = {"Operations": []}
    for ask in (
        lambda: provider.get("User", ann, base=BASE),
        lambda: provider.replace("User", ann, user("ann"), base=BASE),
        lambda: provider.patch("User", ann, body, base=BASE),
        lambda: provider.delete("User", ann),
    ):
        with pytest.raises(ScimError) as error:
            ask()
        assert error.value.status == 404
    make(strictness="lenient").delete("User", ann)


def test_a_put_clears_what_it_does_not_state() -> None:
    """RFC 7644 3.5.1; only a password, which a client cannot read, stays."""
    provider = make()
    ident = provider.create(
        "User", user("ann", title="T", password="p", emails=[{"value": "a@x"}]), base=BASE
    ).id
    shown = provider.replace("User", ident, user("ann", displayName="A"), base=BASE).resource
    assert shown is not None
    assert {"title", "emails", "password"}.isdisjoint(shown)
    assert shown["displayName"] == "A"


def test_a_write_that_changes_nothing_keeps_the_version() -> None:
    """RFC 7644 3.5.2.1: "the server SHALL NOT change the modify timestamp"."""
    provider = make()
    ident = provider.create("User", user("ann", title="T"), base=BASE).id
    same = provider.patch(
        "User", ident, {"Operations": [{"op": "Replace", "path": "title", "value": "T"}]}, base=BASE
    )
    assert (same.version, same.changed) == ('W/"1"', False)
    assert not provider.replace("User", ident, user("ann", title="T"), base=BASE).changed
    assert provider.replace("User", ident, user("ann"), base=BASE).version == 'W/"2"'


def test_versions_are_preconditions() -> None:
    """If-Match 412, If-None-Match 304 (RFC 7644 3.14)."""
    provider = make()
    (ann,) = add(provider, "ann")
    assert provider.get("User", ann, base=BASE, if_none_match='W/"1"').status == 304
    assert provider.get("User", ann, base=BASE, if_none_match='"7", W/"1"').resource is None
    assert provider.get("User", ann, base=BASE, if_none_match='W/"2"').status == 200
    provider.replace("User", ann, user("anne"), base=BASE, if_match='W/"1"')
    for ask in (
        lambda: provider.replace("User", ann, user("ann"), base=BASE, if_match='W/"1"'),
        lambda: provider.patch("User", ann, {"Operations": []}, base=BASE, if_match='"1"'),
        lambda: provider.delete("User", ann, if_match='W/"1"'),
    ):
        with pytest.raises(ScimError) as error:
            ask()
        assert error.value.status == 412
    provider.delete("User", ann, if_match="*")


def test_times_are_the_virtual_clocks() -> None:
    """`lastModified` moves with a change and with nothing else."""
    clock = VirtualClock("frozen")
    provider = Provider(ProviderConfig(), clock, Chance(1))
    (ann,) = add(provider, "ann")
    clock.advance(60)
    patch(provider, "User", ann, {"op": "add", "path": "title", "value": "T"})
    meta = read(provider, "User", ann)["meta"]
    assert (meta["created"], meta["lastModified"]) == ("2026-01-01T00:00:00.000Z", "2026-01-01T00:01:00.000Z")


@pytest.mark.parametrize(
    ("attributes", "scim_type"),
    [
        ({"userName": None}, "invalidValue"),
        ({"active": "maybe"}, "invalidValue"),
        ({"emails": [{"value": "a", "primary": True}, {"value": "b", "primary": True}]}, "invalidValue"),
        ({"name": "Ann"}, "invalidValue"),
        ({"x509Certificates": [{"value": "no base64!"}]}, "invalidValue"),
    ],
)
def test_values_fit_their_attributes(attributes: dict[str, Any], scim_type: str) -> None:
    """Type, required and primary are held at the level `entra`, too."""
    assert refused(make(), "User", {**user("ann"), **attributes}) == (400, scim_type)


@pytest.mark.parametrize("body", [None, [], "text", 5, True])
def test_a_resource_is_an_object(body: object) -> None:
    """Odd input is answered, never a crash."""
    assert refused(make(), "User", body) == (400, "invalidSyntax")


def test_names_are_known_in_any_case() -> None:
    """RFC 7643 2.1: attribute names are case insensitive; what is given back has the schema's spelling."""
    body = {"SCHEMAS": [CORE_USER], "USERNAME": "ann", "Name": {"GIVENNAME": "Ann"}}
    shown = make().create("User", body, base=BASE).resource
    assert shown is not None
    assert (shown["userName"], shown["name"]) == ("ann", {"givenName": "Ann"})


# -- a schema of one's own -------------------------------------------------------------------------------------------


def badge(user_name: str, **attributes: Any) -> dict[str, Any]:
    return {"schemas": [CORE_USER, BADGE], "userName": user_name, BADGE: attributes}


def test_an_own_schema_is_enforced_like_the_standards() -> None:
    """Uniqueness with its case, immutable, writeOnly, types, required sub-attributes, canonical values."""
    provider = make(schemas=BADGES, strictness="strict")
    first = provider.create("User", badge("a", badgeNumber="x1", issued="2026", pin="1", level=3), base=BASE)
    assert first.resource is not None
    assert first.resource[BADGE] == {"badgeNumber": "x1", "issued": "2026", "level": 3}
    provider.create("User", badge("b", badgeNumber="X1"), base=BASE)
    assert refused(provider, "User", badge("c", badgeNumber="x1")) == (409, "uniqueness")
    assert refused(provider, "User", badge("c", color="blue")) == (400, "invalidValue")
    assert refused(provider, "User", badge("c", level="3")) == (400, "invalidValue")
    assert refused(provider, "User", badge("c", doors=[{"until": "2026-01-01T00:00:00Z"}])) == (
        400,
        "invalidValue",
    )
    with pytest.raises(ScimError) as fixed:
        patch(provider, "User", first.id, {"op": "replace", "path": f"{BADGE}:issued", "value": "2027"})
    assert fixed.value.scim_type == "mutability"
    with pytest.raises(ScimError) as fixed:
        provider.replace("User", first.id, badge("a", issued="2027"), base=BASE)
    assert fixed.value.scim_type == "mutability"
    kept = provider.replace("User", first.id, badge("a", level=4), base=BASE).resource
    assert kept is not None
    assert kept[BADGE] == {"level": 4, "issued": "2026"}


def test_returned_is_obeyed() -> None:
    """`request` only when asked for; `never` not even then, nor by a filter."""
    provider = make(schemas=BADGES)
    ident = provider.create("User", badge("a", pin="1", history="h", color="red", level=1), base=BASE).id
    assert "history" not in read(provider, "User", ident)[BADGE]
    asked: Any = provider.get(
        "User", ident, base=BASE, query=asking(attributes=f"{BADGE}:history,{BADGE}:pin")
    ).resource
    assert asked[BADGE]["history"] == "h"
    assert "pin" not in asked[BADGE]
    assert "level" not in asked[BADGE]
    found: Any = provider.find("User", asking(filter=f'{BADGE}:pin eq "1"'), base=BASE)
    assert found["totalResults"] == 0


@pytest.mark.parametrize(
    ("query", "members"),
    [
        ({}, {"schemas", "id", "userName", "displayName", "emails", "meta"}),
        ({"attributes": "userName"}, {"schemas", "id", "userName"}),
        ({"attributes": "emails.value,nothing"}, {"schemas", "id", "emails"}),
        ({"attributes": f"{CORE_USER}:displayName"}, {"schemas", "id", "displayName"}),
        ({"excludedAttributes": "emails,meta,id"}, {"schemas", "id", "userName", "displayName"}),
    ],
)
def test_a_client_chooses_what_it_sees(query: dict[str, str], members: set[str]) -> None:
    """RFC 7644 3.9, on every answer that shows a resource."""
    provider = make()
    body = user("ann", displayName="A", emails=[{"value": "a@x", "type": "work"}])
    answer = provider.create("User", body, base=BASE, query=asking(**query))
    for shown in (
        answer.resource,
        provider.get("User", answer.id, base=BASE, query=asking(**query)).resource,
    ):
        assert shown is not None
        assert set(shown) == members


def test_a_reset_gives_the_initial_state_again() -> None:
    """The same ids for the same requests, and nothing of before."""
    provider = make(
        objects={
            "User": [{"userName": "ann"}],
            "Group": [{"displayName": "G", "members": [{"value": "ann"}]}],
        }
    )
    before = [list(provider.resources(name)) for name in ("User", "Group")]
    first = add(provider, "bob")
    provider.delete("User", next(iter(provider.resources("User")))["id"])  # type: ignore[arg-type]
    again = fresh(provider)
    assert [list(again.resources(name)) for name in ("User", "Group")] == before
    assert add(again, "bob") == first


def test_the_owner_puts_objects_behind_the_protocols_back() -> None:
    """By id, or by the name that is unique."""
    provider = make()
    ann = provider.put_object("User", {"userName": "ann"})
    assert provider.put_object("User", {"userName": "ANN", "title": "T"}) == ann
    assert provider.put_object("Group", {"id": "g1", "displayName": "G", "members": [{"value": ann}]}) == "g1"
    assert read(provider, "User", ann)["title"] == "T"
    assert read(provider, "Group", "g1")["schemas"] == [CORE_GROUP]
    provider.remove_object("User", ann)
    assert provider.count() == 1
    assert "members" not in read(provider, "Group", "g1")


def test_two_groups_of_one_name_are_a_conflict_only_for_entra() -> None:
    """Microsoft's SCIM Validator expects 409; RFC 7643 8.7.1 says uniqueness none. /Schemas says which holds."""
    for strictness, uniqueness in (("entra", "server"), ("strict", "none")):
        provider = make(strictness=strictness)
        provider.create("Group", group("Sales"), base=BASE)
        schema: Any = provider.schema(CORE_GROUP, base=BASE)
        assert schema["attributes"][0]["uniqueness"] == uniqueness
        if uniqueness == "server":
            assert refused(provider, "Group", group("sales")) == (409, "uniqueness")
        else:
            provider.create("Group", group("sales"), base=BASE)


def test_a_trial_is_taken_back() -> None:
    """Whatever is written: the same resources in the same order, the same indexes, the same ids to come."""
    provider = make(people=PeopleConfig(3))
    idents = add(provider, "ann", "bob", "cid")
    sales = provider.create("Group", group("Sales", *idents), base=BASE).id
    everyone = list(provider.resources("User"))

    def everything() -> list[Any]:
        return [list(provider.resources(name)) for name in ("User", "Group")]

    before = everything()
    with provider.trial():
        made = add(provider, "dan")
        provider.delete("User", idents[0])
        provider.delete("User", str(everyone[0]["id"]))
        provider.replace("User", str(everyone[1]["id"]), user("other"), base=BASE)
        provider.replace("User", idents[1], user("bobby"), base=BASE)
        patch(provider, "Group", sales, {"op": "remove", "path": f'members[value eq "{idents[2]}"]'})
        provider.replace("Group", sales, group("Sales 2", *made), base=BASE)
        assert found(provider, "User", filter='userName eq "bobby"') == ["bobby"]
    assert everything() == before
    for name in ("dan", "bobby", "other"):
        assert found(provider, "User", filter=f'userName eq "{name}"') == []
    for name in ("ann", "bob", "user0000000@contoso.example", "user0000001@contoso.example"):
        assert found(provider, "User", filter=f'userName eq "{name}"') == [name]
    assert found(provider, "Group", filter=f'members.value eq "{idents[0]}"') == ["Sales"]
    assert add(provider, "dan") == made


@pytest.mark.parametrize(
    "value", ["\u0084", "not a uri", "<a>", "https://x.example/%zz", "https://ä.example"]
)
def test_a_strict_provider_takes_only_uris_for_references(value: str) -> None:
    """RFC 7643 2.3.7 has a URI there; Entra's developers may send what they like."""
    photos = [{"type": "photo", "value": value}]
    strict = make(strictness="strict")
    assert (
        strict.create("User", user("bob", profileUrl="https://x.example/~b?a=1#c"), base=BASE).status == 201
    )
    with pytest.raises(ScimError) as refused:
        strict.create("User", user("ann", photos=photos), base=BASE)
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidValue")
    forgiving = make()
    ident = forgiving.create("User", user("ann", photos=photos), base=BASE).id
    assert read(forgiving, "User", ident)["photos"] == photos


@pytest.mark.parametrize("strictness", LEVELS)
def test_schemas_in_an_extension_are_passed_over(strictness: str) -> None:
    """RFC 7643 3 has `schemas` in every representation of a schema; scim2-models writes it into extensions, too."""
    provider = make(strictness=strictness)
    whole = {"schemas": [ENTERPRISE_USER], "department": "Sales"}
    body = user("ann", **{ENTERPRISE_USER: whole})
    body["schemas"] = [CORE_USER, ENTERPRISE_USER]
    ident = provider.create("User", body, base=BASE).id
    assert read(provider, "User", ident)[ENTERPRISE_USER] == {"department": "Sales"}
    change = {"op": "add", "path": ENTERPRISE_USER, "value": {**whole, "employeeNumber": "1"}}
    after = patch(provider, "User", ident, change)
    assert after[ENTERPRISE_USER] == {"department": "Sales", "employeeNumber": "1"}
    assert after["schemas"] == [CORE_USER, ENTERPRISE_USER]


@pytest.mark.parametrize(
    ("config", "statuses"),
    [
        ({"strictness": "strict"}, (200, 200)),
        ({"strictness": "entra"}, (204, 204)),
        ({"strictness": "lenient"}, (200, 200)),
        ({"strictness": "strict", "settings": {"patch_answer": "groups"}}, (200, 204)),
    ],
)
def test_a_patch_is_answered_with_the_resource_or_with_nothing(
    config: dict[str, Any], statuses: tuple[int, int]
) -> None:
    """RFC 7644 3.5.2 allows 200 and 204; who asks for attributes gets them."""
    provider = make(**config)
    resources = {"User": user("ann"), "Group": group("Sales")}
    change = {"op": "replace", "path": "displayName", "value": "A"}
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [change]}
    for (type_, resource), status in zip(resources.items(), statuses, strict=True):
        ident = provider.create(type_, resource, base=BASE).id
        answer = provider.patch(type_, ident, body, base=BASE)
        assert (answer.status, answer.resource is None) == (status, status == 204)
        part = provider.patch(type_, ident, body, base=BASE, query=asking(attributes="displayName"))
        assert part.status == 200
        assert part.resource is not None
        assert part.resource["displayName"] == "A"


def test_a_patch_of_nothing_is_refused_where_strict() -> None:
    """RFC 7644 3.5.2: "an array of one or more PATCH operations"; others change nothing."""
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": []}
    for strictness, refused in (("strict", True), ("entra", False), ("lenient", False)):
        provider = make(strictness=strictness)
        (ann,) = add(provider, "ann")
        if refused:
            with pytest.raises(ScimError):
                provider.patch("User", ann, body, base=BASE)
        else:
            assert not provider.patch("User", ann, body, base=BASE).changed


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"attributes": "userName"}, {"site": "N"}),
        ({"attributes": "urn:x:Badge:colour"}, {"site": "N", "colour": "red"}),
        ({"excludedAttributes": "urn:x:Badge:site,colour"}, {"site": "N"}),
        ({"excludedAttributes": "urn:x:Badge"}, {"site": "N"}),
    ],
)
def test_always_holds_in_an_extension_too(query: dict[str, str], shown: dict[str, str]) -> None:
    """RFC 7643 7: `always` is returned whatever the client asks for."""
    attributes = {"site": {"type": "string", "returned": "always"}, "colour": "string"}
    provider = make(schemas={"urn:x:Badge": {"extends": "User", "attributes": attributes}})
    body = user("ann", **{"urn:x:Badge": {"site": "N", "colour": "red"}})
    ident = provider.create("User", body, base=BASE).id
    found: Any = provider.get("User", ident, base=BASE, query=asking(**query)).resource
    assert found["urn:x:Badge"] == shown


def test_unique_on_the_server_and_unique_everywhere() -> None:
    """`server` counts for one endpoint, `global` for all of them (RFC 7643 7)."""
    urns = ("urn:example:Device", "urn:example:Car")
    attributes = {"serial": {"type": "string", "uniqueness": "server"},
                  "tag": {"type": "string", "uniqueness": "global"}}  # fmt: skip
    provider = make(
        schemas={urn: {"name": urn.rpartition(":")[2], "attributes": attributes} for urn in urns},
        types=(USER_TYPE, *(TypeConfig(urn[12:], f"/{urn[12:]}s", urn) for urn in urns)),
    )
    device, car = ({"schemas": [urn]} for urn in urns)
    provider.create("Device", {**device, "serial": "1", "tag": "a"}, base=BASE)
    ident = provider.create("Car", {**car, "serial": "1", "tag": "b"}, base=BASE).id
    for write in (
        lambda: provider.create("Device", {**device, "serial": "1"}, base=BASE),
        lambda: provider.create("Car", {**car, "tag": "A"}, base=BASE),
        lambda: patch(provider, "Car", ident, {"op": "replace", "path": "tag", "value": "a"}),
    ):
        with pytest.raises(ScimError) as refused:
            write()
        assert (refused.value.status, refused.value.scim_type) == (409, "uniqueness")


def test_a_lenient_provider_lets_a_required_attribute_go() -> None:
    """And says so in /Schemas: nothing is required."""
    provider = make(strictness="lenient")
    (ann,) = add(provider, "ann")
    assert "userName" not in patch(provider, "User", ann, {"op": "remove", "path": "userName"})
    schema: Any = provider.schema(CORE_USER, base=BASE)
    assert not any(each["required"] for each in schema["attributes"])


def test_of_several_primary_values_a_lenient_provider_takes_the_first() -> None:
    """In a PATCH as in a POST; others refuse it."""
    emails = [{"type": t, "value": f"{t}@x.example", "primary": True} for t in ("work", "home")]
    for op in ("add", "replace"):
        change = {"op": op, "path": "emails", "value": emails}
        lenient, entra = make(strictness="lenient"), make()
        (ann,) = add(lenient, "ann")
        assert [each["primary"] for each in patch(lenient, "User", ann, change)["emails"]] == [True, False]
        (ann,) = add(entra, "ann")
        with pytest.raises(ScimError) as refused:
            patch(entra, "User", ann, change)
        assert refused.value.scim_type == "invalidValue"


OFFICE: dict[str, Any] = {
    "extends": "User",
    "attributes": {
        "site": {"type": "string", "required": True},
        "doors": {
            "type": "complex",
            "multiValued": True,
            "subAttributes": {"name": {"type": "string", "required": True}, "floor": {"type": "string"}},
        },
    },
}


@pytest.mark.parametrize(
    ("office", "missing"),
    [
        (None, None),
        ({"site": "N"}, None),
        ({"site": "N", "doors": [{"name": "a"}, {"name": "b"}]}, None),
        ({"doors": [{"name": "a"}]}, "urn:x:Office:site"),
        ({"site": "N", "doors": [{"name": "a"}, {"floor": "2"}]}, "urn:x:Office:doors.name"),
    ],
)
def test_what_is_required_of_an_extension(office: object, missing: str | None) -> None:
    """Its attributes only where it is there, those of a complex one for each of its values; in POST, PUT and PATCH."""
    provider = make(schemas={"urn:x:Office": OFFICE})
    (bob,) = add(provider, "bob")
    body = user("ann", **({} if office is None else {"urn:x:Office": office}))
    for write in (
        lambda: provider.create("User", body, base=BASE),
        lambda: provider.replace("User", bob, {**body, "userName": "bob"}, base=BASE),
        lambda: patch(provider, "User", bob, {"op": "add", "value": {"urn:x:Office": office or {}}}),
    ):
        if missing is None:
            write()
            continue
        with pytest.raises(ScimError) as refused:
            write()
        assert refused.value.detail == f"The request is invalid: {missing} is required: give it a value."
