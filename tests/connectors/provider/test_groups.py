"""Groups: members, the `groups` of users that follow them, nested groups, and managers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost.connectors.provider.provider import Provider
from mockhost.connectors.provider.strictness import LEVELS
from mockhost.scim.errors import ScimError
from mockhost.scim.messages import CORE_GROUP, ENTERPRISE_USER
from tests.connectors.provider.making import BASE, add, asking, found, group, make, patch, read, user


def members(provider: Provider, ident: str) -> list[str]:
    return [each["value"] for each in read(provider, "Group", ident).get("members", [])]


def groups(provider: Provider, ident: str) -> dict[str, str]:
    return {each["display"]: each["type"] for each in read(provider, "User", ident).get("groups", [])}


def test_a_member_is_shown_with_what_is_known_of_it() -> None:
    """`$ref`, `type` and `display` follow the resource, whatever the client said."""
    provider = make()
    (ann,) = add(provider, "ann")
    ident = provider.create("Group", group("Sales", ann), base=BASE).id
    patch(provider, "User", ann, {"op": "add", "path": "displayName", "value": "Ann Lee"})
    assert read(provider, "Group", ident)["members"] == [
        {"value": ann, "$ref": f"{BASE}/Users/{ann}", "type": "User", "display": "Ann Lee"}
    ]


def test_groups_of_a_user_follow_directly_and_through_groups() -> None:
    """RFC 7643 4.1.2: `direct` and `indirect`; a circle of groups ends."""
    provider = make()
    (ann,) = add(provider, "ann")
    inner = provider.create("Group", group("Inner", ann), base=BASE).id
    outer = provider.create("Group", group("Outer", inner), base=BASE).id
    assert groups(provider, ann) == {"Inner": "direct", "Outer": "indirect"}
    patch(provider, "Group", inner, {"op": "add", "path": "members", "value": [{"value": outer}]})
    assert groups(provider, ann) == {"Inner": "direct", "Outer": "indirect"}
    patch(provider, "Group", inner, {"op": "remove", "path": f'members[value eq "{ann}"]'})
    assert groups(provider, ann) == {}


def test_deleting_takes_out_of_groups() -> None:
    """A deleted user is no member, a deleted group is nobody's group; the group has changed."""
    provider = make()
    ann, bob = add(provider, "ann", "bob")
    ident = provider.create("Group", group("Sales", ann, bob), base=BASE).id
    provider.delete("User", ann)
    assert members(provider, ident) == [bob]
    assert read(provider, "Group", ident)["meta"]["version"] == 'W/"2"'
    provider.delete("Group", ident)
    assert groups(provider, bob) == {}


@pytest.mark.parametrize("strictness", LEVELS)
def test_unknown_members_are_kept_unless_a_setting_refuses_them(strictness: str) -> None:
    """Clients may send members before the members are there, and no RFC makes a provider look."""
    provider = make(strictness=strictness)
    picky = make(strictness=strictness, settings={"unknown_members": "refuse"})
    ident = provider.create("Group", group("Sales", "later"), base=BASE).id
    assert read(provider, "Group", ident)["members"] == [{"value": "later"}]
    with pytest.raises(ScimError) as refused:
        picky.create("Group", group("Sales", "later"), base=BASE)
    assert refused.value.scim_type == "invalidValue"


@pytest.mark.parametrize("strictness", LEVELS)
def test_the_name_that_a_client_gives_a_member_stays(strictness: str) -> None:
    """A member's `display` is the client's (RFC 7643 2.4), and the member's own name where the client says nothing."""
    provider = make(strictness=strictness)
    ann, bob = add(provider, "ann", "bob")
    ident = provider.create("Group", group("Sales", ann), base=BASE).id
    stated = {"value": bob, "display": "The new one", "type": "User", "$ref": f"{BASE}/Users/{bob}"}
    after = patch(provider, "Group", ident, {"op": "add", "path": "members", "value": [stated]})
    assert [each["display"] for each in after["members"]] == ["ann", "The new one"]
    provider.replace("Group", ident, {**after, "externalId": "x"}, base=BASE)
    patch(provider, "Group", ident, {"op": "replace", "path": "displayName", "value": "Sellers"},
          {"op": "add", "path": "members", "value": [{"value": "later"}]})  # fmt: skip
    patch(provider, "User", ann, {"op": "replace", "path": "userName", "value": "ann.other"})
    shown = [each.get("display") for each in read(provider, "Group", ident)["members"]]
    assert shown == ["ann.other", "The new one", None]


