"""Bulk (RFC 7644 3.7): references between operations, circles, failures, and when to stop."""

from __future__ import annotations

from typing import Any

import pytest

import mockhost.connectors.provider.provider as provider_module
from mockhost.connectors.provider.bulk import BULK_REQUEST
from mockhost.connectors.provider.provider import Provider
from mockhost.scim.errors import ScimError
from tests.connectors.provider.making import BASE, add, found, group, make, read, user


def send(provider: Provider, *operations: Any, **more: Any) -> list[Any]:
    """The operations of the response."""
    body = {"schemas": [BULK_REQUEST], "Operations": list(operations), **more}
    answer: Any = provider.bulk(body, base=BASE)
    return list(answer["Operations"])


def post(path: str, bulk_id: str, data: Any) -> dict[str, Any]:
    return {"method": "POST", "path": path, "bulkId": bulk_id, "data": data}


@pytest.mark.parametrize("strictness", ["strict", "entra", "lenient"])
def test_an_operation_may_refer_to_a_later_one(strictness: str) -> None:
    """Groups before users, and a circle of groups (3.7.1): the answer is in the order of the request."""
    provider = make(strictness=strictness)
    answers = send(
        provider,
        post("/Groups", "g1", group("One", "bulkId:u", "bulkId:g2")),
        post("/Groups", "g2", group("Two", "bulkId:g1")),
        post("/Users", "u", user("ann")),
        {"method": "PATCH", "path": "/Users/bulkId:u", "data": {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "add", "path": "title", "value": "T"}]}},
    )  # fmt: skip
    assert [(each["status"], each.get("bulkId")) for each in answers] == [
        ("201", "g1"), ("201", "g2"), ("201", "u"), ("204" if strictness == "entra" else "200", None)]  # fmt: skip
    ids = [each["location"].rpartition("/")[2] for each in answers]
    assert [each["value"] for each in read(provider, "Group", ids[0])["members"]] == [ids[2], ids[1]]
    assert {each["type"] for each in read(provider, "Group", ids[0])["members"]} == {"User", "Group"}
    assert read(provider, "User", ids[2])["title"] == "T"
    assert answers[0]["version"] == 'W/"1"'


def test_what_refers_to_a_failure_fails_and_nothing_dangles() -> None:
    """The others are done."""
    provider = make()
    add(provider, "ann")
    answers = send(
        provider,
        post("/Groups", "g1", group("One", "bulkId:u")),
        post("/Users", "u", user("ANN")),
        post("/Users", "b", user("bob")),
        post("/Groups", "g2", group("Two", "bulkId:nobody")),
    )
    assert [each["status"] for each in answers] == ["409", "409", "201", "400"]
    assert answers[1]["response"]["scimType"] == "uniqueness"
    assert found(provider, "Group") == []


def test_a_circle_with_a_failure_leaves_no_strangers_behind() -> None:
    """The group that was made is there without the member that was not."""
    provider = make()
    provider.create("Group", group("Two"), base=BASE)
    answers = send(
        provider,
        post("/Groups", "g1", group("One", "bulkId:g2")),
        post("/Groups", "g2", group("Two", "bulkId:g1")),
    )
    assert "409" in {each["status"] for each in answers}
    for shown in provider.resources("Group"):
        assert "members" not in shown


def test_fail_on_errors_stops() -> None:
    """What was not tried is not in the answer."""
    provider = make()
    bad = [post("/Users", name, {}) for name in "xyz"]
    assert [each["status"] for each in send(provider, *bad, failOnErrors=2)] == ["400", "400"]
    assert len(send(provider, *bad[:2], post("/Users", "u", user("ann")))) == 3


def test_delete_and_put_with_versions() -> None:
    """`version` is an If-Match."""
    provider = make()
    ann, bob = add(provider, "ann", "bob")
    answers = send(
        provider,
        {"method": "PUT", "path": f"/Users/{ann}", "version": 'W/"1"', "data": user("anne")},
        {"method": "PUT", "path": f"/Users/{ann}", "version": 'W/"1"', "data": user("ann")},
        {"method": "DELETE", "path": f"/Users/{bob}"},
        {"method": "DELETE", "path": f"/Users/{bob}"},
    )
    assert [each["status"] for each in answers] == ["200", "412", "204", "404"]
    assert found(provider, "User") == ["anne"]


@pytest.mark.parametrize(
    "operation",
    [
        None,
        {},
        {"method": "GET", "path": "/Users/1"},
        {"method": "POST", "path": "/Users", "data": {"userName": "a"}},
        {"method": "POST", "path": "/Users/1", "bulkId": "a", "data": {"userName": "a"}},
        {"method": "PUT", "path": "/Users", "data": {"userName": "a"}},
        {"method": "PATCH", "path": "/Users/1"},
        {"method": "POST", "path": "/Nothing", "bulkId": "a", "data": {}},
    ],
)
def test_an_operation_that_is_none_fails_alone(operation: Any) -> None:
    """With an error in its place."""
    (answer,) = send(make(), operation)
    assert answer["status"] in ("400", "404")
    assert answer["response"]["status"] == answer["status"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(None, 400), ({}, 400), ({"Operations": {}}, 400), ({"Operations": [], "failOnErrors": "x"}, 400),
     ({"Operations": [{}] * 3}, 413)],
)  # fmt: skip
def test_a_bulk_that_is_none_is_refused(body: Any, status: int) -> None:
    """413 for more operations than are announced."""
    with pytest.raises(ScimError) as refused:
        make(bulk_operations=2).bulk(body, base=BASE)
    assert refused.value.status == status


def test_a_chain_as_long_as_the_bulk_is_no_problem() -> None:
    """Every group is a member of the one before it."""
    provider = make(strictness="strict")
    count = 1000
    chain = [post("/Groups", f"g{n}", group(f"G{n}", f"bulkId:g{n + 1}")) for n in range(count - 1)]
    answers = send(provider, *chain, post("/Groups", f"g{count - 1}", group("last")))
    assert {each["status"] for each in answers} == {"201"}


def test_all_patches_of_a_bulk_share_what_they_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would be allowed alone; those that are too much are 413 and the ones before them are done."""
    monkeypatch.setattr(provider_module, "MOST_BULK_WORK", 2_500)
    provider = make()
    emails = [{"value": f"a{n}@b.example", "type": f"t{n}"} for n in range(500)]
    ident = provider.create("User", user("ann", emails=emails), base=BASE).id
    change = {"op": "add", "path": "title", "value": "T"}
    patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [change]}
    one = {"method": "PATCH", "path": f"/Users/{ident}", "data": patch}
    statuses = [each["status"] for each in send(provider, *[one] * 8)]
    assert statuses[:4] == ["204"] * 4
    assert statuses[-1] == "413"
    assert send(provider, one)[0]["status"] == "204"
