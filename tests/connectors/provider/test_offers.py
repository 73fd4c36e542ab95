"""What a provider says it offers is what it does: each switch and limit, announced and in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mockhost.connectors.provider.config import ProviderConfig
from mockhost.connectors.provider.provider import Provider
from mockhost.connectors.provider.strictness import OFFERS
from mockhost.scim.errors import ScimError
from mockhost.scim.messages import CORE_GROUP, CORE_USER, ENTERPRISE_USER
from mockhost.scim.queries import Query
from tests.connectors.provider.making import BASE, add, make

RENAME = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    "Operations": [{"op": "replace", "path": "displayName", "value": "x"}],
}


def bulk(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": list(operations)}


def post(bulk_id: str, name: str) -> dict[str, Any]:
    data = {"schemas": [CORE_USER], "userName": name}
    return {"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": data}


def only(provider: Provider, body: dict[str, Any]) -> dict[str, Any]:
    """The result of a bulk of one operation."""
    answer: Any = provider.bulk(body, base=BASE)
    (done,) = answer["Operations"]
    found: dict[str, Any] = done
    return found


def announced(provider: Provider, pointer: str) -> object:
    found: Any = provider.service_provider_config(base=BASE)
    for name in pointer.split("."):
        found = found[name]
    return found


def refused(action: Callable[[], object]) -> tuple[int, str | None]:
    with pytest.raises(ScimError) as error:
        action()
    return error.value.status, error.value.scim_type


def test_each_is_a_field_of_the_configuration() -> None:
    assert set(OFFERS) <= set(ProviderConfig._fields)


@pytest.mark.parametrize("name", OFFERS)
@pytest.mark.parametrize("default", [True, False])
def test_each_is_announced(name: str, default: bool) -> None:
    """/ServiceProviderConfig says what is configured, not what usually is."""
    usual = ProviderConfig._field_defaults[name]
    value: Any = usual if default else (False if usual is True else 7)
    provider = make(**{name: value})
    for pointer in OFFERS[name].announced.split(", "):
        assert announced(provider, pointer) == value


def test_without_patch() -> None:
    """501, in a bulk as well; nothing changes."""
    provider = make(patch=False)
    (ann,) = add(provider, "ann")
    assert refused(lambda: provider.patch("User", ann, RENAME, base=BASE)) == (501, None)
    assert refused(lambda: provider.patch("User", "nobody", RENAME, base=BASE)) == (501, None)
    operation = {"method": "PATCH", "path": f"/Users/{ann}", "data": RENAME}
    done = only(provider, bulk(operation))
    assert done["status"] == "501"


def test_without_bulk() -> None:
    provider = make(bulk=False)
    assert refused(lambda: provider.bulk(bulk(post("a", "ann")), base=BASE)) == (501, None)
    assert provider.count() == 0


def test_without_filters() -> None:
    """A filter is refused, never passed over: the client would take everybody for the one it asked for."""
    provider = make(filter=False)
    add(provider, "ann")
    assert refused(lambda: provider.find("User", Query('userName eq "ann"'), base=BASE)) == (
        400,
        "invalidFilter",
    )
    assert provider.find("User", Query(), base=BASE)["totalResults"] == 1


def test_without_sorting() -> None:
    """sortBy is passed over: the order is that without it."""
    provider = make(sort=False)
    add(provider, "bob", "ann")
    found: Any = provider.find("User", Query(sort_by="userName"), base=BASE)
    assert [each["userName"].partition("@")[0] for each in found["Resources"]] == ["bob", "ann"]


def test_without_versions() -> None:
    """Neither in the answer nor in meta, and no condition on one holds anything up."""
    provider = make(etag=False)
    (ann,) = add(provider, "ann")
    got = provider.get("User", ann, base=BASE, if_none_match="*")
    assert (got.status, got.version) == (200, "")
    assert got.resource is not None
    assert "version" not in got.resource["meta"]  # type: ignore[operator]  # a map
    assert provider.patch("User", ann, RENAME, base=BASE, if_match='W/"99"').changed
    done = only(provider, bulk(post("a", "bob")))
    assert "version" not in done


def test_limits_hold() -> None:
    provider = make(max_results=2, page_size=1, bulk_operations=1)
    add(provider, "ann", "bob", "cy")
    pages = [provider.find("User", Query(count=count), base=BASE) for count in (None, 9)]
    assert [(page["itemsPerPage"], page["totalResults"]) for page in pages] == [(1, 3), (2, 3)]
    assert refused(lambda: provider.bulk(bulk(post("a", "x"), post("b", "y")), base=BASE)) == (413, None)


# -- identifiers and references ----------------------------------------------------------------------------------


def test_a_bulk_id_is_there_once() -> None:
    """RFC 7644 3.7: "unique within a bulk request"; a bulk that repeats one is refused, and nothing of it is done."""
    provider = make()
    assert refused(lambda: provider.bulk(bulk(post("a", "ann"), post("a", "bob")), base=BASE)) == (
        400,
        "invalidSyntax",
    )
    assert provider.count() == 0


def test_ids_are_unique_whatever_makes_a_resource() -> None:
    """Among all types (RFC 7643 3.1): also what is put there behind the protocol's back."""
    provider = make()
    (ann,) = add(provider, "ann")
    group = {"schemas": [CORE_GROUP], "displayName": "Sales", "id": ann}
    assert refused(lambda: provider.put_object("Group", group)) == (409, "uniqueness")
    assert provider.get("User", ann, base=BASE).status == 200


@pytest.mark.parametrize("setting", ["drop", "keep"])
def test_a_manager_who_is_gone(setting: str) -> None:
    """The reference goes with the manager, unless the provider keeps it; the version moves with it."""
    provider = make(settings={"gone_references": setting})
    boss, ann = add(provider, "boss", "ann")
    user = {
        "schemas": [CORE_USER, ENTERPRISE_USER],
        "userName": "bob",
        ENTERPRISE_USER: {"manager": {"value": boss}},
    }
    bob = provider.create("User", user, base=BASE)
    provider.delete("User", ann)
    assert provider.get("User", bob.id, base=BASE).version == bob.version
    provider.delete("User", boss)
    got = provider.get("User", bob.id, base=BASE)
    assert got.resource is not None
    if setting == "keep":
        assert got.resource[ENTERPRISE_USER] == {"manager": {"value": boss}}
    else:
        assert ENTERPRISE_USER not in got.resource
        assert got.resource["schemas"] == [CORE_USER]
        assert got.version != bob.version


def test_a_trial_brings_a_manager_back() -> None:
    """What a deletion took from others comes back with it."""
    provider = make()
    (boss,) = add(provider, "boss")
    user = {
        "schemas": [CORE_USER, ENTERPRISE_USER],
        "userName": "bob",
        ENTERPRISE_USER: {"manager": {"value": boss}},
    }
    bob = provider.create("User", user, base=BASE)
    with provider.trial():
        provider.delete("User", boss)
    assert provider.get("User", bob.id, base=BASE).version == bob.version
