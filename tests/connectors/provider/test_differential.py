"""The same random operations on this provider and on scim2-server: equal answers, equal states at the end.

scim2-models validates every answer of ours. Where the two differ the RFC decides, and `DIFFERENCES` quotes it.
`DIFFERENTIAL_OPERATIONS=10000` asks for more operations than the few of a normal run.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import random
import re
from typing import Any
from urllib.parse import quote

import pytest

from mockhost.connectors.provider.provider import Provider
from mockhost.scim.errors import ScimError
from mockhost.scim.messages import CORE_USER, ENTERPRISE_USER
from tests.connectors.provider.making import BASE, asking, group, make, user

scim2_models = pytest.importorskip("scim2_models")
scim2_server = pytest.importorskip("scim2_server")

OPERATIONS = int(os.environ.get("DIFFERENTIAL_OPERATIONS", "400"))
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

DIFFERENCES: dict[str, str] = {
    "A deleted user stays a member of its groups in scim2-server; here it is gone from them.": (
        'RFC 7643 4.2: \'The "value" sub-attribute contains the value of an "id" attribute of a SCIM resource\', which '
        "the id of a deleted one no longer is: RFC 7644 3.6 has 'a 404 (Not Found) error code for all operations "
        "associated with the previously deleted resource'"
    ),
    "A PATCH is answered with 204 by scim2-server; here with 200 and the resource.": (
        "RFC 7644 3.5.2: 'the server either MUST return a 200 OK response code and the entire resource within the "
        'response body, subject to the "attributes" query parameter (see Section 3.9), or MAY return HTTP status code '
        "204 (No Content) and the appropriate response headers for a successful PATCH request'"
    ),
}
"""What is not compared, and why: the script goes round it."""


class Reference:
    """scim2-server with its storage in memory, called as a WSGI application."""

    def __init__(self) -> None:
        load = importlib.import_module
        defaults = load("scim2_server.utils")
        provider = scim2_models.ScimProvider.from_discovery(
            defaults.load_default_schemas().values(),
            defaults.load_default_resource_types().values(),
            config=defaults.load_default_service_provider_config(),
        )
        storage = load("scim2_server.memory").InMemoryStorage()
        self.application = load("scim2_server.applications.wsgi").WSGIApplication(storage, provider)

    def ask(self, method: str, path: str, query: str = "", body: object = None) -> tuple[int, Any]:
        octets = b"" if body is None else json.dumps(body).encode()
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": "application/scim+json" if octets else "",
            "CONTENT_LENGTH": str(len(octets)),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(octets),
            "wsgi.errors": io.StringIO(),
            "wsgi.version": (1, 0),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        said: list[str] = []
        answer = b"".join(self.application(environ, lambda status, headers, _=None: said.append(status)))
        return int(said[0].split()[0]), json.loads(answer) if answer else None


class Ours:
    """This provider, asked as a server is."""

    def __init__(self) -> None:
        self.provider: Provider = make(strictness="strict", page_size=1000)

    def ask(self, method: str, path: str, query: dict[str, str], body: object = None) -> tuple[int, Any]:
        endpoint, _, ident = path.strip("/").partition("/")
        type_ = self.provider.type_at(endpoint)
        assert type_ is not None
        try:
            if method == "POST":
                answer = self.provider.create(type_, body, base=BASE)
            elif method == "PUT":
                answer = self.provider.replace(type_, ident, body, base=BASE)
            elif method == "PATCH":
                answer = self.provider.patch(type_, ident, body, base=BASE)
            elif method == "DELETE":
                self.provider.delete(type_, ident)
                return 204, None
            elif ident:
                answer = self.provider.get(type_, ident, base=BASE)
            else:
                return 200, self.provider.find(type_, asking(**query), base=BASE)
        except ScimError as error:
            return error.status, error.body()
        return answer.status, answer.resource


class Pair:
    """Both, with the ids by which each knows the same resource."""

    def __init__(self) -> None:
        self.ours, self.theirs = Ours(), Reference()
        self.known: dict[str, list[tuple[str, str]]] = {"/Users": [], "/Groups": []}

    def ids(self) -> dict[str, str]:
        """Theirs by ours."""
        return {mine: other for pairs in self.known.values() for mine, other in pairs}

    def theirs_of(self, value: Any) -> Any:
        """A request with their ids instead of ours."""
        ids = self.ids()
        return json.loads(GUID.sub(lambda found: ids.get(found[0], found[0]), json.dumps(value)))

    def leave_groups(self, user: str) -> None:
        """Take a user out of the groups of the reference, which keeps deleted users there."""
        operation = {"op": "remove", "path": f'members[value eq "{user}"]'}
        body = {"schemas": [PATCH_OP], "Operations": [operation]}
        for _, ident in self.known["/Groups"]:
            self.theirs.ask("PATCH", f"/Groups/{ident}", "", body)

    def ask(self, method: str, path: str, query: dict[str, str] | None = None, body: object = None) -> Any:
        mine = self.ours.ask(method, path, query or {}, body)
        path, query, body = self.theirs_of([path, query or {}, body])
        text = "&".join(f"{key}={quote(value)}" for key, value in query.items())
        other = self.theirs.ask(method, path, text, body)
        return mine, other


class Script:
    """Random operations on users and groups whose names come from a small set, so that they meet."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pair = Pair()

    def some(self, *values: Any) -> Any:
        return self.random.choice(values)

    def user(self) -> dict[str, Any]:
        n = self.random.randrange(40)
        body = user(f"{self.some('user', 'User')}{n}@contoso.example")
        if self.random.random() < 0.5:
            body["name"] = {"givenName": self.some("Ann", "Bob"), "familyName": self.some("Lee", "Ray")}
        if self.random.random() < 0.5:
            body["emails"] = [{"type": t, "value": f"{t}{n}@x.example", "primary": i == 0}
                              for i, t in enumerate(self.random.sample(["work", "home", "other"], 2))]  # fmt: skip
        if self.random.random() < 0.5:
            body["displayName"] = self.some("A", "B", "C")
        if self.random.random() < 0.5:
            body["active"] = self.some(True, False)
        if self.random.random() < 0.3:
            body["externalId"] = f"e{n}"
        if self.random.random() < 0.3:
            body["schemas"] = [CORE_USER, ENTERPRISE_USER]
            body[ENTERPRISE_USER] = {"department": self.some("Sales", "IT"), "employeeNumber": str(n)}
        if self.random.random() < 0.05:
            body[self.some("active", "displayName", "emails", "name")] = self.some("maybe", 3, [1], {"a": 1})
        return body

    def group(self) -> dict[str, Any]:
        members = [mine for mine, _ in self.pair.known["/Users"]]
        chosen = self.random.sample(members, min(len(members), self.random.randrange(4)))
        return group(f"Group {self.random.randrange(20)}", *chosen)

    def operation(self, type_: str) -> dict[str, Any]:
        if type_ == "/Groups" and not self.pair.known["/Users"]:
            return {"op": "remove", "path": "members"}
        if type_ == "/Groups":
            member = self.some(*[mine for mine, _ in self.pair.known["/Users"]])
            return self.some(  # type: ignore[no-any-return]
                {"op": "add", "path": "members", "value": [{"value": member}]},
                {"op": "remove", "path": f'members[value eq "{member}"]'},
                {"op": "replace", "path": "displayName", "value": f"Group {self.random.randrange(20)}"},
                {"op": "replace", "path": "members", "value": [{"value": member}]},
                {"op": "remove", "path": "members"},
            )
        n = self.random.randrange(40)
        return self.some(  # type: ignore[no-any-return]
            {"op": "replace", "path": "displayName", "value": self.some("A", "B", "C")},
            {"op": "replace", "path": "userName", "value": f"user{n}@contoso.example"},
            {"op": "replace", "path": "active", "value": self.some(True, False)},
            {"op": "add", "path": "emails", "value": [{"type": "work", "value": f"new{n}@x.example"}]},
            {"op": "replace", "path": 'emails[type eq "work"].value', "value": f"w{n}@x.example"},
            {"op": "remove", "path": 'emails[type eq "home"]'},
            {"op": "remove", "path": "emails"},
            {"op": "replace", "path": "name.familyName", "value": self.some("Lee", "Ray")},
            {"op": "remove", "path": "name.givenName"},
            {"op": "remove", "path": "title"},
            {"op": "remove", "path": "userName"},
            {"op": "replace", "path": f"{ENTERPRISE_USER}:department", "value": self.some("Sales", "IT")},
            {"op": "remove", "path": f"{ENTERPRISE_USER}:department"},
            {"op": "add", "value": {"nickName": self.some("N", "M"), "title": "T"}},
            {"op": "replace", "value": {"name": {"givenName": "Eve"}}},
            {"op": "replace", "path": "id", "value": "x"},
            {"op": "replace", "path": "unknown", "value": "x"},
        )

    def filter(self, type_: str) -> str:
        n = self.random.randrange(40)
        if type_ == "/Groups":
            member = self.some(*[mine for mine, _ in self.pair.known["/Users"]] or ["nobody"])
            return self.some(f'displayName eq "group {n // 2}"', f'members.value eq "{member}"', "members pr")  # type: ignore[no-any-return]
        return self.some(  # type: ignore[no-any-return]
            f'userName eq "USER{n}@contoso.example"',
            f'externalId eq "e{n}"',
            f'emails[type eq "work" and value co "{n}"]',
            f'emails.value eq "work{n}@x.example"',
            "active eq true",
            "not (active eq true)",
            'name.familyName eq "lee" and displayName ne "A"',
            'displayName gt "A" or nickName pr',
            f'{ENTERPRISE_USER}:department eq "sales"',
            "emails pr and title pr",
            'meta.resourceType eq "User" and userName ew "0@CONTOSO.example"',
            'emails.type eq "home"',
            'unknown eq "x"',
            "userName eq",
        )

    def step(self) -> tuple[str, Any, Any, Any]:
        """One operation on both: what it was, ours, theirs."""
        type_ = self.some("/Users", "/Users", "/Groups")
        known = self.pair.known[type_]
        kind = self.random.choices(
            ["POST", "PUT", "PATCH", "DELETE", "GET", "find"],
            [5, 2, 6, 1, 1, 4] if known else [1, 0, 0, 0, 0, 1],
        )[0]
        body = self.user() if type_ == "/Users" else self.group()
        if kind == "POST":
            mine, other = self.pair.ask("POST", type_, None, body)
            if mine[0] == other[0] == 201:
                known.append((mine[1]["id"], other[1]["id"]))
            return kind + type_, body, mine, other
        if kind == "find":
            query = {"filter": self.filter(type_)}
            return (kind + type_, query, *self.pair.ask("GET", type_, query))
        ids = self.some(*known)
        path = f"{type_}/{ids[0]}"
        if kind == "PATCH":
            operations = [self.operation(type_) for _ in range(self.some(1, 1, 2))]
            body = {"schemas": [PATCH_OP], "Operations": operations}
        if kind == "DELETE" and type_ == "/Users":
            self.pair.leave_groups(ids[1])
        answer = self.pair.ask(kind, path, None, body if kind in ("PUT", "PATCH") else None)
        if kind == "DELETE":
            known.remove(ids)
        return (kind + type_, body, *answer)


