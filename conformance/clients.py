"""The clients: scim2-cli as a command, scim2-client and scim-client as libraries.

These are no suites: the steps are ours, the judgement of each answer is the client's, and what it refuses to read is a
failure.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance.checks import FAILED, PASSED, Check, one_line
from conformance.target import Target

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


class Steps:
    """Steps that go on after a failure; a step that needs what an earlier one gave fails for want of it."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    def take(self, name: str, act: Callable[[], Any], holds: Callable[[Any], bool] = bool) -> Any:
        """Act, judge, and give what came of it; None after a failure."""
        try:
            result = act()
            good, seen = holds(result), repr(result)
        except Exception as error:  # whatever the client raises is its judgement of the answer
            result, good, seen = None, False, f"{type(error).__name__}: {error}"
        self.checks.append(Check(name, PASSED if good else FAILED, "" if good else one_line(seen)))
        return result


def run_cli(target: Target, work: Path) -> list[Check]:
    """scim2-cli, command by command; the CA is trusted through SSL_CERT_FILE."""
    steps = Steps()
    environment = {**os.environ, "SCIM_CLI_HEADERS": f"Authorization: Bearer {target.token}"}
    if target.ca_file:
        environment["SSL_CERT_FILE"] = target.ca_file

    def scim2(*arguments: str, body: object = None, json_out: bool = True) -> Any:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "scim2"), "--url", target.url, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=environment,
            **({"input": json.dumps(body)} if body is not None else {"stdin": subprocess.DEVNULL}),
        )
        if done.returncode:
            raise RuntimeError(f"exit code {done.returncode}: {done.stderr or done.stdout}")
        return json.loads(done.stdout) if json_out and done.stdout.strip() else done.stdout or "nothing"

    email = '[{"value": "cli@contoso.example", "type": "work", "primary": true}]'
    made: Any = steps.take(
        "create user",
        lambda: scim2("create", "user", "--user-name", "cli", "--emails", email),
        lambda user: user["userName"] == "cli",
    )
    identifier = (made or {}).get("id", "")
    steps.take("query user ID", lambda: scim2("query", "user", identifier), lambda u: u["id"] == identifier)
    steps.take("query user", lambda: scim2("query", "user"), lambda found: found["totalResults"] >= 1)
    steps.take(
        "query user --filter",
        lambda: scim2("query", "user", "--filter", 'userName eq "cli"'),
        lambda found: found["totalResults"] == 1,
    )
    steps.take(
        "query user --attribute",
        lambda: scim2("query", "user", identifier, "--attribute", "userName"),
        lambda user: "emails" not in user and user["userName"] == "cli",
    )
    steps.take(
        "search user --filter --sort-by",
        lambda: scim2("search", "user", "--filter", "emails pr", "--sort-by", "userName"),
        lambda found: found["totalResults"] == 1,
    )
    steps.take("search", lambda: scim2("search"), lambda found: found["totalResults"] >= 1)
    change = ("replace", "displayName", "By scim2", "replace", "active", "false")
    steps.take("modify user: replace", lambda: scim2("modify", "user", identifier, *change))
    add = ("add", "emails", '[{"value": "second@contoso.example", "type": "home"}]')
    steps.take("modify user: add", lambda: scim2("modify", "user", identifier, *add))
    steps.take(
        "modify user: remove",
        lambda: scim2("modify", "user", identifier, "remove", 'emails[type eq "home"]'),
    )
    steps.take(
        "the changes are there",
        lambda: scim2("query", "user", identifier),
        lambda u: (u["displayName"], u["active"], len(u["emails"])) == ("By scim2", False, 1),
    )
    steps.take(
        "replace user",
        lambda: scim2("replace", "user", "--id", identifier, "--user-name", "cli", "--title", "Tester"),
        lambda user: user["title"] == "Tester",
    )
    group = steps.take(
        "create group",
        lambda: scim2(
            "create",
            "group",
            "--display-name",
            "By scim2",
            "--members",
            json.dumps([{"value": identifier}]),
        ),
        lambda made_group: made_group["members"][0]["value"] == identifier,
    )
    operations = [
        {
            "method": "POST",
            "path": "/Users",
            "bulkId": "one",
            "data": {"schemas": [USER], "userName": "bulk"},
        },
        {
            "method": "POST",
            "path": "/Groups",
            "bulkId": "two",
            "data": {"schemas": [GROUP], "displayName": "bulk", "members": [{"value": "bulkId:one"}]},
        },
    ]
    steps.take(
        "bulk with bulkId",
        lambda: scim2("bulk", body={"schemas": [BULK], "failOnErrors": 1, "Operations": operations}),
        lambda done: [operation["status"] for operation in done["Operations"]] == ["201", "201"],
    )
    steps.take("delete group", lambda: scim2("delete", "group", (group or {}).get("id", ""), json_out=False))
    steps.take("delete user", lambda: scim2("delete", "user", identifier, json_out=False))
    steps.take("test", lambda: scim2("test", json_out=False))
    return steps.checks


