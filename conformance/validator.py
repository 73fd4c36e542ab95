"""What Microsoft's SCIM Validator asks, replayed: the validator itself is a web page and can't be had here.

The list of its tests and their expectations: Microsoft Learn, "Tutorial: Validate a SCIM endpoint", and the published
result of a run with 23 mandatory and 7 preview tests (github.com/pranems/SCIMServer, docs). The bodies are ours in the
validator's manner: capitalised operations, `roles` with `"primary": "True"`, members that are thrown away.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from conformance.checks import FAILED, PASSED, Check, one_line
from conformance.target import Answer, Target, ask

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MEDIA = {"Content-Type": "application/scim+json; charset=utf-8"}
Expectation = Callable[[Answer], bool]


class Validation:
    """The tests of one run; each is one answer and what has to be true of it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.checks: list[Check] = []
        self.word = secrets.token_hex(4)

    def send(self, method: str, path: str, body: object = None) -> Answer:
        return ask(self.target, method, path, body, MEDIA if body is not None else None)

    def test(self, name: str, method: str, path: str, body: object, expected: Expectation) -> Any:
        """Send, judge, and give the answer's JSON (an empty map where it has none)."""
        answer = self.send(method, path, body)
        try:
            good = expected(answer)
        except (KeyError, IndexError, TypeError) as error:
            good, answer = False, answer._replace(text=f"{type(error).__name__}: {error} in {answer.text}")
        reason = "" if good else one_line(f"answered {answer.status} {answer.text}")
        asked = one_line(f"{method} {path} {'' if body is None else body}")
        self.checks.append(Check(name, PASSED if good else FAILED, reason, asked))
        return answer.json() or {}

    def patched(
        self, name: str, path: str, operations: list[dict[str, Any]], kept: Mapping[str, Any]
    ) -> None:
        """PATCH, then read back: 200 or 204, and everything of `kept` (by dotted names) is there."""
        body = {"schemas": [PATCH], "Operations": operations}

        def expected(answer: Answer) -> bool:
            now = self.send("GET", path).json()
            return answer.status in (200, 204) and all(_at(now, key) == value for key, value in kept.items())

        self.test(name, "PATCH", path, body, expected)


def _at(document: Any, path: str) -> Any:
    """The value at `name.familyName` or `emails.0.value`, None where there is none; a URN is one step before a `#`."""
    urn, _, rest = path.rpartition("#")
    for step in [*([urn] if urn else []), *(rest.split(".") if rest else [])]:
        try:
            document = document[int(step)] if isinstance(document, list) else document[step]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return document


def _found(count: int) -> Expectation:
    return lambda answer: answer.status == 200 and answer.json()["totalResults"] == count


def _status(*wanted: int) -> Expectation:
    return lambda answer: answer.status in wanted


def _filter(endpoint: str, attribute: str, value: str, more: str = "") -> str:
    return f'{endpoint}?filter={attribute} eq "{value}"{more}'


def run(target: Target, work: Path) -> list[Check]:
    """The tests in the validator's order: users, groups, and those that it calls preview."""
    validation = Validation(target)
    user, manager = _users(validation)
    _user_patches(validation, user, manager)
    group, member = _groups(validation)
    _group_patches(validation, group, member)
    _preview(validation, user, group)
    _deletes(validation, user, group)
    return validation.checks


def _person(word: str, name: str) -> dict[str, Any]:
    return {
        "schemas": [USER, ENTERPRISE],
        "userName": f"{name}.{word}@contoso.example",
        "externalId": f"{name}-{word}",
        "active": True,
        "displayName": "First Name",
        "title": "Tester",
        "emails": [{"type": "work", "value": f"{name}@contoso.example", "primary": True}],
        "name": {"givenName": "First", "familyName": "Name", "formatted": "First Name"},
        "roles": [{"primary": "True", "display": "Admin", "value": "admin", "type": "default"}],
        ENTERPRISE: {"employeeNumber": "701984", "department": "Tours"},
    }


def _users(v: Validation) -> tuple[str, str]:
    body = _person(v.word, "user")
    name = body["userName"]
    user = v.test("Create a new user", "POST", "/Users", body, _status(201))
    v.test("Create a duplicate user", "POST", "/Users", body, _status(409))
    v.test("Filter an existing user", "GET", _filter("/Users", "userName", name), None, _found(1))
    v.test(
        "Filter for a user that does not exist",
        "GET",
        _filter("/Users", "userName", "nobody"),
        None,
        _found(0),
    )
    other_case = _filter("/Users", "userName", name.upper())
    v.test("Filter an existing user in another case", "GET", other_case, None, _found(1))
    manager = v.send("POST", "/Users", _person(v.word, "manager")).json() or {}
    return f"/Users/{user.get('id')}", str(manager.get("id"))


