"""Steps are played as a client would: sent as told, compared in words, with a driver for everything else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from mockhost.errors import CannotRun
from mockhost.expect.check import CURED, Report, check, prove
from mockhost.expect.steps import StepResult, play
from mockhost.running import ClientTarget
from mockhost.scim.messages import ECMA_USER, LIST_RESPONSE
from tests.client.conftest import Peers, Presented
from tests.client.peers import Line, Peer, answer

EMPTY = {"schemas": [LIST_RESPONSE], "totalResults": 0, "itemsPerPage": 0, "startIndex": 1, "Resources": []}
BOB = {"schemas": [ECMA_USER], "id": "b/ob", ECMA_USER: {"ContosoLogin": "bob"}}


def scim(line: Line) -> None:
    """A small SCIM service: one user, one token."""
    head = line.read_request().split(b"\r\n\r\n")[0].decode()
    if "Authorization: Bearer good" not in head:
        line.send(answer(b'{"Message":"denied"}', "401 Unauthorized", "WWW-Authenticate: Bearer"))
    elif head.startswith("POST"):
        line.send(answer(json.dumps(BOB).encode(), "201 Created", "Location: /x"))
    elif "filter=" in head:
        line.send(answer(json.dumps(EMPTY).encode()))
    elif head.startswith("GET"):
        line.send(answer(json.dumps(BOB).encode()))
    else:
        body = {"detail": "no such thing", "scimType": "noTarget", "status": "404"}
        line.send(answer(json.dumps(body).encode(), "404 Not Found"))
    line.hang()


class Hand:
    """A driver that notes what it is told to do."""

    def __init__(self, target: ClientTarget) -> None:
        self.done: list[tuple[object, ...]] = []
        self.target = target

    def advance(self, seconds: float) -> None:
        self.done.append(("advance", seconds))

    def service(self, action: str) -> None:
        if action == "stop":
            raise CannotRun("the service does not stop", hint="try again")
        self.done.append(("service", action))

    def set(self, path: str, value: object) -> None:
        self.done.append(("set", path, value))
        if path == "client.SQL.secret_token":
            self.target = self.target._replace(secret_token=str(value))

    def change(self, changes: Mapping[str, object]) -> None:
        self.done.append(("change", dict(changes)))

    def import_now(self, connector: str, profile: str) -> None:
        self.done.append(("import", connector, profile))

    def verify(self, spec: Mapping[str, object]) -> tuple[bool, str]:
        return spec == {"operation": "probe"}, "expected 1 exchange, saw 0"

    def windows(
        self, command: str, elevated: bool | None, session: Mapping[str, object]
    ) -> Mapping[str, Any]:
        self.done.append(("windows", command, elevated, dict(session)))
        exit_code = 1 if command == "fails" else 0
        return {"exit": exit_code, "output": f"{command}: a text", "session": {"location": command}}

    def portal(self, step: object, timeout: float) -> Mapping[str, Any]:
        self.done.append(("portal", step))
        counts = {"imported": 3, "by": ["create", 3]}
        return {"ok": step == "test_connection", "verdict": {}, "next": 2399.999879837036, "counts": counts}

    def hide(self, text: str) -> str:
        return text

    def near_miss(self) -> str:
        return "rule 'x' came closest"

    def targets(self) -> Mapping[str, ClientTarget]:
        return {"SQL": self.target}

    def truth(self) -> Mapping[str, ClientTarget]:
        return {"SQL": self.target._replace(ca_file="/truth.pem")}


Play = Callable[..., list[StepResult]]


@pytest.fixture
def peer(peers: Peers) -> Peer:
    return peers(scim)


@pytest.fixture
def hand(peer: Peer) -> Hand:
    return Hand(ClientTarget("SQL", f"{peer.url}/ecma2host_SQL/scim", "good", None, True))


@pytest.fixture
def run(hand: Hand) -> Play:
    """Play steps as the client that was told the truth."""
    return lambda *steps: play(steps, targets=hand.targets(), driver=hand, default_connector="SQL")


def test_a_sound_test_connection(run: Play) -> None:
    """Status, counts, headers, body and the portal's words all hold."""
    gets = {
        "status": 200,
        "totalResults": 0,
        "resources": 0,
        "headers": {"content-length": {"matches": "^[0-9]+$"}, "X-None": {"absent": True}},
        "body": {"/schemas/0": LIST_RESPONSE, "/nothing": {"absent": True}, "": {"contains": "Resources"}},
        "portal": {"contains": "The supplied credentials are authorized"},
        "took": {"at_most": 60.0},
        "ends": "keep",
    }
    (result,) = run({"send": "test_connection", "gets": gets})
    assert (result.ok, result.problems, result.error) == (True, (), None)
    assert result.text == "test_connection to SQL: 200 OK"
    assert result.verdict is not None


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that stays open is not watched for long where its end is expected."""
    monkeypatch.setattr("mockhost.expect.steps._WATCH_CLOSED", 0.05)


@pytest.mark.usefixtures("briefly")
def test_every_difference_is_a_line_of_its_own(run: Play) -> None:
    """Each names its subject, and says what was expected and what came."""
    gets = {
        "status": 404,
        "detail": {"contains": "x"},
        "headers": {"Location": "/y"},
        "body": {"/id": "c"},
        "ends": "rst",
        "scimType": "a",
        "message": "m",
        "totalResults": 3,
        "resources": 1,
        "took": {"at_most": 0.0},
        "text": "",
    }
    (result,) = run({"send": "create", "attributes": {"ContosoLogin": "bob"}, "gets": gets})
    subjects = [line.split(":")[0] for line in result.problems]
    assert subjects == ["status", "detail", "header Location", "body /id", "ends", "scimType", "message",
                        "totalResults", "resources", "took", "text"]  # fmt: skip
    assert "status: expected 404, got 201" in result.problems
    assert "header Location: expected '/y', got '/x'" in result.problems
    assert "ends: expected 'rst', got 'keep' (201 Created)" in result.problems
    assert not result.ok
    assert result.error is None


def test_what_is_captured_is_used_later(run: Play, peer: Peer) -> None:
    """In paths, bodies and expectations; a value that is the whole text keeps its type."""
    results = run(
        {
            "send": "create",
            "attributes": {"ContosoLogin": "bob"},
            "capture": {"id": "/id", "all": f"/{ECMA_USER}"},
        },
        {"send": "get", "id": "{{id}}", "gets": {"body": {"/id": "{{ id }}", f"/{ECMA_USER}": "{{all}}"}}},
        {"send": "raw", "method": "PUT", "path": "/x-{{id}}", "body": {"a": "{{all}}"}},
        {"send": "get", "id": "{{other}}"},
        {"send": "delete", "id": "x", "capture": {"none": "/nothing"}},
    )
    assert [result.ok for result in results] == [True, True, True, False, False]
    assert results[3].error == "nothing was captured as 'other'; known: all, id"
    assert results[4].problems == ("capture none: expected a value at '/nothing', got nothing",)
    peer.close()
    assert sorted(line.split(b" HTTP")[0] for line in peer.requests) == [
        b"DELETE /ecma2host_SQL/scim/Users/x", b"GET /ecma2host_SQL/scim/Users/b%2Fob",
        b"POST /ecma2host_SQL/scim/Users", b"PUT /ecma2host_SQL/scim/x-b/ob",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "line", "body"),
    [
        ({"send": "find", "filter": 'a eq "b"', "count": 2}, "GET {base}/Users?filter=a+eq+%22b%22&count=2", None),
        ({"send": "find", "where": {"id": "b"}}, "GET {base}/Users?filter=id+eq+%22b%22", None),
        ({"send": "list", "start_index": 3, "attributes": ["a"]}, "GET {base}/Users?attributes=a&startIndex=3", None),
        ({"send": "get", "id": "b", "excluded_attributes": ["x"]}, "GET {base}/Users/b?excludedAttributes=x", None),
        ({"send": "schemas"}, "GET {base}/Schemas", None),
        ({"send": "cache"}, "GET {base}/cache", None),
        ({"send": "delete", "id": "b"}, "DELETE {base}/Users/b", None),
        ({"send": "replace", "id": "b", "body": "not json"}, "PUT {base}/Users/b", "not json"),
        ({"send": "patch", "id": "b", "operations": []}, "PATCH {base}/Users/b", {"Operations": []}),
        ({"send": "patch", "id": "b", "body": [1]}, "PATCH {base}/Users/b", [1]),
        (
            {"send": "patch", "id": "b", "set": {"active": True}},
            "PATCH {base}/Users/b",
            {"Operations": [{"op": "Replace", "path": "active", "value": "True"}]},
        ),
        ({"send": "test_connection", "probe": {"attribute": "userName", "value": "v"}},
         "GET {base}/Users?filter=userName+eq+%22v%22", None),
        ({"send": "raw"}, "GET {base}", None),
        ({"send": "raw", "target": "//x?y", "method": "TRACE"}, "TRACE //x?y", None),
    ],
)  # fmt: skip
def test_what_each_step_sends(
    run: Play, peer: Peer, step: dict[str, object], line: str, body: object
) -> None:
    """Method, target, media type and body."""
    (result,) = run(step)
    assert result.error is None
    peer.close()
    (request,) = peer.requests
    head, _, sent = request.decode().partition("\r\n\r\n")
    assert head.startswith(line.replace("{base}", "/ecma2host_SQL/scim") + " HTTP/1.1\r\n")
    assert ("Content-Type: application/scim+json; charset=utf-8" in head) is (body is not None)
    assert "User-Agent" not in head
    if isinstance(body, str):
        assert sent == body
    elif isinstance(body, dict):
        assert json.loads(sent) == {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], **body}
    else:
        assert (json.loads(sent) if sent else None) == body


def test_headers_are_added_replaced_and_left_out(run: Play, peer: Peer) -> None:
    """A null takes the service's own away."""
    run(
        {
            "send": "raw",
            "headers": {"authorization": None, "X": "1", "content-type": "text/plain"},
            "body": "x",
        }
    )
    peer.close()
    head = peer.requests[0].decode()
    assert "uthorization" not in head
    assert "X: 1\r\ncontent-type: text/plain" in head or "content-type: text/plain\r\n" in head
    assert head.lower().count("content-type") == 1


