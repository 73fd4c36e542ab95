"""The control plane: what it answers, whom it lets in, and that it is as its own document says."""

from __future__ import annotations

import contextlib
import http.client
import importlib
import inspect
import json
import socket
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
from flask import Flask, Request
from flask.testing import FlaskClient
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from mockhost import MockHost
from mockhost.client.control import ControlPlane
from mockhost.control import messages
from mockhost.control.app import MAX_BODY, create_control_app
from mockhost.errors import CannotRun, Problem, ScenarioError, UsageError
from mockhost.expect.check import HostDriver, check
from mockhost.journal import Connection, EventBus, Exchange, Subscription, verification
from mockhost.journal.sink import shown
from mockhost.operations import TABLE
from mockhost.operations.row import ROLES, Operation, Role
from mockhost.operations.table import CONDITIONS
from mockhost.runtime import Runtime
from mockhost.runtime.operations import Load, NoSuch, Operated, load
from mockhost.scenario import loader
from mockhost.scenario.sources import Source
from mockhost.server import connection as server
from mockhost.tls.authority import Authority
from mockhost.tls.serving import Certificates

LOCAL = "http://127.0.0.1:8586"
SECRET = "correct-horse-battery"
BASE = "/ecma2host_SQL/scim"
Ask = Callable[..., TestResponse]


def app_of(runtime: Runtime, load: Load = load, **more: Any) -> Flask:
    """The application of the control plane of this one host."""
    return create_control_app(lambda _: Operated(runtime, load), **more)


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """A healthy host without sockets, on a frozen clock."""
    made = Runtime(
        loader.load("basics/healthy", overrides={"clock.mode": "frozen"}), Certificates(Authority())
    )
    yield made
    made.close()
    made.certificates.close()


@pytest.fixture
def client(runtime: Runtime) -> FlaskClient:
    """A client of its control plane on loopback."""
    return app_of(runtime, token=None, bound_host="127.0.0.1").test_client()


@pytest.fixture
def ask(client: FlaskClient) -> Ask:
    """Ask it; a body is sent as JSON, and changes as JSON anyway."""

    def ask(method: str, path: str, body: object = None, **more: Any) -> TestResponse:
        data = None if body is None else json.dumps(body)
        if method != "GET":
            more.setdefault("content_type", "application/json")
        return client.open(path, method=method, data=data, base_url=LOCAL, **more)

    return ask


def error_of(answer: TestResponse) -> dict[str, Any]:
    """The error of an answer, which must be one of ours."""
    assert answer.mimetype == "application/json", answer.data
    body = answer.get_json()
    assert set(body) == {"error"}
    assert {"message", "hint"} <= set(body["error"])
    assert "Traceback" not in answer.get_data(as_text=True)
    found: dict[str, Any] = body["error"]
    return found


def exchange(runtime: Runtime, **more: Any) -> Exchange:
    """An exchange in the journal."""
    fields: dict[str, Any] = {
        "at": runtime.clock.now(),
        "method": "GET",
        "target": f"{BASE}/Users?filter=ContosoLogin+eq+%22bob%22",
        "headers": [("Host", "localhost:8585"), ("Authorization", f"Bearer {SECRET}")],
        "connector": "SQL",
        "operation": "find_users",
        "status": 200,
        "answer_body": b"{}",
        "who": "bob",
        **more,
    }
    made = Exchange(**fields)
    runtime.record(made)
    return made


# ---- the document, and that it is true ----


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    runtime = Runtime(loader.load("basics/empty"), Certificates(Authority()))
    client = app_of(runtime, token=None, bound_host="127.0.0.1").test_client()
    found: dict[str, Any] = client.get("/v1/openapi.json", base_url=LOCAL).get_json()
    runtime.close()
    runtime.certificates.close()
    return found


def test_the_document_names_every_operation_once(document: dict[str, Any]) -> None:
    """The table makes both the routes and the document."""
    named = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert named == {(each.method, each.path) for each in TABLE}
    assert len({each.name for each in TABLE}) == len(TABLE)
    assert document["openapi"] == "3.1.0"


def test_every_schema_of_the_document_is_one(document: dict[str, Any]) -> None:
    """OpenAPI 3.1 schemas are JSON Schema 2020-12, and every reference leads somewhere."""
    for schema in schemas_in(document):
        jsonschema.Draft202012Validator.check_schema(schema)
        reference = schema.get("$ref")
        if reference is not None:
            assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


def schemas_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("schema"), dict):
            yield value["schema"]
        for item in value.values():
            yield from schemas_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from schemas_in(item)


def test_the_document_says_what_is_sent_as_the_code_has_it(document: dict[str, Any]) -> None:
    """Bodies are objects; a path that can't be read is refused, and not in JSON."""
    for item in document["paths"].values():
        for operation in item.values():
            if body := operation.get("requestBody"):
                assert body["content"]["application/json"]["schema"]["type"] == "object"
            if any(each["in"] == "path" for each in operation.get("parameters", ())):
                assert "text/plain" in operation["responses"]["400"]["content"]


@pytest.mark.parametrize(
    ("method", "path"), [("TRACE", "/v1/health"), ("OPTIONS", "/v1/connectors/SQL/change")]
)
def test_a_method_that_nothing_has_is_told_what_the_path_has(ask: Ask, method: str, path: str) -> None:
    """405 with the methods of this path and no other."""
    answer = ask(method, path)
    assert answer.status_code == 405
    allowed = set(answer.headers["Allow"].split(", ")) - {"HEAD"}
    assert allowed == {each.method for each in TABLE if each.path == path.replace("SQL", "{name}")}


@pytest.mark.parametrize("operation", TABLE, ids=lambda each: f"{each.method} {each.path}")
def test_every_operation_says_what_it_does(operation: Operation, document: dict[str, Any]) -> None:
    """A summary, an answer, its path's parameters, a description of each query key and of each key that is sent."""
    described = document["paths"][operation.path][operation.method.lower()]
    assert described["summary"].endswith(".")
    given = {each["name"] for each in described.get("parameters", ()) if each["in"] == "path"}
    assert given == set(operation.in_path)
    assert all(each.description.endswith(".") for each in operation.query)
    for name, schema in (operation.body or {}).get("properties", {}).items():
        assert schema.get("description") or name in ("name", "when"), name


BODIES: dict[tuple[str, str], Any] = {
    ("PUT", "/v1/scenario"): {"scenario": "basics/empty"},
    ("PUT", "/v1/host"): {"set": {"host.debug": True}},
    ("PATCH", "/v1/host"): {"set": {"host.debug": True}},
    ("POST", "/v1/clock/advance"): {"by": "4m"},
    ("POST", "/v1/service"): {"action": "restart"},
    ("POST", "/v1/connectors/{name}/import"): {"profile": "full"},
    ("POST", "/v1/connectors/{name}/change"): {"insert": [{"ContosoLogin": "carol"}]},
    ("POST", "/v1/change"): {"SQL": {"insert": [{"ContosoLogin": "carol"}]}},
    ("POST", "/v1/rules"): {"name": "busy", "reply": {"status": 503}},
    ("PUT", "/v1/rules/{name}"): {"on": False},
    ("POST", "/v1/portal"): {"line": "test-connection"},
    ("PUT", "/v1/states"): {"state": "Rotated"},
    ("POST", "/v1/verify"): {"operation": "find_users"},
}
PATHS = {"/v1/rules/{name}": "/v1/rules/busy", "/v1/journal/{number}": "/v1/journal/1"}


