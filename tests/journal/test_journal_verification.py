"""An assertion over the journal holds or explains itself."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from mockhost.errors import UsageError
from mockhost.journal import Exchange, Journal
from tests.journal.exchanges import BASE, ECMA, KEY, TOKEN, make

Add = Callable[..., Exchange]
Spec = dict[str, object]


@pytest.fixture
def story(add: Add, journal: Journal) -> Journal:
    """A probe, a find, a create, two PATCHes, a refusal, and a find at the other connector."""
    probe = {"target": f"{BASE}/Users?filter=PLACEHOLDER+eq+%22x%22", "probe": True, "who": "x"}
    add(**probe)
    add()
    created = {ECMA: {"ContosoLogin": "bob", "FirstName": "Bob"}, "active": True}
    add(
        method="POST",
        target=f"{BASE}/Users",
        operation="create_user",
        status=201,
        body=json.dumps(created).encode(),
        answer_body=b'{"id":"bob"}',
    )
    for value in ("Robert", "Rob"):
        patch = {"Operations": [{"op": "Replace", "path": f"{ECMA}:FirstName", "value": value}]}
        add(
            method="PATCH",
            target=f"{BASE}/Users/bob",
            operation="patch_user",
            status=204,
            body=json.dumps(patch).encode(),
            headers=[("User-Agent", "entra"), ("Authorization", f"Bearer {TOKEN}")],
            native=("UPDATE Employees SET FirstName = 'Rob' WHERE ContosoLogin = 'bob'",),
        )
    add(
        status=401,
        verdict="unauthorized",
        reason="the secret token is not the one of connector SQL",
        headers=[("Authorization", "Bearer wrong")],
    )
    add(
        connector="LDAP",
        target="/ecma2host_LDAP/scim/Users?filter=userName+eq+%22ann%22",
        who="ann",
        rule="slow",
    )
    return journal


@pytest.mark.parametrize(
    ("spec", "matched"),
    [
        ({"operation": "create_user"}, (3,)),
        ({"operation": "create_user", "count": 1}, (3,)),
        ({"operation": "patch_user", "id": "bob", "count": {"exactly": 2}}, (4, 5)),
        ({"operation": "patch_user", "count": {"at_least": 1, "at_most": 2}}, (4, 5)),
        ({"operation": "delete_user", "count": {"never": True}}, ()),
        ({"operation": "delete_user", "count": 0}, ()),
        ({"connector": "LDAP"}, (7,)),
        ({"status": 401, "verdict": "unauthorized"}, (6,)),
        ({"status": {"any_of": [201, 401]}}, (3, 6)),
        ({"method": "PATCH"}, (4, 5)),
        ({"path": f"{BASE}/Users"}, (1, 2, 3, 6)),
        ({"path": {"ends_with": "/bob"}}, (4, 5)),
        ({"target": {"contains": "PLACEHOLDER"}}, (1,)),
        ({"probe": True}, (1,)),
        ({"rule": "slow"}, (7,)),
        ({"rule": {"absent": False}}, (7,)),
        ({"who": "ann"}, (7,)),
        ({"reason": {"contains": "secret token"}}, (6,)),
        (
            {"native": {"contains": "UPDATE Employees SET FirstName = 'Rob' WHERE ContosoLogin = 'bob'"}},
            (4, 5),
        ),
        ({"attributes": {"FirstName": "Bob"}}, (3,)),
        ({"attributes": {"firstname": {"starts_with": "Rob"}}}, (4, 5)),
        ({"attributes": {f"{ECMA}:FirstName": "Rob"}}, (5,)),
        ({"attributes": {"ContosoLogin": "bob"}}, (2, 3, 6)),
        ({"attributes": {"userName": "ann"}}, (7,)),
        ({"attributes": {"active": True}}, (3,)),
        ({"operation": "patch_user", "attributes": {"active": {"absent": True}}}, (4, 5)),
        ({"header": {"user-agent": "entra"}}, (4, 5)),
        ({"header": {"User-Agent": {"absent": True}, "Authorization": {"absent": False}}}, (1, 2, 3, 6, 7)),
        ({"header": {"Authorization": f"Bearer {TOKEN}"}}, (1, 2, 3, 4, 5, 7)),
        ({"header": {"Authorization": {"not": f"Bearer {TOKEN}"}}}, (6,)),
        ({"header": {"Authorization": {"any_of": ["Bearer wrong", "Bearer wronger"]}}}, (6,)),
        ({"body": {"/active": True}}, (3,)),
        ({"body": {"/Operations/0/value": "Rob"}}, (5,)),
        ({"since": 4, "operation": "patch_user", "count": 1}, (5,)),
        (
            {
                "order": [
                    {"operation": "find_users"},
                    {"operation": "create_user"},
                    {"id": "bob", "status": 204},
                ]
            },
            (1, 3, 4),
        ),
        ({"connector": "SQL", "order": [{"operation": "create_user"}, {"operation": "find_users"}]}, (3, 6)),
        ({"order": [{"operation": "patch_user"}, {"operation": "patch_user"}]}, (4, 5)),
        ({}, (1, 2, 3, 4, 5, 6, 7)),
    ],
)
def test_what_is_so_is_verified(story: Journal, spec: Spec, matched: tuple[int, ...]) -> None:
    """Every condition, count and order; the result names the exchanges."""
    result = story.verify(spec)
    assert result.ok, result.text
    if "count" not in spec or spec["count"] != 0:
        assert result.matched == matched


@pytest.mark.parametrize(
    "spec",
    [
        {"operation": "delete_user"},
        {"operation": "patch_user", "count": 1},
        {"operation": "patch_user", "count": {"at_most": 1}},
        {"operation": "patch_user", "count": {"at_least": 3}},
        {"operation": "patch_user", "count": {"never": True}},
        {"operation": "create_user", "connector": "LDAP"},
        {"attributes": {"FirstName": "Alice"}},
        {"attributes": {"nosuch": {"absent": False}}},
        {"header": {"Authorization": "Bearer wronger"}},
        {"since": 3, "operation": "create_user"},
        {"order": [{"operation": "create_user"}, {"probe": True}]},
        {"order": [{"operation": "patch_user"}] * 3},
        {"status": None},
    ],
)
def test_what_is_not_so_fails_with_the_journal_as_a_table(story: Journal, spec: Spec) -> None:
    """The table has a head and rows, and no secret."""
    result = story.verify(spec)
    assert not result.ok
    assert "connector  operation" in result.text
    assert TOKEN not in result.text


def test_a_failure_names_the_nearest_exchange_and_its_first_difference(story: Journal) -> None:
    """What was expected, what was found, what nearly fitted and why not, and the journal."""
    text = story.verify({"operation": "create_user", "status": 409, "attributes": {"FirstName": "Bob"}}).text
    lines = text.splitlines()
    assert lines[0] == (
        "expected at least 1 exchange with operation 'create_user', status 409, attributes FirstName 'Bob'; "
        "found none among 7"
    )
    assert lines[1] == "near: #3: status: expected 409, got 201"
    assert any(line.startswith("> 3 ") and "create_user" in line and " 201 " in line for line in lines)
    assert any(line.startswith("  1 ") for line in lines)


def test_a_count_that_is_exceeded_names_the_exchanges(story: Journal) -> None:
    """And marks them in the table."""
    text = story.verify({"operation": "patch_user", "id": "bob", "count": 1}).text
    assert text.startswith(
        "expected exactly 1 exchange with operation 'patch_user', id 'bob'; found 2 (#4, #5) among 7"
    )
    assert sum(line.startswith("> ") for line in text.splitlines()) == 2


def test_a_missing_step_of_an_order_says_how_far_it_got(story: Journal) -> None:
    """And that it happened too early."""
    text = story.verify({"order": [{"operation": "patch_user"}, {"operation": "create_user"}]}).text
    assert text.splitlines()[0] == (
        "expected 2 exchanges in order; step 2, an exchange with operation 'create_user', has none after #4 "
        "(found so far: #4); before it there is #3"
    )


def test_an_empty_journal_says_so(journal: Journal) -> None:
    """Nothing was near."""
    text = journal.verify({"operation": "create_user"}).text
    assert (
        text.splitlines()[0]
        == "expected at least 1 exchange with operation 'create_user'; found none among 0"
    )
    assert "(no exchanges)" in text


def test_a_long_journal_is_shown_in_part(add: Add, journal: Journal) -> None:
    """The last ones, what is near, and how many are not shown."""
    add(operation="create_user", status=409)
    for _ in range(100):
        add()
    text = journal.verify({"operation": "create_user", "status": 201}).text
    assert "near: #1: status: expected 201, got 409" in text
    assert any(line.startswith("> 1 ") or line.startswith(">   1 ") for line in text.splitlines())
    assert "more not shown)" in text
    assert len(text.splitlines()) < 60


# ---- several at once ----

ONE_PATCH: Spec = {
    "id": "bob",
    "all": [{"operation": "patch_user", "count": 1}, {"operation": "delete_user", "count": {"never": True}}],
}


def test_one_patch_and_no_delete_is_one_assertion(add: Add, journal: Journal) -> None:
    """What stands beside `all` is common to its parts; another user's exchanges are none of this one's."""
    for method, operation, who in (
        ("PATCH", "patch_user", "bob"),
        ("PATCH", "patch_user", "ann"),
        ("DELETE", "delete_user", "ann"),
    ):
        add(method=method, operation=operation, target=f"{BASE}/Users/{who}", status=204, who=who)
    result = journal.verify(ONE_PATCH)
    assert (result.ok, result.matched) == (True, (1,))
    add(method="DELETE", operation="delete_user", target=f"{BASE}/Users/bob", status=204)
    failed = journal.verify(ONE_PATCH)
    assert not failed.ok
    head, *_ = failed.text.splitlines()
    assert head == "expected no exchanges with id 'bob', operation 'delete_user'; found 1 (#4) among 4"
    assert failed.text.count("expected") == 1


def test_each_part_that_does_not_hold_has_its_report(story: Journal) -> None:
    """One after the other, each with the journal and what came nearest."""
    parts = [
        {"operation": "patch_user", "count": 1},
        {"order": [{"status": 201}, {"status": 409}]},
        {"status": 201},
    ]
    result = story.verify({"id": "bob", "all": parts})
    assert not result.ok
    reports = result.text.split("\n\nexpected ")
    assert len(reports) == 2
    assert "found 2 (#4, #5)" in reports[0]
    assert "near: #5: status: expected 409, got 204" in reports[1]
    assert all("create_user" in report for report in reports)


def test_parts_may_have_parts_and_a_common_beginning(story: Journal) -> None:
    """`since` stands beside `all` and counts for every one."""
    spec: Spec = {"since": 3, "all": [{"all": [{"operation": "patch_user", "count": 2}]}, {"status": 401}]}
    assert story.verify(spec).matched == (4, 5, 6)
    assert not story.verify({**spec, "since": 4}).ok


# ---- faults ----


@pytest.mark.parametrize(
    ("fault", "matched"),
    [
        ("html", (2, 3)),
        (["html", "hang"], (2, 3)),
        ({"any_of": ["content_type"]}, (3,)),
        ({"not": "html"}, (1,)),
        ({"absent": True}, (1,)),
        ({"absent": False}, (2, 3)),
        ({"starts_with": "content"}, (3,)),
        (None, (1,)),
    ],
)
def test_of_several_faults_each_is_found(
    add: Add, journal: Journal, fault: object, matched: tuple[int, ...]
) -> None:
    """`not` and `absent` are about all of them."""
    add()
    add(faults=("html",), rule="one")
    add(faults=("content_type", "html"), rule="two")
    assert journal.verify({"fault": fault}).matched == matched
    assert [each.number for each in journal.entries(fault=fault)] == list(matched)


def test_a_fault_that_did_not_happen_is_told_with_those_that_did(add: Add, journal: Journal) -> None:
    """All of them."""
    add(faults=("content_type", "html"), rule="two")
    assert (
        "near: #1: fault: expected 'hang', got ['content_type', 'html']"
        in journal.verify({"fault": "hang"}).text
    )


# ---- lost entries ----


@pytest.fixture
def lossy() -> Journal:
    """A journal that holds the last 3 of 5 finds."""
    journal = Journal(key=KEY, limit=3)
    for _ in range(5):
        journal.add(make())
    return journal


@pytest.mark.parametrize(
    ("spec", "ok", "unsure"),
    [
        ({"operation": "find_users"}, True, False),
        ({"operation": "find_users", "count": {"at_least": 3}}, True, False),
        ({"operation": "find_users", "count": {"at_least": 4}}, False, True),
        ({"operation": "find_users", "count": {"at_most": 2}}, False, False),
        ({"operation": "find_users", "count": {"at_most": 3}}, False, True),
        ({"operation": "find_users", "count": 3}, False, True),
        ({"operation": "find_users", "count": 2}, False, False),
        ({"operation": "delete_user", "count": {"never": True}}, False, True),
        ({"operation": "find_users", "since": 2, "count": 3}, True, False),
        ({"operation": "delete_user", "since": 2, "count": {"never": True}}, True, False),
        ({"operation": "find_users", "since": 1, "count": 3}, False, True),
        ({"order": [{"operation": "find_users"}, {"operation": "find_users"}]}, True, False),
        ({"order": [{"operation": "create_user"}, {"operation": "find_users"}]}, False, True),
    ],
)
def test_what_the_loss_of_entries_could_have_changed_is_not_asserted(
    lossy: Journal, spec: Spec, ok: bool, unsure: bool
) -> None:
    """It fails and says why; what can't be affected is answered as ever."""
    result = lossy.verify(spec)
    assert result.ok is ok, result.text
    assert ("can't be verified" in result.text) is unsure
    assert not unsure or "2 older entries of this window are gone" in result.text


