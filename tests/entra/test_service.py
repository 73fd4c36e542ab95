"""The provisioning service on its virtual clock: what it asks, in which order, and what becomes of failures."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from mockhost.entra.config import Quarantine
from mockhost.entra.service import quarantine_reason
from mockhost.entra.targets import MANAGER
from mockhost.entra.users import Clause, Scope
from mockhost.errors import CannotRun, UsageError
from mockhost.scim.messages import ENTERPRISE_USER
from tests.entra.fakes import Lab, person

DAY = 86_400.0


def bodies(lab: Lab, method: str) -> list[Any]:
    return [json.loads(each.body or b"{}") for each in lab.target.requests if each.method == method]


def test_an_initial_cycle_probes_matches_and_creates() -> None:
    """One probe for the cycle; for each user a search, and a create where nobody is found."""
    lab = Lab(person("ann", surname="Lee"), person("bob"))
    counts = lab.cycle()
    assert (counts["create"], counts["success"], counts["imported"]) == (2, 2, 2)
    probe, *others = lab.target.lines()
    assert probe.startswith('GET /Users?filter=userName eq "')
    assert others == [
        'GET /Users?filter=userName eq "ann@contoso.example"', "POST /Users",
        'GET /Users?filter=userName eq "bob@contoso.example"', "POST /Users",
    ]  # fmt: skip
    assert lab.target.users["u1"]["name"] == {"formatted": "Ann Lee", "familyName": "Lee", "givenName": "Ann"}


def test_an_incremental_cycle_looks_only_at_changes() -> None:
    """It gets the user by the cached id, and sends what differs; nobody else is asked for."""
    lab = Lab(person("ann", jobTitle="Engineer"), person("bob"))
    lab.cycle()
    lab.target.lines()
    before = lab.clock.now()
    lab.change("ann", jobTitle="Manager")
    counts = lab.cycle()
    assert lab.clock.now() - before == 40 * 60
    assert (counts["imported"], counts["update"]) == (1, 1)
    assert bodies(lab, "PATCH")[0]["Operations"] == [{"op": "Replace", "path": "title", "value": "Manager"}]
    assert lab.target.lines()[1:] == ["GET /Users/u1", "PATCH /Users/u1"]
    assert lab.cycle() == {"imported": 0}


def test_operations_add_replace_and_remove() -> None:
    """Add where the target had nothing, Remove what was cleared after it was sent."""
    lab = Lab(person("ann", department="Sales"))
    lab.cycle()
    lab.target.requests.clear()
    lab.change("ann", department=None, mobile="555")
    lab.cycle()
    operations = bodies(lab, "PATCH")[0]["Operations"]
    assert {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "555"} in operations
    assert {
        "op": "Remove",
        "path": f"{ENTERPRISE_USER}:department",
    } in operations


def test_a_user_that_is_there_already_is_matched_and_nothing_is_sent() -> None:
    """Skipped as redundant when it is equal; the target's other attributes are left alone."""
    lab = Lab(person("ann"))
    lab.target.users["x"] = {
        **{"id": "x", "schemas": [], "userName": "ANN@contoso.example", "active": True},
        **{"externalId": "e", "name": {"givenName": "Ann", "formatted": "Ann"}, "nickName": "kept"},
    }
    counts = lab.cycle()
    assert counts["update"] == 1, "the case of userName differs"
    lab.cycle(initial=True)
    assert lab.records()[-1]["provisioningStatusInfo"]["errorInformation"] is None
    assert lab.records()[-1]["provisioningSteps"][-1]["details"] == {"SkipReason": "RedundantExport"}
    assert lab.target.users["x"]["nickName"] == "kept"


def test_the_next_matching_attribute_is_asked_when_the_first_finds_nobody() -> None:
    """By precedence, until one is found."""
    lab = Lab(person("ann", mailNickname="anny"))
    lab.mappings = tuple(
        each._replace(matching=2) if each.target.text == "externalId" else each for each in lab.mappings
    )
    lab.target.users["x"] = {"id": "x", "schemas": [], "externalId": "anny"}
    lab.cycle()
    assert lab.target.lines()[1:4] == [
        'GET /Users?filter=userName eq "ann@contoso.example"',
        'GET /Users?filter=externalId eq "anny"', "PATCH /Users/x",
    ]  # fmt: skip