@pytest.mark.parametrize("whole", [True, False])
def test_a_check_answers_as_the_document_says(host: MockHost, document: dict[str, Any], whole: bool) -> None:
    """It needs a data plane, as no other operation does."""
    [operation] = [each for each in TABLE if each.name == "check"]
    found = ControlPlane(host.control_url).call(operation.name, whole=whole)
    schema = {**operation.answer.schema, "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(found)
    assert (found["whole"] is not None) == whole


@pytest.mark.parametrize(
    ("name", "said"), [("get_portal", {}), ("portal", {"step": "test_connection"}), ("get_portal_log", {})]
)
def test_the_portal_answers_as_the_document_says(
    host: MockHost, document: dict[str, Any], name: str, said: dict[str, Any]
) -> None:
    """It asks the host's data plane."""
    [operation] = [each for each in TABLE if each.name == name]
    schema = {**operation.answer.schema, "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(ControlPlane(host.control_url).call(name, **said))


@pytest.mark.parametrize(
    "operation",
    [each for each in TABLE if each.cost != "wait"],
    ids=lambda each: f"{each.method} {each.path}",
)
def test_every_operation_answers_as_the_document_says(
    operation: Operation, document: dict[str, Any], runtime: Runtime, ask: Ask
) -> None:
    """Status, media type and schema; an operation that is added without an example here fails."""
    exchange(runtime)
    runtime.journal.opened(Connection(number=1, at=0.0, peer="127.0.0.1:1"))
    ask("POST", "/v1/rules", {"name": "busy", "when": {"operation": "me"}, "reply": {"status": 503}})
    path = PATHS.get(operation.path, operation.path.replace("{name}", "SQL"))
    body = BODIES.get((operation.method, operation.path))
    assert (body is not None) == bool(operation.whole or (operation.body or {}).get("properties"))
    if operation.answer.kind == "text/event-stream":
        runtime.events.close()
    answer = ask(operation.method, path, body)
    assert answer.status_code == operation.answer.status, answer.data
    assert answer.mimetype == operation.answer.kind
    if answer.mimetype == "application/json":
        schema = {**operation.answer.schema, "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer.get_json())
        assert answer.headers["Cache-Control"] == "no-store"
    if not operation.shows_secrets:
        assert SECRET not in answer.get_data(as_text=True)


@pytest.mark.parametrize("operation", TABLE, ids=lambda each: f"{each.method} {each.path}")
def test_no_operation_ignores_a_parameter(operation: Operation, ask: Ask) -> None:
    """400 names the one that is unknown, and the nearest that is known, or says where else it goes."""
    ask("POST", "/v1/rules", {"name": "busy", "when": {"operation": "me"}, "reply": {"status": 503}})
    path = PATHS.get(operation.path, operation.path.replace("{name}", "SQL"))
    known, body = [each.name for each in operation.query], BODIES.get((operation.method, operation.path))
    wrong = {"nope": "it has no parameters in the query" if not known else ""}
    wrong |= {f"{name}x": f"did you mean '{name}'?" for name in known}
    wrong |= {
        name: f"send '{name}' in the body, as JSON" for name in operation.arguments if name not in known
    }
    for name in operation.in_path:
        del wrong[name]
    before = ask("GET", "/v1/status").get_json()
    for name, hint in wrong.items():
        answer = ask(operation.method, path, body, query_string={name: "1"})
        assert answer.status_code == 400
        error = error_of(answer)
        assert (
            error["message"]
            == f"unknown parameter {name!r} in the query of {operation.method} {operation.path}"
        )
        assert hint in error["hint"]
    assert ask("GET", "/v1/status").get_json() == before


# ---- who is let in ----


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8586", 200),
        ("localhost:8586", 200),
        ("LOCALHOST:8586", 200),
        ("localhost.:8586", 200),
        ("localhost", 200),
        ("localhost:9000", 200),
        ("[::1]:8586", 200),
        ("127.8.8.8:8586", 200),
        ("mock.example:8586", 200),
        ("evil.example:8586", 403),
        ("localhost.evil.example:8586", 403),
        ("evil.example", 403),
        ("192.168.0.5:8586", 403),
        ("10.0.0.1", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost:8586@evil.example", 403),
        ("", 403),
        ("localhost:86x", 403),
    ],
)
@pytest.mark.parametrize("path", ["/v1/health", "/v1/status-that-is-not", "/v1/scenario"])
def test_only_names_of_this_host_are_answered(runtime: Runtime, host: str, status: int, path: str) -> None:
    """A page that makes its own name resolve to 127.0.0.1 (DNS rebinding) still sends that name."""
    app = app_of(runtime, token=None, bound_host="127.0.0.1", names=["mock.example"])
    answer = app.test_client().get(path, headers={"Host": host})
    if status == 403:
        assert answer.status_code == 403
        assert host in error_of(answer)["message"]
    else:
        assert answer.status_code == (404 if "not" in path else 200)


def test_bound_to_every_address_it_answers_to_any_address_but_not_to_any_name(runtime: Runtime) -> None:
    """A health check asks for the container's address; an address can't be made to resolve to another."""
    client = app_of(runtime, token="t0ken", bound_host="0.0.0.0").test_client()
    assert client.get("/v1/health", headers={"Host": "10.1.2.3:8586"}).status_code == 200
    assert client.get("/v1/health", headers={"Host": "[fd00::1]:8586"}).status_code == 200
    assert client.get("/v1/health", headers={"Host": "evil.example:8586"}).status_code == 403


def test_bound_to_one_address_it_answers_to_that(runtime: Runtime) -> None:
    """And to loopback names."""
    client = app_of(runtime, token="t0ken", bound_host="192.168.0.5").test_client()
    assert client.get("/v1/health", headers={"Host": "192.168.0.5:8586"}).status_code == 200
    assert client.get("/v1/health", headers={"Host": "192.168.0.6:8586"}).status_code == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        (LOCAL, 200),
        ("http://evil.example", 403),
        ("http://localhost:8586", 403),
        ("http://127.0.0.1:3000", 403),
        ("https://127.0.0.1:8586", 403),
        ("null", 403),
        ("", 403),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pages_of_other_origins_are_refused(ask: Ask, origin: str | None, status: int, method: str) -> None:
    """Its own pages, asked under the same name, may."""
    headers = {} if origin is None else {"Origin": origin}
    path = "/v1/health" if method == "GET" else "/v1/reset"
    answer = ask(method, path, headers=headers)
    assert answer.status_code == status
    if status == 403:
        error_of(answer)


CHANGES = [each for each in TABLE if each.changes]


@pytest.mark.parametrize(
    "kind",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"],
)
@pytest.mark.parametrize("operation", CHANGES, ids=lambda each: f"{each.method} {each.path}")
def test_every_change_is_asked_for_as_json(
    ask: Ask, runtime: Runtime, operation: Operation, kind: str | None
) -> None:
    """What a form can send without asking first does nothing."""
    epoch = runtime.epoch.number
    path = operation.path.replace("{name}", "SQL")
    answer = ask(operation.method, path, {"scenario": "basics/empty"}, content_type=kind)
    assert answer.status_code == 415
    assert "application/json" in error_of(answer)["hint"]
    assert runtime.epoch.number == epoch


def test_a_charset_beside_the_content_type_is_fine(ask: Ask) -> None:
    """Many clients add one."""
    assert ask("POST", "/v1/reset", content_type="application/json; charset=utf-8").status_code == 200


@pytest.fixture
def guarded(runtime: Runtime) -> FlaskClient:
    """A client of a control plane that asks for a token."""
    return app_of(runtime, token="s3same-öffne", bound_host="0.0.0.0").test_client()


@pytest.mark.parametrize("operation", TABLE, ids=lambda each: f"{each.method} {each.path}")
def test_with_a_token_only_the_health_is_open(
    guarded: FlaskClient, runtime: Runtime, operation: Operation
) -> None:
    """Everything else needs it, before anything else is said."""
    epoch = runtime.epoch.number
    path = operation.path.replace("{name}", "nosuch")
    answer = guarded.open(path, method=operation.method, base_url=LOCAL)
    if operation.is_open:
        assert (operation.path, answer.status_code) == ("/v1/health", 200)
        return
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "s3same" not in json.dumps(error_of(answer))
    assert runtime.epoch.number == epoch


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer s3same-öffne".encode().decode("latin-1"), 200),
        ("bearer  s3same-öffne".encode().decode("latin-1"), 200),
        ("Bearer s3same", 401),
        ("Bearer ", 401),
        ("Basic s3same", 401),
        ("s3same", 401),
        ("Bearer s3same-\u00f6ffne", 401),
    ],
)
def test_the_token_is_the_right_one_or_not(guarded: FlaskClient, header: str, status: int) -> None:
    """As a bearer token, in UTF-8, whole."""
    answer = guarded.get("/v1/scenario", base_url=LOCAL, headers={"Authorization": header})
    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/", "/v1/nothing", "/v1/health/more"])
def test_what_is_not_there_is_not_said_without_the_token(guarded: FlaskClient, path: str) -> None:
    """401 before 404."""
    assert guarded.get(path, base_url=LOCAL).status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.5", "mock.example", "::"])
def test_a_wider_address_without_a_token_is_refused_at_the_start(runtime: Runtime, host: str) -> None:
    """Whoever forgets it is told."""
    with pytest.raises(UsageError, match="needs a token"):
        app_of(runtime, token=None, bound_host=host)


