"""The data plane as a Flask application: test clients, blueprints beside the host, and other WSGI servers."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from typing import Any

import flask
import pytest

from mockhost import MockHost
from mockhost.web import create_app
from mockhost.web.app import ONE_PROCESS, DataApp
from tests.rules.conftest import URN

USERS = "/ecma2host_SQL/scim/Users"
TOKEN = "letmein"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


def made(*rules: Mapping[str, Any], **overrides: Any) -> DataApp:
    """The application of a host whose connector has a known token."""
    return create_app(connectors={"SQL": {"secret_token": TOKEN}}, rules=list(rules), **overrides)


def with_a_view(app: flask.Flask) -> flask.Flask:
    """The application with a blueprint beside the host."""
    beside = flask.Blueprint("beside", __name__)

    @beside.get("/hello/<name>")
    def hello(name: str) -> str:
        return f"hello {name}" if name != "nobody" else flask.abort(404, "who?")

    app.register_blueprint(beside)
    return app


def test_a_test_client_needs_no_socket() -> None:
    """What a client of Flask's sends is answered as over the wire, and the journal has it."""
    app = made()
    client = app.test_client()
    query = {"filter": f'{URN}:ContosoLogin eq "dmartin"'}
    answer = client.get(USERS, query_string=query, headers=AUTHORIZED)
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["totalResults"] == 1
    assert client.get(USERS, query_string=query).status_code == 401
    [found, refused] = app.runtime.journal.entries()
    assert (found.operation, found.who, found.status) == ("find_users", "dmartin", 200)
    assert refused.verdict == "unauthorized"