def test_a_client_may_have_been_told_otherwise(run: Play, peer: Peer, closed_port: int) -> None:
    """`as` lays a token and tenant URL over what the client was told; {truth}, {port} and paths are the host's."""
    results = run(
        {
            "send": "test_connection",
            "as": {"secret_token": "bad"},
            "gets": {"status": 401, "message": "denied"},
        },
        {"send": "test_connection", "as": {"secret_token": None}, "gets": {"status": 401}},
        {
            "send": "test_connection",
            "as": {"tenant_url": f"http://localhost:{closed_port}"},
            "gets": {"ends": "refused"},
        },
        {"send": "raw", "as": {"tenant_url": "/other"}, "path": "/1"},
        {"send": "raw", "as": {"tenant_url": "{truth}/more"}, "path": "/2"},
        {"send": "raw", "as": {"tenant_url": "http://{host}:{port}/x"}, "path": "/3"},
        {"send": "raw", "as": {"tenant_url": "nonsense"}, "gets": {"ends": "unsent"}},
    )
    assert [result.ok for result in results] == [True] * 7
    peer.close()
    targets = {request.split(b" ")[1] for request in peer.requests}
    assert {b"/other/1", b"/ecma2host_SQL/scim/more/2", b"/x/3"} <= targets


def test_trust_may_be_withheld_from_one_step(peers: Peers, present: Callable[..., Presented]) -> None:
    """`as: {trusts: []}` makes a sound certificate untrusted."""
    presented = present()
    peer = peers(scim, context=presented.context)
    told = ClientTarget("SQL", f"{peer.url}/ecma2host_SQL/scim", "good", presented.ca_file, True)
    steps = [
        {"send": "test_connection", "gets": {"status": 200}},
        {"send": "test_connection", "as": {"trusts": []}, "gets": {"ends": "tls_untrusted", "portal": {
            "contains": "An error occurred while sending the request"}}},
    ]  # fmt: skip
    results = play(steps, targets={"SQL": told}, default_connector="SQL")
    assert [result.problems for result in results] == [(), ()]