def run_scim2_client(target: Target, work: Path) -> list[Check]:
    """scim2-client after discovery: models are built from the server's own schemas, every answer is validated."""
    from httpx2 import Client
    from scim2_client.engines.httpx2 import SyncSCIMClient
    from scim2_models import PatchOp, PatchOperation, SearchRequest

    steps = Steps()
    verify = ssl.create_default_context(cafile=target.ca_file) if target.ca_file else True
    headers = {"Authorization": f"Bearer {target.token}"}
    with Client(base_url=target.url, headers=headers, verify=verify, timeout=30) as http:
        scim: Any = SyncSCIMClient(http)
        steps.take("discover", lambda: scim.discover() or True)
        user: Any = steps.take("User is discovered", lambda: scim.get_resource_model("User"))
        group: Any = steps.take("Group is discovered", lambda: scim.get_resource_model("Group"))
        if not user or not group:
            return steps.checks

        def patched(model: Any, resource: Any, *changes: tuple[str, str, Any]) -> Any:
            operation: Any = PatchOperation
            operations = [operation(op=op, path=path, value=value) for op, path, value in changes]
            scim.modify(model, resource.id, PatchOp[model](operations=operations))
            return scim.query(model, resource.id)

        mail = user.model_fields["emails"]
        name = steps.take(
            "create user",
            lambda: scim.create(
                user.model_validate(
                    {
                        "schemas": [USER],
                        "userName": "client",
                        "name": {"givenName": "Cli", "familyName": "Ent"},
                        "emails": [{"value": "client@contoso.example", "type": "work", "primary": True}],
                    }
                )
            ),
            lambda it: it.id and it.user_name == "client" and mail is not None,
        )
        if name is None:
            return steps.checks
        steps.take("query one", lambda: scim.query(user, name.id), lambda it: it.id == name.id)
        steps.take("query all", lambda: scim.query(user), lambda found: found.total_results >= 1)
        steps.take(
            "query with filter, sort and count",
            lambda: scim.query(user, SearchRequest(filter='userName eq "client"', count=1)),
            lambda found: found.total_results == 1,
        )
        steps.take(
            "search by POST",
            lambda: scim.search(SearchRequest(filter='userName eq "client"')),
            lambda found: found.total_results == 1,
        )
        steps.take(
            "modify: replace",
            lambda: patched(user, name, ("replace", "displayName", "New"), ("replace", "active", False)),
            lambda it: it.display_name == "New" and it.active is False,
        )
        steps.take(
            "modify: remove by value path",
            lambda: patched(user, name, ("remove", 'emails[type eq "work"]', None)),
            lambda it: not it.emails,
        )

        def replaced() -> Any:
            whole = scim.query(user, name.id)
            whole.title = "Tester"
            return scim.replace(whole)

        steps.take("replace", replaced, lambda it: it.title == "Tester")
        members = steps.take(
            "create group with a member",
            lambda: scim.create(
                group.model_validate(
                    {"schemas": [GROUP], "displayName": "Team", "members": [{"value": name.id}]}
                )
            ),
            lambda it: it.members[0].value == name.id,
        )
        steps.take(
            "the user has the group", lambda: scim.query(user, name.id), lambda it: len(it.groups) == 1
        )
        if members is not None:
            steps.take("delete group", lambda: scim.delete(group, members.id) or True)
        steps.take("delete user", lambda: scim.delete(user, name.id) or True)
        steps.take(
            "it is gone",
            lambda: scim.query(user, name.id, raise_scim_errors=False),
            lambda gone: int(gone.status) == 404,
        )
    return steps.checks


def run_scim_client(target: Target, work: Path) -> list[Check]:
    """Aplopio's scim-client, which trusts what SSL_CERT_FILE names and brings no classes of its own."""
    from urllib.error import HTTPError

    from scim_client.scim_client import SCIMClient

    class Person:
        def __init__(self, **values: Any) -> None:
            self.values = values
            self.id = values.get("id")

        def to_dict(self) -> dict[str, Any]:
            return dict(self.values)

    class People:
        def __init__(self, total_results: int, resources: list[dict[str, Any]], **_: Any) -> None:
            self.total, self.resources = total_results, resources

    class Client(SCIMClient):  # type: ignore[misc]  # the package has no annotations
        class Meta:
            UserCls = Person
            UserSearchCls = People

    if target.ca_file:
        os.environ["SSL_CERT_FILE"] = target.ca_file
    steps = Steps()
    client = Client(target.url, target.token, max_retries=1)
    made: Any = steps.take(
        "create", lambda: client.create_user(Person(schemas=[USER], userName="aplopio")), lambda p: bool(p.id)
    )
    identifier = made.id if made else ""
    steps.take("read", lambda: client.read_user(identifier), lambda person: person.id == identifier)
    steps.take(
        "search",
        lambda: client.search_users('userName eq "aplopio"', start_index=1),
        lambda found: found.total == 1,
    )
    whole = Person(id=identifier, schemas=[USER], userName="aplopio", title="Tester", active=False)
    steps.take("update by PUT", lambda: client.update_user(whole) or True)
    steps.take(
        "the change is there",
        lambda: client.search_users('title eq "Tester" and active eq false'),
        lambda found: found.total == 1,
    )
    steps.take("delete", lambda: client.delete_user(identifier) or True)

    def gone() -> int:
        try:
            client.read_user(identifier)
        except HTTPError as error:
            return int(error.code)
        return 200

    steps.take("it is gone", gone, lambda code: code == 404)
    return steps.checks