def test_a_body_and_its_headers_arrive() -> None:
    """A create through a test client is one."""
    app = made()
    user = {"schemas": [URN], URN: {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "K"}}
    headers = {**AUTHORIZED, "Content-Type": "application/scim+json"}
    answer = app.test_client().post(USERS, data=json.dumps(user), headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == "http://localhost/ecma2host_SQL/scim/Users/bob"


def test_a_registered_blueprint_is_served_and_the_host_answers_all_else() -> None:
    """A path that no view serves gets the 404 of the host; a view's own 404 is Flask's."""
    client = with_a_view(made()).test_client()
    assert client.get("/hello/world").text == "hello world"
    assert client.post("/hello/world").status_code == 405
    assert "who?" in client.get("/hello/nobody").text
    nothing = client.get("/nothing")
    assert (nothing.status_code, nothing.data, list(nothing.headers)) == (404, b"", [])


def test_a_blueprint_is_served_by_our_own_server() -> None:
    """`MockHost.app` is the application that its server asks."""
    with_a_view((host := MockHost(tls=False, control=False)).app)
    with host:
        with urllib.request.urlopen(f"http://127.0.0.1:{host.port}/hello/wire") as answer:
            assert answer.read() == b"hello wire"
        assert host.session("SQL").get(host.url("SQL") + "/Users/dmartin").status_code == 200
        assert host.session("SQL").get(host.url("SQL") + "/nothing").status_code == 404


def test_several_worker_processes_are_refused() -> None:
    """Each would have a state of its own."""
    answer = made().test_client().get(USERS, environ_overrides={"wsgi.multiprocess": True})
    assert answer.status_code == 500
    assert answer.text.strip() == ONE_PROCESS


@pytest.mark.parametrize("fault", ["connection_reset", "dribble", "hang"])
def test_a_transport_fault_says_that_it_needs_our_server(fault: object) -> None:
    """It is not left out silently, and the journal says so, too."""
    app = made({"name": "cut", "when": {"operation": "get_user"}, "fault": fault})
    answer = app.test_client().get(f"{USERS}/dmartin", headers=AUTHORIZED)
    assert answer.status_code == 501
    assert "rule 'cut'" in answer.text
    assert "mockhost serve" in answer.text
    assert "mockhost serve" in str(app.runtime.journal.entries()[-1].reason)


def test_a_rule_on_connections_says_so_too() -> None:
    """There is no connection that could be met with anything."""
    app = made({"fault": "silent"})
    answer = app.test_client().get(f"{USERS}/dmartin", headers=AUTHORIZED)
    assert (answer.status_code, "own server" in answer.text) == (500, True)


@pytest.mark.parametrize("fault", ["slow_upload", "upload_stall", "upload_reset", "early_answer"])
def test_a_rule_on_uploads_says_so_too(fault: str) -> None:
    """A request with a body meets it; one without is served."""
    client = made({"fault": fault}).test_client()
    answer = client.post(USERS, headers=AUTHORIZED, data=b"{}")
    assert (answer.status_code, "own server" in answer.text) == (500, True)
    assert client.get(f"{USERS}/ljacobson", headers=AUTHORIZED).status_code == 200


def test_faults_of_answers_work_everywhere() -> None:
    """A status is a status."""
    app = made({"when": {"operation": "get_user"}, "fault": {"http_error": 503}})
    assert app.test_client().get(f"{USERS}/dmartin", headers=AUTHORIZED).status_code == 503


def test_clients_go_on_after_a_reset() -> None:
    """A connection of another server outlives an epoch; its next request is of the new one."""
    app = made()
    client = app.test_client()
    peer = {"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "50000"}

    def status() -> int:
        return client.get(f"{USERS}/dmartin", headers=AUTHORIZED, environ_overrides=peer).status_code

    assert status() == 200
    app.runtime.reset()
    assert [status(), status()] == [200, 200]
    assert [each.exchange_nth for each in app.runtime.journal.entries()] == [1, 2]


@pytest.mark.parametrize("length", ["7", str(10**9)])
def test_a_body_that_does_not_come_is_told(length: str) -> None:
    """Nothing of it is guessed, and no more is read than the limit."""
    answer = (
        made().test_client().post(USERS, headers=AUTHORIZED, environ_overrides={"CONTENT_LENGTH": length})
    )
    assert answer.status_code == 500
    assert "0 bytes that can be read" in answer.text


def test_the_target_is_rebuilt_where_a_server_does_not_give_it() -> None:
    """From the decoded path: an escaped slash is lost, everything else arrives."""
    app = made()
    path = f"{USERS}/Jürgen".encode().decode("latin-1")
    environ = {"RAW_URI": "", "REQUEST_URI": "", "PATH_INFO": path, "QUERY_STRING": "a=%20"}
    app.test_client().get("/", headers=AUTHORIZED, environ_overrides=environ)
    [entry] = app.runtime.journal.entries()
    assert entry.target == f"{USERS}/J%C3%BCrgen?a=%20"
    assert entry.id == "Jürgen"


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    """Gives answers of every status, and raises for none."""

    def http_response(self, request: Any, response: Any) -> Any:
        return response


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run on Windows")
@pytest.mark.parametrize("workers", [1, 2])
def test_gunicorn_serves_it_with_one_worker(workers: int) -> None:
    """The environ lacks what our own server adds; with two workers every answer says what to do."""
    app = f"mockhost.web:create_app(connectors={{'SQL': {{'secret_token': '{TOKEN}'}}}})"
    command = ["-m", "gunicorn", "--bind", "127.0.0.1:0", "--workers", str(workers), "--threads", "2", app]
    with subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            line = next(line for line in server.stderr if "Listening at" in line)
            base = line.split("Listening at: ")[1].split()[0]
            query = f"filter={URN}:ContosoLogin%20eq%20%22dmartin%22"
            request = urllib.request.Request(f"{base}{USERS}?{query}", headers=AUTHORIZED)
            with urllib.request.build_opener(_AnyStatus).open(request, timeout=60) as answer:
                status, text = answer.status, answer.read().decode()
        finally:
            server.terminate()
    if workers == 1:
        assert (status, json.loads(text)["totalResults"]) == (200, 1)
    else:
        assert (status, text.strip()) == (500, ONE_PROCESS)