def test_two_users_with_the_matching_value_are_not_touched() -> None:
    """DuplicateTargetEntries, until one of them is gone."""
    lab = Lab(person("ann"))
    for ident in ("x", "y"):
        lab.target.users[ident] = {"id": ident, "schemas": [], "userName": "ann@contoso.example"}
    assert lab.cycle()["failure"] == 1
    assert lab.codes() == ["DuplicateTargetEntries"]
    del lab.target.users["y"]
    lab.clock.advance(6 * 3_600)
    assert lab.cycle()["update"] == 1


def test_disabled_then_restored_then_deleted() -> None:
    """Disable is a patch; restore is one, too; a delete comes 30 days after the soft delete."""
    lab = Lab(person("ann"))
    lab.cycle()
    lab.target.requests.clear()
    lab.change("ann", accountEnabled=False)
    assert lab.cycle()["disable"] == 1
    assert bodies(lab, "PATCH") == [
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "Replace", "path": "active", "value": "False"}],
        }
    ]
    lab.change("ann", accountEnabled=True)
    lab.target.requests.clear()
    assert lab.cycle()["update"] == 1
    assert bodies(lab, "PATCH")[0]["Operations"] == [{"op": "Replace", "path": "active", "value": "True"}]
    lab.change("ann", deleted=True)
    assert lab.cycle()["disable"] == 1
    lab.clock.advance(29 * DAY)
    assert "delete" not in lab.cycle()
    lab.clock.advance(1 * DAY)
    lab.target.requests.clear()
    assert lab.cycle()["delete"] == 1
    assert lab.target.lines()[-1] == "DELETE /Users/u1"
    assert lab.target.users == {}


def test_an_unassigned_user_is_disabled_and_never_deleted() -> None:
    """Nobody who fell out of scope is deleted, though the user vanishes from the source."""
    lab = Lab(person("ann"))
    lab.cycle()
    lab.change("ann", assigned=False)
    assert lab.cycle()["disable"] == 1
    lab.people.clear()
    assert "delete" not in lab.cycle()
    assert lab.target.users["u1"]["active"] is False or lab.target.users["u1"]["active"] == "False"


def test_a_user_that_vanishes_in_scope_is_deleted() -> None:
    """An administrator deleted it permanently."""
    lab = Lab(person("ann"), person("bob"))
    lab.cycle()
    del lab.people[0]
    assert lab.cycle()["delete"] == 1
    assert list(lab.target.users) == ["u2"]


def test_scoping_filters_and_skip_out_of_scope_deletions() -> None:
    """Clauses of a filter are joined by AND; who falls out is disabled, or left alone if the app says so."""
    scope = Scope(True, ((Clause("department", "EQUALS", "Sales"), Clause("jobTitle", "IS NOT NULL")),))
    for skip, expected in ((False, "disable"), (True, "skipped")):
        lab = Lab(person("ann", department="Sales", jobTitle="x"), person("bob", department="sales", jobTitle="x"),
                  scope=scope, skip_out_of_scope_deletions=skip)  # fmt: skip
        counts = lab.cycle()
        assert (counts["create"], counts["skipped"]) == (1, 1)
        assert lab.codes() == ["NotEffectivelyEntitled"]
        lab.change("ann", department="Finance")
        assert lab.cycle()[expected] == 1


def test_managers_follow_when_both_are_there() -> None:
    """After all objects of the cycle; a manager who comes into scope later is not noticed until a restart."""
    lab = Lab(person("ann", manager="boss"), person("bob", manager="ann"), person("boss", assigned=False))
    lab.cycle()
    assert [line for line in lab.target.lines() if line.startswith("PATCH")] == ["PATCH /Users/u2"]
    assert lab.target.users["u2"][ENTERPRISE_USER]["manager"] == {"value": "u1"}
    lab.change("boss", assigned=True)
    lab.cycle()
    assert MANAGER not in json.dumps([str(each.body) for each in lab.target.requests])
    lab.target.requests.clear()
    lab.cycle(initial=True)
    patches = bodies(lab, "PATCH")
    assert patches[0]["Operations"] == [{"op": "Add", "path": MANAGER, "value": "u3"}]