_ANSWERED = {204: 200}
"""A PATCH is answered with 200 or 204 (RFC 7644 3.5.2)."""


def state(resource: Any, ids: dict[str, str] | None = None) -> Any:
    """What a resource says but for its id, times and what is derived; members by the reference's `ids`."""
    if not isinstance(resource, dict):
        return resource
    found = {key: value for key, value in resource.items() if key not in ("id", "meta", "groups")}
    if "members" in found:
        values = [each["value"] for each in found["members"]]
        found["members"] = sorted((ids or {}).get(value, value) for value in values)
    found["schemas"] = sorted(found.get("schemas", ()))
    return json.loads(json.dumps(found, sort_keys=True))


def validate(answer: Any, model: Any) -> None:
    """scim2-models takes a resource of ours for what it is."""
    from scim2_models import Context

    model.model_validate(answer, scim_ctx=Context.RESOURCE_QUERY_RESPONSE)


@pytest.mark.slow
def test_random_operations_end_in_equal_states() -> None:
    """Statuses agree at every step, what is found agrees, and every resource is the same at the end."""
    from scim2_models import EnterpriseUser, Group, User

    script = Script(2026)
    for number in range(OPERATIONS):
        name, body, mine, other = script.step()
        where = f"operation {number}, {name}, {json.dumps(body)}: {mine} and {other}"
        assert _ANSWERED.get(mine[0], mine[0]) == _ANSWERED.get(other[0], other[0]), where
        if name.startswith("find") and mine[0] == 200:
            ids = script.pair.ids()
            names = [sorted(json.dumps(state(each, ids), sort_keys=True) for each in side[1].get("Resources", ()))
                     for side in (mine, other)]  # fmt: skip
            assert mine[1]["totalResults"] == other[1]["totalResults"], where
            assert names[0] == names[1], where
    ids = script.pair.ids()
    for path, known in script.pair.known.items():
        for mine_id, their_id in known:
            mine = script.pair.ours.ask("GET", f"{path}/{mine_id}", {})
            other = script.pair.theirs.ask("GET", f"{path}/{their_id}")
            assert state(mine[1], ids) == state(other[1])
            validate(mine[1], User[EnterpriseUser] if path == "/Users" else Group)