# ---- errors ----


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v2/health", "/v1/healthy", "/ecma2host_SQL/scim/Users", "/v1/../etc"]
)
def test_there_is_nothing_elsewhere(ask: Ask, path: str) -> None:
    """JSON here, too, and nothing of the data plane."""
    answer = ask("GET", path)
    assert answer.status_code == 404
    assert "openapi" in error_of(answer)["hint"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v1/health", "GET"),
        ("POST", "/v1/health", "GET"),
        ("GET", "/v1/reset", "POST"),
        ("OPTIONS", "/v1/reset", "POST"),
        ("PATCH", "/v1/scenario", "GET"),
        ("PUT", "/v1/journal", "GET"),
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", None])
def test_a_path_that_is_asked_the_wrong_way_says_which_is_right(
    ask: Ask, method: str, path: str, allow: str, kind: str | None
) -> None:
    """405 with Allow, also before anything is said of what is sent."""
    answer = ask(method, path, content_type=kind)
    assert answer.status_code == 405
    assert allow in answer.headers["Allow"]
    error_of(answer)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "the body is an object, not an array"),
        (b"null", "the body is an object, not null"),
        (b'"x"', "the body is an object"),
        (b"", "the body has no 'by'"),
        (b"{}", "the body has no 'by'"),
        (b'{"by":null}', "by is a string or a number, not null"),
        (b'{"by":true}', "by is a string or a number, not true"),
        (b'{"by":-1}', "by is at least 0"),
        (b'{"by":"4"}', "4"),
        (b'{"by":"4 parsecs"}', "parsecs"),
        (b'{"bye":"4m"}', "the body has no 'by'"),
        (b'{"by":"4m","to":1}', "unknown key 'to'"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_in_words(client: FlaskClient, body: bytes, message: str) -> None:
    """400, what was wrong, and what would do."""
    answer = client.post("/v1/clock/advance", data=body, base_url=LOCAL, content_type="application/json")
    assert answer.status_code == 400
    error = error_of(answer)
    assert message in error["message"] + error["hint"]


def test_an_unknown_value_gets_a_suggestion(ask: Ask) -> None:
    """Did you mean."""
    error = error_of(ask("POST", "/v1/service", {"action": "stopp"}))
    assert "did you mean 'stop'" in error["hint"]


def test_a_body_that_is_too_long_is_not_read(client: FlaskClient) -> None:
    """413."""
    answer = client.post(
        "/v1/verify", data=b" " * (MAX_BODY + 1), base_url=LOCAL, content_type="application/json"
    )
    assert answer.status_code == 413
    error_of(answer)


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (UsageError("no", hint="try"), 400),
        (CannotRun("port in use", hint="another"), 503),
        (ScenarioError([Problem("f.yaml", 3, 7, "$.host", "is wrong", "mend it")]), 422),
        (ValueError("secret detail"), 500),
        (RecursionError(), 500),
    ],
)
def test_every_error_becomes_one_shape(
    runtime: Runtime, ask: Ask, monkeypatch: pytest.MonkeyPatch, raised: Exception, status: int
) -> None:
    """The family says the status; a bug of ours says where, not what it saw."""

    def fail() -> None:
        raise raised

    monkeypatch.setattr(runtime, "reset", fail)
    with runtime.events.subscribe() as heard:
        answer = ask("POST", "/v1/reset")
        assert answer.status_code == status
        error = error_of(answer)
        assert "secret detail" not in json.dumps(error)
        event = heard.get(0)
        assert (event is not None and event.kind == "bug") == (status == 500)
    if status == 422:
        assert error["problems"] == [
            {
                "file": "f.yaml",
                "line": 3,
                "column": 7,
                "path": "$.host",
                "message": "is wrong",
                "hint": "mend it",
            }
        ]


KEYS = [
    "set", "by", "action", "profile", "insert", "update", "delete", "where",
    "name", "when", "reply", "count", "order", "since", "status", "attributes",
    "header", "body", "ContosoLogin", "host.debug", "host.service", "never", "exactly",
]  # fmt: skip


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[FlaskClient]:
    """A client of a host that many odd things are sent to."""
    scenario = loader.load("basics/empty", overrides={"clock.mode": "frozen"})
    made = Runtime(scenario, Certificates(Authority()))
    yield app_of(made, token=None, bound_host="127.0.0.1").test_client()
    made.close()
    made.certificates.close()


@settings(max_examples=120, deadline=None)
@given(
    operation=st.sampled_from([each for each in CHANGES if each.path not in ("/v1/scenario",)]),
    name=st.sampled_from(["SQL", "LDAP", "nosuch", "a/b", "%"]),
    body=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=6),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
)
def test_no_body_brings_it_down(fuzzed: FlaskClient, operation: Operation, name: str, body: object) -> None:
    """Whatever is sent: never a 500."""
    path = operation.path.replace("{name}", name)
    answer = fuzzed.open(
        path, method=operation.method, data=json.dumps(body), content_type="application/json", base_url=LOCAL
    )
    assert answer.status_code in {200, 201, 400, 404, 405, 409, 422}, answer.data


# ---- what it does ----


def test_health_answers_while_something_long_holds_the_lock(runtime: Runtime, ask: Ask) -> None:
    """A container is not restarted because a big import runs."""
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        with runtime.lock:
            holding.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(30)
    answer = ask("GET", "/v1/health")
    release.set()
    thread.join(30)
    assert answer.get_json()["service"] == "running"


def test_another_scenario_is_used_and_reset_returns_to_it(runtime: Runtime, ask: Ask) -> None:
    """By name, with something laid over it; each beginning is an epoch of its own."""
    used = ask("PUT", "/v1/scenario", {"scenario": "basics/empty", "overrides": {"host.debug": True}})
    assert used.get_json() == {"scenario": "basics/empty", "epoch": 1}
    assert runtime.host.debug is True
    assert ask("GET", "/v1/scenario").get_json()["name"] == "basics/empty"
    ask("POST", "/v1/connectors/SQL/change", {"insert": [{"ContosoLogin": "bob"}]})
    assert ask("GET", "/v1/connectors/SQL/objects").get_json()["total"] == 1
    assert ask("POST", "/v1/reset").get_json() == {"scenario": "basics/empty", "epoch": 2}
    assert ask("GET", "/v1/connectors/SQL/objects").get_json()["total"] == 0
    assert runtime.host.debug is True


def test_a_scenario_can_be_sent_whole(runtime: Runtime, ask: Ask) -> None:
    """As a document in the format of the files."""
    document = {"format": 1, "title": "Sent", "extends": "basics/empty", "host": {"debug": True}}
    assert ask("PUT", "/v1/scenario", {"scenario": document}).status_code == 200
    shown = ask("GET", "/v1/scenario?document=true").get_json()
    assert (shown["title"], shown["document"]["host"]["debug"]) == ("Sent", True)


def test_a_scenario_with_problems_changes_nothing(runtime: Runtime, ask: Ask) -> None:
    """All of them are told."""
    before = runtime.epoch.number
    answer = ask(
        "PUT", "/v1/scenario", {"scenario": {"format": 1, "extends": "basics/empty", "hots": 1, "sede": 2}}
    )
    assert answer.status_code == 422
    assert len(error_of(answer)["problems"]) >= 2
    assert runtime.epoch.number == before


def test_a_scenario_that_is_not_there_is_a_mistake(ask: Ask) -> None:
    """With a suggestion."""
    answer = ask("PUT", "/v1/scenario", {"scenario": "basics/helthy"})
    assert answer.status_code == 400
    assert "basics/healthy" in json.dumps(error_of(answer))


def test_the_caller_may_decide_how_scenarios_are_loaded(runtime: Runtime) -> None:
    """The command line's own options go on counting."""
    asked: list[object] = []

    def load(scenario: object, overrides: object, source: Source) -> Any:
        assert not source.is_trusted
        asked.append((scenario, overrides))
        return runtime.state.loaded

    client = app_of(runtime, load, token=None, bound_host="localhost").test_client()
    client.put("/v1/scenario", json={"scenario": "x", "overrides": {"seed": 3}}, base_url=LOCAL)
    assert asked == [("x", {"seed": 3})]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_values_are_set_while_it_runs(ask: Ask, method: str) -> None:
    """What the service reads at its start waits for it: configured and effective are two things."""
    answer = ask(
        method, "/v1/host", {"set": {"host.debug": True, "host.behaviours.importing_status": 500}}
    ).get_json()
    assert {each["path"]: each["applied"] for each in answer["set"]}["host.debug"] == "at restart"
    assert (answer["configured"]["debug"], answer["effective"]["debug"]) == (True, False)
    assert answer["restart_pending"] is True
    assert ask("POST", "/v1/service", {"action": "restart"}).get_json()["restart_pending"] is False
    assert ask("GET", "/v1/host").get_json()["effective"]["debug"] is True


def test_of_values_that_do_not_go_together_none_is_set(ask: Ask) -> None:
    """All of them or none."""
    answer = ask("PUT", "/v1/host", {"set": {"host.debug": True, "host.generation": "next"}})
    assert answer.status_code == 422
    assert ask("GET", "/v1/host").get_json()["configured"]["debug"] is False