def test_a_reset_makes_verification_possible_again(lossy: Journal) -> None:
    """What was lost belonged to an epoch that is over."""
    lossy.clear(1)
    assert lossy.verify({"operation": "find_users", "count": {"never": True}}).ok


# ---- slips of the pen ----


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"opperation": "find_users"}, "did you mean 'operation'"),
        ({"operation": "find_user"}, "unknown operation 'find_user'; did you mean 'find_users'"),
        ({"operation": ["find_users", "create_usr"]}, "did you mean 'create_user'"),
        ({"operation": {"not": "delet_user"}}, "did you mean 'delete_user'"),
        ({"status": "201"}, "status is a number, not '201'"),
        ({"probe": "yes"}, "probe is true or false"),
        ({"count": "two"}, "count is a number or a map"),
        ({"count": -1}, "count is a number or a map"),
        ({"count": True}, "count is a number or a map"),
        ({"count": {}}, "count is a number or a map"),
        ({"count": {"atleast": 1}}, "did you mean 'at_least'"),
        ({"count": {"at_least": "1"}}, "at_least is a number from 0 on"),
        ({"count": {"never": True, "at_least": 1}}, "'never' stands alone"),
        ({"count": {"never": False}}, "'never' stands alone"),
        ({"count": {"at_least": 3, "at_most": 2}}, "can't both be"),
        ({"count": 1, "order": [{"status": 200}]}, "two assertions"),
        ({"order": []}, "order is a list of maps"),
        ({"order": {"status": 200}}, "order is a list of maps"),
        ({"order": ["find_users"]}, "order is a list of maps"),
        ({"order": [{"count": 1}]}, "a step of order has no 'count'"),
        ({"fault": "htm"}, "there is no fault 'htm'; did you mean 'html'?"),
        ({"fault": "CONNECTION_RESET_BY_PEER"}, "it is called connection_reset here"),
        ({"fault": {"not": ["html", "hagn"]}}, "did you mean 'hang'?"),
        ({"all": []}, "all is a list of maps"),
        ({"all": {"status": 200}}, "all is a list of maps"),
        ({"all": [{"status": 200}], "count": 1}, "'count' cannot be beside all"),
        ({"all": [{"status": 200}], "order": [{}]}, "'order' cannot be beside all"),
        ({"all": [{"status": 200, "since": 1}]}, "a part of all has no 'since'"),
        ({"all": [{"status": 200}], "status": 201}, "'status' is both beside all and in a part of it"),
        ({"all": [{"conut": 1}]}, "did you mean 'count'?"),
        ({"since": "3"}, "since is the number of an exchange"),
        ({"since": -3}, "since is the number of an exchange"),
        ({"attributes": "bob"}, "'attributes' is a map"),
        ({"header": ["x"]}, "'header' is a map"),
        ({"body": {"active": True}}, "a JSON pointer begins with '/'"),
    ],
)
def test_a_slip_of_the_pen_is_refused(journal: Journal, spec: Spec, message: str) -> None:
    """Otherwise every `never` would pass."""
    with pytest.raises(UsageError) as caught:
        journal.verify(spec)
    assert message in str(caught.value)