def test_a_members_name_may_be_called_displayname() -> None:
    """Microsoft's Postman collection says so and reads it back; a strict provider has no such attribute."""
    named = {"op": "add", "path": "members", "value": [{"displayName": "new User", "value": "later"}]}
    for strictness in ("entra", "lenient"):
        provider = make(strictness=strictness)
        ident = provider.create("Group", group("Sales"), base=BASE).id
        assert patch(provider, "Group", ident, named)["members"] == [
            {"display": "new User", "value": "later"}
        ]
        schema: Any = provider.schema(CORE_GROUP, base=BASE)
        assert "displayName" not in str(schema["attributes"][1])
    provider = make(strictness="strict")
    ident = provider.create("Group", group("Sales"), base=BASE).id
    with pytest.raises(ScimError) as refused:
        patch(provider, "Group", ident, named)
    assert refused.value.status == 400


def test_who_is_in_a_group_can_be_paged() -> None:
    """`groups.value eq` finds users by their groups, nested ones too; so large groups need not be read whole."""
    provider = make()
    idents = add(provider, *(f"u{n}" for n in range(10)))
    inner = provider.create("Group", group("Inner", *idents[:6]), base=BASE).id
    outer = provider.create("Group", group("Outer", inner, idents[9]), base=BASE).id
    assert found(provider, "User", filter=f'groups.value eq "{outer}"', startIndex=2, count=3) == [
        "u1",
        "u2",
        "u3",
    ]
    assert len(found(provider, "User", filter=f'groups eq "{outer}"')) == 7
    assert found(provider, "Group", filter=f'members.value eq "{idents[9]}"') == ["Outer"]
    assert found(provider, "Group", filter=f'members[value eq "{inner}" and type eq "Group"]') == ["Outer"]
    assert found(provider, "Group", filter=f'id eq "{outer}" and members eq "{idents[9]}"') == ["Outer"]
    shown: Any = provider.find("Group", asking(excludedAttributes="members"), base=BASE)
    assert all("members" not in each for each in shown["Resources"])


def test_a_manager_is_shown_with_a_url() -> None:
    """RFC 7643 4.3: `value` is stated, `$ref` follows; `displayName` is OPTIONAL, and nobody has stated it."""
    provider = make()
    boss = provider.create("User", user("boss", displayName="The Boss"), base=BASE).id
    ident = provider.create(
        "User", user("ann", **{ENTERPRISE_USER: {"manager": {"value": boss}}}), base=BASE
    ).id
    expected = {"value": boss, "$ref": f"{BASE}/Users/{boss}"}
    assert read(provider, "User", ident)[ENTERPRISE_USER]["manager"] == expected
    assert found(provider, "User", filter=f'{ENTERPRISE_USER}:manager.$ref ew "{boss}"') == ["ann"]
    provider.delete("User", boss)
    assert ENTERPRISE_USER not in read(provider, "User", ident)


PEOPLE = ["u0", "u1", "u2", "u3"]
CHANGES = st.lists(
    st.one_of(
        st.builds(
            lambda who: {"op": "add", "path": "members", "value": who},
            st.lists(st.sampled_from(PEOPLE), min_size=1),
        ),
        st.builds(
            lambda who: {"op": "Remove", "path": "members", "value": who},
            st.lists(st.sampled_from(PEOPLE), min_size=1),
        ),
        st.builds(lambda who: {"op": "remove", "path": "[]", "value": who}, st.sampled_from(PEOPLE)),
    ),
    min_size=1,
    max_size=4,
)


@given(start=st.lists(st.sampled_from(PEOPLE), unique=True), changes=CHANGES)
@settings(deadline=None, max_examples=60)
def test_the_quick_way_to_change_members_is_the_general_way(start: list[str], changes: list[Any]) -> None:
    """A no-op on another attribute makes a PATCH go the general way: both end in the same members."""
    ends = []
    for general in (False, True):
        provider = make()
        ids = dict(zip(PEOPLE, add(provider, *PEOPLE), strict=True))
        ident = provider.create("Group", group("G", *(ids[who] for who in start)), base=BASE).id
        operations: list[Any] = []
        for change in changes:
            if change["path"] == "[]":
                operations.append({"op": "remove", "path": f'members[value eq "{ids[change["value"]]}"]'})
            else:
                operations.append({**change, "value": [{"value": ids[who]} for who in change["value"]]})
        if general:
            operations.append({"op": "replace", "path": "displayName", "value": "G"})
        patch(provider, "Group", ident, *operations)
        ends.append(members(provider, ident))
        for who in PEOPLE:
            assert (ids[who] in ends[-1]) == ("G" in groups(provider, ids[who]))
    assert ends[0] == ends[1]