def _user_patches(v: Validation, user: str, manager: str) -> None:
    def replace(**values: Any) -> list[dict[str, Any]]:
        return [{"op": "Replace", "path": key, "value": value} for key, value in values.items()]

    v.patched(
        "Patch a user: replace attributes, one operation each",
        user,
        [
            *replace(displayName="Changed", title="Changed", active=True),
            {"op": "Replace", "path": "name.familyName", "value": "Changed"},
            {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "changed@contoso.example"},
            {"op": "Replace", "path": 'roles[primary eq "True"].display', "value": "Changed"},
            {"op": "Replace", "path": f"{ENTERPRISE}:department", "value": "Changed"},
        ],
        {
            "displayName": "Changed",
            "title": "Changed",
            "name.familyName": "Changed",
            "emails.0.value": "changed@contoso.example",
            "roles.0.display": "Changed",
            f"{ENTERPRISE}#department": "Changed",
        },
    )
    name = f"renamed.{v.word}@contoso.example"
    v.patched(
        "Patch a user: update userName",
        user,
        [{"op": "Replace", "value": {"userName": name}}],
        {"userName": name},
    )
    v.patched(
        "Patch a user: disable",
        user,
        [{"op": "Replace", "path": "active", "value": False}],
        {"active": False},
    )
    small = v.send("POST", "/Users", {"schemas": [USER], "userName": f"small.{v.word}"}).json() or {}
    v.patched(
        "Patch a user: add attributes, one operation each",
        f"/Users/{small.get('id')}",
        [
            {"op": "Add", "path": "displayName", "value": "Added"},
            {"op": "Add", "path": "name.givenName", "value": "Added"},
            {"op": "Add", "path": 'emails[type eq "work"].value', "value": "added@contoso.example"},
            {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "425 555 0100"},
            {"op": "Add", "path": 'addresses[type eq "work"].locality', "value": "Added"},
            {"op": "Add", "path": f"{ENTERPRISE}:employeeNumber", "value": "12"},
        ],
        {
            "displayName": "Added",
            "name.givenName": "Added",
            "emails.0.value": "added@contoso.example",
            "phoneNumbers.0.value": "425 555 0100",
            "addresses.0.locality": "Added",
            f"{ENTERPRISE}#employeeNumber": "12",
        },
    )
    path = f"{ENTERPRISE}:manager"
    for op, value, kept in (("Add", manager, manager), ("Replace", manager, manager), ("Remove", None, None)):
        operation = {"op": op, "path": path} | ({} if value is None else {"value": value})
        v.patched(
            f"Patch a user: {op.lower()} manager", user, [operation], {f"{ENTERPRISE}#manager.value": kept}
        )


def _groups(v: Validation) -> tuple[str, str]:
    member = v.send("POST", "/Users", {"schemas": [USER], "userName": f"member_{v.word}"}).json() or {}
    name = f"Group {v.word}"
    body = {
        "schemas": [GROUP],
        "displayName": name,
        "externalId": f"group-{v.word}",
        "members": [{"value": member.get("id")}],
    }
    group = v.test("Create a new group", "POST", "/Groups", body, _status(201))
    v.test("Create a duplicate group", "POST", "/Groups", body, _status(409))
    path = f"/Groups/{group.get('id')}"

    def without(answer: Answer) -> bool:
        return answer.status == 200 and "members" not in answer.json()

    v.test("Get a group by id, without members", "GET", f"{path}?excludedAttributes=members", None, without)
    find = _filter("/Groups", "displayName", name)
    v.test(
        "Filter an existing group, without members",
        "GET",
        find + "&excludedAttributes=members",
        None,
        lambda answer: _found(1)(answer) and "members" not in answer.json()["Resources"][0],
    )
    v.test(
        "Filter an existing group, with members",
        "GET",
        find,
        None,
        lambda answer: _found(1)(answer) and len(answer.json()["Resources"][0]["members"]) == 1,
    )
    v.test(
        "Filter for a group that does not exist",
        "GET",
        _filter("/Groups", "displayName", "none"),
        None,
        _found(0),
    )
    other_case = _filter("/Groups", "displayName", name.upper())
    v.test("Filter an existing group in another case", "GET", other_case, None, _found(1))
    return path, str(member.get("id"))


def _group_patches(v: Validation, group: str, member: str) -> None:
    name = f"Renamed {v.word}"
    replace = {"op": "Replace", "path": "displayName", "value": name}
    v.patched("Patch a group: replace attributes", group, [replace], {"displayName": name})
    external = {"op": "Replace", "path": "externalId", "value": "other"}
    v.patched("Patch a group: update externalId", group, [external], {"externalId": "other"})
    second = v.send("POST", "/Users", {"schemas": [USER], "userName": f"member2_{v.word}"}).json() or {}
    add = {"op": "Add", "path": "members", "value": [{"value": second.get("id")}]}
    v.patched("Patch a group: add a member", group, [add], {"members.1.value": second.get("id")})
    remove = {"op": "Remove", "path": "members", "value": [{"value": member}]}
    kept = {"members.0.value": second.get("id"), "members.1.value": None}
    v.patched("Patch a group: remove a member", group, [remove], kept)


def _preview(v: Validation, user: str, group: str) -> None:
    several = [
        {"op": "Add", "path": "nickName", "value": "Nick"},
        {"op": "Replace", "path": "title", "value": "Several"},
        {"op": "Remove", "path": "displayName"},
    ]
    kept = {"nickName": "Nick", "title": "Several", "displayName": None}
    v.patched("Preview: several operations on several attributes", user, several, kept)
    for kind, path in (("user", user), ("group", group)):
        twice = [
            {"op": "Replace", "path": "displayName", "value": f"First {v.word}"},
            {"op": "Replace", "path": "displayName", "value": f"Last {v.word}"},
        ]
        name = f"Preview: several operations on one attribute, {kind}"
        v.patched(name, path, twice, {"displayName": f"Last {v.word}"})


def _deletes(v: Validation, user: str, group: str) -> None:
    for kind, path, endpoint in (("user", user, "/Users"), ("group", group, "/Groups")):
        v.test(f"Delete a {kind}", "DELETE", path, None, _status(204))
        v.test(f"Get a deleted {kind}", "GET", path, None, _status(404))
        missing = f"{endpoint}/no-such-{v.word}"
        v.test(f"Preview: delete a {kind} that does not exist", "DELETE", missing, None, _status(404))
        v.test(f"Preview: delete a {kind} twice", "DELETE", path, None, _status(404))
