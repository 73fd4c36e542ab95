"""Connectors of kind `scim` over HTTP: paths, verbs, headers and statuses of RFC 7644, and tenants on demand."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import orjson
import pytest

from mockhost import MockHost
from mockhost.errors import UsageError

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
TOKEN = "correct-horse-battery"


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Client:
    """Asks a connector of kind scim."""

    def __init__(self, host: MockHost, name: str = "SCIM") -> None:
        self.host = host
        self.name = name

    def __call__(self, method: str, path: str, body: object = None, **headers: str | None) -> Answer:
        sent: dict[str, str | None] = {"Authorization": f"Bearer {TOKEN}", "Host": "localhost:8585"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        if data is not None:
            sent.setdefault("Content-Type", "application/scim+json")
        connection = http.client.HTTPConnection("127.0.0.1", self.host.port, timeout=120)
        target = f"/ecma2host_{self.name}/scim{path}"
        connection.request(method, target, data, {k: v for k, v in sent.items() if v is not None})
        answer = connection.getresponse()
        found = Answer(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()
        return found

    def create(self, login: str = "bob", **more: Any) -> Answer:
        return self("POST", "/Users", {"schemas": [USER], "userName": login, **more})


@pytest.fixture(scope="module")
def running() -> Iterator[MockHost]:
    """One host for all of these tests."""
    scenario = {
        "format": 1,
        "extends": "basics/scim",
        "on_demand": {"template": "SCIM", "max": 3},
        "connectors": {
            "SCIM": {"me": "bob"},
            "Strict": {"kind": "scim", "secret_token": TOKEN, "behaviours": {"strictness": "strict"}},
        },
    }
    with MockHost(scenario, tls=False, control=False) as host:
        yield host


@pytest.fixture
def scim(running: MockHost) -> Iterator[Client]:
    """A client of a host as good as new; no test may leave a bug in the journal."""
    running.reset()
    yield Client(running)
    assert not [entry.bug for entry in running.journal if entry.bug]


def test_a_user_lives_and_dies(scim: Client) -> None:
    """Created, found, read, changed, replaced, deleted: with the statuses and headers of RFC 7644."""
    created = scim.create(name={"givenName": "Bob"})
    ident, etag = created.json["id"], created.headers["ETag"]
    assert created.status == 201
    assert created.headers["Location"] == created.json["meta"]["location"]
    assert created.headers["Location"] == f"http://localhost:8585/ecma2host_SCIM/scim/Users/{ident}"
    assert created.headers["Content-Type"] == "application/scim+json; charset=utf-8"
    assert scim("GET", f"/Users/{ident}").json == created.json
    found = scim("GET", "/Users?filter=userName+eq+%22BOB%22").json
    assert (found["totalResults"], found["Resources"]) == (1, [created.json])
    change = {"schemas": [PATCH], "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
    changed = scim("PATCH", f"/Users/{ident}", change)
    now = scim("GET", f"/Users/{ident}").json
    assert (changed.status, changed.body, now["active"]) == (204, b"", False)
    assert changed.headers["ETag"] == now["meta"]["version"] != etag
    part = scim("PATCH", f"/Users/{ident}?attributes=active", change)
    assert (part.status, part.json["active"]) == (200, False)
    replaced = scim("PUT", f"/Users/{ident}", {"schemas": [USER], "userName": "bob", "nickName": "B"})
    assert (replaced.status, replaced.json["nickName"], "name" in replaced.json) == (200, "B", False)
    gone = scim("DELETE", f"/Users/{ident}")
    assert (gone.status, gone.body) == (204, b"")
    assert scim("GET", f"/Users/{ident}").status == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/Users?filter=nope+eq+%22{guid}%22", 400),
        ("/Users?filter=members.value+eq+%22{guid}%22", 400),
        ("/Groups?filter=members.value+eq+%22{guid}%22", 200),
        ("/?filter=members.value+eq+%22{guid}%22", 200),
    ],
)
def test_a_find_of_a_guid_is_answered_by_its_own_type(scim: Client, path: str, status: int) -> None:
    """Whether such a find is Test connection's is asked of the resource type that the path names."""
    answer = Client(scim.host, "Strict")("GET", path.format(guid="8646d011-1693-4cd3-9ee6-0d7482ca2219"))
    assert (answer.status, scim.host.journal.entries()[-1].probe) == (status, status == 200)