@pytest.mark.parametrize("by", ["4m", 240, 240.0])
def test_the_clock_is_advanced(ask: Ask, by: object) -> None:
    """By a duration with its unit, or seconds."""
    assert ask("GET", "/v1/clock").get_json()["now"] == "2026-01-01T00:00:00.000Z"
    assert ask("POST", "/v1/clock/advance", {"by": by}).get_json()["now"] == "2026-01-01T00:04:00.000Z"


def test_the_service_is_stopped_and_its_connectors_with_it(ask: Ask) -> None:
    """Configured running, effectively stopped; the connector space is gone, the connected system is not."""
    assert ask("POST", "/v1/service", {"action": "stop"}).get_json()["effective"] == "stopped"
    assert ask("GET", "/v1/health").get_json()["service"] == "stopped"
    for method, path in (("GET", "/v1/connectors/SQL/cache"), ("POST", "/v1/connectors/SQL/import")):
        answer = ask(method, path)
        assert answer.status_code == 409
        assert "start" in error_of(answer)["hint"]
    assert ask("GET", "/v1/connectors/SQL/objects").get_json()["total"] == 5
    assert ask("GET", "/v1/connectors/SQL").get_json()["effective"] is None


@pytest.mark.parametrize("rest", ["", "/objects", "/cache", "/import", "/change", "/reset"])
def test_a_connector_that_is_not_there_gets_a_suggestion(ask: Ask, rest: str) -> None:
    """Names are case-sensitive, as on the host."""
    answer = ask("POST" if rest in ("/import", "/change", "/reset") else "GET", f"/v1/connectors/sql{rest}")
    assert answer.status_code == 404
    assert "did you mean 'SQL'" in error_of(answer)["hint"]


def test_one_connector_is_reset_and_the_others_stay(runtime: Runtime, ask: Ask) -> None:
    """Its objects, its cache and its exchanges; neither the clock nor the rules nor the epoch."""
    before = ask("GET", "/v1/connectors/LDAP/objects").get_json()["total"]
    for name in ("SQL", "LDAP"):
        exchange(runtime, connector=name)
        anchor = runtime.host.configured[name].anchor
        ask("POST", f"/v1/connectors/{name}/change", {"insert": [{anchor: "carol"}]})
        ask("POST", f"/v1/connectors/{name}/import")
    ask("POST", "/v1/rules", {"name": "mine", "when": {"operation": "me"}, "reply": "normal"})
    ask("POST", "/v1/clock/advance", {"by": "4m"})
    answer = ask("POST", "/v1/connectors/SQL/reset").get_json()
    assert answer["connector"] == "SQL"
    assert (answer["state"]["objects"], answer["state"]["cached"]) == (5, 5)
    assert answer["state"] == ask("GET", "/v1/connectors/SQL").get_json()["state"]
    assert ask("GET", "/v1/connectors/LDAP/objects").get_json()["total"] == before + 1
    assert ask("GET", "/v1/clock").get_json()["now"] == "2026-01-01T00:04:00.000Z"
    assert ask("GET", "/v1/health").get_json()["epoch"] == 0
    assert [each["name"] for each in ask("GET", "/v1/rules").get_json()["rules"]] == ["mine"]
    assert {each["connector"] for each in ask("GET", "/v1/journal").get_json()["exchanges"]} == {"LDAP"}


def test_the_reset_of_a_connector_takes_nothing(ask: Ask) -> None:
    """A key that is sent by mistake is refused."""
    assert ask("POST", "/v1/connectors/SQL/reset", {"objects": True}).status_code == 400


def test_an_import_that_fails_says_why(runtime: Runtime, ask: Ask) -> None:
    """In the connector's state, until one has done its work."""
    space = runtime.host.connectors["SQL"].space
    space.fail_imports("the file server is gone")
    state = ask("POST", "/v1/connectors/SQL/import").get_json()["state"]
    assert state["import_problem"] == "the file server is gone"
    assert ask("GET", "/v1/connectors").get_json()["connectors"]["LDAP"]["import_problem"] is None
    space.mend_imports()
    assert ask("POST", "/v1/connectors/SQL/import").get_json()["state"]["import_problem"] is None


def test_a_change_behind_the_hosts_back_shows_after_an_import(ask: Ask) -> None:
    """Connected system and connector space are two things."""
    change = {"insert": [{"ContosoLogin": "carol"}], "delete": [{"ContosoLogin": "ljacobson"}]}
    assert ask("POST", "/v1/connectors/SQL/change", change).get_json()["objects"] == 2
    ids = lambda: {each["id"] for each in ask("GET", "/v1/connectors/SQL/cache").get_json()["objects"]}  # noqa: E731
    assert "carol" not in ids()
    assert ask("POST", "/v1/connectors/SQL/import", {"profile": "full"}).get_json()["profile"] == "full"
    assert "carol" in ids()
    assert "ljacobson" not in ids()


def test_objects_can_be_asked_for_in_pages(ask: Ask) -> None:
    """From 1, all by default."""
    every = ask("GET", "/v1/connectors/SQL/objects").get_json()
    page = ask("GET", "/v1/connectors/SQL/objects?start_index=2&count=2").get_json()
    assert page == {"total": every["total"], "start_index": 2, "objects": every["objects"][1:3]}


@pytest.mark.parametrize(
    "query", ["start_index=0", "count=-1", "count=x", "cout=1", "count=1&count=2", "count=" + "9" * 5000]
)
def test_a_query_that_does_not_fit_is_refused(ask: Ask, query: str) -> None:
    """Not ignored."""
    assert ask("GET", f"/v1/connectors/SQL/objects?{query}").status_code == 400