def test_retries_after_6_12_and_24_hours_then_every_day() -> None:
    """Counted from the first failure, up to 28 days."""
    lab = Lab(person("ann"))
    lab.target.fail = lambda request: 409 if request.method == "POST" else None
    tried = []
    for _ in range(60):
        if "failure" in lab.cycle():
            tried.append(round(lab.clock.now() - 1_767_225_600))
        lab.clock.advance(5 * 3_600)
    hours = [moment / 3_600 for moment in tried]
    assert hours[0] == 0
    assert 6 <= hours[1] < 12 <= hours[2] < 24 <= hours[3]
    assert all(24 <= later - earlier < 36 for earlier, later in itertools.pairwise(hours[3:]))
    assert set(lab.codes()) == {"Conflict"}
    assert "It will be retried again after this date: 2026-01-01T06:00:00.000Z UTC" in json.dumps(
        lab.records()[0]
    )


def test_a_changed_user_is_tried_at_once() -> None:
    """What failed may have been mended by the change."""
    lab = Lab(person("ann"))
    lab.target.fail = lambda request: 409 if request.method == "POST" else None
    lab.cycle()
    lab.target.fail = lambda request: None
    assert lab.cycle() == {"imported": 0}
    lab.change("ann", surname="Other")
    assert lab.cycle()["create"] == 1


@pytest.mark.parametrize(
    ("method", "answer", "code"),
    [
        ("POST", 400, "SystemForCrossDomainIdentityManagementServiceIncompatible"),
        ("POST", 403, "InsufficientRights"),
        ("POST", 422, "UnprocessableEntity"),
        ("POST", 429, "TooManyRequests"),
        ("POST", 500, "InternalServerError"),
        ("POST", 501, "NotImplemented"),
        ("POST", "rst", "EndpointUnavailable"),
        ("POST", "not_http", "WebExceptionProtocolError"),
        ("POST", "no_answer_within", "Timeout"),
        ("POST", 201, "SystemForCrossDomainIdentityManagementServiceIncompatible"),
        ("match", 404, "SystemForCrossDomainIdentityManagementServiceIncompatibleFiltering"),
        ("match", 200, "SystemForCrossDomainIdentityManagementServiceIncompatible"),
        ("by id", 404, "InvalidAnchor"),
    ],
)
def test_error_codes(method: str, answer: int | str, code: str) -> None:
    """By the step and the answer."""
    lab = Lab(person("ann"))
    wants = {"POST": lambda r: r.method == "POST", "by id": lambda r: "/Users/" in r.target,
             "match": lambda r: "ann" in r.target}[method]  # fmt: skip
    if method == "by id":
        lab.cycle()
        lab.change("ann", surname="Other")
    lab.target.fail = lambda request: answer if wants(request) else None
    assert lab.cycle()["failure"] == 1
    assert lab.codes() == [code]
    assert lab.records()[-1]["provisioningStatusInfo"]["errorInformation"]["recommendedAction"]


def test_a_lost_target_can_be_matched_again() -> None:
    """A setting: third parties report it; InvalidAnchor is what is documented."""
    lab = Lab(person("ann"), rematch_lost=True)
    lab.cycle()
    lab.target.users.clear()
    lab.change("ann", surname="Other")
    assert lab.cycle()["create"] == 1


def test_retry_after_is_waited_for() -> None:
    """Once, where it is honored and not too long; the virtual clock goes on, too."""
    lab = Lab(person("ann"))
    answers = iter([429, None])
    lab.target.headers = (("Retry-After", "7"),)
    lab.target.fail = lambda request: next(answers) if request.method == "POST" else None
    before = lab.clock.now()
    assert lab.cycle()["create"] == 1
    assert lab.paused == [7.0]
    assert lab.clock.now() - before == 7
    ignoring = Lab(person("ann"), honor_retry_after=False)
    ignoring.target.headers = (("Retry-After", "7"),)
    ignoring.target.fail = lambda request: 429 if request.method == "POST" else None
    assert ignoring.cycle()["failure"] == 1


@pytest.mark.parametrize(
    ("failed", "references", "events", "expected"),
    [
        (4_000, 0, 4_000, None),
        (45_000, 0, 1_000_000, "EncounteredBaseEscrowThreshold"),
        (30_000, 0, 35_000, "EncounteredEscrowProportionThreshold"),
        (20_000, 0, 100_000, None),
        (61_000, 21_000, 1_000_000, "EncounteredTotalEscrowThreshold"),
    ],
)
def test_quarantine_thresholds(failed: int, references: int, events: int, expected: str | None) -> None:
    """The examples of Microsoft's page."""
    assert quarantine_reason(failed, references, events, Quarantine()) == expected