def test_conditional_requests(scim: Client) -> None:
    """If-None-Match spares the answer, If-Match guards the write (RFC 7644 3.14)."""
    created = scim.create()
    path, etag = f"/Users/{created.json['id']}", created.headers["ETag"]
    same = scim("GET", path, If_None_Match=etag)
    assert (same.status, same.body, same.headers["ETag"]) == (304, b"", etag)
    change = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "nickName", "value": "B"}]}
    assert scim("PATCH", path, change, If_Match='W/"other"').status == 412
    assert scim("PATCH", path, change, If_Match=etag).status == 204
    assert scim("DELETE", path, If_Match=etag).status == 412
    assert scim("GET", path, If_None_Match=etag).status == 200
    assert scim("DELETE", path, If_Match="*").status == 204


def test_groups_and_their_members(scim: Client) -> None:
    """A group shows its members, a user the groups; a member that is deleted leaves."""
    bob = scim.create().json["id"]
    made = scim("POST", "/Groups", {"schemas": [GROUP], "displayName": "Tools", "members": [{"value": bob}]})
    assert made.status == 201
    assert made.json["members"][0]["value"] == bob
    assert scim("GET", f"/Users/{bob}").json["groups"][0]["value"] == made.json["id"]
    lean = scim("GET", f"/Groups/{made.json['id']}?excludedAttributes=members").json
    assert "members" not in lean
    scim("DELETE", f"/Users/{bob}")
    assert not scim("GET", f"/Groups/{made.json['id']}").json.get("members")


def test_searches_at_both_levels(scim: Client) -> None:
    """`.search` by POST, of one type and of all; a GET of the root lists all, too."""
    scim.create()
    scim("POST", "/Groups", {"schemas": [GROUP], "displayName": "Tools"})
    body = {"schemas": [SEARCH], "filter": "meta.created pr", "attributes": ["userName"]}
    assert scim("POST", "/Users/.search", body).json["totalResults"] == 1
    assert scim("POST", "/.search", body).json["totalResults"] == 2
    assert scim("GET", "/").json["totalResults"] == 2
    assert scim("GET", "?filter=displayName+eq+%22Tools%22").json["totalResults"] == 1
    wrong = scim("GET", "/Users/.search")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "POST")


def test_bulk(scim: Client) -> None:
    """Operations in one request, which may refer to each other by bulkId."""
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": "u", "data": {"schemas": [USER], "userName": "zoe"}},
        {
            "method": "POST",
            "path": "/Groups",
            "bulkId": "g",
            "data": {"schemas": [GROUP], "displayName": "G", "members": [{"value": "bulkId:u"}]},
        },
        {"method": "DELETE", "path": "/Users/nobody"},
    ]
    answer = scim("POST", "/Bulk", {"schemas": [BULK], "Operations": operations})
    assert answer.status == 200
    assert [operation["status"] for operation in answer.json["Operations"]] == ["201", "201", "404"]
    assert scim("GET", "/Groups").json["Resources"][0]["members"]
    large = scim("POST", "/Bulk", b" " * 1_048_577)
    assert (large.status, large.json["schemas"]) == (413, [ERROR])


def test_me_is_the_user_who_asks(scim: Client) -> None:
    """Not there, then created, then read in the place of its own path."""
    assert scim("GET", "/Me").status == 404
    created = scim("POST", "/Me", {"schemas": [USER], "userName": "bob"})
    assert created.status == 201
    me = scim("GET", "/Me")
    assert me.json["id"] == created.json["id"]
    assert me.headers["Location"].endswith(f"/Users/{created.json['id']}")
    assert scim("DELETE", "/Me").status == 204
    strict = Client(scim.host, "Strict")
    assert strict("GET", "/Me").status == 501


def test_what_it_says_of_itself(scim: Client) -> None:
    """The discovery endpoints, each resource of theirs, and no filter on them (RFC 7644 4)."""
    config = scim("GET", "/ServiceProviderConfig").json
    assert all(config[name]["supported"] for name in ("patch", "bulk", "filter", "sort", "etag"))
    for path in ("/Schemas", "/ResourceTypes"):
        listed = scim("GET", path).json
        assert listed["totalResults"] == len(listed["Resources"]) >= 2
        for each in listed["Resources"]:
            assert scim("GET", f"{path}/{each['id']}").json["id"] == each["id"]
        assert scim("GET", f"{path}?filter=id+pr").status == 403
        assert scim("GET", f"{path}/nothing").status == 404