def test_passwords_in_the_connected_system_are_not_shown(
    runtime: Runtime, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only that there is one."""
    held = {"login": "bob", "export_password": "s3cret!", "raw": b"\xff"}
    monkeypatch.setattr(runtime.state.served.find("SQL"), "objects", lambda: iter([held]))
    [shown] = ask("GET", "/v1/connectors/SQL/objects").get_json()["objects"]
    assert shown == {"login": "bob", "export_password": "[redacted]", "raw": "/w=="}


def test_rules_are_added_listed_and_removed(ask: Ask) -> None:
    """Live ones before the scenario's, the newest first."""
    assert ask("POST", "/v1/rules", {"name": "a/b c", "reply": {"status": 503}}).get_json() == {
        "name": "a/b c"
    }
    unnamed = ask("POST", "/v1/rules", {"when": {"operation": "me"}, "reply": "normal"}).get_json()["name"]
    assert [each["name"] for each in ask("GET", "/v1/rules").get_json()["rules"]] == [unnamed, "a/b c"]
    assert ask("DELETE", "/v1/rules/a%2Fb%20c").get_json() == {"removed": 1}
    assert ask("DELETE", "/v1/rules/a%2Fb%20c").status_code == 404
    assert ask("DELETE", "/v1/rules").get_json() == {"removed": 1}
    assert ask("GET", "/v1/rules").get_json() == {"rules": []}


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A client of a control plane over a socket, where http.sys' rules on addresses are in force."""
    with MockHost("basics/healthy", tls=False) as host:
        yield ControlPlane(host.control_url)


@given(name=st.text(min_size=1, max_size=300) | st.text("/.%?#;\\ é😀\n\0", min_size=1, max_size=6))
@example("/")
@example("//a/")
@example("n" * 200)
@example("😀" * 200)
def test_a_rule_that_can_be_added_can_be_switched_and_removed(plane: ControlPlane, name: str) -> None:
    """By its name, whatever that is; what can't be in an address can't name a rule."""
    rule = {"name": name, "reply": {"status": 503}}
    if len(name) > 200 or any(unicodedata.category(sign) == "Cc" for sign in name):
        with pytest.raises(UsageError, match="can't name a rule"):
            plane.call("add_rule", rule=rule)
        return
    assert plane.call("add_rule", rule=rule) == {"name": name}
    assert plane.call("switch_rule", name=name, on=False) == {"name": name, "on": False}
    assert plane.call("remove_rule", name=name) == {"removed": 1}


NAMED = [each for each in TABLE if each.in_path]


@pytest.mark.parametrize("operation", NAMED, ids=lambda each: each.name)
def test_an_empty_name_does_nothing_else(operation: Operation, plane: ControlPlane, ask: Ask) -> None:
    """As a shell has it for a variable that is not set: it would be the address of all rules, or of the journal."""
    plane.call("add_rule", rule={"name": "stays", "reply": "normal"})
    with pytest.raises(UsageError, match="is empty"):
        plane.call(operation.name, **dict.fromkeys(operation.in_path, ""))
    assert [each["name"] for each in plane.call("list_rules")["rules"]] == ["stays"]
    body: dict[str, Any] | None = {} if operation.changes else None
    answer = ask(operation.method, operation.path.format_map(dict.fromkeys(operation.in_path, "")), body)
    assert answer.status_code in (404, 405), answer.get_data(as_text=True)


@pytest.mark.parametrize("text", ["\udcff", "a\0b", "x" * 20_000])
@pytest.mark.parametrize(
    "operation", [each for each in TABLE if each.in_path or each.query], ids=lambda o: o.name
)
def test_any_text_can_be_asked_for(operation: Operation, text: str, plane: ControlPlane) -> None:
    """Also bytes of a command line that are no text: there is nothing of that name, and that is said."""
    texts = [each.name for each in operation.query if each.schema == {"type": "string"}]
    arguments = dict.fromkeys([*operation.in_path, *texts], text)
    with contextlib.suppress(UsageError, CannotRun):
        plane.call(operation.name, **arguments)


def test_states_are_shown_and_set(ask: Ask) -> None:
    """The host's, and those of a connector with states of its own; what entering one has happen, happens."""
    states = {
        "states": {
            "initial": "Started",
            "Started": {},
            "Debugged": {"set": {"host.behaviours.root_status": 410}},
        },
        "connectors": {"SQL": {"states": {"initial": "Full", "Full": {}, "Empty": {}}}},
    }
    ask("PUT", "/v1/scenario", {"scenario": "basics/healthy", "overrides": states})
    assert ask("GET", "/v1/states").get_json() == {"host": "Started", "connectors": {"SQL": "Full"}}
    assert ask("PUT", "/v1/states", {"state": "Debugged"}).get_json()["host"] == "Debugged"
    answer = ask("PUT", "/v1/states", {"state": "Empty", "connector": "SQL"}).get_json()
    assert answer == {"host": "Debugged", "connectors": {"SQL": "Empty"}}
    assert ask("PUT", "/v1/states", {"state": "Debuged"}).status_code == 400
    assert ask("PUT", "/v1/states", {"state": "Empty", "connector": "sql"}).status_code == 404
    ask("POST", "/v1/connectors/SQL/reset")
    assert ask("GET", "/v1/states").get_json() == {"host": "Debugged", "connectors": {"SQL": "Full"}}


def test_nothing_hangs_and_nothing_is_released(ask: Ask) -> None:
    """Without sockets there is nothing to let go on."""
    assert ask("POST", "/v1/release").get_json() == {"released": 0}


ROTATED = "the-token-after-that"


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": {"token_rotated": ROTATED}},
        {"fault": ["html", {"token_rotated": {"token": ROTATED}}]},
        {"sequence": [{"fault": {"token_rotated": ROTATED}}, {"reply": "normal"}]},
        {"set": {"connectors.SQL.secret_token": ROTATED}},
        {"set": {"client": {"SQL": {"secret_token": ROTATED}}}},
        {"when": {"header": {"Authorization": f"Bearer {ROTATED}"}}, "reply": {"status": 503}},
        {"when": {"header": {"authorization": {"not": f"Bearer {ROTATED}"}}}, "reply": {"status": 503}},
        {"reply": {"status": 200, "headers": {"X-Authorization": ROTATED}}},
    ],
)
@pytest.mark.parametrize("written", ["live", "in the file"])
def test_a_token_in_a_rule_is_not_shown(
    runtime: Runtime, ask: Ask, rule: dict[str, Any], written: str
) -> None:
    """Neither in the list of rules nor anywhere else, as the connectors' own."""
    rule = {"when": {"operation": "find_users"}, **rule}
    if written == "live":
        assert ask("POST", "/v1/rules", rule).status_code == 201
    else:
        ask("PUT", "/v1/scenario", {"scenario": "basics/healthy", "overrides": {"rules": [rule]}})
    exchange(runtime, target=f"{BASE}/Users/{ROTATED}")
    for path in ("/v1/rules", "/v1/scenario?document=true", "/v1/journal", "/v1/journal?format=table"):
        answer = ask("GET", path)
        assert answer.status_code == 200
        assert ROTATED not in answer.get_data(as_text=True)
    runtime.reset()
    assert (ROTATED in runtime.journal.secrets) == (written == "in the file")


def test_the_scenarios_own_rules_stay(ask: Ask) -> None:
    """They are listed, but only live ones can be removed."""
    rules = {"rules": [{"name": "own", "when": {"operation": "me"}, "reply": {"status": 503}}]}
    ask("PUT", "/v1/scenario", {"scenario": "basics/empty", "overrides": rules})
    assert ask("DELETE", "/v1/rules").get_json() == {"removed": 0}
    assert ask("DELETE", "/v1/rules/own").status_code == 409
    assert [each["live"] for each in ask("GET", "/v1/rules").get_json()["rules"]] == [False]


@pytest.mark.parametrize(
    "rule",
    [
        {"when": {"operaton": "me"}},
        {"when": {"operation": "creat_user"}, "reply": "normal"},
        {"reply": {"status": 99}},
        {"reply": {"status": 200, "body_file": "/etc/passwd"}},
        {"reply": 3},
        {"when": {"operation": "me"}, "fault": "conection_reset"},
        {"when": {"operation": "me"}, "fault": {"connection_reset": {"when": "never"}}},
        {"when": {"operation": "me"}, "fault": "tls_alert"},
        {"sequence": [{"note": "does nothing"}]},
        {"sequence": []},
        {},
    ],
)
def test_a_rule_that_is_none_is_refused(ask: Ask, rule: dict[str, object]) -> None:
    """In words."""
    assert ask("POST", "/v1/rules", rule).status_code == 400


def test_the_journal_is_shown_in_four_forms(runtime: Runtime, ask: Ask) -> None:
    """JSON, HAR, curl lines, a table; none has the token."""
    exchange(runtime)
    exchange(
        runtime, operation="create_user", method="POST", target=f"{BASE}/Users", status=201, body=b'{"a":1}'
    )
    shown = ask("GET", "/v1/journal").get_json()
    assert (shown["last"], shown["dropped"], [each["number"] for each in shown["exchanges"]]) == (
        2,
        0,
        [1, 2],
    )
    assert len(ask("GET", "/v1/journal?format=har").get_json()["log"]["entries"]) == 2
    lines = ask("GET", "/v1/journal?format=curl").get_data(as_text=True).splitlines()
    assert len(lines) == 2
    assert all("$TOKEN" in line and "--cacert" in line for line in lines)
    table = ask("GET", "/v1/journal?format=table&width=60").get_data(as_text=True).splitlines()
    assert len(table) == 3
    assert max(map(len, table)) <= 60


@pytest.mark.parametrize("width", [56, 80, 100])
def test_a_narrow_table_shortens_names_and_keeps_the_status(runtime: Runtime, ask: Ask, width: int) -> None:
    """A GUID as wide as half a terminal leaves status and time in sight."""
    exchange(runtime, who="51553761-f8c9-40b7-81be-d8710fb8cad3", status=401)
    head, row, *_ = ask("GET", f"/v1/journal?format=table&width={width}").get_data(as_text=True).splitlines()
    assert head.split()[:7] == ["#", "time", "connector", "operation", "who", "status", "ms"]
    assert row.split()[5] == "401"
    assert row.split()[4].startswith("51553761")
    assert max(len(head), len(row)) <= width


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("since=1", [2, 3]),
        ("last=1", [3]),
        ("last=0", []),
        ("status=201", [2]),
        ("status=201&status=404", [2, 3]),
        ("operation=create_user", [2]),
        ("connector=LDAP", [3]),
        ("who=bob", [1, 2, 3]),
        ("probe=true", []),
        ("method=POST&status=201", [2]),
    ],
)
def test_the_journal_is_filtered(runtime: Runtime, ask: Ask, query: str, numbers: list[int]) -> None:
    """By what an exchange is, after a number, or the latest."""
    exchange(runtime)
    exchange(runtime, operation="create_user", method="POST", status=201)
    exchange(runtime, connector="LDAP", status=404)
    shown = ask("GET", f"/v1/journal?{query}").get_json()
    assert [each["number"] for each in shown["exchanges"]] == numbers


@pytest.mark.parametrize(
    "query",
    [
        "operation=finduser",
        "status=abc",
        "format=xml",
        "colour=red",
        "probe=yes",
        "since=-1",
        "format=json&format=har",
    ],
)
def test_a_filter_that_does_not_fit_is_refused(ask: Ask, query: str) -> None:
    """It would show the wrong thing."""
    assert ask("GET", f"/v1/journal?{query}").status_code == 400