def test_whether_a_password_was_sent_can_be_asked(add: Add, journal: Journal) -> None:
    """Its value can't."""
    add(operation="create_user", body=json.dumps({ECMA: {"export_password": "s3cret!"}}).encode())
    assert journal.verify({"attributes": {"export_password": {"absent": False}}, "count": 1}).ok
    assert not journal.verify({"attributes": {"export_password": {"absent": True}}}).ok


def test_a_body_that_is_no_json_has_no_attributes(add: Add, journal: Journal) -> None:
    """Asking is not a failure of the journal."""
    add(operation="create_user", body=b"{nonsense", target=f"{BASE}/Users")
    assert not journal.verify({"attributes": {"FirstName": "Bob"}}).ok
    assert not journal.verify({"body": {"/a": 1}}).ok


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (f"{BASE}/Users/CN%3Dbob%2COBJECT%3DUSER", "CN=bob,OBJECT=USER"),
        (f"{BASE}/users/a%2Fb/", "a/b"),
        (f"{BASE}/Users/J%C3%BCrgen", "Jürgen"),
        ("/ecma2host_SQL/scim/Users/J\u00c3\u00bcrgen?attributes=id", "Jürgen"),
    ],
)
def test_the_id_is_read_from_the_path(add: Add, journal: Journal, target: str, found: str) -> None:
    """Decoded, as the host knows it."""
    add(target=target, operation="get_user")
    assert journal.verify({"id": found}).ok