def test_refusals_are_scim_errors(scim: Client) -> None:
    """Whatever is wrong: a path, a token, a verb, a media type, JSON (RFC 7644 3.12)."""
    cases = [
        (404, scim("GET", "/Nothing")),
        (404, scim("GET", "/Users/nobody")),
        (401, scim("GET", "/Users", Authorization=None)),
        (401, scim("GET", "/Users", Authorization="Bearer wrong")),
        (405, scim("DELETE", "/Users")),
        (405, scim("POST", "/Users/x", {})),
        (415, scim("POST", "/Users", b"<user/>", Content_Type="application/xml")),
        (400, scim("POST", "/Users", b"{")),
        (400, scim("POST", "/Users", [])),
        (400, scim("GET", "/Users?filter=userName+eq")),
        (409, (scim.create(), scim.create())[1]),
    ]
    for status, answer in cases:
        assert answer.status == status
        assert answer.json["schemas"] == [ERROR]
        assert answer.json["status"] == str(status)
        assert answer.json["detail"]
    assert cases[2][1].headers["WWW-Authenticate"] == "Bearer"
    assert set(cases[4][1].headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_head_is_get_without_its_body(scim: Client) -> None:
    """Same status and headers, nothing else (RFC 9110 9.3.2)."""
    path = f"/Users/{scim.create().json['id']}"
    head, get = scim("HEAD", path), scim("GET", path)
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", get.headers["ETag"])


def test_pages_by_index_and_by_cursor(scim: Client) -> None:
    """Both ways come to the end, with every user once (RFC 7644 3.4.2.4, RFC 9865)."""
    names = {f"user{n}" for n in range(7)}
    for name in names:
        scim.create(name)
    by_index: list[str] = []
    while len(by_index) < 7:
        page = scim("GET", f"/Users?count=3&startIndex={len(by_index) + 1}").json
        by_index += [user["userName"] for user in page["Resources"]]
    by_cursor: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = scim("GET", f"/Users?count=3&cursor={cursor}").json
        by_cursor += [user["userName"] for user in page["Resources"]]
        cursor = page.get("nextCursor")
    assert set(by_index) == set(by_cursor) == names
    assert len(by_cursor) == 7


# -- with everything else that a mock can do ------------------------------------------------------------------


def test_rules_and_faults_work_on_it(scim: Client) -> None:
    """The same words as for the ECMA host's connectors, with the standard's attributes."""
    host = scim.host
    host.fail_next("create_user", attributes={"userName": "bob"}, fault="malformed_json", write="not_applied")
    assert scim.create("ann").status == 201
    broken = scim.create("bob")
    assert broken.status == 201
    with pytest.raises(orjson.JSONDecodeError):
        _ = broken.json
    assert scim("GET", "/Users?filter=userName+eq+%22bob%22").json["totalResults"] == 0
    host.fail_next("find_users", fault={"http_error": 401})
    refused = scim("GET", "/Users?filter=userName+eq+%22bob%22")
    assert (refused.status, refused.json["schemas"]) == (401, [ERROR])


def test_changes_behind_its_back_and_what_it_holds(scim: Client) -> None:
    """`change` inserts, updates and deletes resources; `objects` shows them."""
    host = scim.host
    insert = [{"userName": "mia", "emails": [{"value": "mia@contoso.example"}]}, {"displayName": "Tools"}]
    assert host.change({"SCIM": {"insert": insert}}) == 2
    assert scim("GET", "/Groups").json["totalResults"] == 1
    assert host.change({"SCIM": {"update": [{"where": {"userName": "mia"}, "set": {"active": False}}]}}) == 1
    assert scim("GET", "/Users").json["Resources"][0]["active"] is False
    assert host.change({"SCIM": {"delete": [{"displayName": "Tools"}]}}) == 1
    assert [each["userName"] for each in host.objects("SCIM")] == ["mia"]
    with pytest.raises(UsageError, match="required"):
        host.change({"SCIM": {"insert": [{"type": "User"}]}})
    with pytest.raises(UsageError, match="has no imports"):
        host.import_now("SCIM")


def test_debug_opens_the_host_and_not_its_neighbour(scim: Client) -> None:
    """What the ECMA host does without a token is nothing that a service provider does."""
    with MockHost(
        {"format": 1, "extends": "basics/scim", "host": {"debug": True}}, tls=False, control=False
    ) as host:
        assert Client(host)("GET", "/Users", Authorization=None).status == 401


# -- tenants --------------------------------------------------------------------------------------------------


def test_a_tenant_springs_up_when_it_is_first_let_in(scim: Client) -> None:
    """Any name, its own objects; whoever has no token makes none; a tenant too many is not there."""
    host = scim.host
    one, two = Client(host, "Team1"), Client(host, "Team2")
    assert one("GET", "/Users", Authorization="Bearer wrong").status == 401
    assert "Team1" not in host.status()["connectors"]
    assert one.create().status == two.create().status == 201
    assert one.create().status == 409
    assert scim("GET", "/Users").json["totalResults"] == 0
    assert Client(host, "Team3")("GET", "/Users").status == 200
    assert Client(host, "Team4")("GET", "/Users").status == 404
    assert Client(host, "Not-a-name")("GET", "/Users").status == 404
    host.reset()
    assert one("GET", "/Users").json["totalResults"] == 0


def test_a_tenant_has_counters_states_and_chance_of_its_own(scim: Client) -> None:
    """What one has used up is there for the other; ids differ, and are the same again after a reset."""
    host = scim.host
    host.add_rule(
        {"name": "first two", "when": {"operation": "list_users"}, "times": 2, "reply": {"status": 503}}
    )
    one, two = Client(host, "Team1"), Client(host, "Team2")
    assert [one("GET", "/Users").status for _ in range(3)] == [503, 503, 200]
    assert [two("GET", "/Users").status for _ in range(3)] == [503, 503, 200]
    first, second = one.create().json["id"], two.create().json["id"]
    assert first != second
    host.reset()
    assert Client(host, "Team1").create().json["id"] == first


def test_one_tenant_is_reset_without_the_others(scim: Client) -> None:
    """Its objects, counters and exchanges are gone, those of its neighbour are not."""
    host = scim.host
    one, two = Client(host, "Team1"), Client(host, "Team2")
    for each in (one, two, scim):
        each.create()
    host.reset_connector("Team1")
    host.reset_connector("SCIM")
    assert [each("GET", "/Users").json["totalResults"] for each in (one, two, scim)] == [0, 1, 0]
    assert [entry.operation for entry in host.journal if entry.connector == "Team1"] == ["list_users"]
    assert len(host.journal.entries(connector="Team2")) == 2
    with pytest.raises(UsageError, match="Team9"):
        host.reset_connector("Team9")


def test_one_connector_of_the_host_is_reset_without_the_other() -> None:
    """As for tenants: its connected system and its cache are as at the start."""
    with MockHost(tls=False, control=False) as host:
        host.change({"SQL": {"delete": [{"ContosoLogin": "ljacobson"}]}})
        before = len(host.objects("LDAP"))
        host.reset_connector("SQL")
        assert host.objects("SQL", ContosoLogin="ljacobson")
        assert any(each["id"] == "ljacobson" for each in host.cache("SQL"))
        assert len(host.objects("LDAP")) == before


def test_of_many_who_ask_for_a_name_at_once_one_gets_it(scim: Client) -> None:
    """Fifty clients, one userName: one 201, and 409 for the others."""
    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(lambda _: scim.create("same").status, range(50)))
    assert sorted(statuses) == [201, *[409] * 49]
    assert scim("GET", "/Users").json["totalResults"] == 1


def test_tenants_spring_up_in_a_race_and_are_reset_meanwhile(scim: Client) -> None:
    """No more than there may be, whoever comes first; nobody meets a connector that is half there."""
    host = scim.host

    def ask(number: int) -> int:
        name = f"Race{number % 6}"
        if number % 10 == 9:
            with contextlib.suppress(UsageError):  # it has not sprung up
                host.reset_connector(name)
        return Client(host, name).create("bob").status

    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(ask, range(120)))
    assert set(statuses) <= {201, 409, 404}
    assert len(host.runtime.state.served.on_demand) == 3