def test_one_exchange_can_be_looked_at_and_all_forgotten(runtime: Runtime, ask: Ask) -> None:
    """By its number."""
    exchange(runtime)
    assert ask("GET", "/v1/journal/1").get_json()["who"] == "bob"
    for number in ("2", "x", "²", "1/2"):
        assert ask("GET", f"/v1/journal/{number}").status_code == 404
    assert ask("DELETE", "/v1/journal").get_json() == {"removed": 1}
    assert ask("GET", "/v1/journal").get_json()["exchanges"] == []


def test_connections_are_shown(runtime: Runtime, ask: Ask) -> None:
    """Also those that never became one."""
    failed = Connection(number=3, at=runtime.clock.now(), peer="127.0.0.1:5")
    failed.error = "unknown_ca"
    runtime.journal.opened(failed)
    [shown] = ask("GET", "/v1/connections").get_json()["connections"]
    assert (shown["number"], shown["alert"], shown["tls"]) == (3, "unknown_ca", None)


def test_verify_says_whether_and_why_not(runtime: Runtime, ask: Ask) -> None:
    """200 in both cases: the question was answered."""
    exchange(runtime)
    assert ask("POST", "/v1/verify", {"operation": "find_users", "count": 1}).get_json() == {
        "ok": True,
        "text": "found 1 with operation 'find_users'",
        "matched": [1],
    }
    answer = ask("POST", "/v1/verify", {"operation": "create_user"})
    assert answer.status_code == 200
    assert answer.get_json()["ok"] is False
    assert "expected at least 1 exchange" in answer.get_json()["text"]
    assert ask("POST", "/v1/verify", {"opperation": "x"}).status_code == 400
    assert ask("POST", "/v1/verify", {"operation": "find_user"}).status_code == 400


def test_the_truth_is_shown_beside_what_the_client_was_told(ask: Ask) -> None:
    """The only place where tokens are shown."""
    ask(
        "PUT",
        "/v1/scenario",
        {"scenario": "basics/healthy", "overrides": {"client": {"SQL": {"secret_token": "the-old-one"}}}},
    )
    truth = ask("GET", "/v1/truth").get_json()
    assert truth["connectors"]["SQL"]["secret_token"] == SECRET
    assert truth["clients"]["SQL"]["secret_token"] == "the-old-one"
    assert truth["ca"].startswith("-----BEGIN CERTIFICATE-----")
    assert ask("GET", "/v1/ca").get_data(as_text=True) == truth["ca"]


@pytest.mark.parametrize(
    "operation",
    [
        each
        for each in TABLE
        if not each.changes and not each.shows_secrets and each.answer.kind == "application/json"
    ],
    ids=lambda each: each.path,
)
def test_no_other_answer_shows_a_token(runtime: Runtime, ask: Ask, operation: Operation) -> None:
    """Wherever it was put: in a rule, a title, an object, a request."""
    exchange(runtime, target=f"{BASE}/Users/{SECRET}", operation="get_user")
    ask("POST", "/v1/rules", {"name": f"of {SECRET}", "reply": {"status": 200, "body": {"token": SECRET}}})
    ask("POST", "/v1/connectors/SQL/change", {"insert": [{"ContosoLogin": SECRET}]})
    ask("PUT", "/v1/host", {"set": {"title": f"about {SECRET}", "why": SECRET}})
    path = PATHS.get(operation.path, operation.path.replace("{name}", "SQL"))
    query = "?document=true" if operation.path == "/v1/scenario" else ""
    answer = ask("GET", path + query)
    assert answer.status_code == 200
    assert SECRET not in answer.get_data(as_text=True)


def test_a_token_that_was_set_is_not_repeated(ask: Ask) -> None:
    """Not even to whoever set it, nor when it was wrong."""
    answer = ask("PUT", "/v1/host", {"set": {"connectors.SQL.secret_token": "brand-new-token"}})
    assert answer.status_code == 200
    assert "brand-new-token" not in answer.get_data(as_text=True)
    assert ask("GET", "/v1/truth").get_json()["connectors"]["SQL"]["secret_token"] == "brand-new-token"


# ---- connectors that spring up on demand ----

TENANTS = {
    "format": 1,
    "extends": "basics/scim",
    "on_demand": {"template": "SCIM", "max": 3},
    "rules": [{"name": "second", "when": {"operation": "create_user", "nth": 2}, "reply": {"status": 503}}],
}


class Tenants:
    """A host whose connectors spring up, and those who ask it."""

    def __init__(self, host: MockHost) -> None:
        self.host = host
        self.client = app_of(host.runtime, token=None, bound_host="127.0.0.1").test_client()

    def create(self, name: str, user: str, token: str | None = None) -> int:
        """Create a user in the connector of this name, as its client; the status."""
        with self.host.session("SCIM") as session:
            if token is not None:
                session.headers["Authorization"] = f"Bearer {token}"
            url = self.host.url("SCIM").replace("_SCIM/", f"_{name}/") + "/Users"
            return session.post(url, json={"userName": user}).status_code

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask the control plane; the answer's JSON."""
        more: dict[str, Any] = {} if method == "GET" else {"json": body or {}}
        return self.client.open(f"/v1/{path}", method=method, base_url=LOCAL, **more).get_json()

    def held(self) -> dict[str, int]:
        """How many objects each connector has."""
        states = self.ask("GET", "connectors")["connectors"]
        return {name: state["objects"] for name, state in states.items()}


@pytest.fixture
def tenants() -> Iterator[Tenants]:
    """A host with one SCIM connector, of which others may spring up."""
    with MockHost(TENANTS, tls=False) as host:
        yield Tenants(host)


def test_a_connector_springs_up_with_the_first_who_is_let_in(tenants: Tenants) -> None:
    """Only then is it there; it is listed, and there are so many at most."""
    assert tenants.create("alpha", "ann", token="wrong") == 401
    assert tenants.held() == {"SCIM": 0}
    assert [tenants.create(name, "ann") for name in ("alpha", "beta", "gamma", "delta")] == [
        201,
        201,
        201,
        404,
    ]
    assert tenants.held() == {"SCIM": 0, "alpha": 1, "beta": 1, "gamma": 1}
    assert tenants.host.url("alpha").endswith("/ecma2host_alpha/scim")
    tenants.host.reset()
    assert tenants.held() == {"SCIM": 0}


def test_a_connector_that_sprang_up_is_a_tenant_of_its_own(tenants: Tenants) -> None:
    """Its objects, counts of rules, states, changes and view of the journal; and a reset that is its own."""
    asked = [("alpha", "ann"), ("alpha", "bob"), ("beta", "ann")]
    assert [tenants.create(*each) for each in asked] == [201, 503, 201]
    counts = {
        name: tenants.ask("GET", f"rules?connector={name}")["rules"][0]["matched"]
        for name in ("SCIM", "alpha", "beta")
    }
    assert counts == {"SCIM": 0, "alpha": 2, "beta": 1}
    change = {"insert": [{"userName": "eve"}, {"displayName": "All"}], "delete": [{"userName": "ann"}]}
    assert tenants.ask("POST", "connectors/alpha/change", change)["objects"] == 3
    assert tenants.held() == {"SCIM": 0, "alpha": 2, "beta": 1}
    assert [each.get("userName") for each in tenants.host.objects("alpha")] == ["eve", None]
    page = tenants.ask("GET", "connectors/alpha/cache?start_index=2")
    assert (page["total"], page["objects"][0]["displayName"]) == (2, "All")
    tenants.ask("PUT", "states", {"state": "Odd", "connector": "alpha"})
    assert tenants.ask("GET", "states")["connectors"] == {"alpha": "Odd", "beta": "Started"}
    assert (tenants.host.state("alpha"), tenants.host.state()) == ("Odd", "Started")

    assert tenants.ask("POST", "connectors/alpha/reset")["state"]["objects"] == 0
    assert tenants.host.state("alpha") == "Started"
    assert tenants.ask("GET", "journal?connector=alpha")["exchanges"] == []
    assert len(tenants.ask("GET", "journal?connector=beta")["exchanges"]) == 1
    assert [tenants.create(*each) for each in asked] == [201, 503, 503]