def test_a_quarantine_begins_backs_off_and_heals() -> None:
    """At once for a probe that fails; the waits grow to a day; it ends when the target is well."""
    lab = Lab(person("ann"))
    lab.target.fail = lambda request: 401
    waits = []
    for _ in range(7):
        lab.cycle()
        quarantine = lab.store.get("quarantine")
        waits.append((quarantine["nextAttempt"] - lab.clock.now()) / 3_600)
    assert waits == [0.5, 1, 2, 4, 8, 24, 24]
    assert quarantine["reason"] == "EncounteredQuarantineException"
    assert len(lab.store.get("mails")) == 1
    lab.target.fail = lambda request: None
    assert lab.cycle()["create"] == 1
    assert lab.store.get("quarantine") is None


def test_five_failures_can_be_enough() -> None:
    """A lab sets smaller numbers; users that fail are tried at each attempt of the quarantine."""
    lab = Lab(*(person(f"u{i}") for i in range(8)), quarantine=Quarantine(failures=5))
    lab.target.fail = lambda request: 500 if request.method == "POST" else None
    lab.cycle()
    assert lab.store.get("quarantine")["reason"] == "EncounteredEscrowProportionThreshold"
    lab.target.fail = lambda request: None
    assert lab.cycle()["create"] == 8
    assert lab.store.get("quarantine") is None


def test_a_job_is_disabled_after_28_days_of_quarantine() -> None:
    """Then it has to be started again."""
    lab = Lab(person("ann"))
    lab.target.fail = lambda request: "refused"
    for _ in range(40):
        if lab.store.get("status") == "Disabled":
            break
        lab.cycle()
    with pytest.raises(CannotRun, match="disabled"):
        lab.cycle()


def test_accidental_deletions_are_held_back_until_they_are_allowed() -> None:
    """Nothing is deleted, the rows are staged, and the job is in quarantine."""
    lab = Lab(*(person(f"u{i}") for i in range(6)), accidental_deletions=2)
    lab.cycle()
    for i in range(4):
        lab.change(f"u{i}", deleted=True)
    counts = lab.cycle()
    assert counts["stageddelete"] == 4
    assert "disable" not in counts
    assert lab.store.get("quarantine")["reason"] == "TooManyDeletes"
    assert lab.cycle()["stageddelete"] == 4
    lab.store.set("allow_deletes", True)
    assert lab.cycle()["disable"] == 4
    assert lab.store.get("quarantine") is None


def test_on_demand_matches_by_the_filter_and_ignores_the_flag() -> None:
    """Also whom the service knows; patches are the old ones although the URL asks for newer."""
    lab = Lab(
        person("ann", jobTitle="x"), person("bob"), url="https://scim.contoso.example/scim?aadOptscim062020"
    )
    lab.cycle()
    lab.target.requests.clear()
    lab.change("ann", jobTitle="y")
    verdict, record = lab.service.on_demand("ANN@contoso.example")
    assert verdict.ok
    assert record is not None
    assert record["provisioningAction"] == "update"
    assert record["initiatedBy"]["initiatorType"] == "user"
    kinds = [step["provisioningStepType"] for step in record["provisioningSteps"]]
    assert kinds == ["import", "scoping", "matching", "matching", "export"]
    assert bodies(lab, "PATCH")[0]["Operations"] == [{"op": "Replace", "path": "title", "value": "y"}]
    assert 'filter=userName eq "ann@contoso.example"' in lab.target.lines()[1]
    lab.change("bob", deleted=True)
    assert lab.service.on_demand("bob")[1]["provisioningStatusInfo"]["status"] == "skipped"  # type: ignore[index]
    with pytest.raises(UsageError, match="no user 'nobody'"):
        lab.service.on_demand("nobody")


def test_what_is_redacted_is_nowhere_in_the_log() -> None:
    """Neither the value nor the source attribute; it is sent all the same."""
    from mockhost.entra.config import AttributeMapping
    from mockhost.entra.expressions import parse
    from mockhost.entra.targets import parse as target

    secret = AttributeMapping(target("title"), parse("Redact([jobTitle])"))
    lab = Lab(person("ann", jobTitle="quite-secret"))
    lab.mappings = (*(each for each in lab.mappings if each.target.text != "title"), secret)
    lab.cycle()
    assert lab.target.users["u1"]["title"] == "quite-secret"
    lab.change("ann", jobTitle="other-secret")
    lab.cycle()
    assert "secret" not in json.dumps(lab.records())
    assert {"displayName": "title", "oldValue": "[Redact]", "newValue": "[Redact]"} in lab.records()[-1][
        "modifiedProperties"
    ]
