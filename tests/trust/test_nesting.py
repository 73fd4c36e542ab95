"""JSON that is nested without end: a clear refusal wherever it comes in, and no traceback."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from mockhost import MockHost, nesting
from mockhost.cli import asking, planes
from mockhost.cli.verbs import mockhost
from mockhost.client import control
from mockhost.client.control import ControlPlane
from mockhost.control.app import create_control_app
from mockhost.errors import CannotRun, MockhostError, UsageError
from mockhost.operations import TABLE
from mockhost.runtime import Runtime
from mockhost.runtime.operations import Operated
from mockhost.scenario import loader
from mockhost.tls.authority import Authority
from mockhost.tls.serving import Certificates
from mockhost.windows.drive import MARKER, FolderDrive

LOCAL = "http://127.0.0.1:8586"


@pytest.fixture(scope="module")
def client() -> Iterator[FlaskClient]:
    """A client of a control plane."""
    runtime = Runtime(loader.load("basics/empty"), Certificates(Authority()))
    yield create_control_app(lambda _: Operated(runtime), token=None, bound_host="127.0.0.1").test_client()
    runtime.close()
    runtime.certificates.close()


def nested(how: str, levels: int) -> Any:
    """A value in so many maps or lists."""
    value: Any = "x"
    for _ in range(levels):
        value = {"not": value} if how == "not" else [value]
    return value


BODIES = [
    ("PUT", "/v1/scenario", lambda deep: {"scenario": {"extends": "basics/empty", "rules": [{"when": {"id": deep}}]}}),
    ("PUT", "/v1/scenario", lambda deep: {"scenario": "basics/empty", "overrides": {"title": deep}}),
    ("PUT", "/v1/host", lambda deep: {"set": {"rules": [{"reply": {"body": deep}}]}}),
    ("PATCH", "/v1/host", lambda deep: {"set": {".".join("a" * 60): deep}}),
    ("POST", "/v1/rules", lambda deep: {"when": {"id": deep}, "reply": "normal"}),
    ("POST", "/v1/rules", lambda deep: {"reply": {"body": deep}}),
    ("POST", "/v1/verify", lambda deep: {"path": deep}),
    ("POST", "/v1/verify", lambda deep: {"body": {"/a": deep}}),
    ("POST", "/v1/connectors/SQL/change", lambda deep: {"insert": [{"ContosoLogin": deep}]}),
]  # fmt: skip


@pytest.mark.parametrize("how", ["not", "list"])
@pytest.mark.parametrize("levels", [100, 500, 900, 1_100, 100_000])
@pytest.mark.parametrize(("method", "path", "body"), BODIES)
def test_the_control_plane_refuses_it(
    client: FlaskClient, method: str, path: str, body: Any, levels: int, how: str
) -> None:
    """In one place, before anything walks it."""
    mark = "the-place-of-it"
    opened, closed = ('{"not":', "}") if how == "not" else ("[", "]")
    text = json.dumps(body(mark)).replace(f'"{mark}"', opened * levels + "1" + closed * levels)
    answer = client.open(path, method=method, data=text, content_type="application/json", base_url=LOCAL)
    assert answer.status_code == 400, answer.get_data(as_text=True)
    assert answer.get_json()["error"]["message"]


@pytest.mark.parametrize(("method", "path", "body"), BODIES)
@pytest.mark.parametrize("how", ["not", "list"])
def test_as_deep_as_is_allowed_is_no_bug(
    client: FlaskClient, method: str, path: str, body: Any, how: str
) -> None:
    """The limit leaves room for whatever walks it by recursion."""
    for levels in range(nesting.LIMIT - 6, nesting.LIMIT + 2):
        answer = client.open(path, method=method, json=body(nested(how, levels)), base_url=LOCAL)
        assert answer.status_code in (200, 201, 400, 422), answer.get_data(as_text=True)


def test_every_operation_that_takes_a_body_refuses_it(client: FlaskClient) -> None:
    deep = json.dumps({"a": 1}).replace("1", "[" * 500 + "]" * 500)
    for operation in TABLE:
        if operation.body is not None:
            path = operation.path.replace("{name}", "SQL").replace("{number}", "1")
            answer = client.open(
                path, method=operation.method, data=deep, content_type="application/json", base_url=LOCAL
            )
            assert answer.status_code in (400, 404), operation.name


@pytest.mark.parametrize("levels", [200, 2_000, 100_000])
def test_files_settings_and_words_refuse_it(tmp_path: Path, levels: int) -> None:
    """YAML, JSON, `--set`, a data file, the words of `mockhost control`, Python."""
    text = "[" * levels + "]" * levels
    for name in ("deep.json", "deep.yaml"):
        (tmp_path / name).write_text('{"format": 1, "extends": "basics/empty", "title": ' + text + "}")
        with pytest.raises(MockhostError):
            loader.load(tmp_path / name)
    with pytest.raises(MockhostError):
        loader.load("basics/empty", sets=[f"rules={text}"])
    (tmp_path / "people.json").write_text('[{"ContosoLogin": ' + text + "}]")
    with pytest.raises(MockhostError):
        loader.load("basics/empty", sets=[f"connectors.SQL.system.objects_file={tmp_path / 'people.json'}"])
    for said in (f'{{"a": {text}}}', f"{{a: {text}}}"):
        with pytest.raises(UsageError):
            asking.document(said, "a rule")
    with pytest.raises(UsageError):
        asking.pairs([f"a={text}"], "the arguments")
    with pytest.raises(UsageError):
        asking.pairs([".".join("a" * levels) + "=1"], "the arguments")


@pytest.mark.parametrize(
    ("status", "message"), [(200, "is not a mockhost control plane"), (400, "the control plane answered 400")]
)
def test_an_answer_that_no_control_plane_gives_is_refused(status: int, message: str) -> None:
    """A wrong `--url` may be any server."""

    class Deep(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            events = self.path.endswith("/events")
            self.send_header("Content-Type", "text/event-stream" if events else "application/json")
            self.end_headers()
            self.wfile.write(b"data: " * events + b"[" * 100_000)

        def log_message(self, *said: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Deep) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        plane = ControlPlane(f"http://127.0.0.1:{server.server_port}")
        for ask in (lambda: plane.call("get_clock"), lambda: next(plane.events())):
            with pytest.raises(CannotRun, match=message):
                ask()
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "message"), [(200, "is not a mockhost control plane"), (400, "the control plane answered 400")]
)
def test_an_answer_without_an_end_is_not_read_to_its_end(
    status: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong `--url` may be any server, a camera for example; a control plane announces the length."""
    monkeypatch.setattr(control, "_BOUND", 100_000)
    hung_up = Event()

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b"[" * 65_536)
            hung_up.set()

        def log_message(self, *said: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Endless) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(CannotRun, match=message):
            ControlPlane(f"http://127.0.0.1:{server.server_port}").call("get_clock")
        assert hung_up.wait(60)
        server.shutdown()


def test_files_that_tell_where_a_host_is_may_be_any_file(tmp_path: Path) -> None:
    """A ready file that is given, and what marks a folder as a drive."""
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(UsageError, match="is not a mockhost ready file"):
        planes.read(tmp_path / "deep.json")
    health = CliRunner().invoke(
        mockhost, ["health", "--ready-file", str(tmp_path / "deep.json"), "--control-port", "1"]
    )
    assert (health.exit_code, health.stderr) == (1, ""), health.output
    (tmp_path / MARKER).write_text("[" * 100_000)
    with pytest.raises(UsageError, match="can't be a drive"):
        FolderDrive(tmp_path).begin({}, "basics/healthy", 0.0, again=False)


def test_python_refuses_it() -> None:
    host = MockHost("basics/empty")
    deep = nested("not", 2_000)
    for wrong in (
        lambda: host.verify(path=deep),
        lambda: host.add_rule({"when": {"id": deep}, "reply": "normal"}),
        lambda: host.set("rules", [{"reply": {"body": deep}}]),
        lambda: host.load({"extends": "basics/empty", "title": deep}),
    ):
        with pytest.raises(UsageError, match="levels deep"):
            wrong()
    host.stop()