def test_whoever_is_not_let_in_leaves_little_behind(tenants: Tenants) -> None:
    """A guess at a thousand names makes no connectors, nor anything that is due for one."""
    states = {"initial": "New", "New": {"to": "Old", "after": "10m"}, "Old": {}}
    tenants.host.use({**TENANTS, "states": states})
    for number in range(40):
        assert tenants.create(f"guess{number}", "ann", token="wrong") == 401
    assert tenants.held() == {"SCIM": 0}
    assert len(tenants.host.runtime.state.served.own) == 16
    live = tenants.ask("POST", "rules", {"when": {"verdict": "unauthorized"}, "reply": {"status": 418}})[
        "name"
    ]
    assert tenants.create("guess39", "ann", token="wrong") == 418
    tenants.ask("DELETE", f"rules/{live}")
    tenants.ask("PUT", "host", {"set": {"connectors.SCIM.secret_token": "another-token"}})
    assert tenants.create("guess39", "ann", token="another-token") == 201
    assert tenants.host.state("guess39") == "New"
    tenants.host.clock.advance("10m")
    assert tenants.host.state("guess39") == "Old"
    tenants.host.reset_connector("guess39")
    assert tenants.host.state("guess39") == "New"


def test_what_a_scim_connector_does_not_have_is_refused_in_words(tenants: Tenants) -> None:
    """It has no imports; it has pages, and what it is made of."""
    tenants.create("alpha", "ann")
    for name in ("SCIM", "alpha"):
        assert "no imports" in tenants.ask("POST", f"connectors/{name}/import")["error"]["message"]
        shown = tenants.ask("GET", f"connectors/{name}")
        assert (shown["configured"]["kind"], shown["configured"]["on_demand"]) == ("scim", name == "alpha")
        assert shown["effective"] == shown["configured"]
        assert tenants.host.token(name) not in json.dumps(shown)
        wrong = tenants.ask("POST", f"connectors/{name}/change", {"insert": [{"active": True}]})
        assert "userName" in wrong["error"]["message"]
    tenants.host.service("stop")
    assert tenants.ask("GET", "connectors/alpha")["effective"] is None
    assert "not running" in tenants.ask("GET", "connectors/alpha/cache")["error"]["message"]
    tenants.host.reset_connector("alpha")
    assert tenants.host.objects("alpha") == []


# ---- near misses ----


def test_a_near_miss_is_shown_wherever_exchanges_are(host: MockHost) -> None:
    """In JSON, in the table, in the stream of events; the client sees nothing of it."""
    host.add_rule(
        {
            "name": "only Lisa",
            "when": {"operation": "find_users", "attributes": {"ContosoLogin": "lisa"}},
            "fault": "html",
        }
    )
    control = app_of(host.runtime, token=None, bound_host="127.0.0.1").test_client()
    why = "attributes ContosoLogin: expected 'lisa', got 'bob'"
    with Stream(host.control_url) as stream:
        stream.next()
        with host.session("SQL") as session:
            answer = session.get(host.url("SQL") + "/Users", params={"filter": 'ContosoLogin eq "bob"'})
            assert "lisa" not in str(answer.headers) + answer.text
            session.get(host.url("SQL") + "/Users", params={"filter": 'ContosoLogin eq "lisa"'})
            session.get(host.url("SQL") + "/Users/bob")
        shown = [stream.next()[1]["near_miss"] for _ in range(3)]
    listed = control.get("/v1/journal", base_url=LOCAL).get_json()["exchanges"]
    assert [each["near_miss"] for each in listed] == shown
    assert [each["fired"] for each in shown] == [None, "only Lisa", None]
    assert shown[0]["considered"] == ["only Lisa"]
    closest = shown[0]["closest"]
    assert (closest["held"], closest["conditions"], closest["condition"]) == (1, 2, "attributes ContosoLogin")
    assert closest["text"].endswith(why)
    assert shown[1]["closest"] is None
    table = control.get("/v1/journal?format=table", base_url=LOCAL).get_data(as_text=True).splitlines()
    assert [line for line in table if "came closest" in line] == [f"   {closest['text']}"]
    assert control.get("/v1/journal/1", base_url=LOCAL).get_json()["near_miss"] == shown[0]


def test_a_near_miss_has_no_credentials_in_it(host: MockHost) -> None:
    """Those that were expected are as little shown as those that came."""
    rule = {"name": "old", "when": {"header": {"Authorization": "Bearer the-old-one"}}, "fault": "html"}
    host.add_rule(rule)
    with host.session("SQL") as session:
        session.get(host.url("SQL") + "/Users/bob")
    [entry] = host.journal.entries()
    near = host.near_miss(entry)
    assert near is not None
    assert "tok…(len 11)" in near.text
    assert "the-old-one" not in near.text
    assert host.token("SQL") not in near.text


def test_one_assertion_holds_over_the_api_in_python_and_in_a_step(host: MockHost) -> None:
    """The same words: exactly one PATCH to this user and no DELETE."""
    spec: dict[str, Any] = {
        "connector": "SQL",
        "id": "ljacobson",
        "all": [
            {"operation": "patch_user", "count": 1},
            {"operation": "delete_user", "count": {"never": True}},
        ],
    }
    control = app_of(host.runtime, token=None, bound_host="127.0.0.1").test_client()
    step = {"format": 1, "extends": "basics/healthy", "title": "One PATCH", "expect": []}
    patch = {"send": "patch", "id": "ljacobson", "set": {"FirstName": "Liz"}, "gets": {"status": 200}}
    step["expect"] = [patch, {"verify": spec}]
    host.use(step)
    assert check(host.scenario, HostDriver(host)).ok
    host.verify(**spec)
    assert control.post("/v1/verify", json=spec, base_url=LOCAL).get_json()["ok"] is True
    with host.session("SQL") as session:
        session.delete(host.url("SQL") + "/Users/ljacobson")
    with pytest.raises(AssertionError, match="expected no exchanges with connector 'SQL', id 'ljacobson'"):
        host.verify(**spec)
    answer = control.post("/v1/verify", json=spec, base_url=LOCAL).get_json()
    assert (answer["ok"], answer["matched"]) == (False, [1, 2])