def test_the_driver_operates_the_host(run: Play, hand: Hand) -> None:
    """Every other verb is the driver's, and what the client was told is read again afterwards."""
    results = run(
        {"advance": 240.0},
        {"service": "restart"},
        {"set": {"host.debug": True, "client.SQL.secret_token": "bad"}},
        {"change": {"SQL": {"delete": [{"a": 1}]}}},
        {"import": "SQL"},
        {"import": {"connector": "SQL", "profile": "delta"}},
        {"verify": {"operation": "probe"}},
        {"send": "test_connection", "gets": {"status": 401}},
    )
    assert [result.problems for result in results] == [()] * 8
    assert results[0].text == "advance 240 s"
    assert hand.done == [
        ("advance", 240.0), ("service", "restart"), ("set", "host.debug", True),
        ("set", "client.SQL.secret_token", "bad"), ("change", {"SQL": {"delete": [{"a": 1}]}}),
        ("import", "SQL", "full"), ("import", "SQL", "delta"),
    ]  # fmt: skip


def test_a_verification_that_does_not_hold_is_a_difference(run: Play) -> None:
    """It is no error: something was compared."""
    (result,) = run({"verify": {"operation": "find_users"}})
    assert (result.ok, result.problems, result.error) == (False, ("expected 1 exchange, saw 0",), None)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ({"send": "test_connection", "connector": "sql"}, "there is no connector 'sql'; did you mean 'SQL'?"),
        ({"send": "post"}, "nothing is sent by 'post'"),
        ({"send": "get"}, "'send: get' needs 'id'"),
        ({"send": "find"}, "needs 'filter' or 'where'"),
        ({"send": "find", "where": [1]}, "'where' is a map"),
        ({"send": "list", "attributes": "a"}, "'attributes' is a list of names"),
        ({"send": "schemas", "gets": {"portal": "x"}}, "after a test connection only"),
        ({"send": "schemas", "gets": {"stats": 1}}, "did you mean 'status'?"),
        ({"send": "schemas", "gets": {"ends": "rest"}}, "did you mean 'rst'?"),
        ({"send": "schemas", "gets": {"body": {"id": 1}}}, "a JSON pointer begins with '/'"),
        ({"send": "schemas", "gets": {"ends": {"no_answer_within": "2s"}}}, "a number of seconds"),
        ({"advance": "4m"}, "a number of seconds"),
        ({"service": "stop"}, "the service does not stop; try again"),
        ({"note": "?"}, "the step does nothing"),
    ],
)
@pytest.mark.usefixtures("briefly")
def test_a_step_that_cannot_be_carried_out_is_an_error_and_no_difference(
    run: Play, step: dict[str, object], error: str
) -> None:
    """The message says what is wrong with the step."""
    (result,) = run(step)
    assert (result.ok, result.problems) == (False, ())
    assert error in (result.error or "")


def test_without_a_driver_only_sending_is_possible(hand: Hand) -> None:
    """As against a real host."""
    steps: list[dict[str, object]] = [{"advance": 1.0}, {"send": "schemas", "gets": {"status": 200}}]
    results = play(steps, targets=hand.targets(), default_connector="SQL")
    assert [result.ok for result in results] == [False, True]
    assert "can't be done to this host" in (results[0].error or "")


def test_no_answer_is_waited_for_as_long_as_the_step_says(peers: Peers) -> None:
    """And not longer; the portal calls it a time-out."""
    peer = peers(lambda line: (line.read_request(), line.hang()))
    target = ClientTarget("SQL", f"{peer.url}/ecma2host_SQL/scim", "good", None, True)
    gets = {"ends": {"no_answer_within": 0.2}, "took": {"at_least": 0.2}, "portal": {"contains": "TimeOut"}}
    results = play(
        [{"send": "test_connection", "gets": gets}], targets={"SQL": target}, default_connector="SQL"
    )
    assert results[0].problems == ()


def test_an_answer_that_was_cut_is_a_difference_unless_its_end_is_expected(peers: Peers) -> None:
    """A 200 whose body is short is not what `status: 200` means."""
    peer = peers(lambda line: (line.read_request(), line.send(answer(b"{}")[:-1]), line.reset()))
    target = ClientTarget("SQL", peer.url, "good", None, True)
    steps = [
        {"send": "schemas", "gets": {"status": 200}},
        {"send": "schemas", "gets": {"status": 200, "ends": "rst"}},
    ]
    results = play(steps, targets={"SQL": target}, default_connector="SQL")
    assert [result.ok for result in results] == [False, True]
    assert "the answer is not whole" in results[0].problems[0]