def test_a_bug_of_ours_is_journalled_with_what_was_asked(
    host: MockHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request's line and headers, without secrets; the client gets an empty 500."""

    def fail(name: str) -> None:
        raise ValueError("a mistake")

    monkeypatch.setattr(host.runtime.state.served, "get", fail)
    with host.session("SQL") as session:
        answer = session.get(host.url("SQL") + "/Users/bob")
    assert (answer.status_code, answer.text) == (500, "")
    [entry] = host.journal.entries()
    assert (entry.method, entry.target) == ("GET", f"{BASE}/Users/bob")
    assert str(entry.bug).startswith("ValueError: a mistake")
    assert host.token("SQL") not in str(shown(entry).headers)


# ---- events, over a real socket ----


class Stream:
    """A reader of server-sent events."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=120)
        self._connection.request("GET", "/v1/events")
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        assert self._answer.getheader("Content-Type", "").startswith("text/event-stream")

    def next(self) -> tuple[str, Any]:
        """The next event; ("comment", text) for a comment and ("end", None) when the stream ends."""
        kind = ""
        while line := self._answer.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            if name == "":
                self._answer.readline()
                return "comment", value
            if name == "event":
                kind = value
            elif name == "data":
                self._answer.readline()
                return kind, json.loads(value)
        return "end", None

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._answer.close()
        self._connection.close()


@pytest.fixture
def host() -> Iterator[MockHost]:
    """A host with both planes on real sockets."""
    with MockHost("basics/healthy", tls=False) as host:
        yield host


def test_events_are_told_as_they_happen_and_outlive_a_reset(host: MockHost) -> None:
    """Exchanges and changes of state, without secrets; the end of the host is the end of the stream."""
    with Stream(host.control_url) as stream:
        assert stream.next() == ("hello", {"scenario": "basics/healthy", "epoch": 0, "last": 0})
        with host.session("SQL") as session:
            session.get(host.url("SQL") + "/Users", params={"filter": 'ContosoLogin eq "bob"'})
        kind, data = stream.next()
        assert (kind, data["operation"], data["who"], data["status"]) == (
            "exchange",
            "find_users",
            "bob",
            200,
        )
        assert host.token("SQL") not in json.dumps(data)
        host.reset()
        kind, data = stream.next()
        assert (kind, data["what"], data["epoch"]) == ("state", "reset", 1)
        host.clock.advance(minutes=1)
        assert stream.next()[1]["what"] == "clock"
        host.stop()
        assert stream.next() == ("end", None)


def test_what_the_control_plane_is_saying_when_the_host_stops_is_said_to_the_end(
    host: MockHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that ends late, because its thread was not given the processor, ends whole and not by a reset."""
    told = threading.Event()
    tell = server.Connection.stop_idle

    def noted(connection: server.Connection) -> bool:
        was_idle = tell(connection)
        told.set()
        return was_idle

    with Stream(host.control_url) as stream:
        assert stream.next()[0] == "hello"
        monkeypatch.setattr(server.Connection, "stop_idle", noted)
        monkeypatch.setattr(messages, "_lost", lambda subscription: b"" if told.wait(10) else b"never told")
        host.stop()
        assert stream.next() == ("end", None)


def test_a_stream_that_nobody_reads_any_more_is_given_up(
    host: MockHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bus forgets the listener once the connection is gone."""
    forgotten = threading.Event()
    forget = EventBus.forget

    def noted(bus: EventBus, subscription: Subscription) -> None:
        forget(bus, subscription)
        forgotten.set()

    monkeypatch.setattr(EventBus, "forget", noted)
    with Stream(host.control_url) as stream:
        stream.next()
        assert host.runtime.events.listening
    # A closed connection shows when something is written to it, and not always at the first time.
    for _ in range(3_000):
        host.runtime.events.publish("state", {"what": "nothing"})
        if forgotten.wait(0.01):
            break
    assert not host.runtime.events.listening


def test_signs_of_life_are_sent_while_nothing_happens(runtime: Runtime) -> None:
    """So that proxies and readers know that it is alive."""
    app = app_of(runtime, token=None, bound_host="127.0.0.1", heartbeat=0.001)
    with app.test_client().get("/v1/events", base_url=LOCAL, buffered=False) as answer:
        pieces = iter(answer.response)
        assert b"event: hello" in next(pieces)
        assert next(pieces) == b": still here\n\n"


def test_a_reader_that_is_too_slow_learns_that_it_missed_something(
    runtime: Runtime, client: FlaskClient
) -> None:
    """Its queue is bounded; the host never waits for it."""
    with client.get("/v1/events", base_url=LOCAL, buffered=False) as answer:
        pieces = iter(answer.response)
        next(pieces)
        for number in range(1_500):
            runtime.events.publish("state", {"what": number})
        assert b'event: lost\ndata: {"events":500}' in next(pieces)
        assert b'{"what":500}' in next(pieces)


def test_a_head_request_for_the_events_ends(host: MockHost) -> None:
    """It has no body that could go on."""
    port = int(host.control_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=120) as sock:
        sock.sendall(b"HEAD /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n")


# ---- many hosts, and who may do what ----


def test_one_application_serves_many_hosts(runtime: Runtime) -> None:
    """It asks for the host of each request; one that is not there is a 404."""
    other = Runtime(loader.load("basics/empty"), Certificates(Authority()))
    hosts = {"one": runtime, "two": other}

    def find(asked: Request) -> Operated:
        name = asked.headers.get("X-Host", "")
        if name not in hosts:
            raise NoSuch(f"there is no host {name!r}")
        return Operated(hosts[name])

    client = create_control_app(find, token=None, bound_host="127.0.0.1").test_client()

    def ask(name: str, method: str = "GET", path: str = "/v1/health", **more: Any) -> TestResponse:
        return client.open(path, method=method, base_url=LOCAL, headers={"X-Host": name}, **more)

    assert [ask(name).get_json()["scenario"] for name in hosts] == ["basics/healthy", "basics/empty"]
    ask("two", "POST", "/v1/reset", json={})
    assert [each.epoch.number for each in hosts.values()] == [0, 1]
    answer = ask("three")
    assert answer.status_code == 404
    assert "'three'" in error_of(answer)["message"]
    other.close()
    other.certificates.close()


@pytest.mark.parametrize("operation", TABLE, ids=lambda each: each.name)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_the_table_gives_it(runtime: Runtime, operation: Operation, role: Role) -> None:
    """A learner has less than a teacher, who has less than an operator; refused before anything is looked at."""
    client = create_control_app(
        lambda _: Operated(runtime, role=role), token=None, bound_host="127.0.0.1"
    ).test_client()
    path = operation.path.replace("{name}", "nosuch").replace("{number}", "1")
    if operation.answer.kind == "text/event-stream":
        runtime.events.close()
    answer = client.open(path, method=operation.method, base_url=LOCAL, json={})
    refused = ROLES.index(role) < ROLES.index(operation.role)
    assert (answer.status_code == 403) == refused
    if refused:
        assert operation.role in error_of(answer)["hint"]
        assert runtime.epoch.number == 0


def test_only_an_operator_sees_secrets() -> None:
    """And only an operator names files."""
    shown = [each for each in TABLE if each.shows_secrets or each.name == "use_scenario"]
    assert {each.role for each in shown if each.name != "windows"} == {"operator"}


@pytest.mark.parametrize("role", ROLES)
def test_a_command_on_the_server_shows_passwords_to_an_operator_only(role: Role) -> None:
    """A learner runs commands, too, and gets what they say redacted; no file is opened that would be saved so."""
    runtime = Runtime(loader.load("documented/connection_string_logged"), Certificates(Authority()))
    client = create_control_app(
        lambda _: Operated(runtime, role=role), token=None, bound_host="127.0.0.1"
    ).test_client()

    def run(command: str, **more: str) -> TestResponse:
        return client.post("/v1/windows", json={"command": command, **more}, base_url=LOCAL)

    words = "-LogName ConnectorsLog -Text Pwd= -Format"
    events = [run(f"Get-WinEvent {words} {form}").get_data(as_text=True) for form in FORMATS]
    assert all("Pwd=" in each for each in events)
    assert ["not-the-real-password" in each for each in events] == [role == "operator"] * len(FORMATS)
    run("notepad C:\\connection.txt /save", input="Uid=sql-ecma;Pwd=not-the-real-password")
    run("notepad C:\\renamed.txt /save", input="Pwd=not-the-real-password")
    run("notepad C:\\renamed.txt /replace Pwd= Word:")
    assert ("not-the-real" in run("Get-Content C:\\renamed.txt").get_data(as_text=True)) == (
        role == "operator"
    )
    opened = run("notepad C:\\connection.txt")
    assert opened.status_code == (200 if role == "operator" else 400)
    assert ("not-the-real-password" in opened.get_data(as_text=True)) == (role == "operator")
    runtime.close()
    runtime.certificates.close()


FORMATS = ("List", "Xml", "Csv", "Json")


def test_the_table_and_the_journal_know_the_same_conditions() -> None:
    """The table is on the floor and can't ask the journal."""
    assert CONDITIONS == verification.CONDITIONS


@pytest.mark.parametrize("operation", TABLE, ids=lambda each: each.name)
def test_every_row_has_a_handler_that_takes_its_arguments(operation: Operation) -> None:
    """A row names its handler by a text, which nothing else would check."""
    room = importlib.import_module(operation.room)
    parameters = inspect.signature(getattr(room, operation.name)).parameters.values()
    if not any(each.kind is each.VAR_KEYWORD for each in parameters):
        assert {each.name for each in parameters} - {"host"} == set(operation.arguments)
    if operation.first:
        assert set(inspect.signature(getattr(room, operation.first)).parameters) - {"host"} == set(
            operation.in_path
        )


def test_several_connected_systems_are_changed_or_none(ask: Ask) -> None:
    """One that can't be changed keeps the others as they were."""
    insert = {"insert": [{"ContosoLogin": "carol"}]}
    answer = ask("POST", "/v1/change", {"SQL": insert, "LDAP": {"insert": [{"nosuch": 1}]}})
    assert answer.status_code == 400
    assert ask("POST", "/v1/change", {"SQL": insert, "sql": insert}).status_code == 404
    assert ask("GET", "/v1/connectors/SQL/objects").get_json()["total"] == 5
    answer = ask("POST", "/v1/change", {"SQL": insert, "LDAP": {"delete": [{"cn": "nobody"}]}})
    assert answer.get_json() == {"objects": 1, "connectors": {"SQL": 1, "LDAP": 0}}


def test_advancing_says_what_of_the_timeline_could_not_happen(ask: Ask) -> None:
    """The clock goes on all the same."""
    timeline = [{"at": "30s", "service": "stop"}, {"at": "1m", "import": "SQL"}]
    ask("PUT", "/v1/scenario", {"scenario": "basics/healthy", "overrides": {"timeline": timeline}})
    answer = ask("POST", "/v1/clock/advance", {"by": "2m"}).get_json()
    assert len(answer["problems"]) == 1
    assert ask("POST", "/v1/clock/advance", {"by": "2m"}).get_json()["problems"] == []


def test_a_plain_host_imports_no_row_and_no_handler() -> None:
    """They come with the first request to the control plane, and Flask's router with them."""
    script = (
        "import sys; from mockhost import MockHost\n"
        "with MockHost() as host:\n    host.url(), host.ready()\n"
        "    print(*(name for name in sys.modules if name.startswith(('mockhost.control', 'mockhost.operations',"
        " 'mockhost.client', 'mockhost.runtime.operations', 'mockhost.expect'))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