class File(NamedTuple):
    """What `check` looks at of a scenario."""

    name: str = "documented/x"
    connectors: Mapping[str, object] = {"SQL": {}}
    client: Mapping[str, object] = {}
    expect: tuple[Mapping[str, object], ...] = ()
    cure: tuple[Mapping[str, object], ...] = ()
    cured: tuple[Mapping[str, object], ...] = ()
    wrong_cure: tuple[Mapping[str, object], ...] = ()


REFUSED = {"send": "test_connection", "gets": {"status": 401}}
TOLD = {"set": {"client.SQL.secret_token": "good"}}


def test_a_scenario_is_checked_from_symptom_to_cure(hand: Hand) -> None:
    """expect, cure, cured; what is true afterwards defaults to a sound test connection."""
    hand.set("client.SQL.secret_token", "bad")
    report = check(File(expect=(REFUSED,), cure=(TOLD,)), hand)
    assert report.ok, report.text
    assert [section.name for section in report.sections] == ["expect", "cure", "cured"]
    assert report.sections[2].results[0].step is CURED[0]


def test_a_report_shows_what_differs(hand: Hand) -> None:
    """A line for each step, what differs below it."""
    report = check(File(expect=(REFUSED,), cured=({"verify": {}},)), hand)
    assert not report.ok
    assert report.text.splitlines() == [
        "documented/x: not as it says",
        "  expect",
        "    FAIL test_connection to SQL: 200 OK",
        "         status: expected 401, got 200",
        "         rule 'x' came closest",
        "  cured",
        "    FAIL verify: expected 1 exchange, saw 0",
    ]
    assert isinstance(report, Report)


@pytest.mark.parametrize(
    ("steps", "holds", "text"),
    [
        ((REFUSED,), True, "status: expected 401, got 200"),
        (({"send": "test_connection", "gets": {"status": 200}},), False, "no step does fail"),
        (
            (REFUSED, {"send": "schemas", "connector": "Other"}),
            False,
            "step 2 could not be carried out there",
        ),
        ((), False, "there is no step"),
        # A busy machine could make these differ, or not differ; they prove nothing, and cost nothing.
        (
            ({"send": "test_connection", "gets": {"took": {"at_least": 3600.0}}},),
            False,
            "verify: {rule: NAME}",
        ),
        (({"send": "test_connection", "gets": {"took": {"at_most": 0.0}}},), False, "no step does fail"),
        (
            ({"send": "test_connection", "gets": {"ends": {"no_answer_within": 1e-6}}},),
            True,
            "ends: expected",
        ),
    ],
)
def test_a_proof_needs_a_compared_value_that_differs(
    hand: Hand, steps: tuple[Mapping[str, object], ...], holds: bool, text: str
) -> None:
    """An error in a step, or no difference at all, proves nothing."""
    proof = prove(File(expect=steps), hand)
    assert proof.holds is holds
    assert text in proof.text
    assert bool(proof.differing) is holds


def test_commands_on_the_server_go_on_in_one_session(run: Play, hand: Hand) -> None:
    """What a window showed and how a command ended are compared; without gets, one that fails is a problem."""
    first, second, third, fourth = run(
        {"windows": "one", "gets": {"text": {"contains": "a text"}, "exit": 0}},
        {"windows": {"run": "two", "elevated": True}},
        {"windows": "fails"},
        {"windows": "one", "gets": {"text": "other", "exit": 5}},
    )
    assert [first.ok, second.ok, third.ok, fourth.ok] == [True, True, False, False]
    assert third.problems == ("exit: 1: fails: a text",)
    assert [problem.partition(":")[0] for problem in fourth.problems] == ["text", "exit"]
    assert hand.done[:2] == [("windows", "one", None, {}), ("windows", "two", True, {"location": "one"})]


def test_the_result_of_a_portal_step_is_shown_plainly(run: Play) -> None:
    """As YAML has it: no Python values, no 17 digits."""
    (result,) = run({"entra": "test_connection"})
    assert result.text == "entra test_connection: ok true, next 2400, counts (imported 3, by [create, 3])"
